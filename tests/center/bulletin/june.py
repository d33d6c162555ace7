"""June 2024 of one canteen whose cameras are offline for long, and of one whose gateway falls silent, as they tell it.

k1: offline from the 5th to the end. k2: from the 5th to the 13th. k3: six days, which is not more than seven. The other
gateway is heard for an hour and then never again.
"""

from pathlib import Path

from center.cli import main
from center.decode import Incoming
from center.record import Recorder
from center.store import Store
from contract import topics
from contract.messages import Heartbeat, encode
from tests.center.filled import filled
from tests.center.letters import anchor, birth, events, moved
from tests.center.provinces import HOUR, MINUTE, SPAN

DAY = 24 * HOUR
SHEETS = {
    "units": "unit,name,region,kind,zones,since\nL1,离线小学食堂,410105,canteen,,\nL2,失联小学食堂,410221,canteen,,\n",
    "gateways": "gateway,city\nzz-0001,4101\nkf-0001,4102\n",
    "positions": "position,unit,zone,accepted_at,gateway,slot\n"
    + "".join(f"P{n},L1,烹饪间,2024-06-01 00:00,zz-0001,k{n}\n" for n in (1, 2, 3))
    + "P4,L2,烹饪间,2024-06-01 00:00,kf-0001,k4\n",
}


def june(database: str) -> str:
    return filled(_told, database)


def _told(database: str, folder: Path) -> None:
    for name, text in SHEETS.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    files = [str(folder / f"{name}.csv") for name in SHEETS]
    assert main(["registry", "import", *files, "--database", database, "--by", "王芳"]) == 0
    store = Store(database)
    with store.write() as tx:
        tx.put_uptime(SPAN[0], SPAN[1] + HOUR)
    moves = [
        (4 * DAY, "offline", "k1"),
        (4 * DAY, "offline", "k2"),
        (4 * DAY, "offline", "k3"),
        (10 * DAY, "online", "k3"),
        (12 * DAY, "online", "k2"),
    ]
    first = [(0, "online", f"k{n}") for n in (1, 2, 3)]
    Recorder(store).record([*_run("4101", "zz-0001", [*first, *moves], SPAN[1] - SPAN[0])])
    Recorder(store).record([*_run("4102", "kf-0001", [(0, "online", "k4")], HOUR)])
    store.close()


def _run(city: str, gateway: str, moves: list[tuple[int, str, str]], until: int) -> list[Incoming]:
    """A boot with the month: its first hour minute by minute; what came meanwhile, and the last hours, at the end."""

    def sent(leaf: str, payload: bytes, at: int) -> Incoming:
        return Incoming(topics.up(city, gateway, leaf), payload, False, SPAN[0] + at + 500)

    rows = [anchor(1, 0, SPAN[0]), *(moved(seq, *move) for seq, move in enumerate(moves, 2))]
    early = sum(at == 0 for at, *_ in moves)
    told = [sent("state", birth(gateway=gateway), 0), sent("ev", events(*rows[: early + 1]), 0)]
    last = range(until - 2 * HOUR, until + 1, MINUTE) if until > HOUR else range(0)
    for at in (*range(MINUTE, HOUR + 1, MINUTE), *last):
        seq = early + 1 if at <= HOUR else len(rows)
        if last and at == last[0]:
            told.append(sent("ev", events(*rows[early + 1 :]), at))
        offline = tuple(sorted({slot for _, to, slot in moves if to == "offline"} - _back(moves))) if at > HOUR else ()
        claim = {"at": at, "watching_since": 0, "settled_to": at, "seq_high": seq, "n": 3, "offline": offline}
        told.append(sent("hb", encode(Heartbeat(boot="b1", session="s1", store="j1", **claim)), at))
    return told


def _back(moves: list[tuple[int, str, str]]) -> set[str]:
    return {slot for at, to, slot in moves if to == "online" and at > 0}
