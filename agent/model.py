"""The ground floor: cameras, observations and evidence as frozen values.

What is known about a camera lives here.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from contract.messages import Identity
from contract.vocabulary import Reason

T = TypeVar("T")


# ---- observations -------------------------------------------------------------------------------


class Seen(Struct, Generic[T], frozen=True, kw_only=True, tag_field="seen", tag="yes"):
    """An answer. `at` = boot ms when asking began, `took_s` = seconds it took, `attempts` >= 1."""

    value: T
    at: int = 0
    took_s: float = 0.0
    attempts: int = 1


class NotSeen(Struct, frozen=True, kw_only=True, tag_field="seen", tag="no"):
    """No answer, and why. `detail` is for a person: one line, sanitised, without secrets.

    `finding`: the word of contract/reasons.py for it where `reason` says too little; "" = none.
    """

    reason: Reason
    detail: str = ""
    finding: str = ""
    at: int = 0
    took_s: float = 0.0
    attempts: int = 1


UNASKED = NotSeen(reason=Reason.UNASKED, attempts=0)


def values(observation: Seen[tuple[T, ...]] | NotSeen) -> tuple[T, ...]:
    """What was seen; () where nothing was."""
    return observation.value if isinstance(observation, Seen) else ()


# ---- cameras ------------------------------------------------------------------------------------


class Credentials:
    """A user and a password that never appear in a repr, a log, an argv or a message.

    Not a Struct on purpose: msgspec refuses to encode it. The password is handed out by `reveal` alone.
    """

    __slots__ = ("_password", "user")

    def __init__(self, user: str, password: str) -> None:
        self.user = user
        self._password = password

    def reveal(self) -> str:
        """The password itself, for the line that computes a digest or writes to a child's standard input."""
        return self._password

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credentials) and (self.user, self._password) == (other.user, other._password)

    def __hash__(self) -> int:
        return hash((self.user, self._password))

    def __repr__(self) -> str:
        return "Credentials(***)"


ONVIF_PORTS = (80, 81, 82, 83, 85, 88, 443, 2020, 5000, 6688, *range(8000, 8100), 8443, 8899, 8999, 10080)
"""TCP ports at which ONVIF services are met in the field."""


class Ports(Struct, frozen=True, kw_only=True):
    """TCP ports of the camera."""

    onvif: int = 80
    rtsp: int = 554


class Camera(Struct, frozen=True, kw_only=True):
    """One slot: a required camera position and the device enrolled for it.

    `address` is a literal IP address (never a name). `channel` is the video source or profile token that this slot
    shows ("" = the device's only or best one); one address may carry many slots. `tls`: "off", "verify" or "pin"
    (`tls_pin` = SHA-256 of the certificate, hex).
    `onvif_path` is the device service path. `stream_path` ("" = ask ONVIF) is path and query of the RTSP URL.
    `allow_basic`: this camera alone may be shown a Basic password.
    """

    slot: str
    address: str
    name: str = ""
    zone: str = ""
    ports: Ports = Ports()
    channel: str = ""
    tls: str = "off"
    tls_pin: str = ""
    credentials: Credentials | None = None
    rtsp_credentials: Credentials | None = None
    identity: Identity = Identity()
    onvif_path: str = "/onvif/device_service"
    stream_path: str = ""
    allow_basic: bool = False
    panoramic: bool = False
    """The operator states that it sees 360° without turning (fisheye, several lenses)."""
    nic: str = ""
    """The interface of ours over which it was last reached; "" = not known."""

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.address)

    @property
    def stream_credentials(self) -> Credentials | None:
        """The login for RTSP."""
        return self.rtsp_credentials or self.credentials


# ---- what discovery sees -------------------------------------------------------------------------


class DiscoveredDevice(Struct, frozen=True, kw_only=True):
    """A device that answered a WS-Discovery probe (or a TCP knock), as the box saw it.

    `address` is the sender's, the only address known to be reachable; `port` and `path` are where its ONVIF device
    service is to be asked. `xaddrs` are the camera's own words, never followed. `mac` stands in the ARP table ("" when
    the address is not on a link of ours); `claimed_mac` and `serial` are what its scopes claim.
    """

    address: str
    port: int = 80
    path: str = "/onvif/device_service"
    xaddrs: tuple[str, ...] = ()
    epr: str = ""
    mac: str = ""
    types: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    name: str = ""
    hardware: str = ""
    responded_from: str = ""
    """The address that answered; equal to `address`, kept because the contract's record names it."""
    serial: str = ""
    claimed_mac: str = ""
    notes: tuple[str, ...] = ()


