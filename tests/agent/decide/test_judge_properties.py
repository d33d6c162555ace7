from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from agent.decide.judge import judge
from agent.model import (
    AudioDecoder,
    Backchannel,
    Capabilities,
    EncoderOptions,
    Evidence,
    FocusMove,
    NotSeen,
    Profile,
    PtzConfiguration,
    PtzNode,
    Resolution,
    Seen,
    Service,
    Space,
    Span,
    VideoSource,
)
from contract.messages import Verdict
from contract.reasons import explain
from contract.vocabulary import Clause, Level, Reason, Standing
from tests.agent.decide.builders import DEGREES, GENERIC, POLICY, ZOOM

tokens = st.sampled_from(["", "a", "b"])
numbers = st.none() | st.sampled_from([-1.0, 0.0, 1.0, 360.0]) | st.floats(-400, 400)
spans = st.builds(Span, low=numbers, high=numbers)
spaces = st.builds(
    Space,
    kind=st.sampled_from(["absolute", "relative", "continuous", "limits"]),
    axis=st.sampled_from(["pan_tilt", "zoom"]),
    uri=st.sampled_from([DEGREES, GENERIC, ZOOM]),
    x=spans,
)
resolutions = st.builds(Resolution, width=st.integers(-1, 4000), height=st.integers(-1, 4000))


failures = st.builds(NotSeen, reason=st.sampled_from(Reason))


def maybe(item: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(item, max_size=3).map(lambda found: Seen(value=tuple(found))) | failures


def some(item: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(item, max_size=3).map(tuple)


configurations = st.builds(PtzConfiguration, token=tokens, node=tokens, limits=some(spaces), spaces=maybe(spaces))
profiles = st.builds(
    Profile,
    token=tokens,
    media=st.just("media"),
    source=tokens,
    encoder=tokens,
    resolution=st.none() | resolutions,
    ptz=tokens,
    audio_output=tokens,
    audio_decoder=tokens,
)
moves = st.builds(FocusMove, source=tokens) | st.builds(FocusMove, source=tokens, absolute=spans, continuous=spans)
listed = st.builds(
    Service,
    name=st.sampled_from(["media", "ptz", "imaging"]),
    port=st.just(80),
    path=st.just("/"),
    claimed_by=st.sampled_from([("GetServices",), ("GetCapabilities",), ("GetServices", "GetCapabilities")]),
)
encoders = st.builds(
    EncoderOptions, token=tokens, media=st.just("media"), encoding=st.just("H264"), resolutions=some(resolutions)
)
capabilities = st.builds(
    Capabilities,
    services=maybe(listed),
    sources=maybe(st.builds(VideoSource, token=tokens)),
    profiles=maybe(profiles),
    encoder_options=maybe(encoders),
    nodes=maybe(st.builds(PtzNode, token=tokens, spaces=some(spaces))),
    configurations=maybe(configurations),
    focus=st.dictionaries(tokens, moves.map(lambda move: Seen(value=move)) | failures, max_size=2),
    audio_outputs=maybe(tokens),
    audio_decoders=maybe(st.builds(AudioDecoder, token=tokens)),
)
talks = st.builds(Backchannel, offered=st.booleans()).map(lambda talk: Seen(value=talk)) | failures
cameras = st.builds(
    Evidence, slot=st.just("s"), channel=tokens, panoramic=st.booleans(), capabilities=capabilities, backchannel=talks
)
calmly = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def capability_verdicts(evidence: Evidence) -> list[Verdict]:
    return [v for v in judge(evidence, POLICY) if v.clause is not Clause.ONLINE]


def blind(evidence: Evidence, reason: Reason) -> Evidence:
    """The same evidence with every observation lost for one reason."""
    lost = NotSeen(reason=reason)
    kept = asdict(evidence.capabilities)
    fields = {name: lost for name, value in kept.items() if isinstance(value, Seen | NotSeen)}
    focus = dict.fromkeys(evidence.capabilities.focus, lost)
    return msgspec.structs.replace(evidence, capabilities=Capabilities(**fields, focus=focus), backchannel=lost)


@given(cameras, st.sampled_from([r for r in Reason if r is not Reason.UNSUPPORTED]))
@calmly
def test_could_not_ask_is_never_has_none(evidence: Evidence, reason: Reason) -> None:
    """Where nothing was seen and nothing was denied, every capability is unknown, for that reason."""
    for verdict in capability_verdicts(blind(evidence, reason)):
        assert (verdict.standing, verdict.level, verdict.reason) == (Standing.UNKNOWN, Level.E0, reason)


@given(cameras)
@calmly
def test_a_capability_is_denied_only_by_a_successful_answer(evidence: Evidence) -> None:
    """Turning every failure into "not asked" leaves each NOT_MET standing: none rested on a failure."""
    for before, after in zip(capability_verdicts(evidence), capability_verdicts(only_answers(evidence)), strict=True):
        if before.standing is Standing.NOT_MET:
            assert after.standing is Standing.NOT_MET


def only_answers(evidence: Evidence) -> Evidence:
    """The same evidence without its failures, UNSUPPORTED excepted, which is an answer."""
    never = NotSeen(reason=Reason.UNASKED)

    def kept(value: Any) -> Any:
        return never if isinstance(value, NotSeen) and value.reason is not Reason.UNSUPPORTED else value

    fields = {name: kept(value) for name, value in asdict(evidence.capabilities).items() if name != "focus"}
    focus = {source: kept(value) for source, value in evidence.capabilities.focus.items()}
    return msgspec.structs.replace(
        evidence, capabilities=Capabilities(**fields, focus=focus), backchannel=kept(evidence.backchannel)
    )


@given(cameras)
@calmly
def test_every_verdict_is_sound_travels_and_is_explained(evidence: Evidence) -> None:
    """E0 and UNKNOWN belong together, only MET needs no reason, JSON keeps a verdict, and words explain it."""
    for verdict in judge(evidence, POLICY):
        assert (verdict.standing is Standing.UNKNOWN) == (verdict.level is Level.E0)
        assert (verdict.standing is Standing.MET) == (verdict.reason == "")
        assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
        for lang in ("zh", "en"):
            words = explain(verdict, lang)
            assert bool(words) or verdict.standing is Standing.MET
            assert verdict.reason == "" or verdict.reason not in words.split()
