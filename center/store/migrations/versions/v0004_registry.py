"""The registry has regions, units and positions of their own; where a box is heard is bound to them over time.

A position of before is told by its gateway and slot, a unit by its place and name; counties told by name get the code
that they have, and one that nobody knows stays a place of its own: figures are what they were.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from center.registry.problems import Wrong
from center.registry.reading import flat_unit
from center.registry.tree import Region, Tree, regions_of
from contract.regions import load_regions

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _make()
    there = op.get_bind()
    slots = there.execute(
        sa.text("SELECT gateway, slot, accepted_ms, ended_ms, city, county, unit, kind, zone FROM slots")
    )
    _move(there, [tuple(row) for row in slots])
    op.execute(
        "INSERT INTO audit (import_id, sheet, id, at, before, after)"
        " SELECT import_id, 'slots', gateway || '/' || slot, CAST(accepted_ms AS TEXT), before, after"
        " FROM registry_changes"
    )
    op.drop_table("slots")
    op.drop_table("registry_changes")


def _move(there: sa.Connection, slots: list[tuple[Any, ...]]) -> None:
    shipped = list(regions_of(load_regions("henan")))
    tree = Tree(shipped)
    places = {(city, county): _place(tree, city, county) for *_, city, county, _, _, _ in slots}
    rows: dict[str, list[Any]] = {"regions": [tuple(region) for region in shipped]}
    rows["regions"] += sorted({tuple(place) for place in places.values() if place.code not in tree})
    rows["gateways"] = sorted({(gateway, 0, city) for gateway, *_, city, _, _, _, _ in slots})
    units = {
        flat_unit(city, places[city, county].code, unit, kind): (unit, places[city, county].code, kind)
        for *_, city, county, unit, kind, _ in slots
    }
    rows["units"] = [(of, 0, *values) for of, values in units.items()]
    rows["positions"] = [
        (f"{gateway}/{slot}", since, until, flat_unit(city, places[city, county].code, unit, kind), zone)
        for gateway, slot, since, until, city, county, unit, kind, zone in slots
    ]
    rows["bindings"] = [(f"{gateway}/{slot}", since, gateway, slot) for gateway, slot, since, *_ in slots]
    for table, found in rows.items():
        names = _COLUMNS[table].split()
        if found:
            there.execute(
                sa.insert(sa.table(table, *map(sa.column, names))),
                [dict(zip(names, row, strict=True)) for row in found],
            )


_COLUMNS = {
    "regions": "code name name_en kind parent city since until successor place",
    "gateways": "gateway since_ms city",
    "units": "unit since_ms name region kind",
    "positions": "position since_ms until_ms unit zone",
    "bindings": "position since_ms gateway slot",
}


def _place(tree: Tree, city: str, county: str) -> Region:
    """A locality that nobody knows stays what it was: one of its own, in the city that its topic names."""
    try:
        found = tree[tree.find(county, "", city=city)]
        return tree[found.successor] if found.successor else found
    except Wrong:
        return Region(f"{city}/{county}", county, county, "unlisted", city, city)


def _make() -> None:
    """As registered.py has them today; spelt out, since a step is never changed afterwards."""
    op.add_column("imports", _text("person"))
    _table("regions", [_key("code")], "name name_en kind parent city since until successor", _whole("place"))
    _table("units", [_key("unit"), _key("since_ms", _BIG)], f"name region kind programmes {_OBLIGED} contact telephone")
    op.create_table(
        "positions",
        *(_key("position"), _key("since_ms", _BIG), sa.Column("until_ms", _BIG)),
        *map(_text, ["unit", "zone", "programme", "gb_id"]),
        sqlite_with_rowid=False,
    )
    op.create_index("positions_of", "positions", ["unit"])
    _table("bindings", [_key("position"), _key("since_ms", _BIG)], "gateway slot")
    op.create_index("bindings_at", "bindings", ["gateway", "slot"])
    op.create_table(
        "gateways",
        *(_key("gateway"), _key("since_ms", _BIG), _text("city"), sa.Column("revoked_ms", _BIG), _text("key")),
        sqlite_with_rowid=False,
    )
    _table("calendars", [_key(name) for name in ["scope", "kind", "from_day", "to_day", "weekdays"]], "hours")
    op.create_table(
        "exclusions",
        *(_key("position"), _key("from_ms", _BIG), _whole("to_ms")),
        *map(_text, ["cause", "reason", "requested_by", "approved_by"]),
        *(_whole("approved_ms"), _text("evidence")),
        sqlite_with_rowid=False,
    )
    _table("audit", [_key("import_id", _BIG), *map(_key, ("sheet", "id", "at"))], "before after")
    op.create_index("audit_of", "audit", ["id"])


_BIG = sa.BigInteger
_OBLIGED = "obligated_from obligated_to zones"


def _table(name: str, keys: list[sa.Column[Any]], texts: str, *more: sa.Column[Any]) -> None:
    op.create_table(name, *keys, *map(_text, texts.split()), *more, sqlite_with_rowid=False)


def _key(name: str, kind: type[sa.types.TypeEngine[Any]] = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _whole(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
