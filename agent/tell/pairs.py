"""The certificates that we may log in with: the configured one, the renewed one, and one that has yet to prove itself.

A certificate and its key are one file, so that one act replaces both. Wherever power is cut, one pair is left that
works: a new one is whole on disk before it is shown to a broker, and takes the old one's place only once it was let in.

    asking.pem   key and request: sent until it is answered
    pending.pem  key and certificate: not proven yet; tried first, put off where it is refused
    renewed.pem  key and certificate: proven, in place of the configured one

Each names the configured certificate that it follows. Where that is another one now, the box was enrolled anew, and
these are of no use.
"""

import contextlib
import hashlib
import logging
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent import files
from agent.tell.preflight import Endpoint

log = logging.getLogger(__name__)
FOLDER = "certificate"
"""In the state directory."""
ASKING, PENDING, RENEWED = "asking.pem", "pending.pem", "renewed.pem"
_FOLLOWS = b"Follows: "
_CERTIFICATE, _REQUEST = b"-----BEGIN CERTIFICATE-----", b"-----BEGIN CERTIFICATE REQUEST-----"


class Asking(NamedTuple):
    """A key, and the request that was made with it, PEM."""

    key: bytes
    request: str


class Pairs:
    """Belongs to several threads: the line's, and that of the renewal. `folder` is made when something is kept."""

    def __init__(self, folder: Path, configured: str) -> None:
        """`configured`: the certificate of the configuration, a PEM file."""
        self._folder, self._configured = folder, configured
        self._lock = threading.Lock()
        self._put_off = False
        """The pending pair was refused: the other one's turn."""
        self._shown: str | None = None
        """Which pair the line that is being made shows: a file, "" for the configured one; None: no certificate."""
        self.tried = True
        """Whether a broker has said yes or no to the pending pair since that came."""
        self.changed: Callable[[], None] = lambda: None
        """Called when another pair has proven itself."""

    # ---- which to log in with -----------------------------------------------------------------

    def dress(self, endpoint: Endpoint) -> Endpoint:
        """With the pair that is to be shown now, where the endpoint would show the configured one."""
        with self._lock:
            self._shown = self._next() if endpoint.cert == self._configured else None
            self.tried = self.tried or self._shown != PENDING
        if not self._shown:
            return endpoint
        return msgspec.structs.replace(endpoint, cert=str(self._folder / self._shown), key=None)

    def accepted(self) -> None:
        """The broker has let us in with the pair shown."""
        with self._lock:
            shown, put_off, self._put_off, self.tried = self._shown, self._put_off, False, True
            try:
                if shown == PENDING:
                    self._move(PENDING, RENEWED)
                elif shown is not None and put_off:
                    log.warning(
                        "the new certificate is refused and the one before works: another one will be asked for"
                    )
                    (self._folder / PENDING).unlink(missing_ok=True)
            except OSError as error:
                log.warning("the new certificate cannot be put in place: %s", error.strerror or error)
                return
        if shown == PENDING:
            log.info("the broker has accepted the new certificate")
            self.changed()

    def refused(self) -> bool:
        """The broker did not accept the pair shown, or it cannot be used: the other one's turn, if there is one.

        Returns whether that one is to be shown to the same broker next, before another address has its turn.
        """
        with self._lock:
            if self._shown is not None:
                self._put_off, self.tried = self._shown == PENDING, True
            return self._shown == PENDING

    def _next(self) -> str:
        """The file to show; "" for the configured one."""
        order = (RENEWED,) if self._put_off else (PENDING, RENEWED)
        for name in order:
            if self._works(name):
                return name
        return ""

    def _works(self, name: str) -> bool:
        return self._ours(name) is not None and usable(self._folder / name)

    @property
    def certificate(self) -> bytes:
        """That of the pair which has proven itself last, PEM. Raises OSError."""
        if self._works(RENEWED):
            content = files.read(self._folder / RENEWED)
            return content[content.index(_CERTIFICATE) :]
        return Path(self._configured).read_bytes()

    @property
    def pending(self) -> bool:
        return self._ours(PENDING) is not None

    # ---- renewal ------------------------------------------------------------------------------

    def asking(self) -> Asking | None:
        """What was asked and is not answered yet; not what a power cut left there after its answer had been kept."""
        kept = self._ours(ASKING)
        if kept is None or _REQUEST not in kept:
            return None
        at = kept.index(_REQUEST)
        answered = any(kept[:at] in (self._ours(name) or b"") for name in (PENDING, RENEWED))
        return None if answered else Asking(kept[:at], kept[at:].decode("ascii", "replace"))

    def ask(self, key: bytes, request: bytes) -> None:
        """Keep what is going to be asked. Raises OSError."""
        self._keep(ASKING, key + request)

    def forget(self) -> None:
        """What was asked was refused: the next time another key is asked for."""
        with contextlib.suppress(OSError):
            (self._folder / ASKING).unlink(missing_ok=True)

    def answered(self, key: bytes, certificate: bytes) -> None:
        """Keep the new pair; it is tried from the next connection on. Raises OSError, also where they are no pair."""
        candidate = self._folder / "candidate.pem"
        try:
            self._keep(candidate.name, key + certificate)
            if not usable(candidate):
                raise OSError("the certificate is not for our key")
            with self._lock:
                self._move(candidate.name, PENDING)
                self._put_off = self.tried = False
        finally:
            candidate.unlink(missing_ok=True)
        self.forget()

    # ---- files --------------------------------------------------------------------------------

    def _ours(self, name: str) -> bytes | None:
        """What the file holds behind its first line; None where there is none, or it follows another certificate."""
        try:
            first, _, rest = files.read(self._folder / name).partition(b"\n")
            follows = self._follows()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s: %s", name, error.strerror or error)
            return None
        return rest if first == follows else None

    def _follows(self) -> bytes:
        return _FOLLOWS + hashlib.sha256(Path(self._configured).read_bytes()).hexdigest().encode()

    def _keep(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_atomically(self._folder / name, self._follows() + b"\n" + content, durable=True)

    def _move(self, name: str, to: str) -> None:
        (self._folder / name).replace(self._folder / to)
        files.sync_folder(self._folder)


def usable(path: Path) -> bool:
    """Whether a key and its certificate stand there, as one file."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path)
    except OSError:  # ssl.SSLError too
        return False
    return True
