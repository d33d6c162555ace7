"""What the pages show: figures of the commands, nobody else's units, no text that does anything."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest

from center.arguments import now_ms
from center.cli import main
from center.rate import percent
from center.report import standing
from center.show import word
from center.store import Store
from center.web.app import ROUTES
from center.web.site import url_of
from tests.center.provinces import MONTH, SPAN, made
from tests.center.test_lists import HOUR, Province, asked
from tests.center.web.conftest import ACCOUNTS, TOKEN, admit
from tests.center.web.reading import EVIL, Looking, cards, harmless, rows
from tests.center.web.served import Answer, Browser, Served, add_account
from tests.support.waiting import until

REGIONS = ("41", "4101", "4102", "410105", "410103", "410221")
UNITS = {"U1": "410105", "U2": "410103", "U3": "410221"}
POSITIONS = {"P1": "U1", "P2": "U1", "P3": "U1", "P4": "U2", "P5": "U3", "P6": "U3"}
WORDS = {
    "U1": ("金水区第一实验小学", "王芳", "0371-65500000", "zz-0001"),
    "U2": ("二七区快餐", "李强", "13800000000", "zz-0002"),
    "U3": ("杞县第二小学", "赵敏", "0378-2200000", "zz-0003"),
}
"""What only a page of that unit, or of what it lies in, may hold."""
OWN = {
    "/": "own",
    "/login": "open",
    "/link/{token}": "open",
    "/logout": "own",
    "/style.css": "open",
    "/definitions": "own",
    "/api/v1/openapi.json": "own",
}
"""Routes that show nothing of a place."""
ROLES = {"/checks/{code}": ("province", "city", "county")}
"""Routes that not all who see the place may see: who is drawn shall not know it beforehand."""


def sees(scope: str, unit: str, region: str) -> bool:
    kind, _, key = scope.partition(":")
    return key == unit if kind == "unit" else bool(key) and region.startswith(key)


def things(path: str) -> list[tuple[str, str, str]]:
    """(value, unit, region) of everything that a route can be asked for. Raises KeyError for a route unknown here."""
    return {
        "code": [(code, "", code) for code in REGIONS],
        "unit": [(unit, unit, region) for unit, region in UNITS.items()],
        "position": [(name, unit, UNITS[unit]) for name, unit in POSITIONS.items()],
    }[re.findall(r"\{(\w+)", path)[0]]


def leaked(scope: str, got: Answer) -> list[str]:
    """What an answer holds of units outside of a scope: their words, and links to what is not theirs to see."""
    body = got.body
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as book:
            body = b"".join(book.read(name) for name in book.namelist())
    text = body.decode()
    found = [word for unit, its in WORDS.items() if not sees(scope, unit, UNITS[unit]) for word in its if word in text]
    for kind, value in re.findall(r'href="/(\w+)/([^/"?#]+)', text):
        route = next(route.path for route in ROUTES if route.path.startswith(f"/{kind}/{{"))
        seen = [sees(scope, unit, region) for key, unit, region in things(route) if key == value]
        if not any(seen or [sees(scope, "", value)]):
            found.append(f"/{kind}/{value}")
    return found


def test_nobody_sees_what_lies_outside_of_their_scope(served: Served) -> None:
    """Every route for every account, found from the router: a page or a file of their own is there and tells of nothing
    else, any other is the same 404 as one that does not exist, to the byte, whether it is read or sent a form.
    """
    asked_for = 0
    for name, (role, scope) in ACCOUNTS.items():
        browser = served.browser(name)
        seal, token = browser.get("/definitions").seal, f"Bearer {TOKEN}-{name}"
        for route in ROUTES:
            if route.path in OWN:
                continue
            missing: dict[str, Answer] = {}
            for value, unit, region in [("no-such-thing", "", "99"), *things(route.path)]:
                path = re.sub(r"\{[^}]*\}", quote(value, safe=""), route.path)
                mine = sees(scope, unit, region) and role in ROLES.get(route.path, (role,))
                for query in ("", "?form=csv", "?form=xlsx")[: 2 if not mine else 1 if path.startswith("/api/") else 3]:
                    got = browser.get(path + query, Authorization=token)
                    asked_for += 1
                    if mine:
                        assert (got.status, leaked(scope, got)) == (200, []), (name, path + query)
                    else:
                        assert (got.status, got.body) == (404, missing.setdefault("GET", got).body), (name, path)
                        assert "content-disposition" not in got.headers
                if "POST" in route.methods and not mine:
                    got = browser.post(path, {"seal": seal})
                    assert (got.status, got.body) == (404, missing.setdefault("POST", got).body), (name, path)
        assert leaked(scope, browser.get("/definitions")) == []
    assert asked_for > 800


def test_looking_for_leaks_sees_them() -> None:
    """The judge of the test before knows a foreign name, in a page and in a workbook, and a foreign link."""
    for scope, path in (("region:410221", "x 0371-65500000"), ("unit:U1", '<a href="/units/U3?x">')):
        assert leaked(scope, Answer(200, {}, [], path.encode())), path
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings.xml", "杞县第二小学")
    assert leaked("region:4101", Answer(200, {}, [], book.getvalue())) == ["杞县第二小学"]


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("sheng", "/places/41"),
        ("jinshui", "/places/410105"),
        ("school1", "/units/U1"),
        ("fixer", "/now/4101"),
        ("fixer3", "/units/U3"),
    ],
)
def test_each_role_begins_at_its_own_page(served: Served, name: str, page: str) -> None:
    """The first page of a county is the county, of a school the school, of an engineer what does not work."""
    browser = served.browser(name)
    assert browser.get("/").headers["location"] == page
    assert browser.get(page).status == 200


# ---- the same figures as the commands -----------------------------------------------------------


def test_what_is_not_online_is_what_offline_says(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same counts and the same lines, in the province and in one county, on both databases."""
    served = Served(database)
    browser = served.browser("sheng")
    for place, more in (("41", ()), ("410221", ("--county", "410221"))):
        told = json.loads(asked(capsys, 1, "offline", "--database", database, "--json", *more))
        found = cards(browser.get(f"/places/{place}"))
        wanted = {"现在离线": "offline", "未知": "unknown", "从未上线": "never_seen"}
        assert {title: found[title] for title in wanted} == {t: str(told["counts"][key]) for t, key in wanted.items()}
        listed = rows(browser.get(f"/now/{place}?form=csv"))
        assert sum(int(row["路数"]) for row in listed) == len(told["positions"])
        causes = {(one["unit_name"], one["cause_words"]) for one in told["positions"]}
        assert {(row["单位"].partition(" ")[2], row["原因"]) for row in listed} == causes
    with served.store.read() as reader:
        count = standing(reader, now_ms(), served.site.rules)  # what `serve` prints
    assert cards(browser.get("/places/41"))["在线"] == f"{count.online}/{count.registered}"
    served.close()


