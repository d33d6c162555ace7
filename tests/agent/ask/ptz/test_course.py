"""How a head gets on where nothing is seen: by what it was told, and by where it says it stands."""

import numpy as np
import pytest

from agent.ask.ptz import registration
from agent.ask.ptz.course import Course
from agent.ask.ptz.overlay import Overlay
from agent.ask.ptz.sweep_geometry import STILL_S, Sweep
from tests.agent.ask.ptz import panorama

STEP_DEG, STEP_S = 9.0, 0.3
WALL = registration.view(np.full((360, 640, 3), 200, np.uint8))


def swept(seen_deg: float, unseen_deg: float, *, says: float | None) -> tuple[Sweep, float]:
    """A sweep at one pace over a room, then before a plain wall, where it is told half as brisk, until its stop.

    The time at its end, too. `says`: units of position for each degree; None = the head does not say where it stands.
    """
    course = Course()
    sweep = Sweep(registration.view(panorama.look(0.0)), 0.0, Overlay(), course)
    pan, at_s, share = 0.0, 0.0, 1.0
    course.told(share, 0.0)
    for number in range(1, 200):
        if pan >= seen_deg and share == 1.0:
            course.told(share := 0.5, at_s)
        at_s += STEP_S
        pan = min(pan + share * STEP_DEG, seen_deg + unseen_deg)
        if says is not None:
            course.said(says * pan, at_s)
        view = registration.view(panorama.look(pan, seed=number)) if pan <= seen_deg else WALL
        sweep.add(view, at_s)
        if sweep.stood_s(at_s) > STILL_S or (says is None and pan == seen_deg + unseen_deg):
            break
    return sweep, at_s


@pytest.mark.parametrize("says", [1 / 180, -1 / 170])
def test_a_head_says_when_it_stands_before_a_plain_wall_and_how_far_it_came(says: float) -> None:
    """Positions that went along with the picture are believed where there is none: of the stop and of the gap."""
    sweep, at_s = swept(153.0, 45.0, says=says)
    assert not sweep.ends_where_it_says(at_s + 5.0)  # of a time after the last answer nothing is known
    assert sweep.ends_where_it_says(at_s)
    lens = registration.lens(sweep.fits)
    assert lens
    assert abs(sweep.turned(lens.row) - 198.0) <= sweep.error_deg(lens)
    assert sweep.error_deg(lens) < 25.0


def test_without_positions_a_gap_counts_by_what_the_head_was_told() -> None:
    """Half the speed for twice the time is the same way; the error says that commands are no measure."""
    sweep, _ = swept(153.0, 45.0, says=None)
    sweep.ends_unseen(45.0 / STEP_DEG * STEP_S)
    lens = registration.lens(sweep.fits)
    assert lens
    assert abs(sweep.turned(lens.row) - 198.0) < 20.0
    assert sweep.error_deg(lens) > 22.0


def test_positions_that_do_not_go_along_with_the_picture_are_not_believed() -> None:
    """A position that stays, or goes to and fro, says neither that the head stands nor how far it came."""
    stuck, wild = Course(), Course()
    for second in range(10):
        stuck.said(0.5, second)
        wild.said(float(second % 2), second)
    for course in (stuck, wild):
        assert course.way(0.0, 9.0) is None
        assert course.stood_s(9.0) == 0.0


def test_a_scale_that_ends_is_no_stop() -> None:
    """A head whose positions stay at the end of their scale while the picture goes on turning does not stand."""
    course = Course()
    sweep = Sweep(registration.view(panorama.look(0.0)), 0.0, Overlay(), course)
    for number in range(1, 24):
        pan, at_s = number * STEP_DEG, number * STEP_S
        course.said(min(pan, 150.0), at_s)
        sweep.add(registration.view(panorama.look(pan, seed=number)), at_s)
    assert course.stood_s(at_s) > STILL_S
    assert sweep.stood_s(at_s) == 0.0


def test_effort_is_share_times_time() -> None:
    """What was told is added up as seconds at full speed, from whenever to whenever."""
    course = Course()
    assert course.effort(1.0, 3.0) == 2.0
    course.told(0.5, 0.0)
    course.told(0.0, 4.0)
    course.told(1.0, 5.0)
    assert course.effort(0.0, 6.0) == pytest.approx(3.0)
    assert course.effort(3.0, 4.5) == pytest.approx(0.5)
