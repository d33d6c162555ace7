"""What lies in a place, one level below: each with its figures of the month and how it stands now."""

from collections import defaultdict
from fractions import Fraction
from typing import NamedTuple

from center.absent import Absent
from center.days.beside import OWN_UNITS
from center.days.engine import Assessed
from center.rate import Count
from center.registry.tree import Tree
from center.show import failing_first
from center.store.lists import UnitRow
from center.web.cells import VERDICTS
from center.web.moment import counted
from center.web.shelf import Figures, Missing
from center.web.site import Visit
from center.web.summary import Place


class Child(NamedTuple):
    """`key`: its code, that of the place itself for what lies in no part of it. `row`: None where nothing is built."""

    key: str
    name: str
    standing: Count
    row: Assessed | None

    @property
    def fails(self) -> bool:
        """By the month's verdict; by what is offline now where there is none."""
        return self.row.verdict not in ("PASSES", "NOT_ASSESSED") if self.row else bool(self.standing.offline)

    @property
    def worst(self) -> tuple[int, Fraction, int]:
        """To sort by: what fails first, the lowest rate, the most offline."""
        if self.row is None:
            return (len(VERDICTS), Fraction(2), -self.standing.offline)
        rate = failing_first(self.row.numerator, self.row.denominator)
        return (VERDICTS.index(self.row.verdict), rate, -self.standing.offline)


def children(visit: Visit, here: Place, figures: Figures | Missing, kind: str) -> list[Child]:
    """The failing first. Every row of the bulletin for the province, also where nothing is registered."""
    tree, code = visit.now.tree, here.region.code
    of = by_code(figures, tree, here, kind)
    parts = visit.now.once(("parts", code, kind), lambda: _parts(tree, here))
    keys = [one.code for one in tree.rows()] if not here.region.parent else []
    keys += sorted((set(parts) | set(of)) - set(keys))
    own = visit.say("市本级", "of the city itself") if here.region.parent else OWN_UNITS
    names = {key: own if key == code else visit.place(key) for key in keys}
    found = [Child(key, names[key], parts.get(key, Count()), of.get(key)) for key in keys]
    return sorted(found, key=lambda one: one.worst)


def _parts(tree: Tree, here: Place) -> dict[str, Count]:
    """What lies one level below -> how it stands now."""
    below = {region: tree.below(region, here.region.code) for region in {one.region for one in here.units}}
    units: dict[str, list[UnitRow]] = defaultdict(list)
    absents: dict[str, list[Absent]] = defaultdict(list)
    for unit in here.units:
        units[below[unit.region]].append(unit)
    for one in here.absents:
        absents[below[one.region]].append(one)
    return {key: counted(its, absents[key]) for key, its in units.items()}


def by_code(figures: Figures | Missing, tree: Tree, here: Place, kind: str) -> dict[str, Assessed]:
    """The month's rows of what lies one level below."""
    if not isinstance(figures, Figures):
        return {}
    level = "county" if here.region.parent else "row"
    return {
        row.key: row
        for row in figures.assessed
        if row.level == level and row.kind == kind and (level == "row" or here.region.code in tree.chain(row.key))
    }
