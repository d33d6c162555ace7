"""The localities that canteens lie in and that a bulletin has rows for, read from config/regions.

Which canteens lie in them, and how they fare, must not be known here.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract import shipped
from contract.messages import CITY_PATTERN

Name = Annotated[str, Meta(min_length=1)]
County = Annotated[str, Meta(pattern="^[0-9]{6}$")]
Day = Annotated[str, Meta(pattern=r"^(|[0-9]{4}-[0-9]{2}-[0-9]{2})$")]


class Region(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row. `code`: administrative code (GB/T 2260), 4 digits for a prefecture-level city, else 6.

    `city` is the topic's city segment: the code itself for a city, 4190 for what the province governs directly.
    """

    code: Annotated[str, Meta(pattern="^([0-9]{4}|[0-9]{6})$")]
    city: Annotated[str, Meta(pattern=CITY_PATTERN)]
    kind: Literal["city", "zone", "county"]
    """City (省辖市), demonstration zone (示范区), or county-level place governed by the province (省直管县（市）)."""
    zh: Name
    en: Name


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A county, district or development zone of the city that its code begins with. `since`: "" always."""

    code: County
    zh: Name
    en: Name
    since: Day = ""


class Former(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code that is no longer given out from the day `until` on; `now`: the code of what lies there."""

    code: County
    zh: Name
    until: Day
    now: County


class Regions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A province and its rows, in the order of a bulletin."""

    code: Annotated[str, Meta(pattern="^[0-9]{2}$")]
    zh: Name
    en: Name
    rows: tuple[Region, ...]
    counties: tuple[Part, ...] = ()
    former: tuple[Former, ...] = ()

    def __post_init__(self) -> None:
        places: tuple[Region | Part | Former, ...] = (*self.rows, *self.counties, *self.former)
        codes = [place.code for place in places]
        doubled = sorted({code for code in codes if codes.count(code) > 1})
        if doubled:
            raise ValueError(f"codes appear twice: {', '.join(doubled)}")
        foreign = sorted(code for code in codes if not code.startswith(self.code))
        if foreign:
            raise ValueError(f"codes of another province than {self.code}: {', '.join(foreign)}")
        cities = {row.code for row in self.rows if row.kind == "city"}
        orphans = sorted(part.code for part in self.counties if part.code[:4] not in cities)
        if orphans:
            raise ValueError(f"no row is the city of: {', '.join(orphans)}")
        gone = sorted(one.now for one in self.former if one.now not in codes)
        if gone:
            raise ValueError(f"former codes lead to none: {', '.join(gone)}")


def load_regions(name_or_path: str) -> Regions:
    """Shipped regions by name ("henan"), or the file at a path. Raises ConfigError or FileNotFoundError."""
    return shipped.load("regions", name_or_path, Regions)
