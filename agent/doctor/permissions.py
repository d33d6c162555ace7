"""Who may read and write what the agent keeps: its state, the configuration, the credentials."""

import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from agent.doctor.rows import NOTHING, Area, Result, Row, Tell
from agent.status import STATE
from contract.problems import Words, both, why

USER = "canteen-agent"
"""User= of the unit."""
_OTHERS_WRITE, _OTHERS_READ = 0o002, 0o007


def look(config: Path, folder: Path, tell: Tell) -> None:
    """The folder of the state and what lies in it, the configuration, the credentials beside it."""
    for row in (*_state(folder), *_configuration(config), *_credentials(config.absolute().parent / "credentials")):
        tell(row)


def is_open(folder: Path) -> bool:
    """Whether anybody on the box may write there. Raises OSError."""
    mode = folder.stat().st_mode
    return bool(mode & _OTHERS_WRITE) and not mode & stat.S_ISVTX


def owner_wanted(folder: Path) -> int | None:
    """The uid that has to own it: the service's for its own folder; None = whoever runs the agent."""
    if folder != STATE:
        return None
    try:
        return pwd.getpwnam(USER).pw_uid
    except KeyError:
        return None


def _state(folder: Path) -> Iterator[Row]:
    try:
        status = folder.stat()
        files = [(file, file.lstat()) for file in folder.iterdir()]
        others_may = is_open(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        yield _row(folder, Result.UNCHECKED, why(error), Words("run this with sudo", "请用 sudo 运行"))
        return
    if others_may:
        said = Words("anybody on this box can write there", "本机任何用户都可以写入")
        yield _row(folder, Result.WRONG, said, both(f"sudo chmod 700 {folder}"))
    elif status.st_mode & _OTHERS_READ:
        said = Words("anybody on this box can look into it", "本机任何用户都可以查看")
        yield _row(folder, Result.WARNING, said, both(f"sudo chmod 700 {folder}"))
    wanted = owner_wanted(folder)
    uid = status.st_uid if wanted is None else wanted
    foreign = [folder] if status.st_uid != uid else []
    foreign += [file for file, found in files if found.st_uid != uid]
    if foreign:
        names = ", ".join(file.name for file in foreign[:3]) + (" …" if len(foreign) > 3 else "")
        said = Words(f"not the agent's own: {names}", f"不属于本程序的用户：{names}")
        yield _row(folder, Result.WRONG, said, both(f"sudo chown -R {_user(uid)} {folder}"))
    if not (others_may or foreign or status.st_mode & _OTHERS_READ):
        yield _row(folder, Result.FINE, Words(f"for {_user(uid)} alone", f"仅 {_user(uid)} 可用"))


def _configuration(config: Path) -> Iterator[Row]:
    try:
        mode = config.stat().st_mode
    except OSError:
        return  # told with the configuration
    if mode & _OTHERS_WRITE:
        said = Words("anybody on this box can change it", "本机任何用户都可以修改")
        yield _row(config, Result.WRONG, said, both(f"sudo chmod 640 {config}"))


def _credentials(folder: Path) -> Iterator[Row]:
    try:
        found = [(folder, folder.stat().st_mode)] if folder.exists() else []
        found += [(file, file.stat().st_mode) for file in folder.iterdir()] if found else []
    except OSError as error:
        yield _row(folder, Result.UNCHECKED, why(error), Words("run this with sudo", "请用 sudo 运行"))
        return
    open_ones = [place for place, mode in found if mode & 0o077 and (place == folder or stat.S_ISREG(mode))]
    for place in open_ones:
        said = Words("others than its owner can open it", "除所有者外还有其他用户可以打开")
        guarded = place != folder and folder not in open_ones
        mend = both(f"sudo chmod {700 if place == folder else 600} {place}")
        yield _row(place, Result.WARNING if guarded else Result.WRONG, said, mend)
    if found and not open_ones:
        yield _row(folder, Result.FINE, Words("for its owner alone", "仅所有者可用"))


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _row(place: Path, result: Result, said: Words, todo: Words = NOTHING) -> Row:
    return Row(area=Area.PERMISSIONS, what=both(str(place)), result=result, said=said, todo=todo)
