"""One batch of messages into the store, in one transaction, and what must be said once it is durable.

So an acknowledgement never runs ahead of the disk. A message that cannot be worked is set aside and costs no other.
MQTT must not be known here.
"""

import logging
from collections.abc import Sequence

from center.alarms import FLOOD
from center.decode import Incoming, apart, origin, single
from center.facts import Facts, Memory, Outgoing, read, spoilt_row
from center.model import Spoilt
from center.store import Store, Unavailable
from contract.text import tidy

log = logging.getLogger(__name__)

__all__ = ["Outgoing", "Recorder"]


class Recorder:
    """Not safe for two threads: one worker owns it. Survives any message; raises only Unavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._memory = Memory()

    def record(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Stores them durably; returns what to publish. Unavailable: nothing was stored, try them again later."""
        if not messages:
            return []
        try:
            return self._commit(messages)
        except Unavailable:
            raise
        except Exception as error:  # whatever one message brought about must not cost the others
            parts = list(messages) if len(messages) > 1 else list(apart(messages[0]))
            if len(parts) == 1:
                return self._refuse(parts[0], error)
        half = len(parts) // 2  # so the one is found in a few steps, and all others are stored many at a time
        return self.record(parts[:half]) + self.record(parts[half:])

    def flooded(self, lane: str, messages: int, now_ms: int) -> None:
        """Keeps on record that so many messages of this city/gateway came faster than they could be stored."""
        with self._store.write() as tx:
            registry = self._memory.refresh(tx)
            city, _, gateway = lane.partition("/")
            gateway = gateway if registry.cities.get(gateway) == city else ""
            detail = "not taken, the gateway sends it again"
            tx.set_aside([Spoilt(gateway, tidy(lane), detail, b"", now_ms, code=FLOOD, times=messages)])

    def _commit(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        heard = [read(incoming) for incoming in messages]
        with self._store.write() as tx:
            facts = Facts(self._memory, self._memory.refresh(tx))
            facts.look_up(tx, heard)
            for one in heard:
                facts.take(one)
            answers = facts.write(tx)
        self._memory.learn(facts)
        return answers

    def _refuse(self, message: Incoming, error: Exception) -> list[Outgoing]:
        """Of an event its seq stays known, so that the rest of its journal can go on."""
        topic, reason = tidy(message.topic), f"unworkable: {type(error).__name__}"
        log.error("a message on %s is %s", topic, reason)
        source = origin(message.topic)
        store, seq = single(source, message.payload) if source else ("", 0)
        with self._store.write() as tx:
            registry = self._memory.refresh(tx)
            gateway = source.gateway if source and source.gateway in registry.cities else ""
            if gateway and seq:
                tx.add_events([spoilt_row(gateway, store, seq, message.payload, message.received_ms)])
            tx.set_aside([Spoilt(gateway, topic, reason, message.payload, message.received_ms, tidy(store), seq)])
        self._memory.forget(gateway, store)
        return []
