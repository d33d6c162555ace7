"""The common set of calls: what our complete probe asks a Profile S camera, as a generator that any peer can drive.

Yields (service, operation, arguments), takes zeep's reply. Standard library alone, for it also runs in
the virtual environments of the peers.
"""

from collections.abc import Generator
from typing import Any

Call = tuple[str, str, dict[str, Any]]
_STREAM = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}


def calls() -> Generator[Call, Any, None]:
    """20 calls, 18 operations, in the order in which an answer helps the next."""
    yield "device", "GetSystemDateAndTime", {}
    yield "device", "GetServices", {"IncludeCapability": False}
    yield "device", "GetCapabilities", {"Category": "All"}
    yield "device", "GetDeviceInformation", {}
    yield "device", "GetNetworkInterfaces", {}
    profiles = yield "media", "GetProfiles", {}
    sources = yield "media", "GetVideoSources", {}
    for profile in profiles:
        token = profile.VideoEncoderConfiguration.token
        yield "media", "GetVideoEncoderConfigurationOptions", {"ConfigurationToken": token}
    yield "ptz", "GetNodes", {}
    for configuration in (yield "ptz", "GetConfigurations", {}):
        yield "ptz", "GetConfigurationOptions", {"ConfigurationToken": configuration.token}
    yield "ptz", "GetStatus", {"ProfileToken": profiles[0].token}
    yield "imaging", "GetMoveOptions", {"VideoSourceToken": sources[0].token}
    yield "media", "GetAudioSources", {}
    yield "media", "GetAudioOutputs", {}
    decoders = yield "media", "GetAudioDecoderConfigurations", {}
    yield "media", "GetAudioDecoderConfigurationOptions", {"ConfigurationToken": decoders[0].token}
    for profile in profiles:
        yield "media", "GetStreamUri", {"StreamSetup": _STREAM, "ProfileToken": profile.token}
