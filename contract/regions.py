"""The localities that a bulletin has rows for, read from config/regions.

Which canteens lie in them, and how they fare, must not be known here.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract import shipped
from contract.messages import CITY_PATTERN


class Region(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row. `code`: administrative code (GB/T 2260), 4 digits for a prefecture-level city, else 6.

    `city` is the topic's city segment: the code itself for a city, 4190 for what the province governs directly.
    """

    code: Annotated[str, Meta(pattern="^([0-9]{4}|[0-9]{6})$")]
    city: Annotated[str, Meta(pattern=CITY_PATTERN)]
    kind: Literal["city", "zone", "county"]
    """City (省辖市), demonstration zone (示范区), or county-level place governed by the province (省直管县（市）)."""
    zh: Annotated[str, Meta(min_length=1)]
    en: Annotated[str, Meta(min_length=1)]


class Regions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A province and its rows, in the order of a bulletin."""

    code: Annotated[str, Meta(pattern="^[0-9]{2}$")]
    zh: Annotated[str, Meta(min_length=1)]
    en: Annotated[str, Meta(min_length=1)]
    rows: tuple[Region, ...]

    def __post_init__(self) -> None:
        codes = [row.code for row in self.rows]
        doubled = sorted({code for code in codes if codes.count(code) > 1})
        if doubled:
            raise ValueError(f"codes appear twice: {', '.join(doubled)}")


def load_regions(name_or_path: str) -> Regions:
    """Shipped regions by name ("henan"), or the file at a path. Raises ConfigError or FileNotFoundError."""
    return shipped.load("regions", name_or_path, Regions)
