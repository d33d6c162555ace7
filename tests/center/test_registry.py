import re
import threading
from pathlib import Path

import pytest

from center.rate import Figures, Rules, local, month_span
from center.registry import Problem, Unfit, lines, read, take_over
from center.report import When, report
from center.show import TEXTS, word
from center.store import Store
from tests.postgres import Postgres

HEAD = "city,county,unit,kind,zone,slot,gateway,accepted_at"
ROW = "4101,金水区,第一小学,学校食堂,灶台,kitchen-1,zz-0001,2026-09-01T08:00:00+08:00"


def csv(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *rows, "")).encode()


def problems(data: bytes) -> list[tuple[int, str]]:
    with pytest.raises(Unfit) as caught:
        read(data)
    return [(problem.line, said(problem)) for problem in caught.value.problems]


def said(problem: Problem) -> str:
    return word(problem.name, "en", *problem.words)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "center.db"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_of_spreadsheets_are_read(encoding: str) -> None:
    """UTF-8 with and without BOM and GB 18030 give the same slots; CRLF and blank rows do no harm."""
    text = f"{HEAD}\r\n{ROW}\r\n,,,,,,,\r\n\r\n"
    ((_, slot),) = read(text.encode(encoding))
    assert (slot.county, slot.unit, slot.kind, slot.zone) == ("金水区", "第一小学", "canteen", "灶台")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-09-01T00:00:00Z", "2026-09-01T08:00:00+08:00"),
        ("2026-09-01T08:00:00+08:00", "2026-09-01T08:00:00+08:00"),
        ("2026-09-01 08:00", "2026-09-01T08:00:00+08:00"),
        ("2026-09-01", "2026-09-01T00:00:00+08:00"),
        ("2026/9/1", "2026-09-01T00:00:00+08:00"),
        ("2026/9/1 8:05", "2026-09-01T08:05:00+08:00"),
    ],
)
def test_times_without_an_offset_are_those_of_shanghai(text: str, wanted: str) -> None:
    """ISO 8601 and a spreadsheet's slashes; an offset is kept, none means +08:00."""
    ((_, slot),) = read(csv(ROW.rpartition(",")[0] + "," + text))
    assert local(slot.accepted_ms).isoformat() == wanted


@pytest.mark.parametrize("text", ["9999-12-31T23:00:00-08:00", "2100/1/2", "0001-01-01", "1969-12-31", "2026/13/1"])
def test_times_that_nobody_means_are_refused(text: str) -> None:
    """Before 1970, from 2100 on, or no day at all."""
    ((_, said),) = problems(csv(ROW.rpartition(",")[0] + "," + text))
    assert said.startswith(f"accepted_at '{text}' is not a time such as ")


def test_all_errors_at_once_with_their_lines() -> None:
    """Every problem of every row is named, in the order of the file."""
    rows = (
        ROW,
        "41,金水区,第一小学,食堂,灶台,kit chen,ZZ,tomorrow",
        ROW,
        "4101,,第一小学,caterer,灶台,k2,zz-0001,2026-09-01",
        "4102,中牟,二小,caterer,灶台,k3,zz-0001,2026-09-01",
        "4101,too,few",
    )
    assert problems(csv(*rows)) == [
        (3, "city '41' does not match ^[0-9]{4}$"),
        (3, "gateway 'ZZ' does not match ^[a-z0-9-]{3,40}$"),
        (3, "slot 'kit chen' does not match ^[A-Za-z0-9._-]{1,64}$"),
        (3, "kind '食堂' is none of canteen, caterer, 学校食堂, 校外供餐单位"),
        (3, "accepted_at 'tomorrow' is not a time such as 2026-09-01T08:00:00+08:00 or 2026-09-01 08:00"),
        (4, "gateway zz-0001: slot kitchen-1 stands in line 2 already"),
        (5, "county must be 1 to 200 printable characters"),
        (6, "gateway zz-0001 is in city 4102 here and in 4101 above, or as registered"),
        (7, "3 fields instead of 8"),
    ]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (csv(ROW, head=HEAD.replace("zone", "zon")), [(1, "column zone is missing"), (1, "unknown column 'zon'")]),
        (b"", [(1, f"column {name} is missing") for name in sorted(HEAD.split(","))]),
        (b"\xff\xff\xff", [(0, "neither UTF-8 nor GB 18030")]),
        (
            csv(ROW).replace("灶台".encode(), "灶台".encode()[:-1]),
            [(2, "a damaged character: the file is UTF-8 up to here")],
        ),
        (csv('"open'), [(2, "not a CSV: unexpected end of data")]),
        (csv(ROW + ",2026-08-01", head=HEAD + ",ended_at"), [(2, "ended_at lies before accepted_at")]),
    ],
)
def test_what_is_no_registry_is_refused(data: bytes, wanted: list[tuple[int, str]]) -> None:
    """A wrong header, encoding or quoting is named, not guessed at."""
    assert sorted(problems(data)) == wanted


