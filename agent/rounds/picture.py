"""Checks every camera's picture regularly: who is checked when, and over which of its streams.

No picture enters this process but a small gray signature of each slot's last sound one, kept in memory alone.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec.structs import replace

from agent.ask.attempt import boot_ms
from agent.ask.picture import parent as pictures
from agent.ask.picture.parent import FINGERPRINT, PATIENT_BATCH_S, SNAPSHOT
from agent.decide import rules_picture
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.loop import Round
from agent.model import Camera, NotSeen, Picture, Seen
from agent.permit import onvif_login, stream_login
from agent.records import Checked
from agent.slot import Slot
from agent.slots import Slots
from contract.policy import Policy
from contract.reasons import Finding
from contract.text import tidy
from contract.vocabulary import PictureFault, Reason

FIRST_S = 10.0
"""After the start: by then the first looks have told which streams there are."""
RECORDER = "recorder"
"""The source of a picture that a recorder shows of the camera."""
_NO_WITNESS = frozenset({PictureFault.SIGNAL_LOSS, PictureFault.FREEZE})
"""Faults by which a recorder's picture says nothing of the camera: it may be the one it had last, or a blank."""
_OPENS = frozenset({Finding.NO_KEYFRAME, Finding.MJPEG_ONLY, Finding.NO_DECODER, Finding.UDP_ONLY})
"""What a check without a picture finds of a stream that was opened, or could be otherwise."""
_MEASURES_LIFE = frozenset({"still_ratio", "change"})
PATIENT_EVERY_MS = 3_600_000
"""A camera whose keyframes come too seldom is visited patiently at once, then so often at most."""
LOOK_S = 30.0
GLANCE_LOOKS = 2
"""At every so many looks there is a glance at one picture: what opens and shows nothing is not to stay online."""
GLANCE_EACH_MS = 1000
"""Of many cameras no more than one a second is glanced at, so that a small box has time for other things."""