# ---- what a look sees ---------------------------------------------------------------------------


class ClockReading(Struct, frozen=True, kw_only=True):
    """The camera's own clock. `skew_s` = camera minus box, seconds; None when the reply carried no usable UTC time.

    `local_skew_s`: its local time read as UTC, minus the box's, where that is all it tells.
    """

    skew_s: float | None
    local_skew_s: float | None = None


class Stream(Struct, frozen=True, kw_only=True):
    """What RTSP DESCRIBE offered: one entry per m= line, such as "video H264"; `codec` of the first video."""

    path: str
    media: tuple[str, ...]
    codec: str = ""


class Look(Struct, frozen=True, kw_only=True):
    """One look at one camera. `at` = boot ms when it began.

    `tcp`: the ports that accepted a connection. `clock`: the SOAP clock without credentials. `stream`: RTSP DESCRIBE.
    """

    at: int
    took_s: float
    tcp: Seen[tuple[int, ...]] | NotSeen
    clock: Seen[ClockReading] | NotSeen = UNASKED
    stream: Seen[Stream] | NotSeen = UNASKED
    logins_failed: int = 0
    """How many of our logins the camera refused during this look (0 or 1)."""
    attempts_left: int | None = None
    """What the camera said of attempts left before it locks, if it did."""
    logged_in: bool = False
    """A login was asked for and accepted."""
    nic: str = ""
    """The interface of ours over which the camera was reached; "" = it was not, or that is not known."""


# ---- what the capability questions see ----------------------------------------------------------


class Device(Struct, frozen=True, kw_only=True):
    """Who made the camera, as it says of itself."""

    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    hardware: str = ""
    mac: str = ""
    """As GetNetworkInterfaces claims it; junk is common."""


class Service(Struct, frozen=True, kw_only=True):
    """A service the device claims. `name`: device, media, media2, ptz, imaging, deviceio, ...

    `port` and `path` are where we ask it, on the enrolled address; `foreign_host` is the host it named if another.
    """

    name: str
    port: int
    path: str
    foreign_host: str = ""
    unused: str = ""
    """What of its claim was not used: a scheme other than the enrolled one, or a port at which no camera is asked."""
    claimed_by: tuple[str, ...] = ()
    """GetServices, GetCapabilities: who listed it."""


class Span(Struct, frozen=True, kw_only=True):
    """A closed range as declared; None = unbounded on that side (±INF)."""

    low: float | None
    high: float | None

    @property
    def moves(self) -> bool:
        """Whether there is any way to go: Min = Max is a range in name only."""
        return self.low is None or self.high is None or self.high > self.low


class Space(Struct, frozen=True, kw_only=True):
    """A PTZ coordinate space. `kind`: absolute, relative, continuous or limits; `axis`: pan_tilt or zoom."""

    kind: str
    axis: str
    uri: str
    x: Span
    y: Span | None = None


class PtzNode(Struct, frozen=True, kw_only=True):
    """What one head can do at most, as the camera says."""

    token: str
    spaces: tuple[Space, ...]


class PtzConfiguration(Struct, frozen=True, kw_only=True):
    """How a head is set up for the profiles that name it.

    `spaces`: what GetConfigurationOptions offers for it; `limits`: PanTiltLimits and ZoomLimits in force.
    """

    token: str
    node: str
    limits: tuple[Space, ...] = ()
    spaces: Seen[tuple[Space, ...]] | NotSeen = UNASKED


class PtzStatus(Struct, frozen=True, kw_only=True):
    """Position as GetStatus gives it; None where the reply holds none. `space` is the pan/tilt space's URI."""

    profile: str
    pan: float | None = None
    tilt: float | None = None
    zoom: float | None = None
    space: str = ""


class FocusMove(Struct, frozen=True, kw_only=True):
    """Move options of one video source; no span at all = the reply was empty: focus cannot be moved."""

    source: str
    absolute: Span | None = None
    relative: Span | None = None
    continuous: Span | None = None

    @property
    def spans(self) -> tuple[Span, ...]:
        """The ranges that the reply held."""
        return tuple(span for span in (self.absolute, self.relative, self.continuous) if span)

    @property
    def moves(self) -> bool:
        return any(span.moves for span in self.spans)


