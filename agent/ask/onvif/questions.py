"""Child only: the ONVIF capability questions themselves, one function per thing to be known."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from msgspec import structs

from agent.ask.onvif import endpoints, media_replies, ptz_replies
from agent.ask.onvif.client import LARGE, Question
from agent.ask.onvif.envelope import Node
from agent.ask.onvif.interview import Interview, merged
from agent.model import (
    UNASKED,
    AudioDecoder,
    Capabilities,
    Device,
    EncoderOptions,
    FocusMove,
    NotSeen,
    Profile,
    PtzConfiguration,
    PtzStatus,
    Seen,
    StreamUri,
    VideoSource,
    by_size,
    main_profile,
    own_profiles,
    values,
)

T = TypeVar("T")
MAX_EACH = 8
"""Configurations, sources and the like that are asked one by one."""
SUB_WIDTH_PX = 320
"""A smaller stream is of no use for judging a picture."""
FULL_WIDTH_PX = 1920
"""A stream below this is a smaller one, where the main one does not say how large it is."""
_RTP_OVER_RTSP = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}


def ask_all(interview: Interview) -> Capabilities:
    """Every question, in the order in which an answer helps the next question."""
    interview.clock()
    services = interview.services()
    device = _device(interview)
    profiles = _profiles(interview)
    sources = interview.see(Question("media", "GetVideoSources", cap=LARGE), media_replies.sources)
    own = own_profiles(values(profiles), interview.camera.channel)
    return Capabilities(
        device=device,
        services=services,
        sources=sources,
        profiles=profiles,
        encoder_options=_encoder_options(interview, own),
        nodes=interview.see(Question("ptz", "GetNodes", cap=LARGE), ptz_replies.nodes),
        configurations=_configurations(interview, own),
        status=_status(interview, own),
        focus=_focus(interview, sources, own),
        audio_sources=interview.see(Question("media", "GetAudioSources", cap=LARGE), media_replies.audio_sources),
        audio_outputs=_audio_outputs(interview),
        audio_decoders=_audio_decoders(interview),
        stream_uri=_stream_uri(interview, main_profile(own)),
        sub_stream_uri=_stream_uri(interview, _sub(own)),
        snapshot=_snapshot(interview, main_profile(own)),
    )


# ---- device, profiles, video --------------------------------------------------------------------


def _device(interview: Interview) -> Seen[Device] | NotSeen:
    seen = interview.see(Question("device", "GetDeviceInformation"), media_replies.device)
    mac = interview.see(Question("device", "GetNetworkInterfaces"), media_replies.mac)
    if isinstance(seen, Seen) and isinstance(mac, Seen):
        return structs.replace(seen, value=structs.replace(seen.value, mac=mac.value))
    return seen


def _profiles(interview: Interview) -> Seen[tuple[Profile, ...]] | NotSeen:
    return merged(
        interview.see(Question("media", "GetProfiles", cap=LARGE), media_replies.profiles),
        interview.see(Question("media2", "GetProfiles", {"Type": "All"}, cap=LARGE), media_replies.profiles2),
    )


def _sub(profiles: Sequence[Profile]) -> Profile | None:
    """The smallest profile of the main one's source that still shows something; None where that is the main one."""
    main = main_profile(profiles)
    if main is None:
        return None
    below = main.resolution.width if main.resolution else FULL_WIDTH_PX
    fit = [
        one
        for one in profiles
        if one.media == main.media and one.source == main.source and one.encoding != "JPEG" and one.resolution
        if one.token != main.token and SUB_WIDTH_PX <= one.resolution.width < below
    ]
    return min(fit, key=by_size, default=None)


def _encoder_options(interview: Interview, profiles: tuple[Profile, ...]) -> Seen[tuple[EncoderOptions, ...]] | NotSeen:
    """Per encoder configuration in use, the largest first; without one, what the device offers in general."""
    largest_first = sorted(profiles, key=by_size, reverse=True)
    tokens = {
        media: list(dict.fromkeys(p.encoder for p in largest_first if p.media == media and p.encoder))[:MAX_EACH]
        for media in ("media", "media2")
    }
    readers = {"media": media_replies.encoder_options, "media2": media_replies.encoder_options2}
    asked = [
        interview.see(
            Question(
                media, "GetVideoEncoderConfigurationOptions", {"ConfigurationToken": token} if token else {}, cap=LARGE
            ),
            partial(readers[media], token=token),
        )
        for media in readers
        for token in tokens[media] or ("",)
    ]
    return merged(*asked)


