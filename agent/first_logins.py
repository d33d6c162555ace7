"""One process at a time shows a camera a login for the first time: several would show it a wrong password at once.

Two bytes of one file stand for each address: for the first such login under way, and for a second beside it. The
kernel holds the locks and lets go of them when a process ends.
"""

import fcntl
import hashlib
import logging
import os
import struct
from contextlib import suppress
from pathlib import Path

from agent import files

log = logging.getLogger(__name__)

NAME = ".logins.json.first"
_BYTES = 2**31


class FirstLogins:
    """Thread-safe by its owner's lock. `folder`: None, or one where no file can be made = this process alone."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._handle: int | None = None
        self._held: dict[tuple[str, bool], int] = {}

    def take(self, address: str, *, second: bool) -> bool:
        """Whether no other process is about to, or to be the second one at once; then none is until `give`."""
        if not self._held.get((address, second)) and not self._locks(address, second, fcntl.F_WRLCK):
            return False
        self._held[address, second] = self._held.get((address, second), 0) + 1
        return True

    def give(self, address: str, *, second: bool) -> None:
        """Its end is known, and written down. Where nothing was taken nothing is given."""
        if not (held := self._held.pop((address, second), 0)):
            return
        if held > 1:
            self._held[address, second] = held - 1
        else:
            self._locks(address, second, fcntl.F_UNLCK)

    def _locks(self, address: str, second: bool, kind: int) -> bool:
        """Whether it could be done, or can be done nowhere."""
        if (handle := self._opened()) is None:
            return True
        place = int.from_bytes(hashlib.blake2b(address.encode(), digest_size=4).digest()) % _BYTES + second * _BYTES
        try:
            # locks of this very opening of the file (fcntl(2), open file description locks), not of the process
            fcntl.fcntl(handle, fcntl.F_OFD_SETLK, struct.pack("hh4xqqi4x", kind, os.SEEK_SET, place, 1, 0))
        except BlockingIOError:
            return False
        except OSError as error:  # a foreign file system
            log.debug("%s: %s", NAME, error.strerror)
        return True

    def _opened(self) -> int | None:
        if self._handle is None and self._folder:
            with suppress(OSError):
                files.check_plain(self._folder / NAME)
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                self._handle = os.open(self._folder / NAME, flags, 0o600)
                files.give_to_owner_of(self._folder, self._handle)
        return self._handle

    def __del__(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
