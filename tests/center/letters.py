"""What gateways send, as bytes on topics, for tests of the center."""

from typing import Any

import msgspec

from center import registry
from center.decode import Incoming
from center.rate import local
from center.store import Store
from contract import topics
from contract.messages import Birth, ClockHealth, Heartbeat, encode

CITY, GATEWAY = "4101", "zz-0001"
T0 = 1_793_462_400_000
"""2026-11-01 00:00 in Shanghai, in UTC ms."""


def register(
    store: Store, *slots: str, gateway: str = GATEWAY, accepted_ms: int = T0, city: str = CITY, county: str = "金水区"
) -> None:
    since = local(accepted_ms).isoformat()
    enrol(store, *(f"{city},{county},一小,canteen,灶台,{slot},{gateway},{since}" for slot in slots))


FLAT = "city,county,unit,kind,zone,slot,gateway,accepted_at"


def enrol(store: Store, *rows: str, head: str = FLAT) -> None:
    """Takes rows of the flat registry over."""
    text = "\n".join((head, *rows, ""))
    registry.take_over(store, text.encode(), "test.csv", 0)


def letter(leaf: str, payload: bytes, at: int = T0, gateway: str = GATEWAY, *, retained: bool = False) -> Incoming:
    return Incoming(topics.up(CITY, gateway, leaf), payload, retained, at)


def birth(session: str = "s1", store: str = "j1", **more: Any) -> bytes:
    return encode(
        Birth(
            gateway=more.pop("gateway", GATEWAY),
            session=session,
            boot="b1",
            store=store,
            version="1",
            clock=ClockHealth(synced=True),
            inventory_hash="",
            **more,
        )
    )


def beat(
    settled_to: int, seq_high: int, since: int = 0, session: str = "s1", store: str = "j1", **lists: tuple[str, ...]
) -> bytes:
    return encode(
        Heartbeat(
            boot="b1",
            session=session,
            store=store,
            at=settled_to,
            watching_since=since,
            settled_to=settled_to,
            seq_high=seq_high,
            n=1,
            **lists,
        )
    )


def events(*rows: dict[str, Any], store: str = "j1") -> bytes:
    return msgspec.json.encode({"store": store, "events": rows})


def event(seq: int, kind: str = "fault", at: int = 0, **more: Any) -> dict[str, Any]:
    more.setdefault("what", "x") if kind == "fault" else None
    return {"seq": seq, "boot": "b1", "session": "s1", "at": at, "kind": kind, **more}


def moved(seq: int, at: int, to: str, slot: str = "k1", **more: Any) -> dict[str, Any]:
    return event(seq, "transition", at, slot=slot, **{"from": "unknown", "to": to, "level": "streams"}, **more)


def anchor(seq: int, at: int = 0, utc_ms: int = T0, **more: Any) -> dict[str, Any]:
    return event(seq, "anchor", at, utc_ms=utc_ms, err_ms=1, source="ntp", **more)
