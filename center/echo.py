"""The center judges itself: an echo, sent through the broker to itself, queues behind all that waits to be read (N7).

While it comes back late the center was not up: then a gateway's silence is not the gateway's. Pure: `now_s` is a clock
that never jumps, `at_ms` UTC. How the echo travels must not be known here.
"""

EVERY_S = 10.0
LATE_S = 10.0


class Echo:
    """`up_since_ms`: since when it has come back in time; None while it does not."""

    def __init__(self) -> None:
        self._sent: dict[str, tuple[float, int]] = {}
        self.up_since_ms: int | None = None

    def sent(self, name: str, now_s: float, at_ms: int) -> None:
        self._sent[name] = (now_s, at_ms)

    def heard(self, name: str, now_s: float, at_ms: int) -> None:
        """As the socket is read. A late one ends the time in which the center was up, the next prompt one begins it."""
        found = self._sent.pop(name, None)
        if found is None:
            return
        if now_s - found[0] > LATE_S:
            self.lost()
        elif self.up_since_ms is None:
            self.up_since_ms = at_ms

    def up_to_ms(self, now_s: float, at_ms: int) -> int | None:
        """Up to when the center is known to have heard in time; None while it does not."""
        if any(now_s - sent_s > LATE_S for sent_s, _ in self._sent.values()):
            self.up_since_ms = None
        if self.up_since_ms is None:
            return None
        return max(self.up_since_ms, min([at_ms, *(sent_ms for _, sent_ms in self._sent.values())]))

    def lost(self) -> None:
        """Nothing that is under way counts any more."""
        self._sent.clear()
        self.up_since_ms = None
