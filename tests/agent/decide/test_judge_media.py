from typing import Any

import pytest
from msgspec.structs import replace

from agent.decide.judge import judge
from agent.model import NotSeen, Picture, Seen, Span
from contract.reasons import Finding
from contract.vocabulary import Clause, Reason
from tests.agent.decide.builders import (
    DECODER,
    POLICY,
    backchannel,
    evidence,
    focus,
    look,
    no,
    of,
    options,
    profile,
    seen,
    services,
)

MOVE = Span(low=-1, high=1)
STILL = Span(low=0, high=0)

FOCUS = [
    ("continuous", {"focus": {"S": focus(continuous=MOVE)}}, ("MET", "E1", "")),
    ("unbounded", {"focus": {"S": focus(relative=Span(low=None, high=None))}}, ("MET", "E1", "")),
    ("empty reply", {"focus": {"S": focus()}}, ("NOT_MET", "E1", "UNSUPPORTED")),
    ("no width", {"focus": {"S": focus(absolute=STILL)}}, ("NOT_MET", "E1", "DEGENERATE_RANGE")),
    ("NoImagingForSource", {"focus": {"S": no()}}, ("NOT_MET", "E1", "UNSUPPORTED")),
    ("second lens moves", {"focus": {"S": focus(), "T": focus(continuous=MOVE)}}, ("MET", "E1", "")),
    ("second lens unread", {"focus": {"S": focus(), "T": no(Reason.REFUSED)}}, ("UNKNOWN", "E0", "REFUSED")),
    ("neither list has imaging", {"services": services("media")}, ("NOT_MET", "E1", "UNSUPPORTED")),
    ("claimed, not asked", {"services": services("imaging")}, ("UNKNOWN", "E0", "UNASKED")),
    ("services refused", {"services": no(Reason.REFUSED)}, ("UNKNOWN", "E0", "REFUSED")),
    ("no source is known", {"focus": {"": no()}}, ("UNKNOWN", "E0", "UNSUPPORTED")),
    (
        "own source",
        {"channel": "S", "focus": {"S": focus(), "T": focus(continuous=MOVE)}},
        ("NOT_MET", "E1", "UNSUPPORTED"),
    ),
    (
        "source of the profile",
        {"channel": "p", "profiles": seen(profile(token="p", source="T")), "focus": {"T": focus(continuous=MOVE)}},
        ("MET", "E1", ""),
    ),
    (
        "another channel's lens",
        {"channel": "V9", "profiles": seen(profile(source="T")), "focus": {"T": focus(continuous=MOVE)}},
        ("UNKNOWN", "E0", "CHANNEL_NOT_FOUND"),
    ),
]


