"""What the notary rests on: every content of a seq, heartbeats in stretches, alarm codes."""

import sqlalchemy as sa
from alembic import op

from center.store.migrations.tools import key, remade, text, wholes

revision = "0005"
down_revision = "0004"

_CODES = ("duplicate_identity", "anchor_ahead", "flood")
_STATE = {
    "sqlite": "json_extract(CAST(payload AS TEXT), '$.to')",
    "postgresql": "CAST(convert_from(payload, 'UTF8') AS json) ->> 'to'",
}


def upgrade() -> None:
    copies = (key("gateway"), key("store"), key("seq", sa.BigInteger), key("copy", sa.BigInteger))
    state = f"CASE WHEN kind = 'transition' THEN {_STATE[op.get_bind().dialect.name]} ELSE '' END"
    words = [text(name) for name in ("session", "boot", "kind", "slot", "state")]
    payload = sa.Column("payload", sa.LargeBinary, nullable=False)
    remade("events", *copies, *words, *wholes("at", "received_ms"), payload, copy="0", state=state)
    copies = (key("gateway"), key("store"), key("seq", sa.BigInteger), key("copy", sa.BigInteger))
    remade("anchors", *copies, text("boot"), *wholes("at", "utc_ms", "err_ms", "received_ms"), copy="0")
    op.add_column("lost", *wholes("copy"))
    op.add_column("quarantine", text("code"))
    _made()
    for code in _CODES:
        cut = len(code) + 3
        op.execute(
            f"UPDATE quarantine SET code = '{code}', reason = substr(reason, {cut}) WHERE reason LIKE '{code}: %'"
        )
    _spoilt_stays_spoilt()


def _made() -> None:
    op.create_table("conflicts", key("gateway"), key("store"), key("seq", sa.BigInteger), sqlite_with_rowid=False)
    op.create_table("refused", key("gateway"), key("from_ms", sa.BigInteger), *wholes("to_ms"), sqlite_with_rowid=False)
    op.create_table(
        "closings",
        *(key("gateway"), key("store"), key("seq", sa.BigInteger), key("copy", sa.BigInteger)),
        *(text("session"), text("boot"), *wholes("watching_since", "settled_to", "seq_high", "received_ms")),
        sqlite_with_rowid=False,
    )
    whole_keys = ("late", "lag", "first_ms")
    op.create_table(
        "beats",
        *(key(name) for name in ("gateway", "store", "session", "boot")),
        *(key("watching_since", sa.BigInteger), key("seq_high", sa.BigInteger), key("offline"), key("unknown")),
        *(key(name, sa.BigInteger) for name in whole_keys),
        *wholes("last_ms", "at_lo", "at_hi", "settled_to", "zero_ms"),
        sqlite_with_rowid=False,
    )


def _spoilt_stays_spoilt() -> None:
    """Until now a seq that was once set aside proved nothing, whichever copy came first."""
    bind = op.get_bind()
    rows = bind.execute(sa.text("SELECT digest, gateway, store, seq, payload FROM quarantine WHERE seq > 0")).all()
    new = [
        {"g": gateway, "s": store, "q": seq, "c": int(digest[:15], 16) + 1, "p": payload}
        for digest, gateway, store, seq, payload in rows
    ]
    for one in new:
        bind.execute(
            sa.text("INSERT INTO events (gateway, store, seq, copy, payload) VALUES (:g, :s, :q, :c, :p)"), one
        )
        key = {name: one[name] for name in "gsq"}
        bind.execute(sa.text("DELETE FROM conflicts WHERE gateway = :g AND store = :s AND seq = :q"), key)
        bind.execute(sa.text("INSERT INTO conflicts (gateway, store, seq) VALUES (:g, :s, :q)"), key)
