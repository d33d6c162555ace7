"""PTZ service (ONVIF PTZ, ver20/ptz/wsdl): what the head declares, and movement in the spaces it declares."""

import re
from collections.abc import Callable
from math import isinf

from simulator.head import Pose
from simulator.mount import ZOOM_SPEED, Mount, ends
from simulator.persona import Body, Persona, Ptz, Quirk, Space
from simulator.services import parts
from simulator.services.device import the
from simulator.soap import Ask, Refused, el, figure, leaf
from simulator.unit import Unit

_ELEMENTS = {  # in the order of tt:PTZSpaces
    ("absolute", "pan_tilt"): "tt:AbsolutePanTiltPositionSpace",
    ("absolute", "zoom"): "tt:AbsoluteZoomPositionSpace",
    ("relative", "pan_tilt"): "tt:RelativePanTiltTranslationSpace",
    ("relative", "zoom"): "tt:RelativeZoomTranslationSpace",
    ("continuous", "pan_tilt"): "tt:ContinuousPanTiltVelocitySpace",
    ("continuous", "zoom"): "tt:ContinuousZoomVelocitySpace",
}
_DURATION = re.compile(r"PT(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
DEFAULT_TIMEOUT_S = 10.0
MAX_PRESETS = 255


def _ptz(persona: Persona) -> Ptz:
    if persona.ptz is None:
        raise Refused("Receiver ter:ActionNotSupported ter:PTZNotSupported", "PTZ is not supported")
    return persona.ptz


def _spaces(name: str, ptz: Ptz) -> str:
    return el(
        name,
        *(parts.space(element, s) for key, element in _ELEMENTS.items() for s in ptz.spaces if (s.kind, s.axis) == key),
    )


def _node(name: str, unit: Unit) -> str:
    ptz = _ptz(the(unit))
    presets = leaf("tt:MaximumNumberOfPresets", MAX_PRESETS if ptz.spaces else 0)
    spaces = _spaces("tt:SupportedPTZSpaces", ptz)
    return el(name, leaf("tt:Name", "PTZ"), spaces, presets, leaf("tt:HomeSupported", False), token=parts.NODE_TOKEN)


def get_configurations(unit: Unit, _: Ask) -> str:
    _ptz(the(unit))
    return parts.ptz_configuration("tptz:PTZConfiguration", unit)


def get_options(unit: Unit, ask: Ask) -> str:
    ptz = _ptz(the(unit))
    if ask.values.get("ConfigurationToken") != parts.PTZ_TOKEN:
        raise Refused("Sender ter:InvalidArgVal ter:NoConfig", "Configuration token does not exist")
    timeout = el("tt:PTZTimeout", leaf("tt:Min", "PT1S"), leaf("tt:Max", "PT300S"))
    return el("tptz:PTZConfigurationOptions", _spaces("tt:Spaces", ptz), timeout)


# ---- spaces and degrees -------------------------------------------------------------------------


def _space(ptz: Ptz, kind: str, axis: str, uri: str = "") -> Space:
    """The space a figure is meant in: the one named, else the first of its kind. Raises Refused when there is none."""
    for space in ptz.spaces:
        if (space.kind, space.axis) == (kind, axis) and uri in {"", parts.uri_of(space)}:
            return space
    raise Refused("Sender ter:InvalidArgVal ter:SpaceNotSupported", f"No {kind} space for {axis}")


def _map(value: float, come: tuple[float, float], go: tuple[float, float]) -> float:
    """From one range to the other; an unbounded one holds degrees as they are."""
    if isinf(come[0]) or isinf(go[0]):
        return value
    return go[0] + (value - come[0]) * (go[1] - go[0]) / (come[1] - come[0]) if come[1] != come[0] else go[0]


def _ranges(space: Space, body: Body) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Per coordinate of a position space: its declared ends and the degrees (or the zoom's way) they stand for."""
    if space.axis == "zoom":
        return [(ends(space.x), (0.0, 1.0))]
    return [(ends(space.x), (-180.0, 180.0) if body.endless else ends(body.pan)), (ends(space.y), ends(body.tilt))]


def _positions(unit: Unit, pose: Pose) -> list[str]:
    """The pose in the first absolute space of each axis."""
    ptz, body, shown = _ptz(the(unit)), the(unit).body, []
    absolute = {s.axis: s for s in reversed(ptz.spaces) if s.kind == "absolute"}
    if turn := absolute.get("pan_tilt"):
        (x, pan), (y, tilt) = _ranges(turn, body)
        at = {"x": round(_map(pose.pan, pan, x), 5), "y": round(_map(pose.tilt, tilt, y), 5)}
        shown.append(el("tt:PanTilt", **at, space=parts.uri_of(turn)))
    if zoom := absolute.get("zoom"):
        ((x, way),) = _ranges(zoom, body)
        shown.append(el("tt:Zoom", x=round(_map(pose.zoom, way, x), 5), space=parts.uri_of(zoom)))
    return shown


def _asked_position(unit: Unit, ask: Ask) -> tuple[float | None, float | None, float | None]:
    """Pan and tilt in degrees, the zoom's way 0..1; None where not named."""
    found: list[float | None] = []
    for element, axis, names in (("PanTilt", "pan_tilt", "xy"), ("Zoom", "zoom", "x")):
        given = ask.vector(f"Position/{element}")
        if given is None:
            found += [None] * len(names)
            continue
        space = _space(_ptz(the(unit)), "absolute", axis, given.get("space", ""))
        for name, (come, go) in zip(names, _ranges(space, the(unit).body), strict=True):
            value = figure(given.get(name, ""))
            if not come[0] <= value <= come[1]:
                raise Refused("Sender ter:InvalidArgVal ter:InvalidPosition", "Requested position is out of bounds")
            found.append(_map(value, come, go))
    return found[0], found[1], found[2]


def _asked_way(unit: Unit, ask: Ask, parent: str, kind: str) -> tuple[float, float, float]:
    """Velocity or translation: in degrees (a second) and ways of the zoom (a second); 0 where not named."""
    body, ptz = the(unit).body, _ptz(the(unit))
    pan = tilt = zoom = 0.0
    if (turn := ask.vector(f"{parent}/PanTilt")) is not None:
        space = _space(ptz, kind, "pan_tilt", turn.get("space", ""))
        pan, tilt = _within(space.x, turn.get("x", "0")), _within(space.y, turn.get("y", "0"))
        if space.uri != "degrees":
            pan, tilt = (
                (pan * body.pan_speed, tilt * body.tilt_speed) if kind == "continuous" else _whole(body, pan, tilt)
            )
    if (zooms := ask.vector(f"{parent}/Zoom")) is not None:
        space = _space(ptz, kind, "zoom", zooms.get("space", ""))
        zoom = _within(space.x, zooms.get("x", "0")) * (ZOOM_SPEED if kind == "continuous" else 1.0)
    return pan, tilt, zoom


def _within(range_: str, text: str) -> float:
    value, (low, high) = figure(text), ends(range_)
    if not low <= value <= high:
        raise Refused("Sender ter:InvalidArgVal ter:InvalidVelocity", "Requested value is out of bounds")
    return value


def _whole(body: Body, pan: float, tilt: float) -> tuple[float, float]:
    """A translation of 2 in the generic space is the whole way."""
    (left, right), (low, high) = (-180.0, 180.0) if body.endless else ends(body.pan), ends(body.tilt)
    return pan * (right - left) / 2, tilt * abs(high - low) / 2


def _share(ask: Ask) -> float:
    """Asked speed as a share of the full one."""
    speed = ask.vector("Speed/PanTilt") or {}
    return min(max(abs(figure(speed.get("x", "1"))), 0.05), 1.0)


# ---- movement -----------------------------------------------------------------------------------


def _mount(unit: Unit, ask: Ask) -> Mount:
    _ptz(the(unit))
    if not parts.asked_profile(unit, ask).binds_ptz:
        raise Refused("Sender ter:InvalidArgVal ter:NoPTZProfile", "The profile holds no PTZ configuration")
    return unit.mount


def continuous_move(unit: Unit, ask: Ask) -> str:
    """Moves until Stop, another command or Timeout (the configuration's default where none is given)."""
    mount = _mount(unit, ask)
    mount.run(*_asked_way(unit, ask, "Velocity", "continuous"), _timeout_s(ask.values.get("Timeout", "")))
    return ""


def _timeout_s(text: str) -> float:
    if not text:
        return DEFAULT_TIMEOUT_S
    if not (found := _DURATION.fullmatch(text)) or text == "PT":
        raise Refused("Sender ter:InvalidArgVal ter:TimeoutNotSupported", "The timeout is no duration")
    return 60 * float(found[1] or 0) + float(found[2] or 0)


def stop(unit: Unit, ask: Ask) -> str:
    """Both axes unless one is named as false."""
    mount = _mount(unit, ask)
    turning, zooming = (ask.values.get(name, "true") in {"true", "1"} for name in ("PanTilt", "Zoom"))
    mount.stop(turning=turning, zooming=zooming)
    return ""


def absolute_move(unit: Unit, ask: Ask) -> str:
    mount = _mount(unit, ask)
    mount.go(*_asked_position(unit, ask), _share(ask))
    return ""


def relative_move(unit: Unit, ask: Ask) -> str:
    mount = _mount(unit, ask)
    mount.shift(*_asked_way(unit, ask, "Translation", "relative"), _share(ask))
    return ""


def get_status(unit: Unit, ask: Ask) -> str:
    mount, now = _mount(unit, ask), unit.clock()
    shown = [] if unit.has(Quirk.NO_POSITION) else _positions(unit, mount.claimed(now))
    position = el("tt:Position", *shown) if shown else ""
    turning = mount.pan.moving(now) or mount.tilt.moving(now)
    words = {True: "MOVING", False: "IDLE"}
    states = leaf("tt:PanTilt", words[turning]), leaf("tt:Zoom", words[mount.zoom.moving(now)])
    at = unit.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return el("tptz:PTZStatus", position, el("tt:MoveStatus", *states), leaf("tt:UtcTime", at))


# ---- presets ------------------------------------------------------------------------------------


def get_presets(unit: Unit, ask: Ask) -> str:
    mount = _mount(unit, ask)
    return "".join(
        el(
            "tptz:Preset",
            leaf("tt:Name", name),
            el("tt:PTZPosition", *_positions(unit, Pose(*place, 0.0))),
            token=token,
        )
        for token, (name, place) in mount.presets.items()
    )


def set_preset(unit: Unit, ask: Ask) -> str:
    """Keeps the present position, under the token given or a new one."""
    mount = _mount(unit, ask)
    token = ask.values.get("PresetToken", "")
    if token and token not in mount.presets:
        raise Refused("Sender ter:InvalidArgVal ter:NoToken", "The requested preset token does not exist")
    if len(mount.presets) >= MAX_PRESETS:
        raise Refused("Receiver ter:Action ter:TooManyPresets", "Maximum number of presets reached")
    token = token or next(f"{n}" for n in range(1, MAX_PRESETS + 2) if f"{n}" not in mount.presets)
    pose = mount.claimed(unit.clock())
    mount.presets[token] = ask.values.get("PresetName", f"Preset {token}"), (pose.pan, pose.tilt, pose.zoom)
    return leaf("tptz:PresetToken", token)


def goto_preset(unit: Unit, ask: Ask) -> str:
    mount, token = _mount(unit, ask), ask.values.get("PresetToken", "")
    mount.go(*_preset(mount, token)[1], _share(ask))
    return ""


def remove_preset(unit: Unit, ask: Ask) -> str:
    mount, token = _mount(unit, ask), ask.values.get("PresetToken", "")
    _preset(mount, token)
    del mount.presets[token]
    return ""


def _preset(mount: Mount, token: str) -> tuple[str, tuple[float, float, float]]:
    if token not in mount.presets:
        raise Refused("Sender ter:InvalidArgVal ter:NoToken", "The requested preset token does not exist")
    return mount.presets[token]


OPERATIONS: dict[str, Callable[[Unit, Ask], str]] = {
    "GetNodes": lambda unit, _: _node("tptz:PTZNode", unit),
    "GetNode": lambda unit, _: _node("tptz:PTZNode", unit),
    "GetConfigurations": get_configurations,
    "GetConfiguration": get_configurations,
    "GetConfigurationOptions": get_options,
    "GetStatus": get_status,
    "ContinuousMove": continuous_move,
    "Stop": stop,
    "AbsoluteMove": absolute_move,
    "RelativeMove": relative_move,
    "GetPresets": get_presets,
    "SetPreset": set_preset,
    "GotoPreset": goto_preset,
    "RemovePreset": remove_preset,
}
