"""Child only: what the PTZ and imaging services answered, each reader a pure function from reply to values."""

import re
from itertools import islice

from agent.ask.attempt import Trouble
from agent.ask.onvif.envelope import Node, attribute, elements, kid, kids, local, text
from agent.ask.onvif.media_replies import MAX_LIST, listed
from agent.model import FocusMove, PtzConfiguration, PtzNode, PtzStatus, Space, Span
from contract.vocabulary import Reason

_NUMBER = re.compile(r"[+-]?(?:\d{1,20}\.?\d{0,20}|\.\d{1,20})(?:[eE][+-]?\d{1,2})?")
_UNBOUNDED = {"low": frozenset({"-inf", "-infinity"}), "high": frozenset({"inf", "+inf", "infinity"})}

_SPACES = {
    "AbsolutePanTiltPositionSpace": ("absolute", "pan_tilt"),
    "AbsoluteZoomPositionSpace": ("absolute", "zoom"),
    "RelativePanTiltTranslationSpace": ("relative", "pan_tilt"),
    "RelativeZoomTranslationSpace": ("relative", "zoom"),
    "ContinuousPanTiltVelocitySpace": ("continuous", "pan_tilt"),
    "ContinuousZoomVelocitySpace": ("continuous", "zoom"),
}
"""Elements of tt:PTZSpaces (onvif.xsd). Speed spaces say nothing about movement and are left out."""


def number(written: str) -> float | None:
    """An xs:float, exponents included; None when it is none, or not finite."""
    return float(written) if _NUMBER.fullmatch(written) else None


def span(node: Node | None) -> Span | None:
    """A FloatRange with Min and Max; INF on its own side means unbounded.

    None when either end is missing or unreadable: a bound that was not read must not pass for one that is not there.
    """
    if node is None:
        return None
    ends: dict[str, float | None] = {}
    for side, name in (("low", "Min"), ("high", "Max")):
        written = text(node, name)
        ends[side] = number(written)
        if ends[side] is None and written.lower() not in _UNBOUNDED[side]:
            return None
    return Span(low=ends["low"], high=ends["high"])


# ---- PTZ ----------------------------------------------------------------------------------------


def nodes(reply: Node) -> tuple[PtzNode, ...]:
    """GetNodes."""
    return tuple(
        PtzNode(token=attribute(node, "token"), spaces=_spaces(kid(node, "SupportedPTZSpaces")))
        for node in listed(reply, "PTZNode")
    )


def configurations(reply: Node) -> tuple[PtzConfiguration, ...]:
    """GetConfigurations: node and limits of each; what it could be set to is a question of its own."""
    return tuple(
        PtzConfiguration(token=attribute(node, "token"), node=text(node, "NodeToken"), limits=_limits(node))
        for node in listed(reply, "PTZConfiguration")
    )


def configuration_options(reply: Node) -> tuple[Space, ...]:
    """GetConfigurationOptions: the spaces offered."""
    options = kid(reply, "PTZConfigurationOptions")
    if options is None:
        raise Trouble(Reason.MALFORMED, "no PTZConfigurationOptions in the answer")
    return _spaces(kid(options, "Spaces"))


def status(reply: Node, profile: str) -> PtzStatus:
    """GetStatus; what it does not hold is None (many cameras send no Position)."""
    found = kid(reply, "PTZStatus")
    if found is None:
        raise Trouble(Reason.MALFORMED, "no PTZStatus in the answer")
    pan_tilt, zoom = kid(found, "Position", "PanTilt"), kid(found, "Position", "Zoom")
    return PtzStatus(
        profile=profile,
        pan=number(attribute(pan_tilt, "x")) if pan_tilt is not None else None,
        tilt=number(attribute(pan_tilt, "y")) if pan_tilt is not None else None,
        zoom=number(attribute(zoom, "x")) if zoom is not None else None,
        space=attribute(pan_tilt, "space") if pan_tilt is not None else "",
    )


def presets(reply: Node) -> tuple[tuple[str, str], ...]:
    """GetPresets: token and name of each."""
    return tuple((attribute(node, "token"), text(node, "Name")) for node in listed(reply, "Preset"))


def _spaces(held: Node | None) -> tuple[Space, ...]:
    """The spaces with a readable range."""
    if held is None:
        return ()
    read = (_space(node, *_SPACES[local(node)]) for node in elements(held) if local(node) in _SPACES)
    return tuple(islice((space for space in read if space), MAX_LIST))


def _space(node: Node, kind: str, axis: str) -> Space | None:
    x = span(kid(node, "XRange"))
    return Space(kind=kind, axis=axis, uri=text(node, "URI"), x=x, y=span(kid(node, "YRange"))) if x else None


def _limits(node: Node) -> tuple[Space, ...]:
    read = (
        _space(held, "limits", axis)
        for name, axis in (("PanTiltLimits", "pan_tilt"), ("ZoomLimits", "zoom"))
        for limits in kids(node, name)
        for held in kids(limits, "Range")
    )
    return tuple(space for space in read if space)


# ---- imaging ------------------------------------------------------------------------------------


def focus_move(reply: Node, source: str) -> FocusMove:
    """GetMoveOptions: "If focus move is not supported at all, the response shall be empty" (ONVIF Imaging, 5.1.8)."""
    options = kid(reply, "MoveOptions")
    if options is None:
        return FocusMove(source=source)
    return FocusMove(
        source=source,
        absolute=span(kid(options, "Absolute", "Position")),
        relative=span(kid(options, "Relative", "Distance")),
        continuous=span(kid(options, "Continuous", "Speed")),
    )


def autofocus(reply: Node) -> str:
    """GetImagingSettings: AUTO or MANUAL, "" where there is no such setting."""
    mode = text(reply, "ImagingSettings", "Focus", "AutoFocusMode").upper()
    return mode if mode in ("AUTO", "MANUAL") else ""


def focus_position(reply: Node) -> float | None:
    """Imaging GetStatus: the position of the focus motor (FocusStatus20)."""
    return number(text(reply, "Status", "FocusStatus20", "Position"))
