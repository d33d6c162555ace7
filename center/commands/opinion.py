"""canteen-center opinion import | show: the video platform's own online list beside the computed rate."""

import argparse
from collections.abc import Callable
from pathlib import Path

from center.arguments import Making, Misuse, now_ms, policy_of, rules_of
from center.commands import FINE, MISUSE, PROBLEM
from center.commands.assessment import kept
from center.days.command import digest_of, month_asked, rule_of
from center.days.engine import Dispute, disputes
from center.days.months import Month, laid
from center.forms import Listing, answer, err, tell
from center.outside.opinions import take_over
from center.registry.command import say_unfit
from center.registry.problems import Findings, Unfit
from center.registry.words import said, sentence
from center.show import word
from center.store import Store
from contract.problems import unreadable
from contract.text import lasted

MINUTE_MS = 60_000


def add(making: Making) -> None:
    say = making.say
    making = making.within("opinion", "视频平台的在线清单，作为旁证", "the video platform's own online list")
    take = making.command("import", _import, "导入清单，全部或全不", "take a list over, all or nothing")
    file = say("CSV 或 XLSX：点位编号或国标编号，时间，在线", "CSV or XLSX: position or gb_id, at, online")
    take.add_argument("file", type=Path, metavar="FILE", help=file)
    holds = say("没有更晚的一条时，一条有效多少分钟；默认 60", "minutes that a word holds; default 60")
    take.add_argument("--holds", type=int, default=60, metavar="MIN", help=holds)
    making.forms(take)
    zh, en = "与平台说法不一的点位和时长", "positions of which the platform says otherwise, and how long"
    show = making.command("show", _show, zh, en)
    month = say("按北京时间；默认本月", "in Asia/Shanghai; default: the running month")
    show.add_argument("--month", default="", metavar="YYYY-MM", help=month)
    kept(making, show)
    making.policy(show)
    making.forms(show)


def _import(options: argparse.Namespace) -> int:
    if not 1 <= options.holds <= 1440:
        raise Misuse(
            f"--holds {options.holds} must be 1 to 1440 minutes", f"--holds {options.holds} 须为 1 至 1440 分钟"
        )
    holds_ms = options.holds * MINUTE_MS
    return taken(options, "added", lambda store, found: take_over(store, options.file, holds_ms, now_ms(), found))


def taken(options: argparse.Namespace, name: str, take: Callable[[Store, Findings], tuple[int, int]]) -> int:
    """Rows of a file, all or none: `take` tells how many were new, `name` in JSON, and how many were there already."""
    store, findings = Store(options.database, create=False), Findings()
    try:
        new, before = take(store, findings)
    except Unfit as unfit:
        say_unfit(unfit, f"{options.file}: ", options.lang)
        return MISUSE
    except OSError as error:
        raise unreadable(str(options.file), error) from error
    finally:
        store.close()
    for warning in findings.warnings:
        err(f"{sentence('note', options.lang)}: {said(warning, options.lang)}")
    line = f"{word('added', options.lang)} {new}  {word('unchanged', options.lang)} {before}"
    answer(options, {name: new, "unchanged": before}, line)
    return FINE


def _show(options: argparse.Namespace) -> int:
    name, span = month_asked(options)
    policy = policy_of(options.policy)
    store = Store(options.database, create=False)
    try:
        with laid(store, options.days, Month(name, span, rules_of(policy), digest_of(policy))) as month:
            found, told_ms = disputes(month.folder, span, rules_of(policy), rule_of(policy))
    finally:
        store.close()
    if not told_ms:
        raise Misuse(
            f"nothing was compared: of {name} no word of the platform is held (opinion import takes its list)",
            f"没有可比对的内容：{name} 没有平台清单（用 opinion import 导入）",
        )
    lang = options.lang
    columns = ("place", "unit", "zone", "position", "cannot", "opens")
    rows = [_cells(one, lang, exact=options.csv) for one in found]
    listing = Listing(columns, rows, columns[-2:])
    tell(options, lambda: {"month": name, "rows": [one._asdict() for one in found]}, listing)
    return PROBLEM if found else FINE


def _cells(one: Dispute, lang: str, *, exact: bool) -> tuple[str, ...]:
    hours = (str(ms) if exact else lasted(ms, lang) for ms in (one.cannot_ms, one.opens_ms))
    return (one.county, one.name, one.zone, one.position, *hours)
