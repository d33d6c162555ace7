"""Threads that end, and what becomes of them."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import threads
from agent.threads import ThreadEntry, Threads, describe, entry
from tests.support.waiting import PATIENCE_S, until

SECRET = "sekret-0815"


class Hand:
    """A worker that lives until `end` is set, then ends by `error` (None: just returns)."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error, self.end, self.lives = error, threading.Event(), 0
        HANDS.append(self)
        self.revive()

    def revive(self) -> None:
        self.lives += 1
        self.end.clear()
        self.thread = threading.Thread(target=self._run, name="hand", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.end.wait(PATIENCE_S)
        if self.error:
            raise self.error

    def die(self) -> None:
        self.end.set()
        self.thread.join(PATIENCE_S)


HANDS: list[Hand] = []
"""All of the test that runs."""


@pytest.fixture(autouse=True)
def hook() -> Iterator[None]:
    before = threading.excepthook
    yield
    for hand in HANDS:  # those that still wait would raise into another test
        hand.error = None
        hand.die()
    HANDS.clear()
    threading.excepthook = before


def registered(hand: Hand) -> tuple[Threads, list[str]]:
    told: list[str] = []
    made = Threads(told.append)
    made.register([entry(hand)])
    return made, told


def test_a_thread_that_ends_is_started_anew_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Its end is told with the kind of exception and logged with its place; the message, which may quote a secret, is
    not."""
    hand = Hand(RuntimeError(SECRET))
    made, told = registered(hand)
    made.check()
    assert (told, hand.lives) == ([], 1)
    with caplog.at_level(logging.DEBUG):
        hand.die()
        made.check()
    assert (told, hand.lives) == (["thread hand ended: RuntimeError"], 2)
    assert Path(__file__).name in caplog.text
    assert "in _run" in caplog.text
    assert SECRET not in caplog.text


def test_one_that_ends_again_and_again_is_started_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first revival is at once, each later one after twice the pause; a row of deaths is told once."""
    monkeypatch.setattr(threads, "FIRST_PAUSE_S", 0.2)
    hand = Hand(KeyError("x"))
    made, told = registered(hand)
    before, after = [], []
    while hand.lives < 5:
        hand.die()
        lives = hand.lives
        before.append(time.monotonic())
        until(lambda lives=lives: made.check() or hand.lives > lives)
        after.append(time.monotonic())
    for i, pause in enumerate((0.2, 0.4, 0.8)):
        assert after[i + 1] - before[i] >= pause
    assert told == ["thread hand ended: KeyError"]


def test_a_long_life_is_forgiveness(monkeypatch: pytest.MonkeyPatch) -> None:
    """A death long after the last one is told anew."""
    monkeypatch.setattr(threads, "FORGIVEN_S", 0.05)
    hand = Hand(ValueError())
    made, told = registered(hand)
    for _ in range(2):
        hand.die()
        made.check()
        time.sleep(0.1)
        made.check()
    assert (len(told), hand.lives) == (2, 3)


def test_a_vital_thread_that_cannot_be_started_leaves_the_crew_incomplete() -> None:
    """Whoever asks learns that a vital thread is gone, and everybody is told that it was not started anew."""
    told: list[str] = []
    made, alive = Threads(told.append), [True]

    def revive() -> None:
        raise OSError(12, "Cannot allocate memory")

    made.register(
        [ThreadEntry("pump", lambda: alive[0], revive, vital=True), ThreadEntry("ear", lambda: False, lambda: None)]
    )
    made.check()
    assert made.complete
    alive[0] = False
    made.check()
    assert not made.complete
    assert told[-1].endswith("not started anew: OSError: Cannot allocate memory")


def test_an_exception_is_described_without_its_message() -> None:
    """Only the system's own words for an OSError are kept: any other message may quote what it was given."""
    assert describe(RuntimeError, RuntimeError(SECRET)) == "RuntimeError"
    assert (
        describe(FileNotFoundError, FileNotFoundError(2, "No such file", SECRET)) == "FileNotFoundError: No such file"
    )
