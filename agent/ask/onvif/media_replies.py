"""Child only: what the answers of device and media services say, each reader a pure function from reply to values.

A reply that is complete and empty gives an empty tuple; one that lacks what it must hold raises Trouble(MALFORMED). All
lists are capped, all text is tidied.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from agent.ask.attempt import Trouble
from agent.ask.onvif.envelope import Node, attribute, elements, kid, kids, local, text
from agent.model import AudioDecoder, Device, EncoderOptions, Profile, Resolution, VideoSource
from contract.text import tidy
from contract.vocabulary import Reason

MAX_LIST = 512
"""Entries read of any list: 64 channels of four profiles in two media services are 256."""
MAX_RESOLUTIONS = 128
MAX_SIDE_PX = 65_535
_MAC = re.compile(r"[0-9a-f]{12}")


def listed(node: Node, name: str) -> Iterator[Node]:
    return islice(kids(node, name), MAX_LIST)


# ---- device -------------------------------------------------------------------------------------


class Claim(NamedTuple):
    """One service a device lists: our name for it and the XAddr as written."""

    name: str
    xaddr: str


_NAMES = {
    "http://www.onvif.org/ver10/device/wsdl": "device",
    "http://www.onvif.org/ver10/media/wsdl": "media",
    "http://www.onvif.org/ver20/media/wsdl": "media2",
    "http://www.onvif.org/ver20/ptz/wsdl": "ptz",
    "http://www.onvif.org/ver20/imaging/wsdl": "imaging",
    "http://www.onvif.org/ver10/deviceIO/wsdl": "deviceio",
    "http://www.onvif.org/ver10/events/wsdl": "events",
    "http://www.onvif.org/ver20/analytics/wsdl": "analytics",
    "http://www.onvif.org/ver10/recording/wsdl": "recording",
    "http://www.onvif.org/ver10/search/wsdl": "search",
    "http://www.onvif.org/ver10/replay/wsdl": "replay",
    "http://www.onvif.org/ver10/receiver/wsdl": "receiver",
}
_KNOWN = frozenset(_NAMES.values())


def services(reply: Node) -> tuple[Claim, ...]:
    """GetServices: the ONVIF services among those listed."""
    read = ((text(node, "Namespace").rstrip("/"), text(node, "XAddr")) for node in listed(reply, "Service"))
    named = ((_NAMES.get(namespace), xaddr) for namespace, xaddr in read)
    return tuple(Claim(name, xaddr) for name, xaddr in named if name)


def capabilities(reply: Node) -> tuple[Claim, ...]:
    """GetCapabilities: every category that names an XAddr, DeviceIO in its Extension included."""
    listing = kid(reply, "Capabilities")
    if listing is None:
        raise Trouble(Reason.MALFORMED, "no Capabilities in the answer")
    categories = [*elements(listing), *(inner for outer in kids(listing, "Extension") for inner in elements(outer))]
    claims = (Claim(local(node).lower(), text(node, "XAddr")) for node in categories if kid(node, "XAddr") is not None)
    return tuple(islice((claim for claim in claims if claim.name in _KNOWN), MAX_LIST))


def device(reply: Node) -> Device:
    """GetDeviceInformation. HardwareId is met in several spellings."""
    hardware = next((node.text or "" for node in elements(reply) if local(node).lower().startswith("hardware")), "")
    return Device(
        manufacturer=text(reply, "Manufacturer"),
        model=text(reply, "Model"),
        firmware=text(reply, "FirmwareVersion"),
        serial=text(reply, "SerialNumber"),
        hardware=tidy(hardware),
    )


def mac(reply: Node) -> str:
    """GetNetworkInterfaces: the first MAC address, lower case with colons; "" when none is readable."""
    for interface in listed(reply, "NetworkInterfaces"):
        digits = re.sub(r"[:.\s-]", "", text(interface, "Info", "HwAddress").lower())
        if _MAC.fullmatch(digits) and digits.strip("0"):
            return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
    return ""


# ---- media --------------------------------------------------------------------------------------


def sources(reply: Node) -> tuple[VideoSource, ...]:
    """GetVideoSources."""
    return tuple(
        VideoSource(token=attribute(node, "token"), resolution=_resolution(kid(node, "Resolution")))
        for node in listed(reply, "VideoSources")
    )


def profiles(reply: Node) -> tuple[Profile, ...]:
    """GetProfiles of the first media service, which binds audio output and decoder in an Extension."""
    return tuple(
        _profile("media", node, node, "Video{}Configuration", "Audio{}Configuration", "PTZConfiguration")
        for node in listed(reply, "Profiles")
    )


def profiles2(reply: Node) -> tuple[Profile, ...]:
    """GetProfiles of Media2, whose profiles hold their Configurations apart."""
    bound = ((node, kid(node, "Configurations")) for node in listed(reply, "Profiles"))
    return tuple(
        _profile("media2", node, node if held is None else held, "Video{}", "Audio{}", "PTZ") for node, held in bound
    )


def _profile(media: str, node: Node, held: Node, video: str, audio: str, ptz: str) -> Profile:
    encoder = kid(held, video.format("Encoder"))
    return Profile(
        token=attribute(node, "token"),
        media=media,
        name=text(node, "Name"),
        source=text(held, video.format("Source"), "SourceToken"),
        encoder=_token(encoder),
        encoding=text(encoder, "Encoding").upper() if encoder is not None else "",
        resolution=_resolution(kid(encoder, "Resolution")) if encoder is not None else None,
        ptz=_token(kid(held, ptz)),
        audio_output=_token(kid(held, audio.format("Output"))),
        audio_decoder=_token(kid(held, audio.format("Decoder"))),
    )


def encoder_options(reply: Node, token: str) -> tuple[EncoderOptions, ...]:
    """GetVideoEncoderConfigurationOptions: one entry per encoding; the Extension repeats and extends them."""
    offered: dict[str, dict[Resolution, None]] = {}
    for options in listed(reply, "Options"):
        for encoding in ("JPEG", "MPEG4", "H264", "H265"):
            for node in kids(options, encoding):
                offered.setdefault(encoding, {}).update(dict.fromkeys(_resolutions(node)))
    return _options(offered, token, "media")


def encoder_options2(reply: Node, token: str) -> tuple[EncoderOptions, ...]:
    """GetVideoEncoderConfigurationOptions of Media2: one Options element per encoding."""
    offered: dict[str, dict[Resolution, None]] = {}
    for options in listed(reply, "Options"):
        offered.setdefault(text(options, "Encoding").upper(), {}).update(dict.fromkeys(_resolutions(options)))
    return _options(offered, token, "media2")


def _options(offered: dict[str, dict[Resolution, None]], token: str, media: str) -> tuple[EncoderOptions, ...]:
    return tuple(
        EncoderOptions(token=token, media=media, encoding=encoding, resolutions=tuple(found))
        for encoding, found in offered.items()
    )


def stream_uri(reply: Node) -> str:
    """GetStreamUri of either media service. Raises Trouble(MALFORMED) when the reply holds no Uri, or half of one."""
    node = kid(reply, "MediaUri", "Uri")
    node = kid(reply, "Uri") if node is None else node
    uri = text(node) if node is not None else ""
    if node is None or not uri:
        raise Trouble(Reason.MALFORMED, "no Uri in the answer")
    if next(elements(node), None) is not None:
        raise Trouble(Reason.MALFORMED, "the Uri in the answer is broken off by a tag")
    return uri


def _resolutions(node: Node) -> Iterator[Resolution]:
    read = (_resolution(found) for found in islice(kids(node, "ResolutionsAvailable"), MAX_RESOLUTIONS))
    return (resolution for resolution in read if resolution)


def _resolution(node: Node | None) -> Resolution | None:
    if node is None:
        return None
    width, height = (_pixels(text(node, side)) for side in ("Width", "Height"))
    return Resolution(width=width, height=height) if width and height else None


def _pixels(digits: str) -> int:
    """A side in pixels, 0 when it is none a picture can have."""
    return int(digits) if re.fullmatch(r"[0-9]{1,5}", digits) and int(digits) <= MAX_SIDE_PX else 0


def _token(node: Node | None) -> str:
    return attribute(node, "token") if node is not None else ""


# ---- audio --------------------------------------------------------------------------------------


def audio_sources(reply: Node) -> tuple[str, ...]:
    """GetAudioSources: their tokens."""
    return _tokens(reply, "AudioSources")


def audio_outputs(reply: Node) -> tuple[str, ...]:
    """GetAudioOutputs of media: their tokens."""
    return _tokens(reply, "AudioOutputs")


def device_outputs(reply: Node) -> tuple[str, ...]:
    """GetAudioOutputs of DeviceIO, where a token is an element's text."""
    return tuple(tidy(node.text or "") or attribute(node, "token") for node in _either(reply, "Token", "AudioOutputs"))


