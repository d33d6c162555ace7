"""The whole way on one machine: simulated cameras, a real broker, the agent, the center, and a live table.

With --seconds N it ends by itself and judges what it saw: every camera as its persona demands, and the center's online
rate against the simulator's own fault log, within one look interval. Beside it a past month of three localities is
replayed, and its bulletin's first lines are printed. Of both the center's pages are served, each behind a link that
lets in once.
"""

import math
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from contract.command_line import parser_of, wanted_lang
from contract.language import saying
from contract.vocabulary import MARKS, Clause, Reason, Standing, name
from scripts.past import DATABASE, DAYS
from scripts.stage import GATEWAY, Canteen, Cast, Failed, free_port
from simulator.faults import read_log
from simulator.persona import personas
from simulator.truth import available_ms

LOOK_S = 3
ACCEPTED_AFTER_S = 18
MIN_SECONDS = 40
CAST = {
    "hikvision-dome": ("粗加工间", "raw-prep"),
    "dahua-bullet": ("烹饪间", "cooking"),
    "tplink-typed-probe": ("备餐间", "serving"),
    "fixed-720p": ("洗消间", "washing"),
    "ptz-355": ("仓库", "store"),
    "no-backchannel": ("专间", "cold-dishes"),
}
"""Persona -> kitchen zone, in Chinese and as it stands in the slot."""
VICTIM = "cooking"
PAST, PAGES, PAST_PAGES = "past", "pages", "past-pages"
COLOURS = {Standing.MET: "green", Standing.NOT_MET: "red", Standing.UNPROVEN: "yellow", Standing.UNKNOWN: "magenta"}
MARK = {standing: f"[{colour}]{MARKS[standing]}[/]" for standing, colour in COLOURS.items()}
TEXT: dict[str, dict[str, Any]] = {
    "zh": {
        "title": "模拟食堂（{0}）",
        "columns": ("点位", "区域", "摄像机", "状态", "程度", "说明"),
        "rate": "中心计算的在线率 {0}（在线 {1:.1f} 秒 / 应在线 {2:.1f} 秒，未知 {3:.1f} 秒）  当前在线 {4}/{5}",
        "deciding": "作准的读法（{0}）：{1}（{2}/{3}）",
        "readings": {"time": "时长", "days": "日", "spot": "抽查"},
        "before": "验收尚未完成，在线率从验收时刻起算",
        PAGES: "网页（模拟食堂，链接只能用一次）：{0}",
        PAST_PAGES: "网页（重放的月份，链接只能用一次）：{0}",
        "off": "{0} 断电",
        "on": "{0} 恢复供电",
        "legend": "✓ 符合  ✗ 不符合  △ 未证实  ? 未知        Ctrl-C 结束",
        "ok": "通过：每台摄像机的判定均正确，中心的在线率与模拟器的记录一致（相差 {0} 毫秒，允许 {1} 毫秒）",
        "bad": "未通过：",
        "judged": "{0}（{1}）：{2} 判为 {3}，应为 {4}",
        "apart": "{0}：中心计在线 {1} 毫秒，模拟器的记录为 {2} 毫秒",
        "ended": "{0} 意外结束：\n{1}",
        PAST: "历史月份未能重放：\n{0}",
        "kept": "已保留：{0}",
    },
    "en": {
        "title": "simulated canteen ({0})",
        "columns": ("slot", "zone", "camera", "state", "level", "note"),
        "rate": "online rate by the center {0} (online {1:.1f} of {2:.1f} s, unknown {3:.1f} s)  now online {4}/{5}",
        "deciding": "the reading that decides ({0}): {1} ({2}/{3})",
        "readings": {"time": "time", "days": "days", "spot": "spot"},
        "before": "not accepted yet: the online rate counts from acceptance on",
        PAGES: "pages (this canteen; the link lets in once): {0}",
        PAST_PAGES: "pages (the month that was replayed; the link lets in once): {0}",
        "off": "{0} loses power",
        "on": "{0} has power again",
        "legend": "✓ met  ✗ not met  △ unproven  ? unknown        Ctrl-C ends",
        "ok": "passed: every camera judged right; center and simulator's log are {0} ms apart ({1} allowed)",
        "bad": "failed:",
        "judged": "{0} ({1}): {2} is {3}, its persona demands {4}",
        "apart": "{0}: the center says {1} ms online, the simulator's log {2} ms",
        "ended": "the {0} ended:\n{1}",
        PAST: "the past month could not be replayed:\n{0}",
        "kept": "kept: {0}",
    },
}


# ---- what a person sees -------------------------------------------------------------------------


def table(canteen: Canteen, lang: str, status: dict[str, Any], rate: dict[str, Any] | None, title: str) -> Group:
    text = TEXT[lang]
    capability = [clause for clause in Clause if clause is not Clause.ONLINE]
    shown = Table(*text["columns"], *(name(clause, lang) for clause in capability), box=SIMPLE_HEAD, title=title)
    by_slot = {camera["slot"]: camera for camera in status["cameras"]}
    for one in canteen.cast:
        shown.add_row(*row(one, by_slot.get(one.slot), capability, lang))
    return Group(shown, rate_line(canteen, text, rate), text["legend"])


