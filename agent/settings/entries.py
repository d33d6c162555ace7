"""The keys of agent.yaml: one frozen struct per section, each key with its unit and default.

What a single value must look like is said here.
"""

import ipaddress
import re
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from agent.model import ONVIF_PORTS
from agent.settings.secret import Secret
from contract.messages import Gateway, Slot
from contract.strict_yaml import Duration, Unfit, Words, form, leaf

STATE_DIR = "/var/lib/canteen-agent"
"""Unless the file says otherwise; the StateDirectory= of the unit."""
_MAX_TEXT = 200
_NAME = Words("letters, digits, '.', '_' or '-', at most 64", "字母、数字、“.”、“_”、“-”，最多 64 个")

# ---- single values ------------------------------------------------------------------------------


def one_line(text: str) -> str:
    if not text.isprintable() or len(text) > _MAX_TEXT:
        raise Unfit("text", limit=_MAX_TEXT)
    return text.strip()


def ipv4(text: str) -> str:
    """Plain dotted decimal only: a C resolver reads 0x7f.1 and 2130706433 as addresses too."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise Unfit("ipv4") from None
    if address.is_multicast or address.is_reserved or address in _THIS_NETWORK:
        raise Unfit("ipv4")
    return str(address)


_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")  # RFC 1122, 3.2.1.3


def _subnet(text: str) -> str:
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise Unfit("subnet") from None
    if network.is_multicast or network.is_reserved:
        raise Unfit("subnet")
    return str(network)


_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*(?!([0-9]+|0[xX][0-9a-fA-F]*)$){_LABEL}")
"""A name; one that ends in a number would be an address to a C resolver."""


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if not _HOST.fullmatch(text):
            raise Unfit("host") from None
        return text


_URL_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/?%-]{0,499}")


def path(text: str) -> str:
    """RFC 3986 characters of path and query, so that no control character reaches a request line; "" = none."""
    if text and not _URL_PATH.fullmatch(text):
        raise Unfit("path")
    return text


_HEX12 = re.compile(r"[0-9a-f]{12}")


def _mac(text: str) -> str:
    digits = re.sub("[:-]", "", text.lower())
    if not _HEX12.fullmatch(digits):
        raise Unfit("mac")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def fingerprint(text: str) -> str:
    digits = text.replace(":", "").lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise Unfit("fingerprint")
    return digits


_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")
_LEAST_WINDOW_MIN = 10


class Window(NamedTuple):
    """A part of every day, in seconds after midnight; one that ends before it begins lasts over midnight."""

    begin_s: int
    end_s: int


def _window(text: str) -> Window:
    match = _WINDOW.fullmatch(text)
    if not match:
        raise Unfit("window", least=_LEAST_WINDOW_MIN)
    hour, minute, end_hour, end_minute = (int(part) for part in match.groups() if part)
    begin, end = 60 * (60 * hour + minute), 60 * (60 * end_hour + end_minute)
    if (end - begin) % 86_400 < 60 * _LEAST_WINDOW_MIN and (begin, end) != (0, 86_400):
        raise Unfit("window", least=_LEAST_WINDOW_MIN)
    return Window(begin, end)


_TEXT = Words("text", "文本")
Text = Annotated[str, leaf(one_line, _TEXT)]
Address = Annotated[str, leaf(ipv4, Words("an IPv4 address", "IPv4 地址"))]
Subnet = Annotated[str, leaf(_subnet, Words("a network such as 192.168.1.0/24", "网段（例如 192.168.1.0/24）"))]
Host = Annotated[str, leaf(_host, Words("a host name or address", "主机名或地址"))]
UrlPath = Annotated[str, leaf(path, Words("a path such as /stream1", "路径（例如 /stream1）"))]
Mac = Annotated[str, leaf(_mac, Words("a MAC address", "MAC 地址"))]
Fingerprint = Annotated[str, leaf(fingerprint, Words("a SHA-256 fingerprint", "SHA-256 指纹"))]
DailyWindow = Annotated[Window, leaf(_window, Words("a time of day such as 02:00-04:00", "时段（例如 02:00-04:00）"))]
FilePath = Annotated[str, Meta(min_length=1, max_length=1000), leaf(one_line, Words("a path", "路径"))]
Password = Annotated[
    Secret, leaf(Secret, Words("env:NAME, file:PATH or credential:NAME", "env:名称、file:路径或 credential:名称"))
]
Port = Annotated[int, Meta(ge=1, le=65535)]
Label = Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{1,64}$"), form(_NAME)]
Interface = Annotated[
    str, Meta(pattern="^[A-Za-z0-9._:@-]{1,64}$"), form(Words("an interface's name or address", "接口名称或地址"))
]


# ---- sections -----------------------------------------------------------------------------------


class GatewayEntry(Struct, frozen=True, kw_only=True):
    """Who this box is."""

    id: Annotated[Gateway, form(Words("3 to 40 lower-case letters, digits or '-'", "3 至 40 个小写字母、数字或“-”"))]
    """Enrolment id, unique in the whole country."""
    city: Annotated[str, Meta(pattern="^[0-9]{4}$"), form(Words("four digits such as 4101", "四位数字（例如 4101）"))]
    """First four digits of the administrative code."""


class TlsEntry(Struct, frozen=True, kw_only=True):
    """PEM files: a path, counted from the configuration's folder, or credential:NAME."""

    ca: FilePath
    """The authority that signed the broker's certificate."""
    cert: FilePath | None = None
    """Our own certificate; null = the broker asks for a password only."""
    key: FilePath | None = None
    """The private key of `cert`."""


