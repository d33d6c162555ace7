"""What an inspection makes of the backchannel: opened, sounded only when asked for, or looked for at the vendor's."""

import pytest
from msgspec import structs

from agent.ask import inspection
from agent.model import UNASKED, Evidence, NotSeen, Seen, Talk
from contract.vocabulary import Reason
from tests import doors, evil
from tests.agent.ask.onvif.devices import Device, Onvif, Request, http
from tests.agent.ask.talk.talking import SDP, Talker


def inspected(camera: Talker, *, sound: bool = False, web: Onvif | None = None, path: str = "/main") -> Evidence:
    with Device(web or Onvif()) as device, evil.Server(camera, device.address) as server:
        one = device.camera(stream_path=path)
        one = structs.replace(one, ports=structs.replace(one.ports, rtsp=server.port))
        (evidence,) = inspection.inspect([one], door=doors.Open(()), auth={}, deadline_s=10.0, sound=sound)
        return evidence


def test_an_offer_is_opened_and_nothing_is_played() -> None:
    """Without being asked to, an inspection opens the track, tears it down and makes no sound."""
    camera = Talker()
    evidence = inspected(camera)
    assert isinstance(evidence.talk.setup, Seen)
    assert (evidence.talk.heard, evidence.talk.vendor) == (UNASKED, "")
    assert "PLAY" not in camera.methods
    assert camera.methods.count("SETUP") == camera.methods.count("TEARDOWN") == 1
    assert not camera.talked


def test_a_chirp_when_asked_for() -> None:
    """With `sound` one chirp is played, in the only session that is opened."""
    camera = Talker()
    evidence = inspected(camera, sound=True)
    assert isinstance(evidence.talk.heard, Seen)
    assert evidence.talk.heard.value > 0.5
    assert camera.methods.count("PLAY") == camera.methods.count("TEARDOWN") == 1
    assert len(camera.talked) == 8000


class Hikvision(Onvif):
    """Wants a login for its list of talk channels and knows no other path there."""

    def __call__(self, request: Request) -> object:  # type: ignore[override]
        if request.path.startswith("/ISAPI/"):
            known = request.path == "/ISAPI/System/TwoWayAudio/channels"
            return http("", 401, 'WWW-Authenticate: Digest realm="r", nonce="n"\r\n') if known else http("", 404)
        return super().__call__(request)


@pytest.mark.parametrize(("web", "vendor"), [(Hikvision(), "isapi"), (Onvif(), "")])
def test_without_an_offer_the_vendors_path_is_looked_for(web: Onvif, vendor: str) -> None:
    """Where DESCRIBE offers no backchannel, the evidence names the vendor's path that answers."""
    camera = Talker(
        sdp=SDP.replace("sendonly", "recvonly"), instead={"MULTITRANS": b"RTSP/1.0 405 X\r\nCSeq: 1\r\n\r\n"}
    )
    evidence = inspected(camera, sound=True, web=web)
    assert evidence.talk == Talk(vendor=vendor)
    assert "SETUP" not in camera.methods


def test_where_the_offer_is_not_known_nothing_is_tried() -> None:
    """A DESCRIBE that is refused leads to neither SETUP nor the vendor's path."""
    refused = b"RTSP/1.0 453 Not Enough Bandwidth\r\nCSeq: 1\r\n\r\n"
    camera = Talker(instead={"DESCRIBE": refused})
    evidence = inspected(camera, web=Hikvision())
    assert evidence.talk == Talk()
    assert isinstance(evidence.backchannel, NotSeen)
    assert evidence.backchannel.reason is Reason.UNASKED


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/cam/realmonitor?channel=1&subtype=0", "/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif"),
        ("/cam/realmonitor?channel=1&proto=Onvif", "/cam/realmonitor?channel=1&proto=Onvif"),
        ("/main", "/main"),
    ],
)
def test_dahua_talks_onvif_only_when_its_url_says_so(path: str, asked: str) -> None:
    """A Dahua path that a person wrote down is looked at as it is, and asked for its backchannel with proto=Onvif."""
    camera = Talker()
    inspected(camera, path=path)
    described = [line.split()[1].partition("/cam")[2] or "/main" for line in camera.asked if "DESCRIBE" in line]
    assert [path.removeprefix("/cam"), *[asked.removeprefix("/cam")] * 3] == described
