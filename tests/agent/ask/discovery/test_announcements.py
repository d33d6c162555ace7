"""Hello and Bye on the loopback."""

import socket
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agent.ask.discovery import sockets
from agent.ask.discovery.announcements import Announcement, Listener
from agent.ask.discovery.round import DiscoveryOptions
from tests.agent.ask.discovery.test_round import new_address
from tests.agent.ask.discovery.wsd import GROUP, PORT, Responder, envelope, one, probe_matches
from tests.support.waiting import until

LOOPBACK = DiscoveryOptions(interfaces=("lo",))


def announce(address: str, *messages: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        for message in messages:
            sock.sendto(message, (GROUP, PORT))


def message(kind: str, address: str, epr: str = "") -> bytes:
    text = one(kind, f"http://{address}:8080/onvif/device_service", epr or f"urn:uuid:{uuid.uuid4()}")
    return envelope(text, None).encode()


def heard(listener: Listener, address: str, enough: int = 1) -> list[Announcement]:
    found: list[Announcement] = []

    def heard_enough() -> bool:
        found.extend(one for one in listener.poll(0.1) if one.device.address == address)
        return len(found) >= enough

    until(heard_enough)
    return found


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener(LOOPBACK) as made:
        assert made.listening
        yield made


def test_hello_and_bye_are_heard_as_the_senders(listener: Listener) -> None:
    """Both kinds come out with the sender's address and the port of the XAddr."""
    address = new_address()
    announce(address, message("Hello", "10.9.9.9"), message("Bye", address))
    first, second = heard(listener, address, 2)
    assert (first.kind, first.device.address, first.device.port) == ("Hello", address, 8080)
    assert second.kind == "Bye"


def test_junk_probes_and_replies_are_not_announcements(listener: Listener) -> None:
    """Whatever else arrives at the group is passed over; the Hello after it is heard."""
    address = new_address()
    reply = probe_matches(one("ProbeMatch", f"http://{address}/a", "urn:uuid:1"))
    announce(address, b"", b"<", b"x" * 20_000, b"<!DOCTYPE a><a/>", reply, message("Hello", address))
    assert [one.kind for one in heard(listener, address)] == ["Hello"]


def test_one_sender_is_heard_eight_times_in_a_window(listener: Listener) -> None:
    """A sender that announces without end has used up its share; another is heard."""
    loud, quiet = new_address(), new_address()
    announce(loud, *[message("Hello", loud)] * 20)
    announce(quiet, message("Hello", quiet))
    counts = Counter[str]()

    def quiet_is_heard() -> bool:
        counts.update(one.device.address for one in listener.poll(0.1))
        return bool(counts[quiet])

    until(quiet_is_heard)
    assert (counts[loud], counts[quiet]) == (8, 1)


def test_nothing_is_answered(listener: Listener) -> None:
    """An announcement that reaches the listener gets no reply."""
    address = new_address()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        sock.settimeout(0.3)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sock.sendto(message("Hello", address), (GROUP, PORT))
        assert heard(listener, address)
        with pytest.raises(TimeoutError):
            sock.recv(1)


def test_two_listeners_and_a_responder_share_the_port(listener: Listener) -> None:
    """Port 3702 is shared: whoever else listens on this machine loses nothing, and neither do we."""
    address = new_address()
    with Listener(LOOPBACK) as second, Responder(new_address(), lambda _text, _to: None):
        announce(address, message("Hello", address))
        assert heard(listener, address)
        assert heard(second, address)


def test_a_listener_that_cannot_bind_says_so_and_hears_nothing() -> None:
    """Where another process holds the group's port for itself, the listener stays deaf without raising."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder, ExitStack() as stack:
        holder.bind((GROUP, 0))  # without SO_REUSEADDR: nobody else may bind it
        sock, notes = sockets.open_group([], stack, port=holder.getsockname()[1])
    assert sock is None
    assert "Address already in use" in notes[0]


def test_without_a_link_the_listener_is_deaf() -> None:
    """No interface, no membership: nothing is heard, nothing raised."""
    with Listener(DiscoveryOptions(interfaces=("nope",))) as deaf:
        assert not deaf.listening
        assert deaf.poll(0.01) == ()
        assert deaf.notes
