"""Taking a registry over: what is added, changed, ended, refused, and what a past month says afterwards."""

import io
import threading
from pathlib import Path

import openpyxl
import pytest

from center.cli import main
from center.model import Bound
from center.rate import Figures, Rules, month_span
from center.record import Recorder
from center.registry.problems import Unfit
from center.registry.taking_over import File, Order, Summary, take_over
from center.registry.words import said
from center.report import When, report
from center.store import Absent, Store
from contract.policy import load_policy
from contract.regions import load_regions
from tests.center.letters import T0, anchor, beat, events, letter, moved
from tests.support.postgres import Postgres
from tests.support.waiting import PATIENCE_S

FLAT = "city,county,unit,kind,zone,slot,gateway,accepted_at"
ENDED = FLAT + ",ended_at"
ROW = "4101,金水区,第一小学,学校食堂,灶台,kitchen-1,zz-0001,2026-09-01T08:00:00+08:00"
DAY, HOUR = 86_400_000, 3_600_000
POLICY, HENAN = load_policy("henan-2021-45"), load_regions("henan")


def csv(*rows: str, head: str = FLAT) -> bytes:
    return "\n".join((head, *rows, "")).encode()


def order(*, correct: bool = False, keep: bool = True) -> Order:
    return Order("王芳", 1_793_462_400_000, POLICY, HENAN, correct, keep)


def take(store: Store, *sheets: bytes, correct: bool = False, keep: bool = True) -> Summary:
    files = [File(f"{i}.csv", io.BytesIO(sheet)) for i, sheet in enumerate(sheets)]
    return take_over(store, files, order(correct=correct, keep=keep))


def refused(store: Store, *sheets: bytes, correct: bool = False) -> list[str]:
    with pytest.raises(Unfit) as caught:
        take(store, *sheets, correct=correct)
    return [said(problem, "en") for problem in caught.value.problems]


@pytest.fixture
def store(url: str) -> Store:
    return Store(url)


def figures(store: Store, month: str, level: str = "county") -> dict[str, Figures]:
    """By row, and "" for all of them."""
    span = month_span(month)
    with store.read() as reader:
        made = report(reader, When(month, span, span[1], live=False), level, Rules())
    return {row.key: row.figures for row in (*made.rows, made.total)}


# ---- the flat registry of the first version ------------------------------------------------------


def test_importing_again_changes_nothing(store: Store) -> None:
    """The same file twice adds once; a changed field is a change, told with what it was."""
    first = take(store, csv(ROW))
    assert {name: counts.added for name, counts in first.counts.items() if name != "regions"} == {
        "units": 1,
        "gateways": 1,
        "positions": 1,
        "bindings": 1,
    }
    again = take(store, csv(ROW)).total
    assert (again.added, again.changed) == (0, 0)
    (changed,) = take(store, csv(ROW.replace("灶台", "洗消间"))).changed["positions"]
    assert (changed.before["zone"], changed.after["zone"], changed.line) == ("灶台", "洗消间", 2)


def test_an_unfit_file_changes_nothing(store: Store) -> None:
    """One bad row, and none of the good ones is taken over; nor is a gateway that is registered in another city."""
    take(store, csv(ROW.replace("kitchen-1", "k0")))
    for bad in (csv(ROW, "x" * 9), csv(ROW.replace("4101", "4102").replace("金水区", "龙亭区"))):
        refused(store, bad)
        with store.read() as reader:
            assert [position.position for position in reader.positions()] == ["zz-0001/k0"]
            assert reader.registry_version() == 1


def test_a_dry_run_says_the_same_and_keeps_nothing(store: Store) -> None:
    """`check` counts what an import would do, the problems of the whole included, and leaves all as it was."""
    dry = take(store, csv(ROW), keep=False)
    with store.read() as reader:
        assert (reader.registry_version(), reader.positions(), reader.regions()) == (0, [], [])
    assert take(store, csv(ROW)).counts == dry.counts


