"""What mosquitto must know of who is enrolled: access lists, recovery passwords, revoked certificates; and that it has
changed.

Each file is written whole from the database, and takes the place of the one before in one act.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from center.enrolment.authority import DAY_MS, Authority
from center.enrolment.enrolling import standing
from center.placing import beside, make_folder
from center.store import Reader
from center.store.enrolled import Enrolment
from contract.plain import read_plain
from contract.problems import Told, Words, why
from contract.shipped import FOLDER
from contract.topics import down, up

ACL, RECOVERY_ACL, PASSWORDS, REVOKED = "acl", "acl_recovery", "recovery_passwords", "revoked.pem"
MODE = 0o640
RELOAD = "systemctl reload mosquitto"


class Untold(Told):
    """The broker could not be told that its files are new."""


def write(reader: Reader, authority: Authority, folder: Path, now_ms: int) -> None:
    """All four files. Raises Unplaced, OSError."""
    rows = reader.enrolments()
    make_folder(folder, "--broker-files")
    shipped = {name: (FOLDER / "broker" / name).read_text("utf-8") for name in (ACL, RECOVERY_ACL)}
    revoked = [(one.serial, one.revoked_ms) for one in rows if one.revoked_ms and one.expires_ms > now_ms - DAY_MS]
    contents = {
        ACL: shipped[ACL] + "".join(_muted(rows)),
        RECOVERY_ACL: shipped[RECOVERY_ACL],
        PASSWORDS: "".join(_passwords(rows)),
        REVOKED: authority.revocations(revoked, now_ms).decode("ascii"),
    }
    for name, text in contents.items():
        _replace(folder / name, text)


def _passwords(rows: Sequence[Enrolment]) -> Iterator[str]:
    for one in standing(rows).values():
        if one.recovery:
            yield f"{one.city}/{one.gateway}:{one.recovery}\n"


def _muted(rows: Sequence[Enrolment]) -> Iterator[str]:
    """A connection that stands outlives the list of revoked certificates: so the access list says it as well."""
    there = standing(rows)
    gone = {(one.city, one.gateway) for one in rows if one.gateway not in there}
    if gone:
        yield "\n# Revoked. / 已吊销。\n"
    for city, gateway in sorted(gone):
        yield f"user {city}/{gateway}\n"
        yield from (f"topic deny {topic(city, gateway, '#')}\n" for topic in (up, down))


def _replace(path: Path, text: str) -> None:
    """For its group too: the folder's owner and group, so that mosquitto, which is not root, can read it."""
    with beside(path, private=True) as part:
        part.write_text(text, "utf-8")
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(part, owner.st_uid, owner.st_gid)
        part.chmod(MODE)


def reload(pid_file: Path) -> None:
    """SIGHUP to the mosquitto whose number stands there. Raises Untold."""
    reason = Words("no mosquitto runs under the number in it", "其中不是正在运行的 mosquitto 的进程号")
    try:
        number = read_plain(pid_file).decode("ascii", "replace").strip()
        if number.isdecimal() and _is_mosquitto(number):
            os.kill(int(number), signal.SIGHUP)
            return
    except OSError as error:
        reason = why(error)
    raise Untold(
        f"--pid-file {pid_file}: {reason.en}. All is written, but mosquitto does not know: run {RELOAD}",
        f"--pid-file {pid_file}：{reason.zh}。文件均已写好，但 mosquitto 尚未读取，请执行：{RELOAD}",
    )


def _is_mosquitto(number: str) -> bool:
    try:
        return "mosquitto" in Path(f"/proc/{number}/comm").read_text()
    except OSError:
        return False