class AudioDecoder(Struct, frozen=True, kw_only=True):
    """One configuration of what the camera can play, and its codecs."""

    token: str
    encodings: tuple[str, ...] = ()


MAX_SIDE_PX = 32_768
"""Sides of a picture beyond this are junk: cameras were seen to declare numbers made of stray bytes."""


class Resolution(Struct, frozen=True, kw_only=True):
    """Width and height of a picture."""

    width: int
    height: int

    @property
    def plausible(self) -> bool:
        return 0 < self.width <= MAX_SIDE_PX and 0 < self.height <= MAX_SIDE_PX

    @property
    def pixels(self) -> int:
        return self.width * self.height


class VideoSource(Struct, frozen=True, kw_only=True):
    """One sensor, or one channel of a recorder."""

    token: str
    resolution: Resolution | None = None


class EncoderOptions(Struct, frozen=True, kw_only=True):
    """What one encoder configuration (or profile) could be set to. `media`: media or media2."""

    token: str
    media: str
    encoding: str
    resolutions: tuple[Resolution, ...]


class Profile(Struct, frozen=True, kw_only=True):
    """A media profile and what it binds; "" or None = not bound. `media`: media or media2."""

    token: str
    media: str
    name: str = ""
    source: str = ""
    """Video *source* token (not the configuration's)."""
    encoder: str = ""
    """Token of the video encoder configuration."""
    encoding: str = ""
    resolution: Resolution | None = None
    ptz: str = ""
    """Token of the PTZ configuration."""
    audio_output: str = ""
    audio_decoder: str = ""


def own_profiles(profiles: Iterable[Profile], channel: str) -> tuple[Profile, ...]:
    """Those that show a slot's channel (a source or profile token); all of them where the slot names none."""
    return tuple(one for one in profiles if not channel or channel in (one.token, one.source))


def by_size(profile: Profile) -> tuple[bool, int]:
    """Sorts the main profile last: moving pictures before JPEG, then by pixels; a size that is junk counts as none."""
    size = profile.resolution
    return profile.encoding != "JPEG", size.pixels if size and size.plausible else 0


def main_profile(profiles: Sequence[Profile]) -> Profile | None:
    """The largest, unless the first one listed says nothing of its size: cameras list their main stream first."""
    first = next((one for one in profiles if one.source or one.encoder), None)
    if first and first.encoding != "JPEG" and not any(one.resolution for one in profiles if one.token == first.token):
        return first
    return max(profiles, key=by_size, default=None)


class StreamUri(Struct, frozen=True, kw_only=True):
    """Where the main stream is, host rewritten to the enrolled address; `foreign_host` if it named another.

    `other_ports`: further ports that its authority names (`:9001:5549`). `unused`: as in Service.
    """

    profile: str
    port: int
    path: str
    foreign_host: str = ""
    other_ports: tuple[int, ...] = ()
    unused: str = ""


class Backchannel(Struct, frozen=True, kw_only=True):
    """DESCRIBE with Require: backchannel.

    `offered`: an audio track with a=sendonly; `ignores_require`: the track is there without the Require header too.
    """

    offered: bool
    codecs: tuple[str, ...] = ()
    ignores_require: bool = False


class Capabilities(Struct, frozen=True, kw_only=True):
    """Answers to the ONVIF capability questions of one camera; each stands alone, a failed one costs no other.

    Tuples inside Seen may be empty only where the reply was successful and empty; "could not ask" is NotSeen.
    `focus`, `status`: one observation per video source / profile with PTZ asked.
    """

    device: Seen[Device] | NotSeen = UNASKED
    services: Seen[tuple[Service, ...]] | NotSeen = UNASKED
    sources: Seen[tuple[VideoSource, ...]] | NotSeen = UNASKED
    profiles: Seen[tuple[Profile, ...]] | NotSeen = UNASKED
    encoder_options: Seen[tuple[EncoderOptions, ...]] | NotSeen = UNASKED
    nodes: Seen[tuple[PtzNode, ...]] | NotSeen = UNASKED
    configurations: Seen[tuple[PtzConfiguration, ...]] | NotSeen = UNASKED
    status: Seen[PtzStatus] | NotSeen = UNASKED
    focus: dict[str, Seen[FocusMove] | NotSeen] = {}
    audio_sources: Seen[tuple[str, ...]] | NotSeen = UNASKED
    audio_outputs: Seen[tuple[str, ...]] | NotSeen = UNASKED
    audio_decoders: Seen[tuple[AudioDecoder, ...]] | NotSeen = UNASKED
    stream_uri: Seen[StreamUri] | NotSeen = UNASKED
    """The main stream: of the profile with most pixels."""
    sub_stream_uri: Seen[StreamUri] | NotSeen = UNASKED
    """A smaller stream of the same source, for checks that need no detail; UNASKED where there is none."""
    snapshot: Seen[StreamUri] | NotSeen = UNASKED
    """Where a JPEG of the main stream is fetched: port and path."""
    auth: str = ""
    """The way of authentication that worked: none, wsse, wsse-box-time, digest; "" if none did."""
    logins_failed: int = 0
    attempts_left: int | None = None
    notes: tuple[str, ...] = ()
    """Oddities worth a person's eye: foreign addresses, ignored claims."""

    @property
    def refused(self) -> bool:
        """Whether the stream is not known because the login was refused, or is paused."""
        asked = (self.stream_uri, self.profiles)
        return any(isinstance(one, NotSeen) and one.reason is Reason.REFUSED for one in asked)