def test_positions_not_in_the_file_stay_and_an_end_is_an_act(store: Store) -> None:
    """A file of one county ends nothing elsewhere; ended_at ends a position, and a file without it revives nothing."""
    take(store, csv(ROW, ROW.replace("kitchen-1", "k2")))
    assert take(store, csv(ROW)).counts["positions"].absent == 1
    assert take(store, csv(ROW + ",2026-10-01", head=ENDED)).counts["positions"].ended == 1
    assert take(store, csv(ROW)).counts["positions"].unchanged == 1


def test_a_position_that_comes_again_keeps_its_past(store: Store) -> None:
    """In service in September, not in October, and again from the middle of November: each month as it was."""
    take(store, csv(ROW + ",2026-10-01", head=ENDED))
    september = figures(store, "2026-09")
    take(store, csv(ROW.replace("2026-09-01T08:00:00+08:00", "2026-11-16")))
    assert figures(store, "2026-09") == september
    assert figures(store, "2026-10")[""].assessed == 0
    assert figures(store, "2026-11")[""] == Figures(slots=1, assessed=15 * DAY)


def test_a_canteen_that_moves_keeps_its_past(store: Store) -> None:
    """Ended in one county, registered anew in another: what was there stays there, and the whole counts it once."""
    moved = ROW.replace("金水区", "二七区").replace("2026-09-01T08:00:00+08:00", "2026-11-16")
    take(store, csv(ROW))
    october = figures(store, "2026-10")
    take(store, csv(ROW + ",2026-11-16", moved + ",", head=ENDED))
    assert figures(store, "2026-10") == october
    november = figures(store, "2026-11")
    assert {key: f.assessed // DAY for key, f in november.items()} == {"410103": 15, "410105": 15, "": 30}
    assert {key: f.slots for key, f in november.items()} == {"410103": 1, "410105": 1, "": 1}


def test_the_past_is_not_moved_by_the_way(store: Store) -> None:
    """Another county for the same time of service is refused with both ways out; --correct says that it was wrong."""
    take(store, csv(ROW))
    wrong = csv(ROW.replace("kitchen-1", "k2"), ROW.replace("金水区", "二七区"))
    (told,) = refused(store, wrong)
    assert told.startswith("line 3: zz-0001/kitchen-1: unit 4101/410105/第一小学/canteen is registered, 4101/410103/")
    assert list(figures(store, "2026-10")) == ["410105", ""]
    take(store, wrong, correct=True)
    assert list(figures(store, "2026-10")) == ["410103", "410105", ""]


def test_nothing_is_in_service_twice_at_a_time(store: Store) -> None:
    """A later acceptance of what has not ended is refused; a wrong one is ended at its own beginning and begun anew."""
    take(store, csv(ROW))
    later = ROW.replace("2026-09-01T08:00:00+08:00", "2026-09-10")
    for bad, line in ((csv(later), 2), (csv(ROW + ",2026-09-11", later + ",", head=ENDED), 3)):
        (told,) = refused(store, bad)
        assert told.startswith(f"line {line}: position zz-0001/kitchen-1 is in service since 2026-09-01 08:00: give")
    take(store, csv(ROW + ",2026-09-01T08:00:00+08:00", later + ",", head=ENDED))
    assert figures(store, "2026-09")[""] == Figures(slots=1, assessed=21 * DAY)


def test_two_imports_at_once_are_one_after_the_other(postgres: Postgres) -> None:
    """The one that began first is over before the next one reads: its number is lower, and nothing is passed over."""
    store = Store(postgres.create())
    second = threading.Thread(target=take, args=(store, csv(ROW.replace("zz-0001", "zz-0002"))))
    with store.registrar() as registrar, registrar.writing():
        second.start()
        second.join(1)
        assert second.is_alive()
    second.join(PATIENCE_S)
    with store.read() as reader:
        assert reader.registry_version() == 1
    store.close()


# ---- units, positions and where they are heard ---------------------------------------------------

UNITS = (
    "单位编号,单位名称,区划代码,类别,必设部位,食品安全联系人,联系电话\n"
    "U1,第一小学,410105,学校食堂,烹饪间、洗消间,王芳,0371-66000000\n"
)
POSITIONS = "点位编号,单位编号,部位,启用时间,停用时间,网关编号,通道,接入时间\n"
P1 = "P1,U1,烹饪间,2026-09-01,,zz-0001,k1,\n"


def bounds(store: Store) -> dict[str, tuple[Bound, ...]]:
    with store.read() as reader:
        return {position.position: position.bounds for position in reader.positions()}


def test_a_position_has_an_id_of_its_own_and_its_gateway_a_city(store: Store) -> None:
    """Units and positions from two files at once; a gateway that nobody gave a city is addressed in its unit's."""
    lankao = UNITS.replace("410105", "兰考县").replace("U1", "U2").partition("\n")[2]
    take(store, (UNITS + lankao).encode(), (POSITIONS + P1 + "P2,U2,烹饪间,2026-09-01,,lk-0001,k1,\n").encode())
    with store.read() as reader:
        assert reader.addresses() == {"zz-0001": "4101", "lk-0001": "4190"}
        assert [p.pieces[0].region for p in reader.positions()] == ["410225", "410105"]
    assert list(figures(store, "2026-10", "city")) == ["4101", "410225", ""]


def test_a_box_that_is_replaced_makes_no_new_position(store: Store) -> None:
    """With the time since when, the old box keeps what it told before; without it the file is refused, not guessed."""
    take(store, UNITS.encode(), (POSITIONS + P1).encode())
    replaced = P1.replace("zz-0001,k1,", "zz-0009,cam-3,")
    (told,) = refused(store, (POSITIONS + replaced).encode())
    assert told.startswith("line 2: position P1 is heard at gateway zz-0001, slot k1: if that was replaced")
    take(store, (POSITIONS + replaced.replace("cam-3,", "cam-3,2026-10-05 09:00")).encode())
    (old, new) = bounds(store)["P1"]
    assert (old.gateway, old.slot, new.gateway, new.slot, old.until_ms) == (
        "zz-0001",
        "k1",
        "zz-0009",
        "cam-3",
        new.since_ms,
    )
    assert take(store, (POSITIONS + replaced).encode()).total.changed == 0


def test_one_slot_of_a_gateway_tells_of_one_position_at_a_time(store: Store) -> None:
    """Two positions in service on it at once are refused; one after the other is a position that was given up."""
    take(store, UNITS.encode(), (POSITIONS + P1).encode())
    second = P1.replace("P1", "P2").replace("2026-09-01", "2026-10-01")
    (told,) = refused(store, (POSITIONS + second).encode())
    assert told.startswith(
        "line 2: gateway zz-0001, slot k1 is bound to positions P1 and P2 at once since 2026-10-01 00:00"
    )
    take(store, (POSITIONS + P1.replace("2026-09-01,,", "2026-09-01,2026-10-01,") + second).encode())


def test_a_unit_that_moves_takes_its_positions_along(store: Store) -> None:
    """One row more with its time: before it the old county counts them, from it on the new one, each ms once."""
    take(store, UNITS.encode(), (POSITIONS + P1).encode())
    moved = "unit,name,region,kind,since\nU1,第一小学,410103,canteen,2026-10-11\n"
    take(store, moved.encode())
    october = figures(store, "2026-10")
    assert {key: f.assessed // DAY for key, f in october.items()} == {"410103": 21, "410105": 10, "": 31}
    assert october[""].slots == 1


def test_what_a_row_names_must_be_registered(store: Store) -> None:
    """A position of no unit, a binding of no position: refused with the id, whatever else is in the file."""
    assert refused(store, (POSITIONS + P1).encode()) == [
        "line 2: there is no unit U1: register it in the sheet units",
    ]
    binding = b"position,since,gateway,slot\nP9,2026-09-01,zz-0001,k1\n"
    assert refused(store, UNITS.encode(), binding) == ["line 2: there is no position P9"]


def test_a_gateway_that_is_revoked_is_heard_no_more(store: Store) -> None:
    """From that time on what comes under its name is set aside with the reason; what came before counts."""
    take(store, UNITS.encode(), (POSITIONS + P1).encode())
    take(store, b"gateway,city,revoked_at\nzz-0001,4101,2026-11-02\n")
    recorder = Recorder(store)
    recorder.record(
        [letter("ev", events(anchor(1), moved(2, 0, "online")), T0), letter("hb", beat(HOUR, 2), T0 + HOUR)]
    )
    recorder.record([letter("ev", events(moved(3, 25 * HOUR, "offline")), T0 + 25 * HOUR)])
    with store.read() as reader:
        assert [one.reason for one in reader.aside()] == ["gateway revoked"]
        assert reader.count_held([("zz-0001", "j1", 1, 3)]) == [2]


# ---- exclusions and calendars --------------------------------------------------------------------

OUT = "position,unit,from,to,cause,reason,requested_by,approved_by,approved_at,evidence\n"


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (
            ["P1,,2026-10-05,2026-10-06,planned,检修,王芳,李明,2026-10-05 08:00,"],
            "a planned exclusion is approved before",
        ),
        (
            ["P1,,2026-10-05,2026-10-06,不可抗力,停电,王芳,李明,2026-10-09,"],
            "force majeure is confirmed within 72 hours",
        ),
        (
            ["P1,,2026-10-05,2026-10-06 00:01,计划,检修,王芳,李明,2026-10-01,"],
            "excluded for 24.02 hours in 2026-10, the cap",
        ),
        (
            [
                "P1,,2026-10-05 00:00,2026-10-05 03:00,计划,检修,王芳,李明,2026-10-01,",
                "P1,,2026-10-05 02:00,2026-10-05 04:00,计划,检修,王芳,李明,2026-10-01,",
            ],
            "is excluded from 2026-10-05 00:00 to 2026-10-05 03:00 already",
        ),
        (["P9,,2026-10-05,2026-10-06,计划,检修,王芳,李明,2026-10-01,"], "there is no position P9"),
        ([",U9,2026-10-05,2026-10-06,计划,检修,王芳,李明,2026-10-01,"], "unit U9 has no position in service then"),
        ([",,2026-10-05,2026-10-06,计划,检修,王芳,李明,2026-10-01,"], "give a position or a unit, not both"),
        (["P1,,2026-10-06,2026-10-05,计划,检修,王芳,李明,2026-10-01,"], "the end lies before the beginning"),
        (["P1,,2026-10-05,2026-10-06,计划,检修,王芳,,2026-10-01,"], "批准人 (approved_by) is empty"),
    ],
)
def test_an_exclusion_is_approved_in_time_within_its_cap_and_once(store: Store, rows: list[str], wanted: str) -> None:
    """Who approved it, when, why: what is missing, late, above the cap or over another is refused with its line."""
    take(store, UNITS.encode(), (POSITIONS + P1).encode())
    told = refused(store, (OUT + "\n".join(rows) + "\n").encode())
    assert wanted in told[0]
    assert told[0].startswith(f"line {len(rows) + 1}")


