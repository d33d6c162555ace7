"""canteen-center offline: which positions are not online now, since when, why, and whom to call."""

import argparse

from center.absent import BUCKETS, STATES, absent, as_json, cause_words
from center.arguments import Making, locality, now_ms, rules
from center.commands import FINE, PROBLEM
from center.forms import Listing, tell
from center.registry.cells import written
from center.registry.tree import Tree
from center.show import word
from center.store import Store
from contract.text import lasted

EXACT = (
    *("place", "unit_id", "unit", "position", "zone", "state", "since", "reason"),
    *("contact", "telephone", "gateway", "slot"),
)


def add(making: Making) -> None:
    say = making.say
    offline = making.command(
        "offline",
        _offline,
        "现在不在线的点位：自何时、原因、电话",
        "positions not online now: since when, why, whom to call",
    )
    county = say("只看该市、县（代码或名称）", "only of this city or county (code or name)")
    offline.add_argument("--county", default="", metavar="CODE|NAME", help=county)
    state = say("只看该状态；可重复填写", "only in this state; may be repeated")
    offline.add_argument("--state", action="append", default=[], choices=STATES, help=state)
    bucket = say(
        "只看：离线、在线未推流、满 3 天、曾在线",
        "only: told offline, there without a stream, 3 days and more, once online",
    )
    offline.add_argument("--bucket", default="", choices=BUCKETS, help=bucket)
    making.policy(offline)
    making.forms(offline)


def _offline(options: argparse.Namespace) -> int:
    its_rules, at_ms, lang = rules(options.policy), now_ms(), options.lang
    store = Store(options.database, create=False)
    with store.read() as reader:
        within = locality(Tree(reader.regions()), "--county", options.county, at_ms) if options.county else ""
        every = absent(reader, at_ms, its_rules, within)
    store.close()
    rows: list[tuple[str, ...]]
    found = [
        one
        for one in every
        if (not options.state or one.state in options.state)
        and (not options.bucket or one.lies_in(options.bucket, at_ms))
    ]
    if options.csv:
        rows = [
            (
                *(one.place, one.unit, one.unit_name, one.position, one.zone, word(one.state, lang)),
                *(written(one.since_ms), cause_words(one.cause, lang)),
                *(one.contact, one.telephone, one.gateway, one.slot),
            )
            for one in found
        ]
        listing = Listing(EXACT, rows)
    else:
        rows = [
            (
                f"{one.place} {one.unit_name}",
                one.zone,
                word(one.state, lang),
                lasted(at_ms - one.since_ms, lang),
                cause_words(one.cause, lang),
                one.telephone,
            )
            for one in found
        ]
        columns = ("unit", "position", "state", "lasting", "reason", "telephone")
        listing = Listing(columns, rows, ("lasting",), ("state", "telephone"))
    counts = "  ".join(f"{word(state, lang)} {sum(one.state == state for one in every)}" for state in STATES)
    tell(options, lambda: as_json(found, at_ms, lang), listing, lines=[counts])
    return PROBLEM if found else FINE
