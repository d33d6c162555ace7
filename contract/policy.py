"""The policy file as structs: every threshold and switch with its unit, its clause and its source; no default in code.

What is measured against them, and how, must not be known here. Structs refuse unknown keys: a misspelt threshold
is an error, never a silent default.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract import shipped
from contract.vocabulary import Rung

Text = Annotated[str, Meta(min_length=1)]
Id = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,60}$")]
Date = Annotated[str, Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a policy file; keys that it does not know are refused."""


class Title(Strict, frozen=True, kw_only=True):
    """A name for people, in both languages."""

    zh: Text
    en: Text


class Entry(Strict, frozen=True, kw_only=True):
    """`clause`: where the regulation speaks of it, such as "二.3". `source`: its words, or whose choice it is."""

    title: Title
    clause: Text
    source: Text


class Degrees(Entry, frozen=True, kw_only=True):
    """An angle."""

    value: Annotated[float, Meta(gt=0, le=360)]
    unit: Literal["deg"]


class Pixels(Entry, frozen=True, kw_only=True):
    """A number of pixels."""

    value: Annotated[int, Meta(gt=0)]
    unit: Literal["px"]


class Seconds(Entry, frozen=True, kw_only=True):
    """A duration."""

    value: Annotated[float, Meta(gt=0)]
    unit: Literal["s"]


class Silence(Entry, frozen=True, kw_only=True):
    """Seconds; not below the spacing of heartbeats, or every gateway were dark between two of them."""

    value: Annotated[float, Meta(ge=90)]
    unit: Literal["s"]


class Hours(Entry, frozen=True, kw_only=True):
    """A long duration."""

    value: Annotated[int, Meta(ge=0)]
    unit: Literal["h"]


class Months(Entry, frozen=True, kw_only=True):
    value: Annotated[int, Meta(ge=1, le=600)]
    unit: Literal["month"]


class PerDay(Entry, frozen=True, kw_only=True):
    """A count per calendar day."""

    value: Annotated[int, Meta(ge=1, le=1440)]
    unit: Literal["1/d"]


class Ratio(Entry, frozen=True, kw_only=True):
    """A share: 1 is all."""

    value: Annotated[float, Meta(gt=0, le=1)]
    unit: Literal["1"]


class Switch(Entry, frozen=True, kw_only=True):
    """A yes or a no."""

    value: bool
    unit: Literal["bool"]


class TalkPaths(Entry, frozen=True, kw_only=True):
    """Which paths of two-way audio count: the ONVIF backchannel, or a vendor's own path as well."""

    value: Annotated[tuple[Literal["onvif", "vendor"], ...], Meta(min_length=1)]
    unit: Literal["list"]


class Needs(Entry, frozen=True, kw_only=True):
    """The rung of the ladder that "online" needs; a look can prove these three."""

    value: Literal["reachable", "answers", "streams"]
    unit: Literal["rung"]

    @property
    def rung(self) -> Rung:
        return Rung(self.value)


class Windows(Entry, frozen=True, kw_only=True):
    """W: around the clock, or the canteen's term calendar x opening hours."""

    value: Literal["24x7", "calendar"]
    unit: Literal["windows"]


class Dark(Entry, frozen=True, kw_only=True):
    """What a silent gateway does to time known online: `visible` makes it unknown, `local` keeps it."""

    value: Literal["visible", "local"]
    unit: Literal["mode"]


class Reading(Entry, frozen=True, kw_only=True):
    """Which of the three readings of the online rate decides."""

    value: Literal["time", "days", "spot"]
    unit: Literal["reading"]


class Visits(Entry, frozen=True, kw_only=True):
    """A number of visits to the picture."""

    value: Annotated[int, Meta(ge=1, le=100)]
    unit: Literal["visits"]


class Threshold(Entry, frozen=True, kw_only=True):
    """A measured number's limit. `calibration`: on what it was chosen, and how far sound and faulty lie apart there.

    Units: "1" a share or a correlation, "px" of a picture 640 wide, "level" of 256 of brightness, "dE" distance in CIE
    L*a*b*.
    """

    value: float
    unit: Literal["1", "px", "level", "dE"]
    calibration: Text


