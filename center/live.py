"""Until when a moment may still be told in time (N9).

Pure. A line or a center that is down costs no gateway its time to tell; nor does it buy any for what was long past.
"""

from bisect import bisect_left, bisect_right
from itertools import accumulate

from center.intervals import Intervals, total
from center.zero import EVER


class Live:
    """`live`: while the gateway was not dark and the center up. `within_ms`: so much of it may pass before the telling.

    Where line or center were away after the moment, and before that much had passed, as much anew from the return.
    """

    def __init__(self, live: Intervals, within_ms: int) -> None:
        self.within_ms = within_ms
        self._live = live
        self._begins = [begin for begin, _ in live]
        self._passed = [0, *accumulate(end - begin for begin, end in live)]

    def earliest(self, told_ms: int) -> int:
        """The first moment that what is told now is still in time for."""
        i = bisect_right(self._begins, told_ms) - 1
        if i < 0:
            return -EVER
        returned, away = self._live[i]
        until = min(told_ms, away)
        if until - returned > self.within_ms:
            return until - self.within_ms
        left = self._passed[i] - self.within_ms
        if left <= 0:
            return -EVER
        j = bisect_left(self._passed, left) - 1
        return self._begins[j] + left - self._passed[j]

    @property
    def total_ms(self) -> int:
        return total(self._live)
