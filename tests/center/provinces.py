"""A small province in June 2024: three localities, the provincial level, canteens and caterers; two hours of its end.

Ten minutes of P2 are offline, half an hour of P7 nobody told; what follows from it is worked out by hand in the tests.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from center.cli import main
from center.decode import Incoming
from center.rate import SHANGHAI, moment_ms, month_span
from center.record import Recorder
from center.store import Store
from contract import topics
from contract.messages import Heartbeat, encode
from tests.center.filled import filled
from tests.center.letters import anchor, birth, events, moved

MONTH = "2024-06"
SPAN = month_span(MONTH)
MINUTE, HOUR = 60_000, 3_600_000
BEGIN = moment_ms("2024-06-30T22:00", SHANGHAI)
"""Everything is accepted then."""
START = BEGIN - 10 * MINUTE
"""The gateways tell from then on: before the first heartbeat nobody knows."""
SHEETS = {
    "units": "unit,name,region,kind,zones,since\n"
    "Z1,一小,410105,canteen,烹饪间、洗消间,\n"
    "Z2,金水配餐,410105,caterer,,\n"
    "G1,巩义一小,410181,canteen,烹饪间,\n"
    "S1,省属大学,41,canteen,烹饪间,\n"
    "Q1,杞县一小,410221,canteen,烹饪间,\n"
    "M1,流动食堂,410105,canteen,,\n",
    "gateways": "gateway,city\nzz-0001,4101\nzz-0002,4190\n",
    "positions": "position,unit,zone,accepted_at,gateway,slot,gb_id\n"
    "P1,Z1,烹饪间,2024-06-30 22:00,zz-0001,k1,41010500001320000001\n"
    "P2,Z1,洗消间,2024-06-30 22:00,zz-0001,k2,\n"
    "P3,Z2,烹饪间,2024-06-30 22:00,zz-0001,k3,\n"
    "P4,G1,烹饪间,2024-06-30 22:00,zz-0002,k4,41018100001320000004\n"
    "P5,S1,烹饪间,2024-06-30 22:00,,,\n"
    "P6,M1,烹饪间,2024-06-30 22:00,zz-0001,k6,\n"
    "P7,Z2,备餐间,2024-06-30 22:00,zz-0001,k7,\n",
}
MOVED = "unit,name,region,kind,since\nM1,流动食堂,410221,canteen,2024-06-30 23:00\n"


def register(database: str, folder: Path) -> None:
    for name, text in {**SHEETS, "moves": MOVED}.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    files = [str(folder / f"{name}.csv") for name in SHEETS]
    assert main(["registry", "import", *files, "--database", database, "--by", "王芳"]) == 0
    assert main(["registry", "import", str(folder / "moves.csv"), "--database", database, "--by", "王芳"]) == 0


def letters() -> list[Incoming]:
    """Of both gateways, in the order in which they came."""
    first = (anchor(1, 0, START), *(moved(2 + n, 0, "online", f"k{k}") for n, k in enumerate((1, 2, 3, 6, 7))))
    later = {
        40: (moved(7, 40 * MINUTE, "offline", "k2", reason="REFUSED"),),
        50: (moved(8, 50 * MINUTE, "online", "k2"),),
        70: (moved(9, 70 * MINUTE, "unknown", "k7", reason="BUSY"),),
        100: (moved(10, 100 * MINUTE, "online", "k7"),),
    }
    return [
        *_told("4101", "zz-0001", first, later),
        *_told("4190", "zz-0002", (anchor(1, 0, START), moved(2, 0, "online", "k4")), {}),
    ]


def _told(
    city: str, gateway: str, first: tuple[object, ...], later: dict[int, tuple[object, ...]]
) -> Iterable[Incoming]:
    def sent(leaf: str, payload: bytes, minute: int) -> Incoming:
        return Incoming(topics.up(city, gateway, leaf), payload, False, START + minute * MINUTE + 500)

    seq, state = len(first), {}
    yield sent("state", birth(gateway=gateway), 0)
    yield sent("ev", events(*first), 0)
    for minute in range(1, 131):
        if minute in later:
            yield sent("ev", events(*later[minute]), minute)
            seq += len(later[minute])
            state |= {event["slot"]: event["to"] for event in later[minute]}
        at = minute * MINUTE
        claim: dict[str, Any] = {"at": at, "watching_since": 0, "settled_to": at, "seq_high": seq, "n": 5}
        claim |= {word: tuple(k for k, its in state.items() if its == word) for word in ("offline", "unknown")}
        yield sent("hb", encode(Heartbeat(boot="b1", session="s1", store="j1", **claim)), minute)


def told_later(*rows: dict[str, Any]) -> Incoming:
    """Events of the first gateway that come a day after the month."""
    return Incoming(topics.up("4101", "zz-0001", "ev"), events(*rows), False, SPAN[1] + 24 * HOUR)


def made(database: str) -> str:
    """Registered and told; the center was up all month and an hour more."""
    return filled(_told_of, database)


def registered(database: str) -> str:
    return filled(register, database)


def _told_of(database: str, folder: Path) -> None:
    register(database, folder)
    store = Store(database)
    with store.write() as tx:
        tx.put_uptime(SPAN[0], SPAN[1] + HOUR)
    Recorder(store).record(letters())
    store.close()