class Month:
    """June 2024, built and looked at in the hour after it."""

    def __init__(self, database: str, days: Path) -> None:
        self.database, self.days = made(database), days
        admit(database)
        self.served = Served(database, days, lambda: SPAN[1] + 60_000)

    def page(self, path: str, browser: Browser) -> Answer:
        """Once the figures are read."""
        found: list[Answer] = []

        def there() -> bool:
            found[:] = [browser.get(path)]
            return "数字正在读取" not in found[0].text

        until(there)
        return found[0]


@pytest.fixture
def month(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    one = Month(url, tmp_path / "days")
    yield one
    one.served.close()


def test_the_figures_of_a_month_are_those_of_the_commands(month: Month, capsys: pytest.CaptureFixture[str]) -> None:
    """Not built: the page says so, with the command; built: every figure as `assessment` and `days show` print it, for
    the province, a city, a county and each kind of unit; the same in CSV and XLSX; and once frozen, of that revision.
    """
    browser = month.served.browser("sheng")
    before = browser.get(f"/places/41?month={MONTH}")
    assert f"canteen-center days build --out {month.days} --month {MONTH}" in before.words
    there = ["--database", month.database, "--month", MONTH]
    asked(capsys, 0, "days", "build", *there, "--out", str(month.days))
    for kind in ("", "canteen", "caterer"):
        told = json.loads(asked(capsys, 1, "assessment", *there, "--days", str(month.days), "--json"))
        wanted = {row["name"]: row for row in told["rows"] if row["level"] == "row" and row["kind"] == kind}
        page = month.page(f"/places/41?month={MONTH}&kind={kind}", browser)
        listed = rows(browser.get(f"/places/41?month={MONTH}&kind={kind}&form=csv"))
        assert {row["地区"] for row in listed} == set(wanted)
        for row in listed:
            mine = wanted[row["地区"]]
            assert row["已建/应建"] == f"{mine['covered']}/{mine['obligated']}"
            assert row["不达标"] == str(mine["failing"])
            if mine["denominator"]:
                assert row["在线率·日*"] == mine["rate"]["text"]
                assert row["证据充分度"] == mine["evidence"]["text"]
        (whole,) = (row for row in told["rows"] if row["level"] == "all" and row["kind"] == kind)
        shown = cards(page)
        assert shown["在线率·日*"] == whole["rate"]["text"]
        assert shown["覆盖率"] == whole["coverage"]["text"]
    counties = json.loads(
        asked(capsys, 1, "assessment", *there, "--level", "county", "--days", str(month.days), "--json")
    )
    own = {row["key"] for row in told["rows"] if row["level"] == "row"}  # 410181 is no part of 4101
    inside = [row for row in counties["rows"] if row["key"].startswith("4101") and row["key"] not in own]
    mine = {row["name"]: row for row in inside if not row["kind"]}
    listed = rows(browser.get(f"/places/4101?month={MONTH}&form=csv"))
    assert {(row["地区"], row["在线率·日*"], row["判定"]) for row in listed} == {
        (name, row["rate"]["text"], word(row["verdict"], "zh")) for name, row in mine.items() if row["denominator"]
    }
    counted = [row for row in told["rows"] if row["level"] == "row" and not row["kind"]]
    zero = sum(row["verdict"] == "WOULD_SCORE_ZERO" for row in counted)
    some = sum(row["verdict"] != "NOT_ASSESSED" for row in counted)
    assert shown["如今日考核不得分"] == f"{zero}/{some}"
    for level, path, name in (("unit", "/places/410105", "单位"), ("slot", "/units/Z1", "位置")):
        shown_days = json.loads(
            asked(capsys, 0, "days", "show", "--out", str(month.days), "--month", MONTH, "--level", level, "--json")
        )
        by_name = {row["name"]: row for row in shown_days["rows"] if not row["kind"]}
        listed = rows(browser.get(f"{path}?month={MONTH}&form=csv"))
        assert listed
        for row in listed:
            mine = by_name[row[name]]
            assert row["在线率·日*"] == (percent(mine["days_online"], mine["days"]) if mine["days"] else "不考核")
    book = openpyxl.load_workbook(io.BytesIO(browser.get(f"/places/41?month={MONTH}&form=xlsx").body))
    cells = [[str(cell or "") for cell in row] for row in book.active.iter_rows(values_only=True)]
    assert cells[1:] == [list(row.values()) for row in rows(browser.get(f"/places/41?month={MONTH}&form=csv"))]
    assert "暂定" in page.words
    asked(capsys, 0, "days", "freeze", "--out", str(month.days), "--month", MONTH, "--by", "王芳")
    until(lambda: "第 0 次修订" in browser.get(f"/places/41?month={MONTH}").words)
    every = [row for row in (*told["rows"], *inside) if not row["kind"]]
    for code, level in (("41", "all"), ("4101", "row"), ("410105", "county")):
        later = browser.get(f"/places/{code}?month=2024-07").words
        (rate,) = (row["rate"] for row in every if row["level"] == level and (level == "all" or row["key"] == code))
        share = f"{rate['text']} {rate['numerator']}/{rate['denominator']}"
        assert f"2024-06 {share} 终稿（第 0 次修订）" in later, code
        assert "2024-05 - 无按本办法的定稿" in later


@pytest.mark.parametrize("wrong", ["2024-13", "24-06", "x", "2999-01", "2024-06'", "../../etc", "１９９９-01"])
def test_a_wrong_month_is_said_to_be_one(served: Served, wrong: str) -> None:
    """400 with a sentence, no figure of another month."""
    got = served.browser("sheng").get(f"/places/41?month={quote(wrong)}")
    assert got.status == 400
    assert "月" in got.words or "尚未开始" in got.words


@pytest.mark.parametrize("wrong", ["sort=x", "page=0", "page=-1", "page=9999999", "kind=x", "form=pdf", "failing=2"])
def test_a_parameter_that_is_none_is_said_to_be_one(served: Served, wrong: str) -> None:
    """400, never the whole list in silence."""
    assert served.browser("sheng").get(f"/places/41?{wrong}").status == 400


# ---- texts that would do something --------------------------------------------------------------


def test_looking_sees_what_acts() -> None:
    """The judge of the next tests knows a script, a handler, a style and a foreign link."""
    for bad in ("<script>", "<p onclick=x>", "<p style=x>", "<a href=//x>", "<a href='javascript:1'>", "<img src=x>"):
        assert Looking(bad).wrong, bad


FORMULA = '=HYPERLINK("http://evil")'


def test_texts_of_the_registry_do_nothing(tmp_path: Path) -> None:
    """Names with markup, quotes, marks that turn the direction round: escaped, or taken out, on every page."""
    database = str(tmp_path / "center.db")
    Province(database)
    sheet = io.StringIO()
    table = csv.writer(sheet)
    table.writerow(["unit", "name", "region", "kind", "contact", "telephone"])
    table.writerow(["U3", EVIL.replace("\u202e", ""), "410221", "canteen", "<b>x", "0378-2200000"])
    table.writerow(["U4", "'" + FORMULA, "410221", "canteen", "", ""])
    (tmp_path / "units.csv").write_text(sheet.getvalue(), "utf-8")
    code = main(["registry", "import", str(tmp_path / "units.csv"), "--database", database])
    store = Store(database)
    with store.read() as reader:
        names = {row.unit: row.name for row in reader.units_now(SPAN[1] * 2, ())}
    assert code == 0, names
    add_account(store, "sheng", "province", "region:41")
    store.close()
    served = Served(database)
    browser = served.browser("sheng")
    for path in ("/places/410221", "/now/410221", "/units/U3", "/positions/P5", "/places/41?q=%3Cscript%3E&failing=1"):
        harmless(browser.get(path))
    listed = rows(browser.get("/places/410221?form=csv"))
    assert any(row["单位"] == "'" + FORMULA for row in listed)
    book = openpyxl.load_workbook(io.BytesIO(browser.get("/places/410221?form=xlsx").body))
    found = [cell for row in book.active.iter_rows() for cell in row if cell.value == FORMULA]
    assert [cell.data_type for cell in found] == ["s"]
    served.close()


def test_what_is_searched_for_does_nothing(served: Served) -> None:
    """It comes back in the field, escaped, without marks that turn the direction round."""
    got = served.browser("sheng").get(f"/now/41?q={quote(EVIL)}")
    harmless(got)
    assert "&lt;script&gt;" in got.text


@pytest.mark.parametrize(
    "path",
    [
        *("/units/../../etc/passwd", "/units/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/positions/..%5c..%5cx"),
        *("/style.css/../x", "/places/41/../4101", "//evil.example/x", "/units/", "/units/U1/"),
        *("/positions/P1%00", "/places/%F0%28"),
    ],
)
def test_paths_lead_nowhere_else(served: Served, path: str) -> None:
    """No file, no other host: the same 404 as ever."""
    browser = served.browser("sheng")
    got = browser.get(path)
    assert (got.status, got.body) == (404, browser.get("/places/no-such").body)


def test_a_file_is_named_safely_and_its_taking_is_on_record(served: Served) -> None:
    """Letters, digits and hyphens; who took what away."""
    browser = served.browser("fixer")
    got = browser.get("/now/4101?state=offline&form=csv")
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9-]+\.csv"', got.headers["content-disposition"])
    with served.store.read() as reader:
        act = reader.web_acts(1)[0]
    assert (act.account, act.act) == ("fixer", "export")
    assert act.what == "/now/4101?state=offline&form=csv"
    assert url_of("units", "a/b?c#d") == "/units/a%2Fb%3Fc%23d"


