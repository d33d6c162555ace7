"""The definitions of the online rate: the worked examples of docs/online-rate.md, and one month under several."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from center.calendar import Entry, windows
from center.cli import main
from center.intervals import Intervals, difference
from center.rate import SHANGHAI, moment_ms, month_span, percent
from center.readings import Definition, share
from center.record import Recorder
from center.store import Store
from center.timeline import Known
from contract.preset import load_preset, presets
from tests.center.letters import T0, anchor, beat, birth, events, letter, moved, register

DOCS = Path(__file__).parents[2] / "docs"
MONTH = month_span("2026-02")
HOUR = 3_600_000


def at(text: str) -> int:
    return moment_ms(f"2026-02-{text}", SHANGHAI)


def between(begin: str, end: str) -> Intervals:
    return ((at(begin), at(end)),)


def around_the_clock() -> tuple[Intervals, Known]:
    assessed = difference((MONTH,), between("20T08:00", "20T10:00"))
    off, silent = between("03T10:55", "03T11:05"), between("10T00:00", "10T06:00")
    return assessed, Known(difference(difference((MONTH,), off), silent), off)


def with_holidays() -> tuple[Intervals, Known]:
    hours = "06:30-19:00"
    calendar = [
        Entry("2025-09-01", "2026-07-10", "12345", hours),
        Entry("2026-02-15", "2026-02-23"),
        Entry("2026-02-14", "2026-02-14", "", hours),
        Entry("2026-02-28", "2026-02-28", "", hours),
    ]
    off = between("10T18:30", "11T07:30")
    return windows("U1", calendar, MONTH), Known(difference((MONTH,), off), off)


EXAMPLES = {"around the clock": around_the_clock, "with holidays": with_holidays}
CHAPTERS = {"around the clock": 1, "with holidays": 2}


def definition(name: str) -> Definition:
    from center.commands.rate import way

    return way(name, "en").definition


def tables(file: str) -> list[list[list[str]]]:
    """The cells of every table, without its head."""
    found = re.findall(r"(?:^\|.*\|\n)+", (DOCS / file).read_text("utf-8"), re.MULTILINE)
    return [[[cell.strip(" `") for cell in line.strip("|").split("|")] for line in t.splitlines()[2:]] for t in found]


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("file", ["online-rate.md", "online-rate.zh-CN.md"])
def test_the_worked_examples(file: str, example: str) -> None:
    """Every definition that is shipped, to the integer, as printed, and whether it passes."""
    assessed, known = EXAMPLES[example]()
    rows = tables(file)[CHAPTERS[example]]
    assert sorted(row[0] for row in rows) == sorted(presets())
    for name, numerator, denominator, printed, passes in rows:
        one = share(definition(name), assessed, known, MONTH)
        assert (one.numerator, one.denominator) == (int(numerator), int(denominator)), name
        assert percent(*one[:2]) == printed, name
        assert one.passes(definition(name)) is (passes in ("yes", "是")), name


def test_what_is_left_out_is_counted() -> None:
    """The six samples of the silent night."""
    assessed, known = around_the_clock()
    assert share(definition("hourly-24"), assessed, known, MONTH) == (663, 664, 6)
    assert share(definition("spot"), assessed, known, MONTH).left_out == 0


@pytest.mark.parametrize("file", ["online-rate.md", "online-rate.zh-CN.md"])
def test_how_a_rate_is_printed(file: str) -> None:
    """The last table."""
    for numerator, denominator, printed in tables(file)[3]:
        assert percent(int(numerator), int(denominator)) == printed


def test_a_pass_is_decided_by_integers() -> None:
    """One in ten thousand million short of all does not pass; exactly the least share does."""
    of = 10_000_000_000
    full, eighty = definition("time"), definition("should-run")
    known = Known(((0, of - 1),), ())
    assert not share(full, ((0, of),), known, (0, of)).passes(full)
    assert share(eighty, ((0, 10),), Known(((0, 8),), ()), (0, 10)).passes(eighty)
    assert not share(eighty, ((0, 10_000),), Known(((0, 7_999),), ()), (0, 10_000)).passes(eighty)
    assert not share(eighty, (), Known(), (0, 10)).passes(eighty)


# ---- one month under several ----------------------------------------------------------------------


@pytest.fixture
def database(url: str) -> str:
    """Two hours of a month: k1 was online for one of them, k2 offline, k3 never heard of."""
    store = Store(url)
    register(store, "k1", "k2", "k3")
    rows = (anchor(1), moved(2, 0, "online"), moved(3, HOUR, "offline"), moved(4, 0, "offline", "k2"))
    hb = letter("hb", beat(2 * HOUR, 4, offline=("k2",)), at=T0 + 2 * HOUR)
    Recorder(store).record([letter("state", birth()), letter("ev", events(*rows)), hb])
    store.close()
    return url


def several(database: str, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    at_two = ("--at", "2026-11-01T02:00:00+08:00", "--database", database)
    english = ("--lang", "en") if code else ()
    assert main([*english, "rate", *at_two, *words]) == code
    told = capsys.readouterr()
    return told.out if code == 0 else told.err


def test_one_month_under_several_definitions(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Side by side, each by its own numerator and denominator; the policy by the reading that decides in it."""
    names = [*presets(), "henan-2021-45"]
    words = [word for name in names for word in ("--policy", name)]
    made = json.loads(several(database, capsys, *words, "--json", "--level", "slot"))
    assert [one["name"] for one in made["policies"]] == names
    told = {name: (one["numerator"], one["denominator"], one["left_out"]) for name, one in made["total"].items()}
    assert told == {
        "time": (HOUR, 6 * HOUR, 0),
        "days": (0, 3, 0),
        "spot": (1, 6, 0),
        "hourly-24": (1, 4, 2),
        "should-run": (HOUR, 6 * HOUR, 0),
        "henan-2021-45": (0, 3, 0),
    }
    rows = {row["key"]: row["readings"] for row in made["rows"]}
    assert rows["zz-0001/k3"]["hourly-24"] | {"text": ""} == {
        "numerator": 0,
        "denominator": 0,
        "text": "",
        "left_out": 2,
        "passes": False,
    }
    total = dict.fromkeys(names, 0)
    for readings in rows.values():
        for name, one in readings.items():
            total[name] += one["denominator"]
    assert total == {name: one["denominator"] for name, one in made["total"].items()}


