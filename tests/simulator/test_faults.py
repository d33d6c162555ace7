"""Every fault, seen from outside with plain sockets."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import av
import pytest

from simulator.canteen import CameraSpec, Canteen
from simulator.faults import FAULTS
from simulator.unit import Unit
from tests.simulator.speak import MEDIA, Rtsp, ask, connect, envelope, post_bytes, probe, read_reply, token
from tests.simulator.test_rtsp import QUICK

FOREIGN = "127.66.6.6"


@pytest.fixture
def canteen() -> Iterator[Canteen]:
    with Canteen([CameraSpec(slot="a", persona="ptz-355", foreign_host=FOREIGN)]) as canteen:
        yield canteen


@pytest.fixture
def unit(canteen: Canteen) -> Unit:
    return canteen.camera("a")


def well(unit: Unit) -> bool:
    """It tells the time, lets us in, describes its stream and answers a probe."""
    with closing(Rtsp(unit)) as client:
        described = client.say("DESCRIBE", unit.profiles[1].path).status
    asked = ask(unit, "GetDeviceInformation", security=token()).status
    return (described, asked) == (200, 200) and bool(probe(unit))


@pytest.mark.parametrize("fault", FAULTS)
def test_none_heals_every_fault(canteen: Canteen, unit: Unit, fault: str) -> None:
    """Whatever befell a camera, it is itself again after `none`, at its own address and ports."""
    before = unit.address, unit.onvif_port, unit.rtsp_port
    canteen.fault("a", fault)
    canteen.fault("a", "none")
    assert (unit.address, unit.onvif_port, unit.rtsp_port) == before
    assert well(unit)


def ended(wire: socket.socket) -> bool:
    """Whether the other side has closed or reset the connection."""
    try:
        return wire.recv(1) == b""
    except ConnectionError:
        return True


def test_off_closes_everything(canteen: Canteen, unit: Unit) -> None:
    """Off: open connections die, ports refuse, probes stay unanswered."""
    with closing(connect(unit, unit.onvif_port)) as wire, closing(Rtsp(unit)) as client:
        assert client.say("OPTIONS", "/").status == 200
        canteen.fault("a", "off")
        assert ended(wire)
        assert ended(client.wire)
    for port in (unit.onvif_port, unit.rtsp_port):
        with pytest.raises(ConnectionRefusedError):
            connect(unit, port)
    assert not probe(unit, wait_s=0.2)


def test_hang_accepts_and_says_nothing(canteen: Canteen, unit: Unit) -> None:
    """Hang: TCP connects, then silence on both ports and on UDP."""
    canteen.fault("a", "hang")
    for port, words in (
        (unit.onvif_port, post_bytes(unit, envelope("GetSystemDateAndTime"))),
        (unit.rtsp_port, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
    ):
        with closing(connect(unit, port, 0.3)) as wire:
            wire.sendall(words)
            with pytest.raises(TimeoutError):
                wire.recv(1)
    assert not probe(unit, wait_s=0.2)


def test_drip_sends_a_byte_at_a_time(canteen: Canteen, unit: Unit) -> None:
    """Drip: about two bytes a second, so that no read times out and no reply ends."""
    canteen.fault("a", "drip")
    with closing(connect(unit, unit.onvif_port)) as wire:
        wire.sendall(post_bytes(unit, envelope("GetSystemDateAndTime")))
        began, heard = time.monotonic(), b""
        while len(heard) < 3:
            heard += wire.recv(100)
        assert heard == b"HTT"
        assert 0.8 < time.monotonic() - began < 3.0


def test_garbage_is_no_protocol(canteen: Canteen, unit: Unit) -> None:
    """Garbage: bytes that are neither HTTP nor RTSP, then the end."""
    canteen.fault("a", "garbage")
    for port, words in (
        (unit.onvif_port, post_bytes(unit, envelope("GetSystemDateAndTime"))),
        (unit.rtsp_port, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
    ):
        with closing(connect(unit, port)) as wire:
            wire.sendall(words)
            heard = wire.makefile("rb").read()
            assert len(heard) == 400
            assert not heard.startswith((b"HTTP", b"RTSP"))


def test_ten_megabytes_are_ten_megabytes(canteen: Canteen, unit: Unit) -> None:
    """Tenmegabytes: a reply of that length on HTTP and on DESCRIBE."""
    canteen.fault("a", "tenmegabytes")
    assert len(ask(unit, "GetSystemDateAndTime").body) > 10 * 1024 * 1024
    with closing(Rtsp(unit)) as client:
        assert len(client.say("DESCRIBE", unit.profiles[0].path).body) == 10 * 1024 * 1024


def test_redirect_points_elsewhere(canteen: Canteen, unit: Unit) -> None:
    """Redirect: 307 and 302 to the foreign host, on every request."""
    canteen.fault("a", "redirect")
    reply = ask(unit, "GetSystemDateAndTime")
    assert (reply.status, reply.header("Location").startswith(f"http://{FOREIGN}:")) == (307, True)
    with closing(Rtsp(unit)) as client:
        reply = client.say("DESCRIBE", unit.profiles[0].path)
    assert (reply.status, reply.header("Location").startswith(f"rtsp://{FOREIGN}:")) == (302, True)


def test_foreign_xaddr_names_another_host_everywhere(canteen: Canteen, unit: Unit) -> None:
    """Foreign-xaddr: discovery, GetServices, GetCapabilities and GetStreamUri all name the foreign host."""
    canteen.fault("a", "foreign-xaddr")
    inside = '<t:ProfileToken xmlns:t="http://www.onvif.org/ver10/media/wsdl">profile_1</t:ProfileToken>'
    bodies = [
        probe(unit),
        ask(unit, "GetServices").body,
        ask(unit, "GetCapabilities").body,
        ask(unit, "GetStreamUri", MEDIA, inside=inside, security=token(), path="/onvif/media_service").body,
    ]
    for body in bodies:
        assert f"//{FOREIGN}:".encode() in body
        assert f"//{unit.address}:".encode() not in body


@pytest.mark.parametrize("fault", ["wrong-password", "lockout"])
def test_refusing_faults_refuse_the_right_password(canteen: Canteen, unit: Unit, fault: str) -> None:
    """Wrong-password and lockout: the enrolled login fails on both ports, the clock is still told."""
    canteen.fault("a", fault)
    assert ask(unit, "GetDeviceInformation", security=token()).status == 400
    assert ask(unit, "GetSystemDateAndTime").status == 200
    with closing(Rtsp(unit)) as client:
        assert client.say("DESCRIBE", unit.profiles[0].path).status == 401


def test_new_address_moves_the_camera(canteen: Canteen, unit: Unit) -> None:
    """New-address: the old address refuses, the new one is the same camera; discovery tells it."""
    home = unit.address
    epr = unit.epr.encode()
    canteen.fault("a", "new-address")
    assert unit.address != home
    assert well(unit)
    assert epr in probe(unit)
    moved, unit.address = unit.address, home
    with pytest.raises(ConnectionRefusedError):
        connect(unit, unit.onvif_port)
    unit.address = moved


def test_wrong_clock_is_years_behind(canteen: Canteen, unit: Unit) -> None:
    """Wrong-clock: 2010, and a token signed with the true time is stale."""
    canteen.fault("a", "wrong-clock")
    assert b"<tt:Year>2010</tt:Year>" in ask(unit, "GetSystemDateAndTime").body
    assert ask(unit, "GetScopes", security=token()).status == 400
    created = unit.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ask(unit, "GetScopes", security=token(created=created)).status == 200


def test_busy_has_no_room(canteen: Canteen, unit: Unit) -> None:
    """Busy: 453 to DESCRIBE and SETUP, ONVIF unharmed."""
    canteen.fault("a", "busy")
    with closing(Rtsp(unit)) as client:
        assert client.say("DESCRIBE", unit.profiles[0].path).status == 453
        transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
        assert client.say("SETUP", f"{unit.profiles[0].path}/trackID=0", Transport=transport).status == 453
    assert ask(unit, "GetSystemDateAndTime").status == 200


@pytest.mark.parametrize(
    ("fault", "closed", "open_"), [("rtsp-closed", "rtsp", "onvif"), ("onvif-closed", "onvif", "rtsp")]
)
def test_one_port_may_close_alone(canteen: Canteen, unit: Unit, fault: str, closed: str, open_: str) -> None:
    """Rtsp-closed and onvif-closed: one port refuses while the other accepts."""
    canteen.fault("a", fault)
    with pytest.raises(ConnectionRefusedError):
        connect(unit, getattr(unit, f"{closed}_port"))
    connect(unit, getattr(unit, f"{open_}_port")).close()


def luma(unit: Unit, pictures: int) -> list[bytes]:
    """Brightness planes of the first pictures."""
    url = f"rtsp://admin:canteen-2021@{unit.address}:{unit.rtsp_port}{unit.profiles[1].path}"
    with av.open(url, options=QUICK) as stream:
        frames = (frame for _, frame in zip(range(pictures), stream.decode(video=0), strict=False))
        return [frame.to_ndarray(format="gray").tobytes() for frame in frames]


def test_the_picture_moves_freezes_and_goes_black(canteen: Canteen, unit: Unit) -> None:
    """None: pictures differ and are bright; freeze: they do not differ; black: they are black."""

    def difference(a: bytes, b: bytes) -> float:
        return sum(abs(x - y) for x, y in zip(a[::7], b[::7], strict=True)) / len(a[::7])

    moving = luma(unit, 8)
    assert difference(moving[0], moving[7]) > 2.0
    assert sum(moving[0]) / len(moving[0]) > 80
    canteen.fault("a", "freeze")
    still = luma(unit, 8)
    assert difference(still[0], still[7]) < 0.5
    assert sum(still[0]) / len(still[0]) > 80
    canteen.fault("a", "black")
    assert max(luma(unit, 2)[1]) < 20


def test_a_viewer_sees_the_fault_begin(canteen: Canteen, unit: Unit) -> None:
    """A fault of the picture reaches a stream that is already running, without a reconnect."""
    url = f"rtsp://admin:canteen-2021@{unit.address}:{unit.rtsp_port}{unit.profiles[1].path}"
    with av.open(url, options=QUICK) as stream:
        for number, frame in enumerate(stream.decode(video=0)):
            if number == 2:
                canteen.fault("a", "black")
            if max(frame.to_ndarray(format="gray").tobytes()) < 20:
                break
            assert number < 60
        assert number > 2


def test_a_kept_connection_is_answered_twice(unit: Unit) -> None:
    """HTTP keeps alive: two questions on one connection get two answers."""
    with closing(connect(unit, unit.onvif_port)) as wire:
        for _ in range(2):
            wire.sendall(post_bytes(unit, envelope("GetSystemDateAndTime")))
            assert read_reply(wire).status == 200


def test_unknown_words_are_answered_with_the_known_ones(canteen: Canteen) -> None:
    """A fault or slot that does not exist is refused, and the message lists those that do."""
    with pytest.raises(ValueError, match="rtsp-closed"):
        canteen.fault("a", "explode")
    with pytest.raises(ValueError, match="there are: a"):
        canteen.fault("b", "off")
    with pytest.raises(ValueError, match="hikvision-dome"):
        Canteen([CameraSpec(slot="x", persona="unicorn")])


def test_every_change_is_logged(tmp_path: Path) -> None:
    """The log holds one JSON line per change, in order, with the time, beginning with `none`."""
    log = tmp_path / "faults.jsonl"
    before = time.time_ns() // 1_000_000
    with Canteen([CameraSpec(slot="a", persona="fixed-720p")], log) as canteen:
        canteen.fault("a", "off")
        canteen.fault("a", "none")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["slot"], line["fault"]) for line in lines] == [("a", "none"), ("a", "off"), ("a", "none")]
    times = [before, *(line["utc_ms"] for line in lines), time.time_ns() // 1_000_000]
    assert times == sorted(times)


def test_a_taken_port_is_said() -> None:
    """Two cameras cannot listen at one address and port."""
    with Canteen([CameraSpec(slot="a", persona="fixed-720p")]) as first:
        unit = first.camera("a")
        spec = CameraSpec(slot="b", persona="fixed-720p", address=unit.address, onvif_port=unit.onvif_port)
        with pytest.raises(OSError, match="in use"), Canteen([spec]):
            pass
        assert well(unit)
