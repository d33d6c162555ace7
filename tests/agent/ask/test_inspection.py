"""The parent's side: every camera exactly once, whatever child and cameras do, and the streams they named."""

import contextlib
import time
from collections.abc import Iterator

import psutil
import pytest
from msgspec import structs

from agent.ask import inspection
from agent.model import UNASKED, Camera, Capabilities, Evidence, NotSeen, Seen
from contract.vocabulary import Reason
from tests import doors, evil
from tests.agent.ask.onvif.devices import PASSWORD, Device, Onvif, Request

SDP = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 0 RTP/AVP 0\r\na=sendonly\r\n"
DESCRIBED = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: %d\r\n\r\n%s" % (len(SDP), SDP)
CHALLENGE = b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\n'


@contextlib.contextmanager
def camera(
    onvif: Onvif, rtsp: evil.Behaviour, slot: str = "a", **fields: object
) -> Iterator[tuple[Camera, evil.Server]]:
    """A camera with an ONVIF and an RTSP port, and the server behind the latter."""
    with Device(onvif) as device, evil.Server(rtsp, device.address) as server:
        whole = device.camera(slot, PASSWORD, **fields)
        yield structs.replace(whole, ports=structs.replace(whole.ports, rtsp=server.port)), server


def inspected(*cameras: Camera, deadline_s: float = 10.0, log_in: bool = True) -> dict[str, Evidence]:
    door = doors.Open(None if log_in else ())
    told = list(inspection.inspect(cameras, door=door, auth={}, deadline_s=deadline_s))
    assert sorted(one.slot for one in told) == sorted(one.slot for one in cameras)
    return {one.slot: one for one in told}


def stream_at(path: str) -> str:
    return f"<MediaUri><tt:Uri>rtsp://192.0.2.9:1234{path}</tt:Uri></MediaUri>"


def test_the_stream_that_onvif_names_is_looked_at() -> None:
    """Look and backchannel use path and query of the stream URI, at the enrolled address and port."""
    onvif = Onvif(login="wsse", GetStreamUri=stream_at("/live?x=1"))
    with camera(onvif, evil.answers(DESCRIBED), channel="src1", panoramic=True) as (one, server):
        evidence = inspected(one)["a"]
    assert evidence.look
    assert isinstance(evidence.look.stream, Seen)
    assert evidence.look.stream.value.path == "/live?x=1"
    assert isinstance(evidence.backchannel, Seen)
    assert evidence.backchannel.value.offered
    assert (evidence.channel, evidence.panoramic) == ("src1", True)
    assert f"DESCRIBE rtsp://{one.address}:{server.port}/live?x=1 ".encode() in b"".join(server.requests)


@pytest.mark.parametrize("named", [":{live}", ":{dead}:{live}", ":{dead}", ""])
def test_the_port_that_a_camera_names_is_asked_before_the_enrolled_one(named: str) -> None:
    """RTSP at any port that it names, two in one authority included; the enrolled one where nobody listens there."""
    told: list[Onvif] = []

    def answer(request: Request) -> bytes | Iterator[bytes] | None:
        return told[0](request)

    with (
        Device(answer) as device,
        evil.Server(evil.answers(DESCRIBED), device.address) as server,
    ):
        dead = evil.closed_port(device.address)[1]
        authority = "192.0.2.9" + named.format(live=server.port, dead=dead)
        uri = f"<MediaUri><tt:Uri>rtsp://{authority}/live</tt:Uri></MediaUri>"
        enrolled = dead if "{live}" in named else server.port
        told.append(Onvif(GetStreamUri=uri))
        whole = device.camera("a", PASSWORD)
        evidence = inspected(structs.replace(whole, ports=structs.replace(whole.ports, rtsp=enrolled)))["a"]
    capabilities = evidence.capabilities
    assert evidence.look
    assert isinstance(evidence.look.stream, Seen), evidence.look.stream
    assert isinstance(capabilities.stream_uri, Seen)
    assert capabilities.stream_uri.value.port == server.port
    assert any("nobody listens" in note for note in capabilities.notes) is not named.startswith(":{live}")