def row(one: Cast, camera: dict[str, Any] | None, capability: Sequence[Clause], lang: str) -> list[str]:
    if camera is None:
        return [one.slot, one.zone, one.persona, "…", "", "", *("" for _ in capability)]
    colour = {"online": "green", "offline": "red"}.get(camera["availability"], "yellow")
    standing = {verdict["clause"]: Standing(verdict["standing"]) for verdict in camera["verdicts"]}
    words = {"online": ("在线", "online"), "offline": ("离线", "offline"), "unknown": ("未知", "unknown")}
    return [
        one.slot,
        one.zone,
        one.persona,
        f"[{colour}]{words[camera['availability']][0 if lang == 'zh' else 1]}[/]",
        camera["level"],
        name(Reason(camera["reason"]), lang) if camera["reason"] else "",
        *(MARK[standing[clause]] if clause in standing else "…" for clause in capability),
    ]


def rate_line(canteen: Canteen, text: dict[str, Any], rate: dict[str, Any] | None) -> str:
    if rate is None or time.time() * 1000 < canteen.accepted_ms + 1000:
        return str(text["before"])
    total, now = pooled(rate), rate["point_in_time"]
    line = str(text["rate"]).format(
        total.text, total.on_ms / 1000, total.e_ms / 1000, total.unknown_ms / 1000, now["online"], now["registered"]
    )
    decides = rate["readings"][rate["deciding"]]
    share = (decides["text"], decides["numerator"], decides["denominator"])
    return f"{line}\n" + str(text["deciding"]).format(text["readings"][rate["deciding"]], *share)


class Pooled(NamedTuple):
    e_ms: int
    on_ms: int
    unknown_ms: int
    text: str


def pooled(rate: dict[str, Any]) -> Pooled:
    whole = rate["total"]
    return Pooled(whole["E_ms"], whole["on_ms"], whole["unknown_ms"], whole["rate"]["text"])


# ---- what is judged -----------------------------------------------------------------------------


def complaints(
    canteen: Canteen, status: dict[str, Any], rate: dict[str, Any], at_ms: int, lang: str
) -> tuple[list[str], int]:
    """Everything that is not as it must be, and the largest difference between center and simulator in ms."""
    found = [
        TEXT[lang]["judged"].format(one.slot, one.persona, clause, got, want)
        for one in canteen.cast
        for clause, want, got in judged(one, status)
        if want != got
    ]
    log = read_log(canteen.log.read_text().splitlines())
    rows = {row_["key"].rpartition("/")[2]: row_ for row_ in rate["rows"]}
    apart = 0
    for one in canteen.cast:
        truth = available_ms(log, one.slot, canteen.accepted_ms, at_ms)
        told = rows[one.slot]["on_ms"]
        apart = max(apart, abs(told - truth))
        if abs(told - truth) > LOOK_S * 1000:
            found.append(TEXT[lang]["apart"].format(one.slot, told, truth))
    return found, apart


