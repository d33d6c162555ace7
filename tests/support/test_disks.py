"""What the disks of the tests promise: a cut is read afresh, whoever else has namespaces."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.disks import Ext4, mounted
from tests.support.root import needs_root
from tests.support.waiting import until

pytestmark = needs_root


@contextmanager
def another_namespace() -> Iterator[None]:
    """Somebody begins a mount namespace, and keeps what is mounted now."""
    with subprocess.Popen(["unshare", "-m", "sh", "-c", "echo begun; exec sleep 600"], stdout=subprocess.PIPE) as pin:
        assert pin.stdout
        assert pin.stdout.readline() == b"begun\n"
        try:
            yield
        finally:
            pin.kill()


def test_a_cut_is_read_afresh_beside_a_new_mount_namespace(tmp_path: Path) -> None:
    """A namespace begun while one cut is mounted does not give the next one's reader the old file system."""
    with Ext4(tmp_path / "state") as disk:
        (disk.point / "n").write_text("0")
        subprocess.run(["sync", "-f", disk.point], check=True)
        disk.cut(tmp_path / "cut.img")
        with mounted(tmp_path / "cut.img", tmp_path / "cut") as there, another_namespace():
            assert (there / "n").read_text() == "0"
            subprocess.run(["umount", there], check=True)
            (disk.point / "n").write_text("1")
            subprocess.run(["sync", "-f", disk.point], check=True)
            disk.cut(tmp_path / "cut.img")
            subprocess.run(["mount", "-o", "loop", tmp_path / "cut.img", there], check=True)
            assert (there / "n").read_text() == "1"


def test_a_card_that_was_unmounted_is_read_afresh(tmp_path: Path) -> None:
    """What is changed in the image while nobody here has it mounted is what the next mount shows."""
    with Ext4(tmp_path / "card", 8) as card:
        (card.point / "n").write_text("before")
        with another_namespace():
            card.unmount()
            written = card.image.read_bytes()
            assert b"before" in written
            card.image.write_bytes(written.replace(b"before", b"AFTER!"))
            card.mount()
            assert (card.point / "n").read_text() == "AFTER!"


def test_waiting_goes_on_while_there_is_progress() -> None:
    """It ends with the condition, or when nothing has changed for as long as it has patience."""
    steps = iter(range(10))
    assert until(lambda: next(steps) == 5, progress=object, patience_s=0.9, every_s=0.2) > 0.9
    with pytest.raises(AssertionError, match=r"no progress for 0\.05 s: the moon"):
        until(lambda: False, "the moon", patience_s=0.05)