def test_each_problem_is_told_in_both_languages() -> None:
    """With the same words in it, whatever their order."""
    for name, texts in TEXTS.items():
        chinese, english = (sorted(re.findall(r"{[0-9]?}", text)) for text in texts)
        assert set(chinese) == set(english), name


def test_importing_again_changes_nothing(store: Store) -> None:
    """The same file twice adds once; a changed field is a change and is told."""
    first = take_over(store, csv(ROW), "f.csv", 1)
    assert (len(first.added), len(first.changed), first.unchanged) == (1, 0, 0)
    again = take_over(store, csv(ROW), "f.csv", 2)
    assert (len(again.added), len(again.changed), again.unchanged) == (0, 0, 1)
    moved = take_over(store, csv(ROW.replace("灶台", "洗消间")), "f.csv", 3)
    assert list(lines(moved)) == ["~ zz-0001/kitchen-1  zone: 灶台 -> 洗消间"]


def test_an_unfit_file_changes_nothing(store: Store) -> None:
    """One bad row, and none of the good ones is taken over; nor is a gateway that is registered in another city."""
    for bad in (csv(ROW, "x" * 9), csv(ROW.replace("4101", "4102"))):
        take_over(store, csv(ROW.replace("kitchen-1", "k0")), "f.csv", 1)
        with pytest.raises(Unfit):
            take_over(store, bad, "f.csv", 2)
        with store.read() as reader:
            assert [slot.slot for slot in reader.slots()] == ["k0"]
            assert reader.registry_version() == 1


def test_slots_not_in_the_file_stay_and_an_end_is_an_act(store: Store) -> None:
    """A file of one county ends nothing elsewhere; ended_at ends a slot, a later file without it revives nothing."""
    take_over(store, csv(ROW, ROW.replace("kitchen-1", "k2")), "f.csv", 1)
    assert take_over(store, csv(ROW), "f.csv", 2).absent == 1
    ended = take_over(store, csv(ROW + ",2026-10-01", head=HEAD + ",ended_at"), "f.csv", 3)
    assert [slot.slot for slot in ended.ended] == ["kitchen-1"]
    assert take_over(store, csv(ROW), "f.csv", 4).unchanged == 1


# ---- positions that end, come again and move ----------------------------------------------------

ENDED = HEAD + ",ended_at"


def figures(store: Store, month: str) -> dict[str, Figures]:
    """By county, and "" for all of them."""
    span = month_span(month)
    with store.read() as reader:
        made = report(reader, When(month, span, span[1], live=False), "county", Rules())
    return {row.key: row.figures for row in (*made.rows, made.total)}


