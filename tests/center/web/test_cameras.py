"""One camera's file: what its gateway told of it, in words, whatever it calls itself."""

import csv
import io
import re
from pathlib import Path

import openpyxl
import pytest

from center.arguments import now_ms
from center.cli import main
from center.rate import local
from contract.messages import Capability, Identity, Inventory, InventorySlot, SlotVerdicts, Verdict, encode
from contract.text import COMPUTED
from contract.vocabulary import Clause, Level, Standing
from tests.center.letters import event, events, letter
from tests.center.test_lists import HOUR, Province
from tests.center.web.conftest import admit
from tests.center.web.reading import EVIL, harmless
from tests.center.web.served import Answer, Served


@pytest.fixture
def told(url: str, tmp_path, capsys) -> Province:
    """Gateway zz-0001 tells of slot k1: who it is, what it can do, what became of it."""
    province = Province(url)
    admit(url)
    slot = InventorySlot(
        slot="k1",
        address="192.168.1.64",
        manufacturer=EVIL,
        model="DS-2CD",
        firmware="V5.7",
        identity=Identity(mac="12:34:56:78:9a:bc", serial="<b>9</b>"),
        channel="2",
    )
    other = InventorySlot(slot="k2", address="10.9.9.9", manufacturer="other maker")
    verdicts = (
        Verdict(
            clause=Clause.ROTATION_360,
            standing=Standing.NOT_MET,
            level=Level.E4,
            measured=270.0,
            required=360.0,
            unit="deg",
            reason="TOO_NARROW",
            proof=("pan -135..135", EVIL),
        ),
    )
    at = province.begin
    words = [
        event(20, "identity_changed", HOUR, slot="k1", before="old<i>", after=EVIL),
        event(21, "address_changed", HOUR + 5, slot="k1", before="192.168.1.63", after="192.168.1.64"),
        event(22, "picture", 2 * HOUR, slot="k1", fault="blur", **{"from": HOUR}),
        event(23, "picture", 2 * HOUR, slot="k1", fault="blur", **{"from": HOUR, "to": 2 * HOUR}),
        event(24, "capability_changed", 5, slot="k1", clause="zoom", before="MET", after="NOT_MET"),
        event(25, "picture", 5, slot="k2", fault="jitter", **{"from": 5}),
    ]
    province.tell(
        letter("inv", encode(Inventory(gateway="zz-0001", slots=(slot, other))), at),
        letter(
            "cap",
            encode(
                Capability(
                    gateway="zz-0001", boot="b1", policy="p", slots=(SlotVerdicts(slot="k1", at=5, verdicts=verdicts),)
                )
            ),
            at,
        ),
        letter("ev", events(*words), at + 2 * HOUR + 1000),
    )
    day = f"{local(now_ms() - 40 * HOUR):%Y-%m-%d}"
    (tmp_path / "x.csv").write_text(
        "position,from,to,cause,reason,requested_by,approved_by,approved_at\n"
        f"P1,{day} 06:00,{day} 07:00,planned,装修,赵敏,李强,2024-01-02 00:00\n",
        "utf-8",
    )
    (tmp_path / "x.csv").rename(tmp_path / "exclusions.csv")
    assert main(["registry", "import", str(tmp_path / "exclusions.csv"), "--database", url]) == 0
    capsys.readouterr()
    return province


def test_everything_told_of_a_camera_stands_in_its_file(told: Province) -> None:
    """Device, address, verdict with level, measured, required and evidence; changes; its events and no other's."""
    served = Served(told.database)
    browser = served.browser("school1")
    got: Answer = browser.get(f"/positions/P1?month={local(now_ms() - 40 * HOUR):%Y-%m}")
    harmless(got)
    words = got.words
    for text in ("DS-2CD", "V5.7", "192.168.1.64", "通道 2", "12:34:56:78:9a:bc", "拒绝登录", "zz-0001"):
        assert text in words, text
    assert re.search(r"360°旋转 不符合 E4 动作验证 270° 360° pan -135..135", words)
    assert "192.168.1.63 → 192.168.1.64" in words
    assert "变焦: 符合 → 不符合" in words
    assert words.count("模糊（持续中）") == 1
    assert re.search(r"完好: 画面 \S+ · 功能 360°旋转 不符合", words)
    assert "装修" in words
    assert "赵敏" in words
    assert "jitter" not in words
    assert "抖动" not in words
    assert "10.9.9.9" not in words
    assert "other maker" not in words
    drawn = re.findall(r'fill="url\(#p-picture\)"', browser.get("/positions/P1").text)
    assert len(drawn) >= 1, "the picture's fault is drawn once, told twice or not"
    english = browser.get("/positions/P1?lang=en")
    harmless(english)
    assert "360° rotation" in english.words
    served.close()


def test_no_spreadsheet_computes_what_a_camera_calls_itself(told: Province) -> None:
    """Formulas, narrow and wide, behind marks that turn the direction round or not: texts in both files."""
    evil = ['=HYPERLINK("http://evil")', "＝1+1", "@SUM(A1)", "-2+3", "\u202e=1+1", "\t+1"]
    rows = [event(40 + n, "fault", HOUR, slot="k1", what=text) for n, text in enumerate(evil)]
    told.tell(letter("ev", events(*rows), told.begin + HOUR))
    served = Served(told.database)
    browser = served.browser("school1")
    plain = browser.get("/positions/P1?form=csv").body.decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(plain)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(COMPUTED)]
    assert {'\'=HYPERLINK("http://evil")', "'＝1+1", "'@SUM(A1)", "'-2+3", "'=1+1", "'+1"} <= set(cells)
    book = openpyxl.load_workbook(io.BytesIO(browser.get("/positions/P1?form=xlsx").body))
    assert {cell.data_type for row in book.active.iter_rows() for cell in row if cell.value is not None} == {"s"}
    served.close()


def test_what_a_slot_tells_of_another_position_stands_in_the_others_file(told: Province, tmp_path: Path) -> None:
    """The box went to a school of another county: from then on its slot tells of that one, to that county alone."""
    moved_ms = told.begin + HOUR + 30 * 60_000
    at = f"{local(moved_ms):%Y-%m-%d %H:%M}"
    (tmp_path / "bindings.csv").write_text(
        f"position,since,gateway,slot\nP1,{at},,\nP5,{at},zz-0001,k1\n",
        "utf-8",
    )
    assert main(["registry", "import", str(tmp_path / "bindings.csv"), "--database", told.database]) == 0
    later = event(30, "address_changed", 2 * HOUR, slot="k1", before="172.16.0.8", after="172.16.0.9")
    told.tell(letter("ev", events(later), told.begin + 2 * HOUR + 2000))
    served = Served(told.database)
    before = served.browser("jinshui").get("/positions/P1").words
    after = served.browser("qixian").get("/positions/P5").words
    unit = served.browser("jinshui").get("/units/U1").words
    served.close()
    for words, own, foreign in ((before, "192.168.1.63", "172.16.0"), (after, "172.16.0.8", "192.168.1.63")):
        assert own in words
        assert foreign not in words
    assert "zz-0001 k1" not in unit
    assert "DS-2CD" not in before
    assert "DS-2CD" in after


def test_a_camera_that_nobody_told_of_has_a_file_as_well(told: Province) -> None:
    """It says that nothing is known, which is not that it fails."""
    served = Served(told.database)
    words = served.browser("kaifeng").get("/positions/P6").words
    assert "网关尚未上报该设备" in words
    assert "未知，不是不符合" in words
    assert "点位未接入任何网关" in words
    served.close()
