"""The center's memory in SQL: what was registered, what arrived, what was set aside. Only here is SQLAlchemy known.

SQLite by default, PostgreSQL by choice. Events are only ever inserted. What a row means for the rate is not known here.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, InterfaceError

from center.intervals import Intervals, normal
from center.model import AnchorRow, Aside, EventRow, LostRow, Slot, Spoilt
from center.timeline import AnchorPoint, Claim, Held, Lost

SCHEMA = 3
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
"""Scheme of the URL -> dialect and driver; psycopg is used through SQLAlchemy only."""
SCHEMA_LOCK, REGISTRY_LOCK = 4_190, 4_191
"""Numbers of the locks under which tables are made and a registry is taken over; any would do."""
COALESCE_MS = 90_000
"""Messages of a gateway nearer to each other than this make one receipt interval (a heartbeat comes every 60 s)."""
QUARANTINE_ROWS = 1000
"""How many unreadable messages are kept per gateway, and how much of each; those with a seq are kept all."""
QUARANTINE_BYTES = 4096

_meta = sa.MetaData()


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(name, _meta, *columns, sqlite_with_rowid=False)


def _key(name: str, kind: type[sa.types.TypeEngine[Any]] = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _whole(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, server_default=None if nullable else "0")


_BIG = sa.BigInteger
settings = _table("settings", _key("name"), _text("value"))
slots = _table(
    "slots",
    *(_key("gateway"), _key("slot"), _key("accepted_ms", _BIG), _whole("ended_ms", nullable=True)),
    *(_text("city"), _text("county"), _text("unit"), _text("kind"), _text("zone")),
)
imports = sa.Table(
    "imports",
    _meta,
    sa.Column("id", sa.Integer, primary_key=True),
    *(_whole("at_ms"), _text("source"), _text("sha256"), _whole("added"), _whole("changed"), _whole("unchanged")),
)
changes = _table(
    "registry_changes",
    *(_key("import_id", _BIG), _key("gateway"), _key("slot"), _key("accepted_ms", _BIG)),
    *(_text("before"), _text("after")),
)
sessions = _table(
    "sessions",
    *(_key("gateway"), _key("session"), _text("boot"), _text("store"), _text("version"), _text("why")),
    *(_whole("heard_ms"), *(_whole(name, nullable=True) for name in ("born_ms", "left_ms", "lost_ms"))),
)
journals = _table("journals", _key("gateway"), _key("store"), _whole("acked"))
events = _table(
    "events",
    *(_key("gateway"), _key("store"), _key("seq", _BIG), _text("session"), _text("boot"), _text("kind"), _text("slot")),
    *(_whole("at"), _whole("received_ms"), sa.Column("payload", sa.LargeBinary, nullable=False)),
)
anchors = _table(
    "anchors",
    *(_key("gateway"), _key("store"), _key("seq", _BIG), _text("boot")),
    *(_whole("at"), _whole("utc_ms"), _whole("err_ms"), _whole("received_ms")),
)
lost = _table(
    "lost",
    *(_key("gateway"), _key("store"), _key("from_seq", _BIG), _key("to_seq", _BIG), _key("seq", _BIG)),
    *(_text("boot"), _whole("from_at"), _whole("to_at"), _text("why"), _whole("received_ms")),
)
claims = _table(
    "claims",
    *(_key("gateway"), _key("store"), _key("session"), _key("boot"), _key("seq_high", _BIG)),
    *(_key("watching_since", _BIG), _whole("settled_to"), _whole("received_ms"), _whole("zero_ms")),
)
sightings = _table("sightings", _key("gateway"), _key("slot"))
documents = _table(
    "documents",
    *(_key("gateway"), _key("kind"), _whole("received_ms"), sa.Column("payload", sa.LargeBinary, nullable=False)),
)
receipts = _table("receipts", _key("gateway"), _key("from_ms", _BIG), _whole("to_ms"))
uptime = _table("uptime", _key("cities"), _key("from_ms", _BIG), _whole("to_ms"))
quarantine = sa.Table(
    "quarantine",
    _meta,
    *(sa.Column("digest", sa.Text, primary_key=True), _text("gateway"), _text("topic"), _text("reason")),
    *(_text("store"), _whole("seq"), sa.Column("payload", sa.LargeBinary, nullable=False)),
    *(_whole("first_ms"), _whole("last_ms"), _whole("count")),
    sa.Index("quarantine_of", "gateway", "store", "seq"),
)


# ---- statements of the intake, built once -------------------------------------------------------


def _at(table: sa.Table, *names: str) -> sa.ColumnElement[bool]:
    """Equality of these columns with parameters named `the_...`."""
    return sa.and_(*(table.c[name] == sa.bindparam(f"the_{name}") for name in names))


def _later(column: sa.Column[Any], parameter: str) -> sa.ColumnElement[int]:
    new = sa.bindparam(parameter, type_=sa.BigInteger)
    return sa.case((column > new, column), else_=new)


def _earlier(column: sa.Column[Any], parameter: str) -> sa.ColumnElement[int]:
    new = sa.bindparam(parameter, type_=sa.BigInteger)
    return sa.case((column < new, column), else_=new)


_CLAIM_KEY = ("gateway", "store", "session", "boot", "seq_high", "watching_since")
_AFTER = sa.bindparam("after", type_=sa.BigInteger)
_REGISTRY_VERSION = sa.select(sa.func.coalesce(sa.func.max(imports.c.id), 0))
_HELD = sa.select(events.c.seq, events.c.payload).where(
    _at(events, "gateway", "store") & events.c.seq.in_(sa.bindparam("seqs", expanding=True))
)
_CLAIM_COLUMNS = [claims.c[name] for name in ("gateway", *Claim._fields)]
_EXTEND_CLAIM = (
    sa.update(claims)
    .where(_at(claims, *_CLAIM_KEY))
    .values(
        settled_to=_later(claims.c.settled_to, "until"),
        received_ms=_later(claims.c.received_ms, "at_ms"),
        zero_ms=_earlier(claims.c.zero_ms, "new_zero_ms"),
    )
)
_BORN = sa.select(sessions.c.session).where(_at(sessions, "gateway", "session") & sessions.c.born_ms.is_not(None))
_HEAR_SESSION = (
    sa.update(sessions).where(_at(sessions, "gateway", "session")).values(heard_ms=_later(sessions.c.heard_ms, "at_ms"))
)
_NOTE_SESSION = {
    moment: sa.update(sessions)
    .where(_at(sessions, "gateway", "session"))
    .values({moment: _later(sessions.c[moment], "at_ms")} | {word: sa.bindparam(f"new_{word}") for word in words})
    for moment, words in {"born_ms": ("version", "store", "boot"), "left_ms": ("why",), "lost_ms": ()}.items()
}
_ACKED = sa.select(journals.c.acked).where(_at(journals, "gateway", "store"))
_KNOWN = sa.union_all(
    *(sa.select(t.c.seq).where(_at(t, "gateway", "store") & (t.c.seq > _AFTER)) for t in (events, quarantine))
).subquery()
_ONWARD = sa.select(_KNOWN.c.seq).order_by(_KNOWN.c.seq).limit(500)
_ANY_AFTER = sa.select(_KNOWN.c.seq).limit(1)
_BRIDGE = sa.select(sa.func.max(lost.c.to_seq)).where(
    _at(lost, "gateway", "store") & (lost.c.from_seq <= _AFTER + 1) & (lost.c.to_seq > _AFTER)
)
_FIRST, _LAST = (sa.bindparam(name, type_=sa.BigInteger) for name in ("first_ms", "last_ms"))
_NEWEST_RECEIPT = sa.select(sa.func.max(receipts.c.from_ms)).where(_at(receipts, "gateway")).scalar_subquery()
_EXTEND_RECEIPT = (
    sa.update(receipts)
    .where(
        _at(receipts, "gateway")
        & (receipts.c.from_ms == _NEWEST_RECEIPT)
        & (receipts.c.from_ms <= _FIRST)
        & (receipts.c.to_ms >= _FIRST - COALESCE_MS)
    )
    .values(to_ms=_later(receipts.c.to_ms, "last_ms"))
)
_NEAR_RECEIPTS = (
    _at(receipts, "gateway") & (receipts.c.from_ms <= _LAST + COALESCE_MS) & (receipts.c.to_ms >= _FIRST - COALESCE_MS)
)


class Unavailable(Exception):
    """The database cannot be used now (locked, full, gone, of another version); nothing of the transaction was kept."""


class Store:
    """A database by URL or file path, its tables made when missing. Raises Unavailable."""

    def __init__(self, where: str, *, create: bool = True) -> None:
        url = _url(where)
        if url.drivername == "sqlite" and not create and not Path(url.database or "").exists():
            raise Unavailable(f"{where}: no such database")
        try:
            self._engine = sa.create_engine(url)
        except ImportError as error:
            raise Unavailable(f"{url.drivername}: {error}; install canteen-agent[center]") from error
        self._snapshot = {} if url.drivername == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        if url.drivername == "sqlite":
            sa.event.listen(self._engine, "connect", _set_up_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        with self.write() as tx:
            tx.make_tables()

    @contextmanager
    def write(self) -> Iterator["Writer"]:
        """One transaction: all or nothing, durable when the block has ended without an exception."""
        with _translated(), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield Writer(connection)

    @contextmanager
    def read(self) -> Iterator["Reader"]:
        """One consistent snapshot."""
        with (
            _translated(),
            self._engine.connect().execution_options(**self._snapshot) as connection,
            connection.begin(),
        ):
            yield Reader(connection)

    def close(self) -> None:
        self._engine.dispose()


def _url(where: str) -> sa.URL:
    """A path is a SQLite file. The password of a database stands in no argument: everybody can read those."""
    if "://" not in where:
        return sa.URL.create("sqlite", database=where)
    try:
        url = sa.make_url(where)
    except (ArgumentError, ValueError) as error:
        raise Unavailable("--database is neither a path nor a URL such as postgresql://user@host/database") from error
    if url.password is not None or "password" in url.query:
        raise Unavailable("a password in the database URL is there for all to read: put it into ~/.pgpass (PGPASSFILE)")
    if url.drivername not in DRIVERS:
        raise Unavailable(f"{url.drivername}: no such kind of database; known are {', '.join(DRIVERS)}")
    return url.set(drivername=DRIVERS[url.drivername])


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver shall not begin transactions on its own
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock at once: one that read first and then wants to write could only fail."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    """The database's own troubles as Unavailable; a value it refuses stays what it is: a fault of the message."""
    try:
        yield
    except (DataError, IntegrityError, InterfaceError):
        raise
    except DBAPIError as error:
        raise Unavailable(f"database: {type(error.orig).__name__}: {error.orig}") from error


