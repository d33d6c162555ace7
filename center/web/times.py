"""The time of cameras, drawn and told: worked out of the facts of these alone, as they are now."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from center.calendar import Gap
from center.intervals import Span
from center.model import Position
from center.rate import local, month_of, month_span
from center.readings import DAY_MS
from center.report import When, lives
from center.show import minute
from center.store import Reader
from center.web import lifeline, strips
from center.web.lifeline import Piece
from center.web.planned import Stop, stops
from center.web.site import Visit
from center.web.story import faults
from contract.text import lasted

MINUTE_MS = 60_000


class Time(NamedTuple):
    """One span. `sums`: (state, length). `trouble`: why there is none. `stops`: planned within it, also to come."""

    title: str
    pieces: list[Piece]
    strip: Any
    sums: list[tuple[str, str]]
    trouble: str = ""
    stops: Sequence[Stop] = ()


def times_of(reader: Reader, visit: Visit, positions: Sequence[Position], span: Span, title: str) -> dict[str, Time]:
    """By position. [span) in UTC ms; what of it is to come stays empty."""
    lang = visit.lang
    month_ms = month_span(month_of(span[0]))[0]
    begin = span[0] - (span[0] - month_ms) % DAY_MS  # a local midnight
    until = min(span[1], visit.now.at_ms)
    names = [one.position for one in positions]
    if span[0] < reader.kept_from():
        gone = visit.say("这段时间的原始记录已删除", "the facts of this time were given up")
        return dict.fromkeys(names, Time(title, [], "", [], gone))
    try:
        every = list(lives(reader, When("", (begin, until), until, live=False), visit.site.rules, names))
    except Gap as gap:
        return dict.fromkeys(names, Time(title, [], "", [], visit.say(gap.words.zh, gap.words.en)))
    found, planned = {}, stops(reader, positions, span)
    for one in every:
        its = one.position
        excluded = reader.exclusions_of(its.position, span)
        pieces = lifeline.clipped(lifeline.pieces(one, excluded, (begin, until)), (span[0], until))
        wrong = faults(reader, its.bounds, (span[0], until), lang)
        sums = [
            (lifeline.NAMES[state][lang == "en"], lasted(ms, lang)) for state, ms in lifeline.sums(pieces).items() if ms
        ]
        mine = planned[its.position]
        marks = [(stop.begin, stop.end, stop.words(lang)) for stop in mine]
        found[its.position] = Time(title, pieces, strips.strip(pieces, wrong, span, lang, title, marks), sums, "", mine)
    return found


def row_of(one: Piece, lang: str) -> tuple[str, ...]:
    """state, from, to, length, why, last evidence before, whether it counts."""
    english = lang == "en"
    before = "-" if one.evidence_ms is None else minute(one.evidence_ms)
    evidence = "" if one.why in ("", "excluded", "service") else before
    return (
        f"{lifeline.NAMES[one.state][2 + english]} {lifeline.NAMES[one.state][english]}",
        f"{local(one.begin):%m-%d %H:%M:%S}",
        f"{local(one.end):%m-%d %H:%M:%S}",
        _length(one.end - one.begin, lang),
        lifeline.WHY[one.why][english],
        evidence,
        lifeline.COUNTS[one.state][english],
    )


def _length(ms: int, lang: str) -> str:
    """As everywhere; of less than a minute the seconds."""
    if ms >= MINUTE_MS:
        return lasted(ms, lang)
    return f"{ms / 1000:g} s" if lang == "en" else f"{ms / 1000:g}秒"
