"""Which way to log in comes next, and when no more."""

import pytest

from agent.ask.attempt import Trouble
from agent.ask.onvif.login import DIGEST, NONE, WSSE, WSSE_BOX_TIME, Login, Refused
from contract.vocabulary import Reason

CHALLENGE = ('Digest realm="cam", nonce="n", qop="auth"',)
HOUR = 3600.0


def refused(detail: str = "Sender not authorized", challenges: tuple[str, ...] = ()) -> Refused:
    return Refused(detail, challenges, sent=True)


def is_over(login: Login) -> bool:
    try:
        login.next_way()
    except Trouble as trouble:
        return trouble.reason is Reason.REFUSED
    return False


@pytest.mark.parametrize(
    ("learnt", "first"), [("", WSSE), (NONE, WSSE), (WSSE, WSSE), (DIGEST, DIGEST), (WSSE_BOX_TIME, WSSE_BOX_TIME)]
)
def test_the_learnt_way_is_tried_first(learnt: str, first: str) -> None:
    """The way that worked the last time is tried first; nothing learnt means a digest token."""
    assert Login(learnt).next_way() == first


def test_a_refused_token_without_challenge_is_final() -> None:
    """A refused token ends the logins when the camera offers no Digest, and counts as one failed login."""
    login = Login()
    assert not login.fails(WSSE, refused(), 0)
    assert is_over(login)
    assert login.failed == 1


def test_a_digest_challenge_to_a_token_is_no_failed_login() -> None:
    """A camera that answers a token with a Digest challenge wants another kind of login, not another password."""
    login = Login()
    assert login.fails(WSSE, refused("HTTP 401", CHALLENGE), 0)
    assert login.next_way() == DIGEST
    assert login.failed == 0
    assert not login.fails(DIGEST, refused("HTTP 401", CHALLENGE), 0)
    assert login.failed == 1


def test_digest_comes_first_where_it_was_offered() -> None:
    """A challenge to a question without login puts Digest before the token, so that no login fails for nothing."""
    login = Login()
    login.wanted(refused("HTTP 401", CHALLENGE))
    assert login.next_way() == DIGEST


def test_learnt_digest_that_is_no_longer_offered_gives_way() -> None:
    """After a firmware that dropped Digest the token gets its one try, and nothing has failed."""
    login = Login(DIGEST)
    assert login.fails(DIGEST, Refused("fault", (), sent=False), 0)
    assert login.next_way() == WSSE
    assert login.failed == 0


@pytest.mark.parametrize(("skew_s", "again"), [(8 * HOUR, True), (7.5 * HOUR, True), (60.0, False), (-8 * HOUR, False)])
def test_local_time_in_the_clock_allows_one_more_token(skew_s: float, again: bool) -> None:
    """A clock 8 h ahead holds China's local time: one more token, in the box's time, and then no more."""
    login = Login()
    assert login.fails(WSSE, refused(), skew_s) is again
    if again:
        assert login.next_way() == WSSE_BOX_TIME
        assert not login.fails(WSSE_BOX_TIME, refused(), skew_s)
    assert is_over(login)


def test_a_learnt_way_that_is_refused_is_not_tried_a_second_time() -> None:
    """Some cameras lock at the third wrong login: the box's time was refused, the camera's gets its one try."""
    login, ways = Login(WSSE_BOX_TIME), []
    while not is_over(login):
        ways.append(login.next_way())
        login.fails(ways[-1], refused(), 8 * HOUR)
    assert ways == [WSSE_BOX_TIME, WSSE]


@pytest.mark.parametrize(("left", "again"), [(29, True), (6, True), (5, False), (1, False)])
def test_few_attempts_left_end_the_logins(left: int, again: bool) -> None:
    """With five attempts or fewer left before the camera locks, no other way is tried."""
    login = Login()
    assert login.fails(WSSE, refused(f"You still have {left} attempt(s)"), 8 * HOUR) is again
    assert login.attempts_left == left


def test_a_login_that_worked_forgives_what_failed_before() -> None:
    """What failed before the way that works was found is no failed login: the password is right."""
    login = Login()
    login.fails(WSSE, refused(), 8 * HOUR)
    login.works(WSSE_BOX_TIME)
    assert login.failed == 0
    assert login.next_way() == WSSE_BOX_TIME


def test_a_role_too_small_costs_its_own_question_only() -> None:
    """A refusal after the login worked is the user's role; three in a row end the logins, none counts as failed."""
    login = Login()
    login.works(WSSE)
    for _ in range(2):
        assert not login.fails(WSSE, refused(), 0)
        assert not is_over(login)
    login.works(WSSE)
    for _ in range(3):
        login.fails(WSSE, refused(), 0)
    assert is_over(login)
    assert login.failed == 0
