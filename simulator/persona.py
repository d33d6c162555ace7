"""What a simulated camera is: its declarations, its manners and how a person would judge them, all as data.

Personas live in personas*.yaml; how a reply is built or sent must not be known here.
"""

from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Literal

from msgspec import Struct

from contract import strict_yaml
from contract.vocabulary import Standing


class Quirk(StrEnum):
    """A bad habit seen on real cameras."""

    OUT_OF_ORDER = "out_of_order"
    """Children of profiles, nodes and configurations in reverse of the schema's order."""
    UNDECLARED_PREFIX = "undeclared_prefix"
    """GetServices and GetCapabilities use tt: without declaring it."""
    GBK_NAMES = "gbk_names"
    """Text is GBK although the XML declaration says UTF-8."""
    NO_UTC_DATE = "no_utc_date"
    """GetSystemDateAndTime without UTCDateTime."""
    LOCAL_AS_UTC = "local_as_utc"
    """UTCDateTime holds local time (UTC+8)."""
    BROKEN_DATE = "broken_date"
    """UTCDateTime holds month 0 and minute 61."""
    CLOCK_NEEDS_LOGIN = "clock_needs_login"
    """Even GetSystemDateAndTime asks for credentials."""
    SERVICES_NEED_LOGIN = "services_need_login"
    """GetServices, GetCapabilities and kin ask for credentials."""
    RTSP_JUNK = "rtsp_junk"
    """A few bytes of rubbish before each RTSP status line."""
    CLOSES_AFTER_REPLY = "closes_after_reply"
    """Closes the connection after each HTTP reply without saying so."""
    CHUNKED = "chunked"
    """HTTP replies come in chunks."""
    NO_POSITION = "no_position"
    """GetStatus without Position."""
    CONTENT_BASE_JUNK = "content_base_junk"
    """RTSP Content-Base names another host."""
    CONTROL_TEXT = "control_text"
    """Line feeds and terminal escapes in the manufacturer's name."""
    TYPELESS = "typeless"
    """ProbeMatch without Types."""
    EPHEMERAL_PORT = "ephemeral_port"
    """ProbeMatch from another UDP port than 3702."""
    EVERY_OTHER_PROBE = "every_other_probe"
    """Every other probe goes unanswered."""
    MALFORMED_MATCH = "malformed_match"
    """ProbeMatch is cut off in the middle of an element."""
    MIRRORED = "mirrored"
    """ContinuousMove and RelativeMove turn the other way."""
    STOP_IGNORED = "stop_ignored"
    """Stop and zero velocity are answered, and the head runs on until the timeout."""
    MOVES_IGNORED = "moves_ignored"
    """Every movement is answered and none is made."""
    PRETENDS = "pretends"
    """GetStatus follows the commands, the picture does not: there is no motor."""
    DRIFTS = "drifts"
    """The head turns slowly by itself."""
    TALK_REFUSED = "talk_refused"
    """The backchannel is described, and SETUP of its track finds nothing."""
    FOCUS_DEAD = "focus_dead"
    """Focus moves are answered and none is made."""


class DeviceInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """GetDeviceInformation. `serial` and `mac`: "" = derived from the slot, so that each camera has its own."""

    manufacturer: str
    model: str
    firmware: str
    hardware: str = "1.0"
    serial: str = ""
    mac: str = ""


class Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may ask. `refusal`: how SOAP says no to a missing or wrong login; 401 without a body is `401`.

    `created_within_s`: how far a WSSE Created may lie from the camera's clock. `lock_after`: wrong logins until it
    locks (0 = never), for `lock_s` seconds; `counts_down`: it tells how many attempts are left.
    """

    soap: Literal["none", "wsse", "http_digest", "both"] = "wsse"
    rtsp: Literal["none", "digest", "basic"] = "digest"
    refusal: Literal["fault-400", "fault-401", "fault-200", "fault-500", "401"] = "fault-400"
    sha256_too: bool = False
    zulu_only: bool = False
    created_within_s: float = 300.0
    lock_after: int = 0
    lock_s: float = 1800.0
    counts_down: bool = False


class Discovery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which probes are answered and what the ProbeMatch says. `xaddr_host` "" = the camera's true address."""

    answers: tuple[Literal["nvt", "device", "untyped"], ...] = ("nvt", "device", "untyped")
    multicast: bool = True
    unicast: bool = True
    xaddr_host: str = ""
    epr: str = ""
    scopes: tuple[str, ...] = ("onvif://www.onvif.org/Profile/Streaming", "onvif://www.onvif.org/type/video_encoder")


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A media profile. `size` is what runs, `options` what could be set ("1920x1080"); `path` is its RTSP path."""

    token: str
    name: str
    size: str
    path: str
    options: tuple[str, ...] = ()
    codec: Literal["H264", "H265"] = "H264"
    fps: int = 10
    source: str = "VideoSource_1"
    binds_ptz: bool = True
    binds_talk: bool = True


class Space(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A PTZ space. `uri`: generic, degrees or a full URI; `x`, `y`: "low..high", the figures sent as written."""

    kind: Literal["absolute", "relative", "continuous"]
    axis: Literal["pan_tilt", "zoom"]
    uri: str = "generic"
    x: str = "-1..1"
    y: str = "-1..1"