def test_an_enrolled_stream_path_outranks_the_one_onvif_names() -> None:
    """The path that a person wrote down is looked at, not the one that ONVIF names."""
    with camera(Onvif(), evil.answers(DESCRIBED), stream_path="/mine") as (one, _):
        evidence = inspected(one)["a"]
    assert evidence.look
    assert isinstance(evidence.look.stream, Seen)
    assert evidence.look.stream.value.path == "/mine"


def test_a_refused_camera_is_still_looked_at_but_not_logged_in_to_again() -> None:
    """After a refused ONVIF login RTSP gets no login, and what needs none is known all the same."""
    onvif = Onvif(login="wsse", password="another")
    with camera(onvif, evil.answers(CHALLENGE), stream_path="/main") as (one, server):
        evidence = inspected(one)["a"]
    assert evidence.capabilities.logins_failed == 1
    assert isinstance(evidence.capabilities.services, Seen)
    assert evidence.look
    assert isinstance(evidence.look.clock, Seen)
    assert isinstance(evidence.look.stream, NotSeen)
    assert evidence.look.stream.reason is Reason.REFUSED
    assert evidence.look.logins_failed == 0
    assert evidence.backchannel == UNASKED
    assert b"Authorization" not in b"".join(server.requests)


def test_a_hanging_camera_costs_only_itself() -> None:
    """The evidence of a sound camera is there long before the one that hangs has used up the deadline."""
    with camera(Onvif(), evil.answers(DESCRIBED)) as (good, _), Device(lambda _: None) as hanging:
        began = time.monotonic()
        told = inspection.ask_capabilities([hanging.camera("hangs"), good], log_in=["a"], auth={}, deadline_s=3)
        first = next(told)
        assert first.slot == "a"
        assert isinstance(first.capabilities.stream_uri, Seen)
        assert time.monotonic() - began < 2
        (last,) = told
        assert time.monotonic() - began < 4
    assert last.slot == "hangs"
    capabilities = last.capabilities
    assert isinstance(capabilities.nodes, NotSeen)
    assert capabilities.nodes.reason is Reason.TIMED_OUT


def test_a_deadline_too_short_leaves_every_question_timed_out() -> None:
    """Slots of which nothing arrived are there with all questions TIMED_OUT, none UNASKED and none "no"."""
    with Device(lambda _: None) as device:
        cameras = [device.camera("a"), device.camera("b")]
        answers = inspection.ask_capabilities(cameras, log_in=[], auth={}, deadline_s=-inspection.MARGIN_S + 0.01)
        told = {answer.slot: answer.capabilities for answer in answers}
    assert set(told) == {"a", "b"}
    for name in ("device", "services", "nodes", "audio_outputs", "stream_uri"):
        observation = getattr(told["b"], name)
        assert observation.reason is Reason.TIMED_OUT


def test_a_child_that_is_killed_is_our_own_fault() -> None:
    """When the child dies early (the kernel ran out of memory, say) the slots still open are AGENT_FAULT, at once."""
    with Device(Onvif()) as good, Device(lambda _: None) as hanging:
        cameras = [good.camera("good"), hanging.camera("hangs")]
        told = inspection.ask_capabilities(cameras, log_in=[], auth={}, deadline_s=30)
        assert next(told).slot == "good"
        (child,) = (one for one in psutil.Process().children() if inspection.CHILD in one.cmdline())
        child.kill()
        (answer,) = told
    assert answer.slot == "hangs"
    assert isinstance(answer.capabilities.device, NotSeen)
    assert answer.capabilities.device.reason is Reason.AGENT_FAULT
    assert answer.capabilities.device.detail == "child ended with status -9"


def test_without_cameras_there_is_no_child() -> None:
    """An empty batch yields nothing and starts nothing."""
    assert list(inspection.ask_capabilities([], log_in=[], auth={})) == []
    assert list(inspection.inspect([], door=doors.Open(), auth={})) == []


def test_evidence_survives_the_journey() -> None:
    """What the child writes is what the parent reads: values, reasons, times and notes."""
    with Device(Onvif(login="digest")) as device:
        (answer,) = inspection.ask_capabilities([device.camera(password=PASSWORD)], log_in=["a"], auth={"a": "digest"})
        told = answer.capabilities
        first = device.requests[-1]
    assert isinstance(told, Capabilities)
    assert told.auth == "digest"
    assert isinstance(told.device, Seen)
    assert told.device.at > 0
    assert told.device.took_s > 0
    assert first.operation == "GetSnapshotUri"
