"""Child only: the way back to the view before: the preset that keeps the place, the position, the focus."""

import time
from collections.abc import Callable
from functools import partial

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net.snapshot import Snapshots
from agent.ask.ptz import detail, registration
from agent.ask.ptz.commands import PtzClient, motors_of
from agent.ask.ptz.intent import Intent
from agent.ask.ptz.settle import Faults, quietly, settle
from agent.ask.ptz.sweep_geometry import STILL
from agent.ask.ptz.viewfinder import TimedFrame, Viewfinder
from agent.ask.ptz.zoom_focus import FocusKept, restore_focus
from agent.model import Camera, PtzStatus

BACK = 0.03
"""A view is the view before when things are so near to where they were (in widths), and as large."""
KNOWN_AGAIN = 0.4
"""And found again in so many of the places that show anything: a name written into the picture is a few of them."""
SHARP = 0.7
"""And its sharpness is so much of what it was."""
TRAVEL_S = 20.0
"""For one way back."""
ARRIVED_S = 1.5
"""A head that stands so long has arrived, wherever that is."""
DELAY_S = 1.0
"""A head may begin so long after the command."""
SETTLE_S = 15.0


class RestorePath:
    """The ways back of one camera while we can see it."""

    def __init__(self, finder: Viewfinder, ptz: PtzClient, before: TimedFrame, intent: Intent, faults: Faults) -> None:
        self._finder, self._ptz, self._before, self._intent, self._faults = finder, ptz, before, intent, faults
        self._tiles = detail.telling(before.frame)
        self._sharp = detail.sharpness(before.frame, self._tiles)

    @property
    def known(self) -> bool:
        """Whether head and zoom can come back at all."""
        return bool(self._intent.preset) or self._position is not None

    @property
    def focus(self) -> FocusKept:
        return FocusKept(self._intent.autofocus, self._intent.focus)

    def back(self) -> bool:
        """Go back by each way in turn until the view is the view before. Raises nothing: False is the answer then."""
        try:
            return self._back()
        except Trouble:
            quietly(self._ptz.stop)
            return False

    def _back(self) -> bool:
        settle(self._finder, self._ptz, self._faults)
        ways = self._ways()
        # in a room that repeats itself a head that was turned sees the view before at places where it never stood
        returned = not (ways and self._ptz.moved) and self._is_before(self._finder.look())
        for way in ways:
            if returned:
                break
            quietly(way)
            returned = self._arrives()
        self._ptz.moved = self._ptz.moved and not returned
        return returned and self._in_focus()

    def forget(self) -> None:
        """Take the temporary preset away: only once nothing is left to come back for."""
        if self._intent.preset:
            quietly(lambda: self._ptz.remove_preset(self._intent.preset))

    def _ways(self) -> list[Callable[[], None]]:
        ways: list[Callable[[], None]] = []
        if self._intent.preset:
            ways.append(lambda: self._ptz.goto_preset(self._intent.preset))
        if place := self._position:
            ways.append(lambda: self._ptz.absolute_move(place))
        return ways

    @property
    def _position(self) -> PtzStatus | None:
        return self._intent.position if self._ptz.motors.positions else None

    def _arrives(self) -> bool:
        """Whether the view becomes the view before, once the head has had time to begin; watched until then."""
        sent_s = stood_s = time.monotonic()
        until_s, last = sent_s + TRAVEL_S, self._finder.look()
        while time.monotonic() < until_s:
            now = self._finder.look()
            found = self._finder.overlay.match(last.view, now.view)
            if found is None or found.moved > STILL:
                stood_s = now.at_s
            elif now.at_s > sent_s + DELAY_S and self._is_before(now):
                return True
            elif now.at_s - stood_s > ARRIVED_S:
                return False
            last = now
        return False

    def _is_before(self, now: TimedFrame) -> bool:
        found = self._finder.overlay.match(self._before.view, now.view)
        if found is None or found.covered < KNOWN_AGAIN:
            return False
        return found.moved <= BACK and abs(found.scale - 1.0) <= BACK

    def _in_focus(self) -> bool:
        """Whether the picture is as sharp as before; zoom and turn let an autofocus search for a while."""
        until_s = time.monotonic() + SETTLE_S
        while detail.sharpness(self._finder.look().frame, self._tiles) < SHARP * self._sharp:
            if time.monotonic() > until_s:
                return False
        return True


# ---- nobody knows the view of before ------------------------------------------------------------


def put_back(camera: Camera, intent: Intent, within_s: float, begun: Callable[[PtzClient], None]) -> bool:
    """Put a camera back that somebody left in the middle of a movement.

    Returns whether the camera took the commands, stands and, where it tells its position, stands where it stood.
    """
    deadline = Deadline(within_s)
    ptz = PtzClient(camera, motors_of(intent), auth=intent.auth, deadline=deadline)
    begun(ptz)
    try:
        ptz.set_clock()
        return _put_back(ptz, intent, partial(_rests, camera, ptz, intent.profile, deadline))
    except Trouble:
        return False
    finally:
        ptz.close()


def _put_back(ptz: PtzClient, intent: Intent, rests: Callable[[], None]) -> bool:
    if intent.source:
        restore_focus(ptz, FocusKept(intent.autofocus, intent.focus))
    if not intent.profile:
        return True
    quietly(ptz.stop)
    ways: list[Callable[[], None]] = [partial(ptz.goto_preset, intent.preset)] if intent.preset else []
    if intent.position:
        ways.append(partial(ptz.absolute_move, intent.position))
    for way in ways:
        try:
            way()
        except Trouble:
            continue
        rests()
        if _stands_there(ptz, intent.position):
            if intent.preset:
                quietly(partial(ptz.remove_preset, intent.preset))
            return True
    return not ways


def _rests(camera: Camera, ptz: PtzClient, profile: str, deadline: Deadline) -> None:
    """Wait until the picture stands still; where there is none, as long as the longest way takes."""
    began_s = time.monotonic()
    try:
        finder = Viewfinder(Snapshots(camera, ptz.snapshot_place(profile), log_in=ptz.snapshots), deadline)
        last, stood_s = finder.look(), began_s + DELAY_S
        while last.at_s < began_s + TRAVEL_S:
            now = finder.look()
            found = registration.match(last.view, now.view)
            if found is None or found.moved > STILL:
                stood_s = max(stood_s, now.at_s)
            elif now.at_s - stood_s > ARRIVED_S:
                return
            last = now
    except Trouble:
        time.sleep(max(0.0, min(began_s + TRAVEL_S - time.monotonic(), deadline.left())))


def _stands_there(ptz: PtzClient, place: PtzStatus | None) -> bool:
    """Whether the head reports the place where it stood; one that reports none is believed on its answer."""
    now = ptz.status() if place else None
    if place is None or now is None:
        return True
    return all(_near(a, b) for a, b in ((now.pan, place.pan), (now.tilt, place.tilt), (now.zoom, place.zoom)))


def _near(a: float | None, b: float | None) -> bool:
    return a is None or b is None or abs(a - b) <= max(0.01, 0.01 * abs(b))
