"""Child only: where on the enrolled address a service is asked, given what the device claims. Pure.

Only port and path are ever taken from a claim; the host is the enrolled one, so no credential leaves for another.
"""

import re
from collections.abc import Container, Iterable
from urllib.parse import quote, urlsplit

from agent.ask.attempt import Trouble
from agent.ask.net.http import Place
from agent.ask.onvif.media_replies import Claim
from agent.ask.onvif.xaddr import PORTS, may_be_asked
from agent.model import Camera, Service, StreamUri
from contract.text import tidy
from contract.vocabulary import Reason

RTSP_PORTS = PORTS | {554}
"""Below 1024; some cameras have RTSP at a web port, most at 554."""
MAX_PATH = 512
MAX_PORT = 65536
_SAFE = "/?&=.-_~!$'()*+,;:@%"
_WELL_KNOWN = {
    "device": ("/onvif/device_service", "/onvif/services"),
    "media": ("/onvif/media_service", "/onvif/Media", "/onvif/services"),
    "media2": ("/onvif/media2_service", "/onvif/Media2", "/onvif/services"),
    "ptz": ("/onvif/ptz_service", "/onvif/PTZ", "/onvif/services"),
    "imaging": ("/onvif/imaging_service", "/onvif/Imaging", "/onvif/services"),
    "deviceio": ("/onvif/deviceIO_service", "/onvif/DeviceIO", "/onvif/services"),
}
"""Paths met in the field, to be tried when the claimed one is empty, junk or dead."""
_AUTHORITY = re.compile(r"(?:.*@)?(?P<host>\[[^\]]*\]|[^:]*)(?P<ports>(?::\d{1,5})*)")


def services(camera: Camera, lists: Iterable[tuple[str, tuple[Claim, ...]]]) -> tuple[Service, ...]:
    """The services of all lists (named by their operation) merged; the first list with a usable XAddr says where.

    Where what is named cannot be used, `unused` says what and why: the enrolled port stands in for it.
    """
    merged: dict[str, Service] = {}
    for operation, claims in lists:
        for claim in claims:
            before = merged.get(claim.name)
            here = _service(camera, claim) if before is None or not before.path else before
            merged[claim.name] = Service(
                name=claim.name,
                port=here.port,
                path=here.path,
                foreign_host=here.foreign_host,
                unused=here.unused,
                claimed_by=tuple(dict.fromkeys((*(before.claimed_by if before else ()), operation))),
            )
    return tuple(merged.values())


def _service(camera: Camera, claim: Claim) -> Service:
    """One claim on the enrolled address; the path is "" when the XAddr is `urn:`, empty or without a path."""
    ours, default = ("http", 80) if camera.tls == "off" else ("https", 443)
    scheme, host, ports, path = _parts(claim.xaddr)
    port, unused = _chosen(ports or (default,), PORTS)
    if scheme in ("http", "https") and scheme != ours:
        where = "".join(f":{one}" for one in ports)
        unused = f"{scheme}{where and ' at '}{where}" + ("" if camera.tls == "off" else ", but TLS is enrolled")
    return Service(
        name=claim.name,
        port=port if scheme == ours and not unused else camera.ports.onvif,
        path=path if scheme in ("http", "https") and path != "/" else "",
        foreign_host=host if host != camera.address else "",
        unused=unused,
    )


def _chosen(ports: tuple[int, ...], usual: Container[int]) -> tuple[int, str]:
    """The first port that may be asked; else 0 and what is not used."""
    allowed = next((port for port in ports if may_be_asked(port, usual)), 0)
    return allowed, "" if allowed else f"port {', '.join(map(str, ports))}"


def candidates(camera: Camera, name: str, service: Service | None) -> tuple[Place, ...]:
    """Places to try for a service, the best first: as claimed, the same path at the enrolled port, then guesses."""
    found: list[Place] = []
    if name == "device":
        found.append(Place(camera.ports.onvif, camera.onvif_path, claimed=True))
    elif service and service.path:
        found += [Place(port, service.path, claimed=True) for port in (service.port, camera.ports.onvif)]
    guesses = (*_WELL_KNOWN[name], camera.onvif_path)
    found += [Place(camera.ports.onvif, path, claimed=False) for path in guesses]
    known: dict[tuple[int, str], Place] = {}
    for place in found:
        known.setdefault((place.port, place.path), place)
    return tuple(known.values())


def stream(camera: Camera, profile: str, uri: str) -> StreamUri:
    """A stream URI with its host replaced by the enrolled address.

    A doubly escaped & is undone, odd characters are percent-encoded, user and password are dropped. The port is the one
    named (where two are, `other_ports` may be it too); one below 1024 that no camera uses becomes the enrolled one, and
    `unused` says so. Raises Trouble: MALFORMED for anything but rtsp, UNSUPPORTED for rtsps, which we do not speak.
    """
    scheme, host, ports, path = _parts(uri.replace("&amp;", "&"))
    if scheme in ("rtsps", "rtspu"):
        raise Trouble(Reason.UNSUPPORTED, f"the stream is offered as {scheme}: only rtsp is spoken here")
    if scheme != "rtsp":
        raise Trouble(Reason.MALFORMED, tidy(f"stream URI is not RTSP: {scheme}", 80))
    port, unused = _chosen(ports or (554,), RTSP_PORTS)
    others = tuple(one for one in ports if one != port and may_be_asked(one, RTSP_PORTS))
    return StreamUri(
        profile=profile,
        port=port or camera.ports.rtsp,
        path=path or "/",
        foreign_host=host if host != camera.address else "",
        other_ports=others,
        unused=unused,
    )


def snapshot(camera: Camera, uri: str) -> Place:
    """Where a snapshot is fetched: port and path of its URI, on the enrolled address as in all else.

    Raises Trouble(MALFORMED) when the URI holds no path that can be used.
    """
    ours, default = ("http", 80) if camera.tls == "off" else ("https", 443)
    scheme, _, ports, path = _parts(uri.replace("&amp;", "&"))
    if scheme not in ("http", "https") or not path:
        raise Trouble(Reason.MALFORMED, "snapshot URI cannot be used")
    port, _ = _chosen(ports or (default,), PORTS)
    return Place(port if scheme == ours and port else camera.ports.onvif, path, claimed=True)


def _parts(url: str) -> tuple[str, str, tuple[int, ...], str]:
    """Scheme, host, the ports named and path with query; empty where there is none that can be used.

    A port given twice (`:8106:8106`, seen in the field) counts once; two different ones (`:9001:5549`) are both told.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return "", "", (), ""
    match = _AUTHORITY.fullmatch(parts.netloc)
    if not match and "@" in url:  # the password has a slash, or the like, in it
        return _parts(f"{url.partition('://')[0]}://{url.rpartition('@')[2]}")
    if not match or not match["host"]:
        return "", "", (), ""
    ports = dict.fromkeys(int(port) for port in match["ports"].split(":") if port)
    named = parts.path or ("/" if parts.query or parts.fragment else "")  # rtsp://192.168.1.64?channel=1
    named += (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")
    path = quote(named, safe=_SAFE)
    return (
        parts.scheme,
        tidy(match["host"].strip("[]"), 80),
        tuple(port for port in ports if 0 < port < MAX_PORT),
        path if len(path) <= MAX_PATH else "",
    )
