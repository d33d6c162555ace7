"""Zoom and focus measured though pictures are missed on the way, and though it steams."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from agent.ask.attempt import Deadline
from agent.ask.net.snapshot import Snapshots
from agent.ask.ptz import detail, registration, zoom_focus
from agent.ask.ptz.commands import Motors, PtzClient, prepare
from agent.ask.ptz.overlay import Overlay
from agent.ask.ptz.registration import View
from agent.ask.ptz.settle import Faults, settle
from agent.ask.ptz.viewfinder import Viewfinder
from agent.decide import rules_moved
from agent.model import FocusSeen, ZoomSeen
from contract.policy import load_policy
from simulator.canteen import CameraSpec
from simulator.kitchen.darkroom import develop
from simulator.shot import Shot
from simulator.unit import Unit
from tests.agent.ask.onvif import questioned
from tests.support.waiting import PATIENCE_S, until

DETAIL = load_policy("henan-2021-45").capability.min_detail_ratio.value


def seen(zoom: float, phase: float) -> View:
    """A view of the steaming kitchen, at a `phase` (0..1) of what moves in it."""
    shot = Shot(pan=204.0, zoom=zoom, scene="steam", noise=1.0, seed=round(20 * phase), stamp="2026-11-23 12:00:00")
    return registration.view(np.ascontiguousarray(np.asarray(develop(shot, 1280, 720, phase), np.uint8)[..., ::-1]))


def test_growth_is_told_from_the_last_view_where_the_key_view_is_too_far() -> None:
    """A step that is too large from the key view is told from the view seen since."""
    start, between, after = seen(1.0, 0.1), seen(1.19, 0.15), seen(1.65, 0.3)
    growth = zoom_focus.Growth(start, Overlay())
    assert growth.add(after) is None
    assert growth.blind == 1
    growth.add(between)
    assert growth.add(after) == pytest.approx(1.65, rel=0.05)
    assert growth.blind == 0


@pytest.mark.parametrize("zoom", [1.1, 1.2, 1.35, 1.5])
def test_in_steam_the_scale_is_told_to_two_percent_or_not_at_all(zoom: float) -> None:
    """What few points are left give no scale that is bent by a perspective which no zoom has."""
    start, told = seen(1.0, 0.1), 0
    for phase in np.linspace(0.15, 0.9, 8):
        if found := registration.enlarged(start, seen(zoom, float(phase))):
            assert found.scale == pytest.approx(zoom, rel=0.02)
            told += 1
    assert told > 0


class Unhurried:
    """A camera's snapshots, for which any time is allowed; each shows what was to be seen `late_s` before."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self.late_s = 0.0

    def take(self, _: Deadline) -> bytes:
        taken = self._snapshots.take(Deadline(PATIENCE_S))
        time.sleep(self.late_s)
        return taken

    def close(self) -> None:
        self._snapshots.close()


@contextmanager
def ptz_client(persona: str, facing: float) -> Iterator[tuple[Unit, PtzClient, Viewfinder, Unhurried]]:
    """A camera in a steaming kitchen, its motors and its pictures."""
    spec = CameraSpec(slot="stove", persona=persona, scene="steam", facing=facing, seed=3)
    with questioned.enrolled(spec) as (unit, camera, told):
        prepare()
        motors, deadline = Motors(camera, told), Deadline(600.0)  # how long it takes is not asked here
        assert motors.profile
        ptz = PtzClient(camera, motors, auth=told.auth, deadline=deadline)
        ptz.set_clock()
        pictures = Unhurried(Snapshots(camera, ptz.snapshot_place(motors.profile.token)))
        finder = Viewfinder(pictures, deadline)
        yield unit, ptz, finder, pictures
        finder.close()
        ptz.close()


@pytest.mark.parametrize("late_s", [0.0, 2.5])
def test_a_zoom_that_ran_out_of_sight_is_brought_back_into_it(late_s: float) -> None:
    """A lens that has run so far that nothing can be told is zoomed back to where its detail can be compared, also by
    pictures so late that it runs too far back."""
    with ptz_client("ptz-340", 204.0) as (unit, ptz, finder, pictures):
        growth, before = zoom_focus.Growth(finder.look().view, finder.overlay), zoom_focus.average(finder)
        unit.mount.go(None, None, 0.65)
        until(lambda: not unit.mount.moving(unit.clock()))
        gone = unit.mount.pose(unit.clock()).zoom
        assert growth.add(settle(finder, ptz, Faults()).view) is None
        pictures.late_s = late_s
        scale = zoom_focus.seen_again(finder, ptz, +1, growth, Faults(), finder.deadline)
        pictures.late_s = 0.0
        zoomed = unit.mount.pose(unit.clock()).zoom
        assert scale == pytest.approx(zoomed, rel=0.03)
        assert detail.COMPARABLE < zoomed < gone
        found = zoom_focus.compared(before, finder, zoomed)
        assert isinstance(found, ZoomSeen)
        assert found.scale == pytest.approx(zoomed, rel=0.03)
        assert found.detail_ratio >= DETAIL


def test_steam_is_no_focus_that_moves() -> None:
    """Steam takes a fifth of the sharpness and more, and gives it back; no motor did that."""
    with ptz_client("focus-dead", 284.0) as (_, ptz, finder, _pictures):
        kept = zoom_focus.FocusKept(ptz.autofocus(), ptz.focus_position())
        found = zoom_focus.focus(finder, ptz, kept, finder.deadline)
        assert isinstance(found, FocusSeen)
        assert found.moved > rules_moved.UNTOUCHED * found.before
