"""canteen-center gateways: version, last heard, clock, disk and journal of each; dark ones first."""

import argparse

from center.arguments import Making, now_ms, rules
from center.boxes import STATES, Box, as_json, boxes, clock_words, disk_words, journal_words
from center.commands import FINE, PROBLEM
from center.forms import Listing, tell
from center.registry.cells import written
from center.show import word
from center.store import Store
from contract.text import lasted

COLUMNS = ("gateway", "place", "state", "heard", "version", "clock", "disk", "journal")


def add(making: Making) -> None:
    zh, en = (
        "网关：版本、最近上报、时钟、磁盘、日志",
        "gateways: version, last heard, clock, disk, journal; dark ones first",
    )
    gateways = making.command("gateways", _gateways, zh, en)
    making.policy(gateways)
    making.forms(gateways)


def _gateways(options: argparse.Namespace) -> int:
    its_rules, at_ms, lang = rules(options.policy), now_ms(), options.lang
    store = Store(options.database, create=False)
    with store.read() as reader:
        found = boxes(reader, at_ms, its_rules)
    store.close()
    rows = [_cells(box, at_ms, lang, exact=options.csv) for box in found]
    listing = Listing(COLUMNS, rows, ("disk",), ("state", "heard", "version"))
    counts = "  ".join(f"{word(state, lang)} {sum(box.state == state for box in found)}" for state in STATES)
    tell(options, lambda: as_json(found), listing, lines=[counts])
    return PROBLEM if any(box.state in ("silent", "left") for box in found) else FINE


def _cells(box: Box, at_ms: int, lang: str, *, exact: bool) -> tuple[str, ...]:
    heard = "-"
    if box.heard_ms:
        heard = written(box.heard_ms) if exact else lasted(at_ms - box.heard_ms, lang)
    state = word(box.state, lang)
    health = clock_words(box.clock, lang), disk_words(box.host), journal_words(box, lang)
    return (box.gateway, box.place, state, heard, box.version or "-", *health)
