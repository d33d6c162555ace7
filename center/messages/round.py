"""One round: what stands wrong is taken in, cases are opened, reminded of and ended, and messages written.

Each step is a transaction of its own and may be done again: what it wrote is where the next one goes on, so a process
that dies in between loses nothing and tells nothing twice. How a message is sent must not be known here.
"""

from collections.abc import Iterable

from center.messages.opening import Opening
from center.messages.rules import Rules
from center.messages.taking_in import UNHEARD_MS, TakingIn
from center.messages.writing import Writing
from center.rate import Rules as RateRules
from center.store import Store

KEPT_MS = 30 * 86_400_000


class Round:
    """`begin` once, then `go(now_ms)` as often as one likes. Raises Unavailable."""

    def __init__(self, store: Store, rules: Rules, rate: RateRules) -> None:
        self._store = store
        self._receivers = frozenset(one.name for one in rules.receivers)
        self._taking_in = TakingIn(store, rate, self._receivers)
        self._opening = Opening(store, rules, rules.pace(rate.dark_after_ms + UNHEARD_MS))
        self._writing = Writing(store, rules)

    def begin(self, now_ms: int, on_way: Iterable[int] = ()) -> None:
        """What was on its way when the one before ended is uncertain; what waits for nobody is let go.

        `on_way`: messages of our own, where it is only the database that had gone.
        """
        with self._store.write() as tx:
            tx.claimed_before(on_way)
            tx.keep_receivers(self._receivers, now_ms)

    def go(self, now_ms: int) -> int:
        """Returns how many messages were written."""
        self._taking_in.go(now_ms)
        self._opening.go(now_ms, self._taking_in.heard)
        return self._writing.go(now_ms)

    def prune(self, now_ms: int) -> None:
        """Messages and cases that were done with so long ago."""
        with self._store.write() as tx:
            tx.prune(now_ms - KEPT_MS)
