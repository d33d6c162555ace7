"""Child only: which way to log in at one device is tried next, and when none is any more. Pure.

Each way is tried at most once until one works, for cameras lock their owners out. How a login is sent must not be known
here.
"""

from collections.abc import Iterable

from agent.ask.attempt import Trouble
from agent.ask.net import digest
from agent.ask.onvif.soap import Dialect
from agent.permit import FEW_LEFT, LoginMet
from contract.vocabulary import Reason

NONE, WSSE, WSSE_BOX_TIME, WSSE_LOCAL_TIME, DIGEST = "none", "wsse", "wsse-box-time", "wsse-local-time", "digest"
"""No login; UsernameToken signed in the camera's UTC, the box's or the camera's local time; HTTP Digest."""
WSSE_SOAP11, WSSE_NO_ACTION = "wsse-soap11", "wsse-no-action"
"""The token in another dialect, for a camera that answers it by neither yes nor no."""
DIALECTS = {WSSE_SOAP11: Dialect.SOAP11, WSSE_NO_ACTION: Dialect.NO_ACTION}
_OTHER_TIME_S = ((24_600, 33_000), (3000, 4200), (-4200, -3000))
"""A clock so far off has local time (UTC+7 to +9) or summer time in its UTCDateTime; it may check logins in UTC."""
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
        self.dialect = Dialect.SOAP12
        self.way = ""
        """The way that works; "" until one did."""
        self.over: Trouble | None = None
        """Why no login is sent any more; None while it may be."""
        self.failed = 0
        """Logins refused since the last one that worked."""
        self.closed = False
        """A question without login was refused: so a login that is accepted for it proves itself."""
        self.opened = False
        """A question that needs a login of right was answered without."""
        self.attempts_left: int | None = None
        self.forgives_s: float | None = None
        self.single_use = False
        """Its Digest nonces are good once, whatever it says of them."""
        self._untried = list(dict.fromkeys(way for way in (learnt, WSSE, DIGEST) if way not in ("", NONE)))
        self._tried: set[str] = set()
        self._learnt = bool(learnt)
        self._role_refusals = 0
        self._unclear = 0
        self._dialects, self._understood = [Dialect.SOAP11, Dialect.NO_ACTION], False

    @property
    def auth(self) -> str:
        """The way of authentication that the device needs, as far as known."""
        return self.way or (NONE if self.opened and not self.closed else "")

    def met(self, failed_before: int = 0) -> LoginMet:
        """How it went since so many logins had been refused."""
        return LoginMet(
            failed=max(0, self.failed - failed_before),
            attempts_left=self.attempts_left,
            forgives_s=self.forgives_s,
            worked=bool(self.way),
        )

    def next_way(self) -> str:
        """The way to log in now. Raises Trouble, with the cause, when there is none any more."""
        if self.over:
            raise Trouble(self.over.reason, f"not asked: {self.over.detail}", self.over.finding)
        return self.way or self._untried[0]

    def next_dialect(self) -> bool:
        """Speak another dialect, because nothing intelligible came in this one; False when all have been tried."""
        if not self._dialects:
            if not self._understood:
                self.dialect = Dialect.SOAP12
            return False
        self.dialect = self._dialects.pop(0)
        return True

    def understood(self) -> None:
        """An intelligible answer: the dialect is the right one, whatever comes of the next question."""
        self._dialects, self._understood = [], True

    def wanted(self, refusal: Refused) -> None:
        """A question without login was refused: where Digest is offered, it is tried before WSSE."""
        self.closed = True
        if refusal.digest and not self._learnt and DIGEST in self._untried:
            self._untried.sort(key=lambda way: way != DIGEST)

    def works(self, way: str) -> None:
        self.way, self.failed, self._role_refusals = way, 0, 0

    def unclear(self, way: str, trouble: Trouble) -> bool:
        """A login was answered by neither yes nor no. Returns whether another way may follow."""
        self._unclear += 1
        self._tried.add(way)
        self._untried = [other for other in self._untried if other != way]
        if way == WSSE and not self.way:
            self._untried += self._new(DIALECTS)
        if self._unclear >= _MAX_UNCLEAR or not self._untried:
            detail = f"logins were answered neither way ({trouble.detail})"
            self.over = Trouble(trouble.reason, detail, trouble.finding)
        return not self.over

    def fails(self, way: str, refusal: Refused, skew_s: float, *, local: bool = False) -> bool:
        """The camera refused this way, its clock being `skew_s` ahead. Returns whether another way may follow.

        A question refused after the login had worked is a matter of the user's role and costs only itself; three in a
        row are not. `local`: only its local time is known.
        """
        if self.way:
            self._role_refusals += 1
            if self._role_refusals >= _MAX_ROLE_REFUSALS:
                self.over = Trouble(Reason.REFUSED, "refused again and again after the login had worked")
            return False
        elsewhere = way != DIGEST and refusal.digest is not None  # not a bad login, but the wrong kind
        self.failed += refusal.sent and not elsewhere
        self.attempts_left = digest.attempts_left(refusal.detail)
        self.forgives_s = digest.forgives_s(refusal.detail, refusal.retry_after)
        self._tried.add(way)
        self._untried = [other for other in self._untried if other != way and (other != DIGEST or elsewhere)]
        if way == WSSE and not elsewhere:
            self._untried += self._new(self._other_times(skew_s, local=local))
        if way == DIGEST and refusal.sent and refusal.digest:
            self._untried = []  # it wants this kind of login and not this one
        few = self.attempts_left is not None and self.attempts_left <= FEW_LEFT
        if few or not self._untried:
            self.over = Trouble(Reason.REFUSED, "login refused before")
        return not self.over

    def _new(self, ways: Iterable[str]) -> list[str]:
        """Those not tried before: what was learnt of the camera may have been one of them."""
        return [way for way in ways if way not in self._tried]

    @staticmethod
    def _other_times(skew_s: float, *, local: bool) -> list[str]:
        if local:
            return [WSSE_LOCAL_TIME]
        return [WSSE_BOX_TIME] if any(low <= skew_s <= high for low, high in _OTHER_TIME_S) else []
