"""What stands wrong, by the lists that the commands show: new causes are kept, those that are over let go.

Nothing is judged of gateways that the center itself could not hear. Whom it is told to must not be known here.
"""

from collections.abc import Callable, Collection, Sequence

from center.intervals import normal
from center.rate import Rules
from center.store import Reader, Store
from center.store.causes import Cause

AT_ONCE = 5_000
"""Causes of one transaction: a province that goes dark is taken in by many small ones."""
ALARMS_AT_ONCE = 50_000
UNHEARD_MS = 60_000
"""So long the center may hear nothing before it is told."""
ALARM_DAYS_MS = 86_400_000
"""An alarm that comes again within so long is the same."""
ALARM_LOOK_BACK_MS = 600_000
"""What came so long ago may have been stored since."""
TELLING = {"gateway": ("silent", "left"), "camera": ("offline",)}
"""States in which a cause is told; one that is unknown meanwhile waits."""


class TakingIn:
    """`receivers`: that may have lost a message. Every step may be done again. Raises Unavailable."""

    def __init__(self, store: Store, rate: Rules, receivers: Collection[str]) -> None:
        self._store, self._rate, self._receivers = store, rate, receivers
        self.heard: frozenset[str] = frozenset()
        """Cities whose gateways the center has heard for long enough to judge them, as of the last time."""

    def go(self, now_ms: int) -> None:
        alive_ms = now_ms - self._rate.dark_after_ms
        with self._store.read() as reader:
            silent, steady = self._heard(reader, now_ms)
        self.heard = frozenset(steady)
        self._platform(silent, now_ms)
        self._new(lambda reader, after: reader.dark(now_ms, alive_ms, steady, after, AT_ONCE) if steady else [])
        self._new(lambda reader, _: reader.offline(now_ms, alive_ms, self._rate.kinds, AT_ONCE))
        for kind in TELLING:
            self._moved(kind, now_ms, alive_ms)
        self._alarms(now_ms)
        self._undelivered(now_ms)

    def _new(self, find: Callable[[Reader, str], list[Cause]]) -> None:
        """In batches: those that are kept are found no more."""
        after, full = "", True
        while full:
            with self._store.read() as reader:
                found = find(reader, after)
            self._keep(found, {})
            full = len(found) >= AT_ONCE
            after = found[-1].id if found else after

    def _moved(self, kind: str, now_ms: int, alive_ms: int) -> None:
        full = True
        while full:
            with self._store.read() as reader:
                moved = reader.moved(kind, now_ms, alive_ms, AT_ONCE)
            self._keep([], {kind: moved})
            full = len(moved) >= AT_ONCE

    def _heard(self, reader: Reader, now_ms: int) -> tuple[dict[str, int], list[str]]:
        """Cities of which the center hears nothing now, since when; and those that it heard for long enough to judge.

        Where no worker ever heard anything neither is told.
        """
        spans = reader.heard_spans(now_ms - UNHEARD_MS - self._rate.dark_after_ms)
        revoked, last = reader.revoked(), reader.heard_to()
        cities = {city for box, city in reader.addresses().items() if box not in revoked}
        silent: dict[str, int] = {}
        steady: list[str] = []
        for city in sorted(cities):
            mine = normal((begin, end) for of, begin, end in spans if not of or city in of.split(","))
            if mine and mine[-1][1] >= now_ms - UNHEARD_MS:
                if mine[-1][0] <= now_ms - self._rate.dark_after_ms:
                    steady.append(city)
            elif last_ms := max((ms for of, ms in last.items() if not of or city in of), default=0):
                silent[city] = last_ms
        return silent, steady

    def _platform(self, silent: dict[str, int], now_ms: int) -> None:
        with self._store.read() as reader:
            held = reader.held("center")
        new = [
            Cause("center", city, "", city, "", since_ms, now_ms, "silent", "")
            for city, since_ms in silent.items()
            if city not in held
        ]
        self._keep(new, {"center": [(city, "back") for city in held if city not in silent]})

    def _keep(self, new: Sequence[Cause], moved: dict[str, list[tuple[str, str]]]) -> None:
        """Over are those that are back, and those that left the registry."""
        if not new and not any(moved.values()):
            return
        with self._store.write() as tx:
            tx.add_causes(new)
            for kind, states in moved.items():
                tx.count_removed((kind, one) for one, state in states if state == "removed")
                tx.drop_causes(kind, (one for one, state in states if state in ("back", "removed")))
                tx.move_causes(kind, {one: state for one, state in states if state not in ("back", "removed")})

    def _alarms(self, now_ms: int) -> None:
        """They have no end of their own: one that did not come again for a day is forgotten, and nothing told of it."""
        with self._store.read() as reader:
            held = reader.held("alarm")
            seen_ms = reader.alarms_seen()
            rows = reader.alarm_rows((seen_ms or now_ms) - ALARM_LOOK_BACK_MS, ALARMS_AT_ONCE)
            places = reader.places((row.gateway for row in rows), now_ms) if rows else {}
        found: dict[str, Cause] = {}
        for row in rows:
            name = "/".join(filter(None, (row.gateway, row.slot, row.code)))
            unit, region = places.get(row.gateway, ("", ""))
            first_ms = found[name].since_ms if name in found else row.at_ms
            cause = Cause("alarm", name, row.gateway, region, unit, first_ms, row.at_ms, "told", row.code)
            if name not in held or row.at_ms > held[name].seen_ms:
                found[name] = cause
        over = [name for name, one in held.items() if one.seen_ms < now_ms - ALARM_DAYS_MS and name not in found]
        newest_ms = max([seen_ms or now_ms, *(row.at_ms for row in rows)])
        if len(rows) < ALARMS_AT_ONCE and newest_ms < now_ms - ALARM_LOOK_BACK_MS // 2:
            newest_ms = now_ms  # what is forgotten below is not read again
        if found or over or newest_ms != seen_ms:
            with self._store.write() as tx:
                tx.see_alarms(newest_ms)
                tx.add_causes(list(found.values()), again=True)
                tx.drop_causes("alarm", over)

    def _undelivered(self, now_ms: int) -> None:
        """Receivers whose newest message did not arrive for good."""
        known = self._receivers
        with self._store.read() as reader:
            held, newest = reader.held("undelivered"), reader.newest_settled()
        lost = {name: post for name, post in newest.items() if post.state != "delivered" and name in known}
        over = [(name, "removed") for name in held if name not in known]
        over += [(name, "back") for name in held if name in known and name in newest and name not in lost]
        new = [
            Cause("undelivered", name, name, "", "", post.created_ms, now_ms, "lost", post.said)
            for name, post in lost.items()
            if name not in held
        ]
        self._keep(new, {"undelivered": over})
