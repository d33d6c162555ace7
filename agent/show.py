"""Tables for people: what was discovered, what an inspection says, what the agent knows. The one user of rich here.

rich is loaded when something is shown, never by the daemon.
"""

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.causes import cause, note
from agent.model import Camera, Evidence, Seen
from agent.status import CameraStatus, LoginStatus, PictureStatus, Status, UplinkStatus
from agent.tell.failures import ADVICE, Kind
from contract.answering import tell
from contract.messages import UpgradeHealth, Verdict
from contract.text import columns, lasted, lines, words
from contract.vocabulary import MARKS, Availability, Clause, ClockDoubt, Reason, Rung, Standing, fault_name, name

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    from agent.ask.discovery.round import Round

STALE_S = 45
"""A status older than this is not the present."""
_BEFORE_BOOT = ("from before the box started", "本次开机之前")
SHANGHAI_S = 8 * 3600
"""China has one time without summer time, whatever zone the box is set to."""
COLOURS = {Standing.MET: "green", Standing.NOT_MET: "red", Standing.UNPROVEN: "yellow", Standing.UNKNOWN: "magenta"}

_CHANGED = {
    "zh": "设备身份已变，不再登录：请核实，如系更换请把新设备写入该点位的 identity 并重启",
    "en": "another device stands there, no login: check it; if it was replaced, write it into identity: and restart",
}

_PAUSED = {
    "zh": "{0}（{1}）：{2} 摄像机拒绝登录；为免账号被锁，{3} 之前不再登录，本次只做不需登录的检查。"
    "改正用户名或密码后立即恢复；确认无误、要马上试一次，请加 --login-now。",
    "en": "{0} ({1}): the camera refused this login at {2}; so that the account is not locked none is sent before {3},"
    " and the camera is asked without. A corrected user or password is used at once; to try this one now, add"
    " --login-now.",
}
_REFUSED = {
    "zh": "{0}（{1}）：摄像机拒绝登录{4}。请核对用户名和密码；为免账号被锁，{3} 之前不再登录，改正后立即恢复。",
    "en": "{0} ({1}): the camera refuses this login{4}. Check user and password; so that the account is not locked none"
    " is sent before {3}, a corrected one at once.",
}
_LEFT = {"zh": "，剩余 {0} 次机会", "en": ", {0} attempts are left"}
_UNSHARED = {
    "zh": "{0} 不可读：看不到网关记录的登录暂停，{1}；请用 root 运行",
    "en": "{0} cannot be read: pauses of logins that the agent keeps are not seen, {1}; run this as root",
}
_UNKEPT = {
    "zh": "登录被拒的记录无处可写，为免反复执行锁住账号，本次不登录：请腾出磁盘空间；要马上试一次，请加 --login-now。",
    "en": "a refused login could be written down nowhere, and repeated runs would lock the account: so none is sent."
    " Free some disk space; to try it once all the same, add --login-now.",
}
_KEPT = {
    True: {"zh": "本用户的记录另存", "en": "this user's are kept apart"},
    False: {"zh": "也无处保存", "en": "and none can be kept"},
}


JOURNAL_KINDS = {
    "quota": "已达到允许的大小",
    "full": "磁盘已满",
    "readonly": "磁盘为只读",
    "io": "磁盘读写出错",
    "corrupt": "文件已损坏",
    "foreign": "不是本程序的文件",
    "missing": "无法建立文件",
    "locked": "文件被其他程序占用",
    "link": "文件被链接或管道占位",
}
"""The kinds of agent/tell/database.py."""
NO_PICTURE = {"zh": "取不到画面：", "en": "no picture: "}


def say(words: str) -> None:
    """To the person at the terminal, beside what a program reads."""
    tell(words)


class Pause(NamedTuple):
    """A refused login: `ago_s` seconds ago; the next attempt is in `left_s`. `attempts_left`: None = not said."""

    ago_s: float
    left_s: float
    attempts_left: int | None = None


def paused(camera: Camera, pause: Pause, lang: str) -> str:
    return _PAUSED[lang].format(*_pause_words(camera, pause, lang))


