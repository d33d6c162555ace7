"""Asks for capabilities in the background, in batches, and keeps the verdicts.

How the questions travel and what the answers mean stands elsewhere; here is only who is asked when.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct, structs

from agent.model import Camera, Device, Evidence, NotSeen, Picture, Seen
from agent.threads import Threaded
from contract.messages import SlotVerdicts, Verdict

log = logging.getLogger(__name__)

FIRST_WAIT_MS = 60_000
LONGEST_WAIT_MS = 3_600_000
"""A slot that asks for questions again and again (its camera does not answer them) gets them ever more rarely."""


class Inspected(Struct, frozen=True, kw_only=True):
    """The last inspection of one slot."""

    verdicts: SlotVerdicts
    device: Device | None


class CapabilityTask(Threaded):
    """One thread. `inspect` yields the evidence of each camera as it arrives, `decode` a frame of each stream it saw.

    `judge` makes verdicts of evidence. Called on this thread: `told(camera, evidence)` once for each camera asked, and
    `judged(slot, before, after)` for each judgement. A slot judged before is judged anew only when all is in, so that a
    verdict does not change and change back within one inspection.
    """

    def __init__(
        self,
        cameras: Callable[[], Sequence[Camera]],
        *,
        inspect: Callable[[Sequence[Camera]], Iterator[Evidence]],
        decode: Callable[[Sequence[tuple[Camera, Evidence]]], Iterator[tuple[str, Seen[Picture] | NotSeen]]],
        judge: Callable[[Evidence], tuple[Verdict, ...]],
        told: Callable[[Camera, Evidence], None],
        judged: Callable[[str, Inspected | None, Inspected], None],
        now: Callable[[], int],
        interval_s: float,
    ) -> None:
        self._cameras, self._now = cameras, now
        self._inspect, self._decode, self._judge = inspect, decode, judge
        self._told, self._judged = told, judged
        self._interval_ms = int(interval_s * 1000)
        self._lock = threading.Lock()
        self._keeping = threading.Lock()
        self._wanted: set[str] = set()
        self._waits: dict[str, tuple[int, int]] = {}  # slot -> (not before, wait), boot ms
        self._wake = threading.Event()
        self._stop = False
        self.latest: dict[str, Inspected] = {}
        super().__init__("inspector", self._run)

    def start(self) -> None:
        self.request(camera.slot for camera in self._cameras())
        super().start()

    def stop(self) -> None:
        self._stop = True
        self._wake.set()

    def request(self, slots: Iterable[str]) -> None:
        """Ask these soon, whatever was asked before."""
        with self._lock:
            self._wanted.update(slots)
        self._wake.set()

    def device(self, slot: str) -> Device | None:
        """Who answered the last questions at this slot, if anybody did."""
        last = self.latest.get(slot)
        return last.device if last else None

    def suggest(self, slot: str) -> None:
        """Ask this one if it has not been asked lately; each repetition waits twice as long."""
        now = self._now()
        with self._lock:
            not_before, wait = self._waits.get(slot, (0, FIRST_WAIT_MS))
            if now < not_before or slot in self._wanted:
                return
            self._waits[slot] = (now + wait, min(2 * wait, LONGEST_WAIT_MS))
            self._wanted.add(slot)
        self._wake.set()

    def _run(self) -> None:
        round_due = self._now() + self._interval_ms
        while not self._stop:
            self._wake.wait(timeout=max(0.0, (round_due - self._now()) / 1000))
            self._wake.clear()
            if self._now() >= round_due:
                round_due += self._interval_ms
                self.request(camera.slot for camera in self._cameras())
            with self._lock:
                wanted, self._wanted = self._wanted, set()
            batch = [camera for camera in self._cameras() if camera.slot in wanted]
            if batch and not self._stop:
                self._ask(batch)

    def _ask(self, batch: Sequence[Camera]) -> None:
        by_slot = {camera.slot: camera for camera in batch}
        found: dict[str, Evidence] = {}
        try:
            for evidence in self._inspect(batch):
                found[evidence.slot] = evidence
                self._take(by_slot[evidence.slot], evidence)
            for slot, picture in self._decode([(by_slot[slot], evidence) for slot, evidence in found.items()]):
                found[slot] = structs.replace(found[slot], picture=picture)
        except Exception:  # a bug here must not end the questions for good
            log.exception("inspection failed")
        for evidence in found.values():
            try:
                self._keep(evidence)
            except Exception:  # nor one camera cost the others their verdicts
                log.exception("judging %s failed", evidence.slot)

    def _take(self, camera: Camera, evidence: Evidence) -> None:
        self._told(camera, evidence)
        if camera.slot not in self.latest:
            self._keep(evidence)
        if isinstance(evidence.capabilities.stream_uri, Seen):
            with self._lock:
                self._waits.pop(camera.slot, None)

    def take(self, camera: Camera, evidence: Evidence) -> None:
        """Evidence that somebody else gathered: judged as our own, on the thread of whoever calls."""
        self._told(camera, evidence)
        self._keep(evidence)

    def _keep(self, evidence: Evidence) -> None:
        with self._keeping:
            self._judge_anew(evidence)

    def _judge_anew(self, evidence: Evidence) -> None:
        device = evidence.capabilities.device
        verdicts = SlotVerdicts(slot=evidence.slot, at=self._now(), verdicts=self._judge(evidence))
        after = Inspected(verdicts=verdicts, device=device.value if isinstance(device, Seen) else None)
        before = self.latest.get(evidence.slot)
        self.latest[evidence.slot] = after
        self._judged(evidence.slot, before, after)
