"""What is known of one enrolled slot: one record, one lock, and every change recorded before it is known.

How anything is seen stands in `ask`, what it means in `decide`; who looks when stands in `rounds`.
"""

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.decide import availability, soundness
from agent.decide.availability import Change
from agent.learnt import Learnt, LearntFile
from agent.model import Camera, Capabilities, Device, DiscoveredDevice, Evidence, Look, Movement, NotSeen, Picture, Seen
from agent.records import Asking, Changes, Checked, Checks, Inspected, Observation, PictureState, Provisional, Unwatched
from agent.session import Session
from contract.messages import Identity, SlotVerdicts
from contract.policy import Policy
from contract.vocabulary import Reason

if TYPE_CHECKING:
    from agent.decide.roster import Presence, Sighting

log = logging.getLogger(__name__)


class Slot:
    """All that is known of one enrolled camera. `apply` takes in what was observed; the rest may be read at any time.

    `now()` is boot milliseconds; `changed` is set when a document or the status file no longer says what is known.
    """

    def __init__(
        self,
        camera: Camera,
        *,
        policy: Policy,
        session: Session,
        learnt: LearntFile,
        changed: threading.Event,
        now: Callable[[], int],
    ) -> None:
        self.camera = camera
        """May be replaced at any time: the next look uses it."""
        self._policy, self._session, self._learnt, self._changed, self._now = policy, session, learnt, changed, now
        self._lock = threading.RLock()
        self.look_now = threading.Event()
        self.state = availability.START
        self.last_look: Look | None = None
        self.changed_at: int | None = None
        """Boot ms of the last confirmed change of availability."""
        self.beside = ""
        """MAC of another device that stood at its address when it was last looked at."""
        # of its picture
        self.picture = PictureState()
        self.checks = Checks()
        self._decodability = availability.DECODABLE
        self._checking_since: int | None = None
        """When a check's result came that is not taken in yet, boot ms."""
        # of questions and movements
        self.asking = Asking()
        self.inspected: Inspected | None = None
        self.ptz_fault_since: int | None = None
        self.moved_on: int | None = None
        """The window (days since 1970) in which it was last tried: once a night is enough."""
        # of discovery
        self.presence: tuple[Presence, tuple[str, ...]] | None = None
        """As it was told last, with the rivals for its identity."""

    @property
    def name(self) -> str:
        return self.camera.slot

    @property
    def streams(self) -> bool:
        """Whether the last look saw its stream."""
        return self.last_look is not None and isinstance(self.last_look.stream, Seen)

    @property
    def busy(self) -> bool:
        """Whether the last look found it with no room for us."""
        stream = self.last_look.stream if self.last_look else None
        return isinstance(stream, NotSeen) and stream.reason is Reason.BUSY

    @property
    def decodability(self) -> availability.Decodability:
        """What the checks of its picture say so far."""
        return self._decodability

    @property
    def device(self) -> Device | None:
        """Who answered the last questions, if anybody did."""
        return self.inspected.device if self.inspected else None

    @property
    def unsettled_since(self) -> int | None:
        """Start of the look that is not confirmed yet, or of a doubt, boot ms; None = settled but for a look in flight.

        In the future where a camera is busy: its state is believed until then.
        To be read after the loop's `unfinished_since`: a look's end is taken in here before it is over there.
        """
        checking_since = self._checking_since  # read before the doubt: it is handed over in that order
        starts = (checking_since, self.state.unsettled_since, self.state.held_until, self._decodability.doubted_since)
        return min((at for at in starts if at is not None), default=None)

    # ---- taking in ----------------------------------------------------------------------------

    def apply(self, seen: Observation) -> Changes:
        """Take it in; the changes that it confirmed, which are recorded by then."""
        with self._lock:
            match seen:
                case Look():
                    changes = self._looked(seen)
                case Unwatched():
                    changes = self._unwatched(seen)
                case Checked():
                    changes = self._checked(seen)
                case Evidence():
                    changes = self._judged(seen)
                case Provisional():
                    changes = self._judged(seen.evidence, provisional=True)
                case Movement():
                    changes = self._moved(seen)
                case _:
                    changes = self._sighted(seen)
        if changes:
            self._changed.set()
        return changes

    def _looked(self, look: Look) -> Changes:
        state, change = availability.step(self.state, look, self._policy, self._decodability)
        seen = (state.availability, state.level, state.reason or "", ", in doubt" if state.hurry else "")
        log.debug("%s: looked for %.1f s: %s %s %s%s", self.name, look.took_s, *seen, extra={"slot": self.name})
        return self._settle(state, change, look)

    def _unwatched(self, gap: Unwatched) -> Changes:
        state, change = availability.stuck(self.state, gap.since, gap.reason)
        return self._settle(state, change, self.last_look)

    def _settle(self, state: availability.State, change: Change | None, look: Look | None) -> Changes:
        """Recorded first, then settled: whoever reads `unsettled_since` before the journal never claims too much."""
        if change:
            where = self._session.transition(self.name, change) or "not recorded"
            about = {"slot": self.name, "reason": change.reason}
            told = (self.name, change.from_, change.to, change.reason or "", where)
            log.info("%s: %s -> %s %s [%s]", *told, extra=about)
            self.changed_at = change.at
            # across a change no two checks are in a row
            self._decodability = replace(self._decodability, doubted_since=None)
        self.last_look = look
        self.state = state
        return (change,) if change else ()

    def _checked(self, check: Checked) -> Changes:
        picture, changes, reason = check.picture, Changes(), Reason.MALFORMED
        if isinstance(picture, Seen):
            changes = self._pictured(picture, check)
        elif picture:
            self.picture, reason = replace(self.picture, last=picture), picture.reason
        if picture and (isinstance(picture, Seen) or picture.attempts):  # else there was no time for it
            self.checks.at = self._now()
        return (*changes, *self._decodable(check, reason))

    def _pictured(self, seen: Seen[Picture], check: Checked) -> Changes:
        """Only sound pictures are remembered: a view that has changed stays a fault until it is back."""
        from agent.decide import rules_picture

        before, picture = self.picture, replace(seen, value=rules_picture.judged(seen.value, self._policy))
        if check.signature and not picture.value.faults:
            self.checks.signatures[check.source] = check.signature
        state, changes = soundness.step(before.state, picture, self._policy)
        for one in changes:
            self._session.picture(self.name, one)
            told = (self.name, one.fault, "cleared" if one.to else "raised")
            log.info("%s: picture fault %s %s", *told, extra={"slot": self.name, "reason": one.fault})
        self.picture = PictureState(state=state, seen_at=picture.at, last=picture)
        if before.seen_at is None:
            self._changed.set()
        return changes

    def _decodable(self, check: Checked, reason: Reason) -> Changes:
        """The stream was fetched and could be decoded, or not (`reason`); or the check tells neither."""
        before = self._decodability
        self._checking_since = self._now()  # before the doubt's own time is taken, or a claim could overtake it
        now = self._now()
        after = availability.after_check(before, now, decodable=check.decodable, reason=reason, room=check.room)
        if check.decodable:
            state, change = availability.pictured(self.state, now, self._policy)
        else:
            state, change = availability.undecodable(self.state, after, self._policy)
        changes = self._settle(state, change, self.last_look)
        self._decodability = after  # after the record: a doubt is unsettled until here
        self._checking_since = None
        told_before, told = ((one.undecodable_since is None, one.crowded) for one in (before, after))
        if told != told_before:
            self.look_now.set()
        return changes

    def learn(self, told: Capabilities) -> None:
        """Keep where the camera's stream is; a look follows where that is news, or why it is not known."""
        where = _where(self.camera.address, told)
        if told.refused or (where and self._learnt.learn(self.camera, where)):
            self.look_now.set()

    def _judged(self, evidence: Evidence, *, provisional: bool = False) -> Changes:
        """With what an earlier movement proved of this very camera."""
        from agent.decide.judge import judge
        from agent.decide.proof import with_proof

        known = with_proof(evidence, self._learnt.proof(self.name), self.camera.address)
        device = evidence.capabilities.device
        verdicts = SlotVerdicts(slot=self.name, at=self._now(), verdicts=judge(known, self._policy))
        known_device = device.value if isinstance(device, Seen) else None
        before, self.inspected = (
            self.inspected,
            Inspected(verdicts=verdicts, device=known_device, provisional=provisional),
        )
        if before and not before.provisional:
            self._session.capability_changes(self.name, before.verdicts.verdicts, verdicts.verdicts)
        self._changed.set()
        return ()

    def _moved(self, movement: Movement) -> Changes:
        """Its ptz fault, raised or cleared."""
        self.ptz_fault_since, change = soundness.moved(self.ptz_fault_since, movement, self._now())
        if change is None:
            return ()
        self._session.picture(self.name, change)
        return (change,)

    def _sighted(self, sighting: "Sighting") -> Changes:
        """Each presence is told once; at another address the camera is looked at there."""
        from agent.decide import roster
        from agent.decide.roster import Presence

        identity, device = self._learnt.identified(self.camera).identity, sighting.device
        if device and sighting.presence in (Presence.SEEN, Presence.MOVED):
            self._learnt.learn_identity(self.name, roster.learn(identity, device))
        if device and sighting.presence is Presence.MOVED:
            self._session.address_changed(self.name, sighting.before, device.address)
            self.camera = replace(self.camera, address=device.address)
            self.look_now.set()
            self._changed.set()
        before, self.presence = self.presence, (sighting.presence, sighting.rivals)
        if self.presence != before:
            _tell(self._session, self.camera, sighting, identity)
        return ()


