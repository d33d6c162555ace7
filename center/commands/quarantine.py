"""canteen-center quarantine: what was set aside and why, and the alarms that rest on it."""

import argparse

from center import alarms
from center.arguments import Making, known_gateway, now_ms
from center.audit import PATIENCE_S, audit
from center.commands import FINE, PROBLEM
from center.forms import Listing, err, tell
from center.rate import Rules
from center.show import minute, word
from center.store import Store


def add(making: Making) -> None:
    say = making.say
    aside = making.command("quarantine", _quarantine, "搁置的消息及原因", "what was set aside and why, and alarms")
    aside.add_argument("--gateway", default="", metavar="ID", help=say("只看该网关", "only of this one"))
    making.forms(aside)


def _quarantine(options: argparse.Namespace) -> int:
    store = Store(options.database, create=False)
    with store.read() as reader:
        known_gateway(reader, options.gateway)
    left = audit(store, Rules(), now_ms(), options.gateway, PATIENCE_S)
    with store.read() as reader:
        kept = reader.aside(options.gateway)
        found = alarms.alarms(reader, kept, options.gateway)
        aside = [one for one in kept if one.code not in alarms.FINDINGS]
    store.close()
    if left:
        err(word("not_audited", options.lang, str(left)))
    rows = [
        (
            f"{one.code}: {one.reason}" if one.code else one.reason,
            one.gateway or one.topic,
            str(one.seq or ""),
            str(one.times),
            minute(one.last_ms),
        )
        for one in aside
    ]
    lists = (
        alarms.listing(found),
        Listing(("aside", "gateway", "seq", "times", "last"), rows, ("seq", "times"), ("last",)),
    )
    lines = () if aside or found else (word("none_aside", options.lang),)
    tell(options, lambda: alarms.as_json(found, aside), *lists, lines=lines)
    return PROBLEM if found else FINE
