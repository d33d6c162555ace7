"""A school asks on its page, its county decides on theirs; the law for exclusions is the registry's, on both pages."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from center.cli import main
from center.intervals import Span
from center.rate import local
from center.store import Store
from center.store.cameras import Exclusion
from tests.center.filled import filled
from tests.center.test_lists import HOUR, Province
from tests.center.web.conftest import admit
from tests.center.web.reading import EVIL, harmless, rows
from tests.center.web.served import Answer, Browser, Served

DAY = 24 * HOUR


class School:
    """The small province, its clock in the test's hand."""

    def __init__(self, database: str) -> None:
        store = Store(database)
        with store.read() as reader:
            self.ms = max(reader.heard_to().values())
        store.close()
        self.served = Served(database, clock=lambda: self.ms)

    def browser(self, name: str) -> Browser:
        return self.served.browser(name)

    def sends(self, name: str, act: str, unit: str = "U1", **fields: str) -> Answer:
        browser = self.browser(name)
        path = f"/stops/{unit}"
        got = browser.get(path)
        return browser.post(path, {"seal": got.seal if got.status == 200 else "", "act": act, **fields})

    def asks(self, begin: int, hours: float, cause: str = "planned", **fields: str) -> Answer:
        form = {"position": "", "cause": cause, "reason": "更换交换机"} | fields
        return self.sends("school1", "ask", **{"from": at(begin), "to": at(begin + round(hours * HOUR)), **form})

    def listed(self, name: str, path: str) -> list[dict[str, str]]:
        return rows(self.browser(name).get(f"{path}?form=csv"))

    def left_out(self, position: str, span: Span | None = None) -> list[Exclusion]:
        with self.served.store.read() as reader:
            return reader.exclusions_of(position, span or (0, self.ms * 2))


def at(ms: int) -> str:
    """As a browser sends it of a field for date and time."""
    return f"{local(ms):%Y-%m-%dT%H:%M}"


def tomorrow(ms: int, hour: int = 8) -> int:
    return (ms + 8 * HOUR) // DAY * DAY - 8 * HOUR + DAY + hour * HOUR


def _standing(database: str, _folder: Path) -> None:
    Province(database)
    admit(database)


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    one = School(filled(_standing, str(tmp_path / "center.db")))
    yield one
    one.served.close()


