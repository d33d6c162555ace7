"""Whether the box's clock is really set: by the kernel, by who disciplines it, and by what was certain before."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from agent.ask.box import clocks
from agent.clock import CertainTime
from agent.decide.clock import BEHIND_MS, MOVED_MS
from agent.doctor.rows import NOTHING, Area, Result, Row, Tell
from agent.status import Status
from contract.problems import Words
from contract.vocabulary import ClockDoubt, name

SERVICES = ("systemd-timesyn", "chronyd", "ntpd", "openntpd", "ntpsec")
"""As /proc/PID/comm has their names, at most 15 characters of them (proc(5))."""
SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd touches it at each answer of its server (systemd-timesyncd.service(8))."""
FORGOTTEN_S = 6 * 3600
"""It asks at least every 34 minutes."""
_KERNEL, _SERVICE, _TIME = Words("kernel", "内核"), Words("time service", "校时服务"), Words("time", "时间")
_SET = Words(
    "timedatectl; install systemd-timesyncd or chrony, let UDP port 123 out, or name a time server of your network",
    "timedatectl；请安装 systemd-timesyncd 或 chrony，放行 UDP 123，或指定本地时间服务器",
)


def look(folder: Path, running: Status | None, tell: Tell) -> None:
    kernel = clocks.clock()
    if kernel.synced:
        said = Words(f"disciplined, wrong by {kernel.err_ms} ms at most", f"已校时，误差不超过 {kernel.err_ms} ms")
        tell(_row(_KERNEL, Result.FINE, said))
    elif not kernel.source:
        tell(_row(_KERNEL, Result.UNCHECKED, Words("it may not be asked (adjtimex)", "无权查询（adjtimex）")))
    else:
        tell(_row(_KERNEL, Result.WRONG, Words("nobody disciplines the clock", "时钟没有校时"), _SET))
    tell(served(running_services(), _touched_s(), synced=kernel.synced))
    tell(_time(folder, running))


def running_services(proc: Path = Path("/proc")) -> list[str]:
    """The time services that run on this box."""
    found = {comm for comm in _comms(proc) if comm in SERVICES}
    return sorted("systemd-timesyncd" if one == SERVICES[0] else one for one in found)


def _comms(proc: Path) -> Iterator[str]:
    for file in proc.glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield file.read_text("utf-8", "replace").strip()


def _touched_s() -> float | None:
    """Seconds since timesyncd's server answered; None = it never did since the box started."""
    try:
        return max(0.0, time.time() - SYNCHRONIZED.stat().st_mtime)
    except OSError:
        return None


def served(services: list[str], answered_s: float | None, *, synced: bool) -> Row:
    """The second source: who sets the clock. `answered_s`: seconds since the server of timesyncd answered."""
    names = ", ".join(services)
    if not services:
        said = Words("none is seen on this box", "本机没有看到校时服务")
        if synced:  # of a container, or a virtual machine whose host does it
            return _row(
                _SERVICE,
                Result.WARNING,
                said,
                Words("who sets the clock? A second source is missing", "时钟由谁设定？缺少第二个来源"),
            )
        return _row(_SERVICE, Result.WRONG, said, _SET)
    if "systemd-timesyncd" in services and len(services) == 1:
        if answered_s is None:
            return _row(
                _SERVICE, Result.WRONG, Words(f"{names}: no server has answered", f"{names}：时间服务器无应答"), _SET
            )
        ago = Words(f"{names}: its server answered {answered_s:.0f} s ago", f"{names}：{answered_s:.0f} 秒前有应答")
        return _row(_SERVICE, Result.WARNING if answered_s > FORGOTTEN_S else Result.FINE, ago)
    if not synced:
        return _row(
            _SERVICE,
            Result.WRONG,
            Words(f"{names}: runs, and has not set the clock", f"{names}：在运行，但尚未校时"),
            _SET,
        )
    return _row(_SERVICE, Result.FINE, Words(f"{names}: runs", f"{names}：正在运行"))


def _time(folder: Path, running: Status | None) -> Row:
    """The wall clock against what was certain before, and against the center's where the agent has heard of it."""
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    if running and running.clock.untrusted in list(ClockDoubt):
        doubt = ClockDoubt(running.clock.untrusted)
        said = Words(f"{shown}: not trusted, {name(doubt, 'en')}", f"{shown}：不可信，{name(doubt, 'zh')}")
        return _row(_TIME, Result.WRONG, said, _SET)
    certain_s = CertainTime(folder / "clock.json", boot=clocks.boot_id(), own=False)()
    if time.time() < certain_s - BEHIND_MS / 1000:
        said = Words(f"{shown}: before a time that was certain", f"{shown}：早于已经确定的时间")
        return _row(_TIME, Result.WRONG, said, _SET)
    if running and abs(running.at_ms - running.at_boot_ms - _offset_ms()) > MOVED_MS:
        said = Words(f"{shown}: the agent takes it to be another time", f"{shown}：与程序认定的时间不一致")
        return _row(_TIME, Result.WARNING, said, _SET)
    return _row(_TIME, Result.FINE, Words(f"{shown}: nothing speaks against it", f"{shown}：没有矛盾"))


def _offset_ms() -> int:
    at, utc_ms = clocks.both_ms()
    return utc_ms - at


def _row(what: Words, result: Result, said: Words, todo: Words = NOTHING) -> Row:
    return Row(area=Area.CLOCK, what=what, result=result, said=said, todo=todo)
