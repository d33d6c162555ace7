"""Spot checks on a county's pages are those of the command: the same draw, the same results, the same bound."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from center.arguments import rules
from center.cli import main
from center.outside.agreement import clopper_pearson, printed
from center.outside.spots import draw
from center.store import Store
from center.store.outside import Drawn
from center.web.site import url_of
from tests.center.provinces import BEGIN, MINUTE, SPAN, made
from tests.center.test_outside import computed
from tests.center.web.conftest import admit
from tests.center.web.reading import cards, harmless, rows
from tests.center.web.served import Answer, Served

SEED = "双色球 2024-076"
PERIOD = {"from": "2024-06-30T22:00", "to": "2024-07-01T00:00"}


class County:
    """June 2024, from a day before its last two hours on."""

    def __init__(self, database: str) -> None:
        made(database)
        admit(database)
        self.ms = BEGIN - 86_400_000
        self.served = Served(database, clock=lambda: self.ms)

    def sends(self, path: str, name: str = "jinshui", **form: str) -> Answer:
        browser = self.served.browser(name)
        return browser.post(path, {"seal": browser.get("/definitions").seal, **form})

    def drawn(self, seed: str) -> list[Drawn]:
        with self.served.store.read() as reader:
            return reader.drawn(seed)


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    one = County(str(tmp_path / "center.db"))
    yield one
    one.served.close()


def test_a_county_draws_and_enters_what_it_saw(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own positions, as anybody draws them by that seed; the agreement and its bound are those of the command."""
    got = county.sends("/checks/410105", seed=SEED, n="18", **PERIOD)
    assert got.status == 303
    where = got.headers["location"]
    seed = f"410105 {SEED}"
    with county.served.store.read() as reader:
        (asked,) = reader.draws()
        assert county.drawn(seed) == draw(reader, asked, rules("henan-2021-45"))
    assert (asked.seed, asked.region, asked.person) == (seed, "410105", "jinshui")
    positions = {row.position for row in county.drawn(seed)}
    assert positions <= {"P1", "P2", "P3", "P6", "P7"}
    assert all(row.position != "P6" or row.at_ms < BEGIN + 60 * MINUTE for row in county.drawn(seed)), "it moved away"
    page = county.served.browser("jinshui").get(where)
    harmless(page)
    assert 'name="result-' not in page.text, "nothing is due yet"

    county.ms = SPAN[1] + MINUTE
    page = county.served.browser("jinshui").get(where)
    assert len(set(re.findall(r'name="result-(\d+)"', page.text))) == 18
    wanted, form = 0, {}
    for row in county.drawn(seed):
        seen = row.number % 6 != 0
        form[f"result-{row.number}"] = "opened" if seen else "not_opened"
        wanted += computed(row.position, row.at_ms) == ("online" if seen else "offline")
    assert county.sends(where, **form).status == 303
    found = cards(county.served.browser("jinshui").get(where))
    ask = ("spot-check", "show", "--seed", seed, "--database", county.served.store.where, "--json")
    capsys.readouterr()
    assert main(list(ask)) == 1
    told = json.loads(capsys.readouterr().out)["agreement"]
    assert (told["entered"], told["agree"]) == (18, wanted)
    assert found["与计算一致"] == told["share"]["text"]
    bound = printed(clopper_pearson(wanted, told["decided"]))
    assert found["95% 置信区间"] == " – ".join(bound) == f"{told['bound']['low']} – {told['bound']['high']}"
    listed = rows(county.served.browser("jinshui").get(f"{where}&form=csv"))
    assert {row["何人"] for row in listed} == {"jinshui"}
    with county.served.store.read() as reader:
        acts = [one.act for one in reader.web_acts(9) if one.account == "jinshui"]
    assert acts == ["export", "enter", "draw"]
    other = county.sends(where, **dict.fromkeys(form, "not_opened"))
    assert other.status == 400
    assert "已有不同的记录" in other.words


def test_who_is_drawn_knows_nothing_of_it(county: County) -> None:
    """No school, no engineer, no other county; a county sees no draw of its city or the province."""
    assert county.sends("/checks/410105", seed=SEED, n="3", **PERIOD).status == 303
    assert county.sends("/checks/41", "sheng", seed=SEED, n="3", **PERIOD).status == 303
    assert county.sends("/checks/4101", "zhengzhou", seed=SEED, n="3", **PERIOD).status == 303
    seeds = {"410105": f"410105 {SEED}", "4101": f"4101 {SEED}", "41": SEED}
    sees = {
        "school1": (),
        "fixer": (),
        "qixian": (),
        "jinshui": ("410105",),
        "zhengzhou": ("410105", "4101"),
        "sheng": ("410105", "4101", "41"),
    }
    for name, mine in sees.items():
        browser = county.served.browser(name)
        gone = browser.get("/places/no-such").body
        for code, seed in seeds.items():
            got = browser.get(url_of("checks", code, seed=seed))
            assert (got.status == 200) is (code in mine), (name, code)
            assert code in mine or got.body == gone
        if mine:
            listed = rows(browser.get(f"/checks/{mine[-1]}?form=csv"))
            assert {row["种子"] for row in listed} == {seeds[code] for code in mine}
    assert county.sends("/checks/410105", "fixer", seed="x", n="3", **PERIOD).status == 404
    assert county.sends("/checks/41", "jinshui", seed="x", n="3", **PERIOD).status == 404


def test_a_draw_that_cannot_be_is_refused_on_the_page(county: County) -> None:
    """With the reason and what was typed; no draw is kept."""
    wrong = [
        ({"n": "0"}, "抽取次数 0 须为 1 至 10000"),
        ({"n": "9000"}, "请用 canteen-center spot-check draw"),
        ({"seed": " "}, "种子 须为 1 至 200 个可显示字符"),
        ({"from": "2024-06-29T21:00"}, "时段起 2024-06-29 21:00 已过"),
        ({"to": "2024-06-30T22:00"}, "时段起 须早于 时段止"),
        ({"from": "noon"}, "时段起 的值 'noon'"),
    ]
    for change, sentence in wrong:
        got = county.sends("/checks/410105", **({"seed": SEED, "n": "5"} | PERIOD | change))
        assert got.status == 400, sentence
        assert sentence in got.words
    store = Store(county.served.store.where)
    with store.read() as reader:
        assert reader.draws() == []
    store.close()
    assert county.sends("/checks/410105", seed=SEED, n="5", **PERIOD).status == 303
    again = county.sends("/checks/410105", seed=SEED, n="5", **PERIOD)
    assert "已抽取过" in again.words
    assert county.sends(url_of("checks", "410105", seed=f"410105 {SEED}")).status == 400
    assert county.sends("/checks/410105?seed=x", **{"result-1": "opened"}).status == 404
