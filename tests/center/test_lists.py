"""Lists for people: what is not online and why, the gateways, the alarms; as tables, CSV and JSON."""

import csv
import io
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from center.cli import main
from center.rate import local
from center.record import Recorder
from center.store import Store
from contract.messages import (
    ClockHealth,
    ConfigHealth,
    Goodbye,
    Heartbeat,
    HostHealth,
    ProgramHealth,
    UpgradeHealth,
    encode,
)
from tests.center.filled import filled
from tests.center.letters import anchor, beat, birth, event, events, letter, moved

SHEETS = {
    "units": "unit,name,region,kind,contact,telephone\n"
    "U1,郑州市金水区第一实验小学食堂,410105,canteen,王芳,0371-65500000\n"
    "U2,二七区快餐配送有限责任公司,410103,caterer,李强,13800000000\n"
    "U3,杞县第二小学食堂,410221,canteen,赵敏,0378-2200000\n",
    "gateways": "gateway,city\nzz-0001,4101\nzz-0002,4101\nzz-0003,4102\nzz-0004,4101\n",
    "positions": "position,unit,zone,accepted_at,gateway,slot\n"
    "P1,U1,烹饪间,2024-01-01,zz-0001,k1\n"
    "P2,U1,洗消间,2024-01-01,zz-0001,k2\n"
    "P3,U1,切配间,2024-01-01,zz-0001,k3\n"
    "P4,U2,烹饪间,2024-01-01,zz-0002,k1\n"
    "P5,U3,烹饪间,2024-01-01,zz-0003,k1\n"
    "P6,U3,洗消间,2024-01-01,,\n",
}
HOUR = 3_600_000


def now_ms() -> int:
    from center.arguments import now_ms as now

    return now()


class Province:
    """Six positions at three gateways, heard within the last hours; a fourth gateway has none."""

    def __init__(self, database: str) -> None:
        self.database, self.now = filled(_registered, database), now_ms()
        self.begin = self.now - 3 * HOUR
        store = Store(database)
        Recorder(store).record(
            [
                letter("state", birth(), self.begin),
                letter("ev", events(anchor(1, 0, self.begin), moved(2, 0, "online")), self.begin),
                letter("ev", events(moved(3, HOUR, "offline", reason="REFUSED")), self.begin + HOUR + 5_000),
                letter("ev", events(moved(4, 0, "online", "k2"), event(5, "fault", what="disk full")), self.begin + 9),
                letter("ev", events(moved(6, 2 * HOUR, "unknown", "k3", reason="NEWER_WORD")), self.begin + 2 * HOUR),
                letter("ev", events(event(7, "conflict", 5, slot="k2", identity="m1", addresses=["a", "b"])), self.now),
                letter("ev", events(event(8, "store_reset", 5, before="j0", why="unreadable")), self.now),
                self.beat(
                    "zz-0001",
                    self.now - 20_000,
                    seq_high=9,
                    host=HostHealth(cpu_ratio=0.1, memory_ratio=0.2, disk_ratio=0.41),
                ),
                letter("ev", events(moved(1, 0, "online")), self.begin, "zz-0002"),
                self.beat("zz-0002", self.begin + HOUR),
                letter("hb", b"{", self.begin, "zz-0002"),
            ]
        )
        store.close()

    def beat(
        self,
        gateway: str,
        at: int,
        *,
        seq_high: int = 1,
        session: str = "s1",
        **health: Any,
    ) -> Any:
        health = {"clock": ClockHealth(synced=True, source="ntp", err_ms=12)} | health
        told = at - self.begin
        message = Heartbeat(
            boot="b1",
            session=session,
            store="j1",
            at=told,
            watching_since=0,
            settled_to=told,
            seq_high=seq_high,
            n=1,
            **health,
        )
        return letter("hb", encode(message), at, gateway)

    def tell(self, *letters: Any) -> None:
        store = Store(self.database)
        Recorder(store).record(list(letters))
        store.close()


def _registered(database: str, folder: Path) -> None:
    for name, text in SHEETS.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    files = [str(folder / f"{name}.csv") for name in SHEETS]
    assert main(["registry", "import", *files, "--database", database]) == 0


@pytest.fixture
def province(url: str) -> Province:
    return Province(url)


