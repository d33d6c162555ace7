"""What stands against logins, as it is on disk: one file that several processes share.

Each reads what the others wrote before it decides, and writes under a lock, so that none loses another's refusals.
"""

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from agent import files
from agent.decide.lockout import DAY_S, Guard
from agent.model import Credentials
from contract.messages import BROKEN_JSON

log = logging.getLogger(__name__)

NAME = "logins.json"
EARLIER_NAME = "learnt.json"
"""Where the record was kept before it had a file of its own."""
LOCK_S = 2.0
"""How long another process may hold the record; then what was to be written waits in memory."""
RETRY_S = 10.0
"""How long a disk that took nothing is left alone."""
FORGOTTEN_S = 30 * DAY_S
"""A refusal so old is no longer kept: its credentials have long been changed, or its camera is gone."""

Login = tuple[str, Credentials]
"""Address and credentials."""


def can_keep(file: Path) -> bool:
    """Whether a refusal could be written down there: tried, for no mode tells of a full disk."""
    return Record(file).can_keep()


def newest_s(*files: Path) -> float:
    """The last time at which a login was refused, by any of these records; 0 = none was."""
    guards = [guard for file in files for guard in Record(file).content.guards.values()]
    return max((guard.refused_at[-1] for guard in guards if guard.refused_at), default=0.0)


class Excuse(Struct, frozen=True, kw_only=True):
    """A refusal that need be no wrong password (see LoginGate.met), at `at` of the gate's clock, to a login of `kind`.

    It stands until a login of its kind is accepted, or another one is refused.
    """

    at: Annotated[float, Meta(ge=-1e11, le=1e11)]
    kind: str


class Content(Struct, kw_only=True):
    """`guards`, `excused`: by address and fingerprint of credentials. `barred`: slots where another device stands."""

    salt: str
    guards: dict[str, Guard] = {}
    excused: dict[str, Excuse] = {}
    barred: set[str] = set()


_Change = Callable[[Content], object]


class Record:
    """One file as it is on disk, with what could not be written yet done to it; None = memory alone. Thread-safe."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._unwritten: list[_Change] = []
        self._read: tuple[int, int, int] | None = None
        self._trouble, self._retry_at = "", 0.0
        self._fingerprints: dict[tuple[str, Credentials], str] = {}
        self._content = Content(salt=secrets.token_hex(8))
        if file and not file.exists():
            self._take_over(_decoded(file.with_name(EARLIER_NAME)))

    def _take_over(self, earlier: Content | str) -> None:
        """Take over, once, what an earlier version kept in another file."""
        if isinstance(earlier, Content) and (earlier.guards or earlier.barred):
            self._content = earlier
            self.change(lambda content: content.barred.update(earlier.barred))

    @property
    def content(self) -> Content:
        """As it is now, whoever wrote it."""
        with self._lock:
            self._refresh()
            return self._content

    def guard(self, login: Login) -> Guard | None:
        """The guard of a login. Its key is slow to compute, so that is left out while the record has no guards."""
        with self._lock:
            content = self.content
            return content.guards.get(self._key(content, login)) if content.guards else None

    def step(self, login: Login, after: Callable[[Guard | None], Guard | None]) -> None:
        """Replace what stands against a login; `after` may be called again when another process wrote meanwhile."""

        def change(content: Content) -> None:
            key = self._key(content, login)
            guard = after(content.guards.pop(key, None))
            if guard:
                content.guards[key] = guard

        self.change(change)

    def excuse(self, login: Login) -> Excuse | None:
        """Its refusal that stands excused."""
        with self._lock:
            content = self.content
            return content.excused.get(self._key(content, login)) if content.excused else None

    def set_excuse(self, login: Login, excuse: Excuse | None) -> None:
        """Replace it; None = it stands no longer."""

        def change(content: Content) -> None:
            content.excused.pop(self._key(content, login), None)
            if excuse:
                content.excused[self._key(content, login)] = excuse

        self.change(change)

    def _key(self, content: Content, login: Login) -> str:
        """Address and fingerprint of the credentials: salted and slow, so that the file gives no password away."""
        address, credentials = login
        known = (content.salt, credentials)
        if known not in self._fingerprints:
            secret = f"{credentials.user}\0{credentials.reveal()}".encode()
            # eight rounds of 1 MB, not one of 8: the daemon would keep them
            digest = hashlib.scrypt(secret, salt=content.salt.encode(), n=2**10, r=8, p=8, dklen=8)
            self._fingerprints[known] = digest.hex()
        return f"{address} {self._fingerprints[known]}"

    def change(self, change: _Change) -> None:
        """Apply it to what is on disk now, under the lock of all processes. What the disk refuses waits in memory."""
        with self._lock:
            self._refresh()
            change(self._content)
            if self._file:
                self._unwritten.append(change)
                self._write(self._file)

    def can_keep(self) -> bool:
        """Whether the disk takes a write: the content is written anew."""
        self.change(lambda _: None)
        with self._lock:
            return not self._unwritten

    def retry(self) -> None:
        with self._lock:
            if self._file and self._unwritten and time.monotonic() >= self._retry_at:
                self._write(self._file)

    def _write(self, file: Path) -> None:
        try:
            with _locked(file):
                self._refresh()  # what others wrote since; what is unwritten is done to that
                _forget(self._content)
                files.write_atomically(file, msgspec.json.encode(self._content), durable=True)
                self._read = _state(file)
        except OSError as error:
            self._retry_at = time.monotonic() + RETRY_S
            self._say(f"cannot write {file}: {error.strerror or error}")
        else:
            self._unwritten.clear()
            self._trouble = ""

    def _refresh(self) -> None:
        """Read the file if it is another one than was read last."""
        state = _state(self._file) if self._file else None
        if self._file is None or state is None or state == self._read:
            return
        self._read = state
        found = _decoded(self._file)
        if isinstance(found, str):
            self._say(f"{self._file} cannot be used ({found}): refused logins are counted anew")
            return
        self._content = found
        for change in self._unwritten:
            change(found)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble


def _forget(content: Content) -> None:
    """Remove what is older by FORGOTTEN_S than the newest."""
    ends = {key: guard.ends_s() for key, guard in content.guards.items()}
    newest = max([*ends.values(), *(one.at for one in content.excused.values())], default=0.0)
    content.guards = {key: guard for key, guard in content.guards.items() if ends[key] > newest - FORGOTTEN_S}
    content.excused = {key: one for key, one in content.excused.items() if one.at > newest - FORGOTTEN_S}


def _state(file: Path) -> tuple[int, int, int] | None:
    """What tells one content of the file from another: each change makes a new file."""
    try:
        found = os.lstat(file)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _decoded(file: Path) -> Content | str:
    """The content, or why there is none."""
    try:
        return msgspec.json.decode(files.read(file), type=Content)
    except (OSError, *BROKEN_JSON) as error:
        return getattr(error, "strerror", "") or str(error)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """No other process writes meanwhile; the kernel lets go when this one dies. Raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    lock = file.with_name(f".{file.name}.lock")
    files.check_plain(lock)
    handle = os.open(lock, flags, 0o600)
    try:
        files.give_to_owner_of(file.parent, handle)
        end = time.monotonic() + LOCK_S
        while not _takes(handle):
            if time.monotonic() > end:
                raise OSError(errno.EAGAIN, "another process holds its lock")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _takes(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