def test_a_request_is_approved_by_the_county_and_counts_no_more(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With both reasons, persons and times, in the list, in the registry and its log; until then it counts."""
    school = School(database)
    begin = tomorrow(school.ms)
    assert school.asks(begin, 2).status == 303
    (row,) = school.listed("jinshui", "/requests/410105")
    told = ("状态", "是否计入", "申请人", "事由", "审批人")
    assert [row[key] for key in told] == ["待审批", "审批之前照常计入", "school1", "更换交换机", ""]
    assert "待审批 1" in school.browser("jinshui").get("/places/410105").words
    assert "待审批，审批之前照常计入" in school.browser("school1").get("/units/U1").words.replace(", ", "，")
    assert school.left_out("P1") == []

    school.ms += HOUR
    assert school.sends("jinshui", "approve", number="1", answer="同意，文号 12").status == 303
    for position in ("P1", "P2", "P3"):
        (its,) = school.left_out(position)
        assert (its.from_ms, its.to_ms, its.cause) == (begin, begin + 2 * HOUR, "planned")
        assert (its.reason, its.requested_by) == ("更换交换机", "school1")
        assert (its.approved_by, its.evidence, its.approved_ms) == ("jinshui", "同意，文号 12", school.ms)
    assert school.left_out("P4") == []
    capsys.readouterr()
    assert main(["registry", "log", "--id", "P1", "--last", "1", "--database", database, "--json"]) == 0
    (change,) = json.loads(capsys.readouterr().out)
    assert (change["person"], change["sheet"], change["at_ms"]) == ("jinshui", "exclusions", school.ms)
    (row,) = school.listed("school1", "/stops/U1")
    told = ("状态", "是否计入", "审批人", "审批意见")
    assert [row[key] for key in told] == ["已批准", "不计入", "jinshui", "同意，文号 12"]
    with school.served.store.read() as reader:
        acts = [(one.account, one.act, one.what) for one in reader.web_acts(9) if one.what.startswith("request")]
    assert acts == [("jinshui", "approve", "request 1 U1"), ("school1", "ask", "request 1 U1")]
    again = school.sends("jinshui", "refuse", number="1", answer="x")
    assert again.status == 400
    assert "已审批或撤回" in again.words

    school.ms = begin + 30 * 60_000
    page = school.browser("school1").get("/positions/P1")
    assert re.search(r"免 已批准剔除 .* 已批准剔除，不计", page.words)
    school.served.close()


def test_a_county_refuses_with_a_reason(school: School) -> None:
    """Without one nothing is decided; then it counts as ever, and the school reads why."""
    assert school.asks(tomorrow(school.ms), 2).status == 303
    assert school.sends("jinshui", "refuse", number="1", answer=" ").status == 400
    assert school.sends("jinshui", "refuse", number="1", answer="请改在假期").status == 303
    (row,) = school.listed("school1", "/stops/U1")
    told = ("状态", "是否计入", "审批人", "审批意见")
    assert [row[key] for key in told] == ["未批准", "照常计入", "jinshui", "请改在假期"]
    assert school.left_out("P1") == []


def test_the_law_for_exclusions_is_the_same_on_the_pages(school: School) -> None:
    """Too late, above the cap, over another one: refused with the sentence of `registry import`, nothing kept."""
    begin = tomorrow(school.ms)
    noon = {"from": "noon", "to": at(begin), "reason": "x"}
    wrong = [
        (school.asks(school.ms - HOUR, 2), "计划剔除须在 .* 之前批准"),
        (school.asks(begin, 25), "共剔除 25.00 小时，上限 24 小时"),
        (school.asks(school.ms - 80 * HOUR, 1, "force_majeure"), "不可抗力须在 72 小时内确认"),
        (school.asks(begin, 0), "止须晚于起"),
        (school.asks(begin, 1, reason=""), "事由 须为 1 至 1000 个可显示字符"),
        (school.sends("school1", "ask", cause="planned", **noon), "起 的值"),
    ]
    for got, sentence in wrong:
        assert got.status == 400, sentence
        assert re.search(sentence, got.words), got.words
    assert school.asks(begin, 1, "sabotage").status == 400
    assert school.asks(begin, 1, position="P4").status == 400
    assert school.listed("school1", "/stops/U1") == []

    assert school.asks(begin, 3, position="P1").status == 303
    assert school.asks(begin + HOUR, 1).status == 303, "both are open: which of them stands, the county says"
    assert school.sends("jinshui", "approve", number="1", answer="同意").status == 303
    twice = school.sends("jinshui", "approve", number="2", answer="同意")
    assert twice.status == 400
    assert "已有剔除，不能重叠" in twice.words
    assert [row["状态"] for row in school.listed("school1", "/stops/U1")] == ["待审批", "已批准"]
    assert school.left_out("P2") == []

    school.ms = begin + 2 * HOUR
    late = school.sends("jinshui", "approve", number="2", answer="同意")
    assert late.status == 400
    assert re.search("计划剔除须在 .* 之前批准", late.words)
    assert school.sends("school1", "withdraw", number="2").status == 303
    assert [row["状态"] for row in school.listed("school1", "/stops/U1")] == ["已撤回", "已批准"]


def test_a_stop_that_is_announced_is_drawn_as_planned_and_counts(school: School) -> None:
    """Nobody decides on it; it stands on the camera's timeline, also before it comes, and says that it counts."""
    day_ms = tomorrow(school.ms) - 8 * HOUR
    begin = day_ms + 8 * HOUR if local(day_ms).month == local(school.ms).month else school.ms
    assert school.asks(begin, 6, "announced", position="P1", reason=EVIL.replace("\u202e", "")).status == 303
    page = school.browser("jinshui").get("/positions/P1")
    harmless(page)
    assert re.search(r"计划停机，仅告知 .* \(已告知, 照常计入\)", page.words)
    lane = re.findall(r'<rect x="[\d.]+%" y="\d+" width="[\d.]+%" height="8" fill="url\(#p-planned\)"', page.text)
    assert len(lane) >= 1
    assert "仅告知" not in school.browser("jinshui").get("/positions/P2").words
    harmless(school.browser("school1").get("/stops/U1"))
    harmless(school.browser("jinshui").get("/requests/410105"))

    school.ms = begin + HOUR
    page = school.browser("school1").get("/positions/P1")
    assert "已批准剔除，不计" not in re.sub(r"\(已批准剔除，不计\)", "", page.words), "no time of it is left out"
    (line,) = (row for row in school.listed("jinshui", "/now/410105") if "烹饪间" in row["点位"])
    assert re.match(r"1/\d 路至 ", line["计划停机"])
    assert school.sends("jinshui", "approve", number="1", answer="x").status == 400


@pytest.mark.parametrize(
    ("name", "act", "unit", "status"),
    [
        ("jinshui", "ask", "U1", 403),
        ("fixer", "approve", "U1", 403),
        ("school1", "approve", "U1", 403),
        ("jinshui", "withdraw", "U1", 403),
        ("school1", "nonsense", "U1", 403),
        ("zhengzhou", "approve", "U2", 404),
    ],
)
def test_only_the_school_asks_and_only_those_above_decide(
    school: School, name: str, act: str, unit: str, status: int
) -> None:
    """A role that may not, or the number of another unit's request."""
    assert school.asks(tomorrow(school.ms), 2).status == 303
    assert school.sends(name, act, unit, number="1", answer="x", cause="planned").status == status
    assert [row["状态"] for row in school.listed("school1", "/stops/U1")] == ["待审批"]


def test_a_form_from_outside_of_the_region_is_a_page_that_is_not_there(school: School) -> None:
    """Though it carries the seal of its own session."""
    assert school.asks(tomorrow(school.ms), 2).status == 303
    for name in ("qixian", "kaifeng", "school3"):
        browser = school.browser(name)
        form = {"seal": browser.get("/definitions").seal, "act": "approve", "number": "1", "answer": "x"}
        got = browser.post("/stops/U1", form)
        assert (got.status, got.body) == (404, browser.get("/places/no-such").body)
        form.pop("seal")
        assert browser.post("/stops/U1", form).status == 403


def test_two_who_decide_at_once_decide_once(database: str) -> None:
    """The second one reads that it was decided on; the registry has it once, or not at all."""
    import threading

    school = School(database)
    assert school.asks(tomorrow(school.ms), 2).status == 303
    answers: list[int] = []

    def decide(name: str, act: str) -> None:
        answers.append(school.sends(name, act, number="1", answer=act).status)

    both: list[Any] = [("jinshui", "approve"), ("zhengzhou", "refuse")]
    threads = [threading.Thread(target=decide, args=one) for one in both]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(answers) == [303, 400]
    (row,) = school.listed("school1", "/stops/U1")
    assert bool(school.left_out("P1")) == (row["状态"] == "已批准")
    school.served.close()


def test_a_unit_asks_for_no_end_of_things(school: School) -> None:
    """After twenty that nobody decided on the next one waits."""
    begin = tomorrow(school.ms)
    for number in range(20):
        assert school.asks(begin + number * 60_000, 1 / 60).status == 303
    got = school.asks(begin + HOUR, 1 / 60)
    assert got.status == 400
    assert "20 项申请待审批" in got.words
