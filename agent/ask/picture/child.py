"""Child only, run as `python -m agent.ask.picture.child`: the pictures of a batch of cameras, fetched and decoded.

The passwords are here and the decoder is another process. A device is visited by one thread only, however many slots it
carries, and one that hangs costs nobody else.
"""

import threading
import zlib
from collections.abc import Iterable
from queue import Empty, SimpleQueue

from msgspec import structs

from agent.ask.attempt import Deadline, Trouble, ask, boot_ms
from agent.ask.children import lines
from agent.ask.children.child import Tell, serve
from agent.ask.picture.capture import Footage, film, photograph
from agent.ask.picture.decoder_client import Decoded, Decoder
from agent.ask.picture.parent import FINGERPRINT, PATIENT_S, SNAPSHOT, PictureJob, PictureResult
from agent.model import Credentials, NotSeen, Picture, Seen
from agent.permit import Permit
from contract.reasons import Finding
from contract.text import tidy
from contract.vocabulary import Reason

VISITORS = 8
"""Devices visited at once, and so streams that enter the box at a time."""
VISIT_S = 8.0
"""Longest time for fetching one camera's pictures; most take 1.5 s, a keyframe may be 4 s away."""
SHARE = 0.8
"""Of a short deadline, for one visit."""
_SHOWS_NOTHING = (Finding.NO_MEDIA, Finding.SETUP_FAILED)
STACK_BYTES = 512 * 1024
MAX_METRICS = 64


def work(told: list[bytes], tell: Tell) -> None:
    """Visit every camera of the batch and tell each result when it is known."""
    batch = [lines.sealed(line, PictureJob) for line in told]
    waiting: SimpleQueue[list[PictureJob]] = SimpleQueue()
    for device in _by_device(batch):
        waiting.put(device)
    rounds = _Rounds(min((job.deadline_s for job in batch), default=0.0), tell)
    threading.stack_size(STACK_BYTES)
    visitors = [threading.Thread(target=rounds.make, args=(waiting,)) for _ in range(min(VISITORS, waiting.qsize()))]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    rounds.end()


def _by_device(batch: Iterable[PictureJob]) -> Iterable[list[PictureJob]]:
    devices: dict[tuple[str, int], list[PictureJob]] = {}
    for job in batch:
        devices.setdefault((job.camera.address, job.camera.ports.rtsp), []).append(job)
    return devices.values()


class _Rounds:
    """What all visitors share: the decoder, and the time that is left."""

    def __init__(self, seconds: float, tell: Tell) -> None:
        self._deadline = Deadline(seconds)
        self._visit_s = min(VISIT_S, SHARE * seconds)
        self._tell = tell
        self._decoder = Decoder()
        self._decoder.start()

    def end(self) -> None:
        self._decoder.close()

    def make(self, waiting: SimpleQueue[list[PictureJob]]) -> None:
        """Visit one device after the other. A login that one has refused is not shown to it again."""
        while True:
            try:
                device = waiting.get_nowait()
            except Empty:
                return
            refused: set[Credentials | None] = set()
            for job in device:
                login = job.camera.credentials if job.source == SNAPSHOT else job.camera.stream_credentials
                permit = Permit(job.log_in and login not in refused)
                try:
                    answer = self._answer(job, permit)
                except Exception as error:  # a fault of ours costs this camera alone
                    fault = NotSeen(
                        reason=Reason.AGENT_FAULT, detail=f"{type(error).__name__} at a visit", at=boot_ms()
                    )
                    answer = PictureResult(slot=job.camera.slot, picture=fault)
                if permit.met.failed:
                    refused.add(login)
                self._tell(lines.in_clear(structs.replace(answer, login=permit.met)))

    def _answer(self, job: PictureJob, permit: Permit) -> PictureResult:
        slot = job.camera.slot
        visit_s = PATIENT_S if job.patient else self._visit_s
        if self._deadline.passed(in_s=visit_s):
            late = NotSeen(reason=Reason.UNASKED, detail="no time left for a visit", at=boot_ms(), attempts=0)
            return PictureResult(slot=slot, picture=late)
        deadline = self._deadline.within(visit_s)
        fetched = ask(lambda: _fetch(job, deadline, permit), deadline=deadline)
        if isinstance(fetched, NotSeen):
            return PictureResult(slot=slot, picture=fetched, undecodable=fetched.finding in _SHOWS_NOTHING)
        decoded = self._decoded(job, fetched.value)
        if decoded.reason:
            unseen = _unseen(fetched, decoded.reason, decoded.detail)
            return PictureResult(slot=slot, picture=unseen, undecodable=decoded.reason is Reason.MALFORMED)
        picture = _picture(job.source, fetched.value, decoded)
        if job.source == SNAPSHOT:
            crc = float(zlib.crc32(fetched.value.takes[0].data))
            picture = structs.replace(picture, metrics={**picture.metrics, FINGERPRINT: crc})
        if job.patient and fetched.took_s > VISIT_S:
            picture = structs.replace(picture, finding=Finding.NO_KEYFRAME)
        seen = Seen(value=picture, at=fetched.at, took_s=fetched.took_s, attempts=fetched.attempts)
        return PictureResult(slot=slot, picture=seen, signature=decoded.signature, thumbnail=decoded.thumbnail)

    def _decoded(self, job: PictureJob, footage: Footage) -> Decoded:
        try:
            return self._decoder.decode(footage, job.reference, measured=job.measured, thumbnail=job.thumbnail)
        except Trouble as trouble:
            return Decoded(reason=trouble.reason, detail=trouble.detail)


def _fetch(job: PictureJob, deadline: Deadline, permit: Permit) -> Footage:
    if job.source == SNAPSHOT:
        if not job.snapshot_path:
            raise Trouble(Reason.UNASKED, "no snapshot path known yet")
        return photograph(job.camera, job.snapshot_path, log_in=permit, deadline=deadline)
    if not job.camera.stream_path:
        raise Trouble(Reason.UNASKED, "no stream path known yet")
    return film(job.camera, log_in=permit, deadline=deadline, brief=not job.measured, patient=job.patient)


def _unseen(fetched: Seen[Footage], reason: Reason, detail: str) -> NotSeen:
    return NotSeen(reason=reason, detail=tidy(detail), at=fetched.at, took_s=fetched.took_s, attempts=fetched.attempts)


def _picture(source: str, footage: Footage, decoded: Decoded) -> Picture:
    """The decoder's answer as text from outside: a picture may have taken it over."""
    return Picture(
        source=source,
        width=decoded.width,
        height=decoded.height,
        codec=footage.codec,
        metrics={tidy(name, 40): value for name, value in list(decoded.metrics.items())[:MAX_METRICS]},
        upscaled=decoded.upscaled,
    )


if __name__ == "__main__":
    serve(work)
