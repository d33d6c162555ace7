import threading

import pytest

from center.lanes import BATCH, CROWDED, FAIR_MESSAGES, LANE_BYTES, SHARE, Lanes, Put
from tests.center.letters import T0, letter
from tests.support.waiting import PATIENCE_S


def fill(lanes: Lanes, gateway: str, messages: int, size: int = 1) -> list[Put]:
    return [lanes.put(letter("hb", b"x" * size, T0 + n, gateway)) for n in range(messages)]


def test_a_journal_of_weeks_finds_room() -> None:
    """A gateway that tells a whole journal again (64 MB) is taken in full, while nothing else waits."""
    assert set(fill(Lanes(), "zz-0001", 2_000, 32_000)) == {Put.TAKEN}


def test_a_flood_fills_its_own_lane_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where much waits, nothing more is taken of who is above its share, and it is counted; the others find room."""
    monkeypatch.setattr("center.lanes.ALL_MESSAGES", 4 * FAIR_MESSAGES)
    assert CROWDED == 1 / 4
    lanes = Lanes()
    put = fill(lanes, "zz-flood", FAIR_MESSAGES + 7)
    assert put.count(Put.TAKEN) == FAIR_MESSAGES
    assert put[-7:] == [Put.EXCESS] * 7
    assert fill(lanes, "zz-0001", 1) == [Put.TAKEN]
    assert lanes.excess() == {"4101/zz-flood": 7}
    assert lanes.excess() == {}


def test_a_lane_is_bounded_in_bytes_too() -> None:
    """Few large messages fill a lane as many small ones do."""
    size = LANE_BYTES // 10
    assert fill(Lanes(), "zz-0001", 12, size).count(Put.TAKEN) == 10


def test_gateways_are_served_in_turn() -> None:
    """One that waits behind a flood is in the very next batch, and the flood has no more than its share of it."""
    lanes = Lanes()
    fill(lanes, "zz-flood", FAIR_MESSAGES)
    fill(lanes, "zz-0001", 2)
    batch = [one.topic.split("/")[3] for one in lanes.batch(1)]
    assert batch[:4] == ["zz-flood", "zz-0001", "zz-flood", "zz-0001"]
    assert batch.count("zz-flood") == SHARE


def test_each_lane_keeps_its_order_and_nothing_taken_is_lost() -> None:
    """Batch by batch all comes out, of each gateway in the order it came in."""
    lanes = Lanes()
    for gateway in ("zz-0001", "zz-0002", "zz-0003"):
        fill(lanes, gateway, 400)
    out = []
    while not lanes.empty:
        out.append(lanes.batch(1))
    assert max(len(batch) for batch in out) <= BATCH
    for gateway in ("zz-0001", "zz-0002", "zz-0003"):
        mine = [one.received_ms for batch in out for one in batch if gateway in one.topic]
        assert mine == list(range(T0, T0 + 400))


def test_when_all_is_full_the_reader_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every lane together at the limit nothing is dropped: there is room again as soon as a batch was taken."""
    monkeypatch.setattr("center.lanes.ALL_MESSAGES", 20_000)
    lanes = Lanes()
    for n in range(20_000 // 500):
        assert fill(lanes, f"zz-{n:04}", 500).count(Put.TAKEN) == 500
    assert fill(lanes, "zz-last", 1) == [Put.FULL]
    assert lanes.excess() == {}
    waiting = threading.Thread(target=lanes.wait_for_room, args=(1, PATIENCE_S))
    waiting.start()
    lanes.batch(1)
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()
    assert fill(lanes, "zz-last", 1) == [Put.TAKEN]


def test_an_empty_queue_gives_an_empty_batch_after_its_time() -> None:
    """Nothing waits: the worker comes round all the same."""
    assert Lanes().batch(0.01) == []


def test_whoever_sends_more_than_its_share_while_the_center_hears_late_is_named() -> None:
    """Counted since the center last heard in time; what waits for room of everybody is not counted."""
    lanes = Lanes()
    fill(lanes, "zz-flood", FAIR_MESSAGES + 1)
    fill(lanes, "zz-0001", FAIR_MESSAGES)
    assert lanes.flooding() == ["4101/zz-flood"]
    lanes.calm()
    fill(lanes, "zz-flood", 1)
    assert lanes.flooding() == []
