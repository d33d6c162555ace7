"""One camera at two gateways, and two slots of one gateway that show one picture (N8)."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from center.alarms import SHARED, TWIN, devices
from center.decode import Incoming
from center.devices import doubled, shared, twins
from center.intervals import EMPTY, difference, intersection, normal, total
from center.rate import Rules, month_span
from center.record import Recorder
from center.report import When, told
from center.store import Store
from contract.messages import Identity, Inventory, InventorySlot, encode
from tests.center.letters import GATEWAY, T0, anchor, beat, birth, events, letter, moved, register

MINUTE = 60_000
ONE = Identity(mac="2c:a5:9c:00:00:01", serial="DS-2CD2345-1")
NUMBERS = Identity(mac="00:12:34:56:78:9a", serial="123456")
OTHER = "zz-0002"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


def inventory(*slots: InventorySlot, gateway: str = GATEWAY) -> bytes:
    return encode(Inventory(gateway=gateway, slots=slots))


def slot(name: str, address: str = "192.0.2.1", channel: str | None = "", **more: Any) -> InventorySlot:
    return InventorySlot(slot=name, address=address, channel=channel, **more)


def test_one_picture_under_two_names_is_the_first_ones() -> None:
    """Same address, ports and channel; an older agent that tells no channel may mean a recorder's."""
    told = Inventory(
        gateway=GATEWAY, slots=(slot("k2"), slot("k1"), slot("k3", channel="3"), slot("k4", rtsp_port=555))
    )
    assert twins(told) == {"k2"}
    assert twins(Inventory(gateway=GATEWAY, slots=(slot("k2", channel=None), slot("k1", channel=None)))) == frozenset()
    assert twins(Inventory(gateway=GATEWAY, slots=(slot("k1", ""), slot("k2", "")))) == frozenset()


def test_it_lasts_from_the_inventory_that_says_so_to_the_next_that_does_not() -> None:
    """The last one lasts."""
    assert doubled([(10, ""), (20, "k2,k3"), (30, "k2"), (40, ""), (50, "k2")], 99) == {
        "k2": ((20, 40), (50, 99)),
        "k3": ((20, 30),),
    }


def there(gateway: str, name: str, identity: Identity, channel: str | None = "") -> tuple[str, InventorySlot]:
    return gateway, slot(name, channel=channel, identity=identity)


@pytest.mark.parametrize(
    ("other", "channel", "alike"),
    [
        (ONE, "", True),
        (Identity(mac="2C-A5-9C-00-00-01", serial="ds-2cd2345-1 "), "", True),
        (Identity(mac=ONE.mac), "", False),
        (Identity(mac=ONE.mac, serial="another"), "", False),
        (Identity(mac=ONE.mac, serial=ONE.serial, epr="urn:uuid:1-2"), "", True),
        (ONE, "2", False),
        (ONE, None, True),
    ],
)
def test_two_witnesses_and_none_against_make_one_camera(other: Identity, channel: str | None, alike: bool) -> None:
    """Of MAC, endpoint and serial number; another channel of a recorder is another camera."""
    found = shared([there(GATEWAY, "k1", ONE), there(OTHER, "a1", other, channel)])
    assert [(one.gateway, one.other) for one in found] == ([(GATEWAY, OTHER), (OTHER, GATEWAY)] if alike else [])


def test_numbers_of_a_product_line_are_nobodys() -> None:
    """Junk says nothing, nor does what stands at nine gateways; two slots of one gateway are no matter of this."""
    assert shared([there(GATEWAY, "k1", NUMBERS), there(OTHER, "a1", NUMBERS)]) == []
    assert shared([there(f"zz-{n:04d}", "k1", ONE) for n in range(9)]) == []
    assert shared([there(GATEWAY, "k1", ONE), there(GATEWAY, "k2", ONE)]) == []


def two_hours(gateway: str = GATEWAY) -> list[Incoming]:
    """k1 and k2 online, told in time."""
    rows = (anchor(1), moved(2, 10, "online", "k1"), moved(3, 20, "online", "k2"))
    found = [letter("state", birth(gateway=gateway), T0, gateway), letter("ev", events(*rows), T0 + 50, gateway)]
    return found + [letter("hb", beat(m * MINUTE, 3), T0 + m * MINUTE + 40, gateway) for m in range(1, 120)]


def known(store: Store) -> dict[str, Any]:
    span = (month_span("2026-11")[0], T0 + 120 * MINUTE)
    with store.read() as reader:
        when = When("2026-11", span, span[1], live=False)
        return {position.position: its for position, its, _ in told(reader, when, Rules())}