class RecoveryEntry(Struct, frozen=True, kw_only=True):
    """The broker's port for a box whose certificate ran out while it was off: it may ask for another one there."""

    port: Port = 8884
    """TCP port; with the TLS of this broker."""
    password: Password
    """The recovery secret of the enrolment."""


class BrokerEntry(Struct, frozen=True, kw_only=True):
    """One address of the MQTT broker."""

    host: Host
    """A name, or an address."""
    port: Port = 8883
    """TCP port."""
    tls: TlsEntry | None = None
    """Null = unencrypted, which must be said, unless the broker is this very box."""
    username: Text | None = None
    """Null = {city}/{id}; all addresses share one account."""
    password: Password | None = None
    """Null = none (the certificate speaks for us)."""
    recovery: RecoveryEntry | None = None
    """Null = none: once our certificate has run out, a person must enrol the box anew."""


class LookEntry(Struct, frozen=True, kw_only=True):
    """Whether each camera can be opened."""

    interval: Annotated[Duration, Meta(ge=1, le=3600)] = 30.0
    """Seconds from one look to the next."""
    deadline: Annotated[Duration, Meta(ge=0.5)] = 5.0
    """Seconds one look may take, retries included; less than `interval`."""


class HeartbeatEntry(Struct, frozen=True, kw_only=True):
    """The sign of life to the center, which calls a gateway dark after 180 s of silence."""

    interval: Annotated[Duration, Meta(ge=1, le=150)] = 60.0
    """Seconds, with 10 % of jitter."""


class CapabilityEntry(Struct, frozen=True, kw_only=True):
    """What each camera can do."""

    interval: Annotated[Duration, Meta(ge=10)] = 86400.0
    """Seconds from one inspection to the next."""
    deadline: Annotated[Duration, Meta(ge=1)] = 60.0
    """Seconds all cameras together may take; less than `interval`."""


class PictureEntry(Struct, frozen=True, kw_only=True):
    """What each camera's picture looks like: decoded, measured and thrown away."""

    enabled: bool = True
    """Whether it is checked at all."""
    interval: Annotated[Duration, Meta(ge=10)] = 300.0
    """Seconds from one round to the next."""
    deadline: Annotated[Duration, Meta(ge=5)] = 60.0
    """Seconds all cameras together may take; less than `interval`."""


class MovementEntry(Struct, frozen=True, kw_only=True):
    """Proof by action: a camera with motors is turned, zoomed and focused, watched by its picture, and put back."""

    enabled: bool = False
    """Whether cameras are moved: people see and hear it, so tell the canteen first."""
    window: DailyWindow = Window(2 * 3600, 4 * 3600)
    """Shanghai time; no movement begins that could not end in it."""
    interval: Annotated[Duration, Meta(ge=86400)] = 2592000.0
    """Seconds from one movement of a camera to the next."""
    max_away: Annotated[Duration, Meta(ge=30, le=120)] = 120.0
    """Seconds a camera may be away from its view."""
    sound: bool = False
    """Also play one second of a test tone through each camera that talks, and listen for it."""


class DiscoveryEntry(Struct, frozen=True, kw_only=True):
    """Looking for cameras by WS-Discovery."""

    enabled: bool = True
    """Whether they are looked for: one that got another address is found so."""
    interfaces: tuple[Interface, ...] = ()
    """Names or addresses; empty = every suitable one."""
    subnets: tuple[Subnet, ...] = ()
    """Networks asked address by address, where multicast does not reach."""
    allow_large: bool = False
    """Allow subnets larger than /23."""
    interval: Annotated[Duration, Meta(ge=10)] = 3600.0
    """Seconds from one round to the next."""
    duration: Annotated[Duration, Meta(ge=1, le=60)] = 4.5
    """Seconds one round listens."""
    ports: Annotated[tuple[Port, ...], Meta(min_length=1)] = ONVIF_PORTS
    """TCP ports at which an answer may place a camera's ONVIF service; any other is noted, not used."""
    hello: bool = True
    """Hear cameras announce themselves (UDP 3702)."""
    loopback: bool = False
    """Ask on the loopback interface too, for simulated cameras."""


