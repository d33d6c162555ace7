"""RTSP to cameras that answer honestly, oddly and with intent."""

import contextlib
import hashlib
import re
import socket
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ask.attempt import Deadline, Trouble
from agent.ask.rtsp import client as rtsp
from agent.model import Backchannel, Camera, Credentials, NotSeen, Ports, Seen
from agent.permit import Permit
from contract.vocabulary import Reason
from tests import evil
from tests.support.waiting import PATIENCE_S

VIDEO = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
TALK = VIDEO + b"m=audio 0 RTP/AVP 0 8\r\na=sendonly\r\n"
DIGEST = 'Digest realm="IP Camera", nonce="{}"'


def reply(status: str = "200 OK", body: bytes = b"", *heads: str) -> bytes:
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"RTSP/1.0 {status}", "CSeq: 1", *heads, *length, "", ""]).encode() + body


def wants(*challenges: str, body: bytes = b"", heads: tuple[str, ...] = ()) -> bytes:
    return reply("401 Unauthorized", body, *(f"WWW-Authenticate: {one}" for one in challenges), *heads)


OK = reply("200 OK", VIDEO)


def describe(server: evil.Server, deadline_s: float = 2.0, *, log_in: bool | Permit = True, **fields: Any) -> bytes:
    return rtsp.describe(server.camera(**fields), log_in=log_in, deadline=Deadline(deadline_s))


def failure(behave: evil.Behaviour, deadline_s: float = PATIENCE_S, **fields: Any) -> tuple[Trouble, evil.Server]:
    with evil.Server(behave) as server, pytest.raises(Trouble) as caught:
        describe(server, deadline_s, **fields)
    return caught.value, server


def test_the_request() -> None:
    """DESCRIBE goes to the enrolled literal address and path, with CSeq and User-Agent and without credentials."""
    with evil.Server(evil.answers(OK)) as server:
        assert describe(server, stream_path="/Streaming/Channels/101?a=b&c=d") == VIDEO
    lines = server.requests[0].decode().split("\r\n")
    assert lines[0] == f"DESCRIBE rtsp://{server.address}:{server.port}/Streaming/Channels/101?a=b&c=d RTSP/1.0"
    assert lines[1:4] == ["CSeq: 1", "User-Agent: canteen-agent", "Accept: application/sdp"]
    assert lines[4:] == ["", ""]


@pytest.mark.parametrize("path", ["no/slash", "/a b", "/a\r\nX: y", "/\u4e2d", "/\x00", '/"', "/a\n"])
def test_unsafe_paths_are_not_sent(path: str) -> None:
    """A path that no URL may hold is MALFORMED before a byte is sent."""
    trouble, server = failure(evil.answers(OK), stream_path=path)
    assert (trouble.reason, server.requests) == (Reason.MALFORMED, [])


@pytest.mark.parametrize(
    "answer",
    [
        b"\0\0junk of another answer\r\n\r\n" + OK,
        b"$\x00\x00\x04abcd" + OK,
        b"HTTP/1.1 404 Not Found\r\n\r\n" + OK,
        reply("100 Continue") + OK,
        OK.replace(b"CSeq: 1\r\n", b""),
        OK.replace(b"CSeq: 1", b"Content-Base: rtsp://rtsp://10.0.0.9/\r\nServer"),
        OK.replace(b"RTSP/1.0 200 OK", b"RTSP/1.0 200"),
        OK.replace(b"Content-Length: ", b"content-length:"),
        OK.replace(b"200 OK\r\n", b"200 OK\n"),
    ],
)
def test_odd_but_honest(answer: bytes) -> None:
    """Junk before the status line, interim replies, missing CSeq and foreign Content-Base cost nothing."""
    with evil.Server(evil.answers(answer)) as server:
        assert describe(server) == VIDEO


UNMARKED = OK.replace(f"Content-Length: {len(VIDEO)}\r\n".encode(), b"")


@pytest.mark.parametrize("then_close", [True, False])
def test_a_description_without_a_length_ends_with_the_connection_or_after_a_while(then_close: bool) -> None:
    """Some servers leave Content-Length out; what they sent is read all the same."""
    with evil.Server(evil.answers(UNMARKED, then_close=then_close)) as server:
        assert describe(server) == VIDEO


