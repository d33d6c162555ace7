"""A whole look at cameras that are well, half dead, dead and hostile."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import msgspec
import pytest

from agent.ask.look import look
from agent.model import Camera, ClockReading, Credentials, Look, NotSeen, Ports, Seen, Stream
from contract.reasons import Finding
from contract.vocabulary import Reason
from tests import evil

SOAP = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><R><UTCDateTime><Time><Hour>0</Hour><Minute>0'
    b"</Minute><Second>0</Second></Time><Date><Year>2020</Year><Month>1</Month><Day>1</Day></Date></UTCDateTime></R>"
    b"</s:Body></s:Envelope>"
)
CLOCK = evil.answers(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(SOAP), SOAP))
SDP = b"v=0\r\nm=audio 0 RTP/AVP 8\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n"
CHALLENGE = b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\n'


def described(sdp: bytes) -> bytes:
    return b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: %d\r\n\r\n%s" % (len(sdp), sdp)


class Both:
    """A camera whose ONVIF and RTSP ports behave as told; None = closed."""

    def __init__(self, onvif: evil.Behaviour | None, rtsp: evil.Behaviour | None) -> None:
        self.address = evil.loopback()
        self.onvif, self.rtsp = (evil.Server(behave, self.address) if behave else None for behave in (onvif, rtsp))

    def look(self, *, log_in: bool = True, deadline_s: float = 2.0, path: str = "/main") -> Look:
        ports = Ports(
            onvif=self.onvif.port if self.onvif else evil.closed_port(self.address)[1],
            rtsp=self.rtsp.port if self.rtsp else evil.closed_port(self.address)[1],
        )
        login = Credentials("admin", "sekret")
        camera = Camera(slot="s1", address=self.address, ports=ports, stream_path=path, credentials=login)
        with ExitStack() as stack:
            for server in (self.onvif, self.rtsp):
                if server:
                    stack.enter_context(server)
            return look(camera, log_in=log_in, deadline_s=deadline_s)


def reason(observation: Seen | NotSeen) -> Reason:  # type: ignore[type-arg]
    assert isinstance(observation, NotSeen)
    return observation.reason


def test_a_sound_camera() -> None:
    """Both ports, the clock and the stream are seen, with start, duration and attempts, and can be serialised."""
    camera = Both(CLOCK, evil.answers(described(SDP)))
    seen = camera.look()
    assert camera.onvif
    assert camera.rtsp
    assert isinstance(seen.tcp, Seen)
    assert seen.tcp.value == tuple(sorted((camera.onvif.port, camera.rtsp.port)))
    assert isinstance(seen.clock, Seen)
    assert isinstance(seen.clock.value, ClockReading)
    assert (seen.clock.value.skew_s or 0) < -100_000_000
    assert isinstance(seen.stream, Seen)
    assert seen.stream.value == Stream(path="/main", media=("audio PCMA", "video H265"), codec="H265")
    assert 0 < seen.at <= seen.stream.at
    assert seen.stream.took_s <= seen.took_s + 0.001 < 1  # a look is timed in whole milliseconds
    assert (seen.stream.attempts, seen.logins_failed, seen.attempts_left) == (1, 0, None)
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Look) == seen


def test_a_dead_camera() -> None:
    """Both ports refused: nothing accepted, all UNREACHABLE, after the retries of the one place for retries."""
    seen = Both(None, None).look()
    assert [reason(one) for one in (seen.tcp, seen.clock, seen.stream)] == [Reason.UNREACHABLE] * 3
    assert (seen.clock.attempts, seen.stream.attempts) == (3, 3)


def test_a_camera_without_power() -> None:
    """SYNs unanswered: UNREACHABLE within the deadline."""
    with evil.deaf() as (address, port):
        camera = Camera(slot="s", address=address, ports=Ports(onvif=port, rtsp=port), stream_path="/a")
        began = time.monotonic()
        seen = look(camera, log_in=True, deadline_s=0.8)
    assert [reason(one) for one in (seen.tcp, seen.clock, seen.stream)] == [Reason.UNREACHABLE] * 3
    assert time.monotonic() - began < 1.2


@pytest.mark.parametrize("onvif", [evil.silent, evil.drip(SOAP), evil.slam, evil.endless(b"", b"x"), None])
def test_onvif_cannot_take_the_streams_time(onvif: evil.Behaviour | None) -> None:
    """Whatever ONVIF does, the stream is seen: ONVIF daemons die while RTSP lives."""
    camera = Both(onvif, evil.answers(described(SDP)))
    seen = camera.look(deadline_s=1.0)
    assert isinstance(seen.clock, NotSeen)
    assert isinstance(seen.stream, Seen)
    assert isinstance(seen.tcp, Seen)
    assert seen.took_s < 1.1


@pytest.mark.parametrize(
    ("rtsp", "why"),
    [
        (evil.silent, Reason.TIMED_OUT),
        (evil.drip(described(SDP) * 9), Reason.TIMED_OUT),
        (evil.slam, Reason.BUSY),
        (evil.reset, Reason.BUSY),
        (evil.answers(b"RTSP/1.0 453 Not Enough Bandwidth\r\n\r\n"), Reason.BUSY),
        (evil.answers(b"RTSP/1.0 302 Found\r\nLocation: rtsp://10.0.0.9/\r\n\r\n"), Reason.HOSTILE),
        (evil.answers(described(SDP.replace(b"video", b"application"))), Reason.UNSUPPORTED),
        (evil.answers(described(b"v=0\r\n")), Reason.MALFORMED),
    ],
)
def test_rtsp_in_trouble(rtsp: evil.Behaviour, why: Reason) -> None:
    """A stream that cannot be seen has its reason; both ports have accepted all the same, within the deadline."""
    camera = Both(CLOCK, rtsp)
    seen = camera.look(deadline_s=0.9)
    assert reason(seen.stream) is why
    assert isinstance(seen.clock, Seen)
    assert isinstance(seen.tcp, Seen)
    assert len(seen.tcp.value) == 2
    assert seen.took_s < 1.1


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ("200 OK", Finding.STREAM_UNAVAILABLE),
        ("401 Unauthorized", Finding.STREAM_UNAVAILABLE),
        ("503 Service Unavailable", ""),
        ("453 Not Enough Bandwidth", ""),
        ("", ""),
    ],
)
def test_a_stream_that_cannot_be_had_is_told_from_no_room(options: str, finding: str) -> None:
    """503 to DESCRIBE is busy in any case; where OPTIONS is answered beside it there is room, and the stream is not."""
    answers = [b"RTSP/1.0 503 Service Unavailable\r\n\r\n", f"RTSP/1.0 {options}\r\n\r\n".encode()]
    seen = Both(CLOCK, evil.answers(*answers[: 1 + bool(options)])).look(deadline_s=0.9)
    assert isinstance(seen.stream, NotSeen)
    assert (seen.stream.reason, seen.stream.finding) == (Reason.BUSY, finding)


def test_everything_drips() -> None:
    """Two dripping ports together cannot outlive the one deadline."""
    began = time.monotonic()
    seen = Both(evil.drip(SOAP * 9), evil.drip(SDP * 9)).look(deadline_s=0.8)
    assert [reason(seen.clock), reason(seen.stream)] == [Reason.TIMED_OUT] * 2
    assert time.monotonic() - began < 1.2


def test_a_refused_login_is_counted_once() -> None:
    """A wrong password costs one login, and the camera's countdown is handed on."""
    refusal = CHALLENGE.replace(b"\r\n\r\n", b"\r\nContent-Length: 29\r\n\r\nYou still have 29 attempt(s)!")
    camera = Both(CLOCK, evil.answers(CHALLENGE, refusal))
    seen = camera.look()
    assert (reason(seen.stream), seen.logins_failed, seen.attempts_left) == (Reason.REFUSED, 1, 29)
    assert camera.rtsp
    assert len(camera.rtsp.requests) == 2


