"""What the broker hands down to the agent, given to a real uplink that is not connected."""

import tempfile
from collections import deque
from functools import cache
from pathlib import Path
from typing import NamedTuple

from agent.tell.journal import Journal
from agent.tell.line import Message
from agent.tell.uplink import Uplink
from tests.agent.tell.test_uplink import DOWN, uplink

TOPICS = (f"{DOWN}ack", f"{DOWN}cmd", "mclz/v1/center/state", "mclz/v1/x")
_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")


class _Nowhere(NamedTuple):
    host: str = "127.0.0.1"
    port: int = 9


def receive(data: bytes) -> None:
    """The first byte names the topic, the rest is the payload. paho would end its thread on any exception."""
    topic = TOPICS[data[0] % len(TOPICS)] if data else TOPICS[0]
    _uplink().hear(Message(topic, data[1:], len(data) % 7 == 0))


@cache
def _uplink() -> Uplink:
    journal = Journal(Path(_FOLDER.name) / "journal.db")
    return uplink(_Nowhere(), journal, deque(maxlen=1))  # type: ignore[arg-type]  # what it would answer goes nowhere