def test_an_exclusion_of_a_unit_is_left_out_of_each_of_its_positions(store: Store) -> None:
    """E shrinks by it and by nothing else; withdrawn (its end set to its beginning) it is as if it had not been."""
    take(store, UNITS.encode(), (POSITIONS + P1 + P1.replace("P1", "P2").replace("k1", "k2")).encode())
    row = ",U1,2026-10-05,{},计划,检修,王芳,李明,2026-10-01,豫市监〔2026〕9号\n"
    take(store, (OUT + row.format("2026-10-05 10:00")).encode())
    assert figures(store, "2026-10")[""].assessed == 2 * (31 * DAY - 10 * 3_600_000)
    take(store, (OUT + row.format("2026-10-05")).encode())
    assert figures(store, "2026-10")[""].assessed == 2 * 31 * DAY


def test_every_change_is_on_record_with_its_person(store: Store) -> None:
    """Who, when, from which file, what it was, what it is: of every row that an import touched."""
    take(store, csv(ROW))
    take(store, csv(ROW.replace("灶台", "洗消间")))
    with store.read() as reader:
        new, first = reader.audit("zz-0001/kitchen-1", 3)[:2]
    assert (new.person, new.sheet, new.source) == ("王芳", "positions", "0.csv")
    assert '"灶台"' in new.before
    assert '"洗消间"' in new.after
    assert first.before == ""


