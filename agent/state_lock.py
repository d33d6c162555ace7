"""One agent at a time in a state directory: two would throw each other off the broker and write one journal.

The kernel holds the lock and lets go of it when the process ends, however it ends. What the file says is for people.
"""

import contextlib
import errno
import fcntl
import logging
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from contract.messages import BROKEN_JSON
from contract.problems import Told, Words, both

log = logging.getLogger(__name__)

NAME = "agent.lock"
_MAX_BYTES = 1000


class Holder(Struct, frozen=True):
    """Who has the lock. `pids`: the namespace of its PID; `host`: the name of its machine or container."""

    pid: int
    pids: str
    host: str


class Taken(Told):
    """Another agent runs on this directory; the words name it."""


class StateLock:
    """Held until `release`, or until this process ends; children that were started with exec do not inherit it."""

    def __init__(self, folder: Path) -> None:
        """Raises Taken. Where no lock can be had (a folder without access, a foreign file system), the log says so, and
        the cameras are watched all the same.
        """
        self._handle: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = self._handle = _file_or_folder(folder)
            _take(handle, folder)
        except OSError as error:
            self.release()
            log.warning("%s cannot be locked against a second agent: %s", folder, error.strerror)
        except Taken:
            self.release()
            raise

    def release(self) -> None:
        """Another agent may run."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def held(folder: Path) -> int:
    """The PID of the agent that runs on this folder, as far as the kernel shows it; 0 = none. Takes nothing.

    Raises OSError where the folder cannot be looked into.
    """
    found = [_by_kernel(folder.stat())]
    with contextlib.suppress(FileNotFoundError):
        found.append(_by_kernel((folder / NAME).lstat()))
    return max(found)


def _file_or_folder(folder: Path) -> int:
    """The file; where there can be none, the folder itself: whoever may read it can lock it. Raises OSError."""
    try:
        return _open(folder / NAME)
    except OSError as error:
        if error.errno == errno.ELOOP:
            log.warning("%s: %s is a link: remove it", folder, NAME)
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _open(path: Path) -> int:
    """Raises OSError. A file on a read-only disk can be locked too."""
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        return os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.ENOSPC, errno.EDQUOT):
            raise
        return os.open(path, flags | os.O_RDONLY)


def _take(handle: int, folder: Path) -> None:
    """Raises Taken, OSError."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _read(handle)
        raise Taken(
            f"another agent runs ({holder.en}) on {folder}; stop it, or give this one its own state_dir",
            f"已有另一个代理在 {folder} 上运行（{holder.zh}）；请先停止它，或为本代理另设 state_dir",
        ) from None
    _sign(handle)


def _me() -> Holder:
    return Holder(os.getpid(), str(Path("/proc/self/ns/pid").readlink()), os.uname().nodename)


def _sign(handle: int) -> None:
    """A disk that takes no byte costs the name only. A file of a second name (link(2)) may be anybody's: it is kept."""
    if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY or os.fstat(handle).st_nlink > 1:
        return
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, msgspec.json.encode(_me()), 0)
    except OSError as error:
        log.warning("%s cannot be written: %s", NAME, error.strerror)


def _read(handle: int) -> Words:
    """The holder in words: by the kernel, or by the file, which a holder on a full or read-only disk could not sign.

    The kernel names only whom this PID namespace has; the PID of another one (a container's) is said to be such.
    """
    if pid := _by_kernel(os.fstat(handle)):
        return both(f"PID {pid}")
    try:
        holder = msgspec.json.decode(os.pread(handle, _MAX_BYTES, 0), type=Holder)
    except (OSError, *BROKEN_JSON):
        return Words("PID unknown", "PID 未知")
    if holder.pids == _me().pids:
        return both(f"PID {holder.pid}")
    return Words(
        f"PID {holder.pid} in another container, host {holder.host!r}",
        f"另一个容器中的 PID {holder.pid}，主机 {holder.host!r}",
    )


def _by_kernel(status: os.stat_result) -> int:
    """The PID that holds a lock on this file (proc_locks(5)); 0 = none that can be seen from here."""
    where = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        held = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except OSError:
        return 0
    return next((max(0, int(words[4])) for words in held if words[1] == "FLOCK" and words[5] == where), 0)
