"""Geometry of pictures, on pictures of a made-up room seen through a made-up lens."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from agent.ask.ptz import registration
from agent.ask.ptz.overlay import Overlay
from agent.ask.ptz.sweep_geometry import BLIND_VIEWS, STILL_S, Sweep
from simulator.kitchen.darkroom import develop
from simulator.shot import Shot
from tests.agent.ask.ptz import panorama

FOV = 60.0


def seen(pan: float, seed: int = 0, *, fov: float = FOV, tilt: float = 0.0) -> registration.View:
    clock = f"2026-11-23 11:22:{seed % 60:02d}"
    return registration.view(panorama.look(pan, seed=seed, letters=clock, fov=fov, tilt=tilt))


def swept(pans: Sequence[float], *, fov: float = FOV, tilt: float = 0.0) -> Sweep:
    sweep = Sweep(seen(pans[0], fov=fov, tilt=tilt), 0.0, Overlay())
    for number, pan in enumerate(pans[1:], 1):
        sweep.add(seen(pan, number, fov=fov, tilt=tilt), number * 0.3)
    return sweep


def way(start: float, span: float, fov: float = FOV) -> list[float]:
    """Pans of a sweep with a stop at its end."""
    return [*np.clip(np.arange(start, start + span + 0.2 * fov, 0.2 * fov), start, start + span), *[start + span] * 5]


def test_shift_and_scale_of_two_views() -> None:
    """A camera turned right moves things left; zooming in makes them larger; the same view has moved nowhere."""
    start = seen(20)
    right = registration.match(start, seen(30, 1))
    assert right
    expected = -0.5 * np.tan(np.radians(10)) / np.tan(np.radians(30))
    assert right.moves.mean(axis=0) == pytest.approx([expected, 0.0], abs=0.02)
    assert right.moved == pytest.approx(-expected, abs=0.02)
    zoomed = registration.match(start, seen(20, 2, fov=2 * np.degrees(np.arctan(np.tan(np.radians(30)) / 1.6))))
    assert zoomed
    assert zoomed.scale == pytest.approx(1.6, abs=0.02)
    same = registration.match(start, seen(20, 3))
    assert same
    assert same.moved < 0.002


def test_views_without_common_things_do_not_match() -> None:
    """Another corner of the room, a blank wall and pure noise match nothing, clock overlay and like tiles or not."""
    start = seen(20)
    blank = registration.view(np.full((360, 640, 3), 128, np.uint8))
    noise = registration.view(np.random.default_rng(1).integers(0, 255, (360, 640, 3)).astype(np.uint8))
    assert registration.match(start, seen(140, 1)) is None
    assert registration.match(start, blank) is None
    assert registration.match(blank, blank) is None
    assert registration.match(start, noise) is None


@pytest.mark.parametrize(("fov", "tilt"), [(25.0, 0.0), (60.0, -25.0), (95.0, -15.0)])
def test_the_lens_is_found_from_the_turns_themselves(fov: float, tilt: float) -> None:
    """Field of view within 4 % and angles within 3 %, whatever the tilt, with nothing known beforehand."""
    shots = [seen(pan, n, fov=fov, tilt=tilt) for n, pan in enumerate(np.arange(0, 8 * 0.2 * fov, 0.2 * fov))]
    turns = [registration.fit_rotation(m) for a, b in pairwise(shots) if (m := registration.match(a, b))]
    lens = registration.lens(turns)
    assert lens
    assert len(turns) == len(shots) - 1
    assert lens.fov_deg == pytest.approx(fov, rel=0.04)
    total = sum(float(np.linalg.norm(registration.at(one.vectors, lens.row))) for one in turns)
    assert total == pytest.approx(0.2 * fov * len(turns), rel=0.03)


def test_no_turns_no_lens() -> None:
    """Without a turn nothing is known of the lens."""
    assert registration.lens([]) is None


@cache
def _end(span: float, fov: float = FOV) -> tuple[Sweep, registration.Lens]:
    sweep = swept(way(7.0, span, fov), fov=fov, tilt=-15.0)
    lens = registration.lens(sweep.fits)
    assert lens
    return sweep, lens


@pytest.mark.parametrize("span", [355.0, 340.0])
def test_views_at_both_stops_overlap(span: float) -> None:
    """A lens of 60° sees across the gap of a 355° and of a 340° head, and tells their span to a degree."""
    sweep, lens = _end(span)
    assert sweep.closed(lens) == pytest.approx(span, abs=1.0)
    assert sweep.recurred(lens) is None


@pytest.mark.parametrize(("span", "fov", "covers"), [(340.0, 60.0, True), (335.0, 20.0, False), (180.0, 60.0, False)])
def test_what_lens_and_head_see_together(span: float, fov: float, *, covers: bool) -> None:
    """All around or not is told from turn and lens alone too, whatever hides the overlap of the views."""
    sweep, lens = _end(span, fov)
    assert sweep.covers(lens) is covers


@pytest.mark.parametrize(("span", "fov"), [(180.0, 60.0), (90.0, 60.0), (335.0, 20.0)])
def test_a_span_without_overlap_is_measured(span: float, fov: float) -> None:
    """Where the stops' views do not overlap the span is measured, within the error it claims."""
    sweep, lens = _end(span, fov)
    assert sweep.closed(lens) is None
    assert sweep.recurred(lens) is None
    assert abs(sweep.turned(lens.row) - span) <= sweep.error_deg(lens) <= 0.12 * span


