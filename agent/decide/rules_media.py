"""Focus and two-way audio: what imaging and audio answers prove.

How they were asked must not be known here.
"""

from msgspec.structs import replace

from agent.decide import rules_moved, scope
from agent.model import UNASKED, Backchannel, Evidence, FocusMove, NotSeen, Seen, Talk, values
from contract.messages import Verdict
from contract.policy import Policy
from contract.reasons import Finding
from contract.text import tidy
from contract.vocabulary import Clause, Level, Reason, Standing

# ---- focus --------------------------------------------------------------------------------------


def focus(evidence: Evidence, _policy: Policy) -> Verdict:
    """豫市监〔2021〕45号 二.3 "远近调焦": the focus.

    Short of moving it only GetMoveOptions tells; a Focus block among the imaging settings is a setting that fixed
    lenses have too. "If focus move is not supported at all, the response shall be empty" (ONVIF Imaging,
    GetMoveOptions). Focus over a vendor's own path is not seen here.
    """
    return rules_moved.focus(_focusable(evidence), evidence.movement.focus)


def _focusable(evidence: Evidence) -> Verdict:
    """What GetMoveOptions declares."""
    base = Verdict(clause=Clause.FOCUS, standing=Standing.UNKNOWN, level=Level.E0)
    caps, asked = evidence.capabilities, _own_sources(evidence)
    moving = next((o.value for o in asked.values() if isinstance(o, Seen) and o.value.moves), None)
    if moving:
        return replace(base, standing=Standing.MET, level=Level.E1, proof=(_focus_words(moving),))
    no = replace(base, standing=Standing.NOT_MET, level=Level.E1, reason=Reason.UNSUPPORTED)
    if not asked:
        if not caps.focus and scope.unlisted(evidence, "imaging"):
            return replace(no, proof=("neither GetServices nor GetCapabilities lists imaging",))
        unread = {f"GetMoveOptions {source}".rstrip(): o for source, o in caps.focus.items()}
        return scope.lost_channel(base, evidence) or scope.unknown(base, GetServices=caps.services, **unread)
    if any(isinstance(o, NotSeen) and o.reason is not Reason.UNSUPPORTED for o in asked.values()):
        return scope.unknown(base, **{f"GetMoveOptions {source}": o for source, o in asked.items()})
    declared = any(isinstance(o, Seen) and o.value.spans for o in asked.values())
    proof = tuple(_focus_no(source, o) for source, o in asked.items())
    return replace(no, reason=Finding.DEGENERATE_RANGE if declared else Reason.UNSUPPORTED, proof=proof[:3])


def _own_sources(evidence: Evidence) -> dict[str, Seen[FocusMove] | NotSeen]:
    """Answers about the video sources of this slot; one about no named source answers for none."""
    own = {evidence.channel} | {profile.source for profile in scope.own_profiles(evidence)}
    asked = evidence.capabilities.focus.items()
    return {source: o for source, o in asked if source and (not evidence.channel or source in own)}


def _focus_words(move: FocusMove) -> str:
    kinds = [kind for kind in ("absolute", "relative", "continuous") if getattr(move, kind)]
    return tidy(f"GetMoveOptions {move.source}: {', '.join(kinds) or 'none'}")


def _focus_no(source: str, observation: Seen[FocusMove] | NotSeen) -> str:
    if isinstance(observation, NotSeen):
        return scope.not_seen(f"GetMoveOptions {source}", observation)
    return _focus_words(observation.value)


# ---- two-way audio ------------------------------------------------------------------------------


def two_way_audio(evidence: Evidence, policy: Policy) -> Verdict:
    """豫市监〔2021〕45号 二.3 "语音对讲". The RTSP backchannel decides (ONVIF Streaming 5.3): offered, opened, heard.

    Declarations alone are never enough for MET: recorders bind an audio decoder to every channel, speaker or not. They
    are enough for NOT_MET where the device answers that it has no audio output. A vendor's own talk path is never
    proof: that something answers there does not show that it talks.
    """
    base = Verdict(clause=Clause.TWO_WAY_AUDIO, standing=Standing.UNKNOWN, level=Level.E0)
    declared = _declared(base, evidence)
    if not isinstance(evidence.backchannel, Seen):
        verdict = declared
    elif evidence.backchannel.value.offered:
        return _tried(_offered(declared, evidence.backchannel.value), evidence.talk, policy)
    else:
        verdict = _not_offered(declared, evidence.talk)
    if verdict.standing is Standing.NOT_MET and "vendor" in policy.capability.two_way_audio_ways.value:
        return replace(verdict, standing=Standing.UNPROVEN, reason=Finding.VENDOR_UNASKED)
    return verdict


