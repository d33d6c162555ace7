"""Which links are probed, and who is on them."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ask.box import neighbours
from agent.ask.box.interfaces import suitable
from agent.ask.box.nics import NicAddress, addresses
from agent.model import Camera
from contract.messages import Identity


def nic(name: str, address: str = "10.0.0.2", **more: bool) -> NicAddress:
    return NicAddress(name=name, address=address, prefix=24, **more)


@pytest.mark.parametrize("name", ["eth0", "enp3s0", "wlan0", "br0", "br-lan", "bond0", "eth0.20", "eth0:1", "end0"])
def test_every_ordinary_link_is_probed(name: str) -> None:
    """Wired, wireless, bridged, bonded and tagged links, and further addresses of one link, are all suitable."""
    assert suitable([nic(name)]) == ((nic(name),), ())


@pytest.mark.parametrize(
    "name", ["docker0", "br-0123456789ab", "veth12ab", "virbr0", "tun0", "tap0", "wg0", "ppp0", "tailscale0", "zt1"]
)
def test_virtual_links_are_passed_over_unless_named(name: str) -> None:
    """Bridges of containers, veth ends and tunnels are left out with a note, and taken when they are configured."""
    assert suitable([nic(name)])[0] == ()
    assert name in suitable([nic(name)])[1][0]
    assert suitable([nic(name)], [name]) == ((nic(name),), ())


def test_point_to_point_and_down_links_are_passed_over() -> None:
    """A point-to-point link of any name has no cameras on it; a link that is down has none now."""
    assert suitable([nic("x0", point_to_point=True), nic("eth0", up=False)])[0] == ()


def test_the_loopback_only_when_configured() -> None:
    """127.0.0.1 is probed from by the loopback option or by name, and its absence is not worth a note."""
    lo = nic("lo", "127.0.0.1")
    assert suitable([lo]) == ((), ())
    assert suitable([lo], loopback=True)[0] == (lo,)
    assert suitable([lo], ["lo"])[0] == (lo,)
    assert suitable([lo], ["127.0.0.1"])[0] == (lo,)


def test_link_local_never() -> None:
    """An address of 169.254/16 is not probed from, named or not, while the link's other address is."""
    apipa, good = nic("eth0", "169.254.7.7"), nic("eth0")
    assert suitable([apipa, good])[0] == (good,)
    assert suitable([apipa], ["eth0"])[0] == ()


def test_named_links_exclude_the_others_and_a_missing_one_is_noted() -> None:
    """Configured interfaces are the only ones; one that does not exist is named in a note."""
    chosen, notes = suitable([nic("eth0"), nic("eth1")], ["eth1", "eth9"])
    assert chosen == (nic("eth1"),)
    assert notes == ("eth9 not probed: no such interface with an IPv4 address",)


def test_the_box_lists_its_loopback() -> None:
    """The kernel's own list holds 127.0.0.1/8 on lo, up."""
    lo = [one for one in addresses() if one.address == "127.0.0.1"]
    assert lo == [NicAddress(name="lo", address="127.0.0.1", prefix=8)]


ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
192.168.1.64     0x1         0x2         BC:BA:C2:AA:BB:CC     *        eth0
192.168.1.65     0x1         0x0         00:00:00:00:00:00     *        eth0
192.168.1.66     0x1         0x6         00:11:22:33:44:55     *        eth0
192.168.1.67     0x1         0x2         00:00:00:00:00:00     *        eth0
broken
1 2 zz 4 5 6
"""

ROUTES = """\
Iface Destination Gateway  Flags RefCnt Use Metric Mask     MTU Window IRTT
eth0  00000000    0101A8C0 0003  0      0   0      00000000 0   0      0
eth0  0001A8C0    00000000 0001  0      0   0      00FFFFFF 0   0      0
eth0  C001A8C0    0201A8C0 0003  0      0   0      C0FFFFFF 0   0      0
wg0   0000080A    00000000 0001  0      0   0      00FFFFFF 0   0      0
eth0  0000090A    00000000 0000  0      0   0      00FFFFFF 0   0      0
"""


def test_only_complete_arp_entries_count() -> None:
    """Neighbours that answered are listed in lower case; incomplete, zero and broken rows are not."""
    assert neighbours.parse(ARP) == {"192.168.1.64": "bc:ba:c2:aa:bb:cc", "192.168.1.66": "00:11:22:33:44:55"}


def test_an_unreadable_table_is_an_empty_one(tmp_path: Path) -> None:
    """Where the kernel shows no table, no MAC is known and nothing is raised."""
    assert neighbours.neighbours(tmp_path / "none") == {}
    assert isinstance(neighbours.neighbours(), dict)


@pytest.mark.parametrize(
    ("address", "known", "seen"),
    [
        ("192.168.1.64", "bc:ba:c2:aa:bb:cc", ""),
        ("192.168.1.64", "BC:BA:C2:AA:BB:CC", ""),
        ("192.168.1.64", "", ""),
        ("192.168.1.99", "bc:ba:c2:aa:bb:cc", ""),
        ("192.168.1.64", "bc:ba:c2:aa:bb:cd", "bc:ba:c2:aa:bb:cc"),
    ],
)
def test_another_mac_is_seen_only_where_two_are_known(tmp_path: Path, address: str, known: str, seen: str) -> None:
    """Only a complete entry with another MAC than the known one speaks against a device; silence does not."""
    (tmp_path / "arp").write_text(ARP)
    camera = Camera(slot="s", address=address, identity=Identity(mac=known))
    assert neighbours.another(camera, tmp_path / "arp") == seen


@pytest.mark.skipif(sys.byteorder != "little", reason="the kernel writes the table in the byte order of the machine")
@pytest.mark.parametrize(
    ("address", "on_link"),
    [
        ("192.168.1.64", True),  # eth0
        ("192.168.1.200", False),  # the longer prefix leads over a gateway
        ("10.8.0.3", False),  # a tunnel
        ("8.8.8.8", False),  # the default route
        ("10.9.0.1", False),  # a route that is down, so the default one
        ("fe80::1", False),
        ("no address", False),
    ],
)
def test_a_link_of_ours_is_told_by_the_routes(tmp_path: Path, address: str, on_link: bool) -> None:
    """The longest prefix decides, and only Ethernet has ARP."""
    (tmp_path / "route").write_text(ROUTES)
    for name, kind in (("eth0", 1), ("wg0", 65534)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "type").write_text(f"{kind}\n")
    assert neighbours.on_link(address, tmp_path / "route", tmp_path) is on_link


@pytest.mark.parametrize("text", ["", "Iface\n", ROUTES + "broken\n", ROUTES.replace("0001A8C0", "f" * 99)])
def test_no_table_of_routes_is_no_link(tmp_path: Path, text: str) -> None:
    """What cannot be read tells nothing, and raises nothing."""
    (tmp_path / "route").write_text(text)
    assert not neighbours.on_link("192.168.1.64", tmp_path / "route", tmp_path)
    assert not neighbours.on_link("192.168.1.64", tmp_path / "none", tmp_path)


@given(st.text())
def test_no_text_of_a_table_raises(text: str) -> None:
    """Any text is parsed."""
    neighbours.parse(text)
