"""Asks for capabilities, in batches: all in each round, between rounds those that are wanted.

How the questions travel stands in `ask`, what the answers mean in `decide`.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

from msgspec import structs

from agent.ask import inspection
from agent.ask.attempt import boot_ms
from agent.examine import decode
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.loop import Round
from agent.model import Camera, Evidence, Seen
from agent.records import Provisional
from agent.slots import Slots
from agent.threads import describe, whereabouts

log = logging.getLogger(__name__)


class CapabilityTask(Round):
    """What each camera can do.

    A slot judged before is judged anew only when all is in, so that a verdict does not change and change back within
    one inspection.
    """

    def __init__(
        self,
        slots: Slots,
        *,
        learnt: LearntFile,
        door: LoginGate,
        interval_s: float,
        deadline_s: float,
        now: Callable[[], int] = boot_ms,
    ) -> None:
        self._slots, self._learnt, self._door = slots, learnt, door
        self._interval_ms, self._deadline_s, self._now = int(interval_s * 1000), deadline_s, now
        self._round_due = now()

    def run(self) -> None:
        if self._now() >= self._round_due:
            self._round_due = self._now() + self._interval_ms
            self._slots.ask(self._slots)
        if batch := self._slots.take_wanted():
            self._ask([self._learnt.identified(camera) for camera in batch])

    def next_ms(self, ended_ms: int) -> int:
        return self._round_due

    def _ask(self, batch: Sequence[Camera]) -> None:
        by_slot = {camera.slot: camera for camera in batch}
        auth = {camera.slot: self._learnt.learnt(camera).auth for camera in batch}
        found: dict[str, Evidence] = {}
        try:
            for evidence in inspection.inspect(batch, door=self._door, auth=auth, deadline_s=self._deadline_s):
                found[evidence.slot] = evidence
                self._take(evidence)
            for result in decode([(by_slot[slot], one) for slot, one in found.items()], door=self._door):
                found[result.slot] = structs.replace(found[result.slot], picture=result.picture)
        finally:
            self._judge(found.values())

    def _take(self, evidence: Evidence) -> None:
        slot = self._slots[evidence.slot]
        slot.learn(evidence.capabilities)
        if slot.inspected is None:
            slot.apply(Provisional(evidence=evidence))
        if isinstance(evidence.capabilities.stream_uri, Seen):
            self._slots.answered(evidence.slot)

    def _judge(self, found: Iterable[Evidence]) -> None:
        for evidence in found:
            try:
                self._slots[evidence.slot].apply(evidence)
            except Exception as error:  # one camera must not cost the others their verdicts
                what, where = describe(type(error), error), whereabouts(error.__traceback__)
                log.error("judging %s failed: %s\n%s", evidence.slot, what, where)
