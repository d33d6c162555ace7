"""Who is who, from a register and a round of discovery."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decide.roster import Presence, RosterReport, learn, match, vote
from agent.model import Camera, DiscoveredDevice, Ports
from contract.messages import Identity

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
MAC1, MAC2 = "bc:ba:c2:00:00:01", "bc:ba:c2:00:00:02"
EPR1, EPR2 = "urn:uuid:4d454930-0000-0000-0000-000000000001", "urn:uuid:4d454930-0000-0000-0000-000000000002"


def camera(
    address: str = A, mac: str = "", epr: str = "", serial: str = "", slot: str = "c1", port: int = 80
) -> Camera:
    return Camera(
        slot=slot, address=address, ports=Ports(onvif=port), identity=Identity(mac=mac, epr=epr, serial=serial)
    )


def device(address: str = A, mac: str = "", epr: str = "", serial: str = "", port: int = 80) -> DiscoveredDevice:
    return DiscoveredDevice(address=address, port=port, mac=mac, epr=epr, serial=serial, responded_from=address)


def presences(report: RosterReport) -> list[Presence]:
    return [sighting.presence for sighting in report.sightings]


def test_a_device_at_its_address_is_seen() -> None:
    """The enrolled device at the enrolled address is seen, and nothing is unregistered."""
    report = match([camera(mac=MAC1, epr=EPR1)], [device(mac=MAC1, epr=EPR1)])
    assert presences(report) == [Presence.SEEN]
    assert report.sightings[0].device == device(mac=MAC1, epr=EPR1)
    assert report.unregistered == ()


def test_a_slot_without_identity_takes_what_stands_at_its_address() -> None:
    """Nothing registered contradicts nothing: the device is seen, its identity can be learnt."""
    report = match([camera()], [device(mac=MAC1, epr=EPR1)])
    assert presences(report) == [Presence.SEEN]
    found = report.sightings[0].device
    assert found is not None
    assert learn(Identity(), found) == Identity(mac=MAC1, epr=EPR1)


def test_absence_says_nothing() -> None:
    """A camera that did not answer is absent, may be logged in to, and is never anything worse."""
    report = match([camera(mac=MAC1)], [])
    assert presences(report) == [Presence.ABSENT]
    assert report.sightings[0].may_log_in


@pytest.mark.parametrize("epr", ["", EPR1, EPR2])
def test_the_same_mac_at_a_new_address_has_moved(epr: str) -> None:
    """The ARP table's MAC carries a move even if a factory reset changed the endpoint reference."""
    report = match([camera(mac=MAC1, epr=EPR1)], [device(B, mac=MAC1, epr=epr)])
    assert presences(report) == [Presence.MOVED]
    assert (report.sightings[0].before, report.sightings[0].device) == (A, device(B, mac=MAC1, epr=epr))
    assert report.unregistered == ()


def test_an_endpoint_reference_alone_carries_a_move_where_no_mac_speaks() -> None:
    """Behind a router the endpoint reference is enough, a serial number or a claimed MAC is not."""
    assert presences(match([camera(epr=EPR1, mac=MAC1)], [device(B, epr=EPR1)])) == [Presence.MOVED]
    assert presences(match([camera(serial="DS-2CD-77")], [device(B, serial="DS-2CD-77")])) == [Presence.ABSENT]
    claimed = DiscoveredDevice(address=B, claimed_mac=MAC1)
    assert presences(match([camera(mac=MAC1)], [claimed])) == [Presence.ABSENT]


def test_a_copied_endpoint_reference_with_another_mac_has_not_moved() -> None:
    """Two live devices that share reference and serial under different MACs are two cameras."""
    copy = device(B, mac=MAC2, epr=EPR1, serial="DS-2CD-77")
    report = match([camera(mac=MAC1, epr=EPR1, serial="DS-2CD-77")], [device(mac=MAC1, epr=EPR1), copy])
    assert presences(report) == [Presence.SEEN]
    assert report.sightings[0].rivals == ()
    assert report.unregistered == (copy,)