def test_the_start_recurs_only_when_passed() -> None:
    """An endless head passes its start; one that stops just short of it does not."""
    pans = list(np.arange(7.0, 7.0 + 360.0 + 13.0, 12.0))
    lens = registration.lens((passed := swept(pans)).fits)
    assert lens
    assert passed.recurred(lens) == pytest.approx(pans[-1] - 7.0, abs=1.5)
    lens = registration.lens((short := swept(way(7.0, 358.0))).fits)
    assert lens
    assert short.recurred(lens) is None


def test_a_start_that_was_missed_is_found_the_next_time_round() -> None:
    """With few pictures a second the start may slip by; the second time is as good."""
    twice = swept([7.0 + 21.0 * step for step in range(36)])
    lens = registration.lens(twice.fits)
    assert lens
    assert twice.recurred(lens) == pytest.approx(35 * 21.0, abs=1.5)


def test_a_head_that_stands_is_seen_to_stand() -> None:
    """Standing is told from turning within STILL_S, and from seeing nothing."""
    sweep = swept([20.0] * 6)
    assert sweep.still_s(1.5) >= STILL_S
    assert not sweep.moved
    sweep.add(seen(30, 9), 1.8)
    assert sweep.moved
    assert sweep.still_s(1.8) == 0.0
    sweep.add(registration.view(np.full((360, 640, 3), 128, np.uint8)), 2.1)
    assert sweep.still_s(3.0) == 0.0
    assert sweep.blind_s(3.0) == pytest.approx(1.2)


def test_a_head_is_lost_from_sight_after_some_time_and_some_pictures() -> None:
    """Few pictures in a long time, as on a busy box, do not say so, nor many in a short one; a match ends it."""
    blank = registration.view(np.full((360, 640, 3), 128, np.uint8))
    slow, quick = swept([20.0] * 2), swept([20.0] * 2)
    for number in range(1, 30):
        slow.add(blank, 2.0 * number)
        quick.add(blank, 0.3 + 0.25 * number)
        assert slow.lost(2.0 * number, 6.0) == (number >= BLIND_VIEWS)
        assert quick.lost(0.3 + 0.25 * number, 6.0) == (0.25 * number > 6.0)
    slow.add(seen(20, 9), 50.0)
    assert not slow.lost(60.0, 6.0)


def test_a_gap_in_the_chain_widens_the_error() -> None:
    """Pictures lost on the way are bridged at the pace of the rest, and the error says so."""
    pans = way(7.0, 180.0)
    whole, gapped = swept(pans), swept([*pans[:5], *pans[9:]])
    lens = registration.lens(gapped.fits)
    assert lens
    assert gapped.gaps
    assert gapped.error_deg(lens) > whole.error_deg(lens) + 1.0


@pytest.mark.parametrize(("bent", "fov"), [(0.0, 60.0), (0.0, 90.0), (0.05, 60.0), (0.15, 90.0)])
def test_a_lens_that_bends_lines_makes_no_angle_wrong_by_more_than_is_said(bent: float, fov: float) -> None:
    """A span through a bent lens, which seems a fifth too small, is measured within the error it claims."""
    pans = way(7.0, 200.0, fov)
    shots = [registration.view(panorama.look(pan, fov=fov, bent=bent, seed=n)) for n, pan in enumerate(pans)]
    sweep = Sweep(shots[0], 0.0, Overlay())
    for number, shot in enumerate(shots[1:], 1):
        sweep.add(shot, 0.3 * number)
    sweep.straighten(registration.bend(sweep.matches)[0])
    lens = registration.lens(sweep.fits)
    assert lens
    assert sweep.turned(lens.row) == pytest.approx(200.0, abs=sweep.error_deg(lens))
    assert sweep.error_deg(lens) < 0.12 * 200
    assert (sweep.bent >= 0.1) is (bent == 0.15)


def test_what_is_no_jpeg_is_no_frame() -> None:
    """Junk decodes to nothing."""
    assert registration.decoded(b"\xff\xd8 not really") is None


@pytest.mark.parametrize(
    ("scene", "noise", "pan", "since_key"),
    [("window-light", 4.0, 300.0, 10.0), ("window-light", 4.0, 180.0, 8.0), ("steam", 1.0, 120.0, 10.0)],
)
def test_a_head_at_its_stop_is_seen_to_stand_far_from_the_key_view(
    scene: str, noise: float, pan: float, since_key: float
) -> None:
    """Noise, steam and people are no movement, though half of the key view is out of sight."""

    def seen(pan: float, step: int) -> registration.View:
        stamp = "2026-11-23 12:00:00"
        shot = Shot(pan=pan, scene=scene, noise=noise, seed=1 + step, stamp=stamp)
        return registration.view(
            np.ascontiguousarray(np.asarray(develop(shot, 640, 360, 0.13 + 0.02 * step), np.uint8)[..., ::-1])
        )

    sweep = Sweep(seen(pan - since_key, 0), 0.0, Overlay())
    for step in range(1, 13):
        sweep.add(seen(pan, step), 0.25 * step)
    assert sweep.moved
    assert sweep.still_s(3.0) == 2.75


def test_a_room_that_repeats_itself_turns_no_head_back() -> None:
    """Where one stretch of wall looks like the next, what would be a step back is none."""
    period = 30.0
    pans = [*np.arange(0.0, 150.0, 9.0), 150.0, 150.0]
    shots = [registration.view(panorama.look(pan % period + 40.0, seed=n)) for n, pan in enumerate(pans)]
    sweep = Sweep(shots[0], 0.0, Overlay())
    for number, shot in enumerate(shots[1:], 1):
        sweep.add(shot, 0.25 * number)
    lens = registration.lens(sweep.fits)
    assert lens
    assert sweep.turned(lens.row) == pytest.approx(150.0, abs=sweep.error_deg(lens))