def asked(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == code
    return capsys.readouterr().out


def wide(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_offline_names_state_since_cause_and_telephone(province: Province, capsys: pytest.CaptureFixture[str]) -> None:
    """Offline first, then unknown, then never seen; what a silent gateway said last is unknown."""
    made = json.loads(asked(capsys, 1, "offline", "--database", province.database, "--json"))
    assert made["counts"] == {"offline": 1, "unknown": 2, "never_seen": 2}
    rows = {one["position"]: one for one in made["positions"]}
    assert list(rows) == ["P1", "P4", "P3", "P5", "P6"]
    told = {name: (row["state"], row["cause"], row["since"]) for name, row in rows.items()}
    begin = province.begin
    assert told["P1"] == ("offline", "REFUSED", local(begin + HOUR).isoformat())
    assert told["P4"] == ("unknown", "silent", local(begin + HOUR).isoformat())
    assert told["P3"][:2] == ("unknown", "NEWER_WORD")
    assert told["P5"][:2] == ("never_seen", "never")
    assert told["P6"][:2] == ("never_seen", "unbound")
    assert rows["P1"]["place"] == "郑州市金水区"
    assert (rows["P1"]["unit_name"], rows["P1"]["telephone"]) == ("郑州市金水区第一实验小学食堂", "0371-65500000")
    assert rows["P1"]["cause_words"] == "拒绝登录"


def test_offline_of_one_county(province: Province, capsys: pytest.CaptureFixture[str]) -> None:
    """By code or name, also of a whole city; a name that is none is refused with what it may have been."""
    for name, found in (("410103", ["P4"]), ("二七区", ["P4"]), ("开封市", ["P5", "P6"])):
        words = ("offline", "--database", province.database, "--json", "--county", name)
        made = json.loads(asked(capsys, 1, *words))
        assert [one["position"] for one in made["positions"]] == found
    asked(capsys, 0, "offline", "--database", province.database, "--county", "4109")
    assert main(["offline", "--database", province.database, "--county", "二七"]) == 1
    assert main(["offline", "--database", province.database, "--county", "金山区"]) == 2
    assert "410105 金水区" in capsys.readouterr().err


def test_a_restart_begins_no_new_outage(province: Province, capsys: pytest.CaptureFixture[str]) -> None:
    """Since when is the first word after the last "online", whichever session said it."""
    province.tell(province.beat("zz-0001", province.now, seq_high=0, session="s2"))
    rows = _positions(province, capsys)
    assert (rows["P1"]["state"], rows["P1"]["cause"]) == ("unknown", "restarted")
    again = moved(10, 3 * HOUR, "offline", reason="REFUSED") | {"session": "s2"}
    province.tell(letter("ev", events(again), province.now), letter("state", birth("s2"), province.now))
    row = _positions(province, capsys)["P1"]
    assert (row["state"], row["since"]) == ("offline", local(province.begin + HOUR).isoformat())


def test_a_gateway_that_was_stopped_is_named_as_the_cause(
    province: Province, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a goodbye its cameras are unknown, and offline is said of none."""
    bye = encode(Goodbye(gateway="zz-0001", session="s1", why="stopped"))
    province.tell(letter("state", bye, province.now))
    rows = _positions(province, capsys)
    assert {rows[name]["state"] for name in ("P1", "P2", "P3")} == {"unknown"}
    assert {rows[name]["cause"] for name in ("P1", "P2", "P3")} == {"left"}


def _positions(province: Province, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    made = json.loads(asked(capsys, 1, "offline", "--database", province.database, "--json"))
    return {one["position"]: one for one in made["positions"]}


def test_gateways_dark_ones_first(province: Province, capsys: pytest.CaptureFixture[str]) -> None:
    """Silent, then never heard, then alive; version, clock, disk and what the center still lacks of the journal."""
    made = json.loads(asked(capsys, 1, "gateways", "--database", province.database, "--json"))
    assert [(one["gateway"], one["state"]) for one in made] == [
        ("zz-0002", "silent"),
        ("zz-0003", "never_seen"),
        ("zz-0004", "never_seen"),
        ("zz-0001", "alive"),
    ]
    alive = made[-1]
    assert (alive["version"], alive["waiting"], alive["place"]) == ("1", 1, "郑州市")
    assert alive["clock"]["err_ms"] == 12
    assert alive["host"]["disk_ratio"] == 0.41
    out = asked(capsys, 1, "gateways", "--database", province.database, "--lang", "en", "--csv")
    assert "±12 ms,41%,1 to come" in out


def test_a_configuration_that_a_gateway_cannot_use_is_told(
    province: Province, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its first mistake with file and line, how many there are, and how long the last good one has been in force."""
    since = province.now - 26 * HOUR
    bad = ConfigHealth(mistakes=2, en="agent.yaml:9: lokk: unknown", zh="agent.yaml:9: lokk: 未知", since_ms=since)
    province.tell(province.beat("zz-0001", province.now - 10_000, seq_high=9, program=ProgramHealth(config=bad)))
    words = ("gateways", "--database", province.database)
    made = json.loads(asked(capsys, 1, *words, "--json"))
    told = next(one for one in made if one["gateway"] == "zz-0001")["program"]["config"]
    assert (told["mistakes"], told["since_ms"]) == (2, since)
    out = asked(capsys, 1, *words, "--lang", "zh")
    assert "zz-0001: 新配置不可用，按上一份运行，已生效 1天2小时：agent.yaml:9: lokk: 未知（另有 1 处）" in out
    assert "agent.yaml:9: lokk: unknown (1 more)" in asked(capsys, 1, *words, "--lang", "en", "--csv")
    province.tell(province.beat("zz-0001", province.now, seq_high=9, program=ProgramHealth()))
    assert "lokk" not in asked(capsys, 1, *words, "--lang", "zh")


def test_gateways_that_somebody_has_to_see_to(province: Province, capsys: pytest.CaptureFixture[str]) -> None:
    """They come before the sound ones that live, and make the exit code 1; each by itself."""
    words = ("gateways", "--database", province.database)
    then = province.now - 5_000
    born = letter("state", birth(gateway="zz-0004"), then, "zz-0004")
    province.tell(province.beat("zz-0002", then), born, province.beat("zz-0004", then))
    asked(capsys, 0, *words)
    sick = {"cpu_ratio": 0.1, "memory_ratio": 0.2, "disk_ratio": 0.2}
    back = UpgradeHealth(state="rolled_back", before="1", to="2", at_ms=1)
    ills: tuple[dict[str, Any], ...] = (
        {"clock": ClockHealth(synced=False, untrusted="leapt")},
        {"host": HostHealth(**sick | {"disk_ratio": 0.95})},
        {"host": HostHealth(**sick, journal="read-only")},
        {"program": ProgramHealth(config=ConfigHealth(mistakes=1, en="x", zh="x"))},
        {"program": ProgramHealth(upgrade=back)},
    )
    for n, ill in enumerate(ills, 1):
        province.tell(province.beat("zz-0004", then + 20 * n, **ill))
        made = json.loads(asked(capsys, 1, *words, "--json"))
        assert [one["gateway"] for one in made if one["state"] == "alive"] == ["zz-0004", "zz-0001", "zz-0002"], ill
        well = {"clock": ClockHealth(synced=False), "host": HostHealth(**sick), "program": ProgramHealth()}
        province.tell(province.beat("zz-0004", then + 20 * n + 10, **well))
        asked(capsys, 0, *words)


def test_of_many_gateways_those_are_listed_that_need_somebody(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are a number, unless all are asked for; programs get all."""
    sheet = tmp_path / "gateways.csv"
    sheet.write_text("gateway,city\n" + "".join(f"zz-{n:04},4101\n" for n in range(60)), "utf-8")
    assert main(["registry", "import", str(sheet), "--database", url]) == 0
    words, now = ("gateways", "--database", url), now_ms()
    store = Store(url)
    Recorder(store).record([letter("hb", beat(1, 0), now, one) for one in (f"zz-{n:04}" for n in range(60))])
    store.close()
    out = asked(capsys, 0, *words, "--lang", "zh")
    assert out.splitlines() == [
        "失联 0  已停止 0  从未上线 0  通信正常 60  已注销 0",
        "另有 60 台无需处理，未列出（--all 全部列出）",
    ]
    sheet.write_text("gateway,city\nzz-0060,4190\n", "utf-8")
    asked(capsys, 0, "registry", "import", str(sheet), "--database", url)
    out = asked(capsys, 0, *words, "--lang", "en")
    assert "zz-0060" in out
    assert "zz-0059" not in out
    assert "60 more need nobody and are not listed" in out
    assert "省直管" in out
    assert "zz-0059" in asked(capsys, 0, *words, "--all")
    assert len(json.loads(asked(capsys, 0, *words, "--json"))) == 61
    assert asked(capsys, 0, *words, "--csv").count("zz-00") == 61


def test_versions_are_counted_by_region(province: Province, capsys: pytest.CaptureFixture[str]) -> None:
    """Of all and of each region: how many run a version, are on trial, have passed; which were rolled back, why."""
    words = ("gateways", "--versions", "--database", province.database)

    def tell(state: str, **more: str) -> None:
        last = UpgradeHealth(state=state, at_ms=province.now - HOUR, **more)
        program = ProgramHealth(upgrade=last)
        province.tell(province.beat("zz-0001", province.now, seq_high=9, program=program))

    tell("rolled_back", before="1", to="2", en="online before, and not now: k1", zh="升级前在线，现在不在线：k1")
    made = json.loads(asked(capsys, 1, *words, "--json"))
    one = next(one for one in made["versions"] if (one["city"], one["version"]) == ("4101", "1"))
    assert (one["place"], one["boxes"], one["alive"], one["rolled_back"]) == ("郑州市", 1, 1, 1)
    assert [one["boxes"] for one in made["versions"] if not one["city"]] == [3, 1]
    assert [(one["gateway"], one["version"], one["to"]) for one in made["rolled_back"]] == [("zz-0001", "1", "2")]
    assert "升级前在线，现在不在线：k1" in asked(capsys, 1, *words, "--lang", "zh", "--csv")
    assert "online before, and not now: k1" in asked(capsys, 1, *words, "--lang", "en", "--csv")
    for state, counted in (("trial", (1, 0)), ("kept", (0, 1))):
        tell(state, before="0", to="1")
        made = json.loads(asked(capsys, 0, *words, "--json"))
        one = next(one for one in made["versions"] if (one["city"], one["version"]) == ("4101", "1"))
        assert (one["trial"], one["kept"]) == counted
    tell("kept", before="1", to="2")  # of another version than the one that runs
    assert not any(one["kept"] for one in json.loads(asked(capsys, 0, *words, "--json"))["versions"])


def test_alarms_have_their_code_in_a_column(province: Province, capsys: pytest.CaptureFixture[str]) -> None:
    """What gateways tell and what the center finds, the newest first; of one code or of the last days only."""
    words = ("alarms", "--database", province.database, "--json")
    made = json.loads(asked(capsys, 1, *words))
    assert {one["alarm"] for one in made} >= {"conflict", "store_reset", "fault"}
    conflict = next(one for one in made if one["alarm"] == "conflict")
    assert (conflict["gateway"], conflict["detail"], conflict["times"]) == ("zz-0001", "k2: m1: a, b", 1)
    assert [one["alarm"] for one in json.loads(asked(capsys, 1, *words, "--code", "fault"))] == ["fault"]
    assert json.loads(asked(capsys, 0, *words, "--gateway", "zz-0004")) == []
    old = event(2, "fault", what="long ago")
    province.tell(letter("ev", events(old), HOUR, "zz-0002"))
    assert not any(one["detail"] == "long ago" for one in json.loads(asked(capsys, 1, *words)))
    assert any(one["detail"] == "long ago" for one in json.loads(asked(capsys, 1, *words, "--days", "0")))


def test_a_position_bound_to_no_gateway_counts_in_full(province: Province, capsys: pytest.CaptureFixture[str]) -> None:
    """The denominator is the registry's: nobody can hear it, so all of its time is unknown."""
    made = json.loads(asked(capsys, 0, "rate", "--database", province.database, "--level", "slot", "--json"))
    row = next(one for one in made["rows"] if one["key"] == "P6")
    assert row["E_ms"] == row["unknown_ms"] > 0


LISTS = (
    ("offline",),
    ("gateways",),
    ("gateways", "--versions"),
    ("alarms",),
    ("quarantine",),
    ("rate", "--level", "unit"),
    ("assessment",),
    ("assessment", "--level", "county"),
    ("registry", "log"),
)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("command", LISTS, ids=[" ".join(one) for one in LISTS])
def test_tables_fit_eighty_columns(
    province: Province, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], lang: str
) -> None:
    """Chinese characters are two wide; nothing is cut off, and no figure is broken."""
    out = asked_any(capsys, *command, "--database", province.database, "--lang", lang)
    lines = out.splitlines()
    table = [line for line in lines if line.startswith(("─", " ")) or "  " in line]
    assert table
    assert "…" not in out
    assert max(wide(line) for line in table if not re.match(r"[0-9]{4}-|月份|month", line)) <= 80


def asked_any(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) in (0, 1)
    return capsys.readouterr().out


@pytest.mark.parametrize("command", LISTS, ids=[" ".join(one) for one in LISTS])
def test_every_list_is_csv_and_json_as_well(
    province: Province, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    """CSV begins with the mark that Excel knows UTF-8 by; no cell begins like a formula."""
    json.loads(asked_any(capsys, *command, "--database", province.database, "--json"))
    out = asked_any(capsys, *command, "--database", province.database, "--csv")
    assert out.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(out[1:])))
    assert len(rows) > 1
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@") and len(cell) > 1]


ACTS = (
    ("days", "build", "--month", "2026-11", "--out", "{tmp}/days"),
    ("registry", "export", "{tmp}/all.xlsx"),
    ("registry", "export", "{tmp}/all"),
    ("rebuild",),
    ("retention", "--out", "{tmp}/days"),
)


@pytest.mark.parametrize("command", ACTS, ids=[" ".join(one[:2]) for one in ACTS])
def test_every_act_answers_programs_and_spreadsheets(
    province: Province, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    """What was done, as one document with --json, and under the same names with --csv."""
    words = [word.replace("{tmp}", str(tmp_path)) for word in command]
    told = json.loads(asked(capsys, 0, *words, "--database", province.database, "--json"))
    words = [word.replace("/all", "/again") for word in words]
    rows = list(csv.DictReader(io.StringIO(asked(capsys, 0, *words, "--database", province.database, "--csv")[1:])))
    if "sheets" in told:
        assert {row["表"]: int(row["行数"]) for row in rows} == told["sheets"]
        assert told["sheets"]["positions"] > 0
    else:
        assert [list(row) for row in rows] == [list(told)]


def test_a_template_says_what_it_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The regions are filled in, the rest is empty; people get the file and no word."""
    assert asked(capsys, 0, "registry", "template", str(tmp_path / "empty.xlsx")) == ""
    sheets = json.loads(asked(capsys, 0, "registry", "template", str(tmp_path / "again.xlsx"), "--json"))["sheets"]
    assert {name for name, rows in sheets.items() if rows} == {"regions"}


def test_an_import_answers_programs_and_spreadsheets(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a check would change, and each mistake with its place; nothing else on standard output."""
    units, bad = tmp_path / "units.csv", tmp_path / "bad.csv"
    units.write_text(SHEETS["units"], "utf-8")
    bad.write_text(SHEETS["units"].replace("410103", "999999"), "utf-8")
    check = ("registry", "check", "--database", url, "--lang", "en")
    made = json.loads(asked(capsys, 0, *check, str(units), "--json"))
    assert (made["applied"], made["sheets"]["units"]["added"]) == (False, 3)
    rows = list(csv.DictReader(io.StringIO(asked(capsys, 0, *check, str(units), "--csv")[1:])))
    assert [(row["sheet"], row["added"]) for row in rows if row["sheet"] == "units"] == [("units", "3")]
    made = json.loads(asked(capsys, 2, *check, str(bad), "--json"))
    assert [(one["line"], one["column"]) for one in made["problems"]] == [("3", "C")]
    assert "999999" in made["problems"][0]["reason"]
    rows = list(csv.DictReader(io.StringIO(asked(capsys, 2, *check, str(bad), "--csv")[1:])))
    assert [row["line"] for row in rows] == ["3"]


HELPED = (
    (),
    ("serve",),
    ("offline",),
    ("gateways",),
    ("alarms",),
    ("rate",),
    ("assessment",),
    ("bulletin",),
    ("bulletin", "verify"),
    ("opinion", "import"),
    ("opinion", "show"),
    ("spot-check", "draw"),
    ("spot-check", "enter"),
    ("spot-check", "show"),
    ("command",),
    ("quarantine",),
    ("registry",),
    ("registry", "import"),
    ("days", "freeze"),
)


@pytest.mark.parametrize("command", HELPED, ids=[" ".join(one) or "program" for one in HELPED])
def test_help_speaks_the_language_of_the_locale(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """LANG decides, `--lang` wins over it; no line of Chinese help is wider than a terminal."""
    made = {}
    for name, lang, words in (
        ("zh", "zh_CN.UTF-8", ()),
        ("en", "en_US.UTF-8", ()),
        ("won", "en_US.UTF-8", ("--lang", "zh")),
    ):
        monkeypatch.setenv("LC_ALL", "")
        monkeypatch.setenv("LC_MESSAGES", "")
        monkeypatch.setenv("LANG", lang)
        with pytest.raises(SystemExit):
            main([*words, *command, "--help"])
        made[name] = capsys.readouterr().out
    assert made["zh"] == made["won"]
    assert made["zh"].startswith("用法：")
    assert not re.search(r"usage|options:|show this|default", made["zh"])
    assert not re.search(r"[\u4e00-\u9fff]", made["en"].replace("在线率", ""))
    assert max(wide(line) for line in made["zh"].splitlines()) <= 81