class PictureTask(Round):
    """Whether every camera shows a sound picture. Only cameras are checked whose stream can be opened now."""

    def __init__(
        self,
        slots: Slots,
        *,
        policy: Policy,
        learnt: LearntFile,
        door: LoginGate,
        interval_s: float,
        deadline_s: float,
        recorders: Mapping[str, Camera] | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        """`recorders`: slot -> the recorder's channel that shows the same camera. `look_s`: from look to look; a camera
        of whose stream no picture can be made is visited as often, for its way back is not to wait for a round.
        """
        self._slots, self._policy, self._learnt, self._door = slots, policy, learnt, door
        self._recorders = recorders or {}
        self._interval_ms, self._deadline_s = int(interval_s * 1000), deadline_s
        self._confirm_ms = int(policy.online.confirm_after.value * 1000)
        self._retry_ms = int(look_s * 1000)
        self._glance_ms = max(GLANCE_LOOKS * self._retry_ms, GLANCE_EACH_MS * len(slots))
        self._round_due = self._glance_due = boot_ms()

    # ---- when -----------------------------------------------------------------------------------

    def run(self) -> None:
        now = boot_ms()
        due = {slot.name for slot in self._slots.values() if slot.checks.due is not None and slot.checks.due <= now}
        glances: set[str] = set()
        if now >= self._round_due:
            self._round_due, self._glance_due = now + self._interval_ms, now + self._glance_ms
            due.update(slot.name for slot in self._slots.showing)
        elif now >= self._glance_due:
            self._glance_due = now + self._glance_ms
            glances = {
                slot.name for slot in self._slots.viewable if slot.checks.due is None and not slot.checks.crowded
            }
        for slot in self._slots.values():
            slot.checks.crowded |= slot.busy
        patient = sorted(name for name in due if self._slots[name].checks.patient)
        self.check(due.difference(patient))
        if patient:  # one in each run: it takes long, and a round is not to wait for many
            self.check(patient[:1], patient=True)
        self.check(glances, brief=True)

    def next_ms(self, ended_ms: int) -> int:
        earlier = (slot.checks.due for slot in self._slots.values() if slot.checks.due is not None)
        return min([self._round_due, self._glance_due, *earlier])

    # ---- checks ---------------------------------------------------------------------------------

    def check(self, due: Collection[str], *, patient: bool = False, brief: bool = False) -> None:
        """Everybody due; those that had to wait longest come first, for the deadline may not suffice for all.

        `patient`: a visit may wait long for its keyframe. `brief`: the first picture is enough, and tells no fault.
        """
        for name in due:
            self._slots[name].checks.due, self._slots[name].checks.patient = None, False
        untold = set(due)
        shown = [slot for slot in self._slots.showing if slot.name in due and not self._door.is_barred(slot.name)]
        with self._slots.checking(slot.name for slot in shown) as allowed:
            batch = sorted((slot for slot in shown if slot.name in allowed), key=lambda slot: slot.checks.at)
            try:
                for source, group in self._by_source(batch).items():
                    deadline_s = PATIENT_BATCH_S if patient else self._deadline_s * len(group) / len(batch)
                    for name in self._check(group, source, deadline_s, patient=patient, brief=brief):
                        untold.discard(name)
            finally:
                for name in untold:
                    self._take(self._slots[name], Checked(picture=None))

    def _by_source(self, batch: Sequence[Slot]) -> Mapping[str, list[Camera]]:
        """By where each picture is fetched this time; those of whom nothing is known to show one are left out."""
        groups: dict[str, list[Camera]] = {}
        for slot in batch:
            if sources := self._sources(slot):
                source, camera = sources[slot.checks.turn % len(sources)]
                groups.setdefault(source, []).append(camera)
        return groups

    def _sources(self, slot: Slot) -> list[tuple[str, Camera]]:
        """Where its picture may be had.

        The sub-stream is cheaper and shows the same; the main stream where there is none, or it shows nothing. Where
        there was no room for us, either in turn; where there still is none, also its snapshot and its recorder.
        """
        small = self._learnt.recall_sub(slot.camera)
        usable = small is not None and slot.checks.unusable_path != small.stream_path
        streams = [("sub", small)] if small and usable else []
        streams.append(("main", self._learnt.recall(slot.camera)))
        if slot.streams and not slot.decodability.crowded:
            return streams if slot.decodability.refused else streams[:1]
        still, recorder = self._learnt.recall_snapshot(slot.camera), self._recorders.get(slot.name)
        witnesses = [*([(SNAPSHOT, still[0])] if still else []), *([(RECORDER, recorder)] if recorder else [])]
        return [*(streams if slot.streams else []), *witnesses]

    def _check(
        self, group: Sequence[Camera], source: str, deadline_s: float, *, patient: bool, brief: bool
    ) -> Iterator[str]:
        """The slots, each when its result is taken."""
        by_slot = {camera.slot: camera for camera in group}
        remembered = {name: self._slots[name].checks.signatures.get(source, b"") for name in by_slot}
        which = onvif_login if source == SNAPSHOT else stream_login
        log_in = self._door.allowed(group, which)
        results = pictures.check(
            group,
            log_in=log_in,
            source=source,
            measured=not brief,
            deadline_s=deadline_s,
            snapshot_path={name: self._learnt.learnt(self._slots[name].camera).snapshot_path for name in by_slot},
            signatures=remembered,
            patient=patient,
        )
        for result in results:
            name, picture = result.slot, result.picture
            if result.login and name in log_in:
                self._door.met(by_slot[name], which, result.login)
            slot = self._slots[name]
            if source == "sub" and isinstance(picture, NotSeen) and _shows_nothing(picture):
                slot.checks.unusable_path = by_slot[name].stream_path
                slot.checks.due = boot_ms() + self._confirm_ms
            decodable = True if isinstance(picture, Seen) else False if result.undecodable else None
            room = None if isinstance(picture, Seen) else _room(picture)
            if source in (SNAPSHOT, RECORDER):
                decodable, room = self._testimony(slot, source, picture), None
            elif room is False:
                slot.checks.turn = slot.checks.turn + 1 if slot.decodability.refused else 1
            if source == RECORDER and not decodable:
                picture = _no_testimony(picture)
            slot.checks.crowded |= isinstance(picture, NotSeen) and picture.reason is Reason.BUSY
            told = None if brief and decodable is not False else picture
            self._take(
                slot,
                Checked(picture=told, source=source, decodable=decodable, room=room, signature=result.signature),
            )
            if isinstance(told, NotSeen) and told.finding == Finding.NO_KEYFRAME and not patient:
                self._be_patient(slot)
            yield name

    def _be_patient(self, slot: Slot) -> None:
        """The next visit waits long for a keyframe, where none did so lately."""
        now = boot_ms()
        if now >= slot.checks.impatient_until:
            slot.checks.impatient_until = now + PATIENT_EVERY_MS
            slot.checks.patient, slot.checks.due = True, now + self._confirm_ms

    def _testimony(self, slot: Slot, source: str, picture: Seen[Picture] | NotSeen) -> bool | None:
        """Whether a picture shows that the camera is at work now; None = it does not, and the next witness is asked."""
        shown = _fresh(slot, picture) if source == SNAPSHOT else self._lives(picture)
        if not shown:
            slot.checks.turn += 1
            if slot.name in self._recorders:
                slot.checks.due = boot_ms() + self._retry_ms
        return shown or None

    def _lives(self, picture: Seen[Picture] | NotSeen) -> bool:
        """Whether what a recorder shows moves on: a picture of which that was not measured shows nothing."""
        if isinstance(picture, NotSeen) or not _MEASURES_LIFE.issubset(picture.value.metrics):
            return False
        return not _NO_WITNESS.intersection(rules_picture.judged(picture.value, self._policy).faults)

    def _take(self, slot: Slot, check: Checked) -> None:
        """What shows no picture, or has no room for us, is confirmed at once, then checked often until it does."""
        slot.apply(check)
        if check.decodable is False:
            slot.checks.due = boot_ms() + (self._retry_ms if slot.checks.undecodable else self._confirm_ms)
            slot.checks.undecodable = True
        elif check.decodable:
            slot.checks.undecodable = False
        elif slot.checks.undecodable or slot.decodability.refused:
            first = check.room is False and not slot.decodability.crowded
            slot.checks.due = boot_ms() + (self._confirm_ms if first else self._retry_ms)


def _fresh(slot: Slot, picture: Seen[Picture] | NotSeen) -> bool:
    """Whether a snapshot shows the present: one that is the last one byte for byte is a picture of the past.

    So is the first, as far as can be told.
    """
    if isinstance(picture, NotSeen):
        return False
    before, slot.checks.fingerprint = slot.checks.fingerprint, picture.value.metrics.get(FINGERPRINT, 0.0)
    return before not in (0.0, slot.checks.fingerprint)


def _no_testimony(picture: Seen[Picture] | NotSeen) -> NotSeen:
    """What a recorder's channel leaves of the camera where it shows nothing: the fault is not the camera's."""
    if isinstance(picture, Seen):
        detail = "the recorder's channel shows no picture that moves on"
        return NotSeen(reason=Reason.BUSY, detail=detail, at=picture.at, took_s=picture.took_s)
    detail = tidy(f"the recorder's channel: {picture.detail or picture.reason}")
    return replace(picture, reason=Reason.BUSY, detail=detail, finding="")


def _shows_nothing(picture: NotSeen) -> bool:
    """Whether this stream, by its own fault, will not show a picture the next time either."""
    if picture.finding in (Finding.NO_DECODER, Finding.MJPEG_ONLY, Finding.NO_MEDIA, Finding.SETUP_FAILED):
        return True
    return picture.reason in (Reason.UNSUPPORTED, Reason.MALFORMED)


def _room(picture: NotSeen) -> bool | None:
    """Whether there was room for us at a stream that shows no picture; None = that was not told."""
    if picture.reason is Reason.BUSY:
        return False
    return True if picture.finding in _OPENS else None