@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in FOCUS], ids=[row[0] for row in FOCUS])
def test_focus(given: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """Only move options with some width declare focus; only successful replies without any deny it."""
    found = of(judge(evidence(**given), POLICY), Clause.FOCUS)
    assert (found.standing, found.level, found.reason) == expected


SPEAKER = {"audio_outputs": seen("O"), "audio_decoders": seen(DECODER)}
BOUND = {"profiles": seen(profile(audio_output="O", audio_decoder="D"))}
HANG = no(Reason.TIMED_OUT)

AUDIO = [
    ("offered", {"talk": backchannel(True, codecs=("PCMU",))}, ("MET", "E3", "")),
    ("offered though undeclared", {"talk": backchannel(True), "audio_outputs": seen()}, ("MET", "E3", "")),
    ("declared, not offered", {"talk": backchannel(False), **SPEAKER}, ("NOT_MET", "E3", "DECLARED_NOT_OFFERED")),
    ("neither", {"talk": backchannel(False), "audio_outputs": seen()}, ("NOT_MET", "E3", "UNSUPPORTED")),
    ("not offered, else unasked", {"talk": backchannel(False)}, ("NOT_MET", "E3", "UNSUPPORTED")),
    ("declared only", {"talk": HANG, **SPEAKER}, ("UNPROVEN", "E1", "DECLARED_ONLY")),
    ("configured only", {"talk": HANG, **SPEAKER, **BOUND}, ("UNPROVEN", "E2", "DECLARED_ONLY")),
    ("a recorder's decoders", {"talk": HANG, "audio_outputs": seen(), **BOUND}, ("UNPROVEN", "E2", "DECLARED_ONLY")),
    ("no output", {"audio_outputs": seen()}, ("NOT_MET", "E1", "UNSUPPORTED")),
    ("no output, as a fault", {"talk": HANG, "audio_outputs": no()}, ("NOT_MET", "E1", "UNSUPPORTED")),
    ("could not ask", {"talk": HANG, "audio_outputs": no(Reason.REFUSED)}, ("UNKNOWN", "E0", "REFUSED")),
    (
        "decoders denied, outputs unread",
        {"audio_outputs": HANG, "audio_decoders": no()},
        ("UNKNOWN", "E0", "TIMED_OUT"),
    ),
    ("RTSP 404 judges no backchannel", {"talk": no(), "audio_outputs": HANG}, ("UNKNOWN", "E0", "TIMED_OUT")),
]


@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in AUDIO], ids=[row[0] for row in AUDIO])
def test_two_way_audio(given: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """The backchannel decides; declarations alone never suffice for MET."""
    found = of(judge(evidence(**given), POLICY), Clause.TWO_WAY_AUDIO)
    assert (found.standing, found.level, found.reason) == expected


def test_a_policy_that_accepts_vendor_talk_has_no_proof_of_its_absence() -> None:
    """Where a vendor's own path counts too, a no on the ONVIF path is not a no."""
    ways = replace(POLICY.capability.two_way_audio_ways, value=("onvif", "vendor"))
    lenient = replace(POLICY, capability=replace(POLICY.capability, two_way_audio_ways=ways))
    found = of(judge(evidence(talk=backchannel(False)), lenient), Clause.TWO_WAY_AUDIO)
    assert (found.standing, found.reason) == ("UNPROVEN", "VENDOR_UNASKED")


def test_a_backchannel_offered_without_being_required_is_noted() -> None:
    """A camera that ignores Require is met all the same, and the proof says so."""
    found = of(judge(evidence(talk=backchannel(True, ignores_require=True)), POLICY), Clause.TWO_WAY_AUDIO)
    assert found.standing == "MET"
    assert "without Require" in " ".join(found.proof)


RESOLUTIONS = [
    ("1920x1080", "MET", "MET"),
    ("1080x1920", "MET", "MET"),
    ("3840x2160", "MET", "MET"),
    ("1920x960", "NOT_MET", "NOT_MET"),
    ("1600x1200", "NOT_MET", "NOT_MET"),
    ("2048x1000", "MET", "NOT_MET"),
    ("1536x1536", "MET", "NOT_MET"),
    ("1280x720", "NOT_MET", "NOT_MET"),
]


@pytest.mark.parametrize(("size", "pixels", "full_hd"), RESOLUTIONS)
def test_configured_resolution(size: str, pixels: str, full_hd: str) -> None:
    """Two million pixels, and 1920 by 1080 upright or turned; each clause for itself."""
    verdicts = judge(evidence(profiles=seen(profile(size))), POLICY)
    by_pixels, by_lines = of(verdicts, Clause.RESOLUTION_PIXELS), of(verdicts, Clause.RESOLUTION_1080P)
    assert (by_pixels.standing, by_lines.standing) == (pixels, full_hd)
    assert (by_pixels.level, by_lines.level) == ("E2", "E2")
    width, _, height = size.partition("x")
    assert by_pixels.measured == int(width) * int(height)
    assert by_lines.measured == size


SETTINGS = [
    ("could do more", {"profiles": seen(profile("1280x720")), "encoder_options": seen(options("1920x1080", "640x360"))},
     ("NOT_MET", "E2", "CONFIGURED_LOWER", "1280x720")),
    ("cannot do more", {"profiles": seen(profile("1280x720")), "encoder_options": seen(options("1280x720"))},
     ("NOT_MET", "E2", "INCAPABLE", "1280x720")),
    ("options unread", {"profiles": seen(profile("1280x720")), "encoder_options": no(Reason.TIMED_OUT)},
     ("NOT_MET", "E2", "OPTIONS_UNKNOWN", "1280x720")),
    ("sub-stream first", {"profiles": seen(profile("640x360", token="sub"), profile("1920x1080"))},
     ("MET", "E2", "", "1920x1080")),
    ("media2 only", {"profiles": seen(profile("2560x1440", media="media2"))}, ("MET", "E2", "", "2560x1440")),
    ("junk beside", {"profiles": seen(profile("1701606738x2"), profile("1280x720"))},
     ("NOT_MET", "E2", "OPTIONS_UNKNOWN", "1280x720")),
    ("options only", {"profiles": no(Reason.TIMED_OUT), "encoder_options": seen(options("1920x1080"))},
     ("UNPROVEN", "E1", "CONFIGURED_UNKNOWN", "1920x1080")),
    ("poor options only", {"profiles": seen(profile()), "encoder_options": seen(options("640x360"))},
     ("UNPROVEN", "E1", "CONFIGURED_UNKNOWN", "640x360")),
    ("a larger JPEG profile beside", {"profiles": seen(profile("3840x2160", encoding="JPEG"), profile("1280x720"))},
     ("NOT_MET", "E2", "OPTIONS_UNKNOWN", "1280x720")),
    ("JPEG only", {"profiles": seen(profile("1920x1080", encoding="JPEG"))}, ("MET", "E2", "", "1920x1080")),
    ("no profile", {"profiles": seen()}, ("UNKNOWN", "E0", "NO_VIDEO_PROFILE", None)),
    ("nothing read", {"profiles": no(Reason.REFUSED)}, ("UNKNOWN", "E0", "REFUSED", None)),
    ("own channel",
     {"channel": "V2",
      "profiles": seen(profile("3840x2160", source="V1"), profile("1280x720", source="V2", encoder="E2")),
      "encoder_options": seen(options("3840x2160", token="E1"), options("1280x720", token="E2"))},
     ("NOT_MET", "E2", "INCAPABLE", "1280x720")),
    ("a square option does not make 1080p",
     {"profiles": seen(profile("1280x720")), "encoder_options": seen(options("1600x1600", "1920x1080"))},
     ("NOT_MET", "E2", "CONFIGURED_LOWER", "1280x720")),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in SETTINGS], ids=[row[0] for row in SETTINGS])
