"""Whether the agent runs on this box, and what it says of itself. Nothing is taken or asked of it."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from agent import __version__, state_lock, status
from agent.ask.attempt import boot_ms
from agent.ask.box.clocks import boot_id
from agent.doctor.rows import Area, Result, Row
from agent.show import STALE_S, in_force, upgrade_words
from agent.status import Status
from contract.messages import BROKEN_JSON
from contract.problems import Words, both

_START = Words("start it: sudo systemctl enable --now canteen-agent", "启动：sudo systemctl enable --now canteen-agent")
_RESTART = Words("restart it: sudo systemctl restart canteen-agent", "重启：sudo systemctl restart canteen-agent")
_RELOAD = Words(
    "have it taken over: sudo systemctl reload canteen-agent", "使其生效：sudo systemctl reload canteen-agent"
)
_RIGHTS = Words("run this with sudo", "请用 sudo 运行")
_WHAT = Words("", "")


class Running(Struct, frozen=True, kw_only=True):
    """`runs`: None = that could not be found out. `pid`: 0 = not known. `status`: a fresh one, else None.

    `age_s`: of the newest status there is, fresh or not; infinite = none.
    """

    runs: bool | None
    pid: int = 0
    status: Status | None = None
    age_s: float = math.inf


def find(folders: Sequence[Path]) -> Running:
    """The agent that keeps its state in one of these folders."""
    newest, age_s = _newest(folders)
    fresh = newest if age_s < STALE_S else None
    try:
        pid = max((state_lock.held(folder) for folder in folders if folder.exists()), default=0)
    except OSError:
        return Running(runs=True if fresh else None, status=fresh, age_s=age_s)
    return Running(runs=bool(pid or fresh), pid=pid or (fresh.pid if fresh else 0), status=fresh, age_s=age_s)


def _newest(folders: Sequence[Path]) -> tuple[Status | None, float]:
    found: list[tuple[float, Status]] = []
    for folder in folders:
        try:
            now = status.read(status.place(folder))
        except (OSError, *BROKEN_JSON):
            continue
        found.append((status.age_s(now, boot_id(), boot_ms()), now))
    age_s, now_or_none = min(found, key=lambda one: one[0], default=(math.inf, None))
    return now_or_none, age_s


def rows(running: Running, config: Path) -> list[Row]:
    """Whether it runs, by which version and configuration."""
    if running.runs is None:
        unseen = Words("whether it runs cannot be seen", "看不到是否在运行")
        return [_row(Result.UNCHECKED, unseen, _RIGHTS)]
    if not running.runs:
        return [_row(Result.WARNING, Words("it does not run", "没有运行"), _START)]
    now = running.status
    if not now:
        old = both(f"{running.age_s:.0f} s") if running.age_s < math.inf else Words("this boot", "本次开机以来")
        stuck = Words(
            f"it runs (PID {running.pid}), and has written no status for {old.en}",
            f"在运行（PID {running.pid}），但 {old.zh} 没有写状态",
        )
        return [_row(Result.WRONG, stuck, _RESTART)]
    found = [*_configuration(now, config), *_upgrade(now)]
    if now.version != __version__:
        other = Words(
            f"version {now.version} runs, {__version__} is installed", f"运行的是 {now.version}，装的是 {__version__}"
        )
        found.append(_row(Result.WARNING, other, _RESTART))
    if found:
        return found
    return [_row(Result.FINE, Words(f"runs, PID {running.pid}", f"正在运行，PID {running.pid}"))]


def _upgrade(now: Status) -> list[Row]:
    if not now.upgrade or not (words := Words(*(upgrade_words(now.upgrade, lang) for lang in ("en", "zh")))).en:
        return []
    wait = now.upgrade.state == "trial"
    again = "sudo /opt/canteen-agent/upgrade forget"
    try_again = Words(f"to allow it once more: {again}", f"允许再试一次：{again}")
    todo = Words("wait for its end", "请等待结束") if wait else try_again
    return [_row(Result.WARNING, words, todo)]


def _configuration(now: Status, config: Path) -> list[Row]:
    if now.config:
        bad = Words(
            f"the new configuration is not used, the last good one runs{in_force(now, 'en')}: {now.config[0].en}",
            f"新配置不可用，正按上一份可用的配置运行{in_force(now, 'zh')}：{now.config[0].zh}",
        )
        mend = Words(
            "mend it, then: sudo systemctl reload canteen-agent", "改正后：sudo systemctl reload canteen-agent"
        )
        return [_row(Result.WRONG, bad, mend)]
    try:
        changed_ms = config.stat().st_mtime * 1000
    except OSError:
        return []
    if now.started_ms < changed_ms < time.time() * 1000:
        return [
            _row(Result.WARNING, Words("the configuration was changed after its start", "启动后配置有改动"), _RELOAD)
        ]
    return []


def _row(result: Result, said: Words, todo: Words = _WHAT) -> Row:
    return Row(area=Area.AGENT, what=_WHAT, result=result, said=said, todo=todo)
