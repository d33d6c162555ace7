"""Checks side by side, their order, the exit code, and how rows are read."""

import threading
import time

import pytest

from agent.doctor import printing
from agent.doctor.rows import AREAS, SIGNS, Area, Check, Result, Row, Tell, exit_code, ordered, side_by_side
from contract.problems import Words, both
from contract.text import columns


def row(result: Result, said: str = "x") -> Row:
    return Row(area=Area.DISK, what=both("here"), result=result, said=both(said))


def test_a_check_that_hangs_holds_no_other() -> None:
    """At its deadline what it told is kept and the rest is unchecked, never wrong; the others are all there."""
    let_go = threading.Event()

    def hangs(tell: Tell) -> None:
        tell(row(Result.FINE, "its first step"))
        let_go.wait()
        tell(row(Result.WRONG, "too late"))

    began = time.monotonic()
    rows = side_by_side(
        [
            Check(Area.BROKER, both("name"), hangs, 0.2),
            Check(Area.DISK, both("disk"), lambda tell: tell(row(Result.FINE)), 60),
        ]
    )
    assert time.monotonic() - began < 30
    assert [(one.area, one.result) for one in rows] == [
        (Area.DISK, Result.FINE),
        (Area.BROKER, Result.UNCHECKED),
        (Area.DISK, Result.FINE),
    ]
    assert rows[1].said.en == "no result within 0 s"
    let_go.set()


def test_a_check_that_breaks_is_unchecked_and_shows_no_message() -> None:
    """What an exception says may be a secret; its kind is told."""

    def breaks(_: Tell) -> None:
        raise ValueError("hunter2")

    (only,) = side_by_side([Check(Area.CLOCK, both(""), breaks, 60)])
    assert (only.result, only.said.en) == (Result.UNCHECKED, "the check itself broke: ValueError")


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([Result.FINE], 0),
        ([Result.FINE, Result.WARNING], 0),
        ([Result.WARNING, Result.UNCHECKED], 2),
        ([Result.UNCHECKED, Result.WRONG], 1),
        ([], 0),
    ],
)
def test_the_exit_code(results: list[Result], code: int) -> None:
    """1: something is wrong; 2: not all could be checked; 0: all right."""
    assert exit_code(map(row, results)) == code


def test_the_worst_comes_first() -> None:
    """Of two that are as bad the one that was told first."""
    told = [
        row(Result.FINE, "a"),
        row(Result.UNCHECKED, "b"),
        row(Result.WRONG, "c"),
        row(Result.FINE, "d"),
        row(Result.WARNING, "e"),
    ]
    assert [one.said.en for one in ordered(told)] == ["c", "e", "b", "a", "d"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_line_is_wider_than_80_columns(lang: str) -> None:
    """In both languages, with the sign at the beginning, the remedy below it, and the sum at the end."""
    long = Words("a certificate that is not from the authority " * 4, "服务器证书不是由配置中的机构签发，" * 6)
    rows = [
        Row(area=Area.BROKER, what=both("mqtt.example.org:8883"), result=Result.WRONG, said=long, todo=long),
        row(Result.FINE),
    ]
    lines = printing.for_people(rows, lang, 80).splitlines()
    assert max(map(columns, lines)) <= 80
    assert lines[0].startswith(f"{SIGNS[Result.WRONG]} ")
    assert lines[-1] == ("1 项有问题，1 项正常" if lang == "zh" else "1 wrong, 1 all right")
    assert any(line.startswith("  -> ") for line in lines)


def test_what_commands_a_terminal_can_be_read() -> None:
    """A camera's words with an escape in them."""
    assert "\x1b" not in printing.for_people([row(Result.WRONG, "\x1b[31mred")], "en", 80)


def test_every_area_has_its_words_and_each_result_its_sign() -> None:
    """No two results look the same."""
    assert set(AREAS) == set(Area)
    assert len(set(SIGNS.values())) == len(Result)
