"""Pieces that several services show: configurations of sources, encoders, PTZ and audio in the schema's order."""

from simulator.persona import Profile, Space, ends_of, size_of
from simulator.services.device import the
from simulator.soap import Ask, Refused, el, leaf
from simulator.unit import Unit

_TPTZ = "http://www.onvif.org/ver10/tptz"
_GENERIC = {
    ("absolute", "pan_tilt"): f"{_TPTZ}/PanTiltSpaces/PositionGenericSpace",
    ("relative", "pan_tilt"): f"{_TPTZ}/PanTiltSpaces/TranslationGenericSpace",
    ("continuous", "pan_tilt"): f"{_TPTZ}/PanTiltSpaces/VelocityGenericSpace",
    ("absolute", "zoom"): f"{_TPTZ}/ZoomSpaces/PositionGenericSpace",
    ("relative", "zoom"): f"{_TPTZ}/ZoomSpaces/TranslationGenericSpace",
    ("continuous", "zoom"): f"{_TPTZ}/ZoomSpaces/VelocityGenericSpace",
}
_DEGREES = {
    "absolute": f"{_TPTZ}/PanTiltSpaces/SphericalPositionSpaceDegrees",
    "relative": f"{_TPTZ}/PanTiltSpaces/SphericalTranslationSpaceDegrees",
    "continuous": f"{_TPTZ}/PanTiltSpaces/VelocitySpaceDegrees",
}
PTZ_TOKEN, NODE_TOKEN = "PTZConfig_1", "PTZNode_1"
OUTPUT_TOKEN, DECODER_TOKEN = "AudioOutput_1", "AudioDecoder_1"


def uri_of(space: Space) -> str:
    if space.uri == "degrees":
        return _DEGREES[space.kind]
    return _GENERIC[space.kind, space.axis] if space.uri == "generic" else space.uri


def span(name: str, ends: str) -> str:
    low, high = ends_of(ends)
    return el(name, leaf("tt:Min", low), leaf("tt:Max", high))


def size(name: str, text: str) -> str:
    width, height = size_of(text)
    return el(name, leaf("tt:Width", width), leaf("tt:Height", height))


def asked_profile(unit: Unit, ask: Ask) -> Profile:
    """The profile the request names. Raises Refused when there is none of that token."""
    for profile in unit.profiles:
        if profile.token == ask.values.get("ProfileToken"):
            return profile
    raise Refused("Sender ter:InvalidArgVal ter:NoProfile", "Profile token does not exist")


def encoder_token(profile: Profile) -> str:
    return f"VideoEncoder_{profile.token}"


def sources(unit: Unit) -> dict[str, str]:
    """Video sources: token -> largest size any of its profiles can run."""
    found: dict[str, str] = {}
    for profile in unit.profiles:
        sizes = [profile.size, *profile.options, *filter(None, [found.get(profile.source)])]
        found[profile.source] = max(sizes, key=lambda s: size_of(s)[0] * size_of(s)[1])
    return found


def named(name: str, use: int = 1) -> str:
    return leaf("tt:Name", name) + leaf("tt:UseCount", use)


def multicast() -> str:
    address = el("tt:Address", leaf("tt:Type", "IPv4"), leaf("tt:IPv4Address", "0.0.0.0"))
    return el("tt:Multicast", address, leaf("tt:Port", 0), leaf("tt:TTL", 1), leaf("tt:AutoStart", False))


def source_configuration(name: str, unit: Unit, profile: Profile) -> str:
    width, height = size_of(sources(unit)[profile.source])
    bounds = el("tt:Bounds", x=0, y=0, width=width, height=height)
    return el(name, named("Source"), leaf("tt:SourceToken", profile.source), bounds, token=f"Config_{profile.source}")


def audio_source_configuration(name: str) -> str:
    return el(name, named("Microphone"), leaf("tt:SourceToken", "AudioSource_1"), token="AudioSourceConfig_1")


def output_configuration(name: str) -> str:
    parts = leaf("tt:OutputToken", OUTPUT_TOKEN), leaf("tt:OutputLevel", 50)
    return el(name, named("Speaker"), *parts, token="AudioOutputConfig_1")


def decoder_configuration(name: str) -> str:
    return el(name, named("Decoder"), token=DECODER_TOKEN)


def ptz_configuration(name: str, unit: Unit) -> str:
    ptz = the(unit).ptz
    assert ptz is not None  # noqa: S101 - callers ask only where there is one
    defaults = {
        ("absolute", "pan_tilt"): "tt:DefaultAbsolutePantTiltPositionSpace",
        ("absolute", "zoom"): "tt:DefaultAbsoluteZoomPositionSpace",
        ("relative", "pan_tilt"): "tt:DefaultRelativePanTiltTranslationSpace",
        ("relative", "zoom"): "tt:DefaultRelativeZoomTranslationSpace",
        ("continuous", "pan_tilt"): "tt:DefaultContinuousPanTiltVelocitySpace",
        ("continuous", "zoom"): "tt:DefaultContinuousZoomVelocitySpace",
    }
    shown = [named("PTZ"), leaf("tt:NodeToken", NODE_TOKEN)]
    for key, element in defaults.items():
        shown += [leaf(element, uri_of(s)) for s in ptz.spaces if (s.kind, s.axis) == key][:1]
    shown.append(leaf("tt:DefaultPTZTimeout", "PT10S"))
    shown += [el("tt:PanTiltLimits", space("tt:Range", s)) for s in ptz.limits if s.axis == "pan_tilt"]
    shown += [el("tt:ZoomLimits", space("tt:Range", s)) for s in ptz.limits if s.axis == "zoom"]
    return el(name, *shown, token=PTZ_TOKEN)


def space(name: str, given: Space) -> str:
    y = span("tt:YRange", given.y) if given.axis == "pan_tilt" else ""
    return el(name, leaf("tt:URI", uri_of(given)), span("tt:XRange", given.x), y)
