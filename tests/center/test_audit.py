"""Alarms that are found once are kept; only what something came of since is gone through again."""

from collections.abc import Iterator

import pytest

from center.audit import audit, finding
from center.rate import Rules
from center.record import Recorder
from center.store import Store
from center.testimony import CONTRADICTION, Finding
from tests.center.letters import GATEWAY, T0, anchor, beat, events, letter, moved, register

MINUTE = 60_000
OTHER = "zz-0002"
NOW = T0 + 200 * MINUTE


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = Store(url)
    for gateway in (GATEWAY, OTHER):
        register(made, "k1", gateway=gateway)
        rows = (anchor(1), moved(2, 10, "online"))
        told = [letter("ev", events(*rows), T0 + 50, gateway)]
        told += [letter("hb", beat(m * MINUTE, 2), T0 + m * MINUTE + 40, gateway) for m in range(1, 60)]
        Recorder(made).record(told)
    yield made
    made.close()


def waiting(store: Store) -> list[str]:
    with store.read() as reader:
        return reader.not_audited()


def contradictions(store: Store) -> list[str]:
    with store.read() as reader:
        return [one.gateway for one in reader.aside() if one.code == CONTRADICTION]


def test_a_gateway_is_gone_through_once_and_again_when_something_comes(store: Store) -> None:
    """The same worker tells of the next generation from its next message on."""
    assert waiting(store) == [GATEWAY, OTHER]
    assert audit(store, Rules(), NOW) == 0
    assert waiting(store) == []
    assert contradictions(store) == []
    lie = letter("ev", events(moved(3, 20 * MINUTE, "offline")), T0 + 61 * MINUTE, OTHER)
    recorder = Recorder(store)
    recorder.record([lie])
    assert waiting(store) == [OTHER]
    assert audit(store, Rules(), NOW, GATEWAY) == 0
    assert waiting(store) == [OTHER]
    assert audit(store, Rules(), NOW) == 0
    assert contradictions(store) == [OTHER]
    recorder.record([letter("hb", beat(61 * MINUTE, 3), T0 + 61 * MINUTE + 40, OTHER)])
    assert waiting(store) == [OTHER]


@pytest.mark.parametrize("seq_high", [1, 2])
def test_a_contradiction_in_a_time_that_no_calendar_knows_is_kept(store: Store, seq_high: int) -> None:
    """One heartbeat of the year 37,000 lists as offline what is online; and no other gateway waits for its audit."""
    Recorder(store).record([letter("hb", beat(2**50, seq_high, offline=("k1",)), T0 + 61 * MINUTE, GATEWAY)])
    assert audit(store, Rules(), NOW) == 0
    assert waiting(store) == []
    assert set(contradictions(store)) == {GATEWAY}


def test_a_contradiction_from_before_any_calendar_is_kept_as_of_its_first_day() -> None:
    """An anchor of boot ms 2^50 that says 1970 dates what came before it so."""
    made = finding(GATEWAY, Finding(CONTRADICTION, "key", "", -(2**50), T0, "text"))
    assert made.received_ms == 0
    assert made.reason == "text (1970-01-01 08:00:00 - 2026-11-01 00:00:00)"


def test_what_is_left_for_want_of_time_is_told_and_done_next(store: Store) -> None:
    """What was found stays."""
    assert audit(store, Rules(), NOW, most_s=-1) == 2
    assert waiting(store) == [GATEWAY, OTHER]
    assert audit(store, Rules(), NOW, GATEWAY) == 0
    assert waiting(store) == [OTHER]
    with store.write() as tx:
        tx.audit_anew()
    assert waiting(store) == [GATEWAY, OTHER]
