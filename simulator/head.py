"""Where a camera's head, zoom and focus stand at any time: each a function of time that commands change.

Pure: time comes in as monotonic seconds. It must not know ONVIF's spaces, nor how a picture is made.
"""

from typing import NamedTuple

NEVER = float("inf")


class Leg(NamedTuple):
    """From `since` to `until` (seconds) at `speed` (units a second), beginning at `start`."""

    since: float
    start: float
    speed: float = 0.0
    until: float = 0.0


class Axis:
    """One motor between two stops, or `endless` (then its position counts on beyond them).

    A command that takes effect later than another replaces it from then on: a delayed one is a command like any.
    """

    def __init__(self, low: float, high: float, home: float, *, endless: bool = False) -> None:
        self.low, self.high, self.endless = min(low, high), max(low, high), endless
        self.home = home
        self._legs = [Leg(-NEVER, home)]

    def at(self, now: float) -> float:
        """The position at a time."""
        leg = self._leg(now)
        if not leg.speed:
            return leg.start
        return self._within(leg.start + leg.speed * (min(now, leg.until) - leg.since))

    def moving(self, now: float) -> bool:
        """Whether it turns at this moment; at a stop it does not."""
        leg = self._leg(now)
        if not leg.speed or now >= leg.until:
            return False
        return self.endless or self.at(now) != (self.high if leg.speed > 0 else self.low)

    def run(self, speed: float, now: float, until: float = NEVER) -> None:
        """Turn at `speed` units a second; 0 = stop."""
        self._legs = [*[leg for leg in self._legs if leg.since < now][-4:], Leg(now, self.at(now), speed, until)]

    def go(self, target: float, speed: float, now: float) -> None:
        """Turn to a position, no further than the stop."""
        way = self._within(target) - self.at(now)
        self.run(speed if way > 0 else -speed, now, now + abs(way) / speed)

    def _leg(self, now: float) -> Leg:
        return next((leg for leg in reversed(self._legs) if leg.since <= now), self._legs[0])

    def _within(self, position: float) -> float:
        return position if self.endless else min(max(position, self.low), self.high)


class Pose(NamedTuple):
    """Degrees clockwise and up, share of the zoom's way (or magnification, >= 1), focus motor 0..1."""

    pan: float
    tilt: float
    zoom: float
    focus: float