def test_another_device_at_the_address_is_shown_no_credentials() -> None:
    """A different MAC, or a different reference where no MAC speaks, is another device until a person confirms."""
    for registered, found in [
        (camera(mac=MAC1, epr=EPR1), device(mac=MAC2, epr=EPR1)),
        (camera(epr=EPR1), device(epr=EPR2)),
    ]:
        report = match([registered], [found])
        assert presences(report) == [Presence.IDENTITY_CHANGED]
        assert not report.sightings[0].may_log_in
        assert report.sightings[0].device == found
        assert report.unregistered == (found,)


def test_a_move_goes_before_the_newcomer_at_the_old_address() -> None:
    """Where the enrolled device is found elsewhere, who took its old address is merely unregistered."""
    report = match([camera(mac=MAC1)], [device(A, mac=MAC2), device(B, mac=MAC1)])
    assert presences(report) == [Presence.MOVED]
    assert report.unregistered == (device(A, mac=MAC2),)


def test_two_cameras_that_swapped_addresses_have_both_moved() -> None:
    """Identities decide, addresses do not."""
    cameras = [camera(A, mac=MAC1, slot="c1"), camera(B, mac=MAC2, slot="c2")]
    report = match(cameras, [device(A, mac=MAC2), device(B, mac=MAC1)])
    assert presences(report) == [Presence.MOVED, Presence.MOVED]
    assert [s.device.address for s in report.sightings if s.device] == [B, A]


def test_a_registered_device_at_anothers_address_does_not_become_its_device() -> None:
    """A slot without identity does not take over a device that another slot owns by identity."""
    report = match([camera(A, slot="c1"), camera(B, mac=MAC2, slot="c2")], [device(A, mac=MAC2)])
    assert presences(report) == [Presence.IDENTITY_CHANGED, Presence.MOVED]


def test_equal_claims_from_different_hardware_are_a_conflict() -> None:
    """With no registered MAC two live claimants cannot be told apart: home stays home, elsewhere nobody is believed."""
    report = match([camera(epr=EPR1)], [device(A, mac=MAC1, epr=EPR1), device(B, mac=MAC2, epr=EPR1)])
    assert presences(report) == [Presence.SEEN]
    assert report.sightings[0].rivals == (B,)
    assert report.sightings[0].may_log_in

    report = match([camera(epr=EPR1)], [device(B, mac=MAC1, epr=EPR1), device(C, mac=MAC2, epr=EPR1)])
    assert presences(report) == [Presence.CONFLICT]
    assert report.sightings[0].rivals == (B, C)
    assert not report.sightings[0].may_log_in


def test_nobody_lures_a_slot_away_from_its_own_camera() -> None:
    """A camera recognised at home stays there though a better vote is shown elsewhere, and the rival is named."""
    register = camera(epr=EPR1, serial="DS-2CD-77")
    lure = device(B, mac=MAC2, epr=EPR1, serial="DS-2CD-77")
    report = match([register], [device(A, mac=MAC1, epr=EPR1), lure])
    assert presences(report) == [Presence.SEEN]
    assert report.sightings[0].rivals == (B,)


def test_a_serial_number_alone_does_not_hold_a_slot_at_home() -> None:
    """Product lines share serial numbers: the MAC found elsewhere goes before the mere serial at home."""
    register = camera(mac=MAC1, serial="DS-2CD-77")
    report = match([register], [device(A, serial="DS-2CD-77"), device(B, mac=MAC1)])
    assert presences(report) == [Presence.MOVED]


def test_one_device_with_two_addresses_is_no_conflict() -> None:
    """The same MAC and reference at a second address is the same device, neither rival nor unregistered."""
    report = match([camera(mac=MAC1, epr=EPR1)], [device(A, mac=MAC1, epr=EPR1), device(B, mac=MAC1, epr=EPR1)])
    assert presences(report) == [Presence.SEEN]
    assert report.sightings[0].rivals == ()
    assert report.unregistered == ()


def test_a_routers_mac_is_no_witness() -> None:
    """One MAC behind which several references live identifies none of them."""
    cameras = [camera(A, mac=MAC1, epr=EPR1, slot="c1"), camera(B, mac=MAC1, epr=EPR2, slot="c2")]
    report = match(cameras, [device(A, mac=MAC1, epr=EPR2), device(B, mac=MAC1, epr=EPR1)])
    assert [s.device.address for s in report.sightings if s.device] == [B, A]


