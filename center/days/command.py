"""canteen-center days build | freeze | show: a month's figures from spans, final at its cut-off."""

import argparse
import hashlib
import time
from fractions import Fraction
from pathlib import Path

import msgspec

from center.arguments import Making, Misuse, loaded, no_month, rules, still_there
from center.days.build import build
from center.days.engine import Row, month
from center.days.final import Asked, empty, freeze, late, newest
from center.days.months import worked_in
from center.forms import Listing, answer, tell
from center.intervals import Span
from center.placing import alone, folder, placed
from center.rate import local, month_of, month_span, percent
from center.readings import Rule
from center.registry.command import somebody
from center.show import Plain, failing_first, headings, word
from center.store import Store
from contract.policy import Policy, load_policy

LEVELS = ("province", "city", "county", "unit", "slot")
HOUR_MS = 3_600_000


def add(making: Making) -> None:
    """The command and its acts."""
    say = making.say
    making = making.within(
        "days", "按日的在线时段与全月数字（Parquet、SQL）", "a month's figures from spans, as Parquet and SQL"
    )
    lay = making.command(
        "build", _build, "生成一个月的时段：只重算有变动的", "lay the spans of a month: what has changed of them"
    )
    every = say("全部重算", "work everything out again, not only what something came of")
    lay.add_argument("--whole", action="store_true", help=every)
    end = making.command(
        "freeze", _freeze, "把一个月定稿，或作修订", "make a month final, or give it a revision", database=False
    )
    making.person(end)
    end.add_argument("--reason", default="", metavar="TEXT", help=say("修订的理由", "of a revision"))
    show = making.command(
        "show",
        _show,
        "某层级的数字，及迟到的数据",
        "figures of a level, final or not, and what came late",
        database=False,
    )
    show.add_argument("--level", choices=LEVELS, default="city", help=say("层级；默认为市", "default: city"))
    for act in (lay, end, show):
        month = say("按北京时间；默认本月", "in Asia/Shanghai; default: the running month")
        act.add_argument("--month", default="", metavar="YYYY-MM", help=month)
        folder = say("其下每月一个文件夹", "one folder for each month in it")
        act.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=folder)
        making.policy(act)
        making.forms(act)


def month_asked(options: argparse.Namespace) -> tuple[str, Span]:
    """The month, and what there is of it by now."""
    now_ms = time.time_ns() // 1_000_000
    name = options.month or month_of(now_ms)
    try:
        begin, end = month_span(name)
    except ValueError as error:
        raise no_month(error) from error
    if begin >= now_ms:
        raise Misuse(f"--month {name} has not begun", f"--month {name} 尚未开始")
    return name, (begin, min(end, now_ms))


def _build(options: argparse.Namespace) -> int:
    name, span = month_asked(options)
    store = Store(options.database, create=False)
    try:
        with store.read() as reader:
            still_there(reader, name, month_span(name)[0])
        its_rules = rules(options.policy)
        with worked_in(options.out, "--out", name) as home, placed(options.out, "--out"):
            built = build(store, home / "now", span, its_rules, whole=options.whole)
    finally:
        store.close()
    said = word("laid", options.lang, name, *map(str, built))
    answer(options, {"month": name, **built._asdict()}, said)
    return 0


def _freeze(options: argparse.Namespace) -> int:
    name, span = month_asked(options)
    policy: Policy = loaded(load_policy, options.policy)
    whole = month_span(name)
    cut_off = whole[1] + policy.rate.final_after.value * HOUR_MS
    now_ms = time.time_ns() // 1_000_000
    by = options.by or somebody()
    asked = Asked(by, options.reason, now_ms, cut_off, digest_of(policy), rules(options.policy), rule_of(policy))
    _laid_here(options.out, name)
    with worked_in(options.out, "--out", name) as home, placed(options.out, "--out"):
        made = freeze(home, name, span, asked)
    told = {"month": name, "revision": made.number, "at": local(made.at_ms).isoformat(), "files": len(made.hashes)}
    answer(options, told, word("frozen", options.lang, name, str(made.number), str(len(made.hashes))))
    return 0


def digest_of(policy: Policy) -> str:
    """The sha256 of its text."""
    return hashlib.sha256(msgspec.json.encode(policy)).hexdigest()


def rule_of(policy: Policy) -> Rule:
    r = policy.rate
    theta, evidence = (Fraction(str(entry.value)) for entry in (r.min_day_ratio, r.min_evidence))
    return Rule(theta, r.spot_instants.value, r.deciding_reading.value, evidence)


def _show(options: argparse.Namespace) -> int:
    name, span = month_asked(options)
    _laid_here(options.out, name)
    home = options.out / name
    policy: Policy = loaded(load_policy, options.policy)
    with placed(options.out, "--out"), alone(home, reading=True):
        now = month(home / "now", span, rules(options.policy), rule_of(policy))
        final = newest(home)
        if final and options.level in ("unit", "slot"):
            listed = month(home / f"final-{final.number}", span, rules(options.policy), rule_of(policy))
        else:
            listed = final.rows if final else now
    rows = [row for row in listed if row.level == options.level]
    behind = late(final.rows, now) if final else {}
    rule, lang = rule_of(policy), options.lang
    at = local(final.at_ms).isoformat(" ", "minutes") if final else ""
    state = word("final", lang, str(final.number), at) if final else word("provisional", lang)
    head = {"month": name, "revision": final.number if final else None, "deciding": rule.deciding, "late": behind}
    if options.csv:
        listing = Listing([Plain(field) for field in Row._fields], [tuple(map(str, row)) for row in rows])
    else:
        columns = ("name", "slots", *headings(rule, lang).values(), "outages", "longest", "mttr", "planned")
        worst = sorted((row for row in rows if not row.kind), key=lambda row: failing_first(*_ratio(row, rule)))
        listing = Listing(columns, [_cells(row) for row in worst], columns[1:])
    moved = "  ".join(f"{name} {more:+d}" for name, more in behind.items() if more)
    lines = [f"{name}: {state}", word("star", lang), *([word("late", lang, moved)] if moved else [])]
    tell(options, lambda: head | {"rows": [row._asdict() for row in rows]}, listing, lines=lines)
    return 0


def _laid_here(out: Path, name: str) -> None:
    """Raises Unplaced, Refused where nothing of the month is."""
    folder(out, "--out")
    if not (out / name / "now" / "places.parquet").exists():
        raise empty(out / name, name)


def _ratio(row: Row, rule: Rule) -> tuple[int, int]:
    return {
        "time": (row.on_ms, row.e_ms),
        "days": (row.days_online, row.days),
        "spot": (row.spots_online, row.spots),
    }[rule.deciding]


def _cells(row: Row) -> tuple[str, ...]:
    mttr = row.ended_ms // row.ended if row.ended else 0
    return (
        row.name,
        str(row.slots),
        percent(row.on_ms, row.e_ms),
        percent(row.days_online, row.days),
        percent(row.spots_online, row.spots),
        str(row.outages),
        *(f"{ms // HOUR_MS}:{ms // 60_000 % 60:02d}" for ms in (row.longest_ms, mttr, row.planned_ms)),
    )
