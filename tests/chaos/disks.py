"""Small file systems of our own under the agent's state: ext4 in a file, or tmpfs; cut, read-only, full. Root."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from tests.chaos.site import Failed

BUSY_S = 5.0


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Ext4:
    """An ext4 of `megabytes` in a file beside the mount point, which has to exist and may hold nothing."""

    def __init__(self, point: Path, megabytes: int = 32) -> None:
        self.point, self.image = point, point.with_name(f"{point.name}.img")
        with self.image.open("wb") as file:
            file.truncate(megabytes * 1_048_576)
        _run("mkfs.ext4", "-q", str(self.image))

    def __enter__(self) -> "Ext4":
        self.mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unmount(lazily=True)

    def mount(self, *, read_only: bool = False) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.point))
        if read_only:
            _run("mount", "-o", "remount,ro", str(self.point))

    def unmount(self, *, lazily: bool = False) -> None:
        """`lazily`: also where somebody has files open; what he has open stays. Else it waits for him a bit."""
        if lazily:
            subprocess.run(["umount", "-l", str(self.point)], capture_output=True, timeout=60, check=False)
            return
        end = time.monotonic() + BUSY_S
        while True:
            try:
                _run("umount", str(self.point))
            except Failed:  # who watches the journal reads it right now
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return

    def fail(self) -> None:
        """The kernel meets an error in the file system and makes it read-only on the spot (errors=remount-ro)."""
        device = Path(_run("findmnt", "-n", "-o", "SOURCE", "--mountpoint", str(self.point)).strip()).name
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")

    def make_writable(self) -> None:
        _run("mount", "-o", "remount,rw", str(self.point))

    def repair_elsewhere(self) -> None:
        """What a technician does: the image is copied, checked, and the copy mounted in the old one's place."""
        copy = self.image.with_name(f"{self.image.name}.{time.monotonic_ns()}")
        shutil.copyfile(self.image, copy)
        self.unmount(lazily=True)
        subprocess.run(["e2fsck", "-fp", str(copy)], capture_output=True, timeout=60, check=False)  # 1 = repaired
        self.image = copy
        self.mount()

    def cut(self, to: Path) -> None:
        """The image as a power cut would leave it. Whatever the page cache still holds is not in it."""
        other = to.with_name(to.name + ".again")
        for _ in range(20):
            shutil.copyfile(self.image, to)
            shutil.copyfile(self.image, other)
            if to.read_bytes() == other.read_bytes():  # nothing was written while it was copied
                other.unlink()
                return
            time.sleep(0.05)
        raise Failed("the image never stood still")


@contextlib.contextmanager
def mounted(image: Path, point: Path) -> Iterator[Path]:
    point.mkdir(exist_ok=True)
    _run("mount", "-o", "loop", str(image), str(point))
    try:
        yield point
    finally:
        _run("umount", str(point))


class Tmpfs:
    """A tmpfs that can be filled to the last byte."""

    def __init__(self, point: Path, size: str) -> None:
        self.point, self._size = point, size

    def __enter__(self) -> "Tmpfs":
        _run("mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", str(self.point))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "-l", str(self.point)], capture_output=True, timeout=60, check=False)

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