def refused(camera: Camera, pause: Pause, lang: str) -> str:
    return _REFUSED[lang].format(*_pause_words(camera, pause, lang))


def unshared(state_dir: Path, own: Path | None, lang: str) -> str:
    return _UNSHARED[lang].format(state_dir, _KEPT[own is not None][lang])


def unkept(lang: str) -> str:
    return _UNKEPT[lang]


def _pause_words(camera: Camera, pause: Pause, lang: str) -> tuple[str, ...]:
    now_s = time.time()
    left = "" if pause.attempts_left is None else _LEFT[lang].format(pause.attempts_left)
    return camera.slot, camera.address, _when(now_s - pause.ago_s), _when(now_s + pause.left_s), left


def _when(utc_s: float) -> str:
    return time.strftime("%m-%d %H:%M", time.gmtime(utc_s + SHANGHAI_S))


def _show(*things: Any) -> None:
    """Texts, broken between words; tables."""
    from rich.console import Console

    Console().print(*(_Words(one) if isinstance(one, str) else one for one in things), sep="\n")


class _Words:
    """Text in rich's markup, which would break Chinese in the middle of the names in it: it has no spaces."""

    def __init__(self, markup: str) -> None:
        from rich.text import Text

        self._text = Text.from_markup(markup)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> Iterator["Text"]:
        from rich.text import Text

        broken = Text("\n").join(Text(line) for line in lines(self._text.plain, options.max_width))
        broken.style = next((span.style for span in self._text.spans), "")
        yield broken

    def __rich_measure__(self, console: "Console", options: "ConsoleOptions") -> "Measurement":
        from rich.measure import Measurement

        text = self._text.plain
        return Measurement(max(map(columns, words(text)), default=0), columns(text))


def _table(*heads: str, whole: Sequence[int] = (), style: str = "") -> "Table":
    """`whole`: numbers of columns that are never broken; `style`: of each row."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), row_styles=[style])
    for number, head in enumerate(heads):
        table.add_column(_Words(head), overflow="fold", no_wrap=number in whole)  # nothing may be cut off
    return table


def _row(table: "Table", *cells: str) -> None:
    table.add_row(*map(_Words, cells))


def _plain(text: str) -> str:
    """Text of a camera must not be read as rich's markup."""
    from rich.markup import escape

    return escape(text)


def discovered(found: "Round", lang: str) -> None:
    zh = lang == "zh"
    heads = ("地址", "端口", "名称", "型号", "MAC") if zh else ("address", "port", "name", "hardware", "MAC")
    table = _table(*heads, whole=(0, 1, 4))
    every = (*found.found, *found.announced)
    for one in every:
        cells = (one.address, str(one.port), one.name or "-", one.hardware or "-", one.mac or one.claimed_mac)
        _row(table, *map(_plain, cells))
    odd = [f"{one.address}: {note(words, lang)}" for one in every for words in one.notes]
    links = ", ".join(found.interfaces) or ("无" if zh else "none")
    count = f"共 {len(every)} 台（接口：{links}）" if zh else f"{len(every)} found (interfaces: {links})"
    _show(*([table] if every else []), *map(_plain, odd), count)


def inspected(camera: Camera, evidence: Evidence, verdicts: Sequence[Verdict], lang: str) -> None:
    from contract.reasons import explain

    zh = lang == "zh"
    device = evidence.capabilities.device
    who = f"{device.value.manufacturer} {device.value.model}" if isinstance(device, Seen) else ""
    table = _table(*(("条款", "判定", "证据", "说明") if zh else ("clause", "verdict", "evidence", "explanation")))
    before = ""
    for verdict in verdicts:
        offline = verdict.clause is Clause.ONLINE and verdict.standing is Standing.NOT_MET
        word = name(Availability.OFFLINE if offline else verdict.standing, lang)
        standing = f"[{COLOURS[verdict.standing]}]{MARKS[verdict.standing]} {word}[/]"
        level = f"{verdict.level} {name(verdict.level, lang)}"
        cause = f" [{verdict.proof[0]}]" if verdict.standing is Standing.UNKNOWN and verdict.proof else ""
        words = explain(verdict, lang) + cause
        again = "同上" if zh else "as above"
        _row(table, name(verdict.clause, lang), standing, level, again if words == before else _plain(words))
        before = words
    _show(_plain(f"{camera.name or camera.slot}  {camera.address}  {who}"), table)


