"""Writes events into the journal with their boot and session, and states how far all is known.

Every event goes through here. A session that cannot be carried on (the journal's store ended with the disk, or what it
rests on was given up) is followed by another one.
"""

import secrets
import threading
from collections.abc import Callable, Collection, Iterable

from agent.decide.availability import Change
from agent.decide.clock import Anchoring
from agent.decide.soundness import PictureChange
from agent.tell.database import Claim
from agent.tell.journal import Ended, Journal, Make, Run
from contract.messages import (
    AddressChanged,
    Anchor,
    CapabilityChanged,
    Conflict,
    Coverage,
    DuplicateIdentity,
    Event,
    Fault,
    Heartbeat,
    IdentityChanged,
    Picture,
    StoreReset,
    Transition,
    Verdict,
    ViewNotRestored,
)
from contract.vocabulary import Availability, Clause


class _Run:
    """One session in one store. `since`: its start, boot ms; every slot is unknown there."""

    def __init__(self, run: Run, since: int) -> None:
        self.number, self.store = run
        self.session, self.since = secrets.token_hex(8), since
        self._words: dict[int, tuple[str, Availability]] = {}
        """Seq -> slot and availability, of the transitions that `states` has not taken in yet."""
        self._states: dict[str, Availability] = {}

    def says(self, seq: int, slot: str, to: Availability) -> None:
        """Note what the event of this seq, about to be written, says. If a seq is used again the newer word counts."""
        self._words[seq] = slot, to

    def states(self, seq_high: int) -> dict[str, Availability]:
        """Each slot's state after the event `seq_high`, which never falls; a slot that is not there is unknown.

        `says` is called before an event is written: so the word of every event up to a seq that was read is known.
        """
        for seq in sorted(seq for seq in self._words.copy() if seq <= seq_high):
            slot, to = self._words.pop(seq)
            self._states[slot] = to
        return self._states


