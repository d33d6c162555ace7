"""Resolution: what the main stream is set to, and what it could be set to.

How profiles and options were asked must not be known here.
"""

from collections.abc import Callable

from msgspec.structs import replace

from agent.decide import scope
from agent.model import Evidence, Profile, Resolution, Seen, main_profile, values
from contract.messages import Verdict
from contract.policy import Policy
from contract.reasons import Finding
from contract.text import tidy
from contract.vocabulary import Clause, Level, Standing


def pixels(evidence: Evidence, policy: Policy) -> Verdict:
    """豫市监〔2021〕45号 二.3 "不低于200W像素". `measured`: width x height, in pixels."""
    least = policy.capability.min_pixels.value
    base = Verdict(
        clause=Clause.RESOLUTION_PIXELS, standing=Standing.UNKNOWN, level=Level.E0, required=least, unit="px"
    )
    return _judge(base, evidence, lambda r: r.pixels, lambda r: r.pixels >= least)


def full_hd(evidence: Evidence, policy: Policy) -> Verdict:
    """豫市监〔2021〕45号 二.3 "1080P高清", upright or turned by 90°. `measured`: such as "1920x1080"."""
    required = f"{policy.capability.min_long_side.value}x{policy.capability.min_short_side.value}"
    base = Verdict(clause=Clause.RESOLUTION_1080P, standing=Standing.UNKNOWN, level=Level.E0, required=required)
    return _judge(base, evidence, _words, lambda r: _is_full_hd(r, policy))


def could_be(evidence: Evidence, policy: Policy) -> Resolution | None:
    """The largest resolution meeting 1080P that the slot's stream could be set to; None where none is known."""
    return max((r for r in _options(evidence) if _is_full_hd(r, policy)), key=lambda r: r.pixels, default=None)


def _is_full_hd(resolution: Resolution, policy: Policy) -> bool:
    short, long = policy.capability.min_short_side.value, policy.capability.min_long_side.value
    return min(_sides(resolution)) >= short and max(_sides(resolution)) >= long


def _judge(
    base: Verdict, evidence: Evidence, measure: Callable[[Resolution], int | str], enough: Callable[[Resolution], bool]
) -> Verdict:
    """The decoded frame decides where there is one, else what is configured; options say whether a setting helps."""
    if lost := scope.lost_channel(base, evidence):
        return lost
    main, frame = _main(evidence), _decoded(evidence)
    best = max(_options(evidence), key=lambda r: (enough(r), r.pixels), default=None)
    could = (f"encoder options reach {_words(best)}",) if best else ()
    stands = frame or (main[1] if main else None)
    if stands is None:
        return _unconfigured(replace(base, measured=measure(best) if best else None, proof=could), evidence)
    proof = (*_seen(evidence, frame), *_configured(main), *could)
    verdict = replace(base, level=Level.E3 if frame else Level.E2, measured=measure(stands), proof=proof)
    if enough(stands):
        return replace(verdict, standing=Standing.MET)
    if frame is None and (unread := _unread(evidence)):
        unknown = replace(verdict, level=Level.E0, measured=None, reason=Finding.PROFILE_UNREAD)
        return replace(unknown, proof=(tidy(f"{unread.media} profile {unread.token}: no size given"), *proof))
    if main and enough(main[1]):
        return replace(verdict, standing=Standing.NOT_MET, reason=Finding.STREAM_LOWER)
    reason = Finding.OPTIONS_UNKNOWN
    if best:
        reason = Finding.CONFIGURED_LOWER if enough(best) else Finding.INCAPABLE
    return replace(verdict, standing=Standing.NOT_MET, reason=reason)


def _unread(evidence: Evidence) -> Profile | None:
    """A video profile of this slot of whose size no reply speaks: it may be the main stream, and be large enough."""
    own = scope.own_profiles(evidence)
    read = {profile.token for profile in own if profile.resolution}
    silent = (p for p in own if p.token not in read and p.encoding != "JPEG" and (p.source or p.encoder))
    return next(silent, None)


def _seen(evidence: Evidence, frame: Resolution | None) -> tuple[str, ...]:
    """The decoded frame, and a warning (never a verdict) where it looks enlarged."""
    if frame is None:
        return ()
    upscaled = isinstance(evidence.picture, Seen) and evidence.picture.value.upscaled
    warning = ("warning: its detail is that of a smaller picture, enlarged",) if upscaled else ()
    return (f"decoded frame of the main stream: {_words(frame)}", *warning)


def _configured(main: tuple[Profile, Resolution] | None) -> tuple[str, ...]:
    if main is None:
        return ()
    profile, resolution = main
    return (tidy(f"{profile.media} profile {profile.token}: {profile.encoding} {_words(resolution)}"),)


def _decoded(evidence: Evidence) -> Resolution | None:
    """Size of a frame decoded from the main stream; that of a sub-stream or snapshot proves nothing."""
    picture = evidence.picture
    if not isinstance(picture, Seen) or picture.value.source != "main":
        return None
    return Resolution(width=picture.value.width, height=picture.value.height)


def _unconfigured(verdict: Verdict, evidence: Evidence) -> Verdict:
    """No profile names a resolution: options alone prove nothing of the stream."""
    caps = evidence.capabilities
    if verdict.measured is not None:
        return replace(verdict, standing=Standing.UNPROVEN, level=Level.E1, reason=Finding.CONFIGURED_UNKNOWN)
    if isinstance(caps.profiles, Seen):
        proof = (f"GetProfiles: {len(caps.profiles.value)}, none with a video resolution",)
        return replace(verdict, reason=Finding.NO_VIDEO_PROFILE, proof=proof)
    return scope.unknown(verdict, GetProfiles=caps.profiles, GetVideoEncoderConfigurationOptions=caps.encoder_options)


def _main(evidence: Evidence) -> tuple[Profile, Resolution] | None:
    """The slot's profile with most pixels (the first may well be a sub-stream); JPEG only where there is no video."""
    own = scope.own_profiles(evidence)
    main = main_profile([p for p in own if p.resolution and p.resolution.plausible])
    return (main, main.resolution) if main and main.resolution else None


def _options(evidence: Evidence) -> list[Resolution]:
    """What the encoders of this slot's profiles could be set to."""
    own = {token for p in scope.own_profiles(evidence) for token in (p.encoder, p.token)}
    offered = values(evidence.capabilities.encoder_options)
    return [r for o in offered if not evidence.channel or o.token in own for r in o.resolutions if r.plausible]


def _sides(resolution: Resolution) -> tuple[int, int]:
    return resolution.width, resolution.height


def _words(resolution: Resolution) -> str:
    return f"{resolution.width}x{resolution.height}"