def test_is_and_could_be(given: dict[str, Any], expected: tuple[str, str, str, Any]) -> None:
    """What is configured decides; what could be configured is told apart from it."""
    found = of(judge(evidence(**given), POLICY), Clause.RESOLUTION_1080P)
    assert (found.standing, found.level, found.reason, found.measured) == expected


def test_proof_of_a_low_setting_names_what_it_could_be() -> None:
    """The electrician reads in the proof which resolution to choose."""
    given = evidence(profiles=seen(profile("1280x720")), encoder_options=seen(options("2560x1440")))
    assert "encoder options reach 2560x1440" in of(judge(given, POLICY), Clause.RESOLUTION_PIXELS).proof


def test_a_profile_that_cannot_be_read_is_not_passed_over_for_a_smaller_one() -> None:
    """A main profile without a size beside a readable sub-stream: unknown, never "too low"; a decoded frame decides."""
    silent = profile(token="main", encoder="e1", source="s")
    given = evidence(profiles=seen(silent, profile("704x576", token="sub", encoder="e2", source="s")))
    for clause in (Clause.RESOLUTION_PIXELS, Clause.RESOLUTION_1080P):
        found = of(judge(given, POLICY), clause)
        assert (found.standing, found.level, found.reason) == ("UNKNOWN", "E0", "PROFILE_UNREAD")
    frame = Seen(value=Picture(source="main", width=2048, height=1536))
    assert of(judge(replace(given, picture=frame), POLICY), Clause.RESOLUTION_1080P).standing == "MET"
    twice = evidence(profiles=seen(silent, profile("2048x1536", token="main", media="media2", source="s")))
    assert of(judge(twice, POLICY), Clause.RESOLUTION_1080P).standing == "MET"
    enough = evidence(profiles=seen(profile("1920x1080", token="a", source="s"), silent))
    assert of(judge(enough, POLICY), Clause.RESOLUTION_1080P).standing == "MET"


