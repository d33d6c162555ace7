"""Media service, version 2 (ONVIF Media2, ver20/media/wsdl), which can say H265."""

from collections.abc import Callable

from simulator.persona import Profile
from simulator.services import media, parts
from simulator.services.device import the
from simulator.soap import Ask, Refused, el, leaf
from simulator.unit import Unit


def _profile(unit: Unit, profile: Profile, types: set[str]) -> str:
    persona = the(unit)
    talks = bool(persona.audio.outputs) and profile.binds_talk
    offered = {
        "VideoSource": lambda name: parts.source_configuration(name, unit, profile),
        "AudioSource": parts.audio_source_configuration if persona.audio.sources else None,
        "VideoEncoder": lambda name: _encoder(name, profile),
        "PTZ": (lambda name: parts.ptz_configuration(name, unit)) if persona.ptz and profile.binds_ptz else None,
        "AudioOutput": parts.output_configuration if talks else None,
        "AudioDecoder": parts.decoder_configuration if talks else None,
    }
    shown = [build(f"tr2:{kind}") for kind, build in offered.items() if build and types & {"All", kind}]
    return el(
        "tr2:Profiles",
        leaf("tr2:Name", profile.name),
        el("tr2:Configurations", *shown) if shown else "",
        token=profile.token,
        fixed="true",
    )


def _encoder(name: str, profile: Profile) -> str:
    return el(
        name,
        parts.named(f"Encoder {profile.token}"),
        leaf("tt:Encoding", profile.codec),
        parts.size("tt:Resolution", profile.size),
        el(
            "tt:RateControl",
            leaf("tt:FrameRateLimit", profile.fps),
            leaf("tt:BitrateLimit", 2048),
            ConstantBitRate="false",
        ),
        parts.multicast(),
        leaf("tt:Quality", 4),
        token=parts.encoder_token(profile),
        GovLength=2 * profile.fps,
        Profile="Main",
    )


def get_profiles(unit: Unit, ask: Ask) -> str:
    types, token = set(ask.texts), ask.values.get("Token")
    found = [profile for profile in unit.profiles if token in {None, profile.token}]
    if not found:
        raise Refused("Sender ter:InvalidArgVal ter:NoProfile", "Profile token does not exist")
    return "".join(_profile(unit, profile, types) for profile in found)


def get_encoders(unit: Unit, ask: Ask) -> str:
    return "".join(_encoder("tr2:Configurations", profile) for profile in _asked(unit, ask))


def _asked(unit: Unit, ask: Ask) -> list[Profile]:
    token, profile = ask.values.get("ConfigurationToken"), ask.values.get("ProfileToken")
    return [p for p in unit.profiles if token in {None, parts.encoder_token(p)} and profile in {None, p.token}]


def get_encoder_options(unit: Unit, ask: Ask) -> str:
    by_codec: dict[str, dict[str, None]] = {}
    for profile in _asked(unit, ask):
        by_codec.setdefault(profile.codec, {}).update(dict.fromkeys(profile.options or (profile.size,)))
    return "".join(
        el(
            "tr2:Options",
            leaf("tt:Encoding", codec),
            parts.span("tt:QualityRange", "0..6"),
            *(parts.size("tt:ResolutionsAvailable", size) for size in sizes),
            parts.span("tt:BitrateRange", "32..8192"),
            GovLengthRange="1 150",
            FrameRatesSupported="25 20 15 10 5 1",
            ProfilesSupported="Main",
        )
        for codec, sizes in by_codec.items()
    )


def get_output_configurations(unit: Unit, _: Ask) -> str:
    return parts.output_configuration("tr2:Configurations") if the(unit).audio.outputs else ""


def get_decoder_configurations(unit: Unit, _: Ask) -> str:
    return parts.decoder_configuration("tr2:Configurations") if the(unit).audio.decoders else ""


def get_decoder_options(unit: Unit, _: Ask) -> str:
    # Media2 names codecs by their IANA subtypes (RFC 3551).
    names = {"AAC": "MP4A-LATM", "G711": "PCMU", "G726": "G726"}
    return "".join(
        el(
            "tr2:Options",
            leaf("tt:Encoding", names.get(decoder, decoder)),
            el("tt:BitrateList", leaf("tt:Items", 64)),
            el("tt:SampleRateList", leaf("tt:Items", 8)),
        )
        for decoder in the(unit).audio.decoders
    )


def get_audio_source_configurations(unit: Unit, _: Ask) -> str:
    return parts.audio_source_configuration("tr2:Configurations") if the(unit).audio.sources else ""


OPERATIONS: dict[str, Callable[[Unit, Ask], str]] = {
    "GetProfiles": get_profiles,
    "GetVideoEncoderConfigurations": get_encoders,
    "GetVideoEncoderConfigurationOptions": get_encoder_options,
    "GetAudioSourceConfigurations": get_audio_source_configurations,
    "GetAudioOutputConfigurations": get_output_configurations,
    "GetAudioDecoderConfigurations": get_decoder_configurations,
    "GetAudioDecoderConfigurationOptions": get_decoder_options,
    "GetStreamUri": lambda unit, ask: leaf("tr2:Uri", media.stream_uri(unit, ask)),
    "GetSnapshotUri": lambda unit, ask: leaf("tr2:Uri", media.snapshot_uri(unit, ask)),
}
