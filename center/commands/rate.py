"""canteen-center rate: the online rate of a month."""

import argparse

from center.arguments import Making, Misuse, moment, now_ms, rules
from center.calendar import Gap
from center.commands import FINE
from center.forms import Listing, tell
from center.rate import Rules, month_of, month_span
from center.report import LEVELS, Report, When, as_json, report
from center.show import rate_cells, summary
from center.store import Store

FIGURES = ("slots", "online", "offline", "unknown", "never_seen", "rate", "evidence", "upper")


def add(making: Making) -> None:
    say = making.say
    rate = making.command("rate", _rate, "某月的在线率", "online rate of a month")
    month = say("按北京时间；默认本月", "in Asia/Shanghai; default: the running month")
    rate.add_argument("--month", metavar="YYYY-MM", help=month)
    rate.add_argument("--level", choices=tuple(LEVELS), default="city", help=say("层级；默认为市", "default: city"))
    at = say(
        "按该时刻计算，ISO 8601（未注明时区为 UTC）",
        "as if it were this moment, ISO 8601 (UTC unless it has an offset)",
    )
    rate.add_argument("--at", metavar="TIME", help=at)
    making.policy(rate)
    making.forms(rate)


def _rate(options: argparse.Namespace) -> int:
    its_rules = rules(options.policy)
    at_ms = moment(options.at) if options.at else None
    store = Store(options.database, create=False)
    made = _report(store, options.month, at_ms, options.level, its_rules)
    rows = rate_cells(made, options.lang)
    lines = [] if options.json or options.csv else list(summary(made, options.lang))
    tell(options, lambda: as_json(made), Listing(("name", *FIGURES), rows, FIGURES), lines=lines)
    return FINE


def _report(store: Store, month: str | None, at_ms: int | None, level: str, its_rules: Rules) -> Report:
    moment_ms = now_ms() if at_ms is None else at_ms
    try:
        begin, end = month_span(month or month_of(moment_ms))
    except ValueError as error:
        raise Misuse(f"--month {error} is not YYYY-MM") from error
    span = (begin, max(begin, min(end, moment_ms)))
    when = When(month or month_of(moment_ms), span, moment_ms, live=at_ms is None)
    try:
        with store.read() as reader:
            return report(reader, when, level, its_rules)
    except Gap as gap:
        raise Misuse(f"{gap}: register the days of the whole month (registry template, 校历 calendars)") from gap
