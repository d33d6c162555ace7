"""canteen-center assessment: coverage, deciding rate and verdict of a month, or whether a year's item scores."""

import argparse
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from center.arguments import Making, Misuse, now_ms, policy_of, rules_of
from center.assessment import GONE, OPEN, RUNNING, SCORES, TO_COME, Year, due, month_of_place, year_of_place, zero_today
from center.commands import FINE, PROBLEM
from center.days.command import digest_of, month_asked, rule_of
from center.days.engine import Assessed, Failing, assess
from center.days.months import GivenUp, Month, laid
from center.forms import Listing, tell
from center.rate import local, month_span, percent
from center.report import ratio
from center.show import Plain, word
from center.store import Store
from contract.policy import Policy

LEVELS = {"city": "row", "county": "county"}
DETAILS = ("all", "row", "county")
EXACT = (
    *("level", "key", "name", "kind", "obligated", "covered", "slots", "numerator", "denominator"),
    *("rate", "evidence", "verdict", "failing"),
)


def add(making: Making) -> None:
    say = making.say
    zh, en = "覆盖率、在线率与考核判定（月或年）", "coverage, online rate and verdict, of a month or a year"
    command = making.command("assessment", _assessment, zh, en)
    when = command.add_mutually_exclusive_group()
    month = say("按北京时间；默认本月", "in Asia/Shanghai; default: the running month")
    when.add_argument("--month", default="", metavar="YYYY-MM", help=month)
    year = say("全年：各月、期限、该项是否得分", "months, deadlines, whether the year's item scores")
    when.add_argument("--year", default="", metavar="YYYY", help=year)
    level = say("市或区县；默认为市（通报各行）", "default: city, the rows of the bulletin")
    command.add_argument("--level", choices=tuple(LEVELS), default="city", help=level)
    kept(making, command)
    making.policy(command)
    making.forms(command)


def kept(making: Making, command: argparse.ArgumentParser) -> None:
    """`--days`."""
    zh = "按日数据的文件夹（days build --out）：更快，已定稿的月份取定稿；不填则临时生成"
    en = "of `days`: quicker, and final months are taken as frozen; without it all is worked out for this once"
    command.add_argument("--days", type=Path, metavar="FOLDER", help=making.say(zh, en))


def _assessment(options: argparse.Namespace) -> int:
    policy = policy_of(options.policy)
    store = Store(options.database, create=False)
    try:
        if options.year:
            return _of_year(options, store, policy)
        name, span = month_asked(options)
        with laid(store, options.days, Month(name, span, rules_of(policy), digest_of(policy))) as month:
            rows = assess(month.folder, span, rules_of(policy), rule_of(policy))
            state = {"revision": month.final.number if month.final else None, "running": span[1] < month_span(name)[1]}
    finally:
        store.close()
    chosen = [row for row in rows if row.level in ("all", LEVELS[options.level])]
    document: dict[str, Any] = {"month": name, "until": local(span[1]).isoformat(), **state, "policy": policy.id}
    document |= {"deciding": policy.rate.deciding_reading.value, "rows": [row_json(row) for row in chosen]}
    listings = [_exact(chosen)] if options.csv else list(_tables(chosen, policy, options.lang))
    tell(options, lambda: document, *listings, lines=[_counted(chosen, options.lang)])
    return PROBLEM if any(row.verdict == "WOULD_SCORE_ZERO" for row in chosen) else FINE


def row_json(row: Assessed) -> dict[str, Any]:
    """Whole numbers, beside them their ratios as text; `first`: what fails first."""
    told = row._asdict() | {"first": [one._asdict() for one in row.first]}
    known = ratio(row.on_ms + row.off_ms, row.e_ms)
    shares = {"coverage": ratio(row.covered, row.obligated), "rate": ratio(row.numerator, row.denominator)}
    return told | shares | {"evidence": known}


def _tables(rows: Sequence[Assessed], policy: Policy, lang: str) -> list[Listing]:
    """One for each kind of unit, in the order of the notice, the total first; nothing of kinds that do not count."""
    found = []
    rate = Plain(word(f"reading_{policy.rate.deciding_reading.value}", lang) + "*")
    for kind in policy.kinds:
        if not kind.counts:
            continue
        title = Plain(kind.title.zh if lang == "zh" else kind.title.en)
        mine = [row for row in rows if row.kind == kind.id]
        mine.sort(key=lambda row: (row.level != "all", row.level, row.place, row.key))
        cells = [
            (
                row.name or word("total", lang),
                *(f"{row.covered}/{row.obligated}", percent(row.covered, row.obligated)),
                *(percent(row.numerator, row.denominator), percent(row.on_ms + row.off_ms, row.e_ms)),
                *(word(row.verdict, lang), str(row.failing), item(row.first[0], lang) if row.first else ""),
            )
            for row in mine
        ]
        figures = ("covered", "coverage", rate, "evidence", "failing")
        columns = (title, "covered", "coverage", rate, "evidence", "verdict", "failing", "first")
        found.append(Listing(columns, cells, figures, ("verdict",)))
    return found


