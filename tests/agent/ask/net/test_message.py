"""Replies read from bytes alone, however they are cut into pieces."""

import pytest

from agent.ask.attempt import HungUp, Trouble
from agent.ask.net import http
from agent.ask.net.message import MAX_HEADERS, Inbox, Reply, read_whole
from agent.ask.rtsp import client as rtsp
from contract.vocabulary import Reason

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Note: a\r\n b\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n"
JUNK = b"remains of another answer\r\nHTTP/1.1 100 Continue\r\n\r\n" + PLAIN
BARE = b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"


def pieces(data: bytes, size: int) -> Reply:
    """What is read where never more than `size` bytes arrive at once."""
    inbox, at = Inbox(), 0
    reading = http.read_reply(inbox, 100)
    try:
        while True:
            next(reading)
            inbox.feed(data[at : at + size])
            at += size
    except StopIteration as end:
        reply: Reply = end.value[0]
        return reply


@pytest.mark.parametrize("data", [PLAIN, CHUNKED, JUNK, BARE])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_reply_is_the_same_in_whatever_pieces_it_arrives(data: bytes, size: int) -> None:
    """Headers folded or not, a body of known length or chunked, junk and interim replies before it."""
    reply = pieces(data, size)
    assert (reply.status, reply.body) == (200, b"hello")
    assert reply == read_whole(data, lambda inbox: http.read_reply(inbox, 100))[0]


def test_an_answer_that_ends_early_is_no_answer_at_all() -> None:
    """Nothing said is a camera that hung up; an answer that breaks off is malformed."""
    with pytest.raises(HungUp):
        read_whole(b"", rtsp.read_reply)
    for cut in range(1, len(PLAIN)):
        with pytest.raises(Trouble) as caught:
            read_whole(PLAIN[:cut], lambda inbox: http.read_reply(inbox, 100))
        assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_headers_are_counted_however_they_arrive(end: bytes) -> None:
    """As many as are allowed are read, one more is hostile."""
    for more, hostile in ((0, False), (1, True)):
        head = end.join([b"RTSP/1.0 200 OK", *[b"A: b"] * (MAX_HEADERS + more), b"", b""])
        if hostile:
            with pytest.raises(Trouble) as caught:
                read_whole(head, rtsp.read_reply)
            assert caught.value.reason is Reason.HOSTILE
        else:
            assert len(read_whole(head, rtsp.read_reply).headers) == MAX_HEADERS


def test_what_is_not_read_stays() -> None:
    """Two replies in one piece are two replies."""
    inbox = Inbox()
    inbox.feed(PLAIN + BARE)
    for _ in range(2):
        with pytest.raises(StopIteration) as end:
            next(http.read_reply(inbox, 100))
        assert end.value.value[0].body == b"hello"
    assert inbox.empty
