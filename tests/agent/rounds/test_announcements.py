"""What follows from what cameras announce by themselves."""

from pathlib import Path

import pytest

from agent.ask.discovery.round import DiscoveryOptions
from agent.model import Camera
from agent.rounds.discovery import AnnouncementTask
from contract.vocabulary import Reason
from tests.agent.ask.discovery.test_announcements import announce, message, new_address
from tests.agent.rounds.house import House
from tests.support.waiting import until


def test_a_hello_soon_after_another_is_followed_after_the_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that says Hello once, at its new address, is not overheard because another one said it just before."""
    monkeypatch.setattr("agent.rounds.discovery.HELLO_PAUSE_S", 3.0)
    house = House(tmp_path, [Camera(slot="a", address="127.0.0.2")])
    task = AnnouncementTask(house.slots, options=DiscoveryOptions(loopback=True, interfaces=("lo",)))
    task.run()
    first, second = new_address(), new_address()

    def followed() -> bool:
        task.run()
        return house.slots.discover_now.is_set()

    announce(first, message("Hello", first))
    until(followed, "the first Hello's round")
    house.slots.discover_now.clear()
    announce(second, message("Hello", second))
    until(followed, "the second Hello's round")
    task.missed(0, Reason.TIMED_OUT)  # closes its ear
    house.close()
