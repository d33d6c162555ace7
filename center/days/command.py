"""canteen-center days build | freeze | show: a month's figures from spans, final at its cut-off."""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from center.days.build import build
from center.days.engine import Row, Uncovered, month
from center.days.final import Asked, Refused, freeze, late, newest
from center.intervals import Span
from center.rate import Rules, local, month_of, month_span, percent
from center.readings import Rule
from center.registry.command import Misuse, loaded, somebody
from center.show import grid
from center.store import Store
from contract.policy import Policy, load_policy

LEVELS = ("province", "city", "county", "unit", "slot")
HOUR_MS = 3_600_000


def add(commands: Any, shared: argparse.ArgumentParser, policy: str, rules: Callable[[str], Rules]) -> None:
    """The command and its acts. `rules`: of a policy's name."""
    acts = commands.add_parser("days", help="a month's figures from spans, as Parquet and SQL").add_subparsers(
        required=True
    )
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument("--month", default="", metavar="YYYY-MM", help="in Asia/Shanghai; default: the running month")
    place.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="one folder for each month in it")
    place.add_argument("--policy", default=policy, help="shipped policy or a file")
    place.set_defaults(rules=rules)
    lay = acts.add_parser("build", parents=[shared, place], help="lay the spans of a month, or of its last days")
    lay.add_argument("--days", type=int, default=0, metavar="N", help="only the last N; default: all of the month")
    lay.set_defaults(act=_build)
    end = acts.add_parser("freeze", parents=[place], help="make a month final, or give it a revision")
    end.add_argument("--by", default="", metavar="PERSON", help="who answers for it; default: who is logged in")
    end.add_argument("--reason", default="", help="of a revision")
    end.set_defaults(act=_freeze)
    show = acts.add_parser("show", parents=[place], help="figures of a level, final or not, and what came late")
    show.add_argument("--level", choices=LEVELS, default="city")
    show.add_argument("--json", action="store_true")
    show.set_defaults(act=_show)


def _month(options: argparse.Namespace) -> tuple[str, Span]:
    """The month, and what there is of it by now."""
    now_ms = time.time_ns() // 1_000_000
    name = options.month or month_of(now_ms)
    try:
        begin, end = month_span(name)
    except ValueError as error:
        raise Misuse(f"--month {error} is not YYYY-MM") from error
    if begin >= now_ms:
        raise Misuse(f"--month {name} has not begun")
    return name, (begin, min(end, now_ms))


def _build(options: argparse.Namespace) -> int:
    name, (begin, end) = _month(options)
    if options.days > 0:
        day = 24 * HOUR_MS
        begin = max(begin, begin + ((end - 1 - begin) // day + 1 - options.days) * day)
    store = Store(options.database, create=False)
    try:
        with store.read() as reader:
            built = build(reader, options.out / name / "now", (begin, end), options.rules(options.policy))
    finally:
        store.close()
    _out(f"{name}: {built.written} days of cities written, {built.unchanged} as they were")
    return 0


def _freeze(options: argparse.Namespace) -> int:
    name, span = _month(options)
    policy: Policy = loaded(load_policy, options.policy)
    whole = month_span(name)
    text = hashlib.sha256(msgspec.json.encode(policy)).hexdigest()
    cut_off = whole[1] + policy.rate.final_after.value * HOUR_MS
    now_ms = time.time_ns() // 1_000_000
    by = options.by or somebody()
    asked = Asked(by, options.reason, now_ms, cut_off, text, options.rules(options.policy), rule_of(policy))
    try:
        made = freeze(options.out / name, name, span, asked)
    except Refused as refused:
        raise Misuse(str(refused)) from refused
    except Uncovered as gap:
        raise Misuse(str(gap)) from gap
    _out(f"{name}: revision {made.number}, {len(made.hashes)} files")
    return 0


def rule_of(policy: Policy) -> Rule:
    return Rule(Fraction(str(policy.rate.min_day_ratio.value)), policy.rate.spot_instants.value)


def _show(options: argparse.Namespace) -> int:
    name, span = _month(options)
    folder = options.out / name
    if not (folder / "now" / "places.parquet").exists():
        raise Misuse(f"{folder}: nothing of {name} is laid there: days build")
    policy: Policy = loaded(load_policy, options.policy)
    try:
        now = month(folder / "now", span, options.rules(options.policy), rule_of(policy))
    except Uncovered as gap:
        raise Misuse(str(gap)) from gap
    final = newest(folder)
    if final and options.level in ("unit", "slot"):
        listed = month(folder / f"final-{final.number}", span, options.rules(options.policy), rule_of(policy))
    else:
        listed = final.rows if final else now
    rows = [row for row in listed if row.level == options.level]
    behind = late(final.rows, now) if final else {}
    if options.json:
        told = {"month": name, "revision": final.number if final else None, "late": behind}
        _out(json.dumps(told | {"rows": [row._asdict() for row in rows]}, ensure_ascii=False, indent=2))
        return 0
    state = f"revision {final.number} of {local(final.at_ms).isoformat(' ', 'minutes')}" if final else "provisional"
    columns = ("name", "slots", "reading_time", "reading_days", "reading_spot", "outages", "longest", "mttr", "planned")
    grid(columns, [_cells(row) for row in rows if not row.kind], options.lang, right=columns[1:])
    _out(f"{name}: {state}", *([f"late: {json.dumps(behind)}"] if any(behind.values()) else []))
    return 0


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


def _out(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