def _offered(declared: Verdict, backchannel: Backchannel) -> Verdict:
    said = tidy(f"DESCRIBE with Require: audio sendonly {', '.join(backchannel.codecs)}")
    beside = ("also offered without Require",) if backchannel.ignores_require else ()
    measured = tidy(", ".join(backchannel.codecs)) or None
    met = replace(declared, standing=Standing.MET, level=Level.E3, measured=measured, reason="")
    return replace(met, proof=(said, *beside))


def _not_offered(declared: Verdict, talk: Talk) -> Verdict:
    proof = ("DESCRIBE with Require: no audio sendonly", *declared.proof)
    if talk.vendor:
        answers = tidy(f"a vendor's own talk path answers: {talk.vendor}")
        return replace(
            declared,
            standing=Standing.UNPROVEN,
            level=Level.E3,
            reason=Finding.VENDOR_ONLY,
            proof=(proof[0], answers, *proof[1:]),
        )
    reason = Finding.DECLARED_NOT_OFFERED if declared.reason == Finding.DECLARED_ONLY else Reason.UNSUPPORTED
    return replace(declared, standing=Standing.NOT_MET, level=Level.E3, reason=reason, proof=proof)


def _tried(offered: Verdict, talk: Talk, policy: Policy) -> Verdict:
    """The offer put to the test.

    SETUP refused (UNSUPPORTED: 404, 461 ...) makes offer and answer contradict each other. It may be the way we asked
    (over TCP, at the control URL as we read it), so it is no NOT_MET; and nobody has shown that it talks: UNPROVEN. Any
    other failure of SETUP, a talker before us (BUSY) above all, leaves the offer as strong as it was.

    A chirp that was heard is E4. One that was not takes nothing away: the microphone may be off, the loudspeaker turned
    down, or echo cancellation good at its work. The standing stays MET at E3, and the proof says what was not heard.
    """
    setup = talk.setup
    if isinstance(setup, NotSeen) and setup.reason is Reason.UNSUPPORTED:
        proof = (*offered.proof, scope.not_seen("SETUP of the talk track", setup))
        return replace(offered, standing=Standing.UNPROVEN, reason=Finding.SETUP_FAILED, proof=proof)
    proof = (*offered.proof, *_setup_words(setup), *_heard_words(talk, policy))
    heard = isinstance(talk.heard, Seen) and talk.heard.value >= policy.capability.min_talk_correlation.value
    return replace(offered, level=Level.E4 if heard else offered.level, proof=proof)


def _setup_words(setup: Seen[bool] | NotSeen) -> tuple[str, ...]:
    if isinstance(setup, Seen):
        return ("SETUP of the talk track: opened, then TEARDOWN",)
    return () if setup.reason is Reason.UNASKED else (scope.not_seen("SETUP of the talk track", setup),)


def _heard_words(talk: Talk, policy: Policy) -> tuple[str, ...]:
    if isinstance(talk.heard, NotSeen):
        return () if talk.heard == UNASKED else (scope.not_seen("chirp not listened for", talk.heard),)
    least = policy.capability.min_talk_correlation.value
    verb = "heard" if talk.heard.value >= least else "not heard"
    said = f"chirp {verb} by the camera's own microphone: correlation {talk.heard.value:.3f}, required {least:g}"
    return (said, "half duplex: the microphone is mute while we talk") if talk.half_duplex else (said,)


def _declared(base: Verdict, evidence: Evidence) -> Verdict:
    """What outputs, decoders and profiles declare, as long as RTSP has not been judged."""
    caps = evidence.capabilities
    binding = next((p for p in scope.own_profiles(evidence) if p.audio_output and p.audio_decoder), None)
    outputs = values(caps.audio_outputs)
    if outputs or binding:
        counts = (
            scope.counted("GetAudioOutputs", caps.audio_outputs),
            scope.counted("GetAudioDecoderConfigurations", caps.audio_decoders),
        )
        bound = (tidy(f"profile {binding.token} binds an audio output and a decoder"),) if binding else ()
        return replace(
            base,
            standing=Standing.UNPROVEN,
            level=Level.E2 if binding else Level.E1,
            reason=Finding.DECLARED_ONLY,
            proof=(*counts, *bound),
        )
    if scope.says_no(caps.audio_outputs):
        proof = (scope.counted("GetAudioOutputs", caps.audio_outputs),)
        return replace(base, standing=Standing.NOT_MET, level=Level.E1, reason=Reason.UNSUPPORTED, proof=proof)
    return scope.unknown(base, GetAudioOutputs=caps.audio_outputs, backchannel=evidence.backchannel)
