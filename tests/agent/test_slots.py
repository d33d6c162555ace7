"""All slots: who is asked when, and who leaves whom alone."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from agent.model import Camera, Evidence, Look, Picture, Seen, Stream
from agent.records import FIRST_WAIT_MS, Provisional
from agent.slots import LONGEST_WAIT_MS, SEEK_PAUSE_MS
from contract.messages import CapabilityChanged
from tests.agent.rounds.house import House
from tests.support.waiting import PATIENCE_S, until

CAMERAS = [Camera(slot="a", address="127.0.0.2"), Camera(slot="b", address="127.0.0.2")]


class Clock:
    now = 1_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> Iterator[House]:
    house = House(tmp_path, CAMERAS, clock)
    yield house
    house.close()


def wanted(house: House) -> list[str]:
    return [camera.slot for camera in house.slots.take_wanted()]


def test_who_is_wanted_is_asked_once(house: House) -> None:
    """A request is taken once, in the order of the register; it wakes whoever asks."""
    assert not house.slots.ask_now.is_set()
    house.slots.ask(["b", "a", "b"])
    assert house.slots.ask_now.is_set()
    assert wanted(house) == ["a", "b"]
    assert wanted(house) == []


def test_a_camera_that_asks_for_questions_again_and_again_gets_them_ever_more_rarely(
    house: House, clock: Clock
) -> None:
    """Each suggestion waits twice as long as the one before, an hour at most; an answer forgets that."""
    house.slots.suggest("a")
    assert wanted(house) == ["a"]
    wait_ms = FIRST_WAIT_MS
    for _ in range(8):
        clock.now += wait_ms - 1
        house.slots.suggest("a")
        assert wanted(house) == []
        clock.now += 1
        house.slots.suggest("a")
        assert wanted(house) == ["a"]
        wait_ms = min(2 * wait_ms, LONGEST_WAIT_MS)
    assert wait_ms == LONGEST_WAIT_MS
    house.slots.answered("a")
    house.slots.suggest("a")
    assert wanted(house) == ["a"]


def test_who_is_moved_is_not_checked_and_waits_for_a_check(house: House) -> None:
    """While one slot is checked it cannot be spared; while it is spared, only the others are checked."""
    spared = threading.Event()

    def move() -> None:
        with house.slots.spared("a"):
            spared.set()

    with house.slots.checking(["a", "b"]) as allowed:
        assert allowed == {"a", "b"}
        mover = threading.Thread(target=move)
        mover.start()
        assert not spared.wait(0.2)
    until(spared.is_set)
    mover.join(PATIENCE_S)
    with house.slots.spared("a"), house.slots.checking(["a", "b"]) as allowed:
        assert allowed == {"b"}


def test_an_address_names_all_its_slots(house: House) -> None:
    """The channels of a recorder are several slots at one address."""
    assert [slot.name for slot in house.slots.at("127.0.0.2")] == ["a", "b"]
    assert house.slots.at("127.0.0.3") == []


def test_no_verdict_changes_for_a_picture_that_was_still_to_be_decoded(house: House) -> None:
    """What is shown before the picture is decoded is no verdict that something is told to have changed from."""
    slot = house.slots["a"]
    look = Look(at=1, took_s=0.0, tcp=Seen(value=(554,)), stream=Seen(value=Stream(path="/", media=())))
    early = Evidence(slot="a", look=look)
    whole = structs.replace(early, picture=Seen(value=Picture(source="main", width=1920, height=1080)))
    slot.apply(Provisional(evidence=early))
    shown = slot.inspected
    slot.apply(whole)
    assert shown is not None
    assert slot.inspected is not None
    assert shown.verdicts.verdicts != slot.inspected.verdicts.verdicts
    assert house.told(CapabilityChanged) == []
    slot.apply(early)
    assert house.told(CapabilityChanged)


def test_a_camera_that_cannot_be_reached_is_sought_at_once_and_then_ever_more_rarely(
    house: House, clock: Clock
) -> None:
    """DHCP may have moved it: a round of discovery follows, and later ones wait twice as long each; one that answers
    and goes again is sought at once.
    """
    sought = house.slots.discover_now
    house.slots.seek("a")
    assert sought.is_set()
    wait_ms = FIRST_WAIT_MS
    for _ in range(8):
        sought.clear()
        clock.now += wait_ms - 1
        house.slots.seek("a")
        assert not sought.is_set()
        clock.now += 1
        house.slots.seek("a")
        assert sought.is_set()
        wait_ms = min(2 * wait_ms, LONGEST_WAIT_MS)
    sought.clear()
    clock.now += SEEK_PAUSE_MS
    house.slots.reached("a")
    house.slots.seek("a")
    assert sought.is_set()


def test_a_switch_that_takes_many_cameras_makes_no_storm_of_rounds(house: House, clock: Clock) -> None:
    """Rounds for several cameras keep their distance, and whoever was too soon is sought after it."""
    sought = house.slots.discover_now
    house.slots.seek("a")
    sought.clear()
    house.slots.seek("b")
    assert not sought.is_set()
    clock.now += SEEK_PAUSE_MS
    house.slots.seek("b")
    assert sought.is_set()
