"""Text from outside, whoever sent it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from center.registry.problems import Findings, Place
from contract.text import escaped, excerpt, printable, tidy

ORDER, TURNED = "\x1b[2J", "\u202e"


@pytest.mark.parametrize(
    ("text", "line", "quoted"),
    [
        ("plain", "plain", "plain"),
        (f"a{ORDER}b", "a [2Jb", "a?[2Jb"),
        (f"a{TURNED}b", "a b", "a?b"),
        ("one\r\ntwo", "one two", "one??two"),
        ("食堂 一层", "食堂 一层", "食堂 一层"),
        ("  a  b ", "a b", "  a  b "),
    ],
)
def test_one_line_without_commands(text: str, line: str, quoted: str) -> None:
    """A line for logs has blanks instead; what is quoted to a person shows that something is there."""
    assert tidy(text) == line
    assert excerpt(text) == quoted


def test_what_is_cut_off_is_seen() -> None:
    """A line is bounded; a quotation says that it is."""
    assert tidy("x" * 1000, 7) == "x" * 7
    assert excerpt("x" * 41) == "x" * 40 + "…"


def test_bytes_are_shown_whole() -> None:
    """What is no text stands there as escapes, so that nothing of an odd message is lost."""
    assert escaped(b"a\xff\x1b\n\xe9\xa3\x9f") == "a\\xff\\x1b\\n食"


@given(st.text(max_size=300))
def test_whatever_comes_is_one_printable_line(text: str) -> None:
    """No text whatever gets a control character, a line end or a bidi mark past any of the ways."""
    for clean in (tidy(text), excerpt(text), printable(text), escaped(text.encode("utf-8", "surrogatepass"))):
        assert clean.isprintable()


def test_a_sheet_gives_a_terminal_no_orders() -> None:
    """A cell is quoted in what is said of it, whatever stands in it."""
    findings = Findings()
    findings.wrong(Place("sheet", 2, "C"), "nowhere", f"北京{ORDER}", "-")
    assert findings.problems[0].words == ("北京?[2J", "-")
