"""The way back to the view before, where the view alone does not tell that the head is back."""

import cv2
import pytest

from agent.ask.attempt import Deadline
from agent.ask.ptz.commands import Motors, PtzClient, prepare
from agent.ask.ptz.intent import Intent
from agent.ask.ptz.restore import RestorePath
from agent.ask.ptz.settle import Faults
from agent.ask.ptz.viewfinder import Viewfinder
from simulator.canteen import CameraSpec
from simulator.unit import Unit
from tests.agent.ask.onvif import questioned
from tests.agent.ask.ptz import panorama
from tests.support.waiting import until

PERIOD_DEG = 30.0


class Rows:
    """Pictures of a hall whose tables repeat themselves every PERIOD_DEG, from where the head stands.

    One row ends half a period from where the head stands at first: it comes back a little to the left or the right.
    """

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._seed = 0

    def take(self, _: Deadline) -> bytes:
        self._seed += 1
        pan = self._unit.mount.pose(self._unit.clock()).pan
        seen = panorama.look(40.0 + (pan + PERIOD_DEG / 2) % PERIOD_DEG, seed=self._seed)
        return cv2.imencode(".jpg", seen)[1].tobytes()

    def close(self) -> None: ...


def test_a_head_that_was_turned_goes_back_though_the_view_is_already_the_view_before() -> None:
    """In a hall that repeats itself the view before is seen where the head never stood: that is no way back."""
    with questioned.enrolled(CameraSpec(slot="hall", persona="ptz-200", seed=3)) as (unit, camera, told):
        prepare()
        ptz = PtzClient(camera, Motors(camera, told), auth=told.auth, deadline=Deadline(600.0))
        ptz.set_clock()
        finder = Viewfinder(Rows(unit), ptz.deadline)
        before = finder.look()
        ways = RestorePath(finder, ptz, before, Intent(slot="hall", at=0, preset=ptz.set_preset()), Faults())
        ptz.pan(0.2)
        until(lambda: unit.mount.pose(unit.clock()).pan > 5.0)
        unit.mount.go(2 * PERIOD_DEG, None, None)
        until(lambda: not unit.mount.moving(unit.clock()))
        assert ways.back()
        assert unit.mount.pose(unit.clock()).pan == pytest.approx(0.0, abs=1.0)
        finder.close()
        ptz.close()
