"""Child only: how a head got on in one sweep, by what it was told and by where it says it stands. Pure.

What the picture shows is not known here: where it shows nothing (a plain wall), this is all there is.
"""

from itertools import pairwise

import numpy as np

_REST = 0.1
"""A head stands that comes no farther than such a share of what its way so far would lead to expect."""
_BACK = 0.02
"""Share of all that was said by which a position may seem to go back, as rounding does."""


class Course:
    """Of one sweep; times in monotonic seconds, positions in the camera's own unit."""

    def __init__(self) -> None:
        self._told: list[tuple[float, float]] = []
        self._said: list[tuple[float, float]] = []

    def told(self, share: float, at_s: float) -> None:
        """From now on the head is told to turn at this share of its full speed."""
        self._told.append((at_s, share))

    def said(self, pan: float, at_s: float) -> None:
        """GetStatus gave this position."""
        self._said.append((at_s, pan))

    def effort(self, from_s: float, to_s: float) -> float:
        """Seconds at full speed that the commands between the two times add up to; where none is known, the seconds."""
        if not self._told:
            return to_s - from_s
        ends = [*self._told[1:], (max(to_s, self._told[-1][0]), 0.0)]
        legs = zip(self._told, ends, strict=True)
        return sum(share * max(min(end, to_s) - max(at, from_s), 0.0) for (at, share), (end, _) in legs)

    def way(self, from_s: float, to_s: float) -> float | None:
        """How far the position changed, without sign; None where none tells: too few, or they went to and fro."""
        steps = np.diff([pan for _, pan in self._said])
        if len(steps) < 2 or to_s > self._said[-1][0] + 1.0:
            return None
        whole = float(steps.sum())
        if not whole or min(steps * np.sign(whole)) < -_BACK * abs(whole):
            return None
        times, pans = np.transpose(self._said)
        return abs(float(np.interp(to_s, times, pans) - np.interp(from_s, times, pans)))

    def stood_s(self, at_s: float) -> float:
        """How long the head has said that it stands, having said that it moved; 0 where it does not say."""
        if not self._said:
            return 0.0
        began_s = self._said[0][0]
        whole = self.way(began_s, at_s)
        if not whole:
            return 0.0
        since_s = at_s
        for (before_s, before), (after_s, after) in list(pairwise(self._said))[::-1]:
            due = whole * self.effort(before_s, after_s) / max(self.effort(began_s, at_s), 1e-9)
            if abs(after - before) > _REST * due:
                break
            since_s = before_s
        return at_s - since_s
