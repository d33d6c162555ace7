"""Which versions gateways run, and how the last upgrades went: counts by region, and each that was rolled back."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from center.boxes import Box
from center.rate import local
from contract.messages import UpgradeHealth
from contract.text import tidy


class Count(NamedTuple):
    """Gateways that run one version. `trial`, `kept`: it is on trial there, or has passed. `rolled_back`: to it."""

    boxes: int = 0
    alive: int = 0
    trial: int = 0
    kept: int = 0
    rolled_back: int = 0

    def plus(self, box: Box) -> "Count":
        state = last.state if (last := box.upgrade) else ""
        more = (True, box.state == "alive", *(state == one for one in ("trial", "kept", "rolled_back")))
        return Count(*(before + one for before, one in zip(self, more, strict=True)))


class Line(NamedTuple):
    """`city`, `place`: "" for all."""

    city: str
    place: str
    version: str
    counts: Count


def counted(found: Iterable[Box]) -> list[Line]:
    """Of all first, then by region: the version that most run first. Gateways that are revoked do not count."""
    counts: dict[tuple[str, str, str], Count] = defaultdict(Count)
    for box in found:
        if box.state == "revoked":
            continue
        for key in (("", "", box.version), (box.city, box.place, box.version)):
            counts[key] = counts[key].plus(box)
    lines = [Line(*key, count) for key, count in counts.items()]
    return sorted(lines, key=lambda one: (one.city, -one.counts.boxes, one.version))


def rolled_back(found: Iterable[Box]) -> list[tuple[Box, UpgradeHealth]]:
    """The newest first."""
    those = [(box, last) for box in found if (last := box.upgrade) and last.state == "rolled_back"]
    return sorted(those, key=lambda one: (-one[1].at_ms, one[0].gateway))


def as_json(found: list[Box]) -> dict[str, Any]:
    """{versions: [{city, place, version, boxes, alive, trial, kept, rolled_back}], rolled_back: [{gateway, city, place,
    version, to, at (ISO 8601 or null), en, zh}]}; city "" counts all.
    """
    lines = [
        {"city": one.city, "place": one.place, "version": one.version, **one.counts._asdict()} for one in counted(found)
    ]
    back = [
        {
            "gateway": box.gateway,
            "city": box.city,
            "place": box.place,
            "version": box.version,
            "to": last.to,
            "at": local(last.at_ms).isoformat() if last.at_ms else None,
            "en": tidy(last.en, 1000),
            "zh": tidy(last.zh, 1000),
        }
        for box, last in rolled_back(found)
    ]
    return {"versions": lines, "rolled_back": back}