def item(one: Failing, lang: str) -> str:
    """One thing that stands against a full score, in words."""
    share = f" {one.numerator}/{one.denominator}" if one.what == "online" else ""
    return f"{one.name} {one.zone}{share}: {word(one.cause, lang)}"


def _counted(rows: Sequence[Assessed], lang: str) -> str:
    zero, places = zero_today(rows)
    return f"{word('if_today', lang, str(zero), str(places))}  {word('star', lang)}"


def _exact(rows: Sequence[Assessed]) -> Listing:
    cells = [
        (
            *(row.level, row.key, row.name, row.kind, *map(str, (row.obligated, row.covered, row.positions))),
            *(str(row.numerator), str(row.denominator), percent(row.numerator, row.denominator)),
            *(percent(row.on_ms + row.off_ms, row.e_ms), row.verdict, str(row.failing)),
        )
        for row in rows
    ]
    return Listing(EXACT, cells)


# ---- a year -------------------------------------------------------------------------------------


def _of_year(options: argparse.Namespace, store: Store, policy: Policy) -> int:
    if not (re.fullmatch("[0-9]{4}", options.year) and 1970 <= int(options.year) < 2100):
        raise Misuse(f"--year {options.year} is no year, such as 2026", f"--year {options.year} 不是年份，例如 2026")
    names = [f"{options.year}-{number:02d}" for number in range(1, 13)]
    if month_span(names[0])[0] >= now_ms():
        raise Misuse(f"--year {options.year} has not begun", f"--year {options.year} 尚未开始")
    words: dict[str, dict[str, str]] = defaultdict(dict)
    titles: dict[str, str] = {}
    blank: dict[str, str] = {}
    for name in names:
        state, rows = _month_of_year(options, store, policy, name)
        blank[name] = state
        bound = due(policy.deadlines, f"{local(month_span(name)[1] - 1):%Y-%m-%d}")
        places: dict[str, dict[str, Assessed]] = defaultdict(dict)
        for row in rows:
            if row.level in ("all", LEVELS[options.level]):
                places[row.key][row.kind] = row
                titles.setdefault(row.key, row.name)
        for key, by_kind in places.items():
            words[key][name] = state or month_of_place(by_kind, bound)
    years = [
        year_of_place(key, title, {name: words[key].get(name, blank[name] or "nothing") for name in names})
        for key, title in titles.items()
    ]
    _tell_year(options, policy, years)
    return PROBLEM if any(one.verdict not in (SCORES, OPEN) for one in years) else FINE


def _month_of_year(
    options: argparse.Namespace, store: Store, policy: Policy, name: str
) -> tuple[str, Sequence[Assessed]]:
    """Why it does not decide, or ""; and its rows."""
    at_ms = now_ms()
    begin, end = month_span(name)
    if begin >= at_ms:
        return TO_COME, ()
    span = (begin, min(end, at_ms))
    try:
        with laid(store, options.days, Month(name, span, rules_of(policy), digest_of(policy))) as month:
            rows = assess(month.folder, span, rules_of(policy), rule_of(policy))
            return RUNNING if end > at_ms else "", rows
    except GivenUp:
        return GONE, ()


def _tell_year(options: argparse.Namespace, policy: Policy, years: Sequence[Year]) -> None:
    lang = options.lang
    deadlines = [
        {"what": one.what, "units": one.units, "by": one.by, "clause": one.clause, "title": one.title.zh}
        for one in policy.deadlines
    ]
    document = {"year": options.year, "policy": policy.id, "deadlines": deadlines}
    document["rows"] = [one._asdict() for one in years]
    months = [f"{number}" for number in range(1, 13)]
    name = word("total", lang)
    if options.csv:
        cells = [(one.key, one.name or name, *one.months.values(), one.verdict) for one in years]
        listing = Listing(("key", "name", *map(Plain, months), "verdict"), cells)
    else:
        marks = [tuple(word(f"mark_{its}", lang) for its in one.months.values()) for one in years]
        cells = [(one.name or name, *mark, word(one.verdict, lang)) for one, mark in zip(years, marks, strict=True)]
        heads = tuple(map(Plain, months))
        listing = Listing(("name", *heads, "verdict"), cells, heads, ("verdict",))
    lines = [f"{one.by}  {one.title.zh if lang == 'zh' else one.title.en}（{one.clause}）" for one in policy.deadlines]
    tell(options, lambda: document, listing, lines=[*lines, word("marks", lang)])
