"""What check-config says beside the mistakes of the file."""

import re
from pathlib import Path

import pytest

from agent.cli import main
from tests.agent.doctor.box import box
from tests.support.disks import Ext4
from tests.support.root import root


def check(config: Path, capsys: pytest.CaptureFixture[str], lang: str = "en") -> tuple[int, list[str]]:
    code = main(["--lang", lang, "check-config", str(config)])
    return code, capsys.readouterr().err.splitlines()


def test_a_sound_one_has_no_remark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An address of this box needs no encryption."""
    assert check(box(tmp_path), capsys) == (0, [])


def test_what_may_be_meant_is_only_remarked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that cannot be resolved now, and a line in clear, on their lines; the file can be used all the same."""
    code, told = check(box(tmp_path, broker="{host: no-such-host.invalid, tls: null}"), capsys)
    assert code == 0
    assert [re.sub("^△ .*agent.yaml", "", line)[:20] for line in told] == [
        ":2: broker[0].host: ",
        ":2: broker[0].tls: t",
    ]
    assert "the name of the host is not known" in told[0]


@pytest.mark.parametrize(("lang", "word"), [("en", "this box has no interface"), ("zh", "本机没有网卡")])
def test_an_interface_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str, word: str
) -> None:
    """With its line and those there are; exit code 1."""
    config = box(tmp_path)
    config.write_text(config.read_text().replace("loopback: true", "interfaces: [lo, 127.0.0.1, nosuch0]"))
    code, (only,) = check(config, capsys, lang)
    assert code == 1
    assert only.startswith(f"✗ {config}:4: discovery.interfaces[2]: {word}")
    assert "lo" in only


def test_a_state_that_anybody_can_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the command that mends it."""
    config = box(tmp_path)
    (tmp_path / "state").chmod(0o777)
    code, (only,) = check(config, capsys)
    assert code == 1
    assert f"chmod 700 {tmp_path / 'state'}" in only


@root
def test_a_state_on_a_disk_that_can_only_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the folder would have to be made there."""
    with Ext4(tmp_path / "card") as card:
        config = box(tmp_path, state=card.point)
        card.remount("ro")
        assert check(config, capsys)[0] == 1
        config.write_text(config.read_text().replace(str(card.point), str(card.point / "deeper")))
        code, (only,) = check(config, capsys)
    assert code == 1
    assert "the disk can only be read" in only
