"""A past month of three localities, told to a center as their gateways would have told it, and its bulletin.

The demonstration runs it beside the live canteen: `python -m scripts.past FOLDER [--lang zh|en]` lays past.db, days/
and bulletin/ there, prints the bulletin's first lines, and keeps its letter and page in var/demo. What gateways say is
made here; every figure is the center's.
"""

import argparse
import csv
import shutil
import time
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from center.decode import Incoming
from center.intervals import Span, difference
from center.rate import local, month_of, month_span
from center.record import Recorder
from center.store import Store
from contract import __version__, topics
from contract.messages import Anchor, Birth, ClockHealth, Events, Heartbeat, Transition, encode
from contract.vocabulary import Availability, Reason, Rung
from scripts.stage import center

UNKNOWN, ONLINE, OFFLINE = Availability.UNKNOWN, Availability.ONLINE, Availability.OFFLINE
BATCH = 500
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BEAT = 150_000
"""Between heartbeats: less than the silence after which a gateway counts as dark."""
DELAY = 400
"""Of the uplink."""
TITLE = {
    "zh": "重放的历史月份（三地，{0}）",
    "en": "a past month, replayed (three localities, {0})",
}
KEPT = Path(__file__).resolve().parent.parent / "var" / "demo"
"""Here they stay when the demonstration's own folder goes."""
DATABASE, DAYS = "past.db", "days"
LETTER = ("bulletin.docx", "bulletin.html")
WHERE = {"zh": "公文（代拟稿）和网页：{0}", "en": "its letter, a draft, and its page: {0}"}


class Place(NamedTuple):
    """A canteen with one gateway. All times in ms from the month's begin.

    `cuts`: when its box had no power; `faults`: (slot, from, to) when a camera was offline.
    """

    city: str
    county: str
    unit: str
    gateway: str
    cuts: tuple[Span, ...] = ()
    faults: tuple[tuple[str, int, int], ...] = ()


def _at(day: int, hour: int) -> int:
    return (day - 1) * DAY + hour * HOUR


PLACES = (
    Place("4101", "410105", "金水区示范小学食堂", "zz-past-0001"),
    Place("4102", "410205", "禹王台区实验中学食堂", "kf-past-0001", faults=(("k2", _at(10, 11), _at(10, 13)),)),
    Place("4103", "410305", "涧西区第一小学食堂", "ly-past-0001", cuts=((_at(18, 7), _at(18, 16)),)),
)
ZONES = {"k1": "烹饪间", "k2": "洗消间", "k3": "备餐间"}


def told(place: Place, month: Span) -> Iterator[Incoming]:
    """All that its gateway sends, in order: each time its box has power is one boot, one session and one journal."""
    begin, end = month
    powered = difference(((-BEAT, end - begin + BEAT),), place.cuts)
    for number, (since, until) in enumerate(powered, start=1):
        yield from _run(place, f"{number}", begin + since, begin + until, begin)


def _run(place: Place, name: str, zero: int, end: int, begin: int) -> Iterator[Incoming]:
    """`zero`: boot ms 0, `end`: its last moment, `begin`: of the month; UTC ms."""
    who: dict[str, Any] = {"boot": f"b{name}", "session": f"s{name}"}
    store = f"j{name}"

    def sent(leaf: str, payload: bytes, at: int) -> Incoming:
        return Incoming(topics.up(place.city, place.gateway, leaf), payload, False, zero + at + DELAY)

    def moved(seq: int, at: int, slot: str, *states: Availability) -> Transition:
        before, now = states
        reason = Reason.UNREACHABLE if now is Availability.OFFLINE else None
        return Transition(
            seq=seq,
            at=at,
            slot=slot,
            from_=before,
            to=now,
            level=Rung.UNREACHABLE if reason else Rung.STREAMS,
            reason=reason,
            **who,
        )

    clock = ClockHealth(synced=True)
    birth = Birth(gateway=place.gateway, store=store, version=__version__, clock=clock, inventory_hash="", **who)
    yield sent("state", encode(birth), 0)
    found = [moved(seq, 0, slot, UNKNOWN, ONLINE) for seq, slot in enumerate(ZONES, start=2)]
    anchor = Anchor(seq=1, at=0, utc_ms=zero, err_ms=20, source="ntp", **who)
    yield sent("ev", encode(Events(store=store, events=(anchor, *found))), 0)
    seq, offline = 1 + len(ZONES), set[str]()
    changes = sorted(
        (begin + at - zero, slot, states)
        for slot, off, on in place.faults
        for at, states in ((off, (ONLINE, OFFLINE)), (on, (OFFLINE, ONLINE)))
    )
    for at in range(BEAT, end - zero + 1, BEAT):
        while changes and changes[0][0] < at:
            moment, slot, states = changes.pop(0)
            seq += 1
            offline ^= {slot}
            yield sent("ev", encode(Events(store=store, events=(moved(seq, moment, slot, *states),))), moment)
        beat = Heartbeat(
            **who,
            store=store,
            at=at,
            watching_since=0,
            settled_to=at,
            seq_high=seq,
            n=len(ZONES),
            offline=tuple(sorted(offline)),
        )
        yield sent("hb", encode(beat), at)


def register(folder: Path, database: Path, begin: int) -> None:
    sheet = folder / "past.csv"
    with sheet.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("city", "county", "unit", "kind", "zone", "slot", "gateway", "accepted_at"))
        for place in PLACES:
            for slot, zone in ZONES.items():
                words = (place.city, place.county, place.unit, "canteen", zone, slot, place.gateway)
                table.writerow((*words, local(begin).isoformat()))
    center("registry", "import", str(sheet), "--database", str(database))


def replay(database: Path, month: Span) -> None:
    """A center that was up all the month takes all of it in."""
    store = Store(str(database))
    with store.write() as tx:
        tx.put_uptime(month[0] - HOUR, month[1] + HOUR)
    recorder = Recorder(store)
    messages = merge(*(told(place, month) for place in PLACES), key=attrgetter("received_ms"))
    while batch := list(islice(messages, BATCH)):
        recorder.record(batch)
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.past", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    given = parser.parse_args()
    month = month_of(month_span(month_of(int(time.time() * 1000)))[0] - 1)
    span, database = month_span(month), given.folder / DATABASE
    register(given.folder, database, span[0])
    replay(database, span)
    days, within = str(given.folder / DAYS), ("--database", str(database), "--lang", given.lang)
    center("days", "build", "--month", month, "--out", days, *within)
    told = center("bulletin", "--month", month, "--out", str(given.folder / "bulletin"), "--days", days, *within)
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in LETTER:
        shutil.copyfile(given.folder / "bulletin" / name, KEPT / name)
    print(TITLE[given.lang].format(month), f"{told}{WHERE[given.lang].format(KEPT)}", sep="\n")


if __name__ == "__main__":
    main()
