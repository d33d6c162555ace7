"""One thorough examination of some cameras: questions, looks, decoded pictures and, where wanted, movement and sound.

How each is done stands in ask; here is only their order. What the answers mean must not be known here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from agent.ask import inspection
from agent.ask.picture import parent as pictures
from agent.ask.ptz import parent as ptz
from agent.model import Camera, Capabilities, Evidence, NotSeen, Picture, Seen

STEPS = 3
"""Calls of `advance` per camera: asked, seen, moved."""
PICTURES_S = 90.0
"""For the main streams of all cameras together."""


class Motion(Struct, frozen=True, kw_only=True):
    """Permission to move cameras. `max_away_s`: how long one may be away; `intent_file`: remembers what to put back."""

    max_away_s: float
    intent_file: Path


def examine(
    cameras: Sequence[Camera],
    *,
    auth: Mapping[str, str],
    deadline_s: float,
    motion: Motion | None,
    sound: bool,
    advance: Callable[[], None],
    thumbnails: MutableMapping[str, bytes] | None = None,
) -> list[Evidence]:
    """The evidence of every camera, in the order given. `advance` is called once per camera and step.

    `thumbnails`: filled with a small JPEG of each slot's picture; None = no picture leaves the decoder.
    """
    by_slot = {camera.slot: camera for camera in cameras}
    found: dict[str, Evidence] = {}
    for evidence in inspection.inspect(cameras, log_in=set(by_slot), auth=auth, deadline_s=deadline_s, sound=sound):
        found[evidence.slot] = evidence
        advance()
    undecoded = set(found)
    shown = [(by_slot[slot], one) for slot, one in found.items()]
    for slot, picture in decode(shown, log_in=set(by_slot), thumbnails=thumbnails):
        found[slot] = structs.replace(found[slot], picture=picture)
        undecoded.discard(slot)
        advance()
    for _ in undecoded:
        advance()
    for slot, evidence in found.items():
        if motion:
            movement = ptz.move(
                by_slot[slot],
                evidence.capabilities,
                max_away_s=motion.max_away_s,
                intent_file=motion.intent_file,
            )
            found[slot] = structs.replace(evidence, movement=movement)
        advance()
    return [found[camera.slot] for camera in cameras]


def decode(
    asked: Iterable[tuple[Camera, Evidence]],
    *,
    log_in: Collection[str],
    deadline_s: float = PICTURES_S,
    thumbnails: MutableMapping[str, bytes] | None = None,
) -> Iterator[tuple[str, Seen[Picture] | NotSeen]]:
    """A decoded frame of each main stream that was just seen.

    `log_in`: slots whose login may be used. That DESCRIBE was granted proves no login: SETUP may still ask for one.
    """
    shown = [
        at_stream(camera, evidence.capabilities)
        for camera, evidence in asked
        if evidence.look and isinstance(evidence.look.stream, Seen)
    ]
    return pictures.check(
        shown, log_in=log_in, source="main", thresholds={}, deadline_s=deadline_s, thumbnails=thumbnails
    )


def at_stream(camera: Camera, told: Capabilities) -> Camera:
    """The camera with the stream that ONVIF named, unless its settings name one."""
    uri = told.stream_uri
    if camera.stream_path or not isinstance(uri, Seen):
        return camera
    ports = structs.replace(camera.ports, rtsp=uri.value.port)
    return structs.replace(camera, stream_path=uri.value.path, ports=ports)
