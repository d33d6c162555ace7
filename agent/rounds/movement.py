"""Moves cameras to prove what they can do: one at a time, in the nightly window, by a clock that can be trusted.

How a camera is moved, watched and put back stands elsewhere. What an agent that died left turned away is put back here.
"""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from agent.ask.attempt import boot_ms
from agent.ask.ptz import parent as ptz
from agent.decide import proof, schedule
from agent.decide.soundness import PictureChange
from agent.examine import Motion, examine
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.model import Camera, Device, Evidence, Movement, Seen
from agent.permit import onvif_login
from agent.settings.entries import MovementEntry
from agent.threads import Threaded
from contract.vocabulary import PTZ_FAULT

log = logging.getLogger(__name__)

TICK_S = 20.0
FIRST_S = 3.0
"""After the start: a child of the agent before us may still be stopping its camera."""
RETRY_S = 600.0
"""Between two attempts to put a camera back that did not come back."""
ASK_S = 30.0
"""For the questions before the movement."""
SPARE_S = ASK_S + ptz.STARTING_S + ptz.PUT_BACK_S + ptz.STARTING_S + 60.0
"""What a movement may take at worst beyond the time away, decoding and the talk test included."""


class MovementTask(Threaded):
    """One thread. `cameras()`: every slot; `movable()`: those whose stream can be opened now.

    `device_of(slot)`: who answered the last questions. `clock()`: UTC seconds, None while they cannot be trusted.
    `spared(slot)`: nobody reads the slot's picture meanwhile. `take(camera, evidence)` is given what was seen,
    `record(slot, change)` a ptz fault raised or cleared, `not_restored(slot, detail)` a view that is not what it was,
    `fault(what, slot)` what went wrong on our side.
    """

    def __init__(
        self,
        cameras: Callable[[], Sequence[Camera]],
        *,
        settings: MovementEntry,
        intent_file: Path,
        memory: LearntFile,
        door: LoginGate,
        movable: Callable[[], Sequence[Camera]],
        device_of: Callable[[str], Device | None],
        clock: Callable[[], float | None],
        spared: Callable[[str], AbstractContextManager[None]],
        take: Callable[[Camera, Evidence], None],
        record: Callable[[str, PictureChange], None],
        not_restored: Callable[[str, str], None],
        fault: Callable[[str, str], None],
    ) -> None:
        self._cameras, self._movable, self._device_of = cameras, movable, device_of
        self._settings, self._memory, self._door = settings, memory, door
        self._clock = clock
        self._motion = Motion(max_away_s=settings.max_away, intent_file=intent_file)
        self._spared, self._take = spared, take
        self._record, self._not_restored, self._fault = record, not_restored, fault
        self._tried: dict[str, int] = {}
        """Slot -> the window (days since 1970) in which it was last tried: once a night is enough."""
        self._put_back_due = 0
        self._left: Collection[str] = ()
        """Slots that did not come back, as told."""
        self._stopping = threading.Event()
        self.faulty: dict[str, int] = {}
        """Slot -> boot ms since which its ptz fault is known."""
        super().__init__("mover", self._run)

    def start(self) -> None:
        self._recall_faults()
        super().start()

    def stop(self) -> None:
        """No further movement. One under way is cut short: its head stops, and the next start puts it back."""
        self._stopping.set()

    def _run(self) -> None:
        pause_s = FIRST_S
        while not self._stopping.wait(pause_s):
            pause_s = TICK_S
            try:
                self.put_back()
                if self._settings.enabled:
                    self.move_next()
            except Exception:  # a bug here must not end it for good
                log.exception("movement failed")

    # ---- what was interrupted -------------------------------------------------------------------

    def put_back(self) -> None:
        """Put back every camera that a movement left away, and say so; those that do not answer later again."""
        file = self._motion.intent_file
        if boot_ms() < self._put_back_due or not (left := ptz.away(file)):
            return
        by_slot = {camera.slot: self._memory.identified(camera) for camera in self._cameras()}
        with ExitStack() as stack:
            for slot in left:
                stack.enter_context(self._spared(slot))
            back = ptz.put_back(
                file,
                by_slot.get,
                allowed=lambda slot: self._door.may(by_slot[slot], onvif_login),
                met=lambda camera, how: self._door.met(camera, onvif_login, how),
            )
        away = ptz.away(file)
        for slot in back:
            log.warning("%s: a movement was interrupted; the camera was put back", slot)
            self._fault("a movement was interrupted; the camera was put back", slot)
        for slot in sorted(away.difference(self._left)):
            log.warning("%s: a movement was interrupted; the camera is not back yet", slot)
            self._not_restored(slot, "a movement was interrupted; the camera could not be put back yet")
        self._left = away
        self._put_back_due = boot_ms() + int(RETRY_S * 1000) if away else 0

    # ---- the next one ---------------------------------------------------------------------------

    def move_next(self) -> bool:
        """Move the next camera that is due, if the window is open long enough; whether one was moved."""
        now_s = self._clock()
        if now_s is None:
            return False
        window = self._settings.window
        if schedule.left_s(window.begin_s, window.end_s, now_s) < self._settings.max_away + SPARE_S:
            return False
        night = schedule.window_day(window.begin_s, now_s)
        due = (one for one in self._movable() if self._tried.get(one.slot) != night and self._is_due(one, now_s))
        camera = next(due, None)
        if camera is None:
            return False
        self._tried[camera.slot] = night
        self._move(camera, now_s)
        return True

    def _is_due(self, camera: Camera, now_s: float) -> bool:
        """Never moved, not lately, or it has become another camera since."""
        refusal = self._door.refusal(camera)
        if (refusal and refusal.paused) or self._door.is_barred(camera.slot):
            return False
        before = self._memory.proof(camera.slot)
        if before is None or not proof.holds(before, camera.address, self._device_of(camera.slot)):
            return True
        return not 0 <= now_s - before.at_s < self._settings.interval

    def _move(self, camera: Camera, now_s: float) -> None:
        slot = camera.slot
        log.info("%s: moving it to see what it can do", slot)
        with self._spared(slot):
            (evidence,) = examine(
                [self._memory.identified(camera)],
                door=self._door,
                auth={slot: self._memory.learnt(camera).auth},
                deadline_s=ASK_S,
                motion=self._motion,
                sound=self._settings.sound,
                advance=lambda: None,
            )
        before = self._memory.proof(slot)
        self._memory.keep_proof(slot, proof.renewed(before, evidence, camera.address, now_s))
        self._take(camera, evidence)
        self._tell(slot, evidence.movement)

    def _tell(self, slot: str, movement: Movement) -> None:
        if not movement.restored:
            log.warning("%s: after the movement the view is not what it was", slot)
            self._not_restored(slot, "after the movement the view is not what it was; turn the camera back by hand")
        since = self.faulty.get(slot)
        metrics = dict.fromkeys(movement.faults, 1.0)
        if movement.faults and since is None:
            self._raise(slot, metrics)
        elif since is not None and not movement.faults and _was_moved(movement):
            del self.faulty[slot]
            self._record(slot, PictureChange(fault=PTZ_FAULT, from_=since, to=boot_ms(), metrics=metrics))

    def _raise(self, slot: str, metrics: dict[str, float]) -> None:
        self.faulty[slot] = boot_ms()
        self._record(slot, PictureChange(fault=PTZ_FAULT, from_=self.faulty[slot], to=None, metrics=metrics))

    def _recall_faults(self) -> None:
        """A session begins with nothing told; what the last movement showed still holds until the next."""
        for camera in self._cameras():
            before = self._memory.proof(camera.slot)
            if before and before.movement.faults and proof.holds(before, camera.address, None):
                self._raise(camera.slot, dict.fromkeys(before.movement.faults, 1.0))


def _was_moved(movement: Movement) -> bool:
    return any(isinstance(part, Seen) for part in (movement.rotation, movement.zoom, movement.focus))