def test_a_description_without_a_length_or_an_end_is_hostile() -> None:
    """More than any description has, however it goes on."""
    trouble, _ = failure(evil.endless(UNMARKED, b"a=x:" + b"y" * 1000 + b"\r\n"), 5.0)
    assert trouble.reason is Reason.HOSTILE


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("301 Moved Permanently", Reason.HOSTILE),
        ("302 Found", Reason.HOSTILE),
        ("400 Bad Request", Reason.MALFORMED),
        ("403 Forbidden", Reason.REFUSED),
        ("404 Not Found", Reason.UNSUPPORTED),
        ("406 Not Acceptable", Reason.UNSUPPORTED),
        ("415 Unsupported Media Type", Reason.UNSUPPORTED),
        ("453 Not Enough Bandwidth", Reason.BUSY),
        ("454 Session Not Found", Reason.MALFORMED),
        ("461 Unsupported Transport", Reason.UNSUPPORTED),
        ("500 Internal Server Error", Reason.MALFORMED),
        ("501 Not Implemented", Reason.UNSUPPORTED),
        ("503 Service Unavailable", Reason.BUSY),
        ("551 Option not supported", Reason.UNSUPPORTED),
        ("999 \x1b[31mred", Reason.MALFORMED),
    ],
)
def test_statuses(status: str, reason: Reason) -> None:
    """Each status has one meaning; the answer's words are quoted tidied."""
    trouble, server = failure(evil.answers(reply(status, b"", "Location: rtsp://10.0.0.9/")))
    assert trouble.reason is reason
    assert status[:3] in trouble.detail
    assert (server.connections, len(server.requests)) == (1, 1)


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (evil.silent, Reason.TIMED_OUT),
        (evil.drip(OK * 10), Reason.TIMED_OUT),
        (evil.answers(reply("200 OK", b"", "Content-Length: 500"), then_close=False), Reason.TIMED_OUT),
        (evil.slam, Reason.BUSY),
        (evil.reset, Reason.BUSY),
        (evil.answers(reply("200 OK", b"", "Content-Length: 2000000000")), Reason.HOSTILE),
        (evil.endless(b"RTSP/1.0 200 OK\r\n", b"X: y\r\n"), Reason.HOSTILE),
        (evil.endless(b"RTSP/1.0 200 OK\r\nX: ", b"y"), Reason.HOSTILE),
        (evil.endless(b"", b"junk "), Reason.MALFORMED),
        (evil.answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Reason.MALFORMED),
        (evil.answers(reply("200 OK")), Reason.MALFORMED),
        (evil.answers(reply("200 OK", b"", "Content-Length: ten")), Reason.MALFORMED),
        (evil.answers(OK[:-5]), Reason.MALFORMED),
    ],
)
def test_attacks_and_accidents(behave: evil.Behaviour, reason: Reason) -> None:
    """Silence, dripping, cut-off and oversized answers are told apart within the deadline."""
    began = time.monotonic()
    trouble, _ = failure(behave, 0.5)
    assert trouble.reason is reason
    assert time.monotonic() - began < 1.0


# ---- login --------------------------------------------------------------------------------------


def sent(request: bytes) -> str:
    """The Authorization header of a request, "" without."""
    match = re.search(rb"Authorization: ([^\r]*)", request)
    return match[1].decode() if match else ""


