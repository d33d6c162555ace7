"""Where services and streams are asked: on the enrolled address whatever a device claims."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from agent.ask.attempt import Trouble
from agent.ask.net.message import safe_path
from agent.ask.onvif import endpoints
from agent.ask.onvif.media_replies import Claim
from agent.model import Camera, Ports, Service

CAMERA = Camera(slot="a", address="192.0.2.7", ports=Ports(onvif=2020, rtsp=5540))


def claimed(xaddr: str, name: str = "media") -> Service:
    return endpoints.services(CAMERA, [("GetServices", (Claim(name, xaddr),))])[0]


@pytest.mark.parametrize(
    ("xaddr", "port", "path", "foreign"),
    [
        ("http://192.0.2.7/onvif/Media", 80, "/onvif/Media", ""),
        ("http://192.0.2.7:8899/onvif/Media?x=1", 8899, "/onvif/Media?x=1", ""),
        ("http://192.0.2.7:2020/onvif/service", 2020, "/onvif/service", ""),
        ("http://198.51.100.1/onvif/Media", 80, "/onvif/Media", "198.51.100.1"),
        ("http://127.0.0.1:22/onvif/Media", 2020, "/onvif/Media", "127.0.0.1"),
        ("http://camera.local/onvif/Media", 80, "/onvif/Media", "camera.local"),
        ("http://192.0.2.7:8080:8080/onvif/Media", 8080, "/onvif/Media", ""),
        ("http://192.0.2.7:1:2/onvif/Media", 2020, "/onvif/Media", ""),
        ("http://192.0.2.7:9101/onvif/Media", 9101, "/onvif/Media", ""),
        ("http://192.0.2.7:65535/onvif/Media", 65535, "/onvif/Media", ""),
        ("http://192.0.2.7:22:9101/onvif/Media", 9101, "/onvif/Media", ""),
        ("http://user:pass@198.51.100.1/onvif/Media", 80, "/onvif/Media", "198.51.100.1"),
        ("https://192.0.2.7/onvif/Media", 2020, "/onvif/Media", ""),
        ("http://[fe80::1]/onvif/Media", 80, "/onvif/Media", "fe80::1"),
        ("http:///onvif/media_service", 2020, "", ""),
        ("http://192.0.2.7", 80, "", ""),
        ("urn:uuid:1", 2020, "", ""),
        ("ftp://192.0.2.7/onvif/Media", 2020, "", ""),
        ("http://[::1/x", 2020, "", ""),
        ("", 2020, "", ""),
    ],
)
def test_only_port_and_path_are_taken_from_an_xaddr(xaddr: str, port: int, path: str, foreign: str) -> None:
    """The host is never taken, the port is one of the trade's or from 1024 on, the scheme that of the enrolment."""
    service = claimed(xaddr)
    assert (service.port, service.path) == (port, path)
    if path:
        assert service.foreign_host == foreign


@pytest.mark.parametrize(
    ("xaddr", "tls", "unused"),
    [
        ("http://192.0.2.7:22/onvif/Media", "off", "port 22"),
        ("https://192.0.2.7/onvif/Media", "off", "https"),
        ("https://192.0.2.7:8443/onvif/Media", "off", "https at :8443"),
        ("http://192.0.2.7:8000/onvif/Media", "pin", "http at :8000, but TLS is enrolled"),
        ("http://192.0.2.7:9101/onvif/Media", "off", ""),
        ("https://192.0.2.7:9443/onvif/Media", "verify", ""),
    ],
)
def test_what_of_a_claim_is_not_used_is_said(xaddr: str, tls: str, unused: str) -> None:
    """A port or scheme that is not used is named, never replaced in silence; TLS is never given up for a claim."""
    camera = structs.replace(CAMERA, tls=tls)
    (service,) = endpoints.services(camera, [("GetServices", (Claim("media", xaddr),))])
    assert service.unused == unused
    assert (service.port == CAMERA.ports.onvif) is bool(unused)


def test_lists_are_merged_and_say_who_claimed() -> None:
    """A service that both lists name stands once; a usable XAddr in the second makes up for junk in the first."""
    found = endpoints.services(
        CAMERA,
        [
            ("GetServices", (Claim("ptz", "urn:x"), Claim("media", "http://192.0.2.7/a"))),
            ("GetCapabilities", (Claim("ptz", "http://192.0.2.7/onvif/PTZ"), Claim("imaging", "http://192.0.2.7/i"))),
        ],
    )
    by_name = {service.name: service for service in found}
    assert by_name["ptz"].claimed_by == ("GetServices", "GetCapabilities")
    assert by_name["ptz"].path == "/onvif/PTZ"
    assert by_name["media"].claimed_by == ("GetServices",)
    assert by_name["imaging"].claimed_by == ("GetCapabilities",)


