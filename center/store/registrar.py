"""Takes rows over into the registry's tables, set by set: staged, compared, audited, written, checked, all or nothing.

What a row means is not known here. Raises what the database raises.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.store.reader import Reader
from center.store.registered import PLACES, TABLES, audit
from center.store.requests import Deciding
from center.store.schema import imports

REGISTRY_LOCK = 4_191
"""Number of the lock under which a registry is taken over; any would do."""
ADDED, CHANGED = 0, 1
FIRST = 20
BATCH = 10_000
_staged = sa.MetaData()


class Counts(NamedTuple):
    """How many rows of one table a registry adds, changes, ends, or leaves."""

    added: int = 0
    changed: int = 0
    ended: int = 0
    unchanged: int = 0
    absent: int = 0
    """Registered, not in the files, and left as they are."""


class Changed(NamedTuple):
    """One row that differs; `before` is empty for one that is added."""

    sheet: str
    line: int
    before: dict[str, Any]
    after: dict[str, Any]


class Clash(NamedTuple):
    """Something that does not go together; `line` 0 and `sheet` "" where both stand in the registry already."""

    sheet: str
    line: int
    words: tuple[Any, ...]


@cache
def _stage(name: str) -> sa.Table:
    """Rows as they were read; a value of None keeps what is registered."""
    columns = [sa.Column(c.name, c.type, nullable=not c.primary_key or name == "bindings") for c in TABLES[name].c]
    more = [sa.Column("accepted_ms", sa.BigInteger)] if name == "bindings" else []
    where = (sa.Column("line", sa.Integer), sa.Column("sheet", sa.Text))
    return sa.Table(f"stage_{name}", _staged, *where, *columns, *more, prefixes=["TEMPORARY"])


@cache
def _next(name: str) -> sa.Table:
    """Rows that are added or changed, whole."""
    columns = [sa.Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable) for c in TABLES[name].c]
    where = (sa.Column("line", sa.Integer), sa.Column("sheet", sa.Text), sa.Column("status", sa.Integer))
    return sa.Table(f"next_{name}", _staged, *columns, *where, prefixes=["TEMPORARY"], sqlite_with_rowid=False)


class Registrar(Reader, Deciding):
    """`stage` first, outside of any lock; then, in one transaction, the rest."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._waiting: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self.staged: dict[str, int] = dict.fromkeys(TABLES, 0)
        with connection.begin():
            for table in _temporary():
                table.create(connection, checkfirst=False)

    @contextmanager
    def staging(self) -> Iterator[None]:
        """Reads what is registered, writes nothing that others would wait for."""
        with self._c.begin():
            yield
            self._flush_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Alone: of two imports at once, the one with the lower number is seen first."""
        self._c.execution_options(writes=True)
        with self._c.begin():
            if self._c.dialect.name == "postgresql":  # in SQLite every writer is alone
                self._c.execute(sa.select(sa.func.pg_advisory_xact_lock(REGISTRY_LOCK)))
            yield

    def drop(self) -> None:
        with self._c.begin():
            for table in _temporary():
                table.drop(self._c, checkfirst=False)

    # ---- staging

    def put(self, table: str, row: tuple[Any, ...]) -> None:
        """(line, sheet, *values) in the order of the table's columns."""
        waiting = self._waiting[table]
        waiting.append(row)
        if len(waiting) >= BATCH:
            self.flush(table)

    def _flush_all(self) -> None:
        for name in TABLES:
            self.flush(name)
        if self._c.dialect.name == "postgresql":
            for name in TABLES:
                if self.staged[name]:
                    self._c.exec_driver_sql(f"ANALYZE stage_{name}")

    def flush(self, name: str) -> None:
        rows, self._waiting[name] = self._waiting[name], []
        if not rows:
            return
        self.staged[name] += len(rows)
        stage = _stage(name)
        columns = [column.name for column in stage.c][: len(rows[0])]
        _pour(self._c, stage.name, columns, rows)

    # ---- within the transaction

    def bind(self) -> list[Clash]:
        """Says since when a binding holds that was given without a time; those that would need one."""
        stage, table = _stage("bindings"), TABLES["bindings"]
        if not self.staged["bindings"]:
            return []
        newest = (
            sa.select(table.c.position, sa.func.max(table.c.since_ms).label("since_ms"))
            .where(table.c.position.in_(sa.select(stage.c.position).where(stage.c.since_ms.is_(None))))
            .group_by(table.c.position)
        ).subquery()
        now = sa.select(table).join(
            newest, (newest.c.position == table.c.position) & (newest.c.since_ms == table.c.since_ms)
        )
        there = now.subquery()
        same = (there.c.gateway == stage.c.gateway) & (there.c.slot == stage.c.slot)
        joined = stage.join(there, there.c.position == stage.c.position)
        differ = sa.select(stage.c.sheet, stage.c.line, stage.c.position, there.c.gateway, there.c.slot)
        wrong = differ.select_from(joined).where(stage.c.since_ms.is_(None) & ~same)
        clashes = [Clash(sheet or "", line, tuple(words)) for sheet, line, *words in self._rows(wrong.limit(200))]
        since = sa.select(there.c.since_ms).where(there.c.position == stage.c.position).scalar_subquery()
        given = sa.func.coalesce(since, stage.c.accepted_ms)
        self._c.execute(sa.update(stage).where(stage.c.since_ms.is_(None)).values(since_ms=given))
        return clashes

    def again(self, name: str, key: tuple[Any, ...]) -> list[int]:
        """The lines of the rows with this key, in order."""
        stage = _stage(name)
        mine = sa.and_(*(c == value for c, value in zip(_keys(stage, name), key, strict=True)))
        return [line for (line,) in self._rows(sa.select(stage.c.line).where(mine).order_by(stage.c.line))]

    def compare(self, name: str) -> Counts:
        """Fills the table of what differs from the registry."""
        if not self.staged[name]:
            return Counts()
        stage, table, following = _stage(name), TABLES[name], _next(name)
        keys = [c.name for c in table.primary_key.columns]
        new = table.c[keys[0]].is_(None)
        values = [c.name for c in table.c if not c.primary_key]
        kept = [_kept(stage.c[value], table.c[value]) for value in values]
        changes = [stage.c[value].is_not(None) & stage.c[value].is_distinct_from(table.c[value]) for value in values]
        chosen = sa.select(
            *(stage.c[key] for key in keys), *kept, stage.c.line, stage.c.sheet, sa.case((new, ADDED), else_=CHANGED)
        )
        joined = stage.outerjoin(table, sa.and_(*(stage.c[key] == table.c[key] for key in keys)))
        wanted = chosen.select_from(joined).where(sa.or_(new, *changes))
        names = [*keys, *values, "line", "sheet", "status"]
        self._c.execute(sa.insert(following).from_select(names, wanted))
        added, changed = (self._count(following, following.c.status == status) for status in (ADDED, CHANGED))
        unchanged = self.staged[name] - added - changed
        registered = self._number(sa.select(sa.func.count()).select_from(table))
        return Counts(added, changed, self._ended(name), unchanged, max(0, registered - changed - unchanged))

    def _count(self, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
        return self._number(sa.select(sa.func.count()).select_from(table).where(where))

    def _ended(self, name: str) -> int:
        """Of the changed, those whose end the file tells."""
        end = next((c.name for c in TABLES[name].c if c.name in ("until_ms", "revoked_ms")), "")
        if not end:
            return 0
        table, following = TABLES[name], _next(name)
        joined = following.join(table, _same(name, following, table))
        ended = following.c[end].is_not(None) & table.c[end].is_(None)
        return self._number(sa.select(sa.func.count()).select_from(joined).where(ended))

    def first(self, name: str, status: int, most: int = FIRST) -> list[Changed]:
        """In the order of the file."""
        table, following = TABLES[name], _next(name)
        columns = [c.name for c in table.c]
        chosen = sa.select(
            *(following.c[c] for c in ("sheet", "line", *columns)), *(table.c[c].label(f"was_{c}") for c in columns)
        )
        joined = following.outerjoin(table, _same(name, following, table))
        mine = chosen.select_from(joined).where(following.c.status == status)
        rows = self._rows(mine.order_by(following.c.sheet, following.c.line).limit(most))
        size = len(columns)
        return [
            Changed(
                row[0] or "",
                row[1],
                dict(zip(columns, row[2 + size :], strict=True)) if status == CHANGED else {},
                dict(zip(columns, row[2 : 2 + size], strict=True)),
            )
            for row in rows
        ]

    def moves(self, name: str) -> list[Clash]:
        """(sheet, line, (id, column, was, would be)) of what would move the past of a place."""
        table, following = TABLES[name], _next(name)
        found: list[Clash] = []
        for column in PLACES.get(name, ()):
            was, now = table.c[column], following.c[column]
            first = next(iter(table.primary_key.columns)).name
            chosen = sa.select(following.c.sheet, following.c.line, following.c[first], sa.literal(column), was, now)
            joined = following.join(table, _same(name, following, table))
            rows = self._rows(chosen.select_from(joined).where(was != now).order_by(following.c.line).limit(200))
            found += [Clash(sheet or "", line, tuple(words)) for sheet, line, *words in rows]
        return found

    def begin_import(self, at_ms: int, by: str, source: str, sha256: str, counts: Counts) -> int:
        row = {"at_ms": at_ms, "person": by, "source": source, "sha256": sha256}
        row |= {"added": counts.added, "changed": counts.changed, "unchanged": counts.unchanged}
        return int(self._c.execute(sa.insert(imports).values(row).returning(imports.c.id)).scalar_one())

    def write(self, name: str, number: int) -> None:
        """Puts what differs on record, then in place."""
        table, following = TABLES[name], _next(name)
        keys = [c.name for c in table.primary_key.columns]
        at: sa.ColumnElement[str] = sa.literal("")
        for i, key in enumerate(keys[1:]):
            at = at + (" " if i else "") + sa.cast(following.c[key], sa.Text)
        was = sa.case((following.c.status == ADDED, ""), else_=self._json(table))
        joined = following.outerjoin(table, _same(name, following, table))
        chosen = sa.select(
            sa.literal(number), sa.literal(name), following.c[keys[0]], at, was, self._json(following, name)
        )
        self._c.execute(sa.insert(audit).from_select([c.name for c in audit.c], chosen.select_from(joined)))
        changed = sa.select(*(following.c[key] for key in keys)).where(following.c.status == CHANGED)
        self._c.execute(sa.delete(table).where(sa.tuple_(*(table.c[key] for key in keys)).in_(changed)))
        names = [c.name for c in table.c]
        self._c.execute(sa.insert(table).from_select(names, sa.select(*(following.c[c] for c in names))))

    def _json(self, table: sa.Table, name: str = "") -> sa.ColumnElement[str]:
        pairs: list[sa.ColumnElement[Any]] = []
        for column in TABLES[name or table.name].c:
            pairs += (sa.literal_column(f"'{column.name}'"), table.c[column.name])
        if self._c.dialect.name == "sqlite":
            return sa.func.json_object(*pairs)
        return sa.cast(sa.func.json_build_object(*pairs), sa.Text)

    # ---- what must hold of the whole, once it is written

    def orphans(self, name: str, column: str, of: str) -> list[Clash]:
        """Rows of the file whose `column` names nothing in the table `of`."""
        following, other = _next(name), TABLES[of]
        key = next(iter(other.primary_key.columns))
        missing = ~sa.exists().where(key == following.c[column])
        chosen = sa.select(following.c.sheet, following.c.line, following.c[column]).where(missing)
        rows = self._rows(chosen.order_by(following.c.line).limit(200))
        return [Clash(sheet or "", line, tuple(words)) for sheet, line, *words in rows]

    def overlaps(self) -> list[Clash]:
        """(sheet, line, (position, since when it is in service already)) of what is in service twice at a time."""
        table, following = TABLES["positions"], _next("positions")
        touched = table.c.position.in_(sa.select(following.c.position))
        following_ms = sa.func.lead(table.c.since_ms).over(partition_by=table.c.position, order_by=table.c.since_ms)
        spans = (
            sa.select(
                table.c.position,
                table.c.since_ms,
                table.c.until_ms,
                following_ms.label("then_ms"),
            )
            .where(touched)
            .subquery()
        )
        bad = spans.c.then_ms.is_not(None) & (spans.c.until_ms.is_(None) | (spans.c.until_ms > spans.c.then_ms))
        mine = following.c.position == spans.c.position
        either = (following.c.since_ms == spans.c.since_ms) | (following.c.since_ms == spans.c.then_ms)
        line = sa.select(sa.func.max(following.c.line)).where(mine & either).scalar_subquery()
        sheet = sa.select(sa.func.max(following.c.sheet)).where(mine & either).scalar_subquery()
        chosen = sa.select(sheet, line, spans.c.position, spans.c.since_ms).where(bad).limit(200)
        return [Clash(sheet or "", line or 0, tuple(words)) for sheet, line, *words in self._rows(chosen)]

    def shared(self) -> list[tuple[str, str]]:
        """(gateway, slot) that more than one position was ever bound to."""
        table = TABLES["bindings"]
        chosen = sa.select(table.c.gateway, table.c.slot).where(table.c.gateway != "")
        several = sa.func.min(table.c.position) != sa.func.max(table.c.position)
        rows = self._rows(chosen.group_by(table.c.gateway, table.c.slot).having(several))
        return [(gateway, slot) for gateway, slot in rows]

    def touched(self, name: str) -> dict[tuple[Any, ...], tuple[str, int]]:
        """Key -> (sheet, line) of what the file adds or changes."""
        following = _next(name)
        keys = [c.name for c in TABLES[name].primary_key.columns]
        rows = self._rows(sa.select(*(following.c[key] for key in keys), following.c.sheet, following.c.line))
        return {tuple(key): (sheet or "", line) for *key, sheet, line in rows}

    def unit_regions(self) -> dict[str, str]:
        """Unit -> its region, registered or staged."""
        found: dict[str, str] = {}
        for table in (TABLES["units"], _stage("units")):
            found |= dict(tuple(row) for row in self._rows(sa.select(table.c.unit, table.c.region)))
        return found

    def doubled(self, name: str) -> list[Clash]:
        """Keys that stand in several rows."""
        stage = _stage(name)
        keys = _keys(stage, name)
        chosen = sa.select(sa.func.max(stage.c.sheet), sa.func.max(stage.c.line), sa.func.min(stage.c.line), keys[0])
        rows = self._rows(chosen.group_by(*keys).having(sa.func.count() > 1).limit(200))
        return [Clash(sheet or "", line, (key, first)) for sheet, line, first, key in rows]

    def exclusions(self, among: Iterable[str]) -> list[tuple[Any, ...]]:
        """(position, from, to, cause, approved) of these positions, in order."""
        e = TABLES["exclusions"].c
        chosen = sa.select(e.position, e.from_ms, e.to_ms, e.cause, e.approved_ms).order_by(e.position, e.from_ms)
        return [tuple(row) for part in _parts(among) for row in self._rows(chosen.where(e.position.in_(part)))]

    def at(self, pairs: Iterable[tuple[str, str]]) -> list[str]:
        """The positions that are or were heard at these (gateway, slot)."""
        b, wanted = TABLES["bindings"].c, set(pairs)
        found: set[str] = set()
        for part in _parts({gateway for gateway, _ in wanted}):
            rows = self._rows(sa.select(b.gateway, b.slot, b.position).where(b.gateway.in_(part)))
            found |= {position for gateway, slot, position in rows if (gateway, slot) in wanted}
        return sorted(found)

    def positions_of(self, units: Iterable[str]) -> list[tuple[str, str, int, int | None]]:
        """(unit, position, since, until), registered or staged."""
        found: dict[tuple[str, int], tuple[str, str, int, int | None]] = {}
        for table in (TABLES["positions"], _stage("positions")):
            chosen = sa.select(table.c.unit, table.c.position, table.c.since_ms, table.c.until_ms)
            for row in self._rows(chosen.where(table.c.unit.in_(sorted(units)))):
                found[row[1], row[2]] = tuple(row)
        return list(found.values())


def _parts(names: Iterable[str]) -> Iterator[list[str]]:
    """As many as one statement may name."""
    ordered = sorted(names)
    return (ordered[i : i + 5000] for i in range(0, len(ordered), 5000))


def _kept(stage: sa.Column[Any], table: sa.Column[Any]) -> sa.ColumnElement[Any]:
    if table.nullable:
        return sa.func.coalesce(stage, table)
    return sa.func.coalesce(stage, table, sa.literal("" if isinstance(table.type, sa.Text) else 0))


def _keys(stage: sa.Table, name: str) -> list[sa.Column[Any]]:
    return [stage.c[c.name] for c in TABLES[name].primary_key.columns]


def _same(name: str, one: sa.Table, other: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[c.name] == other.c[c.name] for c in TABLES[name].primary_key.columns))


def _temporary() -> Iterator[sa.Table]:
    for name in TABLES:
        yield _stage(name)
        yield _next(name)


def _pour(connection: Connection, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    """Many rows at once, the quickest way that each database has."""
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # our own names
        return
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:  # our own names
        write: Callable[[tuple[Any, ...]], None] = copy.write_row
        for row in rows:
            write(row)