def right(request: bytes, nonce: str, hash_name: str = "md5", qop: str = "") -> bool:
    """Whether the request answers the nonce with admin / sekret, reckoned from RFC 7616 anew."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', sent(request)))

    def digest(text: str) -> str:
        return hashlib.new(hash_name, text.encode()).hexdigest()

    line = request.split(b" ")
    ha1, ha2 = digest("admin:IP Camera:sekret"), digest(f"{line[0].decode()}:{line[1].decode()}")
    middle = f"{fields.get('nc')}:{fields.get('cnonce')}:{qop}:" if qop else ""
    same = fields.get("nonce") == nonce and fields.get("uri") == line[1].decode()
    return same and fields.get("response") == digest(f"{ha1}:{nonce}:{middle}{ha2}")


@pytest.mark.parametrize(
    ("challenge", "hash_name", "qop"),
    [
        (DIGEST.format("n1"), "md5", ""),
        (DIGEST.format("n1") + ', qop="auth,auth-int", algorithm=MD5', "md5", "auth"),
        (DIGEST.format("n1") + ', qop="auth", algorithm=SHA-256', "sha256", "auth"),
        (DIGEST.format("n1") + ", algorithm=SHA-256", "sha256", ""),
    ],
)
def test_digest(challenge: str, hash_name: str, qop: str) -> None:
    """Digest is answered on the same connection, MD5 or SHA-256, with and without qop, the uri exactly as sent."""
    with evil.Server(evil.answers(wants('Basic realm="IP Camera"', challenge), OK)) as server:
        assert describe(server) == VIDEO
    first, second = server.requests
    assert (server.connections, sent(first)) == (1, "")
    assert right(second, "n1", hash_name, qop)


def test_rtsp_credentials_win() -> None:
    """Where a camera has credentials of its own for RTSP, those are used."""
    with evil.Server(evil.answers(wants(DIGEST.format("n1")), OK)) as server:
        describe(server, credentials=Credentials("other", "x"), rtsp_credentials=Credentials("admin", "sekret"))
    assert right(server.requests[1], "n1")


def test_login_after_close() -> None:
    """A camera that closes after its 401 gets the login over a fresh connection, whether it announced that or not."""
    for heads in ((), ("Connection: close",)):

        def behave(peer: evil.Peer, heads: tuple[str, ...] = heads) -> None:
            peer.send(OK if right(peer.read(), "n1") else wants(DIGEST.format("n1"), heads=heads))

        with evil.Server(behave) as server:
            assert describe(server) == VIDEO
        assert server.connections == 2


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"credentials": None}, "login asked for, no credentials enrolled"),
        ({"log_in": False}, "login asked for, logging in is suspended"),
    ],
)
def test_no_login_unless_allowed(fields: dict[str, Any], detail: str) -> None:
    """Without credentials or while logging in is suspended, a 401 is REFUSED and no login is spent."""
    trouble, server = failure(evil.answers(wants(DIGEST.format("n1")), OK), **fields)
    assert (trouble.reason, trouble.detail) == (Reason.REFUSED, detail)
    assert not isinstance(trouble, rtsp.LoginFailed)
    assert len(server.requests) == 1


def test_only_basic() -> None:
    """Where only Basic is offered no password is sent, unless the camera's own settings allow it."""
    trouble, server = failure(evil.answers(wants('Basic realm="r"'), OK))
    assert (trouble.reason, trouble.detail) == (Reason.REFUSED, "only Basic offered")
    assert len(server.requests) == 1
    with evil.Server(evil.answers(wants('Basic realm="r"'), OK)) as server:
        assert describe(server, allow_basic=True) == VIDEO
    assert sent(server.requests[1]) == "Basic YWRtaW46c2VrcmV0"


@pytest.mark.parametrize(
    ("refusal", "left"),
    [
        (wants(DIGEST.format("n2")), None),
        (wants(DIGEST.format("n2"), body=b"You still have 29 attempt(s)"), 29),
        (wants('Digest realm="You still have 4 attempt(s)", nonce="x"'), 4),
        (reply("401 Unauthorized"), None),
        (reply("403 Forbidden"), None),
    ],
)
def test_a_refused_login_is_never_repeated(refusal: bytes, left: int | None) -> None:
    """A second 401 ends the matter at once and hands on how many attempts the camera says are left."""
    trouble, server = failure(evil.answers(wants(DIGEST.format("n1")), refusal, OK, OK))
    assert isinstance(trouble, rtsp.LoginFailed)
    assert (trouble.reason, trouble.attempts_left) == (Reason.REFUSED, left)
    assert [bool(sent(request)) for request in server.requests] == [False, True]


def test_a_stale_nonce_is_answered_once_more() -> None:
    """stale=true means the nonce, not the password: the new one is answered, once."""
    stale = wants(DIGEST.format("n2") + ', stale="true"')
    with evil.Server(evil.answers(wants(DIGEST.format("n1")), stale, OK)) as server:
        assert describe(server) == VIDEO
    assert right(server.requests[2], "n2")
    trouble, server = failure(evil.answers(wants(DIGEST.format("n1")), *[stale] * 5))
    assert isinstance(trouble, rtsp.LoginFailed)
    assert len(server.requests) == 3


def test_hanging_up_on_a_login_is_a_refusal() -> None:
    """A camera that hangs up on each login gets it twice, not for ever: the retry for lost connections stays out.

    It may count both.
    """
    permit = Permit()

    def behave(peer: evil.Peer) -> None:
        if not sent(peer.read()):
            peer.send(wants(DIGEST.format("n1")))
            peer.read()

    trouble, server = failure(behave, log_in=permit)
    assert isinstance(trouble, rtsp.LoginFailed)
    assert sum(bool(sent(request)) for request in server.requests) == permit.met.failed == 2


def test_a_login_that_hangs_times_out() -> None:
    """Silence after a login is TIMED_OUT, and the login is not sent again."""

    def behave(peer: evil.Peer) -> None:
        peer.read()
        peer.send(wants(DIGEST.format("n1")))
        peer.read()
        peer.wait()

    trouble, server = failure(behave, 0.4)
    assert (trouble.reason, len(server.requests)) == (Reason.TIMED_OUT, 2)


def test_hostile_challenges_inject_nothing() -> None:
    """A nonce with a line break is not answered."""
    trouble, server = failure(evil.answers(wants('Digest realm="r", nonce="a\rX-Evil: 1"'), OK))
    assert (trouble.reason, len(server.requests)) == (Reason.REFUSED, 1)


