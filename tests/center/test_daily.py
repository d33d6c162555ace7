"""The daily file for the province's platform says what `offline` says, and its list comes back by `opinion import`."""

import csv
import io
import json
from pathlib import Path

import pytest

from center.cli import main
from center.rate import local
from tests.center.letters import events, letter, moved
from tests.center.test_lists import HOUR, Province, asked
from tests.center.web.conftest import TOKEN, admit
from tests.center.web.reading import rows
from tests.center.web.served import Served


@pytest.fixture
def province(url: str) -> Province:
    one = Province(url)
    admit(url)
    return one


def test_every_position_in_service_stands_in_the_daily_file(
    province: Province, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of `offline` as it tells them, all others online; JSON, CSV and the API are one; each locality its own."""
    there = ("--database", province.database)
    told = json.loads(asked(capsys, 0, "standing", *there, "--json"))
    away = json.loads(asked(capsys, 1, "offline", *there, "--json"))
    assert told["form"] == "canteen-standing/1"
    assert told["registered"] == 6 == sum(told["counts"].values())
    assert told["counts"] == {"online": 1, **away["counts"]}
    stands = {one["position"]: (one["standing"], one["since"], one["cause"]) for one in told["positions"]}
    for one in away["positions"]:
        assert stands.pop(one["position"]) == (one["state"], one["since"], one["cause"])
    assert stands == {"P2": ("online", "", "")}
    listed = list(csv.DictReader(io.StringIO(asked(capsys, 0, "standing", *there, "--csv").lstrip("\ufeff"))))
    assert [row | {"as_of": ""} for row in listed] == [row | {"as_of": ""} for row in told["positions"]]

    out = tmp_path / "daily"
    assert "standing-" in asked(capsys, 0, "standing", *there, "--county", "金水区", "--out", str(out))
    (day,) = {file.stem.removeprefix("standing-") for file in out.iterdir()}
    kept = json.loads((out / f"standing-{day}.json").read_text())
    assert (kept["region"], kept["as_of"][:10].replace("-", "")) == ("410105", day)
    assert {one["position"] for one in kept["positions"]} == {"P1", "P2", "P3"}
    with (out / f"standing-{day}.csv").open(encoding="utf-8-sig", newline="") as text:
        assert list(csv.DictReader(text)) == kept["positions"]

    served = Served(province.database)
    for name, code in (("jinshui", "410105"), ("sheng", "41")):
        got = served.browser().get(f"/api/v1/standing/{code}", Authorization=f"Bearer {TOKEN}-{name}")
        mine = [one for one in told["positions"] if one["region"].startswith(code)]
        assert [one | {"as_of": ""} for one in json.loads(got.body)["positions"]] == [
            one | {"as_of": ""} for one in mine
        ]
        file = served.browser().get(f"/api/v1/standing/{code}?form=csv", Authorization=f"Bearer {TOKEN}-{name}")
        assert [row | {"as_of": ""} for row in rows(file)] == [one | {"as_of": ""} for one in mine]
    with served.store.read() as reader:
        assert [one.act for one in reader.web_acts(4)] == ["export"] * 4
    served.close()


def test_the_platforms_list_comes_back_and_our_own_does_not(
    province: Province, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `at` and `online` beside our columns it is an opinion; the file as we gave it is none."""
    there = ("--database", province.database)
    out = tmp_path / "daily"
    asked(capsys, 0, "standing", *there, "--out", str(out))
    (file,) = out.glob("*.csv")
    assert main(["opinion", "import", str(file), *there, "--lang", "en"]) == 2
    assert "no header with the columns" in capsys.readouterr().err
    with file.open(encoding="utf-8-sig", newline="") as text:
        ours = list(csv.DictReader(text))
    at = f"{local(province.now - 60_000):%Y-%m-%d %H:%M}"
    theirs = tmp_path / "platform.csv"
    with theirs.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, [*ours[0], "at", "online"])
        writer.writeheader()
        writer.writerows(row | {"at": at, "online": "1"} for row in ours)
    assert json.loads(asked(capsys, 0, "opinion", "import", str(theirs), *there, "--json"))["added"] == 6


def test_what_is_not_online_lies_in_buckets(province: Province, capsys: pytest.CaptureFixture[str]) -> None:
    """Offline now; there without a stream; for three days; once online: by command and page, the longest first."""
    closed = moved(9, 2 * HOUR + 60_000, "offline", "k3", reason="TIMED_OUT") | {"level": "answers"}
    province.tell(letter("ev", events(closed), province.begin + 2 * HOUR + 65_000))
    there = ("--database", province.database)
    wanted = {"offline": {"P1", "P3"}, "no_stream": {"P3"}, "long": set(), "fallen": {"P1", "P4"}}
    served = Served(province.database)
    browser = served.browser("sheng")
    for bucket, positions in wanted.items():
        code = 1 if positions else 0
        told = json.loads(asked(capsys, code, "offline", *there, "--bucket", bucket, "--json"))
        assert {one["position"] for one in told["positions"]} == positions, bucket
        listed = rows(browser.get(f"/now/41?bucket={bucket}&form=csv"))
        assert sum(int(row["路数"]) for row in listed) == len(positions), bucket
    assert browser.get("/now/41?bucket=x").status == 400
    served.close()
    late = Served(province.database, clock=lambda: province.now + 72 * HOUR)
    listed = rows(late.browser("sheng").get("/now/41?bucket=long&form=csv"))
    assert sum(int(row["路数"]) for row in listed) == 4
    since = [row["自何时"] for row in listed]
    assert since == sorted(since), "the longest first"
    late.close()
