import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decide.lockout import DAY_S, Guard

HOUR_S = 3600.0


def refused(*at_s: float, left: int | None = None) -> Guard:
    guard = Guard()
    for now in at_s:
        guard = guard.after(1, left, now)
    return guard


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
        (refused(1000, left=29), 1000 + HOUR_S / 2, True),
        (refused(1000, left=5), 1000 + DAY_S - 1, False),
        (refused(1000, left=5), 1000 + DAY_S, True),
    ],
)
def test_pauses(guard: Guard, now_s: float, allowed: bool) -> None:
    """Half an hour after a refusal, then twice as long, three a day at most, and a day when few attempts are left."""
    assert guard.may_log_in(now_s) is allowed


def test_a_visit_without_a_refusal_forgives_nothing() -> None:
    """A camera that was unplugged, or not logged in to, is not tried sooner."""
    guard = refused(1000)
    assert guard.after(0, None, 1100) == guard


def test_changed_credentials_start_afresh() -> None:
    """Credentials that were never refused may be tried at once, and their refusal counts from one."""
    guard = Guard().after(1, None, 1000, "old")
    assert not guard.may_log_in(1001, "old")
    assert guard.may_log_in(1001, "new")
    assert guard.after(1, None, 1001, "new") == Guard().after(1, None, 1001, "new")


def test_a_clock_set_back_neither_locks_us_out_nor_grants_an_attempt() -> None:
    """By a clock that says less than at the last refusal the pause begins anew: it is no shorter, and it ends."""
    guard = refused(2e9, 2e9 + 10).at(1.7e9)
    assert not guard.may_log_in(1.7e9)
    assert not guard.may_log_in(1.7e9 + HOUR_S - 1)
    assert guard.may_log_in(1.7e9 + HOUR_S)
    assert not refused(2e9).may_log_in(1.7e9)


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
        if guard.may_log_in(now):
            guard = guard.after(1, None, now)
            met.append(now)
    assert all(later - earlier >= DAY_S for earlier, later in zip(met, met[3:], strict=False))
