"""Child only: which way to log in at one device is tried next, and when none is any more. Pure.

Each way is tried at most once until one works, for cameras lock their owners out. How a login is sent must not be known
here.
"""

from agent.ask.attempt import Trouble
from agent.ask.net import digest
from agent.permit import FEW_LEFT, LoginMet
from contract.vocabulary import Reason

NONE, WSSE, WSSE_BOX_TIME, DIGEST = "none", "wsse", "wsse-box-time", "digest"
"""No login; UsernameToken signed in the camera's time, or in the box's; HTTP Digest."""
_LOCAL_TIME_S = (7 * 3600, 9 * 3600)
"""A clock so far ahead has China's local time in its UTCDateTime: it may check logins against either."""
_MAX_ROLE_REFUSALS = 3
_MAX_UNCLEAR = 4
"""Logins answered by neither yes nor no (an empty HTTP 500, say) before they stop: the camera may be counting them."""


class Refused(Trouble):
    """The camera wants a (better) login. `sent`: whether the refused request carried one.

    `retry_after`: the header of that name.
    """

    def __init__(
        self, detail: str, challenges: tuple[str, ...] = (), *, sent: bool = False, retry_after: str = ""
    ) -> None:
        super().__init__(Reason.REFUSED, detail)
        self.challenges = challenges
        self.sent = sent
        self.retry_after = retry_after

    @property
    def digest(self) -> digest.Challenge | None:
        """The Digest challenge to answer, if there is one that can be."""
        try:
            return digest.choose(self.challenges, allow_basic=False)
        except Trouble:
            return None


class Login:
    """What is known about logging in at one device; shared by its slots that use the same credentials."""

    def __init__(self, learnt: str = "") -> None:
        self.way = ""
        """The way that works; "" until one did."""
        self.over = ""
        """Why no login is sent any more; "" while it may be."""
        self.failed = 0
        """Logins refused since the last one that worked."""
        self.attempts_left: int | None = None
        self.forgives_s: float | None = None
        self._untried = list(dict.fromkeys(way for way in (learnt, WSSE, DIGEST) if way not in ("", NONE)))
        self._learnt = bool(learnt)
        self._role_refusals = 0
        self._unclear = 0

    def met(self, failed_before: int = 0) -> LoginMet:
        """How it went since so many logins had been refused."""
        return LoginMet(
            failed=max(0, self.failed - failed_before),
            attempts_left=self.attempts_left,
            forgives_s=self.forgives_s,
            worked=self.way not in ("", NONE),
        )

    def next_way(self) -> str:
        """The way to log in now. Raises Trouble(REFUSED) when there is none any more."""
        if self.over:
            raise Trouble(Reason.REFUSED, f"not asked: {self.over}")
        return self.way or self._untried[0]

    def wanted(self, refusal: Refused) -> None:
        """A question without login was refused: where Digest is offered, it is tried before WSSE."""
        if refusal.digest and not self._learnt and DIGEST in self._untried:
            self._untried.sort(key=lambda way: way != DIGEST)

    def works(self, way: str) -> None:
        self.way, self.failed, self._role_refusals = way, 0, 0

    def unclear(self) -> None:
        """A login was answered by neither yes nor no."""
        self._unclear += 1
        if self._unclear >= _MAX_UNCLEAR:
            self.over = "logins were answered neither way"

    def fails(self, way: str, refusal: Refused, skew_s: float) -> bool:
        """The camera refused this way, its clock being `skew_s` ahead. Returns whether another way may follow.

        A question refused after the login had worked is a matter of the user's role and costs only itself; three in a
        row are not.
        """
        if self.way:
            self._role_refusals += 1
            if self._role_refusals >= _MAX_ROLE_REFUSALS:
                self.over = "refused again and again after the login had worked"
            return False
        elsewhere = way != DIGEST and refusal.digest is not None  # not a bad login, but the wrong kind
        self.failed += refusal.sent and not elsewhere
        self.attempts_left = digest.attempts_left(refusal.detail)
        self.forgives_s = digest.forgives_s(refusal.detail, refusal.retry_after)
        self._untried = [other for other in self._untried if other != way and (other != DIGEST or elsewhere)]
        if way == WSSE and not elsewhere and _LOCAL_TIME_S[0] <= skew_s <= _LOCAL_TIME_S[1]:
            self._untried.append(WSSE_BOX_TIME)
        few = self.attempts_left is not None and self.attempts_left <= FEW_LEFT
        if few or not self._untried:
            self.over = "login refused before"
        return not self.over
