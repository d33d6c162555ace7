"""Cases, whom they are told to, and the messages on their way: claimed before they are sent, settled after.

Only this folder knows SQLAlchemy. What a message says, and when one is due, must not be known here.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.store import bulk
from center.store.causes import causes
from center.store.schema import meta

WAITING, CLAIMED, DELIVERED, REFUSED, GIVEN_UP, DROPPED = (
    *("waiting", "claimed", "delivered", "refused", "given_up"),
    "dropped",
)
SETTLED = (DELIVERED, REFUSED, GIVEN_UP, DROPPED)
FIRST, REMINDER, RECOVERY = "first", "reminder", "recovery"


class Case(NamedTuple):
    """Causes that were told together. `kind`: as of the causes, but "county" for gateways of one that went together.

    `members`: how many it began with; `removed`: of them those that left the registry. `next_ms`: when the next
    reminder is due, 0 for never; `ended_ms`: 0 while it lasts. `ack_until_ms`: when it shall be mended, 0 for unsaid.
    """

    id: int
    kind: str
    region: str
    unit: str
    name: str
    detail: str
    members: int
    since_ms: int
    opened_ms: int
    reminded: int = 0
    next_ms: int = 0
    ended_ms: int = 0
    removed: int = 0
    ack_by: str = ""
    ack_note: str = ""
    ack_at_ms: int = 0
    ack_until_ms: int = 0


class Telling(NamedTuple):
    """One receiver of a case. `told` 1 once a first message was written; `owed`: first, reminder, recovery or ""."""

    case_id: int
    receiver: str
    told: int
    owed: str
    message: int = 0


class Post(NamedTuple):
    """A message. `key`: the same at every try. `cases`: their numbers with commas. `uncertain`: times that it was
    sent and no answer was had. `said`: the last word of the other side, as a code.
    """

    id: int
    receiver: str
    act: str
    cases: str
    key: str
    subject: str
    text: str
    body: str
    created_ms: int
    not_before_ms: int
    state: str = WAITING
    tries: int = 0
    uncertain: int = 0
    claimed_ms: int = 0
    settled_ms: int = 0
    said: str = ""


_WHOLE = ("id", "members", "reminded", "removed", "told", "message", "tries", "uncertain", "case_id")


def _table(name: str, fields: Sequence[str], keys: Sequence[str], *more: sa.Index) -> sa.Table:
    columns: list[sa.Column[Any]] = []
    for field in fields:
        whole = field in _WHOLE or field.endswith("_ms")
        kind: Any = sa.BigInteger if whole else sa.Text
        if field in keys:
            columns.append(sa.Column(field, kind, primary_key=True, autoincrement=False))
        else:
            columns.append(sa.Column(field, kind, nullable=False, server_default="0" if whole else ""))
    return sa.Table(name, meta, *columns, *more, sqlite_with_rowid=False)


cases = _table("cases", Case._fields, ("id",), sa.Index("cases_due", "ended_ms", "next_ms"))
tellings = _table("tellings", Telling._fields, ("case_id", "receiver"), sa.Index("tellings_owed", "owed"))
outbox = _table("outbox", Post._fields, ("id",), sa.Index("outbox_of", "receiver", "state"))


class Posted:
    """A part of the Reader."""

    _c: Connection

    def cases_due(self, now_ms: int, most: int) -> list[Case]:
        c = cases.c
        due = (c.ended_ms == 0) & (c.next_ms > 0) & (c.next_ms <= now_ms)
        return [Case(*row) for row in self._c.execute(sa.select(cases).where(due).order_by(c.id).limit(most))]

    def cases_over(self, most: int) -> list[Case]:
        """Running ones of which no cause is left."""
        c = cases.c
        over = (c.ended_ms == 0) & ~sa.exists().where(causes.c.case_id == c.id)
        return [Case(*row) for row in self._c.execute(sa.select(cases).where(over).order_by(c.id).limit(most))]

    def running(self, kind: str, region: str) -> list[Case]:
        """Running cases of this kind and region, the oldest first."""
        c = cases.c
        mine = (c.ended_ms == 0) & (c.kind == kind) & (c.region == region)
        return [Case(*row) for row in self._c.execute(sa.select(cases).where(mine).order_by(c.id))]

    def case(self, number: int) -> Case | None:
        row = self._c.execute(sa.select(cases).where(cases.c.id == number)).one_or_none()
        return Case(*row) if row else None

    def cases_since(self, moment_ms: int, most: int) -> list[Case]:
        """Running ones, and those that ended since; the newest first."""
        c = cases.c
        mine = (c.ended_ms == 0) | (c.ended_ms >= moment_ms)
        asked = sa.select(cases).where(mine).order_by(c.ended_ms != 0, c.id.desc()).limit(most)
        return [Case(*row) for row in self._c.execute(asked)]

    def owed_to(self) -> list[tuple[str, str]]:
        """(receiver, act) of all that is owed."""
        t = tellings.c
        asked = sa.select(t.receiver, t.owed).where(t.owed != "").distinct().order_by(t.receiver, t.owed)
        return [(receiver, act) for receiver, act in self._c.execute(asked)]

    def owed(self, receiver: str, act: str) -> list[Case]:
        t = tellings.c
        mine = (t.receiver == receiver) & (t.owed == act)
        joined = sa.select(cases).join(tellings, cases.c.id == t.case_id).where(mine)
        return [Case(*row) for row in self._c.execute(joined.order_by(cases.c.id))]

    def heads(self, now_ms: int, but: Iterable[str]) -> list[Post]:
        """The oldest waiting message of each receiver but these, where its time has come."""
        o = outbox.c
        first = sa.select(sa.func.min(o.id)).where(o.state == WAITING).group_by(o.receiver)
        mine = o.id.in_(first) & (o.not_before_ms <= now_ms) & o.receiver.not_in(sorted(but))
        return [Post(*row) for row in self._c.execute(sa.select(outbox).where(mine).order_by(o.id))]

    def sent_since(self, receiver: str, moment_ms: int) -> int:
        o = outbox.c
        asked = sa.select(sa.func.count()).where((o.receiver == receiver) & (o.claimed_ms > moment_ms))
        return int(self._c.execute(asked).scalar_one())

    def log(self, since_ms: int, receiver: str, most: int) -> list[Post]:
        """The newest first."""
        o = outbox.c
        mine = o.created_ms >= since_ms
        mine = mine & (o.receiver == receiver) if receiver else mine
        return [Post(*row) for row in self._c.execute(sa.select(outbox).where(mine).order_by(o.id.desc()).limit(most))]

    def newest_settled(self) -> dict[str, Post]:
        """Receiver -> the newest message to it that was delivered, refused or given up."""
        o = outbox.c
        newest = sa.select(sa.func.max(o.id)).where(o.state.in_((DELIVERED, REFUSED, GIVEN_UP))).group_by(o.receiver)
        return {row.receiver: Post(*row) for row in self._c.execute(sa.select(outbox).where(o.id.in_(newest)))}

    def in_outbox(self) -> dict[str, int]:
        """State -> messages."""
        rows = self._c.execute(sa.select(outbox.c.state, sa.func.count()).group_by(outbox.c.state))
        return {state: number for state, number in rows}  # noqa: C416


class Posting:
    """A part of the Writer."""

    _c: Connection

    def next_number(self, table: str) -> int:
        """Of `cases` or `outbox`: only the one that sends makes rows there."""
        mine = {"cases": cases, "outbox": outbox}[table]
        return int(self._c.execute(sa.select(sa.func.coalesce(sa.func.max(mine.c.id), 0))).scalar_one()) + 1

    def add_case(self, case: Case, receivers: Iterable[str]) -> None:
        bulk.insert(self._c, cases, Case._fields, [case], "DO NOTHING")
        rows = [Telling(case.id, receiver, 0, FIRST) for receiver in receivers]
        bulk.insert(self._c, tellings, Telling._fields, rows, "DO NOTHING")

    def change_case(self, number: int, **values: object) -> None:
        self._c.execute(sa.update(cases).where(cases.c.id == number).values(**values))

    def add_tellings(self, case: int, receivers: Iterable[str]) -> None:
        """Receivers that were not told of it yet."""
        rows = [Telling(case, receiver, 0, FIRST) for receiver in receivers]
        bulk.insert(self._c, tellings, Telling._fields, rows, "DO NOTHING")

    def count_removed(self, numbers: Iterable[tuple[str, str]]) -> None:
        """(kind, id) of causes that left the registry: their cases know how many."""
        for kind, name in numbers:
            mine = sa.select(causes.c.case_id).where((causes.c.kind == kind) & (causes.c.id == name)).scalar_subquery()
            self._c.execute(sa.update(cases).where(cases.c.id == mine).values(removed=cases.c.removed + 1))

    def owe_reminder(self, case: int) -> None:
        t = tellings.c
        mine = (t.case_id == case) & (t.told == 1) & (t.owed == "")
        self._c.execute(sa.update(tellings).where(mine).values(owed=REMINDER))

    def acknowledge_case(self, case: int, by: str, note: str, at_ms: int, until_ms: int) -> None:
        """Reminders stop until it was to be mended; one that is owed is not sent."""
        told = {"ack_by": by, "ack_note": note, "ack_at_ms": at_ms, "ack_until_ms": until_ms}
        self.change_case(case, **told, next_ms=until_ms)
        t = tellings.c
        owed = (t.case_id == case) & (t.owed == REMINDER)
        self._c.execute(sa.update(tellings).where(owed).values(owed=""))

    def end_case(self, case: int, now_ms: int, *, tell: bool) -> None:
        """Who was told of it hears of its end, if `tell`; who was not told yet hears nothing."""
        t = tellings.c
        self.change_case(case, ended_ms=now_ms, next_ms=0)
        gone = (t.case_id == case) & (t.told == 0) if tell else t.case_id == case
        self._c.execute(sa.delete(tellings).where(gone))
        self._c.execute(sa.update(tellings).where(t.case_id == case).values(owed=RECOVERY))

    def post(self, post: Post, told: Sequence[int]) -> None:
        """The message, and that its cases are owed no more, in one transaction."""
        bulk.insert(self._c, outbox, Post._fields, [post], "DO NOTHING")
        t = tellings.c
        for i in range(0, len(told), 1000):
            mine = (t.receiver == post.receiver) & t.case_id.in_(told[i : i + 1000]) & (t.owed == post.act)
            if post.act == RECOVERY:
                self._c.execute(sa.delete(tellings).where(mine))
            else:
                first = {"message": post.id} if post.act == FIRST else {}
                self._c.execute(sa.update(tellings).where(mine).values(told=1, owed="", **first))

    def claim(self, post: Post, now_ms: int) -> bool:
        """It is sent now, and by nobody else."""
        return self._changed(post, WAITING, state=CLAIMED, tries=post.tries + 1, claimed_ms=now_ms)

    def settle(self, claimed: Post, **values: object) -> bool:
        """What became of a claimed one; False where somebody else has taken it over meanwhile."""
        return self._changed(claimed, CLAIMED, **values)

    def _changed(self, post: Post, before: str, **values: object) -> bool:
        o = outbox.c
        mine = (o.id == post.id) & (o.state == before) & (o.tries == post.tries)
        return bool(self._c.execute(sa.update(outbox).where(mine).values(**values)).rowcount)

    def untold(self, post: Post, now_ms: int) -> None:
        """A first message that did not reach its receiver: no reminder and no end of it is told there."""
        self._c.execute(sa.delete(tellings).where(tellings.c.message == post.id))
        o = outbox.c
        later = (o.receiver == post.receiver) & (o.cases == post.cases) & (o.state == WAITING) & (o.id > post.id)
        self._c.execute(sa.update(outbox).where(later).values(state=DROPPED, settled_ms=now_ms, said="untold"))

    def claimed_before(self, but: Iterable[int]) -> int:
        """What was claimed when its sender died is sent again, and known to be uncertain. Returns how many.

        `but`: what this sender itself has on its way.
        """
        o = outbox.c
        died = (o.state == CLAIMED) & o.id.not_in(sorted(but))
        again = {"state": WAITING, "uncertain": o.uncertain + 1, "said": "interrupted"}
        return int(self._c.execute(sa.update(outbox).where(died).values(**again)).rowcount)

    def keep_receivers(self, names: Iterable[str], now_ms: int) -> None:
        """What waits for others, which the rules name no more, is not sent."""
        known = sorted(names)
        o = outbox.c
        gone = o.receiver.not_in(known) & (o.state == WAITING)
        self._c.execute(sa.update(outbox).where(gone).values(state=DROPPED, settled_ms=now_ms, said="no_receiver"))
        self._c.execute(sa.delete(tellings).where(tellings.c.receiver.not_in(known)))

    def prune(self, before_ms: int) -> None:
        """The log of before that moment, and cases that ended before it."""
        o = outbox.c
        self._c.execute(sa.delete(outbox).where(o.state.in_(SETTLED) & (o.settled_ms < before_ms)))
        self._c.execute(sa.delete(cases).where((cases.c.ended_ms > 0) & (cases.c.ended_ms < before_ms)))