class Reader:
    def __init__(self, connection: Connection) -> None:
        self._c = connection

    def _rows(self, statement: sa.Select[Any], **parameters: object) -> Sequence[Any]:
        return self._c.execute(statement, parameters).all()

    def _number(self, statement: sa.Select[Any], **parameters: object) -> int:
        """The single number asked for; 0 where there is none."""
        return int(self._c.execute(statement, parameters).scalar() or 0)

    # ---- registry

    def slots(self, *, city: str = "") -> list[Slot]:
        """Every time of service of every position, ended ones too."""
        chosen = sa.select(*(slots.c[name] for name in Slot._fields)).order_by(*slots.primary_key.columns)
        return [Slot(*row) for row in self._rows(chosen.where(slots.c.city == city) if city else chosen)]

    def registry_version(self) -> int:
        return self._number(_REGISTRY_VERSION)

    # ---- what arrived

    def held(self, gateway: str, store: str, seqs: Sequence[int]) -> dict[int, bytes]:
        """Which of these seqs are held, with their payload."""
        rows = self._rows(_HELD, the_gateway=gateway, the_store=store, seqs=seqs)
        return {seq: payload for seq, payload in rows}  # noqa: C416  # a Row is no tuple for the type checker

    def claims(self, gateways: Sequence[str]) -> list[tuple[str, Claim]]:
        return self._claims(sa.select(*_CLAIM_COLUMNS).where(claims.c.gateway.in_(gateways)))

    def widest_claims(self, gateways: Sequence[str]) -> list[tuple[str, Claim]]:
        """One for all claims of a run that watched since the same moment: it says as much where no seq is missing."""
        c = claims.c
        same = [c[name] for name in ("gateway", "store", "session", "boot", "watching_since")]
        most = [sa.func.max(c[name]) for name in ("settled_to", "seq_high", "received_ms")]
        least = sa.func.min(c.zero_ms)
        return self._claims(sa.select(*same, *most, least).where(c.gateway.in_(gateways)).group_by(*same))

    def _claims(self, chosen: sa.Select[Any]) -> list[tuple[str, Claim]]:
        return [(gateway, Claim(*rest)) for gateway, *rest in self._rows(chosen)]

    def anchors(self, gateways: Sequence[str]) -> list[tuple[str, str, int, AnchorPoint]]:
        """(gateway, store, seq, anchor)."""
        columns = (anchors.c[name] for name in ("gateway", "store", "seq", *AnchorPoint._fields))
        rows = self._rows(sa.select(*columns).where(anchors.c.gateway.in_(gateways)))
        return [(gateway, store, seq, AnchorPoint(*rest)) for gateway, store, seq, *rest in rows]

    def lost(self, gateways: Sequence[str]) -> list[tuple[str, str, int, Lost]]:
        """(gateway, store, seq, span) of every gap that tells its time."""
        columns = (lost.c[name] for name in ("gateway", "store", "seq", "boot", "from_at", "to_at"))
        rows = self._rows(sa.select(*columns).where(lost.c.gateway.in_(gateways) & (lost.c.boot != "")))
        return [(gateway, store, seq, Lost(*rest)) for gateway, store, seq, *rest in rows]

    def spoilt(self, gateways: Sequence[str]) -> list[tuple[str, str, int]]:
        """(gateway, store, seq) of what was set aside."""
        c = quarantine.c
        rows = self._rows(sa.select(c.gateway, c.store, c.seq).where(c.gateway.in_(gateways) & (c.seq > 0)))
        return [(gateway, store, seq) for gateway, store, seq in rows]

    def events(self, gateways: Sequence[str], of: Iterable[str] | None) -> list[tuple[str, Held, bytes]]:
        """(gateway, event, payload) of these sessions (None: all) but no coverage; payload only of transitions."""
        payload = sa.case((events.c.kind == "transition", events.c.payload))
        columns = (events.c[name] for name in ("gateway", "store", "seq", "session", "boot", "slot", "at"))
        chosen = sa.select(*columns, payload).where(events.c.gateway.in_(gateways) & (events.c.kind != "coverage"))
        if of is not None:
            chosen = chosen.where(events.c.session.in_(sorted(of)))
        return [(gateway, Held(*rest), raw or b"") for gateway, *rest, raw in self._rows(chosen)]

    def sessions(self, gateways: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Gateway -> (session, whether it said goodbye) of the session heard last."""
        s = sessions.c
        chosen = sa.select(s.gateway, s.session, s.left_ms.is_not(None)).where(s.gateway.in_(gateways))
        rows = self._rows(chosen.order_by(s.heard_ms, s.born_ms.is_not(None), s.born_ms, s.session))
        return {gateway: (session, bool(left)) for gateway, session, left in rows}

    def born(self, gateway: str, session: str) -> bool:
        return bool(self._rows(_BORN, the_gateway=gateway, the_session=session))

    def sightings(self, gateways: Sequence[str]) -> set[tuple[str, str]]:
        rows = self._rows(sa.select(sightings.c.gateway, sightings.c.slot).where(sightings.c.gateway.in_(gateways)))
        return {(gateway, slot) for gateway, slot in rows}

    def receipts(self, gateways: Sequence[str]) -> dict[str, Intervals]:
        """Gateway -> [first, last] of messages that came close to one another."""
        rows = self._rows(sa.select(receipts).where(receipts.c.gateway.in_(gateways)).order_by(receipts.c.from_ms))
        found: dict[str, list[tuple[int, int]]] = {}
        for gateway, begin, end in rows:
            found.setdefault(gateway, []).append((begin, end))
        return {gateway: tuple(spans) for gateway, spans in found.items()}

    def uptime(self, city: str) -> Intervals:
        """When some worker that this city's gateways belong to could hear them."""
        rows = self._rows(sa.select(uptime))
        return normal((begin, end) for cities, begin, end in rows if not cities or city in cities.split(","))

    def acked(self, gateway: str, store: str) -> int:
        return self._number(_ACKED, the_gateway=gateway, the_store=store)

    def has_after(self, gateway: str, store: str, seq: int) -> bool:
        """Whether anything of this store above `seq` has arrived."""
        return bool(self._rows(_ANY_AFTER, the_gateway=gateway, the_store=store, after=seq))

    def aside(self, gateway: str = "") -> list[Aside]:
        """Everything set aside (of one gateway), by the time it first came."""
        q = quarantine.c
        columns = (q[name] for name in Aside._fields[:-1])
        chosen = sa.select(*columns, q.count).order_by(q.first_ms, q.digest)
        return [Aside(*row) for row in self._rows(chosen.where(q.gateway == gateway) if gateway else chosen)]

    def count_held(self, gateway: str, store: str, from_seq: int, to_seq: int) -> int:
        mine = (events.c.gateway == gateway) & (events.c.store == store)
        return self._number(sa.select(sa.func.count()).where(mine & events.c.seq.between(from_seq, to_seq)))

    def losses(self, gateway: str = "") -> list[LostRow]:
        """What will never come (of one gateway), as told by gateways and found by the center."""
        chosen = sa.select(*(lost.c[name] for name in LostRow._fields)).order_by(*lost.primary_key.columns)
        return [LostRow(*row) for row in self._rows(chosen.where(lost.c.gateway == gateway) if gateway else chosen)]

    def document(self, gateway: str, kind: str) -> bytes | None:
        mine = (documents.c.gateway == gateway) & (documents.c.kind == kind)
        return self._c.execute(sa.select(documents.c.payload).where(mine)).scalar()


class Writer(Reader):
    def make_tables(self) -> None:
        self._alone(SCHEMA_LOCK)  # several workers may start at once
        _meta.create_all(self._c)
        self._ignore(settings, [{"name": "schema", "value": str(SCHEMA)}])
        found = self._c.execute(sa.select(settings.c.value).where(settings.c.name == "schema")).scalar_one()
        if found != str(SCHEMA):
            raise Unavailable(f"the database is of version {found}, this program of version {SCHEMA}")

    def _alone(self, lock: int) -> None:
        """Until the transaction ends. In SQLite every writer is."""
        if self._c.dialect.name == "postgresql":
            self._c.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))

    def _ignore(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self._c.execute(_insert_new(table, self._c.dialect.name), rows)

    def _replace(self, table: sa.Table, row: dict[str, Any]) -> None:
        self._c.execute(_insert_over(table, self._c.dialect.name), row)

    # ---- registry

    def change_registry(self) -> None:
        """Before it is read to be changed: of two imports at once, the one with the lower number is seen first."""
        self._alone(REGISTRY_LOCK)

    def put_slots(self, rows: Iterable[Slot]) -> None:
        for row in rows:
            self._replace(slots, row._asdict())

    def add_import(self, at_ms: int, source: str, sha256: str, counts: tuple[int, int, int]) -> int:
        added, changed, unchanged = counts
        row = {"at_ms": at_ms, "source": source, "sha256": sha256, "added": added, "changed": changed}
        added_row = sa.insert(imports).values(row | {"unchanged": unchanged}).returning(imports.c.id)
        return int(self._c.execute(added_row).scalar_one())

    def add_changes(self, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self._c.execute(sa.insert(changes), rows)

    # ---- what arrives

    def add_events(self, rows: Sequence[EventRow]) -> None:
        self._ignore(events, [row._asdict() for row in rows])

    def add_anchors(self, rows: Sequence[AnchorRow]) -> None:
        self._ignore(anchors, [row._asdict() for row in rows])

    def receive_anchor(self, row: AnchorRow) -> None:
        """It came again: the earliest receipt is what its time is judged by."""
        mine = (anchors.c.gateway == row.gateway) & (anchors.c.store == row.store) & (anchors.c.seq == row.seq)
        earlier = sa.update(anchors).where(mine & (anchors.c.received_ms > row.received_ms))
        self._c.execute(earlier.values(received_ms=row.received_ms))

    def add_lost(self, rows: Sequence[LostRow]) -> None:
        self._ignore(lost, [row._asdict() for row in rows])

    def add_sightings(self, seen: Iterable[tuple[str, str]]) -> None:
        self._ignore(sightings, [{"gateway": gateway, "slot": slot} for gateway, slot in sorted(seen)])

    def extend_claim(self, gateway: str, claim: Claim) -> bool:
        """Moves settled_to forward where the same claim stands already; False if there is none."""
        new = {"until": claim.settled_to, "at_ms": claim.received_ms, "new_zero_ms": claim.zero_ms}
        return self._c.execute(_EXTEND_CLAIM, _claim_key(gateway, claim) | new).rowcount > 0

    def add_claim(self, gateway: str, claim: Claim) -> None:
        self._ignore(claims, [{"gateway": gateway, **claim._asdict()}])

    def hear_session(self, gateway: str, session: str, at_ms: int) -> None:
        heard = {"the_gateway": gateway, "the_session": session, "at_ms": at_ms}
        if not self._c.execute(_HEAR_SESSION, heard).rowcount:
            self._ignore(sessions, [{"gateway": gateway, "session": session, "heard_ms": at_ms}])

    def note_session(self, gateway: str, session: str, moment: str, at_ms: int, **words: str) -> None:
        """`moment`: born_ms with version, store and boot; left_ms with why; lost_ms. The latest stays, in any order."""
        values = {"the_gateway": gateway, "the_session": session, "at_ms": at_ms}
        values |= {f"new_{word}": text for word, text in words.items()}
        if not self._c.execute(_NOTE_SESSION[moment], values).rowcount:
            self._ignore(sessions, [{"gateway": gateway, "session": session}])
            self._c.execute(_NOTE_SESSION[moment], values)

    def put_document(self, gateway: str, kind: str, payload: bytes, received_ms: int) -> None:
        row = {"gateway": gateway, "kind": kind, "payload": payload, "received_ms": received_ms}
        self._replace(documents, row)

    def add_receipt(self, gateway: str, first_ms: int, last_ms: int) -> None:
        """In any order: those near to each other become one."""
        heard = {"the_gateway": gateway, "first_ms": first_ms, "last_ms": last_ms}
        if self._c.execute(_EXTEND_RECEIPT, heard).rowcount:
            return
        near = self._rows(sa.select(receipts.c.from_ms, receipts.c.to_ms).where(_NEAR_RECEIPTS), **heard)
        if near:
            self._c.execute(sa.delete(receipts).where(_NEAR_RECEIPTS), heard)
        begin, end = min([first_ms, *(b for b, _ in near)]), max([last_ms, *(e for _, e in near)])
        self._ignore(receipts, [{"gateway": gateway, "from_ms": begin, "to_ms": end}])

    def put_uptime(self, from_ms: int, to_ms: int, cities: Sequence[str] = ()) -> None:
        """`cities`: whose gateways could be heard; empty: all."""
        key = ",".join(sorted(cities))
        self._replace(uptime, {"cities": key, "from_ms": from_ms, "to_ms": max(from_ms, to_ms)})

    def set_aside(self, spoilt: Spoilt, times: int = 1) -> bool:
        """Keeps it once, however often it comes; True if it is new."""
        payload = spoilt.payload[:QUARANTINE_BYTES]
        head = "\n".join((spoilt.gateway, spoilt.topic, spoilt.reason, spoilt.store, str(spoilt.seq)))
        digest = hashlib.sha256(head.encode(errors="replace") + b"\n" + spoilt.payload).hexdigest()
        again = sa.update(quarantine).where(quarantine.c.digest == digest)
        if self._c.execute(again.values(count=quarantine.c.count + times, last_ms=spoilt.received_ms)).rowcount:
            return False
        full = sa.select(sa.func.count()).where((quarantine.c.gateway == spoilt.gateway) & (quarantine.c.seq == 0))
        if not spoilt.seq and self._c.execute(full).scalar_one() >= QUARANTINE_ROWS:
            return False
        row = spoilt._asdict() | {"payload": payload, "digest": digest, "count": times}
        row |= {"first_ms": row["received_ms"], "last_ms": row.pop("received_ms")}
        self._c.execute(sa.insert(quarantine).values(row))
        return True

    def advance(self, gateway: str, store: str) -> int:
        """Moves the acknowledged seq over everything held, set aside or declared lost; returns it."""
        acked = before = self.acked(gateway, store)
        while (onward := self._onward(gateway, store, acked)) > acked:
            acked = onward
        if acked > before:
            self._replace(journals, {"gateway": gateway, "store": store, "acked": acked})
        return acked

    def _onward(self, gateway: str, store: str, acked: int) -> int:
        """How far the next 500 known seqs lead without a hole."""
        for (seq,) in self._rows(_ONWARD, the_gateway=gateway, the_store=store, after=acked):
            if seq > acked + 1:
                break
            acked = seq
        return self._number(_BRIDGE, the_gateway=gateway, the_store=store, after=acked) or acked


def _claim_key(gateway: str, claim: Claim) -> dict[str, object]:
    return {"the_gateway": gateway} | {f"the_{name}": getattr(claim, name) for name in _CLAIM_KEY[1:]}


@cache
def _insert_new(table: sa.Table, dialect: str) -> Any:
    return _insert(table, dialect).on_conflict_do_nothing()


@cache
def _insert_over(table: sa.Table, dialect: str) -> Any:
    """Every column is given."""
    insert, keys = _insert(table, dialect), [column.name for column in table.primary_key]
    rest = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=rest)


def _insert(table: sa.Table, dialect: str) -> Any:
    """The dialect's insert: both know ON CONFLICT, with the same words."""
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)
