"""Every way of showing a login tells how that went, and none shows one that was refused a second time."""

from collections.abc import Callable

import pytest

from agent.ask import inspection
from agent.ask.attempt import Deadline, Trouble
from agent.ask.net.http import Place
from agent.ask.net.snapshot import Snapshots
from agent.ask.picture.capture import film, photograph
from agent.ask.ptz.commands import Motors, PtzClient
from agent.ask.rtsp import client
from agent.ask.talk import backchannel
from agent.model import Camera, Capabilities
from agent.permit import LoginMet, Permit
from tests import evil
from tests.agent.ask.onvif.devices import PASSWORD, Device, Onvif

WORDS = b"You still have 4 attempt(s)"
REFUSAL = (
    b'%s 401 Unauthorized\r\nCSeq: %d\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\nRetry-After: 90\r\n'
    b"Content-Length: %d\r\n\r\n%s"
)


def refusing(protocol: bytes) -> evil.Behaviour:
    return evil.answers(*(REFUSAL % (protocol, n, len(WORDS), WORDS) for n in range(1, 9)))


def _stills(camera: Camera, permit: Permit) -> object:
    stills = Snapshots(camera, Place(camera.ports.onvif, "/snapshot", claimed=True), log_in=permit)
    try:
        return stills.take(Deadline(3))
    finally:
        stills.close()


WAYS: dict[str, tuple[bytes, Callable[[Camera, Permit], object]]] = {
    "describe": (b"RTSP/1.0", lambda camera, permit: client.describe(camera, log_in=permit, deadline=Deadline(3))),
    "backchannel": (b"RTSP/1.0", lambda camera, permit: client.backchannel(camera, log_in=permit, deadline_s=3)),
    "talk": (b"RTSP/1.0", lambda camera, permit: backchannel.setup(camera, log_in=permit, deadline_s=3)),
    "sound": (b"RTSP/1.0", lambda camera, permit: backchannel.sound(camera, log_in=permit, deadline_s=3)),
    "film": (b"RTSP/1.0", lambda camera, permit: film(camera, log_in=permit, deadline=Deadline(3))),
    "photograph": (
        b"HTTP/1.1",
        lambda camera, permit: photograph(camera, "/snapshot", log_in=permit, deadline=Deadline(3)),
    ),
    "snapshots while moving": (b"HTTP/1.1", _stills),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_is_told_and_ends_the_leave(way: str) -> None:
    """What the camera said comes with it; a second question with the same leave shows no login."""
    protocol, ask = WAYS[way]
    permit = Permit()
    with evil.Server(refusing(protocol)) as server:
        for _ in range(2):
            try:
                ask(server.camera(), permit)
            except Trouble:
                continue
    assert permit.met == LoginMet(failed=1, attempts_left=4, forgives_s=90)
    assert not permit.allowed
    assert sum(b"Authorization: Digest" in request for request in server.requests) == 1


def test_the_questions_tell_how_their_login_went() -> None:
    """Once for the slots of a device that share it, with what the camera said; a login that works is told too."""
    said = "login failed, locked for 5 minutes"
    with (
        Device(Onvif(login="wsse", password="another", said=said)) as wrong,
        Device(Onvif(login="wsse")) as right,
    ):
        cameras = [wrong.camera("a", PASSWORD), wrong.camera("b", PASSWORD), right.camera("c", PASSWORD)]
        told = {one.slot: one for one in inspection.ask_capabilities(cameras, log_in="abc", auth={}, deadline_s=20)}
    met = {slot: one.login or LoginMet() for slot, one in told.items()}
    assert (met["a"].failed + met["b"].failed, met["a"].forgives_s, met["a"].worked) == (1, 300, False)
    assert met["c"] == LoginMet(worked=True)
    assert told["a"].capabilities.refused


def test_a_movement_tells_how_its_logins_went() -> None:
    """Commands and snapshots of one head together, the words of the last refusal with them."""
    camera = Camera(slot="s", address="127.0.0.1")
    ptz = PtzClient(camera, Motors(camera, Capabilities()), auth="", deadline=Deadline(1))
    assert ptz.met == LoginMet()
    ptz.snapshots.refused(4, 90.0)
    assert ptz.met == LoginMet(failed=1, attempts_left=4, forgives_s=90.0)
