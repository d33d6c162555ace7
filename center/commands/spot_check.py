"""canteen-center spot-check draw | enter | show: drawn by a published seed, opened by hand, compared."""

import argparse
from pathlib import Path
from typing import Any

from center.arguments import Making, Misuse, locality, now_ms, policy_of, rules_of
from center.commands import FINE, PROBLEM
from center.commands.opinion import taken
from center.forms import Listing, tell
from center.outside.agreement import printed
from center.outside.spots import DAY_MS, Agreement, Refused, agreement, enter, judge, make, named, usual
from center.rate import SHANGHAI, Rules, local, moment_ms, percent
from center.registry.cells import written
from center.registry.command import somebody
from center.registry.tree import Tree
from center.show import word
from center.store import Reader, Store
from center.store.outside import Draw, Drawn

COLUMNS = ("number", "position", "place", "unit", "zone", "at", "result", "note")


def add(making: Making) -> None:
    say = making.say
    making = making.within("spot-check", "人工抽查：抽取、填报、核对", "spot checks by hand: drawn, entered, compared")
    act = making.command("draw", _draw, "按公布的种子抽取点位和时刻", "draw positions and instants by a published seed")
    count = say("抽取次数", "how many")
    act.add_argument("--n", type=int, required=True, metavar="N", help=count)
    for name, zh, en in (
        ("from", "时段起（北京时间）；默认明日零时", "begin of the period, Asia/Shanghai; default: tomorrow"),
        ("to", "时段止；默认其后 7 日", "its end; default: seven days later"),
    ):
        act.add_argument(f"--{name}", default="", dest=f"{name}_", metavar="TIME", help=say(zh, en))
    only = say("只抽该市、县（代码或名称）", "only of this city or county (code or name)")
    act.add_argument("--county", default="", metavar="CODE|NAME", help=only)
    making.person(act)
    making.policy(act)
    fill = making.command("enter", _enter, "填报结果，全部或全不", "enter results, all or nothing")
    file = say("抽查表（draw --csv），填好“结果”列", "what draw --csv printed, with its column `result` filled in")
    fill.add_argument("file", type=Path, metavar="FILE", help=file)
    making.person(fill)
    show = making.command("show", _show, "抽查表，及与计算结果的一致率", "what was drawn, and how far it agrees")
    making.policy(show)
    for one in (act, fill, show):
        seed = say("公布的种子，如开奖号码", "the published seed, such as a lottery's numbers")
        one.add_argument("--seed", required=True, metavar="TEXT", help=seed)
        making.forms(one)


def _draw(options: argparse.Namespace) -> int:
    at_ms, rules = now_ms(), rules_of(policy_of(options.policy))
    period = _period(options, at_ms)
    store = Store(options.database, create=False)
    try:
        with store.read() as reader:
            tree = Tree(reader.regions())
        region = locality(tree, "--county", options.county, at_ms) if options.county else ""
        asked = Draw(named(options.seed, region), *period, options.n, at_ms, options.by or somebody(), region)
        judge(asked)
        rows = make(store, asked, rules)
    finally:
        store.close()
    tell(options, lambda: {"draw": asked._asdict(), "rows": [row._asdict() for row in rows]}, _listing(rows, options))
    return FINE


def _period(options: argparse.Namespace, at_ms: int) -> tuple[int, int]:
    begin = _moment("--from", options.from_) if options.from_ else usual(at_ms)[0]
    return begin, _moment("--to", options.to_) if options.to_ else begin + 7 * DAY_MS


def _moment(option: str, text: str) -> int:
    try:
        return moment_ms(text, SHANGHAI)
    except ValueError as error:
        raise Misuse(
            f"{option} {text!r} is no time such as 2026-12-01T08:00",
            f"{option} {text!r} 不是时间，应如 2026-12-01T08:00",
        ) from error


def _listing(rows: list[Drawn], options: argparse.Namespace) -> Listing:
    lang = options.lang
    cells = [
        (
            *(str(row.number), row.position, row.region, row.unit_name, row.zone, written(row.at_ms)),
            *(word(row.result, lang) if row.result else "", row.note),
        )
        for row in rows
    ]
    return Listing(COLUMNS, cells, ("number",), ("at",))


def _enter(options: argparse.Namespace) -> int:
    by = options.by or somebody()
    return taken(
        options, "entered", lambda store, found: enter(store, named(options.seed), options.file, by, now_ms(), found)
    )


def _show(options: argparse.Namespace) -> int:
    seed = named(options.seed)
    store = Store(options.database, create=False)
    try:
        with store.read() as reader:
            asked = next((one for one in reader.draws() if one.seed == seed), None)
            if asked is None:
                raise Refused(f"--seed {seed}: nothing was drawn by it", f"--seed {seed}：没有按它抽取过")
            rows = reader.drawn(seed)
            found = agreement(reader, rows, rules_of(policy_of(options.policy)))
    finally:
        store.close()
    document = {"draw": asked._asdict(), "agreement": as_json(found), "rows": [row._asdict() for row in rows]}
    tell(options, lambda: document, _listing(rows, options), lines=_lines(asked, found, options.lang))
    return PROBLEM if found.not_opened or found.opened else FINE


def as_json(found: Agreement) -> dict[str, Any]:
    """Counts; the share that agrees, with its bound at 95 % (Clopper-Pearson), printed outwards."""
    low, high = printed(found.bound) if found.bound else ("n/a", "n/a")
    share = {"numerator": found.agree, "denominator": found.decided, "text": percent(found.agree, found.decided)}
    return found._asdict() | {"bound": {"low": low, "high": high, "confidence": "0.95"}, "share": share}


def _lines(asked: Draw, found: Agreement, lang: str) -> list[str]:
    told = as_json(found)
    period = f"{local(asked.from_ms):%Y-%m-%d %H:%M} - {local(asked.to_ms):%Y-%m-%d %H:%M}"
    lines = [word("drawn", lang, asked.seed, period, str(found.drawn), str(found.entered))]
    bound = (told["bound"]["low"], told["bound"]["high"])
    lines.append(word("agrees", lang, told["share"]["text"], str(found.agree), str(found.decided), *bound))
    lines.append(word("differs", lang, str(found.not_opened), str(found.opened), str(found.unknown)))
    if asked.late:
        lines.append(word("drawn_late", lang))
    return lines


def of_month(reader: Reader, span: tuple[int, int], rules: Rules) -> list[dict[str, Any]]:
    """For a bulletin: what was drawn in time of this month's instants, of all the province, by seed."""
    found = []
    for one in (one for one in reader.draws() if not one.late and not one.region):
        rows = [row for row in reader.drawn(one.seed) if span[0] <= row.at_ms < span[1]]
        if rows:
            found.append({"seed": one.seed, **as_json(agreement(reader, rows, rules))})
    return found
