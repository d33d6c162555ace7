"""The agent's snapshots as messages, whatever cameras call themselves."""

import msgspec

from agent.model import Camera, Device, DiscoveredDevice
from agent.tell import documents
from contract.messages import MAX_DOCUMENT_BYTES, Inventory

LONG = "\u6c49" * 512


def test_strangers_with_long_names_cannot_make_the_inventory_too_large() -> None:
    """Two hundred strangers that say as much as they can leave room for every slot and for the honest ones."""
    loud = [DiscoveredDevice(address=f"192.168.1.{n}", epr=LONG, name=LONG, hardware=LONG) for n in range(190)]
    honest = [DiscoveredDevice(address=f"192.168.2.{n}", epr="urn:uuid:1", name="Dome") for n in range(10)]
    cameras = [Camera(slot=f"s{n}", address="192.168.1.64") for n in range(16)]
    found = documents.inventory("box-0001", cameras, {}, [*loud, *honest])
    assert len(msgspec.json.encode(found)) <= MAX_DOCUMENT_BYTES
    assert len(found.slots) == 16
    assert {one.address for one in honest} <= {one.address for one in found.unregistered}
    assert len(found.unregistered) > 10


def test_slots_of_a_recorder_with_long_names_fit() -> None:
    """The largest register fits into one document, although every device calls itself something without end."""
    cameras = [Camera(slot=f"s{n}", address="192.168.1.64") for n in range(200)]
    device = Device(manufacturer=LONG, model=LONG, firmware=LONG, serial=LONG)
    found = documents.inventory("box-0001", cameras, {camera.slot: device for camera in cameras}, [])
    assert len(msgspec.json.encode(found)) <= MAX_DOCUMENT_BYTES
    assert len(found.slots) == 200


def test_a_slot_says_which_picture_it_shows_and_no_path() -> None:
    """By channel, or by the number of its path, which may hold a login."""
    secret = "/live?user=admin&password=sesame"
    cameras = [
        Camera(slot=f"k{n}", address="192.168.1.64", stream_path=path) for n, path in enumerate(("", secret, "/2"))
    ]
    cameras += [
        Camera(slot="k3", address="192.168.1.64", channel="3"),
        Camera(slot="k4", address="192.168.1.64", stream_path=secret),
    ]
    found = documents.inventory("box-0001", cameras, {}, [])
    assert [one.channel for one in found.slots] == ["", "path-1", "path-2", "3", "path-1"]
    assert b"sesame" not in msgspec.json.encode(found)


def test_a_usual_inventory_is_left_as_it_is() -> None:
    """What fits keeps its order and its words."""
    strangers = [DiscoveredDevice(address=f"192.168.1.{n}", name="long" * (9 - n)) for n in range(9)]
    found = documents.inventory("box-0001", [], {}, strangers)
    assert isinstance(found, Inventory)
    assert [(one.address, one.name) for one in found.unregistered] == [(one.address, one.name) for one in strangers]
