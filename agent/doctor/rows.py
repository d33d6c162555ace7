"""What a doctor says: rows, their order, the exit code; and checks that run side by side, each with a deadline."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from contract.problems import Words, both
from contract.vocabulary import MARKS, Standing

NOTHING = both("")


class Result(StrEnum):
    """What came of a check, worst first. UNCHECKED: it could not be made, which is no word about what it is for."""

    WRONG = "wrong"
    WARNING = "warning"
    UNCHECKED = "unchecked"
    FINE = "fine"


SIGNS = {
    Result.WRONG: MARKS[Standing.NOT_MET],
    Result.WARNING: MARKS[Standing.UNPROVEN],
    Result.UNCHECKED: MARKS[Standing.UNKNOWN],
    Result.FINE: MARKS[Standing.MET],
}


class Area(StrEnum):
    """What a check is about."""

    CONFIG = "config"
    AGENT = "agent"
    BROKER = "broker"
    CAMERA = "camera"
    DISK = "disk"
    PERMISSIONS = "permissions"
    CLOCK = "clock"
    NIC = "nic"
    VERSIONS = "versions"


AREAS = {
    Area.CONFIG: Words("configuration", "配置"),
    Area.AGENT: Words("agent", "程序"),
    Area.BROKER: Words("broker", "消息服务器"),
    Area.CAMERA: Words("camera", "摄像机"),
    Area.DISK: Words("disk", "磁盘"),
    Area.PERMISSIONS: Words("permissions", "权限"),
    Area.CLOCK: Words("clock", "时钟"),
    Area.NIC: Words("network", "网卡"),
    Area.VERSIONS: Words("versions", "版本"),
}


class Row(Struct, frozen=True, kw_only=True):
    """One thing that was checked. `what`: which one of its area; `said`: what was found; `todo`: the remedy, or ""."""

    area: Area
    what: Words
    result: Result
    said: Words
    todo: Words = NOTHING


Tell = Callable[[Row], None]


class Check(NamedTuple):
    """One check. `act` tells its rows as they are found; what it has not told by its deadline could not be checked."""

    area: Area
    what: Words
    act: Callable[[Tell], None]
    deadline_s: float


def side_by_side(checks: Sequence[Check]) -> list[Row]:
    """The rows of all checks, in their order. A check that hangs costs its own rows only, one that breaks as well."""
    began = time.monotonic()
    runs = [_Run(check) for check in checks]
    return [row for run in runs for row in run.rows(began)]


class _Run:
    def __init__(self, check: Check) -> None:
        self._check, self._rows = check, list[Row]()
        self._thread = threading.Thread(target=self._work, name=f"doctor-{check.area}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._check.act(self._rows.append)
        except Exception as error:  # whatever broke is a bug of ours; its message may hold a secret
            kind = type(error).__name__
            self._rows.append(self._unchecked(Words(f"the check itself broke: {kind}", f"检查本身出错：{kind}")))

    def rows(self, began: float) -> list[Row]:
        self._thread.join(max(0.0, began + self._check.deadline_s - time.monotonic()))
        found = list(self._rows)
        if self._thread.is_alive():
            seconds = f"{self._check.deadline_s:.0f}"
            found.append(self._unchecked(Words(f"no result within {seconds} s", f"{seconds} 秒内没有结果")))
        return found

    def _unchecked(self, said: Words) -> Row:
        return Row(area=self._check.area, what=self._check.what, result=Result.UNCHECKED, said=said)


def ordered(rows: Iterable[Row]) -> list[Row]:
    """The worst first; else in the order given."""
    places = list(Result)
    return sorted(rows, key=lambda row: places.index(row.result))


def exit_code(rows: Iterable[Row]) -> int:
    """1: something is wrong; 2: nothing is, as far as could be checked, which was not all; 0: all right."""
    results = {row.result for row in rows}
    return 1 if Result.WRONG in results else 2 if Result.UNCHECKED in results else 0