def test_one_cause_is_one_line(served: Served) -> None:
    """A gateway that went silent is one line, whatever hangs on it; each refusal at one unit as well."""
    listed = rows(served.browser("sheng").get("/now/41?form=csv"))
    keys = [(row["单位"], row["状态"], row["原因"]) for row in listed]
    assert len(keys) == len(set(keys))
    then = served.site.clock_ms() + HOUR
    later = Served(served.store.where, clock=lambda: then)
    silent = [row for row in rows(later.browser("sheng").get("/now/410105?form=csv")) if row["原因"] == "网关失联"]
    assert [(row["路数"], row["状态"]) for row in silent] == [("3", "未知")]
    later.close()


def test_the_age_of_what_is_shown_is_in_words(served: Served) -> None:
    """Each line of a silent gateway says since when; a center that heard nothing for long says so above all."""
    browser = served.browser("sheng")
    words = browser.get("/now/41").words
    assert re.search(r"2小时\d+分前", words)
    assert "未收到报文" not in words
    then = served.site.clock_ms() + 3 * 3_600_000
    later = Served(served.store.where, clock=lambda: then)
    assert re.search(r"中心已 3小时\d+分 未收到报文", later.browser("sheng").get("/now/41").words)
    later.close()


def test_english_by_the_browser_or_by_the_url(served: Served) -> None:
    """The URL wins, and its links hold it."""
    browser = served.browser("sheng")
    assert "offline now" in browser.get("/places/41", Accept_Language="en-GB,en;q=0.9").words
    assert "现在离线" in browser.get("/places/41", Accept_Language="fr,zh").words
    text = browser.get("/places/41?lang=en", Accept_Language="zh").text
    assert "offline now" in text
    assert "/now/41?lang=en" in text


