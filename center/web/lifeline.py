"""One camera's time as spans that follow one another without a hole: what each is, why, and whether it counts. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from center.intervals import Intervals, Span, holding, normal, union
from center.report import Life
from center.store.cameras import Exclusion

ONLINE, OFFLINE, UNKNOWN, PLANNED, APART = "online", "offline", "unknown", "planned", "apart"
STATES = (ONLINE, OFFLINE, UNKNOWN, PLANNED, APART)
COUNTS = {
    ONLINE: ("计入分子和分母", "counts in both"),
    OFFLINE: ("只计入分母", "counts in the denominator"),
    UNKNOWN: ("只计入分母，不算在线", "counts in the denominator, not as online"),
    PLANNED: ("已批准剔除，不计", "approved to be left out: does not count"),
    APART: ("不考核，不计", "not assessed: does not count"),
}
NAMES = {
    ONLINE: ("在线", "online", "在", "O"),
    OFFLINE: ("离线", "offline", "离", "X"),
    UNKNOWN: ("未知", "unknown", "未", "?"),
    PLANNED: ("已批准剔除", "planned", "免", "P"),
    APART: ("不考核", "not assessed", "不", "-"),
}
"""State -> name and letter, in both languages."""
WHY = {
    "withdrawn": ("网关的报文自相矛盾，不采信", "its gateway contradicted itself"),
    "dark": ("网关失联", "its gateway was silent"),
    "away": ("中心自身未接收（平台故障）", "the center itself could not hear"),
    "unbound": ("未接入任何网关", "bound to no gateway"),
    "before": ("此前从未上报", "nothing was told before"),
    "untold": ("网关未上报或自述不知", "the gateway told nothing, or that it cannot know"),
    "service": ("不在服务期，或不在考核时段", "out of service, or outside the assessed hours"),
    "excluded": ("已批准的剔除", "an approved exclusion"),
    "": ("", ""),
}


class Piece(NamedTuple):
    """`why`: a word of WHY. `evidence_ms`: until when it was last known before, None for never in the span shown."""

    state: str
    begin: int
    end: int
    why: str
    evidence_ms: int | None

    @property
    def span(self) -> Span:
        return self.begin, self.end


def pieces(life: Life, excluded: Sequence[Exclusion], span: Span) -> list[Piece]:
    """Of [span), which ends no later than now."""
    planned = normal((one.from_ms, one.to_ms) for one in excluded)
    bound = normal((one.since_ms, one.until_ms or span[1]) for one in life.position.bounds)
    sets = (planned, life.assessed, life.known.on, life.known.off, life.dark, life.withdrawn, life.up, bound)
    edges = sorted({span[0], span[1], *(edge for edge in _edges(sets) if span[0] < edge < span[1])})
    told = union(life.known.on, life.known.off)
    found: list[Piece] = []
    for begin, end in pairwise(edges):
        state, why = _what(life, planned, bound, told, begin)
        if found and (found[-1].state, found[-1].why) == (state, why):
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(Piece(state, begin, end, why, _before(told, begin)))
    return found


def _edges(sets: Iterable[Intervals]) -> Iterable[int]:
    return (edge for spans in sets for span in spans for edge in span)


def _what(life: Life, planned: Intervals, bound: Intervals, told: Intervals, at: int) -> tuple[str, str]:
    """(state, why) of the moment. E comes first: what is not assessed counts neither way, whatever was known."""
    if not holding(life.assessed, at):
        return (PLANNED, "excluded") if holding(planned, at) else (APART, "service")
    if holding(life.known.on, at):
        return ONLINE, ""
    if holding(life.known.off, at):
        return OFFLINE, ""
    reasons = {
        "withdrawn": holding(life.withdrawn, at),
        "dark": holding(life.dark, at),
        "unbound": not holding(bound, at),
        "away": not holding(life.up, at),
        "before": not told or told[0][0] > at,
    }
    return UNKNOWN, next((why for why, holds in reasons.items() if holds), "untold")


def _before(told: Intervals, at: int) -> int | None:
    index = bisect_left(told, (at,)) - 1  # the last that began before
    return min(told[index][1], at) if index >= 0 else None


def sums(found: Sequence[Piece]) -> dict[str, int]:
    """State -> ms."""
    return {state: sum(one.end - one.begin for one in found if one.state == state) for state in STATES}


def clipped(found: Iterable[Piece], span: Span) -> list[Piece]:
    """What of them lies in [span)."""
    within = (one._replace(begin=max(one.begin, span[0]), end=min(one.end, span[1])) for one in found)
    return [one for one in within if one.begin < one.end]
