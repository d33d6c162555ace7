"""A camera's motors: pan, tilt, zoom and focus, their presets and bad habits, in degrees and magnification.

It must not know in which space a command was given.
"""

import random
from collections.abc import Callable

from simulator.head import Axis, Pose
from simulator.persona import Persona, Quirk

HOME_TILT = -15.0
IN_FOCUS = 0.5
"""Where the focus motor stands when the picture is sharp."""
ZOOM_SPEED, FOCUS_SPEED = 0.5, 0.5
"""Of the whole way, a second, at full speed."""
DRIFT = 1.0
"""Degrees a second of a head that drifts."""


class Mount:
    """`delay_s`: a command takes effect up to that long after it came; `seed`: of the delays."""

    def __init__(self, persona: Persona | None, clock: Callable[[], float], seed: int, delay_s: float) -> None:
        body = persona.body if persona else None
        self._quirks = persona.quirks if persona else ()
        self._clock, self._delay_s, self._random, self._effect = clock, delay_s, random.Random(seed), 0.0
        self.body = body
        low, high = ends(body.pan) if body else (0.0, 0.0)
        bottom, top = ends(body.tilt) if body else (-90.0, 90.0)
        home = 0.0 if low <= 0 <= high else (low + high) / 2
        self.pan = Axis(low, high, home, endless=body is not None and body.endless)
        self.tilt = Axis(bottom, top, HOME_TILT)
        self.zoom = Axis(0.0, 1.0, 0.0)
        self.focus = Axis(0.0, 1.0, IN_FOCUS)
        self.autofocus = True
        self.presets: dict[str, tuple[str, tuple[float, float, float]]] = {}
        if Quirk.DRIFTS in self._quirks:
            self.pan.run(DRIFT, clock())

    # -- commands ---------------------------------------------------------------------------------

    def run(self, pan: float, tilt: float, zoom: float, timeout_s: float) -> None:
        """Turn at degrees a second (zoom: ways a second) until told otherwise, `timeout_s` at most."""
        at = self._when()
        if Quirk.MOVES_IGNORED in self._quirks or (Quirk.STOP_IGNORED in self._quirks and not (pan or tilt or zoom)):
            return
        sign = -1 if Quirk.MIRRORED in self._quirks else 1
        for axis, speed in ((self.pan, sign * pan), (self.tilt, sign * tilt), (self.zoom, zoom)):
            if speed or axis.moving(at):
                axis.run(speed, at, at + timeout_s)

    def stop(self, *, turning: bool, zooming: bool) -> None:
        at = self._when()
        if Quirk.STOP_IGNORED in self._quirks:
            return
        for axis in [self.pan, self.tilt] * turning + [self.zoom] * zooming:
            if axis.moving(at):
                axis.run(0.0, at)

    def go(self, pan: float | None, tilt: float | None, zoom: float | None, share: float = 1.0) -> None:
        """Turn to a position; None = leave that axis. `share` of full speed."""
        at = self._when()
        if Quirk.MOVES_IGNORED in self._quirks or self.body is None:
            return
        if pan is not None:
            self.pan.go(self._nearest(pan, at), self.body.pan_speed * share, at)
        if tilt is not None:
            self.tilt.go(tilt, self.body.tilt_speed * share, at)
        if zoom is not None:
            self.zoom.go(zoom, ZOOM_SPEED * share, at)

    def shift(self, pan: float, tilt: float, zoom: float, share: float = 1.0) -> None:
        """Turn by so much."""
        now, sign = self._clock(), -1 if Quirk.MIRRORED in self._quirks else 1
        targets = [axis.at(now) + by for axis, by in ((self.pan, sign * pan), (self.tilt, sign * tilt))]
        self.go(
            targets[0] if pan else None, targets[1] if tilt else None, self.zoom.at(now) + zoom if zoom else None, share
        )

    def _nearest(self, pan: float, at: float) -> float:
        """An endless head takes the shorter way."""
        if not self.pan.endless:
            return pan
        here = self.pan.at(at)
        return here + (pan - here + 180.0) % 360.0 - 180.0

    def _when(self) -> float:
        """When a command given now takes effect; never before an earlier one."""
        self._effect = max(self._effect, self._clock() + self._random.uniform(0.0, self._delay_s))
        return self._effect

    # -- focus ------------------------------------------------------------------------------------

    def focus_to(self, position: float, share: float = 1.0) -> None:
        """A move "will turn off the autofocus" (ONVIF Imaging, Move)."""
        self.autofocus = False
        if Quirk.FOCUS_DEAD not in self._quirks:
            self.focus.go(position, FOCUS_SPEED * share, self._when())

    def focus_run(self, speed: float) -> None:
        self.autofocus = False
        if Quirk.FOCUS_DEAD not in self._quirks:
            self.focus.run(speed * FOCUS_SPEED, self._when())

    def focus_stop(self) -> None:
        self.focus.run(0.0, self._when())

    def set_autofocus(self, on: bool) -> None:
        """Switched on, it finds its way back within a second."""
        self.autofocus = on
        if on:
            self.focus.go(IN_FOCUS, FOCUS_SPEED, self._when())

    # -- where it stands --------------------------------------------------------------------------

    def moving(self, now: float) -> bool:
        return any(axis.moving(now) for axis in (self.pan, self.tilt, self.zoom, self.focus))

    def claimed(self, now: float) -> Pose:
        """The pose that the motors report."""
        pan = self.pan.at(now)
        if self.pan.endless:
            pan = (pan + 180.0) % 360.0 - 180.0
        return Pose(pan, self.tilt.at(now), self.zoom.at(now), self.focus.at(now))

    def pose(self, now: float) -> Pose:
        """The pose that the picture shows; zoom as magnification."""
        if Quirk.PRETENDS in self._quirks:
            return Pose(self.pan.home, HOME_TILT, 1.0, IN_FOCUS)
        way = self.claimed(now)
        most = self.body.zoom if self.body else 1.0
        return way._replace(zoom=most**way.zoom)


def ends(text: str) -> tuple[float, float]:
    low, high = map(float, text.split(".."))
    return low, high
