"""Brokers that take less than others: a real mosquitto with its limits, and what is made of documents for them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from agent.tell.fitting import fitted
from agent.tell.journal import Journal
from agent.tell.preflight import Endpoint
from agent.tell.uplink import Uplink
from contract.messages import Capability, Command, Inventory, InventorySlot, Result, SlotVerdicts, Verdict
from contract.vocabulary import Clause, Level, Standing
from tests.agent.tell.test_uplink import Ear, fill
from tests.support.broker import Broker
from tests.support.waiting import until

SLOTS = 45


def capability() -> bytes:
    verdicts = tuple(
        Verdict(clause=clause, standing=Standing.MET, level=Level.E1, proof=("what was said of it " * 12,))
        for clause in Clause
    )
    slots = tuple(SlotVerdicts(slot=f"kitchen-{n}", at=n, verdicts=verdicts) for n in range(SLOTS))
    return msgspec.json.encode(Capability(gateway="box-0001", boot="b1", policy="henan-2021-45", slots=slots))


def inventory() -> bytes:
    slots = tuple(InventorySlot(slot=f"kitchen-{n}", address="192.0.2.1") for n in range(SLOTS))
    return msgspec.json.encode(Inventory(gateway="box-0001", slots=slots))


@contextmanager
def line(limits: str, *, newest: bool) -> Iterator[tuple[Ear, Uplink, Journal, list[str]]]:
    thieves: list[str] = []
    with Broker(extra=limits) as broker:
        ear, journal = Ear(broker), Journal(broker.home / "journal.db")
        fill(journal, 3)

        def command(command: Command) -> Result:
            return Result(id=command.id, outcome="unsupported")

        up = Uplink(
            [Endpoint(host=broker.host, port=broker.port)],
            city="4101",
            gateway="box-0001",
            session=lambda: "s1",
            username="4101/box-0001",
            password=None,
            keepalive_s=10,
            journal=journal,
            greet=lambda: [
                ("state", json.dumps({"state": "online", "store": journal.store}).encode()),
                ("inv", inventory()),
                ("cap", capability()),
            ],
            command=command,
            duplicate=thieves.append,
            newest=newest,
        )
        up.start()
        try:
            yield ear, up, journal, thieves
        finally:
            up.stop("test over", 2)
            ear.client.disconnect()
            ear.client.loop_stop()


def told(ear: Ear) -> set[str]:
    return {slot["slot"] for document in ear.of("cap") for slot in document["slots"]}


@pytest.mark.parametrize("newest", [True, False])
def test_a_broker_that_takes_small_packets_alone_is_told_everything_in_parts(*, newest: bool) -> None:
    """What the CONNACK says is kept from the start; in MQTT 3.1.1, which says nothing, it is found out by the end of a
    line. Every slot arrives, events before them, and nobody is accused of using our identity."""
    with line("max_packet_size 24000", newest=newest) as (ear, up, _, thieves):
        until(lambda: len(told(ear)) == SLOTS)
        assert ear.of("ev"), "events go before documents"
        assert (up.connections == 1) is newest
    assert thieves == []


def test_a_broker_that_keeps_nothing_is_told_without_the_flag() -> None:
    """Retain Available 0: neither will nor documents ask for it, and the line stands."""
    with line("retain_available false", newest=True) as (ear, up, _, _):
        until(lambda: len(told(ear)) == SLOTS)
        assert not any(retain for _, _, retain in ear.heard)
        until(up.connected.is_set)


def test_a_document_that_fits_is_left_as_it_is() -> None:
    """No limit, or room enough: not a byte is changed."""
    assert fitted("cap", capability(), 0) == [capability()]
    assert fitted("cap", capability(), 10**6) == [capability()]


def test_proofs_go_first_then_the_slots_are_parted() -> None:
    """A little too long: one document without proofs; much too long: several, every slot in one of them."""
    whole = msgspec.json.decode(capability(), type=Capability)
    (once,) = fitted("cap", capability(), len(capability()) - 1)
    short = msgspec.json.decode(once, type=Capability)
    assert [slot.slot for slot in short.slots] == [slot.slot for slot in whole.slots]
    assert not any(verdict.proof for slot in short.slots for verdict in slot.verdicts)
    for limit in (5_000, 2_000):
        parts = [msgspec.json.decode(part, type=Capability) for part in fitted("cap", capability(), limit)]
        assert len(parts) > 1
        assert [slot.slot for part in parts for slot in part.slots] == [slot.slot for slot in whole.slots]
        assert [(part.part, part.parts) for part in parts] == [(n, len(parts)) for n in range(1, len(parts) + 1)]
        assert all(len(msgspec.json.encode(part)) <= limit for part in parts)
    assert fitted("hb", b"x" * 100, 50) == []


def test_threads_end() -> None:
    """Nothing of the lines above is left running."""
    until(lambda: not any(thread.name.startswith("uplink-") for thread in threading.enumerate()))
