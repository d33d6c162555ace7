"""Media service, version 1 (ONVIF Media, ver10/media/wsdl). It cannot say H.265: such a profile is shown as H264."""

from collections.abc import Callable

from simulator.persona import Profile
from simulator.services import parts
from simulator.services.device import the
from simulator.soap import Ask, Refused, el, leaf
from simulator.unit import Unit


def _profile(name: str, unit: Unit, profile: Profile) -> str:
    persona = the(unit)
    shown = [leaf("tt:Name", profile.name), parts.source_configuration("tt:VideoSourceConfiguration", unit, profile)]
    if persona.audio.sources:
        shown.append(parts.audio_source_configuration("tt:AudioSourceConfiguration"))
    shown.append(_encoder("tt:VideoEncoderConfiguration", profile))
    if persona.audio.sources:
        shown.append(_audio_encoder("tt:AudioEncoderConfiguration"))
    if persona.ptz and profile.binds_ptz:
        shown.append(parts.ptz_configuration("tt:PTZConfiguration", unit))
    if persona.audio.outputs and profile.binds_talk:
        output = parts.output_configuration("tt:AudioOutputConfiguration")
        shown.append(el("tt:Extension", output, parts.decoder_configuration("tt:AudioDecoderConfiguration")))
    return el(name, *shown, token=profile.token, fixed="true")


def _encoder(name: str, profile: Profile) -> str:
    rate = el(
        "tt:RateControl",
        leaf("tt:FrameRateLimit", profile.fps),
        leaf("tt:EncodingInterval", 1),
        leaf("tt:BitrateLimit", 2048),
    )
    return el(
        name,
        parts.named(f"Encoder {profile.token}"),
        leaf("tt:Encoding", "H264"),
        parts.size("tt:Resolution", profile.size),
        leaf("tt:Quality", 4),
        rate,
        el("tt:H264", leaf("tt:GovLength", 2 * profile.fps), leaf("tt:H264Profile", "Main")),
        parts.multicast(),
        leaf("tt:SessionTimeout", "PT60S"),
        token=parts.encoder_token(profile),
    )


def _audio_encoder(name: str) -> str:
    facts = leaf("tt:Encoding", "G711") + leaf("tt:Bitrate", 64) + leaf("tt:SampleRate", 8)
    ending = parts.multicast(), leaf("tt:SessionTimeout", "PT60S")
    return el(name, parts.named("G711"), facts, *ending, token="AudioEncoder_1")


def get_profiles(unit: Unit, _: Ask) -> str:
    return "".join(_profile("trt:Profiles", unit, profile) for profile in unit.profiles)


def get_profile(unit: Unit, ask: Ask) -> str:
    return _profile("trt:Profile", unit, parts.asked_profile(unit, ask))


def get_sources(unit: Unit, _: Ask) -> str:
    fps = max(profile.fps for profile in unit.profiles)
    return "".join(
        el("trt:VideoSources", leaf("tt:Framerate", fps), parts.size("tt:Resolution", size), token=token)
        for token, size in parts.sources(unit).items()
    )


def get_source_configurations(unit: Unit, _: Ask) -> str:
    first = {profile.source: profile for profile in reversed(unit.profiles)}
    return "".join(parts.source_configuration("trt:Configurations", unit, p) for p in first.values())


def get_encoders(unit: Unit, _: Ask) -> str:
    return "".join(_encoder("trt:Configurations", profile) for profile in unit.profiles)


def _asked_encoders(unit: Unit, ask: Ask) -> list[Profile]:
    token, profile = ask.values.get("ConfigurationToken"), ask.values.get("ProfileToken")
    found = [p for p in unit.profiles if token in {None, parts.encoder_token(p)} and profile in {None, p.token}]
    if not found:
        raise Refused("Sender ter:InvalidArgVal ter:NoConfig", "Configuration token does not exist")
    return found


def get_encoder(unit: Unit, ask: Ask) -> str:
    return _encoder("trt:Configuration", _asked_encoders(unit, ask)[0])


