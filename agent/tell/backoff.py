"""How long to wait before the next attempt to reach the broker. Pure.

The wait grows with the time that the line has been away. After a short refusal a box tries again soon; after a long
absence of the broker the boxes of a whole country come back spread over minutes. While nobody answers, a box takes its
own uplink for the cause during the first ten minutes and tries every few seconds: that costs nobody anything.
"""

from collections.abc import Callable

SHORTEST_S, LONGEST_S = 8.0, 300.0
SHARE = 0.25
SILENT_S, OWN_UPLINK_S = 3.0, 600.0
"""An attempt takes 6 s at most: so a box is back within 10 s after its uplink is."""
STEADY_S = 5.0
"""A shorter connection does not shorten the wait: a box that is thrown out at once must not hammer the broker."""
IDENTITY_S = 60.0
"""The longest wait is at least this while another box uses our identity; it doubles each time we are thrown out."""


class Backoff:
    """Times are seconds of a monotonic clock; `jitter` gives numbers in 0..1, evenly."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._away_since: float | None = None
        self._thrown_out = 0

    def lived(self, seconds: float, now: float) -> None:
        """A connection ended that had lasted so long."""
        if seconds >= STEADY_S or self._away_since is None:
            self._away_since = now

    def thrown_out(self) -> None:
        """Somebody with our identity took our place."""
        self._thrown_out += 1

    def undisturbed(self) -> None:
        self._thrown_out = 0

    def delay_s(self, now: float, *, silent: bool) -> float:
        """To wait before the next attempt. `silent`: at the last one nobody answered."""
        self._away_since = now if self._away_since is None else self._away_since
        away_s = now - self._away_since
        bound = max(SILENT_S, (away_s - OWN_UPLINK_S) * SHARE) if silent else max(SHORTEST_S, away_s * SHARE)
        if self._thrown_out:
            bound = max(bound, IDENTITY_S * 2 ** min(self._thrown_out - 1, 10))
        return min(LONGEST_S, bound) * (0.1 + 0.9 * self._jitter())
