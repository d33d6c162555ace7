"""Small real filesystems for tests, made and broken at will; all of it needs root."""

import contextlib
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN (linux/ext4.h): from now on every access is an I/O error, as with a card pulled out."""
_WITHOUT_FLUSH = struct.pack("I", 2)

needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts small filesystems"),
]


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)


@contextlib.contextmanager
def memory_disk(folder: Path, size: str = "1m") -> Iterator[Path]:
    """A tmpfs that is soon full."""
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def fill_up(folder: Path) -> Path:
    """A file that takes all the room there is."""
    filler = folder / f"filler-{len(list(folder.glob('filler-*')))}"
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


class Card:
    """An ext4 filesystem in a file, as on an SD card."""

    def __init__(self, folder: Path, megabytes: int = 8) -> None:
        self.image, self.place = folder / "card.img", folder / "card"
        self.place.mkdir()
        with self.image.open("wb") as file:
            file.truncate(megabytes << 20)
        run("mkfs.ext4", "-q", "-F", self.image)
        self.mount()

    def mount(self) -> None:
        run("mount", "-o", "loop,errors=remount-ro", self.image, self.place)

    def unmount(self) -> None:
        run("umount", self.place)

    def remount(self, options: str) -> None:
        run("mount", "-o", f"remount,{options}", self.place)

    def pull_out(self) -> None:
        """Every further access fails, whatever is open."""
        handle = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, _WITHOUT_FLUSH)
        finally:
            os.close(handle)

    def go_read_only(self) -> None:
        """As the kernel does when it meets an error in the filesystem; nothing can be written to open files either."""
        found = subprocess.check_output(["findmnt", "-no", "SOURCE", str(self.place)], text=True).strip()
        trigger = Path("/sys/fs/ext4") / Path(found).name / "trigger_fs_error"
        try:
            trigger.write_text("a test\n")
        except OSError as error:
            pytest.skip(f"the kernel's test trigger cannot be used: {error}")


@contextlib.contextmanager
def card(folder: Path, megabytes: int = 8) -> Iterator[Card]:
    one = Card(folder, megabytes)
    try:
        yield one
    finally:
        subprocess.run(["umount", "-l", one.place], check=False, capture_output=True)