def test_candidates_begin_with_the_claim_and_end_with_guesses() -> None:
    """First as claimed, then the same path at the enrolled port, then the usual paths there, none twice."""
    found = endpoints.candidates(CAMERA, "ptz", claimed("http://192.0.2.7/onvif/PTZ", "ptz"))
    assert found[0] == (80, "/onvif/PTZ", True)
    assert found[1] == (2020, "/onvif/PTZ", True)
    assert {place.port for place in found[1:]} == {2020}
    assert not any(place.claimed for place in found[2:])
    assert len({place[:2] for place in found}) == len(found)


@pytest.mark.parametrize(
    ("uri", "port", "path"),
    [
        ("rtsp://192.0.2.7:554/Streaming/Channels/101?a=1&amp;b=2", 554, "/Streaming/Channels/101?a=1&b=2"),
        (" rtsp://10.0.0.9/live 1\n", 554, "/live%201"),
        ("rtsp://10.0.0.9:8554/live", 8554, "/live"),
        ("rtsp://10.0.0.9:22/live", 5540, "/live"),
        ("rtsp://10.0.0.9:33554/live", 33554, "/live"),
        ("rtsp://10.0.0.9:5544/live", 5544, "/live"),
        ("rtsp://10.0.0.9:88/live", 88, "/live"),
        ("rtsp://10.0.0.9:9001:5549/live", 9001, "/live"),
        ("rtsp://admin:secret@10.0.0.9/live", 554, "/live"),
        ("rtsp://admin:secret@2@10.0.0.9/live", 554, "/live"),
        ("rtsp://admin:secret/2@10.0.0.9:8554/live?a=1", 8554, "/live?a=1"),
        ("rtsp://admin:secret#2@10.0.0.9/live", 554, "/live"),
        ("rtsp://10.0.0.9/user=a@b&n=1#2?c=3", 554, "/user=a@b&n=1%232?c=3"),
        ("rtsp://192.0.2.7", 554, "/"),
        ("rtsp://192.0.2.7?channel=1", 554, "/?channel=1"),
    ],
)
def test_a_stream_uri_is_rebuilt_on_the_enrolled_address(uri: str, port: int, path: str) -> None:
    """Path and query of the URI, its port or the enrolled one, and nothing of its user or host."""
    found = endpoints.stream(CAMERA, "main", uri)
    assert (found.port, found.path) == (port, path)
    assert "secret" not in repr(found)


def test_ports_of_a_stream_that_are_not_used_are_said() -> None:
    """A port below 1024 that no camera uses is named; a second port in the authority is kept to be tried."""
    assert endpoints.stream(CAMERA, "main", "rtsp://10.0.0.9:22/live").unused == "port 22"
    assert endpoints.stream(CAMERA, "main", "rtsp://10.0.0.9:88/live").unused == ""
    assert endpoints.stream(CAMERA, "main", "rtsp://10.0.0.9:9001:5549/live").other_ports == (5549,)


def test_a_stream_over_tls_is_named_so() -> None:
    """rtsps is a clear word of the camera that it streams otherwise: UNSUPPORTED, and told as what it is."""
    with pytest.raises(Trouble, match="rtsps"):
        endpoints.stream(CAMERA, "main", "rtsps://192.0.2.7/x")


@pytest.mark.parametrize("uri", ["http://192.0.2.7/x", "file:///etc/passwd", "junk", "rtsp://[::1/x"])
def test_a_stream_uri_that_is_not_rtsp_is_malformed(uri: str) -> None:
    """Anything but rtsp is refused, so that no stream path can name a file or another protocol."""
    with pytest.raises(Trouble):
        endpoints.stream(CAMERA, "main", uri)


@given(st.text(max_size=80) | st.text(max_size=80).map("http://192.0.2.7/{}".format))
def test_no_claim_makes_an_unsafe_path(text: str) -> None:
    """Whatever a camera writes, no exception escapes and each place is one that a request line may hold."""
    for place in endpoints.candidates(CAMERA, "media", claimed(text)):
        assert safe_path(place.path)
        assert 0 < place.port < 65536
    try:
        path = endpoints.stream(CAMERA, "main", f"rtsp://h{text}").path
    except Trouble:
        return
    assert safe_path(path)
