"""canteen-center rate: the online rate of a month, by one policy or by several definitions side by side."""

import argparse
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from center.arguments import (
    POLICY,
    Making,
    Misuse,
    loaded,
    moment,
    no_month,
    now_ms,
    policy_of,
    rules,
    rules_of,
    still_there,
)
from center.commands import FINE
from center.compare import Compared, Way, compare
from center.compare import as_json as compared_as_json
from center.days.command import rule_of
from center.forms import Listing, tell
from center.rate import local, month_of, month_span, percent
from center.readings import NAMES, Definition, Rule, Share
from center.report import LEVELS, Report, When, as_json, report
from center.show import Plain, failing_first, headings, rate_cells, summary, word
from center.store import Reader, Store
from contract.plain import read_plain
from contract.preset import load_preset, presets
from contract.problems import ConfigError

COUNTS = ("slots", "online", "offline", "unknown", "never_seen")
COUNTED = {"time": "ms", "days": "camera_day", "spot": "sample"}
T = TypeVar("T")


def add(making: Making) -> None:
    say = making.say
    rate = making.command("rate", _rate, "某月的在线率", "online rate of a month")
    month = say("按北京时间；默认本月", "in Asia/Shanghai; default: the running month")
    rate.add_argument("--month", metavar="YYYY-MM", help=month)
    rate.add_argument("--level", choices=tuple(LEVELS), default="city", help=say("层级；默认为市", "default: city"))
    zh = "按该时刻计算，ISO 8601（未注明时区为 UTC）"
    at = say(zh, "as if it were this moment, ISO 8601 (UTC unless it has an offset)")
    rate.add_argument("--at", metavar="TIME", help=at)
    names = ", ".join(presets())
    zh = f"办法或口径（{names}），或文件；重复填写则并列"
    policy = say(zh, f"policy, definition ({names}) or a file; several are shown side by side")
    rate.add_argument("--policy", action="append", default=[], metavar="NAME|FILE", help=policy)
    making.forms(rate)


def _rate(options: argparse.Namespace) -> int:
    named = options.policy or [POLICY]
    at_ms = moment(options.at) if options.at else None
    if len(named) > 1 or _defines(named[0]):
        return _several(options, [way(name, options.lang) for name in named], at_ms)
    policy, when = policy_of(named[0]), _when(options.month, at_ms)
    its_rules, rule = rules_of(policy), rule_of(policy)
    made = _asked(options, when, lambda reader: report(reader, when, options.level, its_rules, rule))
    if options.csv:
        listing = _whole(made, options.lang)
    else:
        figures = (*COUNTS, *headings(rule, options.lang).values(), "evidence")
        listing = Listing(("name", *figures), rate_cells(made, options.lang), figures)
    tell(options, lambda: as_json(made), listing, lines=list(summary(made, options.lang)))
    return FINE


def _whole(made: Report, lang: str) -> Listing:
    """For a spreadsheet: every reading with both integers, and which of them decides."""
    columns = ("key", "name", *COUNTS, "definition", "numerator", "denominator", "rate", "deciding")
    rows = [
        (
            *(row.key, row.name, str(row.figures.slots), *map(str, row.counts[1:])),
            *(word(f"reading_{name}", lang), *map(str, row.readings.ratio(name)), percent(*row.readings.ratio(name))),
            word("yes" if name == made.rule.deciding else "no", lang),
        )
        for row in (*made.rows, made.total._replace(name=word("total", lang)))
        for name in NAMES
    ]
    return Listing(columns, rows)


def _when(month: str | None, at_ms: int | None) -> When:
    moment_ms = now_ms() if at_ms is None else at_ms
    try:
        begin, end = month_span(month or month_of(moment_ms))
    except ValueError as error:
        raise no_month(error) from error
    if at_ms is not None and at_ms > now_ms():
        raise Misuse(
            f"--at {local(moment_ms).isoformat()} is still to come", f"--at {local(moment_ms).isoformat()} 尚未到来"
        )
    if begin >= moment_ms:
        then_en, then_zh = (" at that time (--at)", "在 --at 时") if at_ms is not None else ("", "")
        raise Misuse(f"--month {month} has not begun{then_en}", f"--month {month} {then_zh}尚未开始")
    span = (begin, min(end, moment_ms))
    return When(month or month_of(moment_ms), span, moment_ms, live=at_ms is None)


