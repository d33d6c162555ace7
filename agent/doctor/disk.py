"""The disk that holds state_dir: room, whether it can be written, what lies on it."""

import errno
import os
import secrets
from pathlib import Path

from agent.doctor.rows import NOTHING, Area, Result, Row, Tell
from agent.show import JOURNAL_KINDS
from agent.status import JournalStatus
from contract.problems import Words, both, why

JOURNAL_BYTES = 64_000_000
"""What the journal may grow to, its log and reserve included: see agent/tell/journal.py."""
_FILES = "journal.db*"
_TRIED = b"a doctor's write test\n"


def look(folder: Path, tell: Tell) -> None:
    """Room and a write that reaches the disk. A folder that is not there yet is made by the agent at its start."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if there != folder:
        missing = Words("it is not there yet; the agent makes it at its start", "还没有这个目录，程序启动时会建立")
        tell(_row(folder, Result.WARNING, missing))
    journal_bytes = _journal_bytes(folder, tell)
    _room(there, journal_bytes, tell)
    if there == folder:
        _write(folder, tell)


def told_by(journal: JournalStatus) -> list[Row]:
    """What the running agent says of its journal."""
    if not journal.trouble:
        return []
    kind = journal.trouble.partition(":")[0]
    said = Words(
        f"the journal is in trouble: {journal.trouble}", f"日志无法可靠保存：{JOURNAL_KINDS.get(kind, journal.trouble)}"
    )
    what = Words("journal", "日志")
    return [Row(area=Area.DISK, what=what, result=Result.WRONG, said=said, todo=_MEND)]


def _journal_bytes(folder: Path, tell: Tell) -> int:
    try:
        size = sum(file.lstat().st_size for file in folder.glob(_FILES))
    except OSError:
        return 0
    if size > 2 * JOURNAL_BYTES:  # with two damaged ones that are kept
        said = Words(f"the journals take {_mb(size)}", f"日志共占 {_mb(size)}")
        tell(
            _row(
                folder,
                Result.WARNING,
                said,
                Words("delete journal.db.* that were set aside", "可删除搁置的 journal.db.*"),
            )
        )
    return size


def _room(place: Path, journal_bytes: int, tell: Tell) -> None:
    try:
        found = os.statvfs(place)
    except OSError as error:
        tell(_row(place, Result.UNCHECKED, why(error)))
        return
    free = found.f_bavail * found.f_frsize
    said = Words(
        f"{_mb(free)} free, the journal has {_mb(journal_bytes)}", f"空闲 {_mb(free)}，日志 {_mb(journal_bytes)}"
    )
    if found.f_flag & os.ST_RDONLY:
        tell(_row(place, Result.WRONG, why(OSError(errno.EROFS, "")), _MEND))
    elif not free:
        tell(_row(place, Result.WRONG, said, _MEND))
    elif free < max(0, JOURNAL_BYTES - journal_bytes):
        todo = Words(
            f"free some: the journal may grow to {_mb(JOURNAL_BYTES)}", f"请腾出空间：日志最大 {_mb(JOURNAL_BYTES)}"
        )
        tell(_row(place, Result.WARNING, said, todo))
    else:
        tell(_row(place, Result.FINE, said))


_MEND = Words(
    "free space, mount it writable, or replace the card; events are kept in memory meanwhile",
    "请腾出空间、改为可写挂载或更换存储卡；事件暂存内存",
)


def _write(folder: Path, tell: Tell) -> None:
    """Some bytes, as far as the disk, and away again."""
    file = folder / f".doctor-{secrets.token_hex(4)}"
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        tell(_unwritten(folder, error))
        return
    try:
        os.write(handle, _TRIED)
        os.fsync(handle)
        tell(_row(folder, Result.FINE, Words("can be written", "可以写入")))
    except OSError as error:
        tell(_unwritten(folder, error))
    finally:
        os.close(handle)
        file.unlink(missing_ok=True)


def _unwritten(folder: Path, error: OSError) -> Row:
    said = Words(f"cannot be written: {why(error).en}", f"无法写入：{why(error).zh}")
    if error.errno in (errno.EACCES, errno.EPERM):  # of us, who need not be whom the agent runs as
        return _row(folder, Result.UNCHECKED, said, Words("run this with sudo", "请用 sudo 运行"))
    return _row(folder, Result.WRONG, said, _MEND)


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 10_000_000 else f"{size / 1e6:.1f} MB"


def _row(place: Path, result: Result, said: Words, todo: Words = NOTHING) -> Row:
    return Row(area=Area.DISK, what=both(str(place)), result=result, said=said, todo=todo)
