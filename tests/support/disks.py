"""Small real file systems for tests, made and broken at will: ext4 in a file as on an SD card, or tmpfs. Needs root."""

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from scripts.stage import Failed
from tests.support.waiting import PATIENCE_S

_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN (linux/ext4.h): from now on every access is an I/O error, as with a card pulled out."""
_WITHOUT_FLUSH = struct.pack("I", 2)


def run(*words: str | Path) -> str:
    """What the command printed. Raises Failed."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def renew(image: Path) -> None:
    """The same content in a new file: only so does the next mount read it.

    A mount namespace that began while the image was mounted (any `ip netns exec` of another test) keeps it mounted. The
    kernel gives whoever mounts the same file again that very mount, with all that it has in its cache.
    """
    copy = image.with_name(f"{image.name}.renewed")
    shutil.copyfile(image, copy)
    copy.replace(image)


class Ext4:
    """An ext4 of `megabytes` in a file beside the mount point, which may hold nothing. A context: mounted within."""

    def __init__(self, point: Path, megabytes: int = 32) -> None:
        self.point, self.image = point, point.with_name(f"{point.name}.img")
        point.mkdir(exist_ok=True)
        with self.image.open("wb") as file:
            file.truncate(megabytes << 20)
        run("mkfs.ext4", "-q", "-F", self.image)

    def __enter__(self) -> "Ext4":
        self.mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    def mount(self, *, read_only: bool = False) -> None:
        run("mount", "-o", "loop,errors=remount-ro", self.image, self.point)
        if read_only:
            self.remount("ro")

    def unmount(self) -> None:
        """Waits a bit for whoever reads there right now; what is mounted next is a new file.

        Where another namespace keeps it mounted, unmounting writes nothing back: that is done before.
        """
        subprocess.run(["sync", "-f", self.point], capture_output=True, timeout=PATIENCE_S, check=False)
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                run("umount", self.point)
            except Failed:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                renew(self.image)
                return

    def _let_go(self) -> None:
        """Also where somebody has files open; what he has open stays."""
        subprocess.run(["umount", "-l", self.point], capture_output=True, timeout=PATIENCE_S, check=False)

    def remount(self, options: str) -> None:
        run("mount", "-o", f"remount,{options}", self.point)

    def pull_out(self) -> None:
        """Every further access fails, whatever is open."""
        handle = os.open(self.point, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, _WITHOUT_FLUSH)
        finally:
            os.close(handle)

    def fail(self) -> None:
        """The kernel meets an error in the file system and makes it read-only on the spot (errors=remount-ro)."""
        device = Path(run("findmnt", "-n", "-o", "SOURCE", "--mountpoint", self.point).strip()).name
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("a test\n")

    def repair_elsewhere(self) -> None:
        """What a technician does: the image is copied, checked, and the copy mounted in the old one's place."""
        copy = self.image.with_name(f"{self.image.name}.{time.monotonic_ns()}")
        shutil.copyfile(self.image, copy)
        self._let_go()
        check(copy)
        self.image = copy
        self.mount()

    def cut(self, to: Path) -> None:
        """The image as a power cut would leave it, in a new file. Whatever the page cache still holds is not in it."""
        other = to.with_name(to.name + ".again")
        for _ in range(20):
            to.unlink(missing_ok=True)
            shutil.copyfile(self.image, to)
            shutil.copyfile(self.image, other)
            if to.read_bytes() == other.read_bytes():  # nothing was written while it was copied
                other.unlink()
                return
            time.sleep(0.05)
        raise Failed("the image never stood still")


def check(image: Path) -> None:
    """Repair what can be repaired without asking."""
    subprocess.run(["e2fsck", "-fy", image], capture_output=True, timeout=PATIENCE_S, check=False)  # 1 = repaired


@contextlib.contextmanager
def mounted(image: Path, point: Path) -> Iterator[Path]:
    point.mkdir(exist_ok=True)
    run("mount", "-o", "loop", image, point)
    try:
        yield point
    finally:
        run("umount", point)


class Tmpfs:
    """A tmpfs that can be filled to the last byte. A context: mounted within."""

    def __init__(self, point: Path, size: str = "1m") -> None:
        self.point, self._size = point, size
        point.mkdir(exist_ok=True)

    def __enter__(self) -> "Tmpfs":
        run("mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", self.point)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "-l", self.point], capture_output=True, timeout=PATIENCE_S, check=False)

    def fill(self) -> int:
        """Bytes written until nothing fitted any more. May be called again while others free a little."""
        written = 0
        with (self.point / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            for size in (65_536, 4096, 512, 1):
                with contextlib.suppress(OSError):
                    while True:
                        written += file.write(bytes(size))
        return written

    def relieve(self) -> None:
        (self.point / "filler").unlink()
