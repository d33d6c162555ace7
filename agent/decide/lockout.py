"""Keeps our own logins from locking a camera: when another attempt is allowed after a refused one.

Dahua and Hikvision lock an account after a handful of wrong passwords, and then the operator is out as well.
How a login is made, and what the credentials are, must not be known here.
"""

from msgspec import Struct
from msgspec.structs import replace

MINUTE_S, DAY_S = 60.0, 86_400.0
FIRST_PAUSE_S = 30 * MINUTE_S
MAX_REFUSED_A_DAY = 3
FEW_LEFT = 5
"""A camera that says so few attempts are left before it locks is left alone for a day."""


class Guard(Struct, frozen=True, kw_only=True):
    """Logins refused to one pair of credentials at one camera; serialisable. A login that works ends its guard.

    All times are seconds of the caller's clock. `refused_at`: the last refusals, oldest first. `in_a_row`: how many
    there were. `wait_s`: the pause after the last. `fingerprint`: tells these credentials from others.
    """

    refused_at: tuple[float, ...] = ()
    in_a_row: int = 0
    wait_s: float = 0.0
    fingerprint: str = ""

    def may_log_in(self, now_s: float, fingerprint: str = "") -> bool:
        """Whether a login may be tried; credentials that are not those refused always may."""
        return fingerprint != self.fingerprint or self.at(now_s).waits_s(now_s) <= 0

    def waits_s(self, now_s: float) -> float:
        """Seconds until the next attempt is allowed; 0 when it is. `now_s` is not before the last refusal: see `at`."""
        if not self.refused_at:
            return 0.0
        ends = [self.refused_at[-1] + self.wait_s]
        if len(self.refused_at) >= MAX_REFUSED_A_DAY:
            ends.append(self.refused_at[-MAX_REFUSED_A_DAY] + DAY_S)
        return max(0.0, max(ends) - now_s)

    def at(self, now_s: float) -> "Guard":
        """The guard by a clock that says `now_s`: where it was set back behind the last refusal, as if that were now.

        The pause begins anew. Ending it would grant an attempt at each setting back, waiting for the old time to come
        again could take years.
        """
        back = self.refused_at[-1] - now_s if self.refused_at else 0.0
        return replace(self, refused_at=tuple(at - back for at in self.refused_at)) if back > 0 else self

    def after(self, logins_failed: int, attempts_left: int | None, now_s: float, fingerprint: str = "") -> "Guard":
        """The guard after a visit that met `logins_failed` refusals with these credentials.

        A visit without a refusal changes nothing: an unplugged camera has forgiven nothing.
        """
        if not logins_failed:
            return self
        before = self if fingerprint == self.fingerprint else Guard(fingerprint=fingerprint)
        in_a_row = before.in_a_row + logins_failed
        few = attempts_left is not None and attempts_left <= FEW_LEFT
        return Guard(
            refused_at=(*before.refused_at, *[now_s] * logins_failed)[-MAX_REFUSED_A_DAY:],
            in_a_row=in_a_row,
            wait_s=DAY_S if few else min(FIRST_PAUSE_S * 2 ** min(in_a_row - 1, 10), DAY_S),
            fingerprint=fingerprint,
        )
