"""Keeps our own logins from locking a camera: when another attempt is allowed after a refused one.

Dahua and Hikvision lock an account after a handful of wrong passwords, and then the operator is out as well.
"""

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from agent.permit import LoginMet

MINUTE_S, DAY_S = 60.0, 86_400.0
FIRST_PAUSE_S = 30 * MINUTE_S
SHORT_PAUSES_S = (1 * MINUTE_S, 5 * MINUTE_S, 15 * MINUTE_S)
"""The first pauses at a camera that says how many attempts are left, or that it forgives soon."""
OWNERS = 3
"""So many attempts are left to the owner: where the camera has no more, we try again only after a day."""
FORGIVING_S = 60 * MINUTE_S
"""A camera that unlocks by itself within this time locks nobody out for long."""
FORGIVEN_AFTER_S = 5.0
"""We wait so much longer than the camera said, as its clock may differ from ours."""
MAX_REFUSED_A_DAY = 3
"""Attempts a day at a camera that says neither how many are left nor when it forgives."""
TRY_S = 180.0
"""A login whose outcome nobody reported in this time (its process was killed) counts as refused."""

_Moment = Annotated[float, Meta(ge=-1e11, le=1e11)]
"""Seconds that a calendar can show: a record with any other number is damaged."""


class Guard(Struct, frozen=True, kw_only=True):
    """Logins refused to one pair of credentials at one camera; serialisable. A login that works ends its guard.

    All times are seconds of the caller's clock. `refused_at`: the last refusals, oldest first. `in_a_row`: how many
    there were; `visits`: at how many visits. `wait_s`: the pause after the last. `attempts_left`: by the camera's word
    and our count, None = it never said. `patient`: it counts for itself, so that we need not. `trying_at`: a single
    attempt was let through then, and how it went is not known yet.
    """

    refused_at: tuple[_Moment, ...] = ()
    in_a_row: int = 0
    visits: int = 0
    wait_s: Annotated[float, Meta(ge=0, le=DAY_S)] = 0.0
    attempts_left: int | None = None
    patient: bool = False
    trying_at: _Moment | None = None

    def ends_s(self) -> float:
        """When the next attempt is allowed, once nothing is under way; 0 where nothing was refused."""
        if not self.refused_at:
            return 0.0
        end = self.refused_at[-1] + self.wait_s
        if not self.patient and len(self.refused_at) >= MAX_REFUSED_A_DAY:
            end = max(end, self.refused_at[-MAX_REFUSED_A_DAY] + DAY_S)
        return end

    def waits_s(self, now_s: float) -> float:
        """Seconds until the next attempt is allowed; 0 when it is. `now_s` is not before the last refusal: see `at`."""
        under_way = 0.0 if self.trying_at is None else self.trying_at + TRY_S - now_s
        return max(0.0, self.ends_s() - now_s, under_way)

    def at(self, now_s: float) -> "Guard":
        """The guard at `now_s`. If the clock was set back behind the last refusal, that refusal counts as just now.

        So the pause begins anew: to end it would allow an attempt each time the clock is set back, and to wait for the
        old time could take years. An attempt whose outcome nobody reported within TRY_S was refused.
        """
        last = max((*self.refused_at[-1:], *([] if self.trying_at is None else [self.trying_at])), default=now_s)
        here = self._earlier(last - now_s) if last > now_s else self
        if here.trying_at is not None and now_s - here.trying_at >= TRY_S:
            return here.after(LoginMet(failed=1), here.trying_at)
        return here

    def _earlier(self, seconds: float) -> "Guard":
        trying_at = None if self.trying_at is None else self.trying_at - seconds
        return replace(self, refused_at=tuple(at - seconds for at in self.refused_at), trying_at=trying_at)

    def trying(self, now_s: float) -> "Guard":
        """The guard while a single attempt is under way: nobody else makes one."""
        return replace(self, trying_at=now_s)

    def after(self, met: LoginMet, now_s: float) -> "Guard":
        """The guard after a visit that met refusals with these credentials.

        A visit without a refusal (the camera may be unplugged) only ends the attempt that was under way.
        """
        if not met.failed:
            return replace(self, trying_at=None)
        left, visits = self._left(met), self.visits + 1
        in_a_row = self.in_a_row + met.failed
        forgiving = met.forgives_s is not None and met.forgives_s <= FORGIVING_S
        patient = forgiving or (left is not None and left > OWNERS)
        wait_s = min(FIRST_PAUSE_S * 2 ** min(in_a_row - 1, 10), DAY_S)
        if patient:
            wait_s = _short_pause_s(visits)
        elif left is not None:
            wait_s = DAY_S
        return Guard(
            refused_at=(*self.refused_at, *[now_s] * met.failed)[-MAX_REFUSED_A_DAY:],
            in_a_row=in_a_row,
            visits=visits,
            wait_s=min(max(wait_s, (met.forgives_s or 0.0) + FORGIVEN_AFTER_S), DAY_S),
            attempts_left=left,
            patient=patient,
        )

    def _left(self, met: LoginMet) -> int | None:
        """What the camera says; if it said nothing this time, its last number less the attempts used since."""
        if met.attempts_left is not None or self.attempts_left is None:
            return met.attempts_left
        return max(0, self.attempts_left - met.failed)


def _short_pause_s(visits: int) -> float:
    """After so many refused visits: 1, 5, 15 minutes, then half an hour and ever twice as long, a day at most."""
    if visits <= len(SHORT_PAUSES_S):
        return SHORT_PAUSES_S[visits - 1]
    return min(FIRST_PAUSE_S * 2.0 ** min(visits - len(SHORT_PAUSES_S) - 1, 10), DAY_S)