def get_encoder_options(unit: Unit, ask: Ask) -> str:
    asked = _asked_encoders(unit, ask)
    sizes = dict.fromkeys(size for profile in asked for size in (profile.options or (profile.size,)))
    h264 = el(
        "tt:H264",
        *(parts.size("tt:ResolutionsAvailable", size) for size in sizes),
        parts.span("tt:GovLengthRange", "1..150"),
        parts.span("tt:FrameRateRange", "1..25"),
        parts.span("tt:EncodingIntervalRange", "1..1"),
        leaf("tt:H264ProfilesSupported", "Main"),
    )
    return el("trt:Options", parts.span("tt:QualityRange", "0..6"), h264)


def get_audio_sources(unit: Unit, _: Ask) -> str:
    count = the(unit).audio.sources
    return "".join(el("trt:AudioSources", leaf("tt:Channels", 1), token=f"AudioSource_{i + 1}") for i in range(count))


def get_audio_outputs(unit: Unit, _: Ask) -> str:
    return "".join(el("trt:AudioOutputs", token=f"AudioOutput_{i + 1}") for i in range(the(unit).audio.outputs))


def get_output_configurations(unit: Unit, _: Ask) -> str:
    return parts.output_configuration("trt:Configurations") if the(unit).audio.outputs else ""


def get_decoder_configurations(unit: Unit, _: Ask) -> str:
    return parts.decoder_configuration("trt:Configurations") if the(unit).audio.decoders else ""


def get_decoder_options(unit: Unit, _: Ask) -> str:
    shapes = {"AAC": "tt:AACDecOptions", "G711": "tt:G711DecOptions", "G726": "tt:G726DecOptions"}
    rates = el("tt:Bitrate", leaf("tt:Items", 64)) + el("tt:SampleRateRange", leaf("tt:Items", 8))
    decoders = the(unit).audio.decoders
    return el("trt:Options", *(el(shape, rates) for name, shape in shapes.items() if name in decoders))


def _media_uri(uri: str) -> str:
    ending = leaf("tt:InvalidAfterReboot", False) + leaf("tt:Timeout", "PT0S")
    return el("trt:MediaUri", leaf("tt:Uri", uri), leaf("tt:InvalidAfterConnect", False), ending)


def get_stream_uri(unit: Unit, ask: Ask) -> str:
    return _media_uri(stream_uri(unit, ask))


def get_snapshot_uri(unit: Unit, ask: Ask) -> str:
    return _media_uri(snapshot_uri(unit, ask))


def stream_uri(unit: Unit, ask: Ask) -> str:
    host = unit.named_host(the(unit).xaddr_host)
    return f"rtsp://{host}:{unit.rtsp_port}{parts.asked_profile(unit, ask).path}"


def snapshot_uri(unit: Unit, ask: Ask) -> str:
    host = unit.named_host(the(unit).xaddr_host)
    return f"http://{host}:{unit.onvif_port}/onvif/snapshot?profile={parts.asked_profile(unit, ask).token}"


OPERATIONS: dict[str, Callable[[Unit, Ask], str]] = {
    "GetProfiles": get_profiles,
    "GetProfile": get_profile,
    "GetVideoSources": get_sources,
    "GetVideoSourceConfigurations": get_source_configurations,
    "GetVideoEncoderConfigurations": get_encoders,
    "GetVideoEncoderConfiguration": get_encoder,
    "GetVideoEncoderConfigurationOptions": get_encoder_options,
    "GetAudioSources": get_audio_sources,
    "GetAudioOutputs": get_audio_outputs,
    "GetAudioOutputConfigurations": get_output_configurations,
    "GetAudioDecoderConfigurations": get_decoder_configurations,
    "GetAudioDecoderConfigurationOptions": get_decoder_options,
    "GetStreamUri": get_stream_uri,
    "GetSnapshotUri": get_snapshot_uri,
}