def test_a_position_that_comes_again_keeps_its_past(store: Store) -> None:
    """In service in September, not in October, and again from the middle of November: each month as it was."""
    again = ROW.replace("2026-09-01T08:00:00+08:00", "2026-11-16")
    take_over(store, csv(ROW + ",2026-10-01", head=ENDED), "f.csv", 1)
    september = figures(store, "2026-09")
    diff = take_over(store, csv(again), "f.csv", 2)
    assert (len(diff.added), len(diff.changed), diff.absent) == (1, 0, 1)
    assert figures(store, "2026-09") == september
    assert figures(store, "2026-10")[""].assessed == 0
    assert figures(store, "2026-11")[""] == Figures(slots=1, assessed=15 * 86_400_000)


def test_a_canteen_that_moves_keeps_its_past(store: Store) -> None:
    """Ended in one county, registered anew in another from then on: what was there stays there."""
    moved = ROW.replace("金水区", "二七区").replace("2026-09-01T08:00:00+08:00", "2026-11-16")
    take_over(store, csv(ROW), "f.csv", 1)
    october = figures(store, "2026-10")
    take_over(store, csv(ROW + ",2026-11-16", moved + ",", head=ENDED), "f.csv", 2)
    assert figures(store, "2026-10") == october
    november = figures(store, "2026-11")
    assert {key: f.assessed // 86_400_000 for key, f in november.items()} == {
        "4101/金水区": 15,
        "4101/二七区": 15,
        "": 30,
    }
    assert take_over(store, csv(moved), "f.csv", 3).unchanged == 1


def test_the_past_is_not_moved_by_the_way(store: Store) -> None:
    """Another county for the same time of service is refused with both ways out; --correct says that it was wrong."""
    take_over(store, csv(ROW), "f.csv", 1)
    wrong = csv(ROW.replace("kitchen-1", "k2"), ROW.replace("金水区", "二七区"))
    with pytest.raises(Unfit) as caught:
        take_over(store, wrong, "f.csv", 2)
    (problem,) = caught.value.problems
    assert (problem.line, said(problem).split(",")[0]) == (3, "county 金水区 is registered")
    assert list(figures(store, "2026-10")) == ["4101/金水区", ""]
    corrected = take_over(store, wrong, "f.csv", 3, correct=True)
    assert list(lines(corrected))[1] == "~ zz-0001/kitchen-1  county: 金水区 -> 二七区"
    assert list(figures(store, "2026-10")) == ["4101/二七区", "4101/金水区", ""]


def test_nothing_is_in_service_twice_at_a_time(store: Store) -> None:
    """A later acceptance of what has not ended is refused; a wrong one is ended at its own beginning and begun anew."""
    take_over(store, csv(ROW), "f.csv", 1)
    later = ROW.replace("2026-09-01T08:00:00+08:00", "2026-09-10")
    for bad, line in ((csv(later), 2), (csv(ROW + ",2026-09-11", later + ",", head=ENDED), 3)):
        with pytest.raises(Unfit) as caught:
            take_over(store, bad, "f.csv", 2)
        (problem,) = caught.value.problems
        assert problem.line == line
        since = "2026-09-01T08:00:00+08:00"
        assert said(problem).startswith(f"gateway zz-0001: slot kitchen-1 is in service since {since}: give that row")
    take_over(store, csv(ROW + ",2026-09-01T08:00:00+08:00", later + ",", head=ENDED), "f.csv", 3)
    assert figures(store, "2026-09")[""] == Figures(slots=1, assessed=21 * 86_400_000)


def test_two_imports_at_once_are_one_after_the_other(postgres: Postgres) -> None:
    """The one that began first is over before the next one reads: its number is lower, and nothing is passed over."""
    store = Store(postgres.create())
    second = threading.Thread(target=take_over, args=(store, csv(ROW.replace("zz-0001", "zz-0002")), "g.csv", 2))
    with store.write() as tx:
        tx.change_registry()
        second.start()
        second.join(0.5)
        assert second.is_alive()
        assert tx.add_import(1, "f.csv", "", (0, 0, 0)) == 1
    second.join(10)
    with store.read() as reader:
        assert reader.registry_version() == 2
    store.close()
