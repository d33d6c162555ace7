"""Writes events into the outbox with their boot and session, and states how far all is known.

What an event means must not be known here; every event of this run goes through here.
"""

from collections.abc import Callable, Iterable

from agent.decide.availability import Change
from agent.decide.clock import Anchoring
from agent.tell.outbox import Outbox
from contract.messages import (
    AddressChanged,
    Anchor,
    CapabilityChanged,
    Conflict,
    Coverage,
    Event,
    Fault,
    Heartbeat,
    IdentityChanged,
    Transition,
    Verdict,
)


class Ledger:
    """`now()` is boot milliseconds. Thread-safe, as the outbox is."""

    def __init__(self, outbox: Outbox, *, boot: str, session: str, now: Callable[[], int]) -> None:
        self.outbox = outbox
        self.boot, self.session = boot, session
        self._now = now
        self.since = now()
        """Start of the session: every slot is unknown here."""

    def _append(self, kind: Callable[..., Event], at: int, **fields: object) -> None:
        self.outbox.append(lambda seq: kind(seq=seq, boot=self.boot, session=self.session, at=at, **fields))

    def anchor(self, anchoring: Anchoring) -> None:
        """Tie this boot to UTC."""
        self._append(Anchor, anchoring.at, utc_ms=anchoring.utc_ms, err_ms=anchoring.err_ms, source=anchoring.source)

    def transition(self, slot: str, change: Change) -> None:
        self._append(
            Transition,
            change.at,
            slot=slot,
            from_=change.from_,
            to=change.to,
            level=change.level,
            reason=change.reason,
        )

    def capability_changes(self, slot: str, before: Iterable[Verdict], after: Iterable[Verdict]) -> None:
        """One event per clause whose standing differs; none where there was no verdict before."""
        old = {verdict.clause: verdict.standing for verdict in before}
        for verdict in after:
            standing = old.get(verdict.clause, verdict.standing)
            if standing is not verdict.standing:
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

    def fault(self, what: str, slot: str = "") -> None:
        self._append(Fault, self._now(), what=what, slot=slot)

    # ---- the claim ----------------------------------------------------------------------------

    def _settled(self, unsettled: Callable[[], Iterable[int]]) -> tuple[int, int, int]:
        """Now, up to when all is known, and the highest seq: read in this order, so that no claim is too large.

        Whoever finds a change records it before it leaves `unsettled`; a seq read last covers all that is settled.
        """
        at = self._now()
        settled_to = min([at, *unsettled()])
        return at, settled_to, self.outbox.seq_high

    def heartbeat(
        self, unsettled: Callable[[], Iterable[int]], n: int, offline: tuple[str, ...], unknown: tuple[str, ...]
    ) -> Heartbeat:
        """`unsettled()`: starts of the looks in flight or unconfirmed, boot ms. `n`: enrolled slots."""
        at, settled_to, seq_high = self._settled(unsettled)
        return Heartbeat(
            boot=self.boot,
            session=self.session,
            store=self.outbox.store,
            at=at,
            watching_since=self.since,
            settled_to=max(self.since, settled_to),
            seq_high=seq_high,
            n=n,
            offline=offline,
            unknown=unknown,
        )

    def close(self, unsettled: Callable[[], Iterable[int]]) -> None:
        """The session ends: what was watched without interruption."""
        at, settled_to, seq_high = self._settled(unsettled)
        self._append(Coverage, at, from_=self.since, to=max(self.since, settled_to), seq_high=seq_high)
