"""One thorough examination of some cameras: questions, looks, decoded pictures and, where wanted, movement and sound.

How each is done stands in ask; here is only their order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from agent.ask import inspection
from agent.ask.attempt import boot_ms
from agent.ask.picture import parent as pictures
from agent.ask.picture.parent import PictureResult
from agent.ask.ptz import parent as ptz
from agent.model import Camera, Capabilities, Evidence, Movement, NotSeen, Seen
from agent.permit import Door, LoginMet, onvif_login, stream_login
from contract.reasons import Finding
from contract.vocabulary import Reason

STEPS = 3
"""Calls of `advance` per camera: asked, seen, moved."""
PICTURES_S = 90.0
"""For the main streams of all cameras together."""


class Motion(Struct, frozen=True, kw_only=True):
    """Permission to move cameras. `max_away_s`: how long one may be away; `intent_file`: remembers what to put back."""

    max_away_s: float
    intent_file: Path


class Examined(Struct, frozen=True, kw_only=True):
    """What was found of one camera. `thumbnail`: a small JPEG of its picture, where one was asked for and seen."""

    evidence: Evidence
    thumbnail: bytes = b""


def examine(
    cameras: Sequence[Camera],
    *,
    door: Door,
    auth: Mapping[str, str],
    deadline_s: float,
    motion: Motion | None,
    sound: bool,
    advance: Callable[[], None],
    thumbnails: bool = False,
) -> list[Examined]:
    """What is found of every camera, in the order given. `advance` is called once per camera and step.

    `thumbnails`: only where True does a small JPEG of each picture leave the decoder.
    """
    by_slot = {camera.slot: camera for camera in cameras}
    found: dict[str, Evidence] = {}
    for evidence in inspection.inspect(cameras, door=door, auth=auth, deadline_s=deadline_s, sound=sound):
        found[evidence.slot] = evidence
        advance()
    shown, jpegs = [(by_slot[slot], one) for slot, one in found.items()], dict.fromkeys(found, b"")
    undecoded = set(found)
    for result in decode(shown, door=door, thumbnails=thumbnails):
        found[result.slot] = structs.replace(found[result.slot], picture=result.picture)
        jpegs[result.slot] = result.thumbnail
        undecoded.discard(result.slot)
        advance()
    for _ in undecoded:
        advance()
    for slot, evidence in found.items():
        if motion:
            found[slot] = structs.replace(evidence, movement=_moved(by_slot[slot], evidence, motion, door))
        advance()
    return [Examined(evidence=found[camera.slot], thumbnail=jpegs[camera.slot]) for camera in cameras]


def _moved(camera: Camera, evidence: Evidence, motion: Motion, door: Door) -> Movement:
    if camera.slot not in door.allowed((camera,), onvif_login):
        paused = NotSeen(reason=Reason.REFUSED, detail="not moved: no login may be sent", at=boot_ms())
        return Movement(rotation=paused, zoom=paused, focus=paused)
    met = [LoginMet()]
    try:
        return ptz.move(
            camera,
            evidence.capabilities,
            max_away_s=motion.max_away_s,
            intent_file=motion.intent_file,
            met=lambda _camera, how: met.append(how),
        )
    finally:
        for how in met:
            door.met(camera, onvif_login, how)


def decode(
    asked: Iterable[tuple[Camera, Evidence]],
    *,
    door: Door,
    deadline_s: float = PICTURES_S,
    thumbnails: bool = False,
) -> Iterator[PictureResult]:
    """A decoded frame of each main stream that was just seen.

    `door` is asked: that DESCRIBE was granted proves no login, SETUP may still ask for one. A camera whose keyframes
    come too seldom is visited once more, patiently.
    """
    shown = [
        at_stream(camera, evidence.capabilities)
        for camera, evidence in asked
        if evidence.look and isinstance(evidence.look.stream, Seen)
    ]
    seldom = []
    for result in _decoded(shown, door, thumbnails=thumbnails, deadline_s=deadline_s):
        if isinstance(result.picture, NotSeen) and result.picture.finding == Finding.NO_KEYFRAME:
            seldom.append(next(camera for camera in shown if camera.slot == result.slot))
        else:
            yield result
    for camera in seldom:
        deadline_s = pictures.PATIENT_BATCH_S
        yield from _decoded([camera], door, thumbnails=thumbnails, deadline_s=deadline_s, patient=True)


def _decoded(
    cameras: Sequence[Camera], door: Door, *, thumbnails: bool, deadline_s: float, patient: bool = False
) -> Iterator[PictureResult]:
    """One check of these, each login with leave."""
    by_slot, log_in = {camera.slot: camera for camera in cameras}, door.allowed(cameras, stream_login)
    for result in pictures.check(
        cameras,
        log_in=log_in,
        source="main",
        measured=False,
        deadline_s=deadline_s,
        thumbnails=thumbnails,
        patient=patient,
    ):
        if result.login and result.slot in log_in:
            door.met(by_slot[result.slot], stream_login, result.login)
        yield result


def at_stream(camera: Camera, told: Capabilities) -> Camera:
    """The camera with the stream that ONVIF named, unless its settings name one."""
    uri = told.stream_uri
    if camera.stream_path or not isinstance(uri, Seen):
        return camera
    ports = structs.replace(camera.ports, rtsp=uri.value.port)
    return structs.replace(camera, stream_path=uri.value.path, ports=ports)