def test_definitions_as_a_table_and_for_a_spreadsheet(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A column for each, and below it what it counts and whether it passes; in CSV both integers."""
    words = ("--policy", "time", "--policy", "hourly-24")
    out = several(database, capsys, *words, "--lang", "en")
    assert "hourly-24: 25.00% (1/4)  passes at 100%  fails  left out (unknown) 2" in out
    assert "16.67%" in out
    rows = list(csv.DictReader(io.StringIO(several(database, capsys, *words, "--csv", "--lang", "en")[1:])))
    assert [(row["definition"], row["numerator"], row["denominator"]) for row in rows if not row["key"]] == [
        ("time", str(HOUR), str(6 * HOUR)),
        ("hourly-24", "1", "4"),
    ]


def test_the_sums_are_those_of_the_single_reports(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`time` beside others is the same ms as `rate` alone."""
    alone = json.loads(several(database, capsys, "--json"))
    beside = json.loads(several(database, capsys, "--policy", "time", "--policy", "spot", "--json"))
    assert beside["total"]["time"]["numerator"] == alone["total"]["on_ms"]
    assert beside["total"]["time"]["denominator"] == alone["total"]["E_ms"]


# ---- bad input ------------------------------------------------------------------------------------


def preset(tmp_path: Path, old: str, new: str) -> str:
    text = (Path(__file__).parents[2] / "config" / "reading" / "hourly-24.yaml").read_text("utf-8")
    assert old in text
    file = tmp_path / "ours.yaml"
    file.write_text(text.replace(old, new, 1), "utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("unknown:", "unkown:", r"ours.yaml:\d+: unkown: unknown key.*Did you mean unknown\?"),
        ("value: left_out", "value: forgotten", r"ours.yaml:\d+: unknown.value: .*against, left_out"),
        ("value: sample\n", "value: window\n", r"ours.yaml:\d+: counted.value: .*camera_day, ms, sample"),
        ("id: hourly-24", "id: hourly-24\nrollup: mean", r"ours.yaml:\d+: rollup: unknown key.*Known keys"),
        ("base: henan-2021-45", "base: mars", r"ours.yaml: base: no policy named 'mars'; shipped: henan-2021-45"),
    ],
)
def test_a_key_that_is_not_known_is_refused_with_its_place(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    """What this version does not compute is never ignored in silence: file, line, and what it may have been."""
    file = preset(tmp_path, old, new)
    told = several(database, capsys, "--policy", file, "--lang", "en", code=2)
    assert re.search(said, told, re.DOTALL), told


def test_a_file_of_ones_own_is_a_definition(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With another number of samples; two of one name are refused, as is a file that is not there."""
    file = preset(tmp_path, "value: 24\n", "value: 48\n")
    made: dict[str, Any] = json.loads(several(database, capsys, "--policy", file, "--json"))
    assert made["total"]["hourly-24"]["denominator"] == 8
    assert "several are called hourly-24" in several(
        database, capsys, "--policy", file, "--policy", "hourly-24", code=2
    )
    assert "there is no such file" in several(database, capsys, "--policy", str(tmp_path / "none.yaml"), code=2)


def test_shipped_definitions_bear_their_name() -> None:
    """`id` is the file's name, and every one says what it is built on and where it comes from."""
    for name in presets():
        one = load_preset(name)
        assert (one.id, one.base) == (name, "henan-2021-45")
        assert one.document