def _where(address: str, told: Capabilities) -> Learnt | None:
    """Where ONVIF says that the streams are; None where it does not."""
    uri, small, still = told.stream_uri, told.sub_stream_uri, told.snapshot
    if isinstance(uri, NotSeen):
        return None
    return Learnt(
        address=address,
        stream_port=uri.value.port,
        stream_path=uri.value.path,
        sub_port=small.value.port if isinstance(small, Seen) else 0,
        sub_path=small.value.path if isinstance(small, Seen) else "",
        snapshot_port=still.value.port if isinstance(still, Seen) else 0,
        snapshot_path=still.value.path if isinstance(still, Seen) else "",
        auth=told.auth,
    )


def _tell(session: Session, camera: Camera, sighting: "Sighting", enrolled: Identity) -> None:
    from agent.decide.roster import Presence

    if sighting.presence is Presence.IDENTITY_CHANGED and sighting.device:
        other = _who(sighting.device)
        session.identity_changed(camera.slot, _who(enrolled), other)
        told = "%s: another device stands at %s (%s); no login there until its identity is in the settings"
        log.warning(told, camera.slot, camera.address, other, extra={"slot": camera.slot})
    if sighting.rivals:
        session.conflict(camera.slot, _who(enrolled), sighting.rivals)


def _who(one: Identity | DiscoveredDevice) -> str:
    """MAC, endpoint reference and serial number in one line."""
    return " ".join(filter(None, (one.mac, one.epr, one.serial)))