def test_no_password_in_any_text() -> None:
    """Neither the trouble nor what is shown of the client's objects holds the password."""
    trouble, _ = failure(evil.answers(wants(DIGEST.format("n1")), wants(DIGEST.format("sekret"))))
    assert "sekret" not in repr(trouble) + str(trouble)


def test_ipv6_url() -> None:
    """An IPv6 camera's URL carries the literal in brackets."""
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 loopback on this machine")
    with listener:
        port = listener.getsockname()[1]
        camera = Camera(slot="s", address="::1", stream_path="/a", ports=Ports(rtsp=port))
        with pytest.raises(Trouble):
            rtsp.describe(camera, log_in=False, deadline=Deadline(0.2))
        with listener.accept()[0] as sock:
            assert sock.recv(100).startswith(f"DESCRIBE rtsp://[::1]:{port}/a RTSP/1.0\r\n".encode())


def test_any_bytes_are_read_or_refused() -> None:
    """Whatever a camera sends is a description or a Trouble."""
    answer = b""

    def behave(peer: evil.Peer) -> None:
        peer.read()
        peer.send(answer)

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=200), st.sampled_from([b"", OK[:16], OK[:-9], wants(DIGEST)[:-30]]))
    def check(tail: bytes, start: bytes) -> None:
        nonlocal answer
        answer = start + tail
        with contextlib.suppress(Trouble):
            assert isinstance(describe(server, 0.5), bytes)

    with evil.Server(behave) as server:
        check()


# ---- backchannel --------------------------------------------------------------------------------


def backchannel(with_tag: evil.Behaviour, without: bytes = OK, deadline_s: float = 1.0) -> Seen[Backchannel] | NotSeen:
    def behave(peer: evil.Peer) -> None:
        with_tag(peer) if peer.number == 1 else evil.answers(without)(peer)

    with evil.Server(behave) as server:
        seen = rtsp.backchannel(server.camera(), log_in=True, deadline_s=deadline_s)
    assert b"Require: www.onvif.org/ver20/backchannel\r\n" in b"".join(server.requests[:1])
    assert all(b"Require" not in request for request in server.requests[1:])
    return seen


@pytest.mark.parametrize(
    ("tagged", "plain", "value"),
    [
        (reply("200 OK", TALK), OK, Backchannel(offered=True, codecs=("PCMU", "PCMA"))),
        (
            reply("200 OK", TALK),
            reply("200 OK", TALK),
            Backchannel(offered=True, codecs=("PCMU", "PCMA"), ignores_require=True),
        ),
        (reply("200 OK", TALK), reply("453 Not Enough Bandwidth"), Backchannel(offered=True, codecs=("PCMU", "PCMA"))),
        (reply("551 Option not supported"), OK, Backchannel(offered=False)),
        (OK, OK, Backchannel(offered=False)),
        (reply("200 OK", TALK.replace(b"sendonly", b"recvonly")), OK, Backchannel(offered=False)),
        (reply("200 OK", TALK.replace(b"m=audio", b"m=application")), OK, Backchannel(offered=False)),
    ],
)
def test_backchannel(tagged: bytes, plain: bytes, value: Backchannel) -> None:
    """A sendonly audio track behind the Require tag is an offer; 551 and its absence are a no."""
    seen = backchannel(evil.answers(tagged), plain)
    assert isinstance(seen, Seen)
    assert seen.value == value


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (evil.hang, Reason.TIMED_OUT),
        (evil.answers(reply("404 Not Found")), Reason.UNASKED),
        (evil.answers(reply("400 Bad Request")), Reason.MALFORMED),
        (evil.answers(reply("453 Not Enough Bandwidth")), Reason.BUSY),
        (evil.answers(reply("302 Found")), Reason.HOSTILE),
        (evil.answers(wants('Basic realm="r"')), Reason.REFUSED),
    ],
)
def test_backchannel_could_not_be_asked(behave: evil.Behaviour, reason: Reason) -> None:
    """Hanging, a wrong path and a busy camera are no evidence against a backchannel."""

    seen = backchannel(behave, deadline_s=0.4)
    assert isinstance(seen, NotSeen)
    assert seen.reason is reason


def test_backchannel_needs_a_path() -> None:
    """Without a stream path nothing is asked."""
    with evil.Server(evil.silent) as server:
        seen = rtsp.backchannel(server.camera(stream_path=""), log_in=True)
    assert isinstance(seen, NotSeen)
    assert (seen.reason, server.connections) == (Reason.UNASKED, 0)