LONG_S = 10.0
"""Who waits longer wants to know what for."""


@contextmanager
def asking(addresses: int, wait_s: float, lang: str) -> Iterator[None]:
    """What is waited for, where that takes long; on a terminal with the time that has passed."""
    if wait_s < LONG_S:
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    words = (
        f"正在逐个询问 {addresses} 个地址，约需 {wait_s:.0f} 秒"
        if lang == "zh"
        else f"asking {addresses} addresses one by one, for about {wait_s:.0f} s"
    )
    console = Console(stderr=True)
    if not console.is_terminal:
        tell(words)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task(words, total=None)
        yield


@contextmanager
def progress(total: int, lang: str, words: str = "") -> Iterator[Callable[[], None]]:
    """A bar on standard error, on a terminal only; the result is called after each step. `words`: what goes on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    words = words or ("检测摄像机" if lang == "zh" else "inspecting cameras")
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # tables appear above the bar; a pipe keeps what is its own
    ) as bar:
        task = bar.add_task(words, total=total)
        yield lambda: bar.advance(task)


def status(now: Status, age_s: float, lang: str) -> None:
    """What is wrong comes first; all of it is gray where it is so old that it says nothing of the present."""
    zh, old = lang == "zh", age_s >= STALE_S
    heads = ("点位", "名称", "地址", "状态", "自何时", "画面", "能力")
    table = _table(
        *(heads if zh else ("slot", "name", "address", "state", "since", "picture", "capability")),
        whole=(2, 3, 5, 6),
        style="bright_black" if old else "",
    )
    for one in sorted(now.cameras, key=_failing_first):
        met = sum(verdict.standing is Standing.MET for verdict in one.verdicts)
        cells = (
            _plain(one.slot),
            _plain(one.name),
            one.address,
            _state(one, lang),
            f"{_when(one.since_ms / 1000)} {lasted(now.at_ms - one.since_ms, lang)}" if one.since_ms else "-",
            _soundness(one.picture, lang),
            f"{met}/{len(one.verdicts)}" if one.verdicts else "-",
        )
        _row(table, *(_colourless(cell) if old else cell for cell in cells))
    head = f"{now.city}/{now.gateway}  {_line(now.uplink, lang)}  " + (
        f"待确认事件 {now.uplink.pending}" if zh else f"{now.uplink.pending} events not acknowledged"
    )
    told = [_plain(head), table, *causes(now, lang), *(f"[yellow]{_plain(one)}[/]" for one in todo(now.cameras, lang))]
    if now.clock.untrusted:
        why = name(ClockDoubt(now.clock.untrusted), lang)
        untrusted = f"时钟不可信：{why}（clock_untrusted）" if zh else f"clock_untrusted: {why}"
        told.append(f"[yellow]{untrusted}[/]")
    if now.uplink.problem in list(Kind):
        told.insert(1, f"[yellow]{ADVICE[Kind(now.uplink.problem)][lang]}[/]")
    if now.journal.trouble:
        told.insert(1, f"[red]{_plain(_journal(now.journal.trouble, lang))}[/]")
    if now.config:
        words = (
            "新配置不可用，正按上一份可用的配置运行"
            if zh
            else "the new configuration is not used, the last good one runs"
        )
        words += in_force(now, lang)
        told[1:1] = [f"[red]{words}:[/]", *(f"[red]  {_plain(one.zh if zh else one.en)}[/]" for one in now.config)]
    if now.upgrade and (words := upgrade_words(now.upgrade, lang)):
        told.insert(1, f"[{'yellow' if now.upgrade.state == 'trial' else 'red'}]{_plain(words)}[/]")
    if old:
        age = (f"{age_s:.0f} 秒前" if zh else f"{age_s:.0f} s old") if age_s < math.inf else _BEFORE_BOOT[zh]
        stopped = f"{age}的状态：代理可能已停止" if zh else f"{age}: the agent may have stopped"
        told.append(f"[red]{stopped}[/]")
    _show(*told)


_STATES = {
    Availability.ONLINE: (Standing.MET, "green"),
    Availability.OFFLINE: (Standing.NOT_MET, "red"),
    Availability.UNKNOWN: (Standing.UNKNOWN, "yellow"),
}


def _failing_first(one: CameraStatus) -> tuple[int, bool]:
    order = (Availability.OFFLINE, Availability.UNKNOWN, Availability.ONLINE)
    return order.index(one.availability), one.picture.sound is not False


def _state(one: CameraStatus, lang: str) -> str:
    """With a sign, so that no colour is needed; a camera that is online with a bad picture is to be looked at."""
    standing, colour = _STATES[one.availability]
    if one.availability is Availability.ONLINE and one.picture.sound is False:
        standing, colour = Standing.UNPROVEN, "yellow"
    return f"[{colour}]{MARKS[standing]} {name(one.availability, lang)}[/]"


def _colourless(markup: str) -> str:
    from rich.text import Text

    return _plain(Text.from_markup(markup).plain)


def upgrade_words(last: UpgradeHealth, lang: str) -> str:
    """What is to be said of the last upgrade; "" where all went well."""
    at, zh = _when(last.at_ms / 1000), lang == "zh"
    if last.state == "trial":
        return (
            f"{last.to} 自 {at} 起试运行；不如升级前，则自动恢复 {last.before}"
            if zh
            else f"{last.to} is on trial since {at}; where it does less well than {last.before}, that one comes back"
        )
    if last.state == "rolled_back":
        return (
            f"{last.to} 于 {at} 被退回，运行的是 {last.before}：{last.zh}"
            if zh
            else f"{last.to} was rolled back at {at}, {last.before} runs: {last.en}"
        )
    return ""


def in_force(now: Status, lang: str) -> str:
    """Since when the configuration that runs is in force, in brackets; "" where that is not known."""
    if now.config_since_ms is None:
        return ""
    since, age = _when(now.config_since_ms / 1000), lasted(now.at_ms - now.config_since_ms, lang)
    return f"（{since} 起生效，{age}）" if lang == "zh" else f" (in force since {since}, {age})"


def _line(uplink: UplinkStatus, lang: str) -> str:
    """How the line to the center is; what to do about it stands in ADVICE."""
    if lang != "zh":
        return uplink.detail
    if uplink.connected:
        return uplink.detail.replace("connected to", "已连接")
    return "未连接消息服务器" + (f"（{uplink.problem}）" if uplink.problem else "")


def _journal(trouble: str, lang: str) -> str:
    if lang != "zh":
        return f"the journal is in trouble: {trouble}"
    kind = trouble.partition(":")[0]
    return "日志无法可靠保存" + (f"：{JOURNAL_KINDS[kind]}（{kind}）" if kind in JOURNAL_KINDS else "")


def causes(now: Status, lang: str) -> list[str]:
    """What is the matter with each camera, in rich's markup: a line for it, and one for its picture."""
    found = []
    for one in now.cameras:
        if words := _reason(one, lang):
            found.append(_plain(f"{one.slot}: {words}"))
        if one.picture.faults or one.picture.reason or one.picture.old:
            words = picture_words(one.picture, now.at_ms, lang)
            found += [] if words == "-" else [f"{_plain(one.slot)}: {words}"]
    return found