def judged(one: Cast, status: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    camera: dict[str, Any] = next((c for c in status["cameras"] if c["slot"] == one.slot), {"verdicts": []})
    standing = {verdict["clause"]: verdict["standing"] for verdict in camera["verdicts"]}
    for clause, want in personas()[one.persona].expect.items():
        yield clause, want, standing.get(clause, "not judged")


# ---- the run ------------------------------------------------------------------------------------


def play(canteen: Canteen, lang: str, seconds: float | None, console: Console) -> int:
    with ExitStack() as stack:
        running = canteen.start(stack)
        began = time.monotonic()
        length = seconds or 60.0
        off_at, on_at = length * 0.45, length * 0.7
        text = TEXT[lang]
        title, rate, rate_due = text["title"].format(GATEWAY), None, 0.0
        month: subprocess.Popen[bytes] | None = None
        unsaid: list[str] = []
        month_due = canteen.accepted_ms / 1000 + 2 * LOOK_S
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while seconds is None or time.monotonic() - began < seconds:
                past = time.monotonic() - began
                if past >= off_at:
                    off_at = act(canteen, "off", text["off"], live, off_at, length, forever=seconds is None)
                if past >= on_at:
                    on_at = act(canteen, "none", text["on"], live, on_at, length, forever=seconds is None)
                for title_, process in running.items():
                    if process.poll() is not None:
                        said = (canteen.folder / f"{title_}.log").read_text()[-2000:]
                        raise Failed(text["ended"].format(title_, said))
                if past >= rate_due:
                    rate, rate_due = canteen.rate(), past + 3
                if time.time() >= month_due:
                    month, month_due = stack.enter_context(replaying(canteen, lang)), float("inf")
                    running[PAGES] = stack.enter_context(served(canteen, PAGES, canteen.database))
                    unsaid.append(PAGES)
                if month and month.poll() is not None:
                    live.console.print(replayed(canteen, month, lang), markup=False)
                    month = None
                    days = ("--days", str(canteen.folder / DAYS))
                    running[PAST_PAGES] = stack.enter_context(
                        served(canteen, PAST_PAGES, canteen.folder / DATABASE, *days)
                    )
                    unsaid.append(PAST_PAGES)
                for page in [one for one in unsaid if link(canteen, one)]:
                    live.console.print(text[page].format(link(canteen, page)), markup=False, soft_wrap=True)
                    unsaid.remove(page)
                live.update(table(canteen, lang, canteen.status(), rate, title), refresh=True)
                time.sleep(0.5)
        code = end(canteen, lang, running, console, title)
        if month:
            console.print(replayed(canteen, month, lang), markup=False)
        return code


def replaying(canteen: Canteen, lang: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """At the lowest priority, and once the cameras are watched: they must not wait for it."""
    told = ("-m", "scripts.past", str(canteen.folder), "--lang", lang)
    return canteen.process(PAST, "nice", "-n", "19", sys.executable, *told)


def served(canteen: Canteen, title: str, database: Path, *days: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The pages of this database, behind the cameras as well."""
    told = ("-m", "scripts.pages", str(database), str(free_port()), *days)
    return canteen.process(title, "nice", "-n", "10", sys.executable, *told)


def link(canteen: Canteen, title: str) -> str:
    """What lets in to the pages, "" until they can be opened."""
    told = (canteen.folder / f"{title}.log").read_text().partition("\n")
    return told[0] if told[1] and told[0].startswith("http://") else ""


def replayed(canteen: Canteen, month: subprocess.Popen[bytes], lang: str) -> str:
    """What it printed, once it has ended. Raises Failed."""
    wrong = month.wait()
    told = (canteen.folder / f"{PAST}.log").read_text()
    if wrong:
        raise Failed(TEXT[lang][PAST].format(told[-2000:]))
    return told


def act(canteen: Canteen, fault: str, words: str, live: Live, at: float, length: float, *, forever: bool) -> float:
    """Cut or restore the power of one camera; when it happens next, in seconds from the start."""
    canteen.fault(VICTIM, fault)
    live.console.print(f"{datetime.now().astimezone():%H:%M:%S}  {words.format(VICTIM)}")
    return at + length if forever else float("inf")


def end(canteen: Canteen, lang: str, running: dict[str, subprocess.Popen[bytes]], console: Console, title: str) -> int:
    status = canteen.status()
    at_ms = int(time.time() * 1000)
    time.sleep(0.5)  # what the agent does now is after the moment that is judged
    canteen.end(running["agent"])  # its goodbye closes the session, so that everything up to at_ms is settled
    time.sleep(1.5)
    rate = canteen.rate(at_ms)
    console.print(table(canteen, lang, status, rate, title))
    found, apart = complaints(canteen, status, rate, at_ms, lang)
    if not found:
        console.print(TEXT[lang]["ok"].format(apart, LOOK_S * 1000), style="green")
        return 0
    console.print(TEXT[lang]["bad"], style="red")
    for complaint in found:
        console.print(f"  - {complaint}", markup=False)
    return 1


def main() -> int:
    lang = wanted_lang(None)
    say = saying(lang)
    parser = parser_of(
        "scripts/run", lang, "在本机模拟一个食堂，值守并上报", "A simulated canteen, watched and told, on this machine."
    )
    seconds = say(
        f"运行这么多秒（至少 {MIN_SECONDS}）后结束并判定结果",
        f"end after so many seconds (at least {MIN_SECONDS}) and judge the result",
    )
    parser.add_argument("--seconds", type=float, metavar="S", help=seconds)
    kept = say("保留日志和数据库所在的目录", "keep the folder with logs and databases")
    parser.add_argument("--keep", action="store_true", help=kept)
    real = say("改为在真实的摄像机和消息服务器上运行代理", "run the agent on real cameras and a real broker instead")
    parser.add_argument("--config", metavar="FILE", help=real)
    arguments = parser.parse_args()
    if arguments.seconds is not None and not MIN_SECONDS <= arguments.seconds < math.inf:
        parser.error(
            say(
                f"--seconds 不得小于 {MIN_SECONDS}：摄像机在 {ACCEPTED_AFTER_S} 秒后才算验收",
                f"--seconds must be at least {MIN_SECONDS}: the cameras are accepted after {ACCEPTED_AFTER_S}",
            )
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="canteen-"))
    console = Console(width=None if sys.stdout.isatty() else 150)
    try:
        cast = [(slot, zone, persona) for persona, (zone, slot) in CAST.items()]
        canteen = Canteen(folder, cast, accepted_after_s=ACCEPTED_AFTER_S, look_s=LOOK_S, deadline_s=2, heartbeat_s=2)
        return play(canteen, arguments.lang, arguments.seconds, console)
    except Failed as error:
        print(f"scripts/run: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        if arguments.keep:
            print(TEXT[arguments.lang]["kept"].format(folder), file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
