"""WS-Discovery by raw UDP."""

import re
import socket
import struct
from collections.abc import Iterator

import pytest

from simulator.canteen import CameraSpec, Canteen
from tests.simulator.speak import probe

NAMES = ["ptz-355", "tplink-typed-probe", "empty-ptz", "rtsp-junk", "low-res-640"]


@pytest.fixture(scope="module")
def canteen() -> Iterator[Canteen]:
    with Canteen([CameraSpec(slot=name, persona=name) for name in NAMES]) as canteen:
        yield canteen


@pytest.mark.parametrize("types", ["dn:NetworkVideoTransmitter", "tds:Device", ""], ids=["nvt", "device", "untyped"])
@pytest.mark.parametrize("multicast", [False, True], ids=["unicast", "multicast"])
def test_a_probe_is_answered_from_the_camera_s_own_address(canteen: Canteen, types: str, multicast: bool) -> None:
    """Typed or not, by unicast or multicast: the answer comes from the camera and names its port and path."""
    unit = canteen.camera("ptz-355")
    answer = probe(unit, types, multicast=multicast)
    assert f"http://{unit.address}:{unit.onvif_port}/onvif/device_service".encode() in answer
    assert unit.epr.encode() in answer


def test_a_camera_may_answer_the_typed_probe_only(canteen: Canteen) -> None:
    """TP-Link's kind keeps silent to an untyped probe and to tds:Device."""
    unit = canteen.camera("tplink-typed-probe")
    assert probe(unit, "dn:NetworkVideoTransmitter")
    assert not probe(unit, "", wait_s=0.2)
    assert not probe(unit, "tds:Device", wait_s=0.2)


def test_what_no_camera_is_stays_unanswered(canteen: Canteen) -> None:
    """A probe for printers concerns no camera."""
    assert not probe(canteen.camera("ptz-355"), "pr:PrintDevice", wait_s=0.2)


def test_a_camera_may_name_a_useless_host(canteen: Canteen) -> None:
    """XAddrs that say 0.0.0.0 come from a sender that is elsewhere."""
    unit = canteen.camera("empty-ptz")
    assert f"http://0.0.0.0:{unit.onvif_port}/".encode() in probe(unit)


def test_types_may_be_missing(canteen: Canteen) -> None:
    """A ProbeMatch without Types is sent by some cameras."""
    answer = probe(canteen.camera("low-res-640"))
    assert b"ProbeMatch>" in answer
    assert b"<d:Types>" not in answer


def test_the_answer_may_come_from_another_port(canteen: Canteen) -> None:
    """An answer from an ephemeral port is an answer all the same."""
    assert b"ProbeMatch" in probe(canteen.camera("rtsp-junk"))


def test_hello_and_bye_frame_a_camera_s_life() -> None:
    """A camera says Hello when it comes, Bye when it is shut down, and nothing when its power is cut."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind(("239.255.255.250", 3702))
        member = struct.pack("4s4s", socket.inet_aton("239.255.255.250"), socket.inet_aton("127.0.0.1"))
        ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        with Canteen([CameraSpec(slot="a", persona="ptz-355")]) as canteen:
            unit = canteen.camera("a")
            canteen.fault("a", "off")
            canteen.fault("a", "none")
        assert said(ear, unit.epr) == ["Hello", "Hello", "Bye"]


def said(ear: socket.socket, epr: str) -> list[str]:
    """Announcements of one camera that have arrived."""
    words = []
    ear.settimeout(0.2)
    while True:
        try:
            data = ear.recv(65536).decode()
        except TimeoutError:
            return words
        found = re.search(r"<d:(Hello|Bye)>", data)
        if found and epr in data:
            words.append(found[1])
