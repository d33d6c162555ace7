"""The SOAP clock: what real and broken cameras say of the time, and what never harms us."""

import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ask.attempt import Deadline, Trouble
from agent.ask.onvif import clock as onvif_clock
from agent.model import ClockReading
from contract.vocabulary import Reason
from tests import evil

NOW = datetime(2026, 3, 1, 8, 30, 15, tzinfo=UTC).timestamp()
UTC_TIME = (
    "<tt:UTCDateTime><tt:Time><tt:Hour>8</tt:Hour><tt:Minute>30</tt:Minute><tt:Second>25</tt:Second></tt:Time>"
    "<tt:Date><tt:Year>2026</tt:Year><tt:Month>3</tt:Month><tt:Day>1</tt:Day></tt:Date></tt:UTCDateTime>"
)
LOCAL_TIME = UTC_TIME.replace("UTC", "Local").replace(">8<", ">16<")
FAULT = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code>"
    "<s:Reason><s:Text>Sender not authorized</s:Text></s:Reason></s:Fault>"
)


def envelope(inner: str, prolog: str = '<?xml version="1.0" encoding="UTF-8"?>\n') -> bytes:
    return (
        f'{prolog}<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        f'xmlns:tt="http://www.onvif.org/ver10/schema"><s:Body>{inner}</s:Body></s:Envelope>'
    ).encode()


def answer(inner: str) -> bytes:
    return envelope(
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
        f"<tt:TimeZone><tt:TZ>CST-8</tt:TZ></tt:TimeZone>{inner}</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


@pytest.mark.parametrize(
    "reply",
    [
        answer(UTC_TIME),
        answer(LOCAL_TIME + UTC_TIME),
        answer(UTC_TIME + LOCAL_TIME),
        b"\0\0\r\n" + answer(UTC_TIME),
        b"\xef\xbb\xbf" + answer(UTC_TIME),
        answer(UTC_TIME) + b"\0\0trailing",
        answer(UTC_TIME).replace(b"tt:", b"undeclared:"),
        answer(UTC_TIME).replace(b"tt:", b""),
        answer(UTC_TIME.replace(">25<", ">\n 25 <")),
        answer(UTC_TIME + "<tt:X>厨房</tt:X>").decode().encode("gb18030"),
    ],
)
def test_skew_is_camera_minus_box(reply: bytes) -> None:
    """UTCDateTime is read whatever its prefix, order, surroundings and encoding; ten seconds ahead are +10."""
    assert onvif_clock.parse_clock(reply, NOW) == ClockReading(skew_s=10.0)


@pytest.mark.parametrize(
    "reply",
    [
        answer(""),
        answer(UTC_TIME.replace("2026", "0000").replace(">3<", ">00<")),
        answer(UTC_TIME.replace(">30<", ">61<")),
        answer(UTC_TIME.replace(">8<", ">-7<")),
        answer(UTC_TIME.replace(">8<", "><")),
        answer(UTC_TIME.replace("2026", "9" * 5000)),
        answer(UTC_TIME.replace("2026", "9" * 400)),
        answer(UTC_TIME.replace("<tt:Second>25</tt:Second>", "")),
        envelope(FAULT),
        envelope(""),
        envelope("&undefined;"),
    ],
)
def test_unusable_times_are_no_error(reply: bytes) -> None:
    """A camera without a usable UTC time, or one that wants a login even for this, answers all the same."""
    assert onvif_clock.parse_clock(reply, NOW) == ClockReading(skew_s=None)


def test_local_time_alone_is_told_apart() -> None:
    """Where only the local time stands, it is no UTC, but what a token may have to be signed in."""
    reading = onvif_clock.parse_clock(answer(LOCAL_TIME), NOW)
    assert (reading.skew_s, reading.local_skew_s) == (None, 8 * 3600 + 10.0)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"", Reason.MALFORMED),
        (b"<html><body>Login</body></html>", Reason.MALFORMED),
        (answer(UTC_TIME)[:-20], Reason.MALFORMED),
        (b"\x80\x81\x82" * 50, Reason.MALFORMED),
        (envelope("<a>" * 300), Reason.MALFORMED),
        (envelope("&e;", '<!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]>'), Reason.HOSTILE),
        (envelope("", '<!DOCTYPE s SYSTEM "http://10.0.0.9/x.dtd">'), Reason.HOSTILE),
        (envelope("&a;", '<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'), Reason.HOSTILE),
    ],
)
def test_what_is_no_envelope(reply: bytes, reason: Reason) -> None:
    """Other documents are MALFORMED, a DOCTYPE is HOSTILE before anything in it is looked at."""
    with pytest.raises(Trouble) as caught:
        onvif_clock.parse_clock(reply, NOW)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "inner",
    ["<a>" * 40_000, f"<a {' '.join(f'a{i}=' + chr(34) * 2 for i in range(12_000))}/>", "<tt:UTCDateTime>" * 8_000],
)
def test_expensive_documents_stay_cheap(inner: str) -> None:
    """Depth and attributes within the size cap cost a blink."""
    began = time.process_time()
    with contextlib.suppress(Trouble):
        onvif_clock.parse_clock(envelope(inner)[:131_072], NOW)
    assert time.process_time() - began < 0.5


