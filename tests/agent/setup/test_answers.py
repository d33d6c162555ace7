"""The answers file is read as strictly as agent.yaml: a typo has its line and what to write instead."""

from pathlib import Path

import pytest

from agent.model import DiscoveredDevice
from agent.setup import answers as answering
from contract.problems import ConfigError, Told

GOOD = """bundle: gw.canteen
logins:
  kitchen: {user: viewer, password: 'file:secret'}
cameras:
  - {slot: cook-1, name: 烹饪间, address: 192.168.1.64, login: kitchen}
  - {slot: wash-1, mac: '12:34:56:78:9A:BC', channel: VideoSource_2}
"""
WRONG = {
    "adress": (GOOD.replace("address", "adress"), ["answers.yaml:5: cameras[0]", "Did you mean address?"]),
    "no camera": (
        GOOD.replace("mac: '12:34:56:78:9A:BC', ", ""),
        ["answers.yaml:6: cameras[1]", "its address or its mac"],
    ),
    "twice": (GOOD.replace("wash-1", "cook-1"), ["answers.yaml:6: cameras[1].slot", "taken by cameras[0] on line 5"]),
    "in clear": (GOOD.replace("'file:secret'", "canary-1"), ["answers.yaml:3: logins.kitchen.password", "file:PATH"]),
    "nearly": (GOOD.replace("'file:secret'", "'File: canary-1'"), ["answers.yaml:3", "not a reference"]),
    "wait": (GOOD + "wait: 5\n", ["answers.yaml:7: wait", "5s"]),
    "tab": (GOOD.replace("  kitchen", "\tkitchen"), ["answers.yaml:3", "tab"]),
    "empty": ("", ["answers.yaml", "empty"]),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "answers.yaml"


def test_what_is_good_is_read(file: Path) -> None:
    file.write_text(GOOD)
    read = answering.read(file)
    assert [one.slot for one in read.cameras] == ["cook-1", "wash-1"]
    assert read.cameras[1].mac == "12:34:56:78:9a:bc"
    assert (read.start, read.wait, read.report) == (True, 180.0, ".")


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_has_its_line_and_how_to_mend_it(name: str, file: Path) -> None:
    text, said = WRONG[name]
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        answering.read(file)
    told = error.value.text("en")
    assert [one for one in said if one not in told] == [], told
    assert "canary" not in told
    assert error.value.text("zh") != told


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        answering.read(file)


def test_every_mistake_is_named_at_once(file: Path) -> None:
    file.write_text(GOOD.replace("address", "adress").replace("slot: wash-1, ", "").replace("viewer", "''"))
    with pytest.raises(ConfigError) as error:
        answering.read(file)
    assert len(error.value.problems) >= 3


def test_the_answers_of_the_page_can_be_read(file: Path) -> None:
    """docs/installing.md: the example, as it stands there, with every key."""
    page = (Path(__file__).parents[3] / "docs" / "installing.md").read_text(encoding="utf-8")
    text = page[page.index("    bundle: ") :].partition("\n\n")[0]
    file.write_text(text.replace("\n    ", "\n").removeprefix("    "))
    read = answering.read(file)
    assert [one.slot for one in read.cameras] == ["cook-1", "wash-1", "hall-1"]
    assert (read.wait, read.start, read.report) == (180.0, True, ".")
    said = {name for name in read.__struct_fields__ if f"\n{name}:" in f"\n{file.read_text()}"}
    assert said == set(read.__struct_fields__)


def test_a_device_that_claims_the_mac_of_another_is_not_the_one_that_is_meant() -> None:
    """It would be shown the login."""
    mac = "12:34:56:78:9a:bc"
    liar = DiscoveredDevice(address="192.168.1.3", mac="02:00:00:00:00:03", claimed_mac=mac)
    meant = DiscoveredDevice(address="192.168.1.9", mac=mac)
    far = DiscoveredDevice(address="10.9.0.9", claimed_mac=mac)
    wanted = answering.CameraAnswer(slot="wash-1", mac=mac)
    assert answering.device(wanted, [liar, meant]) == meant
    assert answering.device(wanted, [liar]) is None
    assert answering.device(wanted, [liar, far]) == far  # behind a router: nothing else is known of it


def test_of_several_devices_with_one_mac_none_is_taken() -> None:
    mac = "12:34:56:78:9a:bc"
    several = [DiscoveredDevice(address=f"192.168.1.{number}", mac=mac) for number in (3, 9)]
    with pytest.raises(Told, match=r"192\.168\.1\.3, 192\.168\.1\.9"):
        answering.device(answering.CameraAnswer(slot="wash-1", mac=mac), several)
    named = answering.CameraAnswer(slot="wash-1", mac=mac, address="192.168.1.9")
    assert answering.device(named, several) == several[1]
