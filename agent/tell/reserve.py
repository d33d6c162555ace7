"""What lies beside the journal: the reserve that is given up when the disk is full, and damaged files set aside."""

import errno
import os
from pathlib import Path

from agent.files import check_plain
from agent.tell.database import Kind, Trouble

RESERVE_BYTES = 262_144
"""On a full disk SQLite can neither add nor delete: what this frees carries it over some thousand events."""
_SPARE_BYTES = 262_144
"""What must be free beside it before the reserve is made again: else it would be made and given up by turns."""
KEPT = 2
"""Damaged files that are kept; older ones are deleted."""
_KINDS = {
    errno.ENOSPC: Kind.FULL,
    errno.EDQUOT: Kind.FULL,
    errno.EROFS: Kind.READONLY,
    errno.EACCES: Kind.MISSING,
    errno.EPERM: Kind.MISSING,
    errno.ENOENT: Kind.MISSING,
    errno.ENOTDIR: Kind.MISSING,
    errno.ELOOP: Kind.LINK,
    errno.EINVAL: Kind.LINK,
}


class Reserve:
    """A file of a fixed size that holds nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def release(self) -> bool:
        """Give the reserve up. False: there was none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def fill(self) -> None:
        """Make it if it is not there. Raises Trouble when there is no room to spare, or no writing at all."""
        try:
            if check_plain(self._path) and self._path.stat().st_size >= RESERVE_BYTES:
                return
            free = os.statvfs(self._path.parent)
            if free.f_bavail * free.f_frsize < RESERVE_BYTES + _SPARE_BYTES:
                raise Trouble(Kind.FULL, "no room for the reserve")
            self._make()
        except OSError as error:
            raise named(error) from None

    def _make(self) -> None:
        """Written under another name first: a file that has this name already is never written into."""
        made = self._path.with_name(f"{self._path.name}.new")
        made.unlink(missing_ok=True)
        try:
            with made.open("xb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
            made.replace(self._path)
        except OSError:
            made.unlink(missing_ok=True)
            raise


def set_aside(path: Path, word: str, keep: int | None = None) -> Path:
    """The database and its log get another name, `PATH.WORD-N`; it is returned. Raises Trouble.

    `keep`: so many of that word stay, older ones are deleted; None = all.
    """
    try:
        numbers = _numbers(path, word)
        for old in numbers[: 1 - keep] if keep else ():
            for suffix in ("", "-wal"):
                _kept(path, word, old, suffix).unlink(missing_ok=True)
        number = max(numbers, default=0) + 1
        log = path.with_name(f"{path.name}-wal")
        if log.exists():
            log.rename(_kept(path, word, number, "-wal"))
        return path.rename(_kept(path, word, number))
    except OSError as error:
        raise named(error) from None


def newer(path: Path, version: int) -> list[Path]:
    """What an older program set aside and this one can read: schema versions up to this."""
    words = [schema_word(one) for one in range(1, version + 1)]
    return [_kept(path, word, number) for word in words for number in _numbers(path, word)]


def schema_word(version: int) -> str:
    """The word for a database of this schema version that was set aside."""
    return f"schema-{version}"


def make_folder(path: Path) -> None:
    """The folder that the journal stands in, if it is not there. Raises Trouble, also when nothing can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            raise Trouble(Kind.READONLY, "the filesystem is mounted read-only")
    except OSError as error:
        raise named(error) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise Trouble(Kind.MISSING, f"no right to write into {path}")


def named(error: OSError) -> Trouble:
    """The trouble that this error of the system means."""
    return Trouble(_KINDS.get(error.errno or 0, Kind.IO), error.strerror or str(error))


def _numbers(path: Path, word: str) -> list[int]:
    found = (one.name.rpartition(f".{word}-")[2] for one in path.parent.glob(f"{path.name}.{word}-*"))
    return sorted(int(number) for number in found if number.isdecimal())


def _kept(path: Path, word: str, number: int, suffix: str = "") -> Path:
    return path.with_name(f"{path.name}.{word}-{number}{suffix}")
