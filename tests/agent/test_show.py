"""What `status` shows of a picture."""

import pytest

from agent.show import picture_words
from agent.status import FaultStatus, PictureStatus
from contract.reasons import Finding
from contract.vocabulary import Reason

AT_MS = 1_800_000_000_000  # 2027-01-15 16:00 in Shanghai


@pytest.mark.parametrize(
    ("picture", "zh", "en"),
    [
        (PictureStatus(), "-", "-"),
        (PictureStatus(sound=True, seen_ms=AT_MS), "[green]完好[/]", "[green]sound[/]"),
        (
            PictureStatus(
                sound=False,
                faults=(FaultStatus(fault="blur", since_ms=AT_MS), FaultStatus(fault="ptz", since_ms=AT_MS + 60_000)),
            ),
            "[yellow]模糊 01-15 16:00 起，云台失控 01-15 16:01 起[/]",
            "[yellow]blurred since 01-15 16:00, PTZ out of control since 01-15 16:01[/]",
        ),
    ],
)
def test_each_fault_stands_with_its_beginning(picture: PictureStatus, zh: str, en: str) -> None:
    """Sound, or every fault that lasts with the Shanghai time it began; "-" while too few visits showed a picture."""
    assert (picture_words(picture, AT_MS, "zh"), picture_words(picture, AT_MS, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("picture", "en"),
    [
        (
            PictureStatus(reason=Reason.TIMED_OUT, detail="no keyframe in time", finding=Finding.NO_KEYFRAME),
            "no picture: no keyframe in time",
        ),
        (PictureStatus(sound=True, seen_ms=AT_MS - 60_000, reason=Reason.BUSY), "[green]sound[/]"),
        (
            PictureStatus(sound=True, seen_ms=AT_MS - 7_200_000, old=True, reason=Reason.BUSY),
            "no picture: busy [bright_black]sound (2 h ago)[/]",
        ),
        (PictureStatus(sound=True, seen_ms=AT_MS - 780_000, old=True), "[bright_black]sound (13 min ago)[/]"),
    ],
)
def test_a_picture_not_had_lately_is_gray_with_its_age(picture: PictureStatus, en: str) -> None:
    """Why no picture could be had stands first; one visit that shows nothing takes nothing from what is known."""
    assert picture_words(picture, AT_MS, "en") == en
