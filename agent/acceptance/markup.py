"""HTML by construction: whatever is not Html is escaped, so that no text of a camera can become markup."""

from collections.abc import Sequence
from html import escape

from contract.text import tidy


class Html(str):
    """Text that is HTML already; only this module makes it out of other text."""

    __slots__ = ()


_VOID = frozenset({"meta", "img"})


def tag(name: str, /, *content: str, **attributes: str) -> Html:
    """An element; plain text in it is escaped. A keyword's trailing "_" is dropped, an inner one becomes "-"."""
    pairs = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{pairs}>") if name in _VOID else Html(f"<{name}{pairs}>{join(*content)}</{name}>")


def join(*content: str) -> Html:
    """Parts one after another; plain text among them is escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in content))


def between(separator: str, parts: Sequence[str]) -> list[str]:
    """The parts with a separator between each two."""
    return [piece for part in parts for piece in (separator, part)][1:]


def rows(name: str, *cells: str) -> Html:
    """One element around each cell."""
    return join(*(tag(name, cell) for cell in cells))


def foreign(text: str) -> Html:
    """Text that may hold a camera's words: one bounded line, whose direction of writing leaves the rest alone."""
    return tag("bdi", tidy(text, 1000))


def style(css: str) -> Html:
    """Our own style sheet: HTML does not unescape inside it."""
    return Html(f"<style>{css}</style>")
