"""Looks at one camera, again and again, on a grid of its own; a change is hurried to its second look.

All slots of one device share its grid: their looks follow one another, over one connection where the device allows it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from agent.ask.attempt import boot_ms
from agent.ask.box import neighbours
from agent.ask.look import LOGIN_REFUSED, lock_device, look
from agent.decide import schedule
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.loop import Task, Wait
from agent.model import Camera, Look, NotSeen, Seen
from agent.permit import Permit, onvif_login, stream_login
from agent.records import Unwatched
from agent.slot import Slot
from agent.slots import Slots, came_back
from contract.text import tidy
from contract.vocabulary import Reason

STUCK_GRACE_S = 2.0
"""A look may outlive its deadline by this much (a slow box) before it counts as stuck."""


class LookTask(Task[Look]):
    """Whether one camera can be opened now. `hurry_s`: so soon a look that differed is repeated."""

    def __init__(
        self,
        slot: Slot,
        slots: Slots,
        *,
        learnt: LearntFile,
        door: LoginGate,
        interval_s: float,
        deadline_s: float,
        hurry_s: float,
        now: Callable[[], int] = boot_ms,
    ) -> None:
        self._slot, self._slots, self._learnt, self._door = slot, slots, learnt, door
        self._interval_s, self._deadline_s, self._hurry_ms = interval_s, deadline_s, int(hurry_s * 1000)
        self._now, self._began_ms = now, 0

    def lock(self) -> AbstractContextManager[Wait]:
        """Waits until nobody of ours is at the device, WAIT_S at most."""
        return lock_device(self._slot.camera)

    def run(self) -> Look:
        self._began_ms = self._now()
        return self.look(self._slot.camera)

    def look(self, enrolled: Camera) -> Look:
        """One look, and what it teaches beside the state of the camera."""
        camera = self._learnt.recall(enrolled)
        seen = self._seen(camera)
        self._learnt.learn_nic(camera.slot, seen.nic)
        self._beware(camera)
        lost = isinstance(seen.stream, NotSeen) and seen.stream.reason in (Reason.UNASKED, Reason.UNSUPPORTED)
        refusal = self._door.refusal(camera, onvif_login)
        if isinstance(seen.tcp, Seen) and (lost or (refusal and not refusal.paused)):
            self._slots.suggest(camera.slot)  # it answers, but where its stream is must be learnt (again)
        return seen

    def _seen(self, camera: Camera) -> Look:
        refusal = None if camera.stream_path else self._door.refusal(camera, onvif_login)
        pathless = LOGIN_REFUSED if refusal else None
        permit = Permit(bool(camera.stream_path) and self._door.may(camera, stream_login))
        asked = permit.allowed
        try:
            return look(camera, log_in=permit, deadline_s=self._deadline_s, pathless=pathless)
        finally:
            if asked:
                self._door.met(camera, stream_login, permit.met)

    def _beware(self, camera: Camera) -> None:
        """Another device at the camera's address is a reason to look around now; what the round finds decides."""
        before, self._slot.beside = self._slot.beside, neighbours.another(camera)
        if self._slot.beside not in ("", before):
            self._slots.discover_now.set()

    def take(self, found: Look) -> None:
        if came_back(self._slot.apply(found)):
            self._slots.suggest(self._slot.name)
        if isinstance(found.tcp, Seen):
            self._slots.reached(self._slot.name)
        elif found.tcp.reason is Reason.UNREACHABLE:
            self._slots.seek(self._slot.name)  # DHCP may have moved it, and not every camera says Hello

    def failed(self, error: Exception) -> Look:
        """A bug in a way of asking is our fault, not the camera's."""
        at = self._began_ms
        return Look(at=at, took_s=0.0, tcp=NotSeen(reason=Reason.AGENT_FAULT, detail=tidy(repr(error)), at=at))

    def missed(self, since_ms: int, reason: Reason) -> None:
        self._slot.apply(Unwatched(since=since_ms, reason=reason))

    def next_ms(self, ended_ms: int) -> int:
        due_ms = schedule.next_due_ms(self._slot.camera.address, self._interval_s, after_ms=ended_ms)
        return min(due_ms, ended_ms + self._hurry_ms) if self._slot.state.hurry else due_ms
