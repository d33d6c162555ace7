"""agent.yaml and the files beside it: made in full, checked, and put in place as one act; what was there is kept.

New files get new names where another content stands under theirs, so that the agent.yaml of before, and its backup, go
on meaning what they meant.
"""

import difflib
import hashlib
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from agent import settings
from agent.files import sync_folder, write_atomically
from agent.settings import entries
from agent.setup import existing
from agent.setup.answers import Looking
from agent.setup.bundle import Bundle
from agent.setup.editing import Text
from agent.setup.existing import Existing
from agent.setup.plan import Plan
from contract import strict_yaml
from contract.plain import read_plain
from contract.problems import ConfigError, Told, why

_PRIVATE, _SHARED = 0o600, 0o640


class Beside(NamedTuple):
    """A file beside agent.yaml."""

    path: Path
    content: bytes
    mode: int


class Identity(NamedTuple):
    """The files of a bundle, under names that were free or had this content. `recovery`: None = the bundle has none."""

    ca: Beside
    certificate: Beside
    key: Beside
    recovery: Beside | None

    @property
    def files(self) -> list[Beside]:
        return [one for one in self if one]


def identity(folder: Path, bundle: Bundle) -> Identity:
    """Where the files of the bundle go in the folder of agent.yaml."""
    kept = folder / "credentials"
    return Identity(
        ca=_named(folder / "ca.pem", bundle.ca, _SHARED),
        certificate=_named(kept / "gateway.pem", bundle.certificate, _PRIVATE),
        key=_named(kept / "gateway.key", bundle.key, _PRIVATE),
        recovery=_named(kept / "recovery", bundle.recovery[1].encode(), _PRIVATE) if bundle.recovery else None,
    )


def _named(path: Path, content: bytes, mode: int) -> Beside:
    if path.exists() and not _holds(path, content):
        path = path.with_name(f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}{path.suffix}")
    return Beside(path, content, mode)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return read_plain(path) == content
    except OSError:
        return False


# ---- the text -----------------------------------------------------------------------------------


def composed(
    before: Existing | None, plan: Plan, bundle: Bundle | None, files: Identity | None, looking: Looking, state: str
) -> str:
    """agent.yaml with what was set up. `state`: state_dir where there is no agent.yaml yet."""
    text = Text(before.text if before else existing.example())
    if bundle and files:
        _line(text, bundle, files)
    if not before:
        text.put("", "state_dir", state)
    for key, value in _discovery(looking, fresh=not before):
        text.put("discovery", key, value)
    for name, login in plan.logins.items():
        if f"credentials.{name}" not in text or not before:
            text.put("credentials", name, {"user": login.user, "password": f"credential:{login.credential}"})
    for position in plan.positions:
        text.append("cameras", position.entry())
    if not before:
        _without_examples(text, plan)
    return text.text


def _line(text: Text, bundle: Bundle, files: Identity) -> None:
    """The way to the center. Where it is the same already nothing changes."""
    text.put("gateway", "id", bundle.gateway)
    text.put("gateway", "city", bundle.city)
    if "broker[0]" not in text:
        text.put("", "broker", [{"host": bundle.host}])
    text.put("broker[0]", "host", bundle.host)
    if "broker[0].port" in text or bundle.port != 8883:
        text.put("broker[0]", "port", bundle.port)
    tls = {
        "ca": files.ca.path.name,
        "cert": f"credential:{files.certificate.path.name}",
        "key": f"credential:{files.key.path.name}",
    }
    if "broker[0].tls.ca" in text:
        for key, value in tls.items():
            text.put("broker[0].tls", key, value)
    else:
        text.put("broker[0]", "tls", tls)
    for key in ("broker[0].username", "broker[0].password"):
        text.remove(key)  # the certificate speaks for us
    while "broker[1]" in text:
        text.remove("broker[1]")
    if bundle.recovery and files.recovery:
        text.put("broker[0].recovery", "port", bundle.recovery[0])
        text.put("broker[0].recovery", "password", f"credential:{files.recovery.path.name}")
    else:
        text.remove("broker[0].recovery")


def _discovery(looking: Looking, *, fresh: bool) -> Iterator[tuple[str, object]]:
    """What was asked for; in a new file also the defaults, in the place of the example's values."""
    if looking.interfaces or fresh:
        yield "interfaces", list(looking.interfaces)
    if looking.subnets or fresh:
        yield "subnets", list(looking.subnets)
    if looking.loopback:
        yield "loopback", True


