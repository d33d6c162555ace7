"""The center as a process of its own, and gateways that talk to it over a real broker."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from center.store import Store
from contract import topics
from contract.messages import Ack, Command, Result, encode
from tests.center.letters import CITY, GATEWAY
from tests.support.broker import Broker
from tests.support.nats import Node
from tests.support.waiting import PATIENCE_S

DEAF_S = 10.0
"""A gateway that has something to tell waits so long for a PUBACK."""


class Center:
    """`canteen-center serve` as a process of its own."""

    def __init__(self, broker: Broker | Node, database: Path | str, *more: str, log: Path | None = None) -> None:
        """`log`: a file for it, to be read meanwhile."""
        command = [sys.executable, "-m", "center.cli", "serve", "--database", str(database), "--lang", "en"]
        command += ["--broker", f"{broker.host}:{broker.port}", "--print-interval", "0.5", *more]
        with log.open("w") if log else nullcontext(subprocess.PIPE) as err:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True)

    def __enter__(self) -> "Center":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str, str]:
        """SIGTERM; exit code, standard output, log."""
        self.process.terminate()
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err


class Gateway:
    """The gateway's side: keeps what is not acknowledged, sends it again when asked to."""

    def __init__(
        self,
        broker: Broker | Node,
        user: str = "",
        password: str = "",
        *,
        city: str = CITY,
        gateway: str = GATEWAY,
        state_of: str = "",
    ) -> None:
        """`state_of`: the city whose state it hears, in place of the center's."""
        self.city, self.gateway = city, gateway
        self.acked = 0
        self.answer: Callable[[Command], Result] | None = None
        self.commands: list[bytes] = []
        self.center: list[str] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user or f"{city}/{gateway}")
        if user:
            self.client.username_pw_set(user, password)
        state = topics.city_state(state_of) if state_of else topics.CENTER_STATE
        self._wanted = [(topics.down(city, gateway, "#"), 1), (state, 1)]
        self._refused = False
        self._confirmed_s = time.monotonic()
        self.client.on_connect, self.client.on_subscribe = self._subscribe, self._granted
        self.client.on_message, self.client.on_publish = self._heard, self._confirmed
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()

    def tend(self) -> None:
        """As an agent does that has something to tell: a cluster that elects its leader refuses, or keeps silent."""
        if self._refused:
            self._subscribe()
        if time.monotonic() - self._confirmed_s > DEAF_S and (held := self.client.socket()):
            self._confirmed_s = time.monotonic()
            with suppress(OSError):
                cast("socket.socket", held).shutdown(socket.SHUT_RDWR)  # paho makes another

    def _subscribe(self, *_: object) -> None:
        self._refused = False
        self.client.subscribe(self._wanted)

    def _granted(self, _client: object, _data: object, _mid: int, reasons: Sequence[Any], _properties: object) -> None:
        self._refused = any(one.is_failure for one in reasons)

    def _confirmed(self, *_: object) -> None:
        self._confirmed_s = time.monotonic()

    def _heard(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if topics.is_center_state(message.topic):
            self.center.append(json.loads(message.payload)["state"])
        elif message.topic.endswith("/ack"):
            self.acked = msgspec.json.decode(message.payload, type=Ack).seq
        else:
            self.commands.append(bytes(message.payload))
            if self.answer:
                result = self.answer(msgspec.json.decode(message.payload, type=Command))
                self.says("res", encode(result))

    def says(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(topics.up(self.city, self.gateway, leaf), payload, qos=1, retain=retain)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def held(database: Path | str, gateway: str = GATEWAY) -> set[int]:
    store = Store(str(database))
    with store.read() as reader:
        stores = {run.store for run in reader.runs([gateway])}
        seqs = {h.seq for h in reader.events([(gateway, one, 0, 2**53) for one in stores], {}).get(gateway, ())}
    store.close()
    return seqs
