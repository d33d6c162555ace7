"""The last good configuration: kept in state_dir, so that a bad new one stops nothing.

agent.yaml as it was, and for the case that they can no longer be read the certificates and the policy that it names. No
password and no private key is kept: they are read where they are. What is good is decided in loading.py.
"""

import logging
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from agent import files
from contract.messages import BROKEN_JSON

log = logging.getLogger(__name__)

NAME = "last-good.json"


class LastGood(Struct, frozen=True, kw_only=True):
    """The configuration that ran well last.

    `source`: absolute path of the agent.yaml whose bytes are `text`; no password stands there in clear.

    `files`: content of the certificates, by key. `policy`: of a policy that is a file of one's own.
    """

    source: str
    text: bytes
    files: dict[str, bytes]
    policy: bytes | None = None

    def __repr__(self) -> str:
        return f"LastGood({self.source})"


def keep(folder: Path, good: LastGood) -> None:
    """Replace what is kept in `folder` unless it is the same. A disk that does not take it costs a line in the log."""
    file, content = folder / NAME, msgspec.json.encode(good)
    try:
        if files.check_plain(file) and files.read(file) == content:
            return
        folder.mkdir(parents=True, exist_ok=True)
        files.write_atomically(file, content, durable=True)
    except OSError as error:
        log.warning("the configuration cannot be kept in %s: %s", folder, error.strerror or error)


def since_s(folder: Path) -> float | None:
    """Since when the kept one is in force, UTC s by the box's clock of then; None where none can be seen."""
    try:
        return (folder / NAME).lstat().st_mtime
    except OSError:
        return None


def recall(folder: Path, source: Path) -> tuple[LastGood, os.stat_result] | None:
    """What was kept in `folder` of this very agent.yaml, and the status of the file it is kept in."""
    file = folder / NAME
    try:
        found = msgspec.json.decode(files.read(file), type=LastGood)
        status = file.lstat()
    except FileNotFoundError:
        return None
    except (OSError, *BROKEN_JSON) as error:
        log.warning("%s cannot be used: %s", file, getattr(error, "strerror", "") or error)
        return None
    return (found, status) if found.source == str(source.absolute()) else None
