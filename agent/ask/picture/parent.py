"""The parent's side of the picture check: a child visits a batch of cameras, another decodes what it brought home.

cv2 and numpy never enter this process, nor does a picture, save the small ones asked for.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from agent.ask.attempt import boot_ms
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
PATIENT_S = 30.0
"""Longest time for one patient visit."""
PATIENT_BATCH_S = PATIENT_S + 2 * RESERVE_S
"""Deadline of a batch with one patient visit for each device."""
SNAPSHOT = "snapshot"
FINGERPRINT = "fingerprint"
"""Among the numbers of a snapshot: by it two that are the same byte for byte are known."""


class PictureJob(msgspec.Struct, frozen=True, kw_only=True):
    """One camera to be visited. `reference`: an earlier signature. `deadline_s`: when the last visit has to be over."""

    camera: Camera
    log_in: bool
    source: str
    snapshot_path: str
    measured: bool
    reference: bytes
    deadline_s: float
    thumbnail: bool = False
    patient: bool = False


class PictureResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one slot, and how its login went.

    `undecodable`: all was asked as it should be, and pictures were fetched of which the decoder could make none, or
    none came after PLAY, or what was described was not granted to be played. `signature`: small and gray, to compare
    the next check's picture with. `thumbnail`: a small JPEG, where one was asked for.
    """

    slot: str
    picture: Seen[Picture] | NotSeen
    signature: bytes = b""
    thumbnail: bytes = b""
    undecodable: bool = False
    login: LoginMet | None = None
    """None: the child ended before it told."""


def check(
    cameras: Sequence[Camera],
    *,
    log_in: Collection[str],
    source: str,
    measured: bool,
    deadline_s: float,
    snapshot_path: Mapping[str, str] | None = None,
    signatures: Mapping[str, bytes] | None = None,
    thumbnails: bool = False,
    patient: bool = False,
) -> Iterator[PictureResult]:
    """The picture of every camera, exactly once each, as it is seen; the whole batch within `deadline_s` + 0.5 s.

    `source`: "main" or "sub" = the stream at `camera.stream_path`; "snapshot" = the JPEG at `snapshot_path[slot]` on
    the ONVIF port. `log_in`: slots whose login may be used. `measured`: the numbers that picture faults are judged
    by are wanted; else one picture is enough. `signatures`: slot -> the signature of an earlier check, which this
    one's picture is compared with. `thumbnails`: only where True does a small JPEG of the picture leave the decoder.
    `patient`: each visit may wait PATIENT_S for its keyframe; a picture that needed it has the finding NO_KEYFRAME.

    NotSeen: as in capture and attempt; MALFORMED also when what came cannot be decoded, HOSTILE for a picture larger
    than any camera's, AGENT_FAULT when the pictures broke the decoder or were not decoded in
    time, UNASKED when there was no time for the visit.
    """
    waiting = {camera.slot: camera for camera in cameras}
    if not waiting:
        return
    paths, remembered = snapshot_path or {}, signatures or {}
    batch = [
        PictureJob(
            camera=camera,
            log_in=slot in log_in,
            source=source,
            snapshot_path=paths.get(slot, ""),
            measured=measured,
            reference=remembered.get(slot, b""),
            deadline_s=max(deadline_s - RESERVE_S, deadline_s / 2),
            thumbnail=thumbnails,
            patient=patient,
        )
        for slot, camera in waiting.items()
    ]
    results = children.run(CHILD, map(lines.in_clear, batch), deadline_s=deadline_s + MARGIN_S, memory_mb=MEMORY_MB)
    try:
        trouble = yield from children.decoded(results, waiting, msgspec.json.Decoder(PictureResult).decode)
    finally:
        results.close()  # the children go with us
    for slot in waiting:
        # a visit ends in time by itself, so what is missing now is missing by our own fault
        missing = NotSeen(reason=Reason.AGENT_FAULT, detail=tidy(trouble.detail), at=boot_ms())
        yield PictureResult(slot=slot, picture=missing)
