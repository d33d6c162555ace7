"""The center's tables. Only this folder knows SQLAlchemy.

SQLite by default, PostgreSQL by choice. Events are only ever inserted. What a row means for the rate is not known here.
A change here needs a revision in migrations/versions, and HEAD names the newest.
"""

from typing import Any

import sqlalchemy as sa

HEAD = "0015"
"""The newest revision: what these tables are."""

meta = sa.MetaData()


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(name, meta, *columns, sqlite_with_rowid=False)


def _key(name: str, kind: type[sa.types.TypeEngine[Any]] = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _whole(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, server_default=None if nullable else "0")


_BIG = sa.BigInteger
version = sa.Table("alembic_version", meta, sa.Column("version_num", sa.String(32), primary_key=True))
"""As Alembic makes it: the version that these tables are of."""
settings = _table("settings", _key("name"), _text("value"))
imports = sa.Table(
    "imports",
    meta,
    sa.Column("id", sa.Integer, primary_key=True),
    *(_whole("at_ms"), _text("person"), _text("source"), _text("sha256")),
    *(_whole("added"), _whole("changed"), _whole("unchanged")),
)
sessions = _table(
    "sessions",
    *(_key("gateway"), _key("session"), _text("boot"), _text("store"), _text("version"), _text("why")),
    *(_whole("heard_ms"), *(_whole(name, nullable=True) for name in ("born_ms", "left_ms", "lost_ms"))),
)
journals = _table("journals", _key("gateway"), _key("store"), _whole("acked"))
events = _table(
    "events",
    *(_key("gateway"), _key("store"), _key("seq", _BIG), _key("copy", _BIG)),
    *(_text("session"), _text("boot"), _text("kind"), _text("slot"), _text("state")),
    *(_whole("at"), _whole("received_ms"), sa.Column("payload", sa.LargeBinary, nullable=False)),
)
"""Every content that a seq came with; `kind` is "" for one that cannot be read. The first received stands."""
TOLD_KINDS = ("conflict", "identity_changed", "store_reset", "view_not_restored", "fault")
TOLD = f"kind IN {TOLD_KINDS}"
"""Events that are alarms, as the contract names them: they are few, and found without the others."""
_told = sa.text(TOLD)
sa.Index("events_told", events.c.received_ms, sqlite_where=_told, postgresql_where=_told)
audited = _table("audited", _key("gateway"), _whole("generation"))
"""What the notary finds of it is kept, of all that came up to this generation (see `runs`)."""
conflicts = _table("conflicts", _key("gateway"), _key("store"), _key("seq", _BIG))
"""Seqs that came with several contents."""
anchors = _table(
    "anchors",
    *(_key("gateway"), _key("store"), _key("seq", _BIG), _key("copy", _BIG), _text("boot")),
    *(_whole("at"), _whole("utc_ms"), _whole("err_ms"), _whole("received_ms")),
)
closings = _table(
    "closings",
    *(_key("gateway"), _key("store"), _key("seq", _BIG), _key("copy", _BIG), _text("session"), _text("boot")),
    *(_whole("watching_since"), _whole("settled_to"), _whole("seq_high"), _whole("received_ms")),
)
"""Coverage events."""
lost = _table(
    "lost",
    *(_key("gateway"), _key("store"), _key("from_seq", _BIG), _key("to_seq", _BIG)),
    *(_key("seq", _BIG), _key("copy", _BIG)),
    *(_text("boot"), _whole("from_at"), _whole("to_at"), _text("why"), _whole("received_ms")),
)
"""Seqs that will never come; of a seq of several contents each one: which of them stands, its event says."""
claims = _table(
    "claims",
    *(_key("gateway"), _key("store"), _key("session"), _key("boot"), _key("seq_high", _BIG)),
    *(_key("watching_since", _BIG), _whole("settled_to"), _whole("received_ms"), _whole("zero_ms")),
)
"""Of versions before 0005 only; from then on `beats` and `closings`."""
beats = _table(
    "beats",
    *(_key("gateway"), _key("store"), _key("session"), _key("boot")),
    *(_key("watching_since", _BIG), _key("seq_high", _BIG), _key("offline"), _key("unknown")),
    *(_key("late", _BIG), _key("lag", _BIG), _key("first_ms", _BIG)),
    *(_whole(name) for name in ("last_ms", "at_lo", "at_hi", "settled_to", "zero_ms")),
)
"""Heartbeats alike and near to one another (center/beats.py)."""
runs = _table(
    "runs",
    *(_key("gateway"), _key("store"), _key("session"), _key("boot")),
    *(_whole(name) for name in ("from_ms", "to_ms", "seq_lo", "seq_hi", "generation")),
)
"""What is held of each run, roughly: so that a month is read without its past, and only what is new is worked out."""
sightings = _table("sightings", _key("gateway"), _key("slot"))
documents = _table(
    "documents",
    *(_key("gateway"), _key("kind"), _whole("received_ms"), sa.Column("payload", sa.LargeBinary, nullable=False)),
)
twins = _table("twins", _key("gateway"), _key("received_ms", _BIG), _text("slots"), _whole("generation"))
"""What each inventory says: slots that show the same picture as another one. `generation`: as in runs."""
receipts = _table("receipts", _key("gateway"), _key("from_ms", _BIG), _whole("to_ms"))
"""Of versions before 0005 only: any message was a sign of life."""
refused = _table("refused", _key("gateway"), _key("from_ms", _BIG), _whole("to_ms"))
"""When messages of a gateway came that was not registered yet."""
OWN = "@"
"""Before a gateway's id, in place of cities: of this one only, whose own flood delayed what it told."""
uptime = _table("uptime", _key("cities"), _key("from_ms", _BIG), _whole("to_ms"))
standing = _table(
    "standing",
    *(_key("gateway"), _key("slot"), _text("session"), _text("store"), _whole("seq"), _text("state")),
    *(_text("reason"), _text("level"), _whole("at"), _whole("received_ms")),
)
"""The newest word of each slot; slot "": of the gateway, `received_ms` its last sign of life, `state` "left" or ""."""
_offline = sa.text("state = 'offline'")
sa.Index("standing_offline", standing.c.gateway, standing.c.slot, sqlite_where=_offline, postgresql_where=_offline)
"""They are few, and looked for every few seconds."""
quarantine = sa.Table(
    "quarantine",
    meta,
    *(sa.Column("digest", sa.Text, primary_key=True), _text("gateway"), _text("topic"), _text("code"), _text("reason")),
    *(_text("store"), _whole("seq"), sa.Column("payload", sa.LargeBinary, nullable=False)),
    *(_whole("first_ms"), _whole("last_ms"), _whole("count")),
    sa.Index("quarantine_of", "gateway", "store", "seq"),
)
"""What is set aside, and findings: `code` is "" or that of an alarm."""
