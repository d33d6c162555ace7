"""Regular visits to every camera's picture: who is visited when, and what follows for the slots.

How a picture is fetched, decoded and measured stands elsewhere. No picture enters this process but a small gray
signature of each slot's last sound one, kept in memory alone.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from msgspec import Struct, structs

from agent.ask.attempt import boot_ms
from agent.ask.picture import parent as pictures
from agent.decide import rules_picture, soundness
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.model import Camera, NotSeen, Picture, Seen
from agent.permit import LoginMet, stream_login
from agent.threads import Threaded
from contract.policy import Policy
from contract.reasons import Finding
from contract.vocabulary import Reason

log = logging.getLogger(__name__)

FIRST_MS = 10_000
"""After the start: by then the first looks have told which streams there are."""
RETRY_MS = 60_000
"""A camera of whose stream no picture can be made is visited this often: its way back is not to wait for a round."""


class PictureState(Struct, frozen=True, kw_only=True):
    """What is known of one slot's picture. `seen_at`: boot ms of the last visit that showed one.

    `last`: of the last visit; None before the first.
    """

    state: soundness.State = {}
    seen_at: int | None = None
    last: Seen[Picture] | NotSeen | None = None


class PictureTask(Threaded):
    """One thread. `cameras()`: those whose stream can be opened now; the others are not visited.

    `record(slot, change)` keeps a fault that was raised or cleared. `glimpsed(slot, decodable)` is called after every
    visit: whether its picture could be decoded, and why not; None = the visit tells neither. `changed()`: more is known
    than before.
    """

    def __init__(
        self,
        cameras: Callable[[], Sequence[Camera]],
        *,
        policy: Policy,
        interval_s: float,
        deadline_s: float,
        memory: LearntFile,
        door: LoginGate,
        record: Callable[[str, soundness.PictureChange], None],
        glimpsed: Callable[[str, bool | None, Reason], None],
        changed: Callable[[], None],
    ) -> None:
        self._cameras, self._policy = cameras, policy
        self._interval_ms, self._deadline_s = int(interval_s * 1000), deadline_s
        self._memory, self._door = memory, door
        self._record, self._glimpsed, self._changed = record, glimpsed, changed
        self._confirm_ms = int(policy.online.confirm_after.value * 1000)
        self.signatures: dict[str, dict[str, bytes]] = {"sub": {}, "main": {}}
        """Source -> slot -> its last sound view, small and gray."""
        self._unusable: dict[str, str] = {}
        """Slot -> path of its sub-stream, where that shows nothing: the main stream is visited instead."""
        self._undecodable: set[str] = set()
        """By the last visit that could tell."""
        self._visited: dict[str, int] = {}
        self._hurried: dict[str, int] = {}
        """Slots due before the next round, boot ms."""
        self._idle = threading.Condition()
        self._visiting: Collection[str] = ()
        self._spared: set[str] = set()
        self._wake = threading.Event()
        self._stopping = False
        self.shown: dict[str, PictureState] = {}
        super().__init__("gallery", self._run)

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    @contextmanager
    def spared(self, slot: str) -> Iterator[None]:
        """While this lasts the slot is not visited: it moves, and its picture is nobody's view. Waits for a visit."""
        with self._idle:
            self._spared.add(slot)
            self._idle.wait_for(lambda: slot not in self._visiting)
        try:
            yield
        finally:
            self._spared.discard(slot)

    # ---- when -----------------------------------------------------------------------------------

    def _run(self) -> None:
        round_due = boot_ms() + min(FIRST_MS, self._interval_ms)
        while not self._stopping:
            due = min([round_due, *self._hurried.values()])
            self._wake.wait(timeout=max(0.0, (due - boot_ms()) / 1000))
            if self._stopping:
                return
            now = boot_ms()
            wanted = {slot for slot, at in self._hurried.items() if at <= now}
            if now >= round_due:
                round_due = now + self._interval_ms
                wanted.update(camera.slot for camera in self._cameras())
            for slot in wanted:
                self._hurried.pop(slot, None)
            self._visit(wanted)

    def _again(self, slot: str, in_ms: int) -> None:
        self._hurried[slot] = boot_ms() + in_ms

    # ---- visits ---------------------------------------------------------------------------------

    def _visit(self, wanted: Collection[str]) -> None:
        """Everybody wanted; those that had to wait longest come first, for the deadline may not suffice for all."""
        with self._idle:
            batch = [camera for camera in self._cameras() if camera.slot in wanted and self._may_be_seen(camera.slot)]
            self._visiting = {camera.slot for camera in batch}
        batch.sort(key=lambda camera: self._visited.get(camera.slot, 0))
        untold = set(wanted)
        try:
            for source, group in self._by_source(batch).items():
                for slot in self._check(group, source, self._deadline_s * len(group) / len(batch)):
                    untold.discard(slot)
        except Exception:  # a bug here must not end the visits for good
            log.exception("picture check failed")
        finally:
            for slot in untold:
                self._glimpsed(slot, None, Reason.AGENT_FAULT)
                self._retry(slot, None)
            with self._idle:
                self._visiting = ()
                self._idle.notify_all()

    def _may_be_seen(self, slot: str) -> bool:
        """Neither moved at the moment nor taken by another device."""
        return slot not in self._spared and not self._door.is_barred(slot)

    def _by_source(self, batch: Sequence[Camera]) -> Mapping[str, list[Camera]]:
        """The sub-stream is cheaper and shows the same; the main stream where there is none, or it shows nothing."""
        groups: dict[str, list[Camera]] = {}
        for camera in batch:
            small = self._memory.recall_sub(camera)
            if small and self._unusable.get(camera.slot) != small.stream_path:
                groups.setdefault("sub", []).append(small)
            else:
                groups.setdefault("main", []).append(self._memory.recall(camera))
        return groups

    def _check(self, group: Sequence[Camera], source: str, deadline_s: float) -> Iterator[str]:
        """The slots, each when its result is taken."""
        by_slot, undecodable = {camera.slot: camera for camera in group}, set[str]()
        signatures: dict[str, bytes] = {}
        log_in = self._door.allowed(group, stream_login)

        def met(slot: str, how: LoginMet) -> None:
            if slot in log_in:
                self._door.met(by_slot[slot], stream_login, how)

        results = pictures.check(
            group,
            log_in=log_in,
            source=source,
            measured=True,
            deadline_s=deadline_s,
            signatures=self.signatures[source],
            signed=signatures.__setitem__,
            met=met,
            undecodable=undecodable.add,
        )
        for slot, told in results:
            picture = self._judged(told)
            if isinstance(picture, Seen) and not picture.value.faults and slot in signatures:
                # of sound pictures only: a view that has changed stays a fault until it is back
                self.signatures[source][slot] = signatures[slot]
            self._take(by_slot[slot], source, picture, undecodable=slot in undecodable)
            yield slot

    # ---- what follows ---------------------------------------------------------------------------

    def _judged(self, told: Seen[Picture] | NotSeen) -> Seen[Picture] | NotSeen:
        if isinstance(told, NotSeen):
            return told
        return structs.replace(told, value=rules_picture.judged(told.value, self._policy))

    def _take(self, camera: Camera, source: str, picture: Seen[Picture] | NotSeen, *, undecodable: bool) -> None:
        slot, before = camera.slot, self.shown.get(camera.slot, PictureState())
        decodable = True if isinstance(picture, Seen) else False if undecodable else None
        if isinstance(picture, Seen):
            self._judge(slot, before, picture)
        else:
            self.shown[slot] = PictureState(state=before.state, seen_at=before.seen_at, last=picture)
        if isinstance(picture, Seen) or picture.attempts:  # else there was no time for it
            self._visited[slot] = boot_ms()
        if source == "sub" and isinstance(picture, NotSeen) and _shows_nothing(picture):
            self._unusable[slot] = camera.stream_path
            self._again(slot, self._confirm_ms)
        self._glimpsed(slot, decodable, picture.reason if isinstance(picture, NotSeen) else Reason.MALFORMED)
        self._retry(slot, decodable)

    def _judge(self, slot: str, before: PictureState, picture: Seen[Picture]) -> None:
        state, changes = soundness.step(before.state, picture, self._policy)
        for change in changes:
            self._record(slot, change)
            log.info("%s: picture fault %s %s", slot, change.fault, "cleared" if change.to else "raised")
        self.shown[slot] = PictureState(state=state, seen_at=picture.at, last=picture)
        if changes or before.seen_at is None:
            self._changed()

    def _retry(self, slot: str, decodable: bool | None) -> None:
        """A picture that cannot be decoded is confirmed at once, then visited often until it is back."""
        if decodable is False:
            self._again(slot, self._confirm_ms if slot not in self._undecodable else RETRY_MS)
            self._undecodable.add(slot)
        elif decodable:
            self._undecodable.discard(slot)
        elif slot in self._undecodable:
            self._again(slot, RETRY_MS)


def _shows_nothing(picture: NotSeen) -> bool:
    """Whether this stream, by its own fault, will not show a picture the next time either."""
    if picture.reason is Reason.UNASKED:
        return bool(picture.attempts)  # visited, and its codec is none we read
    return picture.reason in (Reason.UNSUPPORTED, Reason.MALFORMED) or picture.finding == Finding.NO_MEDIA