class Session:
    """What this run of the agent says and claims, written into the journal.

    `now()` is boot milliseconds. Thread-safe, as the journal is.
    """

    def __init__(self, journal: Journal, *, boot: str, now: Callable[[], int]) -> None:
        self.journal = journal
        self.boot = boot
        self._now = now
        self._lock = threading.Lock()
        self._last: dict[str, Change] = {}
        self._stated_last: dict[str, tuple[Change, str]] = {}
        """What the present session stated at its start, and where."""
        self._anchor: Anchoring | None = None
        self._run = self._begin()

    @property
    def id(self) -> str:
        """Of the session that is written now."""
        return self._run.session

    @property
    def store(self) -> str:
        """The store that this session writes into."""
        return self._run.store

    # ---- writing ------------------------------------------------------------------------------

    def _append(self, kind: Callable[..., Event], at: int, **fields: object) -> None:
        while True:
            run = self._run
            try:
                self.journal.append(run.number, self._make(run, kind, at, **fields))
            except Ended:
                self._renew(run)
            else:
                return

    def _make(self, run: _Run, kind: Callable[..., Event], at: int, **fields: object) -> Make:
        return lambda seq: kind(seq=seq, boot=self.boot, session=run.session, at=at, **fields)

    def _begin(self) -> _Run:
        return _Run(self.journal.run, self._now())

    def _renew(self, ended: _Run) -> None:
        """A new session begins now; what is known at this moment is stated in it, since nothing carries over.

        Every change stands in `_last` before it is written, so one that met the end of the run is stated here.
        """
        with self._lock:
            while self._run is ended:
                run, known = self._begin(), self._known()
                stated = self._stated(run, known)
                try:
                    first = self.journal.append(run.number, *stated) - len(stated) + 1
                except Ended:
                    continue
                self._stated_last = {
                    slot: (change, f"{run.store}:{seq}") for seq, (slot, change) in enumerate(known.items(), first)
                }
                self._run = run

    def _stated(self, run: _Run, known: dict[str, Change]) -> list[Make]:
        stated = [self._transition(run, slot, Availability.UNKNOWN, change) for slot, change in known.items()]
        if self._anchor:
            stated.append(self._make(run, Anchor, self._anchor.at, **_tie(self._anchor)))
        return stated

    def _known(self) -> dict[str, Change]:
        return {slot: last for slot, last in self._last.copy().items() if last.to is not Availability.UNKNOWN}

    def _transition(self, run: _Run, slot: str, before: Availability, change: Change) -> Make:
        """What began before the session is dated by its start: it was so from there on, and no more is claimed."""
        fields = {"slot": slot, "from_": before, "to": change.to, "level": change.level, "reason": change.reason}
        make = self._make(run, Transition, max(change.at, run.since), **fields)

        def noted(seq: int) -> Event:
            event = make(seq)
            run.says(seq, slot, change.to)
            return event

        return noted

    def tend(self) -> None:
        """To be called every few seconds: writes what happened to the journal, and goes on where it has recovered."""
        self.journal.tend()
        for one in self.journal.take_news():
            if one.lost:
                self._append(StoreReset, self._now(), before=one.before, why=one.what)
            else:
                self.fault(one.what)

    # ---- events -------------------------------------------------------------------------------

    def anchor(self, anchoring: Anchoring) -> None:
        """Tie this boot to UTC."""
        self._anchor = anchoring
        self._append(Anchor, anchoring.at, **_tie(anchoring))

    def transition(self, slot: str, change: Change) -> str:
        """Where it was recorded, `STORE:SEQ`; "" = nowhere, since the session was closed before."""
        self._last[slot] = change
        while True:
            run = self._run
            try:
                seq = self.journal.append(run.number, self._transition(run, slot, change.from_, change))
            except Ended:
                self._renew(run)
                stated, where = self._stated_last.get(slot, (None, ""))
                if stated is change:
                    return where
            else:
                return f"{run.store}:{seq}" if seq else ""

    def capability_changes(self, slot: str, before: Iterable[Verdict], after: Iterable[Verdict]) -> None:
        """One event per capability whose standing differs; none where there was no verdict before.

        Whether the camera is online is told by transitions.
        """
        old = {verdict.clause: verdict.standing for verdict in before}
        for verdict in after:
            standing = old.get(verdict.clause, verdict.standing)
            if standing is not verdict.standing and verdict.clause is not Clause.ONLINE:
                self._append(
                    CapabilityChanged,
                    self._now(),
                    slot=slot,
                    clause=verdict.clause,
                    before=standing,
                    after=verdict.standing,
                )

    def address_changed(self, slot: str, before: str, after: str) -> None:
        self._append(AddressChanged, self._now(), slot=slot, before=before, after=after)

    def identity_changed(self, slot: str, before: str, after: str) -> None:
        self._append(IdentityChanged, self._now(), slot=slot, before=before, after=after)

    def conflict(self, slot: str, identity: str, addresses: tuple[str, ...]) -> None:
        self._append(Conflict, self._now(), slot=slot, identity=identity, addresses=addresses)

    def duplicate_identity(self, detail: str) -> None:
        self._append(DuplicateIdentity, self._now(), detail=detail[:1000])

    def picture(self, slot: str, change: PictureChange) -> None:
        """A picture fault was raised, or cleared."""
        metrics = {name: round(value, 4) for name, value in change.metrics.items()}
        self._append(
            Picture, self._now(), slot=slot, fault=change.fault, from_=change.from_, to=change.to, metrics=metrics
        )

    def view_not_restored(self, slot: str, detail: str) -> None:
        self._append(ViewNotRestored, self._now(), slot=slot, detail=detail)

    def fault(self, what: str, slot: str = "") -> None:
        self._append(Fault, self._now(), what=what, slot=slot)

    # ---- the claim ----------------------------------------------------------------------------

    def _settled(self, unsettled: Callable[[], Iterable[int]]) -> tuple[_Run, int, Claim]:
        """The run, now, and what is claimed: read in this order, so that no claim is too large.

        Whoever finds a change records it before it leaves `unsettled`; a run and a seq read last cover all that is
        settled: what the run before could not take is stated in this one, which claims nothing before its own start.
        """
        at = self._now()
        settled_to = min([at, *unsettled()])
        while True:
            run = self._run
            try:
                seq_high = self.journal.high(run.number)
            except Ended:
                self._renew(run)
            else:
                claim = Claim(self.boot, run.session, run.since, max(run.since, settled_to), seq_high)
                return run, max(run.since, at), claim

    def heartbeat(self, unsettled: Callable[[], Iterable[int]], slots: Collection[str]) -> Heartbeat:
        """`unsettled()`: starts of the looks in flight or unconfirmed, boot ms. `slots`: the enrolled ones.

        Its lists are the states just after the event `seq_high` of its session, as whoever holds these events reads it.
        """
        run, at, claim = self._settled(unsettled)
        with self._lock:
            states = run.states(claim.seq_high).copy()
        offline, unknown = (
            tuple(slot for slot in slots if states.get(slot, Availability.UNKNOWN) is one)
            for one in (Availability.OFFLINE, Availability.UNKNOWN)
        )
        return Heartbeat(
            boot=self.boot,
            session=run.session,
            store=run.store,
            at=at,
            watching_since=claim.since,
            settled_to=claim.settled_to,
            seq_high=claim.seq_high,
            n=len(slots),
            offline=offline,
            unknown=unknown,
        )

    def checkpoint(self, unsettled: Callable[[], Iterable[int]]) -> None:
        """Keep what is claimed so far: should this run crash, the next one closes the session with it."""
        run, _, claim = self._settled(unsettled)
        try:
            if claim.settled_to > claim.since:
                self.journal.checkpoint(run.number, claim)
        except Ended:
            self._renew(run)

    def close(self, unsettled: Callable[[], Iterable[int]]) -> None:
        """The session ends: what was watched without interruption."""
        while True:
            run, at, claim = self._settled(unsettled)
            span = {"from_": claim.since, "to": claim.settled_to, "seq_high": claim.seq_high}
            try:
                self.journal.finish(run.number, self._make(run, Coverage, at, **span))
            except Ended:
                self._renew(run)
            else:
                return


def _tie(anchoring: Anchoring) -> dict[str, object]:
    return {"utc_ms": anchoring.utc_ms, "err_ms": anchoring.err_ms, "source": anchoring.source}
