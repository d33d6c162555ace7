"""Child only: where on the enrolled address a service is asked, given what the device claims. Pure.

Only port and path are ever taken from a claim; the host is the enrolled one, so no credential leaves for another.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from agent.ask.attempt import Trouble
from agent.ask.net.http import Place
from agent.ask.onvif.media_replies import Claim
from agent.ask.onvif.xaddr import PORTS
from agent.model import Camera, Service, StreamUri, tidy
from contract.vocabulary import Reason

RTSP_PORTS = frozenset({554, 8554, 10554})
MAX_PATH = 512
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
_AUTHORITY = re.compile(r"(?:[^@]*@)?(?P<host>\[[^\]]*\]|[^:]*)(?P<ports>(?::\d{1,5})*)")


def services(camera: Camera, lists: Iterable[tuple[str, tuple[Claim, ...]]]) -> tuple[Service, ...]:
    """The services of all lists (named by their operation) merged; the first list with a usable XAddr says where."""
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
                claimed_by=tuple(dict.fromkeys((*(before.claimed_by if before else ()), operation))),
            )
    return tuple(merged.values())


def _service(camera: Camera, claim: Claim) -> Service:
    """One claim on the enrolled address; the path is "" when the XAddr is `urn:`, empty or without a path."""
    ours, default = ("http", 80) if camera.tls == "off" else ("https", 443)
    scheme, host, port, path = _parts(claim.xaddr, default)
    return Service(
        name=claim.name,
        port=port if scheme == ours and port in PORTS else camera.ports.onvif,
        path=path if scheme in ("http", "https") and path != "/" else "",
        foreign_host=host if host != camera.address else "",
    )


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

    A doubly escaped & is undone, odd characters are percent-encoded, user and password are dropped; a port outside the
    usual RTSP ones becomes the enrolled one. Raises Trouble(MALFORMED) for anything but rtsp.
    """
    scheme, host, port, path = _parts(uri.replace("&amp;", "&"), 554)
    if scheme not in ("rtsp", "rtsps"):
        raise Trouble(Reason.MALFORMED, tidy(f"stream URI is not RTSP: {scheme}", 80))
    return StreamUri(
        profile=profile,
        port=port if port in RTSP_PORTS else camera.ports.rtsp,
        path=path or "/",
        foreign_host=host if host != camera.address else "",
    )


def snapshot(camera: Camera, uri: str) -> Place:
    """Where a snapshot is fetched: port and path of its URI, on the enrolled address as in all else.

    Raises Trouble(MALFORMED) when the URI holds no path that can be used.
    """
    ours, default = ("http", 80) if camera.tls == "off" else ("https", 443)
    scheme, _, port, path = _parts(uri.replace("&amp;", "&"), default)
    if scheme not in ("http", "https") or not path:
        raise Trouble(Reason.MALFORMED, "snapshot URI cannot be used")
    return Place(port if scheme == ours and port in PORTS else camera.ports.onvif, path, claimed=True)


def _parts(url: str, default_port: int) -> tuple[str, str, int, str]:
    """Scheme, host, port (`default_port` if none) and path with query; empty where there is none that can be used.

    A port given twice (`:8106:8106`, seen in the field) counts once.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return "", "", default_port, ""
    match = _AUTHORITY.fullmatch(parts.netloc)
    if not match or not match["host"]:
        return "", "", default_port, ""
    ports = {int(port) for port in match["ports"].split(":") if port}
    named = parts.path or ("/" if parts.query else "")  # rtsp://192.168.1.64?channel=1
    path = quote(named + (f"?{parts.query}" if parts.query else ""), safe=_SAFE)
    return (
        parts.scheme,
        tidy(match["host"].strip("[]"), 80),
        ports.pop() if len(ports) == 1 else default_port,
        path if len(path) <= MAX_PATH else "",
    )