# ---- what a school prints -----------------------------------------------------------------------


@pytest.mark.parametrize(("period", "title"), [("day", "日管控"), ("week", "周排查"), ("month", "月调度")])
def test_a_school_prints_its_sheet(served: Served, period: str, title: str) -> None:
    """Each camera of its own with the time in each state; who signs; a day to come or none is refused."""
    browser = served.browser("school1")
    got = browser.get(f"/sheets/U1?period={period}")
    harmless(got)
    assert title in got.words
    assert all(zone in got.words for zone in ("烹饪间", "洗消间", "切配间"))
    assert browser.get(f"/sheets/U1?period={period}&day=2999-01-01").status == 400
    assert browser.get("/sheets/U1?day=2026-02-30").status == 400
    assert browser.get("/sheets/U1?day=<script>").status == 400


def test_a_school_reads_first_what_is_to_be_done(served: Served) -> None:
    """The camera, for how long, why, and what to do; a unit of which all are online reads that."""
    words = served.browser("school1").get("/units/U1").words
    assert re.search(r"✗ 烹饪间 离线 \d+小时\d+分: 拒绝登录", words)
    assert "请核对用户名和密码" in words


# ---- programs -----------------------------------------------------------------------------------


def test_programs_read_what_the_command_says(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`absences` is `offline --json`; every answer is of the shape that the OpenAPI document gives it."""
    served = Served(database)
    program = served.browser()

    def read(path: str) -> dict[str, Any]:
        got = program.get(path, Authorization=f"Bearer {TOKEN}-sheng")
        assert got.status == 200, got.text
        return json.loads(got.body)

    told = json.loads(asked(capsys, 1, "offline", "--database", database, "--json"))
    found = read("/api/v1/absences/41")
    assert {key: found["counts"][key] for key in told["counts"]} == told["counts"]
    mine = [{key: one[key] for key in one if key != "place"} for one in told["positions"]]
    assert found["positions"] == mine
    schema = read("/api/v1/openapi.json")
    assert schema["openapi"].startswith("3.1")
    shapes = schema["components"]["schemas"]
    for path, name in (("places/41", "Places"), ("absences/41", "Absences"), ("units/U1", "UnitAnswer")):
        assert set(read(f"/api/v1/{path}")) == set(shapes[name]["properties"])
        assert set(shapes[name]["required"]) <= set(shapes[name]["properties"])
    served.close()


def test_a_program_needs_a_token(served: Served) -> None:
    """A cookie is none, a form's method neither; the token of an account that is disabled opens nothing."""
    browser = served.browser("sheng")
    assert browser.get("/api/v1/absences/41").status == 401
    assert browser.get("/api/v1/absences/41", Authorization="Bearer x").status == 401
    told = {"Authorization": f"Bearer {TOKEN}-sheng"}
    assert browser.ask("POST", "/api/v1/absences/41", b"", told).status == 405
    assert browser.get("/api/v1/absences/41", **told).status == 200
    assert main(["user", "disable", "sheng", "--database", served.store.where]) == 0
    assert browser.get("/api/v1/absences/41", **told).status == 401