def output_configurations(reply: Node) -> tuple[str, ...]:
    """GetAudioOutputConfigurations of Media2: the output tokens they use."""
    return tuple(text(node, "OutputToken") or attribute(node, "token") for node in listed(reply, "Configurations"))


def decoders(reply: Node) -> tuple[AudioDecoder, ...]:
    """GetAudioDecoderConfigurations of either media service."""
    return tuple(AudioDecoder(token=token) for token in _tokens(reply, "Configurations"))


def decodings(reply: Node) -> tuple[str, ...]:
    """GetAudioDecoderConfigurationOptions of the first media service: AAC, G711, G726 where it has options for them."""
    options = kid(reply, "Options")
    if options is None:
        return ()
    return tuple(name for name in ("AAC", "G711", "G726") if kid(options, f"{name}DecOptions") is not None)


def decodings2(reply: Node) -> tuple[str, ...]:
    """GetAudioDecoderConfigurationOptions of Media2: names as in MIME (PCMU, G726, MP4A-LATM)."""
    named = (text(options, "Encoding").upper() for options in listed(reply, "Options"))
    return tuple(dict.fromkeys(name for name in named if name))


def _tokens(reply: Node, name: str) -> tuple[str, ...]:
    return tuple(attribute(node, "token") for node in listed(reply, name))


def _either(reply: Node, *names: str) -> Iterator[Node]:
    return (node for name in names for node in listed(reply, name))
