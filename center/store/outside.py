"""What came from outside: the platform's words, and draws of positions to be opened by hand. Only this folder knows
SQLAlchemy.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.store import bulk
from center.store.schema import meta

_BIG = sa.BigInteger


class Opinion(NamedTuple):
    """The platform's word: at `at_ms` this position was `online` (1) or not (0); it holds until `until_ms` at most."""

    position: str
    at_ms: int
    online: int
    until_ms: int
    source: str
    entered_ms: int


class Draw(NamedTuple):
    """`seed`: published before; of [from_ms, to_ms) `n` were drawn, at `at_ms`, by this person; `region`: of that one
    alone, "" of all.
    """

    seed: str
    from_ms: int
    to_ms: int
    n: int
    at_ms: int
    person: str
    region: str = ""

    @property
    def late(self) -> bool:
        """Made after its period had begun: those concerned may have known."""
        return self.at_ms >= self.from_ms


class Drawn(NamedTuple):
    """One of a draw; `result`: opened, not_opened, not_tried, or "" as long as nobody entered it."""

    seed: str
    number: int
    position: str
    unit: str
    unit_name: str
    region: str
    zone: str
    at_ms: int
    result: str
    note: str
    person: str
    entered_ms: int


def _table(name: str, fields: Sequence[str], keys: Sequence[str]) -> sa.Table:
    columns = []
    for field in fields:
        whole = field.endswith("_ms") or field in ("online", "number", "n")
        if field in keys:
            columns.append(sa.Column(field, _BIG if whole else sa.Text, primary_key=True, autoincrement=False))
        elif whole:
            columns.append(sa.Column(field, _BIG, nullable=False, server_default="0"))
        else:
            columns.append(sa.Column(field, sa.Text, nullable=False, server_default=""))
    return sa.Table(name, meta, *columns, sqlite_with_rowid=False)


opinions = _table("opinions", Opinion._fields, ("position", "at_ms"))
draws = _table("draws", Draw._fields, ("seed",))
drawn = _table("drawn", Drawn._fields, ("seed", "number"))


class Outside:
    """A part of the Reader."""

    _c: Connection

    def opinions(self, from_ms: int, to_ms: int) -> Iterator[Opinion]:
        """Words that hold within [from_ms, to_ms), by position and time."""
        o = opinions.c
        chosen = sa.select(opinions).where((o.at_ms < to_ms) & (o.until_ms > from_ms)).order_by(o.position, o.at_ms)
        with self._c.execution_options(yield_per=5000).execute(chosen) as rows:
            yield from (Opinion(*row) for row in rows)

    def opinions_at(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """(position, at_ms) -> what is held already."""
        rows = bulk.lookup(self._c, opinions, ("position", "at_ms"), keys, "t.position, t.at_ms, t.online")
        return {(position, at_ms): online for position, at_ms, online in rows}

    def named(self) -> tuple[set[str], dict[str, str]]:
        """Every position that was ever registered; and by its id at the platform."""
        rows = self._c.execute(sa.text("SELECT position, gb_id FROM positions ORDER BY position, since_ms")).all()
        return {position for position, _ in rows}, {gb_id: position for position, gb_id in rows if gb_id}

    def draws(self) -> list[Draw]:
        """By their time."""
        return [Draw(*row) for row in self._c.execute(sa.select(draws).order_by(draws.c.at_ms, draws.c.seed))]

    def entered_of(self) -> dict[str, int]:
        """Seed -> how many of its draw have a result."""
        counted = sa.select(drawn.c.seed, sa.func.count()).where(drawn.c.result != "").group_by(drawn.c.seed)
        return {seed: number for seed, number in self._c.execute(counted)}  # noqa: C416

    def drawn(self, seed: str) -> list[Drawn]:
        chosen = sa.select(drawn).where(drawn.c.seed == seed).order_by(drawn.c.number)
        return [Drawn(*row) for row in self._c.execute(chosen)]


class Entering:
    """A part of the Writer."""

    _c: Connection

    def add_opinions(self, rows: Sequence[Opinion]) -> None:
        bulk.insert(self._c, opinions, Opinion._fields, rows, "DO NOTHING")

    def add_draw(self, draw: Draw, rows: Sequence[Drawn]) -> bool:
        """False where there is a draw of this seed: then nothing is kept."""
        if not bulk.insert(self._c, draws, Draw._fields, [draw], "DO NOTHING"):
            return False
        bulk.insert(self._c, drawn, Drawn._fields, rows, "DO NOTHING")
        return True

    def enter(self, rows: Sequence[Drawn]) -> None:
        """Results of what was drawn."""
        values = ("result", "note", "person", "entered_ms")
        then = "DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in values)
        bulk.insert(self._c, drawn, Drawn._fields, rows, then)