def test_an_nvrs_channels_are_seen_and_move_together() -> None:
    """Several slots at one address and identity share one device, at home and after a move."""
    channels = [camera(mac=MAC1, slot=f"c{number}") for number in range(4)]
    assert presences(match(channels, [device(A, mac=MAC1)])) == [Presence.SEEN] * 4
    report = match(channels, [device(B, mac=MAC1)])
    assert presences(report) == [Presence.MOVED] * 4
    assert [sighting.slot for sighting in report.sightings] == ["c0", "c1", "c2", "c3"]


def test_slots_of_different_addresses_never_share_a_device() -> None:
    """Two slots enrolled with one copied identity do not both move to the one device that is left."""
    cameras = [camera(A, epr=EPR1, slot="c1"), camera(B, epr=EPR1, slot="c2")]
    report = match(cameras, [device(B, epr=EPR1)])
    assert presences(report) == [Presence.ABSENT, Presence.SEEN]


def test_several_devices_at_one_address_are_told_apart_by_identity_then_port() -> None:
    """Forwarded cameras share an address: each slot takes the device of its identity, else of its port."""
    found = [device(A, epr=EPR1, port=8001), device(A, epr=EPR2, port=8002)]
    cameras = [camera(epr=EPR2, port=8001, slot="c1"), camera(port=8001, slot="c2")]
    ports = [s.device.port for s in match(cameras, found).sightings if s.device]
    assert ports == [8002, 8001]


@pytest.mark.parametrize(
    "junk",
    [
        {"mac": "00:12:34:56:78:9a"},
        {"mac": "00:00:00:00:00:00"},
        {"mac": "ff:ff:ff:ff:ff:ff"},
        {"mac": "5792c4:5792c5:5792c6"},
        {"serial": "0123456789"},
        {"serial": "123456"},
        {"serial": "1234"},
        {"serial": "0000000"},
        {"serial": "12"},
        {"epr": "urn:uuid:00000000-0000-0000-0000-000000000000"},
        {"epr": "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"},
    ],
)
def test_junk_is_no_witness_and_is_not_learnt(junk: dict[str, str]) -> None:
    """Values whole product lines share speak neither for nor against, and never enter the register."""
    assert vote(Identity(**junk), device(**junk)) == 0
    assert vote(Identity(mac=MAC1, epr=EPR1, serial="DS-2CD-77"), device(**junk)) == 0
    assert learn(Identity(), device(**junk)) == Identity()


def test_spelling_does_not_matter() -> None:
    """MACs with dashes or dots and references with or without prefixes compare equal."""
    assert vote(Identity(mac="BC-BA-C2-00-00-01"), device(mac=MAC1)) > 0
    assert vote(Identity(epr=EPR1.removeprefix("urn:").upper()), device(epr=EPR1)) > 0


def test_learning_overwrites_nothing() -> None:
    """What is registered stays; only gaps are filled."""
    assert learn(Identity(mac=MAC1), device(mac=MAC2, epr=EPR2)) == Identity(mac=MAC1, epr=EPR2)


ADDRESSES, MACS, EPRS = (st.sampled_from(values) for values in ((A, B, C), ("", MAC1, MAC2), ("", EPR1, EPR2)))
CAMERAS = st.lists(st.builds(camera, ADDRESSES, MACS, EPRS), max_size=5)
DEVICES = st.lists(st.builds(device, ADDRESSES, MACS, EPRS), max_size=5)


@given(CAMERAS, DEVICES)
def test_every_slot_has_one_sighting_and_no_login_is_allowed_against_the_vote(
    cameras: list[Camera], found: list[DiscoveredDevice]
) -> None:
    """For any register and round: one sighting per slot, in order, and no negative vote is ever trusted."""
    report = match(cameras, found)
    assert [sighting.slot for sighting in report.sightings] == [one.slot for one in cameras]
    for one, sighting in zip(cameras, report.sightings, strict=True):
        if sighting.device is not None and sighting.may_log_in:
            assert sighting.score >= 0
        if sighting.presence is Presence.SEEN:
            assert sighting.device is not None
            assert sighting.device.address == one.address
        if sighting.presence is Presence.MOVED:
            assert sighting.device is not None
            assert sighting.device.address != one.address
            assert sighting.score >= 2
