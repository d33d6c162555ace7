"""What `status` shows of a picture."""

import pytest

from agent.show import picture_words, todo
from agent.status import CameraStatus, FaultStatus, PictureStatus
from contract.reasons import Finding
from contract.vocabulary import Availability, Reason, Rung

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
        (PictureStatus(reason=Reason.UNASKED, detail="no time left for a visit"), "-"),
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


def test_what_mends_a_camera_that_cannot_be_seen_stands_below() -> None:
    """Each remedy once, with all the slots that it is for: busy, and why no picture can be had."""

    def camera(slot: str, reason: Reason | None = None, finding: str = "") -> CameraStatus:
        return CameraStatus(
            slot=slot,
            name="",
            zone="",
            address="192.0.2.1",
            availability=Availability.UNKNOWN if reason else Availability.ONLINE,
            level=Rung.STREAMS,
            reason=reason,
            detail="",
            since_ms=None,
            looked_ms=None,
            late_ms=0,
            skew_s=None,
            stuck=False,
            login_paused=False,
            model="",
            verdicts=(),
            picture=PictureStatus(finding=finding),
        )

    told = [camera("a", Reason.BUSY), camera("b", finding=Finding.NO_KEYFRAME), camera("c", Reason.BUSY), camera("d")]
    busy, seldom = todo(told, "en")
    assert busy.startswith("a, c: ")
    assert "Leave one stream free for the gateway" in busy
    assert seldom.startswith("b: ")
    assert "I-frame interval" in seldom
