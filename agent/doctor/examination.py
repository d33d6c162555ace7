"""All checks of one box, put together: what can be known without the configuration is checked in any case."""

import errno
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from agent import settings as configuration
from agent import show, state_lock
from agent.doctor import broker, cameras, clocks, disk, nics, permissions, running, session, versions
from agent.doctor.rows import NOTHING, Area, Check, Result, Row, Tell, side_by_side
from agent.doctor.running import Running
from agent.examine import STEPS
from agent.hand_logins import HandLogins
from agent.settings import Settings
from agent.status import Status
from contract.policy import load_policy
from contract.problems import ConfigError, Language, Problem, Words, both, why

LOCAL_S = 20.0
"""For what this box tells of itself: a sick disk may keep its reader waiting."""
_DENIED = why(PermissionError(errno.EACCES, ""))
_SUDO = Words("run this with sudo", "请用 sudo 运行")


class Examined(Struct, frozen=True, kw_only=True):
    """`status`: of the running agent, where there is a fresh one."""

    rows: list[Row]
    status: Status | None


def examine(config: Path, lang: Language) -> Examined:
    """Takes as long as its slowest check. Raises ConfigError where the file cannot be read at all."""
    settings, problems = configuration.load_as_far(config)
    if any(problem.code == "unreadable" for problem in problems):
        raise ConfigError(problems)
    folders = [settings.state_dir] if settings else configuration.state_dirs(config)
    now = running.find(folders)
    checks = [*_of_the_box(config, folders[0], now)]
    if settings:
        checks += [*_of_the_broker(settings, problems, now), *_of_the_cameras(settings, problems, now, lang)]
        checks.append(Check(Area.NIC, NOTHING, lambda tell: nics.look(settings.discovery, now.status, tell), LOCAL_S))
    rows = [*_configured(settings, problems), *running.rows(now, config), *side_by_side(checks)]
    if now.status:
        rows += disk.told_by(now.status.journal)
    return Examined(rows=rows, status=now.status)


def _configured(settings: Settings | None, problems: Sequence[Problem]) -> list[Row]:
    denied = [problem for problem in problems if problem.params.get("why") == _DENIED]
    rows = [
        Row(area=Area.CONFIG, what=both(_place(one)), result=Result.WRONG, said=Words(one.words("en"), one.words("zh")))
        for one in problems
        if one not in denied
    ]
    if denied:
        names = ", ".join(problem.key for problem in denied)
        said = Words(f"may not be read by this user: {names}", f"本用户无权读取：{names}")
        rows.append(Row(area=Area.CONFIG, what=NOTHING, result=Result.UNCHECKED, said=said, todo=_SUDO))
    if settings and not problems:
        count = len(settings.cameras)
        said = Words(
            f"usable: {settings.gateway.id}, {count} cameras", f"可用：{settings.gateway.id}，摄像机 {count} 台"
        )
        rows.append(Row(area=Area.CONFIG, what=NOTHING, result=Result.FINE, said=said))
    return rows


def _place(problem: Problem) -> str:
    return " ".join(filter(None, (f"{problem.source}:{problem.line}" if problem.line else problem.source, problem.key)))


def _of_the_box(config: Path, folder: Path, now: Running) -> list[Check]:
    def check(area: Area, act: Callable[[Tell], None]) -> Check:
        return Check(area, NOTHING, act, LOCAL_S)

    return [
        check(Area.DISK, lambda tell: disk.look(folder, tell)),
        check(Area.PERMISSIONS, lambda tell: permissions.look(config, folder, tell)),
        check(Area.CLOCK, lambda tell: clocks.look(folder, now.status, tell)),
        check(Area.VERSIONS, versions.look),
    ]


# ---- the broker -----------------------------------------------------------------------------------


def _of_the_broker(settings: Settings, problems: Sequence[Problem], now: Running) -> list[Check]:
    unread = {problem.key.partition(".")[0] for problem in problems if ".tls" in problem.key}
    ways = [
        broker.Way(broker.endpoint(one), one.username)
        for index, one in enumerate(settings.broker)
        if f"broker[{index}]" not in unread
    ]
    climbs = [Check(Area.BROKER, both(way.endpoint.where), way.climb, broker.LADDER_S) for way in ways]
    return [*climbs, Check(Area.BROKER, session.WHAT, _session(settings, problems, now, ways), session.SESSIONS_S)]


def _session(
    settings: Settings, problems: Sequence[Problem], now: Running, ways: Sequence[broker.Way]
) -> Callable[[Tell], None]:
    def tell_of_it(tell: Tell) -> None:
        if now.status:
            for row in session.told_by(now.status.uplink):
                tell(row)
        elif now.runs is not False:
            said = Words("not tried: the agent may be running", "未检查：程序可能正在运行")
            tell(Row(area=Area.BROKER, what=session.WHAT, result=Result.UNCHECKED, said=said, todo=_SUDO))
        elif any(problem.key.startswith("broker") for problem in problems):
            said = Words("not tried: its password or certificate cannot be read", "未检查：密码或证书无法读取")
            tell(Row(area=Area.BROKER, what=session.WHAT, result=Result.UNCHECKED, said=said))
        else:
            session.log_in(ways, settings, lambda: not _has_started(settings.state_dir), tell)

    return tell_of_it


def _has_started(folder: Path) -> bool:
    try:
        return bool(state_lock.held(folder))
    except FileNotFoundError:
        return False
    except OSError:
        return True


# ---- the cameras ----------------------------------------------------------------------------------


def _of_the_cameras(settings: Settings, problems: Sequence[Problem], now: Running, lang: Language) -> list[Check]:
    def tell_of_them(tell: Tell) -> None:
        if now.status:
            for row in cameras.known(now.status.cameras):
                tell(row)
        elif any(problem.key.startswith("credentials.") for problem in problems):
            said = Words("not asked: passwords cannot be read", "未检查：密码无法读取")
            tell(Row(area=Area.CAMERA, what=NOTHING, result=Result.UNCHECKED, said=said))
        elif settings.cameras:
            _ask(settings, lang, tell)

    return [Check(Area.CAMERA, NOTHING, tell_of_them, cameras.CAMERAS_S)]


def _ask(settings: Settings, lang: Language, tell: Tell) -> None:
    logins = HandLogins(settings.state_dir, forced=False, lang=lang)
    logins.announce(settings.cameras)
    barred = [one.slot for one in settings.cameras if logins.gate.is_barred(one.slot)]
    policy = load_policy(settings.policy)
    with show.progress(STEPS * len(settings.cameras), lang) as advance:
        cameras.asked(settings.cameras, policy, logins.gate, barred, tell, advance=advance)
    logins.conclude()