# ---- on the command line -------------------------------------------------------------------------


def test_check_import_export_and_import_again(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is exported, as workbook or as CSV, is the registry: imported again it changes nothing."""
    sheet = tmp_path / "registry.csv"
    sheet.write_bytes(csv(ROW))
    where = ("--database", url, "--lang", "en")
    assert main(["registry", "check", str(sheet), *where]) == 0
    assert "checked only, nothing was changed" in capsys.readouterr().out
    assert main(["registry", "import", str(sheet), *where, "--by", "王芳"]) == 0
    assert "positions: added 1  changed 0" in capsys.readouterr().out
    book, folder = tmp_path / "out.xlsx", tmp_path / "out"
    for out in (book, folder):
        assert main(["registry", "export", str(out), *where]) == 0
    for again in ([book], sorted(folder.iterdir()), [folder]):
        assert main(["registry", "import", *map(str, again), *where]) == 0
        assert "added 1" not in capsys.readouterr().out
    assert main(["registry", "log", *where, "--json", "--id", "zz-0001/kitchen-1"]) == 0
    assert '"person": "王芳"' in capsys.readouterr().out


def test_a_file_with_a_header_alone_is_told(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is taken from it, and a person hears so."""
    sheet = tmp_path / "registry.csv"
    sheet.write_bytes(csv())
    assert main(["registry", "import", str(sheet), "--database", url, "--lang", "en"]) == 0
    assert "registry.csv”: the file has no rows below its header" in capsys.readouterr().err


def test_a_check_makes_no_database(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is none it says what an import into an empty one would do, and there is none afterwards."""
    sheet = tmp_path / "registry.csv"
    sheet.write_bytes(csv(ROW))
    assert main(["registry", "check", str(sheet), "--database", url, "--lang", "en"]) == 0
    assert "positions: added 1" in capsys.readouterr().out
    with pytest.raises(Absent):
        Store(url, create=False)
    assert "://" in url or not Path(url).exists()


def test_an_unfit_file_on_the_command_line(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2; every mistake with its place and what to do, and that nothing was changed."""
    sheet = tmp_path / "bad.csv"
    sheet.write_bytes(csv(ROW.replace("金水区", "4.1E+05")))
    assert main(["registry", "import", str(sheet), "--database", url]) == 2
    err = capsys.readouterr().err
    assert "第2行: 区县 (county) 的值 4.1E+05 已被 Excel 变成数" in err
    assert "文件有误，未作任何更改" in err


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_template_is_read_as_it_is_filled_in(tmp_path: Path, lang: str) -> None:
    """Empty it changes nothing but the regions; a zone of one's own on its last sheet is known on the others."""
    template, database = tmp_path / "t.xlsx", str(tmp_path / "center.db")
    assert main(["registry", "template", str(template), "--lang", lang]) == 0
    assert main(["registry", "check", str(template), "--database", database]) == 0
    filled = openpyxl.load_workbook(template)
    units, regions = (filled["单位" if lang == "zh" else "units"], filled["区划" if lang == "zh" else "regions"])
    regions.append(["410199", "郑东新区", "", "zone", "4101", "4101", "", "", "", "0"])
    for column, text in enumerate(("U1", "第一小学", "郑东新区", "学校食堂"), 1):
        units.cell(2, column).value = text
    filled.save(template)
    assert main(["registry", "import", str(template), "--database", database]) == 0
    assert main(["registry", "import", str(template), "--database", database]) == 0
    store = Store(database)
    with store.read() as reader:
        assert reader.units() == {"U1"}
        assert reader.registry_version() == 1