def _stream_uri(interview: Interview, profile: Profile | None) -> Seen[StreamUri] | NotSeen:
    """RTP over RTSP, unicast, of this profile."""
    if profile is None:
        return structs.replace(UNASKED, detail="no such profile known")
    token = profile.token
    arguments: dict[str, dict[str, Any]] = {
        "media": {"StreamSetup": _RTP_OVER_RTSP, "ProfileToken": token},
        "media2": {"Protocol": "RTSP", "ProfileToken": token},
    }
    seen = interview.see(
        Question(profile.media, "GetStreamUri", arguments[profile.media]),
        lambda reply: endpoints.stream(interview.camera, token, media_replies.stream_uri(reply)),
    )
    if isinstance(seen, Seen):
        if seen.value.foreign_host:
            interview.note(f"stream URI names another host: {seen.value.foreign_host}")
        if seen.value.unused:
            interview.note(f"stream URI names {seen.value.unused}: the enrolled one is used instead")
    return seen


def _snapshot(interview: Interview, profile: Profile | None) -> Seen[StreamUri] | NotSeen:
    """For a camera whose streams are all taken: where its picture is to be had otherwise."""
    if profile is None:
        return structs.replace(UNASKED, detail="no such profile known")

    def read(reply: Node) -> StreamUri:
        place = endpoints.snapshot(interview.camera, media_replies.stream_uri(reply))
        return StreamUri(profile=profile.token, port=place.port, path=place.path)

    return interview.see(Question(profile.media, "GetSnapshotUri", {"ProfileToken": profile.token}), read)


# ---- audio --------------------------------------------------------------------------------------


def _audio_outputs(interview: Interview) -> Seen[tuple[str, ...]] | NotSeen:
    return merged(
        interview.see(Question("media", "GetAudioOutputs", cap=LARGE), media_replies.audio_outputs),
        interview.see(Question("deviceio", "GetAudioOutputs", cap=LARGE), media_replies.device_outputs),
        interview.see(
            Question("media2", "GetAudioOutputConfigurations", cap=LARGE), media_replies.output_configurations
        ),
    )


def _audio_decoders(interview: Interview) -> Seen[tuple[AudioDecoder, ...]] | NotSeen:
    return merged(
        _decoders_of(interview, "media", media_replies.decodings),
        _decoders_of(interview, "media2", media_replies.decodings2),
    )


def _decoders_of(
    interview: Interview, media: str, read: Callable[[Node], tuple[str, ...]]
) -> Seen[tuple[AudioDecoder, ...]] | NotSeen:
    """The decoder configurations; of the first one also the encodings, which the others of a device share."""
    seen = interview.see(Question(media, "GetAudioDecoderConfigurations", cap=LARGE), media_replies.decoders)
    if isinstance(seen, NotSeen) or not seen.value:
        return seen
    first, *rest = seen.value
    options = Question(media, "GetAudioDecoderConfigurationOptions", {"ConfigurationToken": first.token})
    encodings = values(interview.see(options, read))
    return structs.replace(seen, value=(structs.replace(first, encodings=encodings), *rest))


# ---- PTZ and focus ------------------------------------------------------------------------------


def _configurations(interview: Interview, profiles: Iterable[Profile]) -> Seen[tuple[PtzConfiguration, ...]] | NotSeen:
    """All PTZ configurations; of those that the slot's profiles bind, first of all, what they offer."""
    seen = interview.see(Question("ptz", "GetConfigurations", cap=LARGE), ptz_replies.configurations)
    if isinstance(seen, NotSeen):
        return seen
    bound = {profile.ptz for profile in profiles}
    own_first = sorted(seen.value, key=lambda one: one.token not in bound)
    complete = [_with_spaces(interview, one) for one in own_first[:MAX_EACH]]
    return structs.replace(seen, value=(*complete, *own_first[MAX_EACH:]))


def _with_spaces(interview: Interview, configuration: PtzConfiguration) -> PtzConfiguration:
    question = Question("ptz", "GetConfigurationOptions", {"ConfigurationToken": configuration.token})
    return structs.replace(configuration, spaces=interview.see(question, ptz_replies.configuration_options))


def _status(interview: Interview, profiles: tuple[Profile, ...]) -> Seen[PtzStatus] | NotSeen:
    """Of the largest profile that binds PTZ."""
    moving = main_profile([profile for profile in profiles if profile.ptz])
    if moving is None:
        return structs.replace(UNASKED, detail="no profile binds PTZ")
    question = Question("ptz", "GetStatus", {"ProfileToken": moving.token})
    return interview.see(question, partial(ptz_replies.status, profile=moving.token))


def _focus(
    interview: Interview, sources: Seen[tuple[VideoSource, ...]] | NotSeen, profiles: tuple[Profile, ...]
) -> dict[str, Seen[FocusMove] | NotSeen]:
    """Per video source that the slot shows, else per source of the device; "" where none is known and why."""
    used = [profile.source for profile in profiles]
    tokens = used if interview.camera.channel else [source.token for source in values(sources)] or used
    if isinstance(sources, NotSeen) and not tokens:
        return {"": sources}
    return {
        token: interview.see(
            Question("imaging", "GetMoveOptions", {"VideoSourceToken": token}),
            partial(ptz_replies.focus_move, source=token),
        )
        for token in list(dict.fromkeys(filter(None, tokens)))[:MAX_EACH]
    }
