"""XML as some cameras write it, made into XML that a strict parser reads: nothing that stands in it is dropped. Pure.

What a parser's own recovery does instead loses text: of `a=1&b=2` it keeps `a=1=2`. What the text means must not be
known here.
"""

import re

_APART = re.compile(r"(<!\[CDATA\[.*?\]\]>|<!--.*?-->)", re.DOTALL)
"""In these an ampersand is one, and a `<` too."""
_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
"""Bare, or the begin of an entity that XML does not know (&nbsp;)."""
_REFERENCE = re.compile(r"&#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}));")
_LESS = re.compile(r"<(?![A-Za-z_/!?\u0080-\U0010ffff])")
"""No tag begins with what follows."""
_NO_CHARACTER = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, production 2."""


def mended(text: str) -> str:
    """The text with bare ampersands and angle brackets escaped, and characters that XML forbids made into blanks."""
    parts = _APART.split(_NO_CHARACTER.sub(" ", text))
    return "".join(part if n % 2 else _escaped(part) for n, part in enumerate(parts))


def _escaped(text: str) -> str:
    return _LESS.sub("&lt;", _AMPERSAND.sub("&amp;", _REFERENCE.sub(_legal, text)))


def _legal(reference: re.Match[str]) -> str:
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    return " " if number > 0x10FFFF or _NO_CHARACTER.fullmatch(chr(number)) else reference[0]
