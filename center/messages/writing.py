"""What is owed becomes messages in the outbox, in one transaction with that it is owed no more."""

import uuid
from collections.abc import Iterator, Sequence

import msgspec

from center.absent import place
from center.messages import engine, words
from center.messages.rules import Receiver, Rules
from center.registry.tree import Tree
from center.store import Reader, Store, Writer
from center.store.outbox import FIRST, RECOVERY, Case, Post

SINGLY = 3
"""More cases than these for one receiver at one time are one message."""
RECEIVERS_AT_ONCE = 50
"""In one transaction."""
MOST_CASES = 500
"""Of one message: its JSON stays below some hundred KB."""


class Writing:
    """`go(now_ms)` returns how many were written. Raises Unavailable."""

    def __init__(self, store: Store, rules: Rules) -> None:
        self._store, self._rules = store, rules

    def go(self, now_ms: int) -> int:
        by_name = {one.name: one for one in self._rules.receivers}
        with self._store.read() as reader:
            owed = [(by_name[name], act) for name, act in reader.owed_to() if name in by_name]
        owed.sort(key=lambda one: (one[0].name, one[1] != FIRST, one[1]))
        written = 0
        for i in range(0, len(owed), RECEIVERS_AT_ONCE):
            with self._store.write() as tx:
                tree = Tree(tx.regions())
                for receiver, act in owed[i : i + RECEIVERS_AT_ONCE]:
                    written += self._to(tx, receiver, act, tree, now_ms)
        return written

    def _to(self, tx: Writer, receiver: Receiver, act: str, tree: Tree, now_ms: int) -> int:
        cases = [case for case in tx.owed(receiver.name, act) if not self._is_quiet(receiver, case, now_ms)]
        size = 1 if len(cases) <= SINGLY else MOST_CASES
        each = [cases[i : i + size] for i in range(0, len(cases), size)]
        for some in each:
            self._post(tx, receiver, act, some, tree, now_ms)
        return len(each)

    def _is_quiet(self, receiver: Receiver, case: Case, now_ms: int) -> bool:
        return case.kind not in self._rules.urgent and engine.is_quiet(self._rules.quiet_of(receiver), now_ms)

    def _post(self, tx: Writer, receiver: Receiver, act: str, cases: Sequence[Case], tree: Tree, now_ms: int) -> None:
        whole = len(cases) == 1 and act != RECOVERY
        found = list(self._facts(tx, cases, tree, now_ms, receiver if whole else None))
        lang, link, key = self._rules.language_of(receiver), self._rules.base_url or "", str(uuid.uuid4())
        body = msgspec.json.encode(words.document(key, found, act, now_ms, lang, link)).decode()
        numbers = [case.id for case in cases]
        post = Post(
            *(tx.next_number("outbox"), receiver.name, act, ",".join(map(str, numbers)), key),
            *(words.subject(found, act, lang), words.text(found, act, now_ms, lang, link), body, now_ms, now_ms),
        )
        tx.post(post, numbers)

    def _facts(
        self, tx: Reader, cases: Sequence[Case], tree: Tree, now_ms: int, to: Receiver | None
    ) -> Iterator[words.Facts]:
        """`to`: whom single causes are named to, None: nobody."""
        left = tx.left_of([case.id for case in cases])
        for case in cases:
            lines = tuple(self._lines(tx, case, tree, now_ms, to)) if to else ()
            yield words.Facts(case, place(tree, case.region), left[case.id], lines)

    def _lines(self, tx: Reader, case: Case, tree: Tree, now_ms: int, to: Receiver) -> Iterator[words.Line]:
        """A unit hears of itself alone, whoever else the case is about."""
        members = tx.members(case.id, words.LINES, to.units)
        units = tx.contacts({one.unit for one in members if one.unit} or {""}, now_ms)
        zones = tx.zones([one.id for one in members], now_ms) if case.kind == "camera" else {}
        for one in members:
            name, contact, telephone = units.get(one.unit, ("", "", ""))
            its = zones.get(one.id) or one.id
            its = place(tree, one.id) if case.kind == "center" else its
            shown = its if case.kind == "camera" else f"{name} {its}".strip()
            yield words.Line(shown, one.since_ms, one.state, one.detail, contact, telephone)
