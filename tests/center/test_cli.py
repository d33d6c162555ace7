import json
import os
from pathlib import Path
from typing import Any

import pytest

from center.cli import main
from center.record import Recorder
from center.store import Store
from tests.center.filled import filled
from tests.center.letters import T0, anchor, beat, birth, event, events, letter, moved

CSV = (
    "city,county,unit,kind,zone,slot,gateway,accepted_at\n"
    "4101,金水区,一小,canteen,灶台,k1,zz-0001,2026-11-01\n"
    "4101,金水区,一小,canteen,洗消,k2,zz-0001,2026-11-01\n"
    "4101,二七区,快餐公司,caterer,灶台,k1,zz-0002,2026-11-01\n"
    "4102,杞县,二小,canteen,灶台,k1,zz-0003,2026-11-02\n"
)
HOUR = 3_600_000


@pytest.fixture
def database(url: str) -> str:
    return filled(_two_hours, url)


def _two_hours(database: str, folder: Path) -> None:
    (folder / "registry.csv").write_text(CSV, "utf-8")
    assert main(["registry", "import", str(folder / "registry.csv"), "--database", database]) == 0
    store = Store(database)
    rows = (anchor(1), moved(2, 0, "online"), moved(3, HOUR, "offline"), moved(4, 0, "offline", "k2"))
    Recorder(store).record(
        [
            letter("state", birth()),
            letter("ev", events(*rows)),
            letter("hb", beat(2 * HOUR, 4, offline=("k2",)), at=T0 + 2 * HOUR),
        ]
    )
    store.close()


