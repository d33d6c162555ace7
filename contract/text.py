"""Text from outside made fit for logs, JSON and terminals: what a camera, a file or a message says goes through here.

A character that is not printable may be a command to a terminal, the end of a line, or a mark that turns the reading
direction round.
"""

from collections.abc import Callable


def printable(text: str, instead: Callable[[str], str] = lambda _: " ") -> str:
    """The text with each character that is not printable made into `instead` of it."""
    return text if text.isprintable() else "".join(c if c.isprintable() else instead(c) for c in text)


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
    return printable(content.decode("utf-8", "backslashreplace"), lambda c: c.encode("unicode_escape").decode())
