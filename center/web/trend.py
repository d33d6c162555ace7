"""The deciding rate of a place over twelve months: bars for the eye, and the same figures as a table.

Of months before only what is final is shown: reading a province's provisional month takes longer than a page may.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from markupsafe import Markup

from center.days.engine import Row
from center.rate import month_of, month_span, percent
from center.registry.tree import Region
from center.show import word
from center.web.cells import readings
from center.web.shelf import Figures, Missing
from center.web.site import Visit

MONTHS, HEIGHT, FOOT, WIDE = 12, 60, 16, 100 / 12


class Bar(NamedTuple):
    """`text`: the rate as everywhere. `share`: None where there is none, then `state` says why."""

    month: str
    share: Fraction | None
    text: str
    more: str
    state: str


class Trend(NamedTuple):
    """`least`: percent at the foot of the bars."""

    bars: list[Bar]
    least: int
    drawn: Any


def trend(visit: Visit, region: Region, kind: str, figures: Figures | Missing) -> Trend | None:
    """Up to the month of the page; None where nothing is known of any of them."""
    level = "province" if not region.parent else "city" if region.place else "county"
    names = [visit.month]
    while len(names) < MONTHS and (begin := month_span(names[-1])[0]) > 0:
        names.append(month_of(begin - 1))
    bars = []
    for name in reversed(names):
        if name == visit.month and isinstance(figures, Figures):
            row, state = figures.row(level, region.code, kind), _state(visit, figures.final and figures.final.number)
        else:
            final = visit.site.shelf.final(name)
            number = None if final is None else final.number
            rows = final.rows if final else ()
            row = next((one for one in rows if (one.level, one.key, one.kind) == (level, region.code, kind)), None)
            state = _state(visit, number) if final else visit.say("无按本办法的定稿", "not final by this policy")
        bars.append(_bar(visit, name, row, state))
    known = [bar.share for bar in bars if bar.share is not None]
    if not known:
        return None
    least = min(90, int(min(known) * 10) * 10)
    return Trend(bars, least, _drawn(bars, least, visit))


def _state(visit: Visit, number: int | None) -> str:
    if number is None:
        return word("provisional", visit.lang)
    return visit.say(f"终稿（第 {number} 次修订）", f"final, revision {number}")


def _bar(visit: Visit, name: str, row: Row | None, state: str) -> Bar:
    if row is None:
        return Bar(name, None, "-", "", state)
    numerator, denominator = readings(row)[visit.site.rule.deciding]
    share = Fraction(numerator, denominator) if denominator else None
    return Bar(name, share, percent(numerator, denominator), f"{numerator}/{denominator}", state)


def _drawn(bars: Sequence[Bar], least: int, visit: Visit) -> Markup:
    title = visit.say(f"近 {MONTHS} 个月，纵轴 {least}% 至 100%", f"{MONTHS} months, from {least} % to 100 %")
    body = Markup("").join(_columns(bars, least))
    return Markup('<svg class="trend" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        HEIGHT + FOOT, title, body
    )


def _columns(bars: Sequence[Bar], least: int) -> Iterator[Markup]:
    """A month without a figure is an empty frame with a question mark, not a bar of no height."""
    for number, bar in enumerate(bars):
        x = number * WIDE
        if bar.share is None:
            yield Markup('<text x="{:.2f}%" y="{}" text-anchor="middle">?</text>').format(x + WIDE / 2, HEIGHT - 6)
        else:
            tall = max(1.0, float((bar.share * 100 - least) / (100 - least)) * HEIGHT)
            yield Markup(
                '<rect x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}" fill="#0b57a4">'
                "<title>{} {}</title></rect>"
            ).format(x + 1, HEIGHT - tall, WIDE - 2, tall, bar.month, bar.text)
        yield Markup('<text x="{:.2f}%" y="{}" text-anchor="middle">{}</text>').format(
            x + WIDE / 2, HEIGHT + FOOT - 3, bar.month[5:]
        )
    yield Markup('<rect x="0" y="0" width="100%" height="{}" fill="none" stroke="#57606a"/>').format(HEIGHT)