def test_two_slots_with_one_picture_count_once_while_it_is_told_so(store: Store) -> None:
    """The second is unknown from that inventory to the next; the first keeps all, and no other gateway loses any."""
    register(store, "k1", "k2")
    register(store, "k1", "k2", gateway=OTHER)
    both, apart = (inventory(slot("k1"), slot("k2", channel=c)) for c in ("", "2"))
    said = [*two_hours(), *two_hours(OTHER)]
    said += [letter("inv", both, T0 + 30 * MINUTE), letter("inv", apart, T0 + 90 * MINUTE)]
    Recorder(store).record(Random(1).sample(said, len(said)))
    made = known(store)
    hour = ((T0 + 30 * MINUTE, T0 + 90 * MINUTE),)
    assert intersection(made[f"{GATEWAY}/k2"].on, hour) == EMPTY
    assert total(made[f"{GATEWAY}/k2"].on) > 58 * MINUTE
    assert made[f"{GATEWAY}/k2"].off == EMPTY
    for position in (f"{GATEWAY}/k1", f"{OTHER}/k1", f"{OTHER}/k2"):
        assert total(made[position].on) > 118 * MINUTE


@pytest.mark.parametrize("seed", range(4))
def test_inventories_in_any_order_and_batches_say_the_same(store: Store, seed: int) -> None:
    """The figure follows from what was told when, however it was read."""
    rnd = Random(seed)
    register(store, "k1", "k2")
    said, twice, since = two_hours(), False, 0
    wanted = list[tuple[int, int]]()
    for minute in sorted(rnd.sample(range(2, 118), 6)):
        begin = T0 + minute * MINUTE + 7
        if twice:
            wanted.append((since, begin))
        since, twice = begin, rnd.random() < 0.5
        said.append(letter("inv", inventory(slot("k1"), slot("k2", channel="" if twice else "2")), begin))
    wanted += [(since, T0 + 200 * MINUTE)] if twice else []
    recorder, shuffled = Recorder(store), rnd.sample(said, len(said))
    for i in range(0, len(said), 40):
        recorder.record(shuffled[i : i + 40])
    made = known(store)
    first, second = (made[f"{GATEWAY}/{name}"].on for name in ("k1", "k2"))
    assert second == difference(intersection(first, ((T0 + 20, T0 + 120 * MINUTE),)), normal(wanted))


def test_one_camera_online_at_two_gateways_is_an_alarm_at_both(store: Store) -> None:
    """By what stands now, and it takes nothing from either; one that is offline at one of them has moved."""
    register(store, "k1", "k2")
    register(store, "k1", "k2", gateway=OTHER)
    said = [*two_hours(), *two_hours(OTHER)]
    for gateway in (GATEWAY, OTHER):
        said.append(letter("inv", inventory(slot("k2", identity=ONE), gateway=gateway), T0 + MINUTE, gateway))
    Recorder(store).record(said)
    with store.read() as reader:
        found = devices(reader, T0, T0 + 100 * MINUTE)
        only = devices(reader, T0, T0 + 100 * MINUTE, OTHER)
        silent = devices(reader, T0, T0 + 200 * MINUTE)
    assert [(one.alarm, one.gateway) for one in found] == [(SHARED, GATEWAY), (SHARED, OTHER)]
    assert OTHER in found[0].detail
    assert ONE.serial.lower() in found[0].detail
    assert [one.gateway for one in only] == [OTHER]
    assert silent == []
    made = known(store)
    assert all(total(its.on) > 118 * MINUTE for its in made.values())
    Recorder(store).record([letter("ev", events(moved(4, 119 * MINUTE, "offline", "k2")), T0 + 119 * MINUTE + 50)])
    with store.read() as reader:
        assert devices(reader, T0, T0 + 100 * MINUTE) == []


def test_two_slots_with_one_picture_are_an_alarm(store: Store) -> None:
    """As long as the newest inventory says so."""
    register(store, "k1", "k2")
    recorder = Recorder(store)
    recorder.record([letter("inv", inventory(slot("k1"), slot("k2")), T0)])
    with store.read() as reader:
        assert [(one.alarm, one.detail[:3]) for one in devices(reader, T0, T0)] == [(TWIN, "k2:")]
    recorder.record([letter("inv", inventory(slot("k1"), slot("k2", channel="2")), T0 + 1)])
    with store.read() as reader:
        assert devices(reader, T0, T0) == []
