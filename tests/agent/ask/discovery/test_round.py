"""Rounds of discovery against responders on loopback addresses."""

import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

from agent.ask.discovery.round import HELLO_ONLY, DiscoveryOptions, Round, probe
from agent.model import DiscoveredDevice
from tests.agent.ask.discovery.wsd import GROUP, Responder, camera, envelope, one, probe_matches

SHORT = DiscoveryOptions(interfaces=("lo",), duration_s=1.4, knock_s=0)


def new_address() -> str:
    """A loopback address of the test's own: several tests run side by side."""
    return "127." + ".".join(str(random.randint(2, 250)) for _ in range(3))


def new_epr() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def at(found: Round, address: str) -> list[DiscoveredDevice]:
    return [device for device in found.found if device.address == address]


# ---- one round, a LAN full of oddities -----------------------------------------------------------

KINDS = {"nvt": "NetworkVideoTransmitter", "tds": "tds:Device", "untyped": "<d:Types/>"}
ODD_XADDRS = {
    "http://8.8.8.8:8000/far": (8000, "/far"),
    "http://0.0.0.0:2020/a": (2020, "/a"),
    "http://127.0.0.1:22/a": (22, "/a"),
    "http://169.254.9.9/a": (80, "/a"),
    "http://2130706433:8080/a": (8080, "/a"),
    "urn:nothing": (80, "/onvif/device_service"),
    "": (80, "/onvif/device_service"),
}


class Lan:
    """Responders of every kind, each at its own address, and the one round that met them all."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.addresses: dict[str, str] = {}
        self.responders: dict[str, Responder] = {}
        self.epr = new_epr()
        self._people()
        self.round = probe(SHORT)

    def device(self, name: str) -> DiscoveredDevice:
        (device,) = at(self.round, self.addresses[name])
        return device

    def _people(self) -> None:
        self._add("plain", port=8080)
        self._add("ephemeral", ephemeral=True)
        for name, word in KINDS.items():
            self._add(name, only=word)
        for number in range(2):
            self._add(f"twin {number}", epr=self.epr)
        for xaddr in ODD_XADDRS:
            match = one("ProbeMatch", xaddr, new_epr())
            self._add(xaddr, raw=lambda to, match=match: [probe_matches(match, relates_to=to)])
        match = one("ProbeMatch", None, new_epr())
        self._add("related to another", raw=lambda _to: [probe_matches(match, relates_to=f"urn:uuid:{uuid.uuid4()}")])
        self._add("related to junk", raw=lambda _to: [probe_matches(match, relates_to="junk")])
        self._add("related to nothing", raw=lambda _to: [probe_matches(match)])
        hello = envelope(one("Hello", None, new_epr()), None).encode()
        junk = [b"", b"\0" * 50, b"<a", b"x" * 20_000, b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', os.urandom(500), hello]
        self._add("junk", raw=lambda _to: junk)

    def _add(self, name, *, port=80, epr="", only="", raw=None, ephemeral=False) -> None:  # type: ignore[no-untyped-def]
        address = self.addresses[name] = new_address()
        whole = camera(address, epr or new_epr(), port=port)

        def answer(text: str, message_id: str) -> bytes | list[bytes] | None:
            if raw is not None:
                return list(raw(message_id))
            return whole(text, message_id) if only in text else None

        self.responders[name] = self._stack.enter_context(Responder(address, answer, ephemeral=ephemeral))


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    with ExitStack() as stack:
        yield Lan(stack)


def test_a_camera_is_found_with_all_its_record_says(lan: Lan) -> None:
    """The record holds the sender's address, port and path of the XAddr, and the camera's own words."""
    device = lan.device("plain")
    assert (device.port, device.path) == (8080, "/onvif/device_service")
    assert (device.types, device.name) == (("dn:NetworkVideoTransmitter",), "Kitchen 1")
    assert device.responded_from == lan.addresses["plain"]
    assert lan.round.interfaces == ("lo 127.0.0.1",)


@pytest.mark.parametrize("kind", KINDS)
def test_a_camera_that_answers_only_one_kind_of_probe_is_found(lan: Lan, kind: str) -> None:
    """Typed NVT, typed tds:Device and untyped probes are all sent, so a camera deaf to two of them is found."""
    assert lan.device(kind)


def test_a_reply_from_an_ephemeral_port_counts(lan: Lan) -> None:
    """The sender's port does not matter, only its address."""
    assert lan.device("ephemeral")


@pytest.mark.parametrize("name", ["related to another", "related to junk"])
def test_a_foreign_relates_to_is_dropped(lan: Lan, name: str) -> None:
    """A reply to somebody else's probe is rejected and counted."""
    assert not at(lan.round, lan.addresses[name])
    assert lan.round.rejected["foreign_relates_to"] >= 1


def test_a_missing_relates_to_is_not_held_against_a_camera(lan: Lan) -> None:
    """Firmwares that leave RelatesTo out are found all the same."""
    assert lan.device("related to nothing")


@pytest.mark.parametrize("xaddr", ODD_XADDRS)
def test_whatever_host_the_xaddr_names_the_sender_is_the_address(lan: Lan, xaddr: str) -> None:
    """Port and path may be the camera's, the host never; what was odd is noted."""
    device = lan.device(xaddr)
    assert (device.port, device.path) == ODD_XADDRS[xaddr]
    assert device.notes


def test_one_bad_reply_never_costs_another(lan: Lan) -> None:
    """A responder that answers every probe with every kind of junk takes nothing from the honest ones."""
    assert not at(lan.round, lan.addresses["junk"])
    assert {"malformed", "oversize", "doctype", "other_message"} <= set(lan.round.rejected)