class CredentialEntry(Struct, frozen=True, kw_only=True):
    """A login that cameras refer to by name."""

    user: Annotated[Text, Meta(min_length=1)]
    """Its name at the camera; one that may only read is best."""
    password: Password
    """Where its password is kept."""


class IdentityEntry(Struct, frozen=True, kw_only=True):
    """Who the device is, as far as known; "" = not known."""

    mac: Mac = ""
    """Of the network interface."""
    epr: Text = ""
    """WS-Discovery endpoint reference, such as urn:uuid:…"""
    serial: Text = ""
    """As the device tells it."""


class RecorderEntry(Struct, frozen=True, kw_only=True):
    """The channel of a recorder that shows the same camera: a witness where the camera itself has no room for us."""

    address: Address
    """Of the recorder, not of the camera."""
    rtsp_port: Port = 554
    """TCP port."""
    stream_path: Annotated[UrlPath, Meta(min_length=1)]
    """Path and query of the channel's RTSP URL."""
    credentials: Label | None = None
    """Name under `credentials`; null = never log in."""


class CameraEntry(Struct, frozen=True, kw_only=True):
    """One slot: a required camera position and the device enrolled for it."""

    slot: Annotated[Slot, form(_NAME)]
    """Id of the position in the center's registry."""
    address: Address
    """Where it stands now; the enrolled device is found again where it has got another."""
    name: Text = ""
    """For people."""
    zone: Text = ""
    """Place in the kitchen, for people."""
    onvif_port: Port = 80
    """TCP port of ONVIF."""
    rtsp_port: Port = 554
    """TCP port of the stream."""
    onvif_path: UrlPath = "/onvif/device_service"
    """Path of the ONVIF device service."""
    stream_path: UrlPath = ""
    """Path and query of the RTSP URL; "" = ask ONVIF."""
    channel: Text = ""
    """Video source or profile token, where one address carries many cameras."""
    tls: Literal["off", "verify", "pin"] = "off"
    """How ONVIF is spoken: without TLS; with a certificate that an authority has signed; with this very certificate."""
    tls_pin: Fingerprint = ""
    """SHA-256 of the camera's certificate, for tls: pin."""
    credentials: Label | None = None
    """Name under `credentials`; null = never log in."""
    rtsp_credentials: Label | None = None
    """Where RTSP has a login of its own; null = as `credentials`."""
    allow_basic: bool = False
    """Show this camera the password unencrypted if it offers nothing better."""
    panoramic: bool = False
    """A fixed camera that sees all around (fisheye or several lenses)."""
    identity: IdentityEntry = IdentityEntry()
    recorder: RecorderEntry | None = None
    """Where a recorder at the site shows this camera; null = none is asked."""


class LogEntry(Struct, frozen=True, kw_only=True):
    """`log:`, how much is written into the log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is written; debug tells every look."""


class MetricsEntry(Struct, frozen=True, kw_only=True):
    """`metrics:`, figures for a Prometheus on this box: http://127.0.0.1:PORT/metrics."""

    port: Port
    """TCP port on loopback."""


class File(Struct, frozen=True, kw_only=True):
    """The whole of agent.yaml."""

    gateway: GatewayEntry
    broker: Annotated[tuple[BrokerEntry, ...], Meta(min_length=1, max_length=10)]
    """Addresses of one broker or cluster, tried in turn."""
    keepalive: Annotated[Duration, Meta(ge=5, le=600)] = 60.0
    """Seconds of MQTT silence after which the line counts as dead (times 1.5)."""
    state_dir: FilePath = STATE_DIR
    """Folder of journal and status; of one agent alone."""
    policy: Annotated[Text, Meta(min_length=1)] = "henan-2021-45"
    """Name of a shipped policy, or the path of a file."""
    look: LookEntry = LookEntry()
    heartbeat: HeartbeatEntry = HeartbeatEntry()
    capability: CapabilityEntry = CapabilityEntry()
    picture: PictureEntry = PictureEntry()
    movement: MovementEntry = MovementEntry()
    discovery: DiscoveryEntry = DiscoveryEntry()
    credentials: dict[Label, CredentialEntry] = {}
    cameras: Annotated[tuple[CameraEntry, ...], Meta(max_length=200)]
    log: LogEntry = LogEntry()
    metrics: MetricsEntry | None = None
    """Null = nothing listens."""
