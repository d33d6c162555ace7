"""What the numbers measured of one visit's picture say of its faults (视频质量诊断): numbers in, codes out.

How the numbers are measured stands in agent/ask/picture/measure.py; the limits stand in the policy file. A number that
is missing decides nothing: no fault.
"""

from collections.abc import Callable, Mapping
from math import inf

from msgspec.structs import replace

from agent.model import Picture
from contract.policy import Policy
from contract.vocabulary import PictureFault

HIDES: dict[PictureFault, frozenset[PictureFault]] = {
    PictureFault.SIGNAL_LOSS: frozenset(PictureFault) - {PictureFault.SIGNAL_LOSS},
    PictureFault.LUMA: frozenset({PictureFault.SCENE_CHANGE}),
    PictureFault.BLUR: frozenset({PictureFault.SCENE_CHANGE}),
    PictureFault.NOISE: frozenset({PictureFault.SCENE_CHANGE}),
    PictureFault.STREAK: frozenset({PictureFault.SCENE_CHANGE}),
    PictureFault.BLOCK: frozenset({PictureFault.SCENE_CHANGE}),
}
"""Fault -> the faults that cannot be seen while it is there."""


def judged(picture: Picture, policy: Policy) -> Picture:
    """The picture with the faults that its numbers show."""
    return replace(picture, faults=faults(picture.metrics, policy.picture.thresholds))


def faults(metrics: Mapping[str, float], thresholds: Mapping[str, float]) -> tuple[str, ...]:
    """Codes (PictureFault) of the faults that the numbers of one visit show, without those that another hides."""
    found = [code for code, shows in _SHOWS.items() if shows(metrics, thresholds)]
    hidden = frozenset[PictureFault]().union(*(HIDES.get(code, frozenset()) for code in found))
    return tuple(code.value for code in found if code not in hidden)


Rule = Callable[[Mapping[str, float], Mapping[str, float]], bool]
"""Of metrics and thresholds, both by the names that measure.py gives."""


def _above(name: str) -> Rule:
    return lambda metrics, thresholds: name in metrics and metrics[name] > thresholds[name]


def _below(name: str) -> Rule:
    return lambda metrics, thresholds: name in metrics and metrics[name] < thresholds[name]


def _luma(metrics: Mapping[str, float], thresholds: Mapping[str, float]) -> bool:
    """The picture is dark, or so bright as a whole or in so large a part that nothing can be seen there."""
    too = (_below("dark_level"), _above("bright_level"), _above("burnt_ratio"))
    return any(rule(metrics, thresholds) for rule in too)


def _found_elsewhere(metrics: Mapping[str, float], thresholds: Mapping[str, float]) -> bool:
    """The usual view is found again at another place of the picture, and better there than at its own."""
    match = metrics.get("view_match", inf)
    better = match < thresholds["view_match"] or match < metrics.get("elsewhere", 0.0)
    return better and match < inf and _above("elsewhere")(metrics, thresholds)


def _another_view(metrics: Mapping[str, float], thresholds: Mapping[str, float]) -> bool:
    return _below("view_match")(metrics, thresholds) or _found_elsewhere(metrics, thresholds)


def _beyond_usual(new: str, alone: str) -> Rule:
    """Judge what is new against the camera's usual view; if none is known, or the view changed, the number alone."""

    def shows(metrics: Mapping[str, float], thresholds: Mapping[str, float]) -> bool:
        known = new in metrics and not _another_view(metrics, thresholds)
        return _above(new if known else alone)(metrics, thresholds)

    return shows


def _blur(metrics: Mapping[str, float], thresholds: Mapping[str, float]) -> bool:
    """Edges are wider than usual. A usual view without any, a plain wall, says nothing of those that are there now."""
    edgeless = "covered_ratio" in metrics and "softer" not in metrics
    return not edgeless and _beyond_usual("softer", "edge_width_px")(metrics, thresholds)


def _freeze(metrics: Mapping[str, float], thresholds: Mapping[str, float]) -> bool:
    return _above("still_ratio")(metrics, thresholds) and _below("change")(metrics, thresholds)


def _block(metrics: Mapping[str, float], thresholds: Mapping[str, float]) -> bool:
    """Something plain is before the lens, or something with a texture of its own.

    Either way what is left is the view as before, or one side of it; either may leave nothing at all. A view
    that is found again elsewhere, or one with less detail that is not known again, is another view: a ceiling, say.
    Where no earlier view is known, a plain surface alone; a kitchen may have a plain wall.
    """
    plain = metrics.get("plain_ratio", 0.0)
    if "covered_ratio" not in metrics:
        return plain > thresholds["plain_ratio"]
    match, limit = metrics.get("view_match"), thresholds["view_match"]
    turned = _found_elsewhere(metrics, thresholds)
    parted = _above("patch")(metrics, thresholds)
    if match is None:
        left = plain > thresholds["plain_ratio"]
    else:
        left = match > (limit / 2 if plain > thresholds["plain_ratio"] else limit) or plain > thresholds["bare_ratio"]
    covered = _above("covered_ratio")(metrics, thresholds) and (left or parted)
    replaced = parted and _above("replaced_ratio")(metrics, thresholds)
    return not turned and (covered or replaced or _woven(metrics, thresholds))


def _woven(metrics: Mapping[str, float], thresholds: Mapping[str, float]) -> bool:
    """Nothing of the usual view is left, and one texture fills half and more, out of focus as what is near: a cloth.

    A wall of tiles that the camera was turned to is as even, and sharp; one that it always faced is the usual view.
    """
    kept = metrics.get("view_match", -1.0) >= thresholds["view_match"]
    before = metrics.get("uneven_before", inf)
    even = metrics.get("uneven", inf) < thresholds["uneven"] <= before
    return even and not kept and metrics.get("edge_width_px", 0.0) > thresholds["near_edge_px"]


_SHOWS: dict[PictureFault, Rule] = {
    PictureFault.SIGNAL_LOSS: _above("flat_ratio"),
    PictureFault.LUMA: _luma,
    PictureFault.BLUR: _blur,
    PictureFault.CHROMA: _beyond_usual("recast", "cast"),
    PictureFault.NOISE: _above("noise"),
    PictureFault.STREAK: _beyond_usual("new_streak", "streak"),
    PictureFault.FREEZE: _freeze,
    PictureFault.BLOCK: _block,
    PictureFault.JITTER: _above("jitter_px"),
    PictureFault.SCENE_CHANGE: _another_view,
}