def _asked(options: argparse.Namespace, when: When, ask: Callable[[Reader], T]) -> T:
    store = Store(options.database, create=False)
    try:
        with store.read() as reader:
            still_there(reader, when.month, when.span[0])
            return ask(reader)
    finally:
        store.close()


# ---- several definitions ------------------------------------------------------------------------


def _defines(name: str) -> bool:
    """Whether it is a definition, and no whole policy, which says what cameras must be capable of."""
    if "/" not in name and not name.endswith(".yaml"):
        return name in presets()
    try:
        return not any(line.startswith(b"capability:") for line in read_plain(Path(name)).splitlines())
    except OSError:
        return False


def way(name: str, lang: str) -> Way:
    """By name: a shipped definition, else a policy with the reading that decides in it; a file is either."""
    if _defines(name):
        preset = loaded(load_preset, name)
        rule = Rule(Fraction(str(preset.min_day_ratio.value)), preset.samples.value)
        passes = Fraction(str(preset.passes_at.value))
        definition = Definition(preset.id, preset.counted.value, rule, preset.unknown.value == "left_out", passes)
        try:
            its_rules = rules(preset.base)
        except (Misuse, ConfigError) as trouble:
            raise Misuse(f"{name}: base: {trouble}", f"{name}：base：{trouble.text('zh')}") from trouble
        return Way(definition, its_rules, preset.title.zh if lang == "zh" else preset.title.en)
    policy = policy_of(name)
    counted = COUNTED[policy.rate.deciding_reading.value]
    title = policy.title.zh if lang == "zh" else policy.title.en
    return Way(Definition(policy.id, counted, rule_of(policy)), rules_of(policy), title)


def _several(options: argparse.Namespace, ways: list[Way], at_ms: int | None) -> int:
    names = [way.definition.name for way in ways]
    if len(set(names)) < len(names):
        twice = max(names, key=names.count)
        raise Misuse(f"--policy: several are called {twice}", f"--policy：有多个名为 {twice}")
    when = _when(options.month, at_ms)
    made = _asked(options, when, lambda reader: compare(reader, when, options.level, ways))
    listing = _exact(made, ways, options.lang) if options.csv else _beside(made, ways, options.lang)
    lines = [_line(way, one, options.lang) for way, one in zip(ways, made.total, strict=True)]
    tell(options, lambda: compared_as_json(made, when, options.level, ways), listing, lines=lines)
    return FINE


def _beside(made: Compared, ways: list[Way], lang: str) -> Listing:
    """A column for each definition; the worst by the first of them first."""
    heads = [Plain(way.definition.name) for way in ways]
    ordered = sorted(made.rows.items(), key=lambda row: failing_first(*row[1][0][:2]))
    named = [*((name, shares) for (_, name), shares in ordered), (word("total", lang), made.total)]
    rows = [(name, *(_cell(one) for one in shares)) for name, shares in named]
    return Listing(("name", *heads), rows, heads)


def _cell(one: Share) -> str:
    return percent(one.numerator, one.denominator)


def _exact(made: Compared, ways: list[Way], lang: str) -> Listing:
    """A row for each place and definition, with both integers."""
    rows = [
        (
            key,
            name,
            way.definition.name,
            str(one.numerator),
            str(one.denominator),
            str(one.left_out),
            _cell(one),
            passed,
        )
        for (key, name), shares in (*made.rows.items(), (("", word("total", lang)), made.total))
        for way, one in zip(ways, shares, strict=True)
        for passed in (word("passes" if one.passes(way.definition) else "fails", lang),)
    ]
    columns = ("key", "name", "definition", "numerator", "denominator", "left_out", "rate", "verdict")
    return Listing(columns, rows)


def _line(way: Way, total: Share, lang: str) -> str:
    """What a definition counts, and how all of it fares."""
    d = way.definition
    verdict = word("passes" if total.passes(d) else "fails", lang)
    least = f"{float(d.passes_at):.0%}"
    parts = [f"{d.name}: {_cell(total)} ({total.numerator}/{total.denominator})", word("least", lang, least), verdict]
    if d.left_out:
        parts.append(f"{word('left_out', lang)} {total.left_out}")
    return "  ".join([*parts, way.title])
