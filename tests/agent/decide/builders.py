"""Short ways to write evidence down."""

from typing import Any

from agent.model import (
    UNASKED,
    AudioDecoder,
    Backchannel,
    Capabilities,
    ClockReading,
    EncoderOptions,
    Evidence,
    FocusMove,
    Look,
    NotSeen,
    Profile,
    PtzConfiguration,
    PtzNode,
    Resolution,
    Seen,
    Service,
    Space,
    Span,
    Stream,
)
from contract.messages import Verdict
from contract.policy import load_policy
from contract.vocabulary import Clause, Reason

POLICY = load_policy("henan-2021-45")
BASE = "http://www.onvif.org/ver10/tptz/"
GENERIC = BASE + "PanTiltSpaces/PositionGenericSpace"
DEGREES = BASE + "PanTiltSpaces/SphericalPositionSpaceDegrees"
VELOCITY = BASE + "PanTiltSpaces/VelocityGenericSpace"
ZOOM = BASE + "ZoomSpaces/PositionGenericSpace"


def seen(*items: Any) -> Seen[Any]:
    """A successful list."""
    return Seen(value=items)


def no(reason: Reason = Reason.UNSUPPORTED) -> NotSeen:
    return NotSeen(reason=reason)


def space(uri: str, low: float | None, high: float | None, kind: str = "absolute") -> Space:
    axis = "zoom" if "ZoomSpaces" in uri else "pan_tilt"
    return Space(kind=kind, axis=axis, uri=uri, x=Span(low=low, high=high))


PANS = space(VELOCITY, -1, 1, "continuous")
GENERIC_PAN = space(GENERIC, -1, 1)
FULL = space(DEGREES, -180, 180)
ZOOMS = space(ZOOM, 0, 1)


def node(*spaces: Space, token: str = "N") -> PtzNode:
    return PtzNode(token=token, spaces=spaces)


def configuration(
    spaces: tuple[Space, ...] | NotSeen = UNASKED, *, limits: tuple[Space, ...] = (), token: str = "P"
) -> PtzConfiguration:
    options = spaces if isinstance(spaces, NotSeen) else Seen(value=spaces)
    return PtzConfiguration(token=token, node="N", limits=limits, spaces=options)


def profile(size: str = "", **fields: Any) -> Profile:
    return Profile(**({"token": "main", "media": "media", "resolution": resolution(size)} | fields))


def resolution(size: str) -> Resolution | None:
    width, _, height = size.partition("x")
    return Resolution(width=int(width), height=int(height)) if size else None


def options(*sizes: str, token: str = "E") -> EncoderOptions:
    offered = tuple(r for size in sizes if (r := resolution(size)))
    return EncoderOptions(token=token, media="media", encoding="H264", resolutions=offered)


def services(*names: str, by: tuple[str, ...] = ("GetServices", "GetCapabilities")) -> Seen[Any]:
    return seen(*(Service(name=n, port=80, path="/", claimed_by=by) for n in ("device", *names)))


def focus(**spans: Span) -> Seen[FocusMove]:
    return Seen(value=FocusMove(source="S", **spans))


def backchannel(offered: bool, **fields: Any) -> Seen[Backchannel]:
    return Seen(value=Backchannel(offered=offered, **fields))


DECODER = AudioDecoder(token="D", encodings=("G711",))


def evidence(*, channel: str = "", panoramic: bool = False, talk: Any = None, **capabilities: Any) -> Evidence:
    """Evidence with these capabilities; all else unasked."""
    return Evidence(
        slot="kitchen-1",
        channel=channel,
        panoramic=panoramic,
        capabilities=Capabilities(**capabilities),
        backchannel=talk or no(Reason.UNASKED),
    )


def look(stream: Any = None, *, tcp: Any = (80, 554), clock: Any = Reason.TIMED_OUT, at: int = 0) -> Look:
    """A look: `stream` and `clock` are a Reason or None for seen, `tcp` the open ports or a Reason."""
    return Look(
        at=at,
        took_s=0.1,
        tcp=no(tcp) if isinstance(tcp, Reason) else Seen(value=tcp),
        clock=no(clock) if clock else Seen(value=ClockReading(skew_s=0.0)),
        stream=no(stream) if stream else Seen(value=Stream(path="/s", media=("video H264",), codec="H264")),
    )


def of(verdicts: tuple[Verdict, ...], clause: Clause) -> Verdict:
    return next(v for v in verdicts if v.clause is clause)
