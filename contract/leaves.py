"""Single values with a law of their own: read from their text, refused with a message of their own.

A field asks for one by `Annotated[type, leaf(read, expected)]`. Documents and nodes must not be known here.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta

from contract.problems import Unfit, Words
from contract.text import excerpt


def leaf(read: Callable[[str], Any], expected: Words, *, unit: str = "") -> Meta:
    """Meta for a field whose text `read` turns into its value, raising Unfit. `unit` follows the bounds in messages.

    Messages repeat what stands there only if `read` does: it may be, or hold, a password in the wrong place.
    """
    return Meta(extra={"read": read, "expected": expected, "unit": unit})


def form(words: Words) -> Meta:
    """Meta that says in words what a field's `pattern` asks for."""
    return Meta(extra={"form": words})


_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)?")


def seconds(text: str) -> float:
    """`500ms`, `30s`, `1.5m`, `24h`, `1d` in seconds. Raises Unfit."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise Unfit("duration", found=excerpt(text))
    number, unit = match.groups()
    if unit is None:
        raise Unfit("duration_unit", found=number)
    return float(number) * _UNITS_S[unit]


Duration = Annotated[float, leaf(seconds, Words("a duration such as 30s", "时长（例如 30s）"), unit="s")]
"""Seconds, written with a unit."""
