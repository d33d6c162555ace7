"""Imaging service (ONVIF Imaging, ver20/imaging/wsdl): what the lens declares, and its focus motor."""

from collections.abc import Callable

from simulator.mount import ends
from simulator.persona import Focus
from simulator.services import parts
from simulator.services.device import the
from simulator.soap import Ask, Refused, el, leaf
from simulator.unit import Unit


def _known_source(unit: Unit, ask: Ask) -> None:
    if ask.values.get("VideoSourceToken") not in parts.sources(unit):
        raise Refused("Sender ter:InvalidArgVal ter:NoSource", "Video source token does not exist")


def get_move_options(unit: Unit, ask: Ask) -> str:
    """Empty where focus cannot be moved: "If focus move is not supported at all, the response shall be empty"."""
    _known_source(unit, ask)
    focus = the(unit).focus
    shown = []
    if focus and focus.absolute:
        shown.append(el("tt:Absolute", parts.span("tt:Position", focus.absolute)))
    if focus and focus.relative:
        shown.append(el("tt:Relative", parts.span("tt:Distance", focus.relative)))
    if focus and focus.continuous:
        shown.append(el("tt:Continuous", parts.span("tt:Speed", focus.continuous)))
    return el("timg:MoveOptions", *shown)


def get_settings(unit: Unit, ask: Ask) -> str:
    _known_source(unit, ask)
    mode = "AUTO" if unit.mount.autofocus else "MANUAL"
    focus = el("tt:Focus", leaf("tt:AutoFocusMode", mode)) if the(unit).focus else ""
    return el("timg:ImagingSettings", leaf("tt:Brightness", 50), leaf("tt:Contrast", 50), focus)


def set_settings(unit: Unit, ask: Ask) -> str:
    """Of all settings only the autofocus mode does anything."""
    _known_source(unit, ask)
    mode = ask.values.get("AutoFocusMode", "")
    if mode not in {"", "AUTO", "MANUAL"} or (mode and not the(unit).focus):
        raise Refused("Sender ter:InvalidArgVal ter:SettingsInvalid", "The requested settings are incorrect")
    if mode:
        unit.mount.set_autofocus(mode == "AUTO")
    return ""


def get_options(unit: Unit, ask: Ask) -> str:
    _known_source(unit, ask)
    ranges = parts.span("tt:Brightness", "0..100") + parts.span("tt:Contrast", "0..100")
    modes = el("tt:Focus", leaf("tt:AutoFocusModes", "AUTO"), leaf("tt:AutoFocusModes", "MANUAL"))
    return el("timg:ImagingOptions", ranges, modes if the(unit).focus else "")


def get_status(unit: Unit, ask: Ask) -> str:
    _known_source(unit, ask)
    focus, motor, now = the(unit).focus, unit.mount.focus, unit.clock()
    if not focus:
        return el("timg:Status")
    low, high = ends(focus.absolute or "0..1")
    at = leaf("tt:Position", round(low + motor.at(now) * (high - low), 5))
    status = leaf("tt:MoveStatus", "MOVING" if motor.moving(now) else "IDLE")
    return el("timg:Status", el("tt:FocusStatus20", at, status))


def move(unit: Unit, ask: Ask) -> str:
    """Focus.Absolute, Focus.Relative or Focus.Continuous, in the ranges of GetMoveOptions."""
    focus, mount = _motor(unit, ask), unit.mount
    if (position := ask.number("Focus/Absolute/Position")) is not None:
        low, high = _range(focus.absolute, position)
        mount.focus_to((position - low) / (high - low))
    elif (distance := ask.number("Focus/Relative/Distance")) is not None:
        _range(focus.relative, distance)
        mount.focus_to(mount.focus.at(unit.clock()) + distance)
    elif (speed := ask.number("Focus/Continuous/Speed")) is not None:
        low, high = _range(focus.continuous, speed)
        mount.focus_run(speed / max(abs(low), abs(high)))
    return ""


def stop(unit: Unit, ask: Ask) -> str:
    _motor(unit, ask)
    unit.mount.focus_stop()
    return ""


def _motor(unit: Unit, ask: Ask) -> Focus:
    _known_source(unit, ask)
    focus = the(unit).focus
    if focus is None:
        raise Refused("Receiver ter:ActionNotSupported ter:NoImagingForSource", "Focus cannot be moved")
    return focus


def _range(offered: str, value: float) -> tuple[float, float]:
    low, high = ends(offered) if offered else (1.0, 0.0)
    if not low <= value <= high:
        raise Refused("Sender ter:InvalidArgVal ter:SettingsInvalid", "The requested move is out of range")
    return low, high


OPERATIONS: dict[str, Callable[[Unit, Ask], str]] = {
    "GetMoveOptions": get_move_options,
    "GetImagingSettings": get_settings,
    "GetOptions": get_options,
    "GetStatus": get_status,
    "SetImagingSettings": set_settings,
    "Move": move,
    "Stop": stop,
}
