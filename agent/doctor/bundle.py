"""What support needs of a box, in one file without secrets: rows, status, configuration, the last lines of the log."""

import contextlib
import io
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import structs

from agent.doctor import versions
from agent.doctor.printing import for_people, for_programs
from agent.doctor.redaction import HIDDEN, Redactor
from agent.doctor.rows import Row
from agent.settings import Secret, entries, secret
from agent.status import Status
from contract import strict_yaml
from contract.problems import ConfigError, Told, Unfit, why

FOLDER = "canteen-doctor"
LOG_LINES = 2000
LOG_S = 15.0
MAX_LOG_BYTES = 2_000_000
UNIT = "canteen-agent"


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner alone; away again where the block fails. Raises Told where there can be none."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Told(
            f"{path} is there already, and is not replaced: name another file",
            f"{path} 已存在，不会覆盖：请换一个文件名",
        ) from None
    except OSError as error:
        raise _unwritten(path, error) from None
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            yield file
    except BaseException as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise _unwritten(path, error) from None
        raise


def _unwritten(path: Path, error: OSError) -> Told:
    reason = why(error)
    return Told(f"{path} cannot be written: {reason.en}", f"无法写入 {path}：{reason.zh}")


def write(file: BinaryIO, rows: Sequence[Row], *, config: Path, now: Status | None, redactor: Redactor) -> None:
    """All parts, each with every secret taken out. Raises OSError."""
    parts: dict[str, Any] = {
        "doctor.json": for_programs(rows),
        "doctor.zh.txt": for_people(rows, "zh", 80),
        "doctor.en.txt": for_people(rows, "en", 80),
        "versions.json": versions.found(),
        "agent.json": configuration(config),
        "log.txt": _log(),
    }
    if now:
        parts["status.json"] = msgspec.to_builtins(now)
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, part in parts.items():
            _add(tar, name, _text(redactor, part))


def _text(redactor: Redactor, part: Any) -> str:
    if isinstance(part, str):
        return redactor.text(part)
    return msgspec.json.format(msgspec.json.encode(redactor.value(part)), indent=2).decode() + "\n"


def _add(tar: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode("utf-8", "replace")
    member = tarfile.TarInfo(f"{FOLDER}/{name}")
    member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
    tar.addfile(member, io.BytesIO(content))


# ---- the configuration ----------------------------------------------------------------------------


def configuration(config: Path) -> dict[str, Any]:
    """Key -> value of all that fits its form, line by line known to be no secret; of a password only that there is one.

    The text itself stays here: comments and what is no YAML may hold anything.
    """
    try:
        content, _ = secret.read(config, strict_yaml.MAX_BYTES)
        found = strict_yaml.find(content, entries.File, source=str(config))
    except Unfit as unfit:
        return {"unreadable": str(unfit.params.get("why", ("", ""))[0])}
    except ConfigError as error:
        return {"problems": [problem.text("en") for problem in error.problems]}
    told: dict[str, Any] = {"problems": [problem.text("en") for problem in found.problems]}
    for section in _SECTIONS:
        for key, fields in found.parts(section):
            told[key or "."] = {name: _shown(name, value) for name, value in fields.items() if _is_plain(value)}
    return told


_SECTIONS = (
    entries.File,
    entries.GatewayEntry,
    entries.BrokerEntry,
    entries.TlsEntry,
    entries.RecoveryEntry,
    entries.LookEntry,
    entries.HeartbeatEntry,
    entries.CapabilityEntry,
    entries.PictureEntry,
    entries.MovementEntry,
    entries.DiscoveryEntry,
    entries.CredentialEntry,
    entries.CameraEntry,
    entries.IdentityEntry,
    entries.RecorderEntry,
    entries.LogEntry,
    entries.MetricsEntry,
)
_PATHS = ("stream_path", "onvif_path")


def _is_plain(value: object) -> bool:
    """Sections have a key of their own."""
    many = value if isinstance(value, tuple) else ()
    return not isinstance(value, msgspec.Struct | Mapping) and not any(isinstance(one, msgspec.Struct) for one in many)


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, Secret):
        return HIDDEN
    if name in _PATHS and "?" in value:
        return f"{value.partition('?')[0]}?{HIDDEN}"
    return structs.asdict(value) if isinstance(value, msgspec.Struct) else value


# ---- the log --------------------------------------------------------------------------------------


def _log() -> str:
    """The last lines of the service's log; why there are none."""
    command = ["journalctl", "-u", UNIT, "-n", str(LOG_LINES), "--no-pager", "-o", "short-iso", "--quiet"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LOG_S, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        return f"no log: {type(error).__name__}\n"
    text = done.stdout[-MAX_LOG_BYTES:].decode("utf-8", "replace")
    return text or f"no log: {done.stderr[:500].decode('utf-8', 'replace') or 'nothing in it'}\n"