def _reason(one: CameraStatus, lang: str) -> str:
    """Why the camera is not online. While its login is paused that is why, whatever a look without it met."""
    rung = name(one.level, lang) if one.reason and one.level is not Rung.UNREACHABLE else ""  # else the reason says it
    parts = [rung, name(one.reason, lang) if one.reason else ""]
    if one.login_refused:
        parts.append(_login(one.login_refused, lang))
    else:
        parts.append(cause(one.detail, lang))
    parts.append(_CHANGED[lang] if one.identity_changed else "")
    return ("；" if lang == "zh" else "; ").join(filter(None, parts))


def _login(login: LoginStatus, lang: str) -> str:
    """Since when the login is refused, when it is tried again, and how to end the pause."""
    since, until = _when(login.since_ms / 1000), _when(login.until_ms / 1000)
    left = "" if login.attempts_left is None else _LEFT[lang].format(login.attempts_left)
    if lang == "zh":
        return (
            f"{since} 登录被拒{left}，{until} 再试；改正配置中的用户名或密码并重启，立即生效；"
            "若是在摄像机上改的，请运行 inspect --login-now"
        )
    return (
        f"login refused at {since}{left}, tried again at {until}; a user or password corrected in the configuration"
        " takes effect at once after a restart; where it was put right at the camera, run inspect --login-now"
    )


