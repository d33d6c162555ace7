"""Resolution where a frame was decoded: the frame decides."""

from typing import Any

import pytest

from agent.decide.judge import judge
from agent.model import Capabilities, EncoderOptions, Evidence, NotSeen, Picture, Profile, Resolution, Seen
from contract.policy import load_policy
from contract.vocabulary import Clause, Reason

POLICY = load_policy("henan-2021-45")


def profiles(width: int, height: int) -> Seen[tuple[Profile, ...]]:
    one = Profile(
        token="main", media="media", encoder="e", encoding="H264", resolution=Resolution(width=width, height=height)
    )
    return Seen(value=(one,))


def options(width: int, height: int) -> Seen[tuple[EncoderOptions, ...]]:
    resolution = Resolution(width=width, height=height)
    return Seen(value=(EncoderOptions(token="e", media="media", encoding="H264", resolutions=(resolution,)),))


def verdicts(width: int, height: int, *, source: str = "main", **asked: Any) -> list[tuple[str, str, str]]:
    evidence = Evidence(
        slot="one",
        capabilities=Capabilities(**asked),
        picture=Seen(value=Picture(source=source, width=width, height=height)),
    )
    both = (Clause.RESOLUTION_PIXELS, Clause.RESOLUTION_1080P)
    return [(v.standing, v.level, v.reason) for v in judge(evidence, POLICY) if v.clause in both]


MET, HD = ("MET", "E3", ""), profiles(1920, 1080)


@pytest.mark.parametrize(
    ("size", "asked", "expected"),
    [
        ((1920, 1080), {}, [MET, MET]),
        ((1080, 1920), {}, [MET, MET]),
        ((1920, 1080), {"profiles": profiles(1280, 720)}, [MET, MET]),
        ((1600, 1200), {}, [("NOT_MET", "E3", "OPTIONS_UNKNOWN")] * 2),
        ((1920, 960), {"options": options(5120, 2560)}, [("NOT_MET", "E3", "CONFIGURED_LOWER")] * 2),
        ((1280, 720), {"options": options(1280, 720)}, [("NOT_MET", "E3", "INCAPABLE")] * 2),
        ((1280, 720), {"profiles": HD, "options": options(1920, 1080)}, [("NOT_MET", "E3", "STREAM_LOWER")] * 2),
    ],
)
def test_the_decoded_frame_decides(size: tuple[int, int], asked: dict[str, Any], expected: list[Any]) -> None:
    """What was decoded from the main stream stands above what is configured; options name the remedy."""
    if "options" in asked:
        asked = {"encoder_options": asked["options"]} | {k: v for k, v in asked.items() if k != "options"}
    assert verdicts(*size, **asked) == expected


def test_a_sub_stream_proves_nothing_of_the_main_one() -> None:
    """A frame of the sub-stream leaves the configured verdict as it is."""
    assert verdicts(640, 360, source="sub", profiles=HD) == [("MET", "E2", "")] * 2


def test_an_enlarged_picture_is_a_warning() -> None:
    """A picture that looks enlarged is met, with a warning in the proof."""
    evidence = Evidence(slot="one", picture=Seen(value=Picture(source="main", width=1920, height=1080, upscaled=True)))
    verdict = next(v for v in judge(evidence, POLICY) if v.clause is Clause.RESOLUTION_1080P)
    assert verdict.standing == "MET"
    assert any("enlarged" in line for line in verdict.proof)


def test_a_picture_that_could_not_be_had_changes_nothing() -> None:
    """Could not decode is no evidence."""
    evidence = Evidence(slot="one", picture=NotSeen(reason=Reason.TIMED_OUT), capabilities=Capabilities(profiles=HD))
    verdict = next(v for v in judge(evidence, POLICY) if v.clause is Clause.RESOLUTION_1080P)
    assert (verdict.standing, verdict.level) == ("MET", "E2")
