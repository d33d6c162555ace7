"""Definitions of the online rate that others use, as small files beside the policies: what is counted, over what.

How a definition is computed must not be known here. Structs refuse unknown keys: what this version does not compute
is an error with its place, never ignored in silence.
"""

from typing import Literal

from contract import shipped
from contract.policy import Entry, Id, PerDay, Ratio, Strict, Text, Title


class Counted(Entry, frozen=True, kw_only=True):
    """Milliseconds, samples at published instants, or camera-days."""

    value: Literal["ms", "sample", "camera_day"]
    unit: Literal["unit"]


class Unknown(Entry, frozen=True, kw_only=True):
    """What is not known counts `against`, or is `left_out` of the denominator (and then told)."""

    value: Literal["against", "left_out"]
    unit: Literal["treatment"]


class Preset(Strict, frozen=True, kw_only=True):
    """One definition. `base`: the policy whose hours, kinds of unit and rules of silence apply."""

    id: Id
    base: Text
    document: Text
    """Where it comes from."""
    title: Title
    counted: Counted
    samples: PerDay
    min_day_ratio: Ratio
    unknown: Unknown
    passes_at: Ratio


def load_preset(name_or_path: str) -> Preset:
    """A shipped preset by name ("hourly-24"), or the file at a path. Raises ConfigError or FileNotFoundError."""
    return shipped.load("reading", name_or_path, Preset)


def presets() -> list[str]:
    """Names of those that are shipped."""
    return shipped.names("reading")