class Ptz(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`limits`: PanTiltLimits and ZoomLimits in force (absolute spaces). Empty `spaces`: a node that offers nothing."""

    spaces: tuple[Space, ...] = ()
    limits: tuple[Space, ...] = ()


class Focus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """GetMoveOptions, each "low..high" or "" = absent; all absent = the reply is empty."""

    absolute: str = ""
    relative: str = ""
    continuous: str = ""


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the camera physically is, whatever it declares.

    `pan`, `tilt`: degrees (clockwise, upward) at the low and at the high end of the declared position range; where
    tilt counts downward its high end is the lower one. `endless`: no stops. Speeds: degrees a second at full speed.
    `fov`: degrees seen from left to right without zoom. `zoom`: largest magnification; `digital`: by cutting out.
    """

    pan: str = "-180..180"
    tilt: str = "-80..20"
    endless: bool = False
    pan_speed: float = 80.0
    tilt_speed: float = 40.0
    fov: float = 60.0
    zoom: float = 1.0
    digital: bool = False


class Audio(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`backchannel`: how DESCRIBE with Require ends; `sessions`: talkers at a time.

    `sources` 0: no microphone. `speaker`: mute = takes the sound and plays nothing; half_duplex = the microphone is
    silent while somebody talks. `vendor`: the maker's own way to talk that answers too.
    """

    sources: int = 1
    outputs: int = 0
    decoders: tuple[str, ...] = ()
    backchannel: Literal["offered", "refused", "ignored", "always", "hangs"] = "refused"
    codecs: tuple[str, ...] = ("PCMU",)
    sessions: int = 1
    speaker: Literal["full_duplex", "half_duplex", "mute"] = "full_duplex"
    vendor: Literal["", "isapi", "multitrans"] = ""


class Persona(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of camera.

    `services`: listed by GetServices; `capabilities`: listed by GetCapabilities; both as service names. `paths`: where
    a service lives if not at /onvif/{name}_service. `xaddr_host`: the host named in XAddrs and stream URIs ("" = true).
    `refuses`: "service.Operation" or "service.*" -> "empty-500", "close" or a fault such as
    "Receiver ter:ActionNotSupported ter:AudioNotSupported".
    `text`: what its maker writes into the picture, and where.
    `max_sessions`: RTSP sessions at a time. `busy_after_teardown_s`: 453 for that long after a TEARDOWN.
    `expect`: standing per clause id as a person reading declarations, configuration and media (E1..E3) would judge;
    `expect_moved`: what changes for one who may also move the camera (E4). `expect_talk`: what one finds who speaks
    through it and listens: heard, unheard, muted (the microphone goes silent), deaf (there is none), refused (the talk
    track cannot be set up), "" = there is no backchannel to try.
    """

    about: str
    device: DeviceInfo
    profiles: tuple[Profile, ...] = (
        Profile(token="profile_1", name="main", size="1920x1080", path="/stream1"),
        Profile(token="profile_2", name="sub", size="640x360", path="/stream2"),
    )
    services: tuple[str, ...] = ("device", "media", "ptz", "imaging")
    capabilities: tuple[str, ...] = ("device", "media", "ptz", "imaging")
    auth: Auth = Auth()
    discovery: Discovery = Discovery()
    paths: dict[str, str] = {}
    xaddr_host: str = ""
    ptz: Ptz | None = None
    focus: Focus | None = None
    body: Body = Body()
    text: Literal["stamp", "hikvision", "dahua", "large", "school"] = "stamp"
    audio: Audio = Audio()
    refuses: dict[str, str] = {}
    fault_status: int = 500
    max_sessions: int = 4
    busy_after_teardown_s: float = 0.0
    quirks: tuple[Quirk, ...] = ()
    expect: dict[str, Standing] = {}
    expect_moved: dict[str, Standing] = {}
    expect_talk: Literal["", "heard", "unheard", "muted", "deaf", "refused"] = ""

    def path(self, service: str) -> str:
        return self.paths.get(service, f"/onvif/{service}_service")


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    personas: dict[str, Persona]


@cache
def personas() -> dict[str, Persona]:
    """All shipped personas by name."""
    found: dict[str, Persona] = {}
    for name in ("personas.yaml", "personas-moving.yaml", "personas-talking.yaml"):
        text = resources.files("simulator").joinpath(name).read_text("utf-8")
        found |= strict_yaml.load(text, _File, source=name).personas
    return found


def size_of(text: str) -> tuple[int, int]:
    """Width and height in pixels of "1920x1080"."""
    width, height = text.split("x")
    return int(width), int(height)


def ends_of(text: str) -> tuple[str, str]:
    """Both ends of "low..high", as written."""
    low, high = text.split("..")
    return low, high
