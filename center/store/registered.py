"""The registry's tables: what a person registered, since when, and who changed it. Only this folder knows SQLAlchemy.

A row with `since_ms` holds from then on until the next row of the same id; the first one also holds before. Rows are
never deleted: what was wrong is ended at its own beginning.
"""

from typing import Any

import sqlalchemy as sa

from center.store.schema import meta

_BIG = sa.BigInteger


def _table(name: str, keys: dict[str, Any], values: dict[str, Any], *more: sa.Index) -> sa.Table:
    """`values`: name -> default; None: it may be missing."""
    columns = [sa.Column(key, kind, primary_key=True, autoincrement=False) for key, kind in keys.items()]
    for value, default in values.items():
        kind = sa.Text if isinstance(default, str) else _BIG
        told = None if default is None else str(default)
        columns.append(sa.Column(value, kind, nullable=default is None, server_default=told))
    return sa.Table(name, meta, *columns, *more, sqlite_with_rowid=False)


regions = _table(
    "regions",
    {"code": sa.Text},
    dict.fromkeys(("name", "name_en", "kind", "parent", "city", "since", "until", "successor"), "") | {"place": 0},
)
units = _table(
    "units",
    {"unit": sa.Text, "since_ms": _BIG},
    dict.fromkeys(
        ("name", "region", "kind", "programmes", "obligated_from", "obligated_to", "zones", "contact", "telephone"), ""
    ),
)
positions = _table(
    "positions",
    {"position": sa.Text, "since_ms": _BIG},
    {"until_ms": None, **dict.fromkeys(("unit", "zone", "programme", "gb_id"), "")},
    sa.Index("positions_of", "unit"),
)
bindings = _table(
    "bindings",
    {"position": sa.Text, "since_ms": _BIG},
    {"gateway": "", "slot": ""},
    sa.Index("bindings_at", "gateway", "slot"),
)
gateways = _table("gateways", {"gateway": sa.Text, "since_ms": _BIG}, {"city": "", "revoked_ms": None, "key": ""})
calendars = _table(
    "calendars",
    {"scope": sa.Text, "kind": sa.Text, "from_day": sa.Text, "to_day": sa.Text, "weekdays": sa.Text},
    {"hours": ""},
)
exclusions = _table(
    "exclusions",
    {"position": sa.Text, "from_ms": _BIG},
    {
        "to_ms": 0,
        "cause": "",
        "reason": "",
        "requested_by": "",
        "approved_by": "",
        "approved_ms": 0,
        "evidence": "",
    },
)
audit = sa.Table(
    "audit",
    meta,
    *(sa.Column(name, kind, primary_key=True, autoincrement=False) for name, kind in (("import_id", _BIG),)),
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("sheet", "id", "at")),
    *(sa.Column(name, sa.Text, nullable=False, server_default="") for name in ("before", "after")),
    sa.Index("audit_of", "id"),
    sqlite_with_rowid=False,
)
"""`id`: the first key of the row, `at`: the others. `before` is empty for what was added; JSON."""

TABLES = {str(t.name): t for t in (regions, units, gateways, positions, bindings, calendars, exclusions)}
"""In the order in which they refer to one another."""
PLACES = {"units": ("region", "kind"), "positions": ("unit",), "bindings": ("gateway", "slot")}
"""Where a position counts and is heard. To change it is to move its past as well."""
