"""Budgets and votes of one round."""

import ipaddress

from agent.ask.discovery.admission import (
    FIRST_SHARE,
    FIRSTS,
    MAX_DEVICES,
    NEIGHBOURS,
    PER_SOURCE,
    STRANGERS,
    Admission,
    DeviceTable,
)
from agent.ask.discovery.messages import MAX_DATAGRAM_BYTES, Match, Rejection

LAN = ipaddress.IPv4Network("10.0.0.0/8")


def address(number: int) -> str:
    return str(LAN[number])


def admit(
    admission: Admission, sender: str, *, share: float = 1.0, vouched: bool = False, neighbour: bool = False
) -> bool:
    return admission.admit(sender, 500, share=share, vouched=vouched, neighbour=neighbour) is None


def match(epr: str = "urn:uuid:1", xaddr: str = "http://10.0.0.1/a") -> Match:
    return Match(epr, ("dn:NetworkVideoTransmitter",), ("onvif://www.onvif.org/name/K",), (xaddr,) if xaddr else ())


def test_one_sender_has_eight_datagrams() -> None:
    """The ninth datagram of a sender is surplus, another sender's first is not."""
    admission = Admission()
    assert [admit(admission, address(1)) for _ in range(PER_SOURCE + 1)] == [True] * PER_SOURCE + [False]
    assert admit(admission, address(2))


def test_what_was_not_read_does_not_count_against_its_sender() -> None:
    """A camera whose answers come while the budget is overdrawn is read once there is some again."""
    admission = Admission()
    assert [admit(admission, address(1), share=0.0) for _ in range(PER_SOURCE + 1)] == [False] * (PER_SOURCE + 1)
    assert admit(admission, address(1))


def test_an_oversize_datagram_is_refused_before_it_counts() -> None:
    """16 kB is the limit, and what is above it does not use up the sender's share."""
    admission = Admission()
    for _ in range(20):
        assert (
            admission.admit("10.0.0.1", MAX_DATAGRAM_BYTES + 1, share=1, vouched=False, neighbour=False)
            is Rejection.OVERSIZE
        )
    assert admit(admission, "10.0.0.1")


def test_a_burst_spends_only_what_is_released() -> None:
    """At a quarter of the share a part of the strangers is admitted; a later one finds room again."""
    admission = Admission()
    admitted = sum(admit(admission, address(number), share=0.25) for number in range(2000))
    assert admitted == FIRSTS * FIRST_SHARE + STRANGERS / 4
    assert admit(admission, address(5000), share=0.3)


def test_neighbours_and_vouched_senders_have_room_of_their_own() -> None:
    """Strangers exhaust neither the budget of our links nor that of known cameras, and the sum is 2,000."""
    admission = Admission()
    for number in range(10_000):
        admit(admission, address(number))
    assert not admit(admission, address(20_000))
    assert admit(admission, address(20_001), neighbour=True)
    assert admit(admission, address(20_002), vouched=True)
    assert STRANGERS + NEIGHBOURS == 2_000


def test_two_hundred_cameras_that_answer_every_probe_are_all_taken() -> None:
    """Fifteen waves of answers, always in the same order: whoever was not taken yet goes before more of the others."""
    admission, table = Admission(), DeviceTable()
    for wave in range(15):
        share = 0.25 + 0.75 * wave / 14
        for number in range(200):
            sender = address(number)
            why = admission.admit(sender, 800, share=share, vouched=False, neighbour=False, taken=table.holds(sender))
            said = [match(f"urn:uuid:{number}")]
            if why is None and not table.add(sender, said, LAN, share=share, vouched=False):
                admission.had_no_room(sender, vouched=False)
    assert len(table.devices({})) == 200


def test_forged_datagrams_do_not_use_up_a_known_senders_vouched_share() -> None:
    """Eight forged replies under a known camera's address leave the one with the right ticket its room."""
    admission = Admission()
    for _ in range(100):
        admit(admission, address(1))
    assert admit(admission, address(1), vouched=True)


def test_repeated_replies_are_one_device_and_fill_each_others_gaps() -> None:
    """Replies with one address and port are merged; what an earlier one lacked comes from a later one."""
    table = DeviceTable()
    table.add("10.0.0.1", [match(xaddr="")], LAN, share=1, vouched=False)
    table.add("10.0.0.1", [match()._replace(scopes=())], LAN, share=1, vouched=False)
    table.add("10.0.0.1", [match()], LAN, share=1, vouched=False)
    (device,) = table.devices({"10.0.0.1": "aa:bb:cc:dd:ee:ff"})
    assert (device.xaddrs, device.name, device.mac) == (("http://10.0.0.1/a",), "K", "aa:bb:cc:dd:ee:ff")


def test_two_cameras_with_one_endpoint_reference_stay_two() -> None:
    """The endpoint reference alone never merges: two addresses are two devices."""
    table = DeviceTable()
    for sender in ("10.0.0.1", "10.0.0.2"):
        table.add(sender, [match()], LAN, share=1, vouched=False)
    assert [device.address for device in table.devices({})] == ["10.0.0.1", "10.0.0.2"]


def test_two_services_on_one_address_stay_two() -> None:
    """Two ports on one address are two devices."""
    table = DeviceTable()
    for port in (8000, 8001):
        table.add("10.0.0.1", [match(f"urn:uuid:{port}", f"http://10.0.0.1:{port}/a")], LAN, share=1, vouched=False)
    assert [device.port for device in table.devices({})] == [8000, 8001]


def test_the_endpoint_reference_is_settled_by_vote() -> None:
    """One forged reference is outvoted by two honest ones, any number of forged ones by one vouched for."""
    table = DeviceTable()
    for epr in ("urn:uuid:forged", "urn:uuid:true", "urn:uuid:true"):
        table.add("10.0.0.1", [match(epr)], LAN, share=1, vouched=False)
    assert table.devices({})[0].epr == "urn:uuid:true"
    for _ in range(20):
        table.add("10.0.0.1", [match("urn:uuid:forged")], LAN, share=1, vouched=False)
    table.add("10.0.0.1", [match("urn:uuid:true")], LAN, share=1, vouched=True)
    assert table.devices({})[0].epr == "urn:uuid:true"


def test_an_endpoint_reference_that_changes_with_every_reply_identifies_nothing() -> None:
    """A firmware that makes up a new reference each time has none."""
    table = DeviceTable()
    for number in range(4):
        table.add("10.0.0.1", [match(f"urn:uuid:{number}")], LAN, share=1, vouched=False)
    assert table.devices({})[0].epr == ""


def test_devices_are_capped_and_the_proven_come_first() -> None:
    """Of more than 200 devices those that proved their address stay, then those on our links."""
    table = DeviceTable()
    for number in range(300):
        table.add(address(number), [match(f"urn:uuid:{number}")], LAN, share=1, vouched=False)
    table.add(address(900), [match("urn:uuid:known")], LAN, share=1, vouched=True)
    devices = table.devices({address(7): "aa:bb:cc:dd:ee:ff"})
    assert len(devices) == MAX_DEVICES
    assert [device.address for device in devices[:2]] == [address(900), address(7)]


def test_one_address_holds_eight_devices_at_most() -> None:
    """A sender that names a new port in each match fills its own share only, vouched for or not."""
    table = DeviceTable(range(65_536))
    for port in range(1, 100):
        table.add("10.0.0.1", [match(xaddr=f"http://10.0.0.1:{port}/a")], LAN, share=1, vouched=True)
    assert len(table.devices({})) == PER_SOURCE
