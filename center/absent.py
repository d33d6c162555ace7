"""Positions that are not online now: since when, why in words, and whom to call; the longest outage first.

Told offline, unknown and never heard of are three things, and stay apart.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from center.rate import Rules, local
from center.registry.tree import Tree
from center.store import Reader
from center.store.lists import AbsentRow, Move
from center.zero import Clock
from contract.vocabulary import Reason, Rung, name

STATES = ("offline", "unknown", "never_seen")
BUCKETS = ("offline", "no_stream", "long", "fallen")
"""Told offline; there, but without a stream (在线未推流); not online for LONG_MS; online once, not now."""
LONG_MS = 3 * 86_400_000
AT_ONCE = 200
"""Gateways whose past is read at a time."""
CAUSES = {
    "unbound": ("点位未接入任何网关", "bound to no gateway"),
    "never": ("网关从未上线", "its gateway was never heard"),
    "untold": ("网关未上报该点位", "its gateway never told of it"),
    "silent": ("网关失联", "its gateway is silent"),
    "left": ("网关已停止运行", "its gateway was stopped"),
    "restarted": ("网关重启，尚未查明", "its gateway restarted, not known yet"),
    "": ("原因不明", "no cause told"),
}
"""Why a position is not known, beside the reasons that gateways tell."""


class Absent(NamedTuple):
    """`since_ms`: the first moment after it was last online; for one never seen, of its service. `cause`: a word of
    CAUSES or of the contract's Reason, or one of a newer agent. `level`: the rung that the look reached, "" where
    that is not of now. `once`: it was online at any time that facts are kept of.
    """

    position: str
    zone: str
    unit: str
    unit_name: str
    region: str
    place: str
    state: str
    since_ms: int
    cause: str
    contact: str
    telephone: str
    gateway: str
    slot: str
    level: str
    once: bool

    def lies_in(self, bucket: str, now_ms: int) -> bool:
        """Of BUCKETS."""
        match bucket:
            case "no_stream":
                return self.level in (Rung.REACHABLE, Rung.ANSWERS)
            case "long":
                return self.state != "never_seen" and now_ms - self.since_ms >= LONG_MS
            case "fallen":
                return self.once
        return self.state == bucket


def absent(reader: Reader, now_ms: int, rules: Rules, within: str = "") -> list[Absent]:
    """Of all the province, or of one locality (its code). Never seen last, else the longest first."""
    tree = Tree(reader.regions())
    rows = [
        row
        for row in reader.absent(now_ms, now_ms - rules.dark_after_ms, rules.kinds)
        if not within or within in tree.chain(row.region or "")
    ]
    told = [_told(row, now_ms - rules.dark_after_ms) for row in rows]
    since, once = _past(reader, [row for row, (state, _) in zip(rows, told, strict=True) if state != "never_seen"])
    found = [
        Absent(
            row.position,
            row.zone or row.position,
            row.unit,
            row.unit_name or row.unit,
            row.region or "",
            place(tree, row.region or ""),
            state,
            _from(row, cause, since.get((row.gateway or "", row.slot or ""))),
            cause,
            row.contact or "",
            row.telephone or "",
            row.gateway or "",
            row.slot or "",
            "" if cause in CAUSES and cause else row.level,
            row.state == "online" or (row.gateway or "", row.slot or "") in once,
        )
        for row, (state, cause) in zip(rows, told, strict=True)
    ]
    return sorted(found, key=lambda one: (STATES.index(one.state), one.since_ms, one.position))


def place(tree: Tree, code: str) -> str:
    """The names of a locality below the province: 郑州市金水区."""
    names = [tree[one].name for one in tree.chain(code) if tree[one].parent or one == code]
    return "".join(reversed(names))


def _told(row: AbsentRow, alive_since_ms: int) -> tuple[str, str]:
    """(state, cause). What a silent gateway said last is not what is now."""
    if not row.gateway:
        return "never_seen", "unbound"
    if not row.heard_ms:
        return "never_seen", "never"
    silent = "left" if row.gone == "left" else "silent" if row.heard_ms < alive_since_ms else ""
    if not row.state:
        return "never_seen", silent or "untold"
    if silent:
        return "unknown", silent
    if row.run != row.session:
        return "unknown", "restarted"
    return ("offline" if row.state == "offline" else "unknown"), row.reason


def _from(row: AbsentRow, cause: str, told_ms: int | None) -> int:
    if cause in ("silent", "left") and row.state == "online":
        return row.heard_ms
    return told_ms or row.received_ms or row.since_ms


Slot = tuple[str, str]
"""(gateway, slot)."""


def _past(reader: Reader, rows: Sequence[AbsentRow]) -> tuple[dict[Slot, int], set[Slot]]:
    """UTC ms of the first word after the last "online", whatever restarts lie between; and those ever online."""
    since: dict[Slot, int] = {}
    once: set[Slot] = set()
    wanted = {(row.gateway or "", row.slot or "") for row in rows}
    gateways = sorted({gateway for gateway, _ in wanted})
    for i in range(0, len(gateways), AT_ONCE):
        first = _first(reader.transitions(gateways[i : i + AT_ONCE]), once)
        moves = {key: move for key, move in first.items() if key in wanted}
        dated = reader.dating(sorted({(move.gateway, move.boot) for move in moves.values()}))
        clocks = {key: Clock(*of) for key, of in dated.items()}
        for key, move in moves.items():
            begin = next((b for b, _ in clocks[move.gateway, move.boot].spans(move.at, move.at + 1)), move.received_ms)
            since[key] = min(begin, move.received_ms)
    return since, once


def _first(moves: Iterable[Move], once: set[Slot]) -> dict[Slot, Move]:
    """Adds to `once` what was online."""
    first: dict[Slot, Move] = {}
    seen: set[tuple[str, str, int]] = set()
    for move in moves:
        if (seq := (move.gateway, move.store, move.seq)) in seen:
            continue  # another content of the same number is never read
        seen.add(seq)
        if move.state == "online":
            first.pop((move.gateway, move.slot), None)
            once.add((move.gateway, move.slot))
        else:
            first.setdefault((move.gateway, move.slot), move)
    return first


# ---- for people and programs --------------------------------------------------------------------


def cause_words(cause: str, lang: str) -> str:
    if cause in CAUSES:
        return CAUSES[cause][lang == "en"]
    return name(Reason(cause), lang) if cause in set(Reason) else cause


def as_json(found: Sequence[Absent], now_ms: int, lang: str) -> dict[str, Any]:
    """{at, counts: {offline, unknown, never_seen}, positions: [Absent with `since` in ISO 8601, `cause_words`]}."""
    positions = []
    for one in found:
        told = one._asdict()
        since_ms = told.pop("since_ms")
        positions.append(told | {"since": local(since_ms).isoformat(), "cause_words": cause_words(one.cause, lang)})
    counts = {state: sum(one.state == state for one in found) for state in STATES}
    return {"at": local(now_ms).isoformat(), "counts": counts, "positions": positions}