ONLINE = [
    (look(), ("UNPROVEN", "E1", "PICTURE_UNTRIED", "streams")),
    (look(Reason.BUSY), ("UNKNOWN", "E0", "BUSY", "answers")),
    (look(Reason.UNREACHABLE, tcp=Reason.UNREACHABLE), ("NOT_MET", "E0", "UNREACHABLE", "unreachable")),
    (look(Reason.UNSUPPORTED), ("NOT_MET", "E1", "UNSUPPORTED", "answers")),
    (look(Reason.REFUSED), ("UNKNOWN", "E0", "REFUSED", "answers")),
    (None, ("UNKNOWN", "E0", "UNASKED", None)),
]


@pytest.mark.parametrize(("seen_by", "expected"), ONLINE)
def test_online(seen_by: Any, expected: tuple[str, str, str, Any]) -> None:
    """The online clause says what the look says, and nothing of what the camera can do."""
    found = of(judge(replace(evidence(nodes=no()), look=seen_by), POLICY), Clause.ONLINE)
    assert (found.standing, found.level, found.reason, found.measured) == expected


PICTURES: list[tuple[Any, tuple[str, str, str]]] = [
    (Seen(value=Picture(source="main", width=1920, height=1080)), ("MET", "E3", "")),
    (NotSeen(reason=Reason.TIMED_OUT, finding=Finding.NO_KEYFRAME), ("MET", "E3", "NO_KEYFRAME")),
    (NotSeen(reason=Reason.TIMED_OUT, finding=Finding.NO_MEDIA), ("MET", "E1", "NO_MEDIA")),
    (NotSeen(reason=Reason.UNSUPPORTED, finding=Finding.UDP_ONLY), ("MET", "E1", "UDP_ONLY")),
    (NotSeen(reason=Reason.UNSUPPORTED, finding=Finding.SETUP_FAILED), ("UNPROVEN", "E1", "SETUP_FAILED")),
    (NotSeen(reason=Reason.BUSY), ("MET", "E1", "BUSY")),
    (NotSeen(reason=Reason.UNASKED, finding=Finding.NO_DECODER), ("MET", "E3", "NO_DECODER")),
    (NotSeen(reason=Reason.UNASKED, finding=Finding.MJPEG_ONLY), ("MET", "E3", "MJPEG_ONLY")),
    (Seen(value=Picture(source="main", width=1920, height=1080, finding="NO_KEYFRAME")), ("MET", "E3", "NO_KEYFRAME")),
    *((NotSeen(reason=r), ("UNPROVEN", "E1", r.value)) for r in (Reason.HOSTILE, Reason.MALFORMED, Reason.TIMED_OUT)),
]


@pytest.mark.parametrize(("picture", "expected"), PICTURES)
def test_a_stream_is_seen_only_where_media_came(picture: Any, expected: tuple[str, str, str]) -> None:
    """A description declares a stream: E3 where media came, unproven where the camera broke off or nobody tried."""
    found = of(judge(replace(evidence(nodes=no()), look=look(), picture=picture), POLICY), Clause.ONLINE)
    assert (found.standing, found.level, found.reason) == expected


def test_one_verdict_per_clause_in_order() -> None:
    """Seven clauses, in the order of Clause."""
    assert tuple(v.clause for v in judge(evidence(), POLICY)) == tuple(Clause)