def test_no_login_while_suspended() -> None:
    """With logging in suspended a 401 is REFUSED, no credentials are sent and none is counted as failed."""
    camera = Both(CLOCK, evil.answers(CHALLENGE, described(SDP)))
    seen = camera.look(log_in=False)
    assert (reason(seen.stream), seen.logins_failed) == (Reason.REFUSED, 0)
    assert camera.onvif
    assert camera.rtsp
    assert not any(b"Authorization" in request for request in camera.rtsp.requests + camera.onvif.requests)


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "501 Not Implemented"])
def test_without_a_stream_path(status: str) -> None:
    """Any answer to OPTIONS proves the port; the stream itself stays UNASKED."""
    camera = Both(None, evil.answers(f"RTSP/1.0 {status}\r\nCSeq: 1\r\n\r\n".encode()))
    seen = camera.look(path="")
    assert camera.rtsp
    assert isinstance(seen.tcp, Seen)
    assert (seen.tcp.value, reason(seen.stream)) == ((camera.rtsp.port,), Reason.UNASKED)
    assert camera.rtsp.requests[0].startswith(b"OPTIONS ")


def test_an_unsafe_path_is_not_asked() -> None:
    """A stream path that could break out of its line never reaches the wire."""
    camera = Both(CLOCK, evil.answers(described(SDP)))
    seen = camera.look(path="/a\r\nX-Evil: 1")
    assert reason(seen.stream) is Reason.MALFORMED
    assert camera.rtsp
    assert camera.rtsp.requests == []


def test_looks_do_not_meet() -> None:
    """Many looks at once share nothing."""
    with ThreadPoolExecutor(16) as pool:
        looks = [pool.submit(Both(CLOCK, evil.answers(described(SDP))).look, deadline_s=5) for _ in range(16)]
    assert all(isinstance(one.result().stream, Seen) for one in looks)


def test_looking_loads_nothing_heavy() -> None:
    """The daemon looks without the libraries that belong to its children."""
    heavy = "zeep onvif lxml requests cv2 numpy xml.dom http.client urllib.request email"
    code = f"import sys, agent.ask.look; print([m for m in {heavy.split()} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"
