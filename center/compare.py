"""One month under several definitions of the online rate, side by side.

How a position's share comes about is decided elsewhere; printing is the command line's.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from center.rate import Rules, local
from center.readings import Definition, Share, share
from center.registry.tree import Tree
from center.report import LEVELS, When, assessed, ratio
from center.store import Reader


class Way(NamedTuple):
    """A definition and the rules of its policy."""

    definition: Definition
    rules: Rules
    title: str


class Compared(NamedTuple):
    """(key, name) of a row -> the share by each way, in their order."""

    rows: dict[tuple[str, str], list[Share]]
    total: list[Share]


def compare(reader: Reader, when: When, level: str, ways: Sequence[Way]) -> Compared:
    """Raises Gap where a calendar does not say."""
    tree = Tree(reader.regions())
    rows: dict[tuple[str, str], list[Share]] = {}
    total = [Share() for _ in ways]
    for rules in {way.rules: None for way in ways}:
        mine = [number for number, way in enumerate(ways) if way.rules == rules]
        for pieces in assessed(reader, when, rules):
            for piece, e, known in pieces:
                row = rows.setdefault(LEVELS[level](tree, piece), [Share() for _ in ways])
                for number in mine:
                    one = share(ways[number].definition, e, known, when.span)
                    row[number], total[number] = row[number].plus(one), total[number].plus(one)
    return Compared(dict(sorted(rows.items())), total)


def as_json(made: Compared, when: When, level: str, ways: Sequence[Way]) -> dict[str, Any]:
    """{month, from, to, level, policies: [definition], rows: [{key, name, readings: {name: share}}], total: readings}.

    share = {numerator, denominator, text, left_out, passes}.
    """

    def told(shares: Sequence[Share]) -> dict[str, Any]:
        return {
            way.definition.name: ratio(one.numerator, one.denominator)
            | {"left_out": one.left_out, "passes": one.passes(way.definition)}
            for way, one in zip(ways, shares, strict=True)
        }

    begin, end = (local(ms).isoformat() for ms in when.span)
    return {
        "month": when.month,
        "from": begin,
        "to": end,
        "level": level,
        "policies": [_definition(way) for way in ways],
        "rows": [{"key": key, "name": name, "readings": told(shares)} for (key, name), shares in made.rows.items()],
        "total": told(made.total),
    }


def _definition(way: Way) -> dict[str, Any]:
    d = way.definition
    return {
        "name": d.name,
        "title": way.title,
        "counted": d.counted,
        "samples_a_day": d.rule.instants,
        "min_day_ratio": str(d.rule.theta),
        "unknown": "left_out" if d.left_out else "against",
        "passes_at": str(d.passes_at),
    }
