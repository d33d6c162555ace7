"""How long to wait before the next attempt, by arithmetic."""

import random

import pytest

from agent.tell.backoff import IDENTITY_S, LONGEST_S, SHORTEST_S, SILENT_S, Backoff


def longest() -> Backoff:
    return Backoff(lambda: 1.0)


def attempts(backoff: Backoff, away_s: float, *, silent: bool, attempt_s: float) -> list[float]:
    """When each attempt is made while the line is away, seconds from its loss."""
    backoff.lived(3600, 0)
    at, made = 0.0, list[float]()
    while at < away_s:
        at += backoff.delay_s(at, silent=silent)
        made.append(at)
        at += attempt_s
    return made


@pytest.mark.parametrize("away_s", [20, 60, 120, 300, 590])
def test_a_box_whose_uplink_returns_is_back_within_ten_seconds(away_s: float) -> None:
    """While nobody answers (an attempt takes 6 s) the next attempt begins at most 9 s after the uplink's return."""
    made = attempts(longest(), away_s + 9, silent=True, attempt_s=6.0)
    assert min(at for at in made if at >= away_s) <= away_s + 9


@pytest.mark.parametrize("away_s", [10, 60, 600, 7200])
def test_who_is_refused_waits_a_quarter_of_the_time_that_has_passed(away_s: float) -> None:
    """The bound grows with the outage, from 8 s to 5 min."""
    backoff = longest()
    backoff.lived(3600, 0)
    assert backoff.delay_s(away_s, silent=False) == min(LONGEST_S, max(SHORTEST_S, away_s / 4))


@pytest.mark.parametrize(("away_s", "silent"), [(300, False), (1000, True), (3600, False), (3600, True)])
def test_fifty_thousand_boxes_come_back_spread_over_a_minute(away_s: float, silent: bool) -> None:
    """After a broker was away for minutes (a quarter of an hour where it was silent) its boxes do not come at once."""
    rnd, back = random.Random(1), []
    for _ in range(2000):
        made = attempts(Backoff(rnd.random), away_s + 400, silent=silent, attempt_s=6.0 if silent else 0.1)
        back.append(min(at for at in made if at >= away_s) - away_s)
    back.sort()
    assert back[int(len(back) * 0.99)] - back[0] >= 50
    most = max(sum(one <= at < one + 5 for at in back) for one in range(300))
    assert most <= len(back) * 0.2


def test_who_is_thrown_out_at_once_does_not_hammer() -> None:
    """Connections that last less than five seconds do not begin the reckoning anew."""
    backoff = longest()
    backoff.lived(3600, 0)
    for now in range(10, 1000, 10):
        backoff.lived(1.0, now)
    assert backoff.delay_s(1000, silent=False) == 250


def test_a_copied_card_makes_the_attempts_rare() -> None:
    """Each time somebody takes our place the bound doubles, to five minutes; undisturbed, it is as before."""
    backoff = longest()
    backoff.lived(3600, 0)
    bounds = []
    for _ in range(4):
        backoff.thrown_out()
        bounds.append(backoff.delay_s(1, silent=True))
    assert bounds == [IDENTITY_S, 2 * IDENTITY_S, 4 * IDENTITY_S, LONGEST_S]
    backoff.undisturbed()
    assert backoff.delay_s(1, silent=True) == SILENT_S
