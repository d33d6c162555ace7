"""What the broker hands down to the agent, given to a real uplink that is not connected."""

import tempfile
from collections import deque
from functools import cache
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as mqtt

from agent.tell.journal import Journal
from agent.tell.uplink import Uplink
from tests.agent.tell.test_uplink import DOWN, uplink

TOPICS = (f"{DOWN}ack".encode(), f"{DOWN}cmd".encode(), b"mclz/v1/center/state", b"mclz/v1/x")
_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")


class _Nowhere(NamedTuple):
    host: str = "127.0.0.1"
    port: int = 9


def receive(data: bytes) -> None:
    """The first byte names the topic, the rest is the payload. paho would end its thread on any exception."""
    message = mqtt.MQTTMessage(topic=TOPICS[data[0] % len(TOPICS)] if data else TOPICS[0])
    message.payload = data[1:]
    message.retain = len(data) % 7 == 0
    _uplink()._on_message(None, None, message)  # type: ignore[arg-type]


@cache
def _uplink() -> Uplink:
    made = uplink(_Nowhere(), Journal(Path(_FOLDER.name) / "journal.db"), deque(maxlen=1))  # type: ignore[arg-type]
    made._client.max_queued_messages_set(1)  # what it would answer goes nowhere
    return made
