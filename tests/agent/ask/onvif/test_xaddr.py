"""What a claimed address is worth."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ask.onvif import xaddr
from agent.ask.onvif.xaddr import DEFAULT_PATH, XAddr

SENDER = "192.168.1.64"
LAN = ipaddress.IPv4Network("192.168.1.0/24")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://192.168.1.64/onvif/device_service", XAddr("http", "192.168.1.64", 80, "/onvif/device_service")),
        ("HTTP://192.168.1.64:8899/x", XAddr("http", "192.168.1.64", 8899, "/x")),
        ("https://192.168.1.64/a", XAddr("https", "192.168.1.64", 443, "/a")),
        ("http://192.168.1.64:8106:8106/a", XAddr("http", "192.168.1.64", 8106, "/a")),
        ("http://192.168.1.64", XAddr("http", "192.168.1.64", 80, DEFAULT_PATH)),
        ("http://192.168.1.64/", XAddr("http", "192.168.1.64", 80, DEFAULT_PATH)),
        ("http://192.168.1.64/a?b=c#d", XAddr("http", "192.168.1.64", 80, "/a")),
        ("http://192.168.1.64/\u202eevil", XAddr("http", "192.168.1.64", 80, DEFAULT_PATH)),
        ("http://0.0.0.0/onvif", XAddr("http", "0.0.0.0", 80, "/onvif")),
        ("http://camera.lan:8000/", XAddr("http", "", 8000, DEFAULT_PATH)),
        ("http://[fe80::1]:8000/onvif", XAddr("http", "", 8000, "/onvif")),
        ("http://2130706433/", XAddr("http", "", 80, DEFAULT_PATH)),
        ("http://0x7f.1:81/", XAddr("http", "", 81, DEFAULT_PATH)),
        ("http://127.1/", XAddr("http", "", 80, DEFAULT_PATH)),
        ("http://192.168.1.64 .evil/", XAddr("http", "", 80, DEFAULT_PATH)),
        ("http://\uff11\uff12\uff17.0.0.1/", XAddr("http", "", 80, DEFAULT_PATH)),
    ],
)
def test_a_usable_xaddr_is_taken_apart(text: str, expected: XAddr) -> None:
    """Scheme, literal host, port and a safe path; what is missing is the usual."""
    assert xaddr.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "scheme"),
        ("urn:uuid:1", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("rtsp://192.168.1.64/", "scheme"),
        ("192.168.1.64", "scheme"),
        ("http:///onvif/media_service", "host"),
        ("http://[fe80::1/onvif", "port"),
        ("http://admin:secret@192.168.1.64/", "userinfo"),
        ("http://192.168.1.64:0/", "port"),
        ("http://192.168.1.64:65536/", "port"),
        ("http://192.168.1.64:80:81/", "port"),
        ("http://192.168.1.64:x/", "port"),
        ("http://192.168.1.64:/", "port"),
        ("http://192.168.1.64:\u0661/", "port"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, why: str) -> None:
    """Other schemes, userinfo, no host and no readable port: in one word why. A host is only ever a literal address."""
    assert xaddr.parse(text) == why


@pytest.mark.parametrize(
    ("xaddrs", "port", "path"),
    [
        (["http://10.9.9.9:8080/far", "http://192.168.1.9:8000/near", "http://192.168.1.64:2020/mine"], 2020, "/mine"),
        (["http://10.9.9.9:8080/far", "http://192.168.1.9:8000/near"], 8000, "/near"),
        (["http://10.9.9.9:8080/far", "http://8.8.8.8:8000/farther"], 8080, "/far"),
        (["https://192.168.1.64/tls", "http://192.168.1.64/plain"], 80, "/plain"),
        (["https://192.168.1.64/tls", "http://192.168.1.9/plain"], 443, "/tls"),
        (["http://0.0.0.0:8899/a"], 8899, "/a"),
        (["http://127.0.0.1:22/a"], 22, "/a"),
        (["http://192.168.1.64:888/a"], 888, "/a"),
        (["http://192.168.1.64:34567/a"], 34567, "/a"),
        (["http://IPC-0A1B.local:8000/a", "http://10.9.9.9:81/b"], 81, "/b"),
        (["http://[fe80::4619:b6ff:fe3e:baa1]:8000/a"], 8000, "/a"),
        (["http://169.254.3.4/a", "http://[fe80::1]/b"], 80, "/a"),
        (["http://2130706433:8080/a"], 8080, "/a"),
        ([], 80, DEFAULT_PATH),
    ],
)
def test_only_port_and_path_are_taken_and_from_the_nearest(xaddrs: list[str], port: int, path: str) -> None:
    """The XAddr naming the sender first, then one in its network, then the first; the port is the one announced."""
    place = xaddr.endpoint(xaddrs, SENDER, LAN)
    assert (place.port, place.path) == (port, path)


def test_oddities_are_noted_and_passwords_hidden() -> None:
    """Foreign hosts, refused ports and unusable XAddrs are told to a person, without what might be a password."""
    claims = ["http://127.0.0.1:22/a", "http://admin:secret@8.8.8.8/", "http://IPC-0A1B.local:8000/"]
    notes = " | ".join(xaddr.endpoint(claims, SENDER, LAN).notes)
    assert "names another host: 127.0.0.1" in notes
    assert "port 22" in notes
    assert "***@8.8.8.8" in notes
    assert "IPC-0A1B.local" in notes
    assert "secret" not in notes


@pytest.mark.parametrize(("port", "noted"), [(34567, False), (8000, False), (88, False), (888, True), (22, True)])
def test_a_port_at_which_no_camera_is_asked_is_noted(port: int, noted: bool) -> None:
    """Below 1024 only the trade's own ports pass without a word."""
    found = xaddr.endpoint([f"http://{SENDER}:{port}/a"], SENDER, LAN)
    assert (found.port, any(f"port {port}" in note for note in found.notes)) == (port, noted)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.text(max_size=60) | st.text(max_size=40).map("http://{}".format), max_size=5))
def test_no_claim_raises_or_leaves_the_allowed_ports(xaddrs: list[str]) -> None:
    """Whatever is claimed, the outcome is a port and a path without white space or control characters."""
    place = xaddr.endpoint(xaddrs, SENDER, LAN)
    assert 0 < place.port < 65536
    assert place.notes or xaddr.may_be_asked(place.port)
    assert place.path.startswith("/")
    assert place.path.isascii()
    assert place.path.isprintable()
    assert " " not in place.path
