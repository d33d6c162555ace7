"""Planned stops and what was asked to be left out, in words: of whom, why, and whether their time counts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from center.absent import Absent
from center.intervals import Span
from center.model import Position
from center.registry.asking import ANNOUNCED, FORCE_MAJEURE, PLANNED
from center.show import minute
from center.store import Reader
from center.store.requests import APPROVED, OPEN, REFUSED, TOLD, WITHDRAWN, Request

CAUSES = {
    PLANNED: ("计划停机，申请剔除", "a planned stop, to be left out"),
    FORCE_MAJEURE: ("不可抗力，申请剔除", "force majeure, to be left out"),
    ANNOUNCED: ("计划停机，仅告知", "a planned stop, only announced"),
}
STATES = {
    OPEN: ("待审批", "open"),
    TOLD: ("已告知", "announced"),
    APPROVED: ("已批准", "approved"),
    REFUSED: ("未批准", "refused"),
    WITHDRAWN: ("已撤回", "withdrawn"),
}
COUNTS = {
    OPEN: ("审批之前照常计入", "counts as ever until it is approved"),
    TOLD: ("照常计入", "counts as ever"),
    APPROVED: ("不计入", "does not count"),
    REFUSED: ("照常计入", "counts as ever"),
    WITHDRAWN: ("照常计入", "counts as ever"),
}
"""State of a request -> whether its time counts."""
MARKS = {OPEN: "doubt", TOLD: "", APPROVED: "good", REFUSED: "bad", WITHDRAWN: ""}


def cause_of(cause: str, lang: str) -> str:
    return CAUSES.get(cause, (cause, cause))[lang == "en"]


class Stop(NamedTuple):
    """Of one position. `state`: approved, open or told."""

    begin: int
    end: int
    cause: str
    reason: str
    state: str

    def words(self, lang: str) -> str:
        at = lang == "en"
        told = f"{cause_of(self.cause, lang)} {minute(self.begin)} – {minute(self.end)}: {self.reason}"
        return f"{told} ({STATES[self.state][at]}, {COUNTS[self.state][at]})"


def stopped(reader: Reader, absents: Iterable[Absent], now_ms: int) -> dict[str, int]:
    """Position -> until when it has a planned stop now, approved or not; UTC ms."""
    span = (now_ms, now_ms + 1)
    asked: dict[tuple[str, str], int] = {}
    for its in reader.stops_of(None, span):
        whom = (its.wish.unit, its.wish.position)
        asked[whom] = max(its.wish.to_ms, asked.get(whom, 0))
    left_out = reader.left_out(now_ms)
    found = {}
    for one in absents:
        until = (asked.get((one.unit, "")), asked.get((one.unit, one.position)), left_out.get(one.position))
        if any(until):
            found[one.position] = max(ms for ms in until if ms)
    return found


def words_of(one: Request, zones: Mapping[str, str], lang: str) -> str:
    """Of a request that stands."""
    wish, everything = one.wish, "all cameras" if lang == "en" else "全部摄像机"
    whom = zones.get(wish.position) or wish.position or everything
    return f"{whom}: {Stop(wish.from_ms, wish.to_ms, wish.cause, wish.reason, one.state).words(lang)}"


def stops(reader: Reader, positions: Sequence[Position], span: Span) -> dict[str, list[Stop]]:
    """By position, in order: what the registry leaves out, and what its unit asked for or announced."""
    units = {one.position: one.pieces[-1].unit for one in positions if one.pieces}
    asked = reader.stops_of(sorted(set(units.values())), span)
    found = {}
    for one in positions:
        mine = [
            Stop(its.from_ms, its.to_ms, its.cause, its.reason, APPROVED)
            for its in reader.exclusions_of(one.position, span)
            if its.from_ms < its.to_ms
        ]
        mine += [
            Stop(its.wish.from_ms, its.wish.to_ms, its.wish.cause, its.wish.reason, its.state)
            for its in asked
            if its.wish.unit == units.get(one.position) and its.wish.position in ("", one.position)
        ]
        found[one.position] = sorted(mine)
    return found