def todo(cameras: Iterable[CameraStatus], lang: str) -> list[str]:
    """What is to be done at cameras that the gateway cannot see well, one line for each remedy."""
    from contract.reasons import advice

    slots: dict[str, list[str]] = {}
    for one in cameras:
        why = [one.finding or one.reason] if one.finding or one.reason is Reason.BUSY else []
        for word in dict.fromkeys(filter(None, [*why, one.picture.finding])):
            slots.setdefault(advice(word, Clause.ONLINE, lang), []).append(one.slot)
    return [f"{', '.join(names)}: {words}" for words, names in slots.items()]


def picture_words(picture: PictureStatus, now_ms: int, lang: str) -> str:
    """完好, or each fault with the time since which it lasts; "-" while that is not known.

    Where no picture was had for long: why, and gray what was known, with its age at `now_ms`.
    """
    tried = picture.reason not in (None, Reason.UNASKED)
    why = name(picture.reason, lang) if picture.reason and tried else ""
    if picture.finding:
        why = cause(picture.detail, lang) or why
    missing = NO_PICTURE[lang] + why if why else ""
    words, colour = _known_words(picture, lang)
    if picture.old and words and picture.seen_ms is not None:
        words, colour = f"{words} ({_age(now_ms - picture.seen_ms, lang)})", "bright_black"
    elif words and not picture.old:
        missing = ""  # one visit that showed nothing
    known = f"[{colour}]{_plain(words)}[/]" if words else ""
    return " ".join(filter(None, [_plain(missing), known])) or "-"


def _soundness(picture: PictureStatus, lang: str) -> str:
    """One word for the table; the rest stands below it."""
    if picture.sound is None:
        return "-"
    words = ("完好" if picture.sound else "异常") if lang == "zh" else ("sound" if picture.sound else "faulty")
    return f"[{'bright_black' if picture.old else 'green' if picture.sound else 'yellow'}]{words}[/]"


def _known_words(picture: PictureStatus, lang: str) -> tuple[str, str]:
    """What is known of the picture, and its colour; "" while nothing is."""
    zh = lang == "zh"
    if picture.sound is None:
        return "", ""
    if picture.sound:
        return "完好" if zh else "sound", "green"
    since = ((fault_name(one.fault, lang), time.gmtime(one.since_ms / 1000 + SHANGHAI_S)) for one in picture.faults)
    words = (
        f"{fault} {time.strftime('%m-%d %H:%M', at)} 起" if zh else f"{fault} since {time.strftime('%m-%d %H:%M', at)}"
        for fault, at in since
    )
    return "，".join(words) if zh else ", ".join(words), "yellow"


def _age(age_ms: int, lang: str) -> str:
    minutes = max(0, age_ms) // 60_000
    hours, days = minutes // 60, minutes // 1440
    count, unit = (days, 2) if days > 1 else (hours, 1) if hours > 1 else (minutes, 0)
    return f"{count} {('分钟', '小时', '天')[unit]}前" if lang == "zh" else f"{count} {('min', 'h', 'days')[unit]} ago"
