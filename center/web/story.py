"""What was told of one camera, in words: its events with their times, and when its picture was not sound."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from center.absent import cause_words
from center.intervals import Span
from center.model import Bound
from center.show import word
from center.store import Reader
from center.store.cameras import ToldEvent
from center.zero import Clock
from contract.messages import BROKEN_JSON
from contract.text import tidy
from contract.vocabulary import Clause, Rung, Standing, fault_name, name

KINDS = {
    "transition": ("状态变化", "state"),
    "picture": ("画面", "picture"),
    "address_changed": ("地址变更", "address"),
    "identity_changed": ("设备变更", "device"),
    "conflict": ("身份冲突", "conflict"),
    "capability_changed": ("能力变更", "capability"),
    "view_not_restored": ("画面未复位", "view not restored"),
    "fault": ("网关故障", "fault"),
}
"""Kinds of event that tell of one slot."""
IDENTITY = ("address_changed", "identity_changed", "conflict")
MOST = 200


class Told(NamedTuple):
    """`at_ms`: UTC, as it is dated; when it was received where it cannot be."""

    at_ms: int
    kind: str
    words: str
    gateway: str
    slot: str


def story(reader: Reader, bounds: Sequence[Bound], lang: str) -> list[Told]:
    """Of a position heard there then, the last first; of what its slots told last, at most MOST."""
    rows = reader.told_of(_slots(bounds), tuple(KINDS), MOST)
    clocks = _clocks(reader, rows)
    dated = [(row, _dated(clocks, row, row.at)) for row in rows]
    mine = [(row, at_ms) for row, at_ms in dated if _heard(bounds, row, at_ms)]
    found = [Told(at_ms, row.kind, _words(row, lang), row.gateway, row.slot) for row, at_ms in mine]
    return sorted(found, key=lambda one: -one.at_ms)


def faults(reader: Reader, bounds: Sequence[Bound], span: Span, lang: str) -> list[tuple[int, int, str]]:
    """(begin, end, name) of each time that the picture was not sound, within [span), of a position heard there then."""
    rows = reader.told_of(_slots(bounds), ("picture",), 1000)
    clocks = _clocks(reader, rows)
    found: dict[tuple[str, str, str, int], tuple[int, int, str]] = {}
    for row in reversed(rows):  # what is told later of the same begin says when it ended
        event = _event(row)
        fault, begin, end = event.get("fault"), event.get("from"), event.get("to")
        if isinstance(fault, str) and isinstance(begin, int):
            until = _dated(clocks, row, end) if isinstance(end, int) else span[1]
            key, begin_ms = (row.gateway, row.boot, fault, begin), _dated(clocks, row, begin)
            if _heard(bounds, row, begin_ms):
                found[key] = (begin_ms, until, tidy(fault_name(fault, lang), 40))
    return sorted(one for one in found.values() if one[0] < span[1] and one[1] > span[0])


def _slots(bounds: Sequence[Bound]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((one.gateway, one.slot) for one in bounds))


def _heard(bounds: Sequence[Bound], row: ToldEvent, at_ms: int) -> bool:
    """Before and after it another position was heard at this slot, maybe one of another county."""
    return any(
        (one.gateway, one.slot) == (row.gateway, row.slot)
        and one.since_ms <= at_ms
        and (one.until_ms is None or at_ms < one.until_ms)
        for one in bounds
    )


def _clocks(reader: Reader, rows: Sequence[ToldEvent]) -> dict[tuple[str, str], Clock]:
    boots = sorted({(row.gateway, row.boot) for row in rows})
    return {key: Clock(*of) for key, of in reader.dating(boots).items()} if boots else {}


def _dated(clocks: dict[tuple[str, str], Clock], row: ToldEvent, at: int) -> int:
    begin = next((begin for begin, _ in clocks[row.gateway, row.boot].spans(at, at + 1)), row.received_ms)
    return min(begin, row.received_ms)


def _event(row: ToldEvent) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(row.payload)
    except BROKEN_JSON:
        return {}
    return event if isinstance(event, dict) else {}


def _words(row: ToldEvent, lang: str) -> str:
    event = _event(row)

    def said(key: str) -> str:
        return str(event.get(key) or "")

    match row.kind:
        case "transition":
            level, reason = said("level"), said("reason")
            rung = name(Rung(level), lang) if level in set(Rung) else level
            states = " → ".join(_state(said(key), lang) for key in ("from", "to"))
            text = "  ".join(part for part in (states, rung, cause_words(reason, lang) if reason else "") if part)
        case "picture":
            lasting = "" if event.get("to") is not None else ("（持续中）" if lang == "zh" else " (lasting)")
            text = fault_name(said("fault"), lang) + lasting
        case "address_changed" | "identity_changed":
            text = f"{said('before')} → {said('after')}"
        case "conflict":
            text = f"{said('identity')}: {', '.join(map(str, event.get('addresses') or ()))}"
        case "capability_changed":
            clause = name(Clause(said("clause")), lang) if said("clause") in set(Clause) else said("clause")
            told = (said("before"), said("after"))
            words = (name(Standing(its), lang) if its in set(Standing) else its for its in told)
            text = f"{clause}: {' → '.join(words)}"
        case _:
            text = said("what") or said("detail")
    return tidy(text, 300)


def _state(state: str, lang: str) -> str:
    return word(state, lang) if state in ("online", "offline", "unknown") else state
