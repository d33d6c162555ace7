"""How every position in service stands, in one file a day for the video platform of the province (docs/standing.md).

What `offline` lists stands in it as that says, all else as online. The platform's answer is a list of its own words,
which `opinion import` takes. This file has no column that is read there as a word, so ours never comes back as theirs.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from center.absent import STATES, Absent, place
from center.forms import BOM, guarded
from center.rate import Rules, local
from center.registry.tree import Tree
from center.store import Reader

FORM = "canteen-standing/1"


class Line(Struct, frozen=True):
    """One position. `standing`: online, offline, unknown or never_seen; of what is not online `since` and `cause` as in
    `offline`, `level`: the rung that its last look reached; "" elsewhere. Times in ISO 8601, `heard` "" for never.
    """

    position: str
    gb_id: str
    unit: str
    unit_name: str
    kind: str
    region: str
    place: str
    zone: str
    standing: str
    since: str
    cause: str
    level: str
    gateway: str
    slot: str
    heard: str
    as_of: str


class Day(Struct, frozen=True):
    """`region`: the code of the locality, "" for all. `counts`: by standing; they add up to `registered`."""

    form: str
    as_of: str
    region: str
    registered: int
    counts: dict[str, int]
    positions: list[Line]


def day(reader: Reader, now_ms: int, rules: Rules, absents: Sequence[Absent], within: str = "") -> Day:
    """`absents`: of the same moment, all of them or those of the locality."""
    tree, as_of = Tree(reader.regions()), iso(now_ms)
    by_position = {one.position: one for one in absents}
    names: dict[str, str] = {}
    lines = []
    for row in reader.places_now(now_ms, rules.kinds):
        if within and within not in tree.chain(row.region):
            continue
        if row.region not in names:
            names[row.region] = place(tree, row.region)
        one = by_position.get(row.position)
        lines.append(
            Line(
                *(row.position, row.gb_id, row.unit, row.unit_name, row.kind, row.region, names[row.region], row.zone),
                *((one.state, iso(one.since_ms), one.cause, one.level) if one else ("online", "", "", "")),
                *(row.gateway, row.slot, iso(row.heard_ms) if row.heard_ms else "", as_of),
            )
        )
    counts = dict.fromkeys(("online", *STATES), 0) | Counter(line.standing for line in lines)
    return Day(FORM, as_of, within, len(lines), counts, lines)


def iso(ms: int) -> str:
    return local(ms).isoformat()


def as_json(told: Day) -> bytes:
    return msgspec.json.encode(told)


def as_csv(told: Day) -> bytes:
    """UTF-8 with a BOM, as Excel opens it; a text that a spreadsheet would compute stands behind an apostrophe."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(Line.__struct_fields__)
    table.writerows([guarded(cell) for cell in msgspec.structs.astuple(line)] for line in told.positions)
    return (BOM + text.getvalue()).encode()
