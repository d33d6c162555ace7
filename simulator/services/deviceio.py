"""Device IO service (ver10/deviceIO/wsdl). Its audio questions are asked in the media namespace (deviceio.wsdl)."""

from collections.abc import Callable

from simulator.services import media
from simulator.services.device import the
from simulator.soap import Ask, el, leaf
from simulator.unit import Unit


def get_audio_outputs(unit: Unit, _: Ask) -> str:
    """The form of later revisions: tokens in the service's own namespace."""
    return "".join(leaf("tmd:Token", f"AudioOutput_{i + 1}") for i in range(the(unit).audio.outputs))


def get_audio_sources(unit: Unit, _: Ask) -> str:
    return "".join(leaf("tmd:Token", f"AudioSource_{i + 1}") for i in range(the(unit).audio.sources))


def get_service_capabilities(unit: Unit, _: Ask) -> str:
    audio = the(unit).audio
    return el("tmd:Capabilities", AudioSources=audio.sources, AudioOutputs=audio.outputs, VideoSources=1)


OPERATIONS: dict[str, Callable[[Unit, Ask], str]] = {
    "GetAudioOutputs": get_audio_outputs,
    "GetAudioSources": get_audio_sources,
    "GetServiceCapabilities": get_service_capabilities,
}
IN_MEDIA_NAMESPACE: dict[str, Callable[[Unit, Ask], str]] = {
    "GetAudioOutputs": media.get_audio_outputs,
    "GetAudioSources": media.get_audio_sources,
}
