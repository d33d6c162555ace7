"""canteen-center gateways: version, last heard, clock, disk and journal of each; those that need somebody first."""

import argparse
from collections.abc import Iterator

from center import versions
from center.arguments import Making, now_ms, rules
from center.boxes import STATES, Box, as_json, boxes, clock_words, config_words, disk_words, journal_words
from center.commands import FINE, PROBLEM
from center.forms import Listing, tell
from center.registry.cells import written
from center.show import minute, word
from center.store import Store
from contract.messages import UpgradeHealth
from contract.text import lasted, tidy

COLUMNS = ("gateway", "place", "state", "heard", "version", "clock", "disk", "journal")
NOTES = ("configuration",)
"""Too long for a column: in CSV they are some, in a table lines below it."""
SCREEN = 40
"""Rows. A table of more gateways than a screen shows counts those that nobody has to see to."""


def add(making: Making) -> None:
    zh, en = (
        "网关：版本、最近上报、时钟、磁盘、日志、配置",
        "gateways: version, last heard, clock, disk, journal, configuration; those that need somebody first",
    )
    gateways = making.command("gateways", _gateways, zh, en)
    zh, en = (
        "按地区统计各版本、试运行和退回情况",
        "versions by region: on trial, passed, rolled back, and why",
    )
    gateways.add_argument("--versions", action="store_true", help=making.say(zh, en))
    zh, en = (
        f"超过 {SCREEN} 台时也列出无需处理的",
        f"list those that need nobody, too, where there are more than {SCREEN}",
    )
    gateways.add_argument("--all", action="store_true", help=making.say(zh, en))
    making.policy(gateways)
    making.forms(gateways)


def _gateways(options: argparse.Namespace) -> int:
    its_rules, at_ms, lang = rules(options.policy), now_ms(), options.lang
    store = Store(options.database, create=False)
    with store.read() as reader:
        found = boxes(reader, at_ms, its_rules)
    store.close()
    if options.versions:
        return _versions(options, found)
    needy = [box for box in found if not box.is_sound]
    shown = found if options.all or options.csv or len(found) <= SCREEN else needy
    rows = [_cells(box, at_ms, lang, exact=options.csv) for box in shown]
    columns = COLUMNS + NOTES if options.csv else COLUMNS
    listed = [Listing(columns, rows, ("disk",), ("state", "heard", "version"))] if rows or options.csv else []
    tell(options, lambda: as_json(found), *listed, lines=list(_below(found, len(shown), at_ms, lang)))
    return PROBLEM if any(box.state != "never_seen" for box in needy) else FINE


def _below(found: list[Box], shown: int, at_ms: int, lang: str) -> Iterator[str]:
    """What stands below the table: how many there are of each, and what has no column."""
    yield "  ".join(f"{word(state, lang)} {sum(box.state == state for box in found)}" for state in STATES)
    if hidden := len(found) - shown:
        yield word("not_listed", lang, str(hidden))
    for box in found:
        if config := box.mistaken:
            yield f"{box.gateway}: {config_words(config, at_ms, lang)}"
    for box, last in versions.rolled_back(found):
        yield f"{box.gateway}: {tidy(last.to)} {word('rolled_back', lang)}: {_why(last, lang)}"


def _versions(options: argparse.Namespace, found: list[Box]) -> int:
    lang, back = options.lang, versions.rolled_back(found)
    every = word("everywhere", lang)
    lines = [(one.place or every, one.version or "-", *map(str, one.counts)) for one in versions.counted(found)]
    counts = Listing(("place", "version", *versions.Count._fields), lines, versions.Count._fields, ("version",))
    reasons = [
        (box.gateway, box.place, last.to, box.version, minute(last.at_ms) if last.at_ms else "-", _why(last, lang))
        for box, last in back
    ]
    listed = [Listing(("gateway", "place", "tried", "version", "at", "reason"), reasons)] if reasons else []
    tell(options, lambda: versions.as_json(found), counts, *listed)
    return PROBLEM if back else FINE


def _why(last: UpgradeHealth, lang: str) -> str:
    return tidy(last.zh if lang == "zh" else last.en)


def _cells(box: Box, at_ms: int, lang: str, *, exact: bool) -> tuple[str, ...]:
    heard = "-"
    if box.heard_ms:
        heard = written(box.heard_ms) if exact else lasted(at_ms - box.heard_ms, lang)
    state = word(box.state, lang)
    health = clock_words(box.clock, lang), disk_words(box.host), journal_words(box, lang)
    notes = (config_words(box.mistaken, at_ms, lang) if box.mistaken else "",) if exact else ()
    return (box.gateway, box.place, state, heard, box.version or "-", *health, *notes)