def test_a_camera_that_only_says_hello_is_shown() -> None:
    """It answers no probe: what it announced is shown beside those found, and that is said."""
    address, epr = new_address(), new_epr()
    over = threading.Event()

    def announce() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.bind((address, 0))
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
            while not over.wait(0.1):
                hello = one("Hello", f"http://{address}:8000/onvif/device_service", epr)
                out.sendto(envelope(hello, None).encode(), (GROUP, 3702))

    thread = threading.Thread(target=announce)
    thread.start()
    try:
        found = probe(SHORT)
    finally:
        over.set()
        thread.join()
    assert at(found, address) == []
    (heard,) = [device for device in found.announced if device.address == address]
    assert (heard.port, heard.epr, HELLO_ONLY in heard.notes) == (8000, epr, True)


def test_two_cameras_with_one_endpoint_reference_are_both_found(lan: Lan) -> None:
    """A copied endpoint reference does not make two addresses one."""
    assert lan.device("twin 0").epr == lan.device("twin 1").epr == lan.epr


# ---- rounds of their own -------------------------------------------------------------------------


def test_each_kind_is_multicast_several_times_within_the_round() -> None:
    """Every kind of probe, on one line, leaves an ephemeral port at least twice, and the round keeps its length."""
    with Responder(new_address(), lambda _text, _to: None, unicast=False) as responder:
        took = [_seconds_of_a_round()]
    by_sender: dict[tuple[str, int], list[str]] = {}
    for text, sender in responder.heard:
        by_sender.setdefault(sender, []).append(text)
    (_, port), ours = max(by_sender.items(), key=lambda item: len(item[1]))  # others' probes are heard too
    assert all(sum(word in text for text in ours) >= 2 for word in KINDS.values())
    assert not any("\n" in text for text in ours)
    assert port != 3702
    while min(took) > 3.5 and len(took) < 10:  # a busy machine draws some rounds out, a longer round all of them
        took.append(_seconds_of_a_round())
    assert 2.5 <= min(took) <= 3.5
    assert 4.0 <= DiscoveryOptions().duration_s <= 5.0


def _seconds_of_a_round() -> float:
    began = time.monotonic()
    probe(DiscoveryOptions(interfaces=("lo",), duration_s=2.5))
    return time.monotonic() - began


def test_a_camera_deaf_to_multicast_is_found_when_known_or_in_a_subnet() -> None:
    """Unicast reaches what a snooping switch hides: known addresses and the hosts of configured subnets."""
    prefix = new_address().rpartition(".")[0]
    known, hidden, lost = new_address(), f"{prefix}.10", f"{prefix}.20"
    options = DiscoveryOptions(interfaces=("lo",), subnets=(f"{prefix}.8/29",), duration_s=1.4, knock_s=0)
    with ExitStack() as stack:
        for address in (known, hidden, lost):
            stack.enter_context(Responder(address, camera(address, new_epr()), multicast=False))
        found = probe(options, known=[known])
    assert at(found, known)
    assert at(found, hidden)
    assert not at(found, lost)


def test_unicast_is_rate_limited_and_waited_for() -> None:
    """The hosts of a subnet are asked at no more than 200 a second, and the last of them has a second to answer."""
    prefix = new_address().rpartition(".")[0]
    options = DiscoveryOptions(interfaces=("nope",), subnets=(f"{prefix}.0/26",), duration_s=0.1, knock_s=0)
    last = f"{prefix}.62"
    with Responder(last, camera(last, new_epr()), multicast=False) as responder:
        began = time.monotonic()
        found = probe(options)
        took = time.monotonic() - began
    assert took >= 3 * 62 / 200 + 0.9
    assert len(responder.heard) == 3
    assert (at(found, last) != [], found.interfaces) == (True, ())


def test_nobody_but_the_addresses_asked_is_contacted() -> None:
    """A host that an XAddr names hears nothing, on UDP or TCP, even when its sender is known."""
    address, other = new_address(), new_address()
    with socket.create_server((other, 0)) as listener, ExitStack() as stack:
        listener.settimeout(0.01)
        match = one("ProbeMatch", f"http://{other}:{listener.getsockname()[1]}/onvif/device_service", new_epr())
        victim = stack.enter_context(Responder(other, lambda _text, _to: None, multicast=False))
        stack.enter_context(Responder(address, lambda _text, to: probe_matches(match, relates_to=to)))
        options = DiscoveryOptions(interfaces=("lo",), duration_s=1.4, knock_s=1)
        found = probe(options, known=[address])
        with pytest.raises(TimeoutError):
            listener.accept()
    assert at(found, address)
    assert not at(found, other)
    assert victim.heard == []


@pytest.mark.parametrize(
    ("options", "known"),
    [
        (DiscoveryOptions(interfaces=("nope",)), []),
        (DiscoveryOptions(interfaces=("nope",), subnets=("10.0.0/33", "fe80::/64", "\x1b[31m")), ["camera.lan", "::1"]),
    ],
)
def test_without_a_link_there_is_an_empty_round_and_a_note(options: DiscoveryOptions, known: Sequence[str]) -> None:
    """No interface, wrong subnets and wrong known addresses give notes at once, not exceptions."""
    began = time.monotonic()
    found = probe(options, known=known)
    assert time.monotonic() - began < 1
    assert (found.found, found.interfaces) == ((), ())
    assert "no interface to probe from" in found.notes
    assert all(any(text in note for note in found.notes) for text in options.subnets[:2])
    assert all(note.isprintable() for note in found.notes)