def rate(capsys: pytest.CaptureFixture[str], database: str, *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["rate", "--database", database, "--json", "--month", "2026-11", *more]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


def test_rate_pools_upwards_from_the_registry(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Two hours in: k1 was online one of them; slots never heard of count in full, one not yet accepted not at all."""
    at = "2026-10-31T18:00:00"
    made = rate(capsys, database, "--level", "county", "--at", at)
    rows = {row["key"]: row for row in made["rows"]}
    assert (made["from"], made["to"]) == ("2026-11-01T00:00:00+08:00", "2026-11-01T02:00:00+08:00")
    assert list(rows) == ["410103", "410105"]
    assert rows["410105"]["E_ms"] == 4 * HOUR
    assert rows["410105"]["on_ms"] == HOUR
    assert rows["410105"]["off_ms"] == 3 * HOUR
    assert rows["410103"]["unknown_ms"] == 2 * HOUR
    assert made["readings"] == {
        "time": {"numerator": HOUR, "denominator": 6 * HOUR, "text": "16.67%"},
        "days": {"numerator": 0, "denominator": 3, "text": "0.00%"},
        "spot": {"numerator": 1, "denominator": 6, "text": "16.67%"},
    }
    assert made["deciding"] == "days"
    total = made["total"]
    assert total["evidence"]["text"] == "66.67%"
    assert total["upper"]["text"] == "50.00%"


@pytest.mark.parametrize(
    ("level", "keys"),
    [
        ("province", ["41"]),
        ("city", ["4101", "4102"]),
        ("unit", ["4101/410103/快餐公司/caterer", "4101/410105/一小/canteen", "4102/410221/二小/canteen"]),
        ("slot", ["zz-0001/k1", "zz-0001/k2", "zz-0002/k1", "zz-0003/k1"]),
    ],
)
def test_every_level_has_the_same_total(
    database: str, capsys: pytest.CaptureFixture[str], level: str, keys: list[str]
) -> None:
    """Rows of a level are sorted by key and add up to what the slots add up to."""
    made = rate(capsys, database, "--level", level, "--at", "2026-11-03T00:00:00+08:00")
    rows: list[dict[str, Any]] = made["rows"]
    assert [row["key"] for row in rows] == keys
    for name in ("slots", "E_ms", "on_ms", "off_ms", "unknown_ms"):
        assert sum(row[name] for row in rows) == made["total"][name]


def test_a_past_moment_is_counted_by_what_is_proven(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Half an hour in k1 was online and k2 offline; never seen are those of which nothing was ever known."""
    made = rate(capsys, database, "--at", "2026-11-01T00:30:00+08:00")
    point: dict[str, object] = made["point_in_time"]
    counts = {name: point[name] for name in ("registered", "online", "offline", "unknown", "never_seen")}
    assert counts == {"registered": 3, "online": 1, "offline": 1, "unknown": 0, "never_seen": 1}
    assert point["share"] == {"numerator": 1, "denominator": 3, "text": "33.33%"}


def test_silence_while_the_center_listened_is_not_online(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Heard at 0:00 and 2:00 only: with the shipped policy the time from 0:03 on is unknown, offline time stays."""
    store = Store(database)
    with store.write() as tx:
        tx.put_uptime(T0 - 10 * HOUR, T0 + 3 * HOUR)
    Recorder(store).record([letter("hb", beat(0, 0), T0)])
    store.close()
    made = rate(capsys, database, "--level", "slot", "--at", "2026-11-01T02:00:00+08:00")
    k1 = made["rows"][0]
    assert (k1["on_ms"], k1["off_ms"], k1["unknown_ms"]) == (180_000, HOUR, HOUR - 180_000)


@pytest.mark.parametrize("policies", [(), ("--policy", "time", "--policy", "hourly-24")], ids=["one", "several"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--at", "2097-06-01T00:00:00Z"), "--at 2097-06-01T08:00:00+08:00 is still to come"),
        (("--month", "2097-05"), "--month 2097-05 has not begun"),
        (("--month", "2026-11", "--at", "2026-10-01T00:00:00Z"), "--month 2026-11 has not begun at that time"),
        (("--month", "2026-11", "--at", "2026-10-31T16:00:00Z"), "--month 2026-11 has not begun at that time"),
    ],
    ids=["at", "month", "month at", "first ms"],
)
def test_of_a_time_to_come_no_rate_is_told(
    database: str, capsys: pytest.CaptureFixture[str], policies: tuple[str, ...], words: tuple[str, ...], said: str
) -> None:
    """Neither 0.00 % nor n/a: it is refused, as by assessment and bulletin."""
    capsys.readouterr()
    assert main(["rate", "--database", database, "--lang", "en", *words, *policies]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("alarms", "--code", "nosuch"), "--code nosuch: no such code; there are contradiction, clock_refuted,"),
        (("alarms", "--gateway", "nosuch"), "--gateway nosuch: not in the registry, and never heard"),
        (("quarantine", "--gateway", "nosuch"), "--gateway nosuch: not in the registry, and never heard"),
        (("registry", "log", "--id", "nosuch"), "--id nosuch: nothing of it is on record"),
        (("registry", "log", "--last", "-1"), "--last -1 must be 1 to 1000000"),
        (("registry", "log", "--last", "9" * 20), "must be 1 to 1000000"),
        (("alarms", "--days", "9" * 20), "must be 0 or more, at most 36500"),
        (("opinion", "show", "--month", "2026-11"), "nothing was compared: of 2026-11 no word of the platform is held"),
    ],
    ids=["code", "gateway", "quarantine", "id", "last", "most", "days", "opinion"],
)
def test_a_mistyped_word_gets_no_comforting_answer(
    database: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """What nobody knows by that name is no empty list; a number out of all bounds is told."""
    capsys.readouterr()
    assert main([*words, "--database", database, "--lang", "en"]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


def test_for_people_in_two_languages(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The table and the lines below it speak Chinese by default and English on request."""
    zh, en = ("在线率", "合计", "从未上线", "日*", "作准"), ("online rate", "total", "never seen", "days*", "decides")
    for lang, words in ((), zh), (("--lang", "en"), en):
        capsys.readouterr()
        assert main(["rate", "--database", database, *lang]) == 0
        out = capsys.readouterr().out
        assert all(word in out for word in words)
        assert "郑州市" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["rate", "--database", "{tmp}/none.db"],
        ["rate", "--database", "{db}", "--month", "2026-13"],
        ["rate", "--database", "{db}", "--at", "noon"],
        ["rate", "--database", "{db}", "--policy", "nowhere"],
        ["registry", "import", "{tmp}/none.csv", "--database", "{db}"],
        ["registry", "import", "{tmp}/bad.csv", "--database", "{db}"],
        ["serve", "--database", "{db}", "--broker", "nowhere"],
        ["serve", "--database", "{db}", "--broker", "a..b:1883"],
        ["serve", "--database", "{db}", "--password-file", "{tmp}/none"],
        ["serve", "--database", "{db}", "--username", "center", "--password-file", "{tmp}/gb.csv"],
        ["serve", "--database", "{db}", "--ca", "{tmp}/bad.csv"],
        ["serve", "--database", "{db}", "--city", "4101,4102"],
        ["serve", "--database", "{db}", "--print-interval", "nan"],
        ["serve", "--database", "{db}", "--print-interval", "inf"],
        ["serve", "--database", "{db}", "--print-interval", "-1"],
        ["serve", "--database", "{db}", "--print-interval", "1e-9"],
        ["serve", "--database", "{tmp}/none.db", "--metrics", "0.0.0.0:9417"],
        ["command", "--database", "{db}", "--gateway", "zz-0001", "--verb", "look", "--ca", "{tmp}/bad.csv"],
        ["rate", "--database", "{db}", "--policy", "{tmp}/"],
        ["rate", "--database", "{db}", "--at", "9999-12-31T20:00:00Z"],
        ["rate", "--database", "{db}", "--at", "0001-01-01T00:00:00+08:00", "--month", "2026-10"],
        ["rate", "--database", "postgresql://u@h:abc/d"],
    ],
)
def test_misuse_is_told_and_exits_2(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """What cannot be done as asked says why on standard error and changes nothing."""
    (tmp_path / "bad.csv").write_text("a,b\n")
    (tmp_path / "gb.csv").write_bytes("口令".encode("gb18030"))
    assert main([one.format(tmp=tmp_path, db=database) for one in arguments]) == 2
    assert capsys.readouterr().err.startswith("canteen-center: ")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rate", "--database", "{tmp}"], "{tmp}: it is not a regular file"),
        (["rate", "--database", "{tmp}/pipe"], "{tmp}/pipe: it is not a regular file"),
        (["registry", "import", "{tmp}/pipe", "--database", "{db}"], "{tmp}/pipe: cannot be read: it is not a regular"),
        (["registry", "check", "{tmp}/pipe", "--database", "{db}"], "{tmp}/pipe: cannot be read: it is not a regular"),
        (["rate", "--database", "{db}", "--policy", "{tmp}/pipe"], "{tmp}/pipe: cannot be read: it is not a regular"),
        (["restore", "{tmp}/pipe", "--database", "{tmp}/o.db"], "{tmp}/pipe: it is not a regular file"),
        (["serve", "--database", "{db}", "--key", "{tmp}/pipe"], "{tmp}/pipe: cannot be read: it is not a regular"),
        (["rate", "--database", "{tmp}/binary"], "{tmp}/binary: file is not a database"),
        (["backup", "--database", "{tmp}/binary", "--out", "{tmp}/o.db"], "{tmp}/binary: file is not a database"),
        (["restore", "{tmp}", "--database", "{tmp}/o.db"], "{tmp}: it is not a regular file"),
        (["rate", "--database", "{db}", "--policy", "{tmp}/none.yaml"], "{tmp}/none.yaml: cannot be read: there is no"),
        (["rate", "--database", "{db}", "--policy", "{tmp}/"], "{tmp}/: cannot be read: it is not a regular file"),
        (["rate", "--database", "{db}", "--policy", "{tmp}/binary"], "{tmp}/binary:1: not UTF-8 text"),
        (
            ["registry", "import", "{tmp}", "--database", "{db}"],
            "{tmp}: a folder without a sheet of an export (regions",
        ),
        (["serve", "--database", "{db}", "--ca", "{tmp}"], "{tmp}: cannot be read: it is not a regular file"),
        (
            ["serve", "--database", "{db}", "--username", "c", "--password-file", "{tmp}/binary"],
            "{tmp}/binary: no password to be read there",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Missing, a folder, a pipe, binary: the file that is at fault and why, once, and no number of an error."""
    (tmp_path / "binary").write_bytes(b"\xf7\x00\xff" * 99)
    os.mkfifo(tmp_path / "pipe")
    words = {"tmp": tmp_path, "db": database}
    assert main(["--lang", "en", *[one.format(**words) for one in arguments]]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"canteen-center: {said.format(**words)}")
    assert "Errno" not in told
    assert "codec" not in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rate"], "缺少 --database"),
        (["rate", "--database", "x", "--level", "street"], "--level：没有 'street'，可选："),
        (["rate", "--database", "x", "--json", "--csv"], "--csv：不能与 --json 同用"),
        (["rate", "--database", "{tmp}/none.db"], "{tmp}/none.db：没有这个数据库"),
        (["rate", "--database", "{tmp}"], "{tmp}：不是普通文件"),
        (["rate", "--database", "{tmp}/binary"], "{tmp}/binary：不是数据库文件"),
        (["rate", "--database", "postgresql://a:b@c/d"], "口令人人可见"),
        (["rate", "--database", "oracle://c/d"], "没有这种数据库"),
        (["rate", "--database", "{db}", "--month", "2026-13"], "不是“年-月”"),
        (["rate", "--database", "{db}", "--policy", "none"], "没有名为 'none' 的办法；自带：henan-2021-45"),
        (["registry", "check", "{tmp}/r.csv", "--database", "{db}", "--regions", "x"], "没有名为 'x' 的区划；自带："),
        (["broker", "check", "--nats", "no.invalid:4222"], "--nats no.invalid:4222：主机名无法解析"),
        (["broker", "check", "--nats", "127.0.0.1:1"], "--nats 127.0.0.1:1：连接被拒绝：该端口没有服务"),
        (["rate", "--database", "{db}", "--at", "noon"], "不是 1970 至 2099 年的 ISO 8601 时间"),
        (["backup", "--database", "{tmp}/binary", "--out", "{tmp}/o.db"], "{tmp}/binary：不是数据库文件"),
        (["restore", "{tmp}", "--database", "{tmp}/o.db"], "{tmp}：不是普通文件"),
        (["serve", "--database", "{db}", "--city", "x"], "不是四位数字"),
        (["serve", "--database", "{db}", "--broker", "x"], "不是“主机:端口”"),
        (["command", "--database", "{db}", "--gateway", "none", "--verb", "look"], "--gateway none：未登记"),
        (["alarms", "--database", "{db}", "--days", "-1"], "须为 0 或更大"),
        (["days", "show", "--out", "{tmp}", "--month", "2026-01"], "请先 days build"),
        (["days", "show", "--out", "{tmp}", "--month", "2099-01"], "尚未开始"),
        (["registry", "template", "{tmp}/none/t.xlsx"], "{tmp}/none：没有这个文件夹"),
    ],
)
def test_mistakes_are_told_in_chinese(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Argparse's as well."""
    (tmp_path / "binary").write_bytes(b"\xf7\x00\xff" * 99)
    (tmp_path / "r.csv").write_text(CSV, "utf-8")
    words = {"tmp": tmp_path, "db": database}
    try:
        code = main(["--lang", "zh", *[one.format(**words) for one in arguments]])
    except SystemExit as left:
        code = int(str(left.code))
    assert code == 2
    assert said.format(**words) in capsys.readouterr().err.splitlines()[-1]


def test_an_empty_file_is_no_database_and_stays_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What only reads makes nothing of it."""
    empty = tmp_path / "empty.db"
    empty.touch()
    assert main(["--lang", "zh", "rate", "--database", str(empty)]) == 2
    assert capsys.readouterr().err == f"canteen-center: {empty}：没有这个数据库\n"
    assert empty.stat().st_size == 0
    assert list(tmp_path.iterdir()) == [empty]


def test_what_was_set_aside_can_be_seen(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Alarms first and exit 1; without one, 0. What came from outside cannot steer a terminal."""
    capsys.readouterr()
    assert main(["quarantine", "--database", database]) == 0
    assert "没有搁置的消息" in capsys.readouterr().out
    store = Store(database)
    recorder = Recorder(store)
    recorder.record([letter("hb", b"\x1b[2J{"), letter("ev", events(event(9, slot="zz\x1b[2J")))])
    assert main(["quarantine", "--database", database, "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "undecodable" in out
    assert "\x1b[2J" not in out
    ahead = anchor(8, utc_ms=T0 + 302_000)
    recorder.record([letter("ev", events(moved(2, 0, "offline"), ahead), T0 + 1), letter("state", birth(oldest=7))])
    store.close()
    assert main(["quarantine", "--database", database, "--lang", "en"]) == 1
    assert "duplicate_identity" in capsys.readouterr().out
    assert main(["quarantine", "--database", database, "--json", "--gateway", "zz-0001"]) == 1
    made = json.loads(capsys.readouterr().out)
    assert [one["alarm"] for one in made["alarms"]] == ["anchor_ahead", "duplicate_identity", "lost"]
    assert made["alarms"][2]["detail"] == "journal j1: 2 of seqs 5 to 6: no longer in the journal"
    assert [one["seq"] for one in made["aside"] if one["code"] == "duplicate_identity"] == [2]
    assert "\\x1b[2J{" in [one["payload"] for one in made["aside"]]
    assert main(["quarantine", "--database", database, "--json", "--gateway", "zz-0002"]) == 0


def test_a_misuse_is_said_in_chinese_and_makes_no_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is named in the language asked for, before anything is made."""
    database, none = tmp_path / "new.db", tmp_path / "none"
    for words, said in (
        (["registry", "import", str(none)], f"{none}: 无法读取：文件不存在。"),
        (["serve", "--ca", str(none)], f"{none}: 无法读取：文件不存在。"),
        (["serve", "--broker", "x"], "--broker 'x' 不是“主机:端口”"),
        (["rate", "--policy", str(none / "p.yaml")], "无法读取：文件不存在。"),
    ):
        assert main(["--lang", "zh", *words, "--database", str(database)]) == 2
        assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
