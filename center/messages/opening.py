"""Causes become cases, cases are reminded of and end: who is owed a word of it. How it is said must not be known."""

from collections.abc import Collection, Iterator, Sequence

from center.messages import engine
from center.messages.engine import Gathered, Pace, Pending, Running
from center.messages.rules import Rules
from center.messages.taking_in import TELLING, UNHEARD_MS
from center.registry.tree import Tree
from center.store import Reader, Store, Writer
from center.store.causes import Cause
from center.store.outbox import Case

CASES_AT_ONCE = 500
BUCKETS_AT_ONCE = 100
STATES = ("left", "lost", "offline", "silent", "told")
"""Of causes that can be told."""


class Opening:
    """`go(now_ms)`: every step may be done again. Raises Unavailable."""

    def __init__(self, store: Store, rules: Rules, pace: Pace) -> None:
        self._store, self._rules, self._pace = store, rules, pace
        self._units = frozenset(unit for one in rules.receivers for unit in one.units)

    def go(self, now_ms: int, heard: Collection[str]) -> None:
        """`heard`: cities whose gateways the center hears."""
        self._open(now_ms)
        self._go_on(now_ms, heard)

    def _open(self, now_ms: int) -> None:
        with self._store.read() as reader:
            due = [
                (kind, bucket)
                for kind, bucket, since_ms in reader.pending(STATES)
                if since_ms + engine.delay(kind, self._pace) <= now_ms
            ]
        for i in range(0, len(due), BUCKETS_AT_ONCE):
            with self._store.write() as tx:
                tree = Tree(tx.regions())
                for kind, bucket in due[i : i + BUCKETS_AT_ONCE]:
                    self._open_in(tx, kind, bucket, tree, now_ms)

    def _open_in(self, tx: Writer, kind: str, bucket: str, tree: Tree, now_ms: int) -> None:
        waiting = {one.id: one for one in tx.pending_in(kind, bucket, STATES)}
        counties = tx.running("county", bucket) if kind == "gateway" else ()
        running = [Running(case.id, case.since_ms) for case in counties]
        rows = [Pending(one.id, one.since_ms) for one in waiting.values()]
        for one in engine.gather(kind, rows, running, now_ms, self._pace):
            self._make(tx, kind, [waiting[p.id] for p in one.members], one, tree, now_ms)

    def _make(
        self, tx: Writer, kind: str, members: Sequence[Cause], gathered: Gathered, tree: Tree, now_ms: int
    ) -> None:
        first, ids = members[0], [one.id for one in members]
        shown = "county" if gathered.together else kind
        if number := gathered.case:
            case = tx.case(number)
            assert case, "it was read in this round"  # noqa: S101
            tx.change_case(number, members=case.members + len(members))
            tx.put_in_case(kind, ids, number)
            tx.add_tellings(number, self._concerned(tx, case, tree))
            return
        number = tx.next_number("cases")
        alone = shown != "center" or len(members) == 1
        opened = Case(
            id=number,
            kind=shown,
            region=first.region if alone else "",
            unit="" if shown == "county" else first.unit,
            name=self._name(tx, shown, first, now_ms),
            detail=first.detail,
            members=len(members),
            since_ms=first.since_ms,
            opened_ms=now_ms,
            next_ms=0 if shown == "alarm" else engine.next_reminder(now_ms, now_ms, self._pace),
        )
        tx.put_in_case(kind, ids, number)
        tx.add_case(opened, self._concerned(tx, opened, tree))

    def _name(self, tx: Reader, kind: str, first: Cause, now_ms: int) -> str:
        if kind == "county":
            return ""
        unit = tx.contacts([first.unit], now_ms).get(first.unit, ("", "", ""))[0] if first.unit else ""
        if kind in ("gateway", "alarm"):
            gateway = first.bucket if kind == "alarm" else first.id
            return f"{unit} {gateway}".strip()
        return unit or first.id

    def _concerned(self, tx: Reader, case: Case, tree: Tree) -> Iterator[str]:
        """Receivers whom the rules tell of it."""
        chain = set(tree.chain(case.region))
        units = tx.units_of(case.id) & self._units if self._units else set()
        for one in self._rules.receivers:
            if case.kind not in one.told or (case.kind == "undelivered" and one.name == case.name):
                continue
            here = not one.regions or bool(chain & set(one.regions)) or not case.region
            if here and (not one.units or units & set(one.units)):
                yield one.name

    def _go_on(self, now_ms: int, heard: Collection[str]) -> None:
        more = True
        while more:
            with self._store.read() as reader:
                over, due = reader.cases_over(CASES_AT_ONCE), reader.cases_due(now_ms, CASES_AT_ONCE)
                left = reader.left_of([case.id for case in due])
            more = len(over) >= CASES_AT_ONCE or len(due) >= CASES_AT_ONCE
            if not over and not due:
                return
            with self._store.write() as tx:
                for case in over:
                    tx.end_case(case.id, now_ms, tell=case.kind != "alarm")
                tree = Tree(tx.regions())
                for case in due:
                    self._remind(tx, case, left[case.id], now_ms, unheard=tree[case.region].city not in heard)

    def _remind(self, tx: Writer, case: Case, left: dict[str, int], now_ms: int, *, unheard: bool) -> None:
        """Of what is unknown meanwhile nothing is said: it is looked at again in a minute."""
        if tx.case(case.id) != case:  # somebody has just seen to it
            return
        telling = TELLING.get("gateway" if case.kind == "county" else case.kind)
        if telling and left and (unheard or not any(state in telling for state in left)):
            tx.change_case(case.id, next_ms=now_ms + UNHEARD_MS)
            return
        if left:
            tx.owe_reminder(case.id)
        following = 0 if case.ack_by else engine.next_reminder(case.opened_ms, now_ms, self._pace)
        tx.change_case(case.id, reminded=case.reminded + 1, next_ms=following)