# ---- what pictures, movement and sound show ------------------------------------------------------


class Picture(Struct, frozen=True, kw_only=True):
    """One visit to the camera's picture. `source`: main, sub or snapshot. `width`, `height`: of the decoded frame, px.

    `metrics`: measured numbers by name; `faults`: what decide/rules_picture.py says they show, in this visit alone
    (before hysteresis), () until it was asked. `upscaled`: the detail says that the picture was enlarged: a warning,
    not a verdict.
    """

    source: str
    width: int
    height: int
    codec: str = ""
    metrics: dict[str, float] = {}
    faults: tuple[str, ...] = ()
    upscaled: bool = False
    finding: str = ""
    """What is to be set at the camera though a picture was had: see NotSeen."""


class Rotation(Struct, frozen=True, kw_only=True):
    """What a sweep showed. `span_deg`: pan span measured; None = endless (the start view recurred, one way).

    `closed`: the views at both end stops overlap, so that lens and head together see all around. `method`:
    recurrence, overlap, status (degrees from GetStatus) or matching. `error_deg`: how wrong the span may be.
    """

    span_deg: float | None
    closed: bool
    method: str
    error_deg: float = 0.0


class ZoomSeen(Struct, frozen=True, kw_only=True):
    """`scale`: how much larger the same things became; `detail_ratio`: fine detail that mere enlarging cannot give.

    Of the share of fine detail that the smaller picture had at its own finest; 0 = none.
    """

    scale: float
    detail_ratio: float


class FocusSeen(Struct, frozen=True, kw_only=True):
    """Sharpness at its lowest before moving, at its lowest after it, and after restoring; any one unit."""

    before: float
    moved: float
    restored: float


class Movement(Struct, frozen=True, kw_only=True):
    """What moving the camera showed, each part alone. `restored`: the view afterwards is the view before.

    `faults`: ptz faults (云台失控): "drifts" without a command, "ignores" a command, "runs_on" after Stop.
    """

    rotation: Seen[Rotation] | NotSeen = UNASKED
    zoom: Seen[ZoomSeen] | NotSeen = UNASKED
    focus: Seen[FocusSeen] | NotSeen = UNASKED
    restored: bool = True
    faults: tuple[str, ...] = ()


class Talk(Struct, frozen=True, kw_only=True):
    """The backchannel beyond its offer. `setup`: SETUP of the sendonly track succeeded (TEARDOWN followed).

    `heard`: correlation 0..1 of a chirp sent with what the camera's own microphone heard. `vendor`: a vendor's own
    talk path that answered ("isapi", "multitrans"), "" = none found.
    """

    setup: Seen[bool] | NotSeen = UNASKED
    heard: Seen[float] | NotSeen = UNASKED
    half_duplex: bool = False
    vendor: str = ""


class Evidence(Struct, frozen=True, kw_only=True):
    """All observations of one camera that a judgement rests on; serialisable as a fixture."""

    slot: str
    channel: str = ""
    """As Camera.channel: the video source or profile that this slot shows."""
    panoramic: bool = False
    """As Camera.panoramic."""
    look: Look | None = None
    capabilities: Capabilities = Capabilities()
    backchannel: Seen[Backchannel] | NotSeen = UNASKED
    picture: Seen[Picture] | NotSeen = UNASKED
    """The main stream's decoded frame."""
    movement: Movement = Movement()
    talk: Talk = Talk()
