"""What is known of the last upgrade: scripts/upgrade.py keeps its record beside the versions; here it is only read."""

import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from contract.messages import BROKEN_JSON, UpgradeHealth

PLACE = Path(sys.prefix).parent / "upgrade.json"
"""Beside the folder that this program is installed in."""
MAX_BYTES = 100_000


class _Record(Struct):
    state: str
    from_version: str
    to_version: str
    at_s: int
    en: str = ""
    zh: str = ""


def last(file: Path = PLACE) -> UpgradeHealth | None:
    """None where there was no upgrade, or its record cannot be read."""
    try:
        with file.open("rb") as opened:
            found = msgspec.json.decode(opened.read(MAX_BYTES), type=_Record)
    except (OSError, *BROKEN_JSON):
        return None
    if not found.state:
        return None
    return UpgradeHealth(
        state=found.state[:40],
        before=found.from_version[:80],
        to=found.to_version[:80],
        at_ms=max(0, found.at_s) * 1000,
        en=found.en[:1000],
        zh=found.zh[:1000],
    )