class Capability(Strict, frozen=True, kw_only=True):
    """The five encouraged capabilities (advisory)."""

    min_pan_span: Degrees
    accept_panoramic: Switch
    accept_nonstandard_degrees: Switch
    accept_digital_zoom: Switch
    min_detail_ratio: Ratio
    max_digital_ratio: Ratio
    """Detail at edges gained beyond enlargement, from which on a zoom is the lens's and no cut-out."""
    two_way_audio_ways: TalkPaths
    min_talk_correlation: Ratio
    """Correlation from which on a chirp counts as heard."""
    min_pixels: Pixels
    min_short_side: Pixels
    min_long_side: Pixels


class Online(Strict, frozen=True, kw_only=True):
    """When a camera is online, and when a change counts."""

    needs: Needs
    needs_decodable: Switch
    """Whether a stream that can be fetched and of which no picture can be made takes a camera out of "online"."""
    busy_at_most: Seconds
    """How long a camera that has no room for us is believed to be online as before; then it is unknown."""
    confirm_after: Seconds
    """Pause before the hurried second look that must agree."""


class Rate(Strict, frozen=True, kw_only=True):
    """How the online rate is counted and judged."""

    windows: Windows
    dark: Dark
    dark_after: Silence
    testimony_within: Seconds
    deciding_reading: Reading
    min_day_ratio: Ratio
    """θ of the reading `days`: a camera-day counts when its ratio is at least this."""
    spot_instants: PerDay
    min_evidence: Ratio
    """Below this q, through the center's own fault, a verdict is INSUFFICIENT."""
    max_excluded: Hours
    """Cap on exclusions per slot and month."""
    confirm_force_majeure: Hours
    final_after: Hours
    keep_facts: Months
    """Facts older than so many whole months may be given up, once their months are final."""


class PictureRules(Strict, frozen=True, kw_only=True):
    """When a picture is not sound (完好). Field names of thresholds are those of the numbers measured."""

    confirm_visits: Visits
    """K: so many of the last `of_visits` must say so for a fault to be raised, or cleared."""
    of_visits: Visits
    """M"""
    flat_ratio: Threshold
    dark_level: Threshold
    bright_level: Threshold
    burnt_ratio: Threshold
    edge_width_px: Threshold
    softer: Threshold
    cast: Threshold
    recast: Threshold
    noise: Threshold
    streak: Threshold
    new_streak: Threshold
    still_ratio: Threshold
    change: Threshold
    covered_ratio: Threshold
    replaced_ratio: Threshold
    patch: Threshold
    elsewhere: Threshold
    uneven: Threshold
    near_edge_px: Threshold
    bare_ratio: Threshold
    plain_ratio: Threshold
    jitter_px: Threshold
    view_match: Threshold

    def __post_init__(self) -> None:
        confirm, of = self.confirm_visits.value, self.of_visits.value
        if not of / 2 < confirm <= of:
            raise ValueError("confirm_visits must be more than half of of_visits, and no more than all of them")

    @property
    def thresholds(self) -> dict[str, float]:
        """The value of every threshold, by the name of the number it limits."""
        entries = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: entry.value for name, entry in entries.items() if isinstance(entry, Threshold)}


class UnitKind(Strict, frozen=True, kw_only=True):
    """A kind of unit that may be registered. `counts`: whether this regulation's figures are about it."""

    id: Annotated[str, Meta(pattern="^[a-z][a-z_]{1,30}$")]
    counts: bool
    clause: Text
    source: Text
    title: Title


class Deadline(Strict, frozen=True, kw_only=True):
    """By the end of this day (Asia/Shanghai) the units must be covered, or online, entirely."""

    what: Literal["coverage", "online"]
    units: Literal["school_canteens", "all"]
    """`all`: school canteens and off-campus caterers."""
    by: Date
    title: Title
    clause: Text
    source: Text


class Policy(Strict, frozen=True, kw_only=True):
    """One regulation, made into numbers."""

    id: Id
    document: Text
    """The regulation's number and name."""
    title: Title
    kinds: tuple[UnitKind, ...]
    capability: Capability
    online: Online
    rate: Rate
    picture: PictureRules
    deadlines: tuple[Deadline, ...]


def load_policy(name_or_path: str) -> Policy:
    """A shipped policy by name ("henan-2021-45"), or the file at a path.

    Raises strict_yaml.ConfigError with all that is wrong, or FileNotFoundError.
    """
    return shipped.load("policy", name_or_path, Policy)