def _without_examples(text: Text, plan: Plan) -> None:
    if not plan.positions:
        text.put("", "cameras", [])
    for _ in range(existing.EXAMPLE_CAMERAS if plan.positions else 0):
        text.remove("cameras[0]")
    if not plan.logins:
        text.put("", "credentials", {})
    for name in existing.EXAMPLE_LOGINS:
        if name not in plan.logins:
            text.remove(f"credentials.{name}")


def essence(text: str) -> list[str]:
    """What a new file says of this box: line, logins and cameras, without comments."""
    lines, key = [], ""
    for line in text.splitlines():
        said = line.partition("  #")[0].rstrip()
        key = said.partition(":")[0] if said[:1].isalpha() else key
        if key in ("gateway", "broker", "credentials", "cameras") and said and not said.lstrip().startswith("#"):
            lines.append(said)
    return lines


def changes(before: str, after: str) -> list[str]:
    """Lines that go (-) and come (+). What stands behind `password:` is not shown: it may be one."""
    compared = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    lines = [line for line in list(compared)[2:] if not line.startswith("@@")]
    return [re.sub(r"(password:\s*)(?!['\"]?credential:)[^\s,}][^,}]*", r"\1…", line) for line in lines]


def unharmed(before: Existing, after: str, config: Path, *, but: Sequence[str] = ()) -> None:
    """Make sure that what a person wrote still means the same. `but`: slots that were to change. Raises Told."""
    file = strict_yaml.load(after, entries.File, source=str(config))
    ours = {"gateway", "broker", "credentials", "cameras", "discovery"}
    same = all(getattr(file, key) == getattr(before.file, key) for key in file.__struct_fields__ if key not in ours)
    kept = all(file.credentials.get(name) == login for name, login in before.file.credentials.items())
    cameras = {one.slot: one for one in file.cameras}
    there = all(cameras.get(one.slot) == one for one in before.file.cameras if one.slot not in but)
    if not (same and kept and there):
        raise Told(
            f"{config} is written in a way that cannot be changed safely; nothing was changed. Add the lines by hand:"
            " docs/installing.md",
            f"{config} 的写法无法安全地自动修改，未做任何改动。请手工填写：docs/installing.zh-CN.md",
        )


# ---- the disk -----------------------------------------------------------------------------------


def commit(config: Path, text: str, beside: Sequence[Beside]) -> Path | None:
    """Put everything in place, agent.yaml last and at once; the path of the backup of the one before.

    Raises ConfigError where the new file would not be usable, Told where the disk does not take it; then everything is
    as before.
    """
    made: list[Path] = []
    staged = config.with_name(f".{config.name}.setup")
    mode = stat.S_IMODE(config.stat().st_mode) if config.exists() else _SHARED
    try:
        for one in beside:
            if not (one.path.exists() and _holds(one.path, one.content)):
                one.path.parent.mkdir(mode=0o700, exist_ok=True)
                write_atomically(one.path, one.content, durable=True, mode=one.mode)
                made.append(one.path)
        write_atomically(staged, text.encode(), durable=True, mode=mode)
        made.append(staged)
        settings.load(staged)
        backup = _backup(config, mode)
        made += [backup] if backup else []
        staged.replace(config)
    except ConfigError as error:
        _undo(made)
        raise ConfigError(structs.replace(one, source=str(config)) for one in error.problems) from None
    except OSError as error:
        _undo(made)
        reason = why(error)
        raise Told(
            f"{config.parent} cannot be written: {reason.en}. Nothing was changed; go on with: canteen-agent setup"
            " --resume",
            f"无法写入 {config.parent}：{reason.zh}。未做任何改动；处理后执行：canteen-agent setup --resume",
        ) from None
    with suppress(OSError):  # it stands, and what it names has to stay
        sync_folder(config.parent)
    return backup


def _backup(config: Path, mode: int) -> Path | None:
    if not config.exists():
        return None
    path = config.with_name(f"{config.name}.{time.strftime('%Y%m%d-%H%M%S')}")
    write_atomically(path, read_plain(config), durable=True, mode=mode)
    return path


def _undo(made: Sequence[Path]) -> None:
    for path in made:
        path.unlink(missing_ok=True)
