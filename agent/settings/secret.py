"""Secrets: where they are kept, how they are read, and that they are never shown.

A secret is written as `env:NAME`, `file:PATH`, `credential:NAME`, or in clear. Credentials lie in the folder
`credentials` beside agent.yaml; the service gets it from systemd (LoadCredential=canteen:...), a command run by hand
reads it.
"""

import os
import re
from pathlib import Path

from agent.files import write_atomically
from contract.plain import open_plain
from contract.problems import Unfit, why

MAX_CHARS = 256
MAX_FILE_BYTES = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_REFERENCE = re.compile(r"(env|file|credential):(.+)")
_NEARLY = re.compile(r"\s*(env|environment|file|credentials?)\s*:.*", re.IGNORECASE)
_NAME = {"env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), "credential": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")}


class Secret:
    """A text that never appears in a repr, a log or a message; msgspec refuses to encode it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, for the line that hands it over."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***"


def resolve(written: Secret, *, folder: Path, holder: Path, status: os.stat_result) -> Secret:
    """The secret meant by what is written in the file `holder`, whose status is `status`.

    Paths are counted from `folder`. Raises Unfit; its params name places, never the secret.
    """
    text = written.reveal()
    if not (reference := _split(text)):
        _check_private(status, holder, code="clear")
        return _checked(text)
    kind, name = reference
    if kind == "env":
        return _checked(_variable(name))
    path = _credential(name, folder) if kind == "credential" else folder / name
    content, found = read(path, MAX_FILE_BYTES)
    if not _is_systemds(path):  # it guards its own directory, by an access list that the mode does not tell of
        _check_private(found, path, code="too_open")
    return from_bytes(content, path)


def is_in_clear(written: Secret) -> bool:
    """Whether the secret itself stands there, and not where it is kept. Raises Unfit as `resolve` does."""
    return bool(written.reveal()) and _split(written.reveal()) is None


def pem_file(text: str, folder: Path, *, private: bool) -> Path:
    """The readable file meant by `credential:NAME` or by a path counted from `folder`. Raises Unfit.

    A `private` key may be shared with a group, as Debian's ssl-cert does, but not with everybody.
    """
    reference = _split(text)
    path = _credential(reference[1], folder) if reference and reference[0] == "credential" else folder / text
    _, status = read(path, 0)
    if private and status.st_mode & 0o007:
        raise Unfit("too_open", path=str(path))
    return path


def write_credential(name: str, text: str, *, folder: Path) -> Path:
    """Keep `credential:NAME` of the configuration in `folder`, for its owner alone. Raises Unfit, OSError."""
    if not _NAME["credential"].fullmatch(name):
        raise Unfit("credential_name")
    if not text:
        raise Unfit("blank")
    path = folder / "credentials" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_atomically(path, _checked(text).reveal().encode(), durable=True)
    return path


def read(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """Up to `limit` + 1 bytes of a regular file, and the status of just that file. Raises Unfit."""
    try:
        with open_plain(path) as file:
            return file.read(limit + 1), os.fstat(file.fileno())
    except (OSError, ValueError) as error:
        raise Unfit("file", path=str(path), why=why(error)) from None


def _split(text: str) -> tuple[str, str] | None:
    """Kind and name of a reference, None for a secret in clear. Raises Unfit for what looks like a reference only."""
    match = _REFERENCE.fullmatch(text)
    if match and (match[1] not in _NAME or _NAME[match[1]].fullmatch(match[2])):
        return match[1], match[2]
    if _NEARLY.fullmatch(text):
        raise Unfit("reference")
    return None


_LOADED = "canteen_"
"""systemd names the files of `LoadCredential=canteen:FOLDER` so; one that is loaded by itself has its own name."""


def _credential(name: str, folder: Path) -> Path:
    """Where the credential lies. Raises Unfit when it is nowhere; one that may not be read is there."""
    kept = folder / "credentials" / name
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    for path in (Path(given) / name, Path(given) / f"{_LOADED}{name}") if given else (kept,):
        if _is_there(path):
            return path
    raise Unfit("no_credential", path=str(kept), name=name)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _is_systemds(path: Path) -> bool:
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(given) and path.parent == Path(given or "")


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise Unfit("no_variable", name=name)
    return value


def from_bytes(content: bytes, path: Path) -> Secret:
    """The secret in the file's first MAX_FILE_BYTES + 1 bytes: one line; the line end that every editor adds is no part
    of it. Raises Unfit.
    """
    try:
        text = content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise Unfit("file", path=str(path), why=why(error)) from None
    if not text:
        raise Unfit("secret_empty", path=str(path))
    return _checked(text)


def of_text(text: str) -> str:
    """A password as it was typed, which can be kept. Raises Unfit."""
    return _checked(text).reveal()


def _checked(text: str) -> Secret:
    if len(text) > MAX_CHARS or _CONTROL.search(text):
        raise Unfit("secret_form", limit=MAX_CHARS)
    return Secret(text)


def _check_private(status: os.stat_result, path: Path, *, code: str) -> None:
    """Nobody but its owner may read it, and the owner is us or root."""
    if status.st_mode & 0o077:
        raise Unfit(code, path=str(path))
    if status.st_uid not in (0, os.geteuid()):
        raise Unfit("foreign", path=str(path), uid=status.st_uid)