@given(st.binary(max_size=400) | st.text(max_size=100).map(lambda text: answer(text.replace("<", ""))))
def test_any_bytes_give_a_reading_or_a_trouble(reply: bytes) -> None:
    """No reply raises anything but Trouble."""
    with contextlib.suppress(Trouble):
        assert isinstance(onvif_clock.parse_clock(reply, NOW), ClockReading)


# ---- over the wire ------------------------------------------------------------------------------


def http(status: str, body: bytes = b"", head: str = "") -> evil.Behaviour:
    return evil.answers(f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def test_the_question_carries_no_credentials() -> None:
    """The clock is asked at the enrolled path, without any credentials."""
    with evil.Server(http("200 OK", answer(UTC_TIME))) as server:
        reading = onvif_clock.clock(server.camera(onvif_path="/onvif/x"), deadline=Deadline(2))
    assert reading.skew_s == pytest.approx(NOW + 10 - time.time(), abs=2)
    (request,) = server.requests
    assert request.startswith(b"POST /onvif/x HTTP/1.1\r\n")
    assert b"GetSystemDateAndTime" in request
    assert not any(word in request.lower() for word in (b"authorization", b"security", b"admin", b"sekret"))


@pytest.mark.parametrize(
    "behave",
    [
        http("400 Bad Request", envelope(FAULT)),
        http("500 Internal Server Error", envelope(FAULT)),
        http("200 OK", envelope(FAULT)),
        http("401 Unauthorized", head='WWW-Authenticate: Digest realm="r", nonce="n"\r\n'),
    ],
)
def test_faults_and_401_are_answers(behave: evil.Behaviour) -> None:
    """A camera that refuses to tell the time has answered: skew unknown, nothing sent again."""
    with evil.Server(behave) as server:
        assert onvif_clock.clock(server.camera(), deadline=Deadline(2)) == ClockReading(skew_s=None)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("404 Not Found", Reason.UNSUPPORTED),
        ("405 Method Not Allowed", Reason.UNSUPPORTED),
        ("403 Forbidden", Reason.REFUSED),
        ("503 Service Unavailable", Reason.BUSY),
        ("500 Internal Server Error", Reason.MALFORMED),
        ("200 OK", Reason.MALFORMED),
        ("302 Found", Reason.HOSTILE),
    ],
)
def test_replies_without_envelope(status: str, reason: Reason) -> None:
    """HTTP without SOAP is told apart by its status."""
    with evil.Server(http(status, b"<html></html>")) as server, pytest.raises(Trouble) as caught:
        onvif_clock.clock(server.camera(), deadline=Deadline(2))
    assert caught.value.reason is reason


def test_doctype_under_an_error_status_is_still_hostile() -> None:
    """The status does not soften a broken safety rule."""
    with evil.Server(http("404 Not Found", b"<!DOCTYPE html><html/>")) as server, pytest.raises(Trouble) as caught:
        onvif_clock.clock(server.camera(), deadline=Deadline(2))
    assert caught.value.reason is Reason.HOSTILE


def test_the_clock_over_tls(tmp_path: Path) -> None:
    """A camera with TLS is asked over TLS, and only when its certificate is the pinned one."""
    certificate = evil.certificate(tmp_path)
    with evil.Server(evil.over_tls(certificate, http("200 OK", answer(UTC_TIME)))) as server:
        pinned, other = server.camera(tls="pin", tls_pin=evil.pin(certificate)), server.camera(tls="verify")
        assert onvif_clock.clock(pinned, deadline=Deadline(3)).skew_s is not None
        with pytest.raises(Trouble) as caught:
            onvif_clock.clock(other, deadline=Deadline(3))
    assert (caught.value.reason, len(server.requests)) == (Reason.HOSTILE, 1)
