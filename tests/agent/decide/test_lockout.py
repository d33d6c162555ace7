import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decide.lockout import DAY_S, TRY_S, Guard
from agent.permit import LoginMet

HOUR_S = 3600.0


def refused(*at_s: float, left: int | None = None, forgives_s: float | None = None) -> Guard:
    guard = Guard()
    for now in at_s:
        guard = guard.after(LoginMet(failed=1, attempts_left=left, forgives_s=forgives_s), now)
    return guard


def may(guard: Guard, now_s: float) -> bool:
    return guard.at(now_s).waits_s(now_s) <= 0


@pytest.mark.parametrize(
    ("guard", "now_s", "allowed"),
    [
        (Guard(), 0, True),
        (refused(1000), 1001, False),
        (refused(1000), 1000 + HOUR_S / 2 - 1, False),
        (refused(1000), 1000 + HOUR_S / 2, True),
        (refused(1000, 4000), 4000 + HOUR_S - 1, False),
        (refused(1000, 4000), 4000 + HOUR_S, True),
        (refused(1000, 4000, 9000), 9000 + 2 * HOUR_S, False),
        (refused(1000, 4000, 9000), 1000 + DAY_S, True),
        (refused(1000, left=29), 1000 + 59, False),
        (refused(1000, left=29), 1000 + 60, True),
        (refused(1000, 1060, left=29), 1060 + 299, False),
        (refused(1000, 1060, left=29), 1060 + 300, True),
        (refused(1000, 1060, 1360, left=29), 1360 + 900, True),
        (refused(1000, 1060, 1360, 2260, left=29), 2260 + HOUR_S / 2 - 1, False),
        (refused(1000, 1060, 1360, 2260, left=29), 2260 + HOUR_S / 2, True),
        (refused(1000, 1060, 1360, 2260, 4060, left=29), 4060 + HOUR_S, True),
        (refused(1000, forgives_s=20), 1000 + 60, True),
        (refused(1000, forgives_s=300), 1000 + 304, False),
        (refused(1000, forgives_s=300), 1000 + 305, True),
        (refused(1000, left=0, forgives_s=300), 1000 + 305, True),
        (refused(1000, forgives_s=2 * HOUR_S), 1000 + 2 * HOUR_S, False),
        (refused(1000, left=4), 1000 + 60, True),
        (refused(1000, left=3), 1000 + DAY_S - 1, False),
        (refused(1000, left=3), 1000 + DAY_S, True),
    ],
)
def test_pauses(guard: Guard, now_s: float, allowed: bool) -> None:
    """Half an hour after a refusal, then twice as long, three a day at most; a day when only the owner's are left.

    One try at 1, 5 and 15 minutes where the camera counts attempts itself or forgives soon, never before it does.
    """
    assert may(guard, now_s) is allowed


def test_what_a_camera_said_once_is_counted_on() -> None:
    """A camera that named its attempts and is silent at the next refusal has one less."""
    guard = refused(1000, left=5).after(LoginMet(failed=1), 2000)
    assert guard.attempts_left == 4
    assert may(guard, 2300)
    assert not may(guard.after(LoginMet(failed=1), 3000), 3000 + DAY_S - 1)


def test_an_attempt_under_way_is_nobody_elses() -> None:
    """Until its end is told no other is made; one whose end is never told counts as refused."""
    guard = refused(1000).trying(5000)
    assert not may(guard, 5001)
    assert may(guard.after(LoginMet(), 5002), 5002)
    assert not may(guard, 5000 + TRY_S)
    assert guard.at(5000 + TRY_S) == refused(1000, 5000)
    assert not may(guard, 3000)  # by a clock that was set back


def test_a_visit_without_a_refusal_forgives_nothing() -> None:
    """A camera that was unplugged, or not logged in to, is not tried sooner."""
    guard = refused(1000)
    assert guard.after(LoginMet(), 1100) == guard


def test_a_clock_set_back_neither_locks_us_out_nor_grants_an_attempt() -> None:
    """By a clock that says less than at the last refusal the pause begins anew: it is no shorter, and it ends."""
    guard = refused(2e9, 2e9 + 10).at(1.7e9)
    assert not may(guard, 1.7e9)
    assert not may(guard, 1.7e9 + HOUR_S - 1)
    assert may(guard, 1.7e9 + HOUR_S)
    assert not may(refused(2e9), 1.7e9)


def test_survives_a_restart() -> None:
    """A guard travels through JSON."""
    guard = refused(1000.5, 4000, left=3)
    assert msgspec.json.decode(msgspec.json.encode(guard), type=Guard) == guard


@given(st.lists(st.floats(1, 10_000), max_size=400))
def test_never_more_than_three_refusals_a_day(pauses_s: list[float]) -> None:
    """Whoever asks before each login meets at most three refusals in any 24 hours."""
    guard, now, met = Guard(), 0.0, []
    for pause in pauses_s:
        now += pause
        if may(guard, now):
            guard = guard.after(LoginMet(failed=1), now)
            met.append(now)
    assert all(later - earlier >= DAY_S for earlier, later in zip(met, met[3:], strict=False))
