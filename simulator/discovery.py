"""WS-Discovery (OASIS 2005/04) as a camera speaks it: ProbeMatches, Hello and Bye on UDP 3702."""

import asyncio
import socket
import struct
import uuid
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from simulator.persona import Discovery, Quirk
from simulator.unit import Unit

GROUP, PORT = "239.255.255.250", 3702
_WSD = "{http://schemas.xmlsoap.org/ws/2005/04/discovery}"
_WSA = "{http://schemas.xmlsoap.org/ws/2004/08/addressing}"
_IP_MULTICAST_ALL = 49  # linux/in.h; Python has no name for it
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
    "<s:Header><a:MessageID>urn:uuid:{id}</a:MessageID>{relates}"
    "<a:To>{to}</a:To><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/{action}</a:Action>"
    '<d:AppSequence InstanceId="1" MessageNumber="1"/></s:Header><s:Body>{body}</s:Body></s:Envelope>'
)


class Probe(NamedTuple):
    """`kind`: nvt, device, untyped, or "" for a type no camera has."""

    message_id: str
    kind: str


def parse_probe(data: bytes) -> Probe | None:
    """The probe in a datagram; None for anything else (another version's probe too)."""
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        return None
    probe = root.find(f".//{_WSD}Probe")
    if probe is None:
        return None
    types = [name.rpartition(":")[2] for name in (probe.findtext(f"{_WSD}Types") or "").split()]
    kinds = {"NetworkVideoTransmitter": "nvt", "Device": "device"}
    kind = next((kinds[t] for t in types if t in kinds), "") if types else "untyped"
    return Probe((root.findtext(f".//{_WSA}MessageID") or "").strip(), kind)


def _about(unit: Unit) -> str:
    discovery = unit.persona.discovery if unit.persona else Discovery()
    path = unit.persona.path("device") if unit.persona else "/onvif/device_service"
    types = "" if unit.has(Quirk.TYPELESS) else "<d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types>"
    host = unit.named_host(discovery.xaddr_host)
    return (
        f"<a:EndpointReference><a:Address>{unit.epr}</a:Address></a:EndpointReference>{types}"
        f"<d:Scopes>{escape(' '.join(discovery.scopes))}</d:Scopes>"
        f"<d:XAddrs>http://{host}:{unit.onvif_port}{path}</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion>"
    )


def probe_matches(unit: Unit, probe: Probe) -> bytes:
    """The answer to a probe."""
    text = _ENVELOPE.format(
        id=uuid.uuid4(),
        relates=f"<a:RelatesTo>{escape(probe.message_id)}</a:RelatesTo>",
        to="http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
        action="ProbeMatches",
        body=f"<d:ProbeMatches><d:ProbeMatch>{_about(unit)}</d:ProbeMatch></d:ProbeMatches>",
    ).encode()
    return text[: text.index(b"<d:MetadataVersion") - 12] if unit.has(Quirk.MALFORMED_MATCH) else text


def announcement(unit: Unit, word: str) -> bytes:
    """Hello or Bye."""
    return _ENVELOPE.format(
        id=uuid.uuid4(),
        relates="",
        to="urn:schemas-xmlsoap-org:ws:2005:04:discovery",
        action=word,
        body=f"<d:{word}>{_about(unit)}</d:{word}>",
    ).encode()


class Responder(asyncio.DatagramProtocol):
    """Answers probes of one camera, heard by multicast and by unicast, from the camera's own address."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._rules = unit.persona.discovery if unit.persona else Discovery()
        self._transports: list[asyncio.DatagramTransport] = []
        self._voice: socket.socket | None = None
        self._probes = 0

    async def start(self) -> None:
        """Bind and join. Raises OSError when UDP 3702 of the address is taken by somebody who does not share it."""
        source_port = 0 if self._unit.has(Quirk.EPHEMERAL_PORT) else PORT
        self._voice = _udp(self._unit.address, source_port)
        self._voice.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self._unit.address))
        if self._rules.unicast:
            await self._hear(_udp(self._unit.address, PORT))
        if self._rules.multicast:
            ear = _udp(GROUP, PORT)
            ear.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
            membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(self._unit.address))
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            await self._hear(ear)
            self._announce("Hello")

    async def _hear(self, ear: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=ear)
        self._transports.append(transport)

    def stop(self, *, politely: bool = False) -> None:
        """Close; `politely`: say Bye first, as a camera that is shut down and not cut off."""
        if politely and self._rules.multicast and self._voice:
            self._announce("Bye")
        for transport in self._transports:
            transport.abort()
        if self._voice:
            self._voice.close()
        self._transports, self._voice = [], None

    def _announce(self, word: str) -> None:
        self._send(announcement(self._unit, word), (GROUP, PORT))

    def _send(self, data: bytes, to: tuple[str, int]) -> None:
        if self._voice:
            try:
                self._voice.sendto(data, to)
            except OSError:
                return  # nobody there, or no route: a camera does not care

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        probe = parse_probe(data)
        if probe is None or probe.kind not in self._rules.answers or self._unit.fault == "hang":
            return
        self._probes += 1
        if self._unit.has(Quirk.EVERY_OTHER_PROBE) and self._probes % 2:
            return
        self._unit.note("discovery", "Probe")
        self._send(probe_matches(self._unit, probe), addr)


def _udp(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
