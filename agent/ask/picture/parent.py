"""The parent's side of the picture check: a child visits a batch of cameras, another decodes what it brought home.

cv2 and numpy never enter this process, nor does a picture, save the small ones asked for.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, MutableMapping, Sequence
from typing import NamedTuple

import msgspec

from agent.ask.attempt import Trouble, boot_ms
from agent.ask.children import lines
from agent.ask.children import parent as children
from agent.model import Camera, NotSeen, Picture, Seen
from agent.permit import LoginMet
from contract.text import tidy
from contract.vocabulary import Reason

CHILD = "agent.ask.picture.child"
MEMORY_MB = 800
"""Address space of each child. The decoder maps 430 MB before the first picture; a real one in 4K needs 150 more."""
MARGIN_S = 0.5
"""How long after the deadline the child is killed."""
RESERVE_S = 1.5
"""The child stops visiting so long before the deadline, so that what it brought home is decoded."""
SNAPSHOT = "snapshot"
FINGERPRINT = "fingerprint"
"""Among the numbers of a snapshot: by it two that are the same byte for byte are known."""

Met = Callable[[str, LoginMet], None]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One camera to be visited. `reference`: an earlier signature. `deadline_s`: when the last visit has to be over."""

    camera: Camera
    log_in: bool
    source: str
    snapshot_path: str
    measured: bool
    reference: bytes
    deadline_s: float
    thumbnail: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one slot, and how its login went.

    `undecodable`: pictures were fetched and the decoder could make none of them, or none came after PLAY.
    """

    slot: str
    picture: Seen[Picture] | NotSeen
    signature: bytes = b""
    thumbnail: bytes = b""
    undecodable: bool = False
    login: LoginMet = LoginMet()


def check(
    cameras: Sequence[Camera],
    *,
    log_in: Collection[str],
    source: str,
    measured: bool,
    deadline_s: float,
    snapshot_path: Mapping[str, str] | None = None,
    signatures: Mapping[str, bytes] | None = None,
    signed: Callable[[str, bytes], None] | None = None,
    met: Met | None = None,
    undecodable: Callable[[str], None] | None = None,
    thumbnails: MutableMapping[str, bytes] | None = None,
) -> Iterator[tuple[str, Seen[Picture] | NotSeen]]:
    """The picture of every camera, exactly once each, as it is seen; the whole batch within `deadline_s` + 0.5 s.

    `source`: "main" or "sub" = the stream at `camera.stream_path`; "snapshot" = the JPEG at `snapshot_path[slot]` on
    the ONVIF port. `log_in`: slots whose login may be used. `measured`: the numbers that picture faults are judged
    by are wanted; else one picture is enough. `signatures`: slot -> small gray picture that this visit's is compared
    with; `signed(slot, signature)` is given this visit's own, before the slot's result.
    `thumbnails`: slot -> small JPEG of the picture; filled in here, and only then does a picture leave the decoder.
    `met(slot, how)` is told how each slot's login went, `undecodable(slot)` where all was asked as it should be and no
    picture came out of it; both before the slot's own result.

    NotSeen: as in footage and asking; MALFORMED also when what came cannot be decoded, HOSTILE for a picture larger
    than any camera's, AGENT_FAULT when the pictures broke the decoder or were not decoded in
    time, UNASKED when there was no time for the visit.
    """
    waiting = {camera.slot: camera for camera in cameras}
    if not waiting:
        return
    paths, remembered = snapshot_path or {}, signatures or {}
    batch = [
        Job(
            camera=camera,
            log_in=slot in log_in,
            source=source,
            snapshot_path=paths.get(slot, ""),
            measured=measured,
            reference=remembered.get(slot, b""),
            deadline_s=max(deadline_s - RESERVE_S, deadline_s / 2),
            thumbnail=thumbnails is not None,
        )
        for slot, camera in waiting.items()
    ]
    results = children.run(CHILD, map(lines.in_clear, batch), deadline_s=deadline_s + MARGIN_S, memory_mb=MEMORY_MB)
    try:
        trouble = yield from _arriving(results, waiting, _Sinks(signed, thumbnails, met, undecodable))
    finally:
        results.close()  # the children go with us
    for slot in waiting:
        # a visit ends in time by itself, so what is missing now is missing by our own fault
        yield slot, NotSeen(reason=Reason.AGENT_FAULT, detail=tidy(trouble.detail), at=boot_ms())


class _Sinks(NamedTuple):
    """Where goes what comes with a result; see `check`."""

    signed: Callable[[str, bytes], None] | None
    thumbnails: MutableMapping[str, bytes] | None
    met: Met | None
    undecodable: Callable[[str], None] | None

    def take(self, answer: Answer) -> None:
        if self.met:
            self.met(answer.slot, answer.login)
        if answer.undecodable and self.undecodable:
            self.undecodable(answer.slot)
        if answer.signature and self.signed:
            self.signed(answer.slot, answer.signature)
        if answer.thumbnail and self.thumbnails is not None:
            self.thumbnails[answer.slot] = answer.thumbnail


def _arriving(
    results: Generator[bytes, None, Trouble], waiting: dict[str, Camera], sinks: _Sinks
) -> Generator[tuple[str, Seen[Picture] | NotSeen], None, Trouble]:
    """Pictures of the slots still waited for; returns the trouble of those that are left."""
    while waiting:
        try:
            answer = msgspec.json.decode(next(results), type=Answer)
        except StopIteration as end:
            trouble: Trouble = end.value
            return trouble
        except msgspec.DecodeError:
            continue  # its slot stays without an answer
        if waiting.pop(answer.slot, None):
            sinks.take(answer)
            yield answer.slot, answer.picture
    return Trouble(Reason.AGENT_FAULT, "nothing missing")
