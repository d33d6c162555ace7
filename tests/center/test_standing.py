from collections.abc import Iterator

import pytest

from center.rate import Count, Rules
from center.record import Recorder
from center.report import standing
from center.store import Store
from contract.messages import Goodbye, encode
from tests.center.letters import GATEWAY, T0, beat, event, events, letter, moved, register

SECOND = 1000


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = Store(url)
    register(made, "k1", "k2", "k3")
    yield made
    made.close()


def now(store: Store, at: int) -> Count:
    with store.read() as reader:
        return standing(reader, at, Rules())


def test_how_everything_stands_is_kept_as_it_comes(store: Store) -> None:
    """The newest word of each position, whatever arrives again or late; never seen is what was never spoken of."""
    recorder = Recorder(store)
    assert now(store, T0) == Count(3, never_seen=3)
    first = letter("ev", events(moved(1, 10, "online"), moved(2, 10, "offline", "k2")), T0)
    recorder.record([first, letter("hb", beat(100, 2, offline=("k2",)), T0 + SECOND)])
    assert now(store, T0 + 2 * SECOND) == Count(3, online=1, offline=1, never_seen=1)
    recorder.record([letter("ev", events(moved(3, 500, "offline")), T0 + 3 * SECOND)])
    recorder.record([first._replace(received_ms=T0 + 9 * SECOND)])
    assert now(store, T0 + 10 * SECOND) == Count(3, offline=2, never_seen=1)


def test_of_two_journals_the_later_word_stands_also_in_one_batch(store: Store) -> None:
    """As it does where they come one by one."""
    later = letter("ev", events(moved(1, 10, "online")), T0 + SECOND)
    sooner = letter("ev", events(moved(1, 10, "offline"), store="j2"), T0)
    Recorder(store).record([letter("hb", beat(100, 1), T0), later, sooner])
    assert now(store, T0 + 2 * SECOND) == Count(3, online=1, never_seen=2)


def test_a_gateway_that_is_silent_or_has_left_stands_as_unknown(store: Store) -> None:
    """After `dark_after` without a heartbeat, or a goodbye; another session begins with every slot unknown."""
    recorder = Recorder(store)
    recorder.record([letter("ev", events(moved(1, 10, "online")), T0), letter("hb", beat(100, 1), T0)])
    assert now(store, T0 + 181 * SECOND) == Count(3, unknown=1, never_seen=2)
    recorder.record([letter("hb", beat(200_000, 1), T0 + 200 * SECOND)])
    assert now(store, T0 + 201 * SECOND).online == 1
    recorder.record([letter("state", encode(Goodbye(gateway=GATEWAY, session="s1", why="")), T0 + 202 * SECOND)])
    assert now(store, T0 + 203 * SECOND) == Count(3, unknown=1, never_seen=2)
    recorder.record([letter("hb", beat(1, 1, session="s2"), T0 + 204 * SECOND), letter("ev", events(event(2)), T0)])
    assert now(store, T0 + 205 * SECOND) == Count(3, unknown=1, never_seen=2)
