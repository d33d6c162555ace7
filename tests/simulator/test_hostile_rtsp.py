"""Faults of the RTSP port alone; ONVIF goes on as ever."""

import time
from collections.abc import Iterator
from contextlib import closing

import av
import pytest

from simulator.canteen import CameraSpec, Canteen
from simulator.unit import Unit
from tests.simulator.speak import Rtsp, ask, connect
from tests.simulator.test_faults import FOREIGN
from tests.simulator.test_rtsp import PASSWORD, QUICK, USER

DESCRIBE = b"DESCRIBE rtsp://c/stream1 RTSP/1.0\r\nCSeq: 1\r\n\r\n"


@pytest.fixture(scope="module")
def canteen() -> Iterator[Canteen]:
    with Canteen([CameraSpec(slot="a", persona="ptz-355", foreign_host=FOREIGN)]) as canteen:
        yield canteen


@pytest.fixture
def unit(canteen: Canteen, request: pytest.FixtureRequest) -> Unit:
    canteen.fault("a", request.param)
    unit = canteen.camera("a")
    assert ask(unit, "GetSystemDateAndTime").status == 200
    return unit


@pytest.mark.parametrize("unit", ["rtsp-redirect"], indirect=True)
def test_it_redirects(unit: Unit) -> None:
    """302 to the foreign host."""
    with closing(Rtsp(unit)) as client:
        reply = client.say("DESCRIBE", "/stream1")
        assert (reply.status, reply.header("Location").startswith(f"rtsp://{FOREIGN}:")) == (302, True)


@pytest.mark.parametrize("unit", ["rtsp-basic"], indirect=True)
def test_it_wants_the_password_in_clear(unit: Unit) -> None:
    """The only challenge is Basic; Digest is not accepted."""
    with closing(Rtsp(unit, "")) as client:
        reply = client.say("DESCRIBE", "/stream1")
        assert (reply.status, reply.head.count("WWW-Authenticate"), "Basic realm" in reply.head) == (401, 1, True)


@pytest.mark.parametrize("unit", ["rtsp-drip"], indirect=True)
def test_it_drips(unit: Unit) -> None:
    """Two bytes a second."""
    with closing(connect(unit, unit.rtsp_port)) as wire:
        wire.sendall(DESCRIBE)
        began, heard = time.monotonic(), b""
        while len(heard) < 3:
            heard += wire.recv(100)
        assert (heard, time.monotonic() - began > 0.8) == (b"RTS", True)


@pytest.mark.parametrize("unit", ["rtsp-huge-length"], indirect=True)
def test_it_announces_two_gigabytes_and_sends_them(unit: Unit) -> None:
    """Content-Length 2000000000, and bytes without end."""
    with closing(Rtsp(unit)) as client:
        assert client.say("OPTIONS", "/stream1").status == 200
        challenge = client.say("PLAY", "/stream1").status  # logs the client in; there is nothing to play yet
        assert challenge == 454
        client.send("DESCRIBE", "/stream1")
        stream = client.wire.makefile("rb")
        head = b"".join(iter(stream.readline, b"\r\n"))
        assert b"Content-Length: 2000000000\r\n" in head
        assert len(stream.read(3_000_000)) == 3_000_000


@pytest.mark.parametrize("unit", ["rtsp-huge-frame"], indirect=True)
def test_it_plays_giants(unit: Unit) -> None:
    """The stream that FFmpeg opens has pictures of 8192x8192."""
    url = f"rtsp://{USER}:{PASSWORD}@{unit.address}:{unit.rtsp_port}/stream1"
    with av.open(url, options=QUICK) as stream:
        frame = next(stream.decode(video=0))
        assert (frame.width, frame.height) == (8192, 8192)


@pytest.mark.parametrize("unit", ["rtsp-silent"], indirect=True)
def test_it_plays_and_sends_nothing(unit: Unit) -> None:
    """PLAY is granted and no packet comes."""
    with closing(Rtsp(unit)) as client:
        client.say("DESCRIBE", "/stream1")
        setup = client.say("SETUP", "/stream1/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        session = setup.header("Session").partition(";")[0]
        assert client.say("PLAY", "/stream1", Session=session).status == 200
        client.wire.settimeout(0.6)
        with pytest.raises(TimeoutError):
            client.wire.recv(1)


@pytest.mark.parametrize("unit", ["rtsp-undecodable"], indirect=True)
def test_it_plays_what_cannot_be_decoded(unit: Unit) -> None:
    """Packets come as ever, with nothing but zero bits behind their headers."""
    with closing(Rtsp(unit)) as client:
        client.say("DESCRIBE", "/stream1")
        setup = client.say("SETUP", "/stream1/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        session = setup.header("Session").partition(";")[0]
        assert client.say("PLAY", "/stream1", Session=session).status == 200
        stream = client.wire.makefile("rb")
        for _ in range(20):
            head = stream.read(4)
            payload = stream.read(int.from_bytes(head[2:], "big"))[12:]
            assert head[:2] == b"$\x00"
            assert set(payload[2:]) <= {0, 3}  # 3: emulation prevention (ITU-T H.264, 7.4.1)
