"""Spans as a strip of SVG without a script: each state has a pattern and a letter of its own, not a colour. Pure."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from center.intervals import Span
from center.rate import local
from center.web.lifeline import NAMES, Piece
from contract.text import lasted

Mark = tuple[int, int, str]
"""(begin, end, name)."""

HEIGHT, TICKS, LANE = 26, 16, 10
EDGES = {"picture": "#5b2a86", "planned": "#0b57a4"}
LEAST_LETTER = 3.0
"""Percent of the width from which on a span has room for its letter."""

PATTERNS = Markup(
    '<svg width="0" height="0" class="patterns" aria-hidden="true" focusable="false"><defs>'
    '<pattern id="p-online" width="8" height="8" patternUnits="userSpaceOnUse">'
    '<rect width="8" height="8" fill="#8fd3a8"/></pattern>'
    '<pattern id="p-offline" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#fff"/><rect width="3" height="6" fill="#a40e26"/></pattern>'
    '<pattern id="p-unknown" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect width="6" height="6" fill="#fff4d6"/><circle cx="3" cy="3" r="1.2" fill="#7a4b00"/></pattern>'
    '<pattern id="p-planned" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect width="6" height="6" fill="#e6effa"/><rect width="6" height="1.5" fill="#0b57a4"/></pattern>'
    '<pattern id="p-apart" width="8" height="8" patternUnits="userSpaceOnUse">'
    '<rect width="8" height="8" fill="#fff"/></pattern>'
    '<pattern id="p-picture" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#fff"/><path d="M0 3H6M3 0V6" stroke="#5b2a86" stroke-width="1"/></pattern>'
    "</defs></svg>"
)
"""Once in a page, before its strips."""


def strip(
    found: Sequence[Piece],
    faults: Sequence[Mark],
    span: Span,
    lang: str,
    title: str,
    stops: Sequence[Mark] = (),
) -> Markup:
    """`faults` of the picture, and below them planned `stops`, which reach into what is to come; of all else that
    stays empty. `span`: the whole width.
    """
    lanes = [(name, marks) for name, marks in (("picture", faults), ("planned", stops)) if marks]
    below = HEIGHT + LANE * len(lanes)
    drawn = [one for number, lane in enumerate(lanes) for one in _lane(*lane, span, HEIGHT + 1 + LANE * number)]
    parts = [*_rects(found, span, lang), *drawn, *_ticks(span, below + TICKS - 3)]
    body = Markup("").join(parts)
    return Markup(
        '<svg class="strip" width="100%" height="{}" role="img" aria-label="{}">'
        '<rect x="0" y="0" width="100%" height="{}" fill="none" stroke="#57606a"/>{}</svg>'
    ).format(below + TICKS, title, HEIGHT, body)


def _rects(found: Sequence[Piece], span: Span, lang: str) -> Iterator[Markup]:
    for one in found:
        x, width = _place(one.begin, one.end, span)
        name = NAMES[one.state][lang == "en"]
        words = f"{name} {local(one.begin):%m-%d %H:%M}-{local(one.end):%H:%M} {lasted(one.end - one.begin, lang)}"
        yield Markup(
            '<rect x="{:.3f}%" y="0" width="{:.3f}%" height="{}" fill="url(#p-{})" stroke="#57606a" stroke-width=".5">'
            "<title>{}</title></rect>"
        ).format(x, max(width, 0.1), HEIGHT, one.state, words)
        if width >= LEAST_LETTER:
            letter = NAMES[one.state][2 + (lang == "en")]
            yield Markup(
                '<text x="{:.3f}%" y="{}" text-anchor="middle" paint-order="stroke" stroke="#fff" stroke-width="3">'
                "{}</text>"
            ).format(x + width / 2, HEIGHT - 8, letter)


def _lane(pattern: str, marks: Sequence[Mark], span: Span, y: int) -> Iterator[Markup]:
    for begin, end, name in marks:
        x, width = _place(begin, end, span)
        yield Markup(
            '<rect x="{:.3f}%" y="{}" width="{:.3f}%" height="8" fill="url(#p-{})" stroke="{}" '
            'stroke-width=".5"><title>{}</title></rect>'
        ).format(x, y, max(width, 0.3), pattern, EDGES[pattern], name)


def _ticks(span: Span, y: int) -> Iterator[Markup]:
    """Six parts of the span, each with its hour, or its day where it is longer than two days."""
    days = span[1] - span[0] > 2 * 86_400_000
    for n in range(7):
        at = span[0] + (span[1] - span[0]) * n // 6
        anchor = "start" if n == 0 else "end" if n == 6 else "middle"
        text = f"{local(at):%m-%d}" if days else f"{local(at):%H:%M}"
        yield Markup('<text x="{:.2f}%" y="{}" text-anchor="{}">{}</text>').format(n * 100 / 6, y, anchor, text)


def _place(begin: int, end: int, span: Span) -> tuple[float, float]:
    """Left edge and width in percent."""
    whole = span[1] - span[0]
    begin, end = max(begin, span[0]), min(end, span[1])
    return (begin - span[0]) * 100 / whole, (end - begin) * 100 / whole
