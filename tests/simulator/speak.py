"""Clients by hand: SOAP, RTSP and WS-Discovery over plain sockets, so that nothing of the agent is trusted here."""

import base64
import hashlib
import os
import re
import socket
import struct
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from simulator.unit import Unit
from tests.support.waiting import PATIENCE_S

USER, PASSWORD = "admin", "canteen-2021"
DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_SECEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"


class Reply(NamedTuple):
    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str:
        found = re.search(rf"(?im)^{name}: *(.*?)\r?$", self.head)
        return found[1] if found else ""


def connect(unit: Unit, port: int, timeout_s: float = PATIENCE_S) -> socket.socket:
    return socket.create_connection((unit.address, port), timeout_s)


def read_reply(wire: socket.socket) -> Reply:
    """One HTTP or RTSP reply with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = wire.recv(65536)
        if not more:
            raise ConnectionError("closed before a whole reply")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    text = head.decode("latin-1")
    length = re.search(r"(?im)^content-length: *(\d+)", text)
    while length and len(body) < int(length[1]):
        body += wire.recv(65536)
    return Reply(int(text.split(" ", 2)[1]), text, body)


def token(
    user: str = USER, password: str = PASSWORD, *, age_s: float = 0.0, created: str = "", nonce: bytes = b""
) -> str:
    """A WS-Security header with a UsernameToken digest."""
    nonce = nonce or os.urandom(16)
    created = created or (datetime.now(UTC) - timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
    return (
        f'<wsse:Security xmlns:wsse="{_SECEXT}" xmlns:wsu="{_UTILITY}"><wsse:UsernameToken>'
        f'<wsse:Username>{user}</wsse:Username><wsse:Password Type="{_DIGEST}">{digest}</wsse:Password>'
        f"<wsse:Nonce>{base64.b64encode(nonce).decode()}</wsse:Nonce><wsu:Created>{created}</wsu:Created>"
        "</wsse:UsernameToken></wsse:Security>"
    )


def envelope(operation: str, namespace: str = DEVICE, *, inside: str = "", security: str = "") -> bytes:
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
        f"<s:Header>{security}</s:Header>"
        f'<s:Body><o:{operation} xmlns:o="{namespace}">{inside}</o:{operation}></s:Body></s:Envelope>'
    ).encode()


def post_bytes(unit: Unit, body: bytes, path: str = "/onvif/device_service") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {unit.address}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def ask(
    unit: Unit,
    operation: str,
    namespace: str = DEVICE,
    *,
    inside: str = "",
    security: str = "",
    path: str = "/onvif/device_service",
) -> Reply:
    """One SOAP question on a connection of its own."""
    with closing(connect(unit, unit.onvif_port)) as wire:
        wire.sendall(post_bytes(unit, envelope(operation, namespace, inside=inside, security=security), path))
        return read_reply(wire)


class Rtsp:
    """An RTSP client by hand; answers the first Digest challenge when it has a password."""

    def __init__(self, unit: Unit, password: str = PASSWORD) -> None:
        self.wire = connect(unit, unit.rtsp_port)
        self.base = f"rtsp://{unit.address}:{unit.rtsp_port}"
        self._password = password
        self._challenge = ""
        self._cseq = 0

    def close(self) -> None:
        self.wire.close()

    def say(self, method: str, target: str, **headers: str) -> Reply:
        """One request; a 401 is answered once."""
        reply = self._say(method, target, headers)
        if reply.status == 401 and self._password and not self._challenge:
            self._challenge = reply.header("WWW-Authenticate")
            reply = self._say(method, target, headers)
        return reply

    def _say(self, method: str, target: str, headers: dict[str, str]) -> Reply:
        self.send(method, target, headers)
        return read_reply(self.wire)

    def send(self, method: str, target: str, headers: dict[str, str] | None = None) -> None:
        """A request whose reply is read by the caller."""
        self._cseq += 1
        url = self.base + target
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._cseq}"]
        if self._challenge:
            lines.append(f"Authorization: {self._digest(method, url)}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.wire.sendall("\r\n".join([*lines, "", ""]).encode())

    def _digest(self, method: str, url: str) -> str:
        fields = dict(re.findall(r'(\w+)="([^"]*)"', self._challenge))

        def h(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        secret = h(f"{USER}:{fields['realm']}:{self._password}")
        response = h(f"{secret}:{fields['nonce']}:{h(f'{method}:{url}')}")
        shown = {"username": USER, "realm": fields["realm"], "nonce": fields["nonce"], "uri": url, "response": response}
        return "Digest " + ", ".join(f'{name}="{value}"' for name, value in shown.items())


def probe(
    unit: Unit, types: str = "dn:NetworkVideoTransmitter", *, multicast: bool = False, wait_s: float = 1.0
) -> bytes:
    """The camera's ProbeMatch, b"" when none came in time."""
    message = uuid.uuid4()
    body = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
        ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>'
        "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>"
        f"<a:MessageID>urn:uuid:{message}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
        f"</s:Header><s:Body><d:Probe>{f'<d:Types>{types}</d:Types>' if types else ''}</d:Probe></s:Body></s:Envelope>"
    ).encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sock.sendto(body, ("239.255.255.250" if multicast else unit.address, 3702))
        ends = datetime.now(UTC) + timedelta(seconds=wait_s)
        while (left := (ends - datetime.now(UTC)).total_seconds()) > 0:
            sock.settimeout(left)
            try:
                answer, (host, _) = sock.recvfrom(65536)
            except (TimeoutError, ConnectionRefusedError):
                return b""
            if host == unit.address and str(message).encode() in answer:
                return answer
    return b""


def rtp(channel: int, payload: bytes) -> bytes:
    """A PCMU packet framed for the RTSP connection."""
    packet = struct.pack("!BBHII", 0x80, 0, 1, 160, 1) + payload
    return struct.pack("!BBH", 0x24, channel, len(packet)) + packet


PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
IMAGING = "http://www.onvif.org/ver20/imaging/wsdl"


def command(unit: Unit, operation: str, inside: str = "", *, service: str = "ptz") -> Reply:
    """A PTZ or imaging command to the first profile or source; `inside`: plain XML, put into the right namespaces."""
    assert unit.persona
    namespace = PTZ if service == "ptz" else IMAGING
    first = unit.profiles[0]
    name, value = ("ProfileToken", first.token) if service == "ptz" else ("VideoSourceToken", first.source)
    body = f"<o:{name}>{value}</o:{name}>{inside}"
    return ask(unit, operation, namespace, inside=body, security=token(), path=unit.persona.path(service))


def vector(name: str, *, pan: float | None = None, tilt: float = 0.0, zoom: float | None = None) -> str:
    """Velocity, Position, Translation or Speed."""
    turn = "" if pan is None else f'<t:PanTilt x="{pan}" y="{tilt}"/>'
    lens = "" if zoom is None else f'<t:Zoom x="{zoom}"/>'
    return f'<o:{name} xmlns:t="http://www.onvif.org/ver10/schema">{turn}{lens}</o:{name}>'


def position(unit: Unit) -> dict[str, float]:
    """Pan, tilt and zoom as GetStatus says them."""
    body = command(unit, "GetStatus").body.decode()
    turn = re.search(r'<tt:PanTilt x="([^"]*)" y="([^"]*)"', body)
    lens = re.search(r'<tt:Zoom x="([^"]*)"', body)
    found = {"pan": float(turn[1]), "tilt": float(turn[2])} if turn else {}
    return found | ({"zoom": float(lens[1])} if lens else {})
