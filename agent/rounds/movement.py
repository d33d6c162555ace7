"""Moves cameras to prove what they can do: one at a time, in the nightly window, by a clock that can be trusted.

How a camera is moved, watched and put back stands in `ask`. What an agent that died left turned away is put back here.
"""

import logging
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path

from agent.ask.attempt import boot_ms
from agent.ask.ptz import parent as ptz
from agent.decide import proof, schedule
from agent.examine import Motion, examine
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.loop import Round
from agent.permit import onvif_login
from agent.session import Session
from agent.settings.entries import MovementEntry
from agent.slot import Slot
from agent.slots import Slots

log = logging.getLogger(__name__)

TICK_MS = 20_000
FIRST_S = 3.0
"""After the start: a child of the agent before us may still be stopping its camera."""
RETRY_MS = 600_000
"""Between two attempts to put a camera back that did not come back."""
ASK_S = 30.0
"""For the questions before the movement."""
SPARE_S = ASK_S + ptz.STARTING_S + ptz.PUT_BACK_S + ptz.STARTING_S + 60.0
"""What a movement may take at worst beyond the time away, decoding and the talk test included."""


class MovementTask(Round):
    """What each camera can do when it is moved.

    `intent_file` remembers what is to be put back. `trusted_s()`: UTC seconds, None while they cannot be trusted.
    """

    def __init__(
        self,
        slots: Slots,
        *,
        settings: MovementEntry,
        intent_file: Path,
        learnt: LearntFile,
        door: LoginGate,
        trusted_s: Callable[[], float | None],
        session: Session,
    ) -> None:
        self._slots, self._settings, self._learnt, self._door = slots, settings, learnt, door
        self._trusted_s, self._session = trusted_s, session
        self._motion = Motion(max_away_s=settings.max_away, intent_file=intent_file)
        self._put_back_due = 0
        self._away: Collection[str] = ()
        """Slots that did not come back, as told."""
        self._recall_faults()

    def run(self) -> None:
        self.put_back()
        if self._settings.enabled:
            self.move_next()

    def next_ms(self, ended_ms: int) -> int:
        return ended_ms + TICK_MS

    # ---- what was interrupted -------------------------------------------------------------------

    def put_back(self) -> None:
        """Put back every camera that a movement left away, and say so; those that do not answer later again."""
        file = self._motion.intent_file
        if boot_ms() < self._put_back_due or not (left := ptz.away(file)):
            return
        by_slot = {slot.name: self._learnt.identified(slot.camera) for slot in self._slots.values()}
        with ExitStack() as stack:
            for name in left:
                stack.enter_context(self._slots.spared(name))
            back = ptz.put_back(
                file,
                by_slot.get,
                allowed=lambda name: self._door.may(by_slot[name], onvif_login),
                met=lambda camera, how: self._door.met(camera, onvif_login, how),
            )
        away = ptz.away(file)
        for name in back:
            log.warning("%s: a movement was interrupted; the camera was put back", name, extra={"slot": name})
            self._session.fault("a movement was interrupted; the camera was put back", name)
        for name in sorted(away.difference(self._away)):
            log.warning("%s: a movement was interrupted; the camera is not back yet", name, extra={"slot": name})
            told = "a movement was interrupted; the camera could not be put back yet"
            self._session.view_not_restored(name, told)
        self._away = away
        self._put_back_due = boot_ms() + RETRY_MS if away else 0

    def _recall_faults(self) -> None:
        """A session begins with nothing told; what the last movement showed still holds until the next."""
        for slot in self._slots.values():
            before = self._learnt.proof(slot.name)
            if before and before.movement.faults and proof.holds(before, slot.camera.address, None):
                slot.apply(before.movement)

    # ---- the next one ---------------------------------------------------------------------------

    def move_next(self) -> bool:
        """Move the next camera that is due, if the window is open long enough; whether one was moved."""
        now_s = self._trusted_s()
        if now_s is None:
            return False
        window = self._settings.window
        if schedule.left_s(window.begin_s, window.end_s, now_s) < self._settings.max_away + SPARE_S:
            return False
        night = schedule.window_day(window.begin_s, now_s)
        due = (slot for slot in self._slots.viewable if slot.moved_on != night and self._is_due(slot, now_s))
        slot = next(due, None)
        if slot is None:
            return False
        slot.moved_on = night
        self._move(slot, now_s)
        return True

    def _is_due(self, slot: Slot, now_s: float) -> bool:
        """Never moved, not lately, or it has become another camera since."""
        refusal = self._door.refusal(slot.camera)
        if (refusal and refusal.paused) or self._door.is_barred(slot.name):
            return False
        before = self._learnt.proof(slot.name)
        if before is None or not proof.holds(before, slot.camera.address, slot.device):
            return True
        return not 0 <= now_s - before.at_s < self._settings.interval

    def _move(self, slot: Slot, now_s: float) -> None:
        name, camera = slot.name, slot.camera
        log.info("%s: moving it to see what it can do", name, extra={"slot": name})
        with self._slots.spared(name):
            (examined,) = examine(
                [self._learnt.identified(camera)],
                door=self._door,
                auth={name: self._learnt.learnt(camera).auth},
                deadline_s=ASK_S,
                motion=self._motion,
                sound=self._settings.sound,
                advance=lambda: None,
            )
        before, evidence = self._learnt.proof(name), examined.evidence
        self._learnt.keep_proof(name, proof.renewed(before, evidence, camera.address, now_s))
        slot.learn(evidence.capabilities)
        slot.apply(evidence)
        if not evidence.movement.restored:
            log.warning("%s: after the movement the view is not what it was", name, extra={"slot": name})
            told = "after the movement the view is not what it was; turn the camera back by hand"
            self._session.view_not_restored(name, told)
        slot.apply(evidence.movement)
