"""The video platform's own online list as a second opinion: taken over whole or not at all."""

from pathlib import Path
from typing import NamedTuple

from center.outside.rows import Column, Listed, read
from center.registry import cells
from center.registry.problems import Findings, Place, Wrong
from center.store import Store
from center.store.outside import Opinion

STATES = {
    **dict.fromkeys(("online", "on", "1", "true", "yes", "在线", "是"), 1),
    **dict.fromkeys(("offline", "off", "0", "false", "no", "离线", "不在线", "否"), 0),
}


def _state(raw: str) -> int:
    text = cells.narrow(raw).lower()
    if text not in STATES:
        raise Wrong("state")
    return STATES[text]


def _id(raw: str) -> str:
    return cells.identity(raw) if cells.narrow(raw) else ""


COLUMNS = {
    "position": Column(("position", "点位编号", "点位"), _id, required=False),
    "gb_id": Column(
        ("gb_id", "国标编号", "deviceid", "device_id", "设备编号", "通道编号"), cells.national, required=False
    ),
    "at": Column(("at", "时间", "time", "采集时间"), cells.moment),
    "online": Column(("online", "在线", "状态", "status", "state", "在线状态"), _state),
}


class Taken(NamedTuple):
    """Words that are new, and those that were held already."""

    added: int
    unchanged: int


def take_over(store: Store, file: Path, holds_ms: int, now_ms: int, findings: Findings) -> Taken:
    """`holds_ms`: how long a word holds where no later one follows. Raises Unfit with every mistake, OSError."""
    listed = read(file, COLUMNS, findings)
    findings.judge()
    with store.write() as tx:
        known, by_gb = tx.named()
        rows: dict[tuple[str, int], Opinion] = {}
        places: dict[tuple[str, int], Place] = {}
        for one in listed:
            position = _position(one, known, by_gb, findings)
            at_ms, online = one.values["at"], one.values["online"]
            if at_ms > now_ms:
                findings.wrong(one.place, "future", cells.written(at_ms))
            if position:
                row = Opinion(position, at_ms, online, at_ms + holds_ms, file.name, now_ms)
                places[position, at_ms] = one.place
                if rows.setdefault((position, at_ms), row).online != online:
                    findings.wrong(one.place, "said_twice", position, cells.written(at_ms))
        held = tx.opinions_at(list(rows))
        for key, online in held.items():
            if online != rows[key].online:
                findings.wrong(places[key], "said_twice", key[0], cells.written(key[1]))
        findings.judge()  # leaves the transaction: nothing is kept
        tx.add_opinions([row for key, row in rows.items() if key not in held])
    return Taken(len(rows) - len(held), len(held))


def _position(one: Listed, known: set[str], by_gb: dict[str, str], findings: Findings) -> str:
    """Empty where something is wrong with it."""
    position, gb_id = one.values["position"] or "", one.values["gb_id"] or ""
    if not position and not gb_id:
        findings.wrong(one.place, "no_id")
    elif position and position not in known:
        findings.wrong(one.place, "foreign_id", position)
    elif gb_id and gb_id not in by_gb:
        findings.wrong(one.place, "foreign_id", gb_id)
    elif position and gb_id and by_gb[gb_id] != position:
        findings.wrong(one.place, "two_ids", position, gb_id)
    else:
        return position or by_gb[gb_id]
    return ""
