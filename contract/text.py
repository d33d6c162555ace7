"""Text from outside made fit for logs, JSON and terminals: what a camera, a file or a message says goes through here.

A character that is not printable may be a command to a terminal, the end of a line, or a mark that turns the reading
direction round.
"""

import re
from collections.abc import Callable, Iterable

COMPUTED = tuple("=+-@＝＋－＠")
"""What begins so a spreadsheet computes; some take the wide forms for the narrow ones."""


def printable(text: str, instead: Callable[[str], str] = lambda _: " ") -> str:
    """The text with each character that is not printable made into `instead` of it."""
    return text if text.isprintable() else "".join(c if c.isprintable() else instead(c) for c in text)


def visible(text: str) -> str:
    """The text, whole; what is not printable can be read as escapes. For what a person typed or named."""
    return printable(text, lambda c: c.encode("unicode_escape").decode())


def tidy(text: str, limit: int = 200) -> str:
    """One bounded line, blanks in a row made one."""
    if len(text) <= limit and text.isprintable() and " " not in text:
        return text  # most are so
    return " ".join(printable(text[: 4 * limit]).split())[:limit]


def excerpt(text: str, limit: int = 40) -> str:
    """The begin of a value, as it is quoted to a person who has to find it: what is odd or cut off can be seen."""
    return printable(text[:limit], lambda _: "?") + ("…" if len(text) > limit else "")


def escaped(content: bytes) -> str:
    """Bytes as text, whole: what is no printable text can be read as escapes."""
    return visible(content.decode("utf-8", "backslashreplace"))


def lines(text: str, width: int) -> Iterable[str]:
    """Broken by the width of characters: Chinese ones are two wide, and a line may end after any of them.

    A word of others is broken only where it is longer than a line.
    """
    line, cells = "", 0
    for part in (piece for word in words(text) for piece in _pieces(word, width)):
        wide = columns(part)
        if cells + wide > width and line:
            yield line.rstrip()
            line, cells = "", 0
            if part == " ":
                continue
        line, cells = line + part, cells + wide
    yield line.rstrip()


def words(text: str) -> list[str]:
    """What a line is broken between; what ends a clause in Chinese stays where that ends."""
    return re.findall(r"(?:[!-~]+|.)[，。；：、！？）”]*", text)


def _pieces(word: str, width: int) -> Iterable[str]:
    return (word[at : at + width] for at in range(0, len(word), max(1, width)))


def columns(text: str) -> int:
    """How wide it is on a terminal."""
    import unicodedata  # a large table, for people alone: the daemon never asks for it

    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def lasted(ms: int, lang: str) -> str:
    """A length of time for people: its two largest units, never rounded up."""
    minutes = max(0, ms) // 60_000
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if lang == "zh":
        parts = (f"{days}天{hours}小时", f"{hours}小时{minutes}分", f"{minutes}分")
    else:
        parts = (f"{days} d {hours} h", f"{hours} h {minutes} min", f"{minutes} min")
    return parts[0] if days else parts[1] if hours else parts[2]
