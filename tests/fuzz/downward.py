"""What the broker hands down to the agent, given to a real uplink that is not connected."""

import paho.mqtt.client as mqtt

from agent.tell.outbox import Outbox
from agent.tell.uplink import Endpoint, Uplink
from contract.messages import Command, Result

TOPICS = (b"mclz/v1/4101/box-0001/down/ack", b"mclz/v1/4101/box-0001/down/cmd", b"mclz/v1/center/state", b"mclz/v1/x")
_made: list[Uplink] = []
_OUTBOX = Outbox()
_OUTBOX.store = "s1"


def receive(data: bytes) -> None:
    """The first byte names the topic, the rest is the payload. paho would end its thread on any exception."""
    message = mqtt.MQTTMessage(topic=TOPICS[data[0] % len(TOPICS)] if data else TOPICS[0])
    message.payload = data[1:]
    message.retain = len(data) % 7 == 0
    _uplink()._on_message(None, None, message)  # type: ignore[arg-type]


def _uplink() -> Uplink:
    if not _made:
        made = Uplink(
            [Endpoint(host="127.0.0.1", port=9)],
            city="4101",
            gateway="box-0001",
            session="s",
            username="4101/box-0001",
            password=None,
            keepalive_s=60,
            outbox=_OUTBOX,
            greet=list,
            command=_obey,
        )
        made._client.max_queued_messages_set(1)  # what it would answer goes nowhere
        _made.append(made)
    return _made[0]


def _obey(command: Command) -> Result:
    assert command.not_after >= 0
    return Result(id=command.id, outcome="done")
