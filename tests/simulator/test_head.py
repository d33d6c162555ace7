"""Motors as functions of time."""

from hypothesis import given
from hypothesis import strategies as st

from simulator.head import Axis

COMMANDS = st.lists(st.tuples(st.floats(0, 20), st.floats(-90, 90), st.floats(0, 9)), max_size=8)


def test_it_runs_until_its_time_is_up() -> None:
    """A velocity with a timeout ends by itself, at the place reached."""
    axis = Axis(-170, 170, 0)
    axis.run(20, now=100, until=103)
    assert [axis.at(t) for t in (99, 100, 101.5, 103, 200)] == [0, 0, 30, 60, 60]
    assert [axis.moving(t) for t in (99, 101.5, 103)] == [False, True, False]


def test_it_stops_at_its_stop() -> None:
    """Against the stop it stands still, and comes back from there."""
    axis = Axis(0, 355, 350)
    axis.run(10, now=0)
    assert (axis.at(5), axis.moving(5)) == (355, False)
    axis.run(-10, now=60)
    assert (axis.at(61), axis.moving(61)) == (345, True)


def test_an_endless_one_goes_round() -> None:
    """Without stops it counts on beyond a whole turn."""
    axis = Axis(-180, 180, 0, endless=True)
    axis.run(100, now=0)
    assert axis.at(7.2) == 720


def test_a_target_is_reached_exactly_and_not_passed() -> None:
    """`go` ends at the target, or at the stop where the target lies beyond it."""
    axis = Axis(-90, 90, 0)
    axis.go(45, 30, now=0)
    assert [axis.at(t) for t in (1, 1.5, 9)] == [30, 45, 45]
    axis.go(200, 30, now=10)
    assert axis.at(60) == 90


@given(COMMANDS, st.floats(0, 40))
def test_it_never_jumps_nor_leaves_its_stops(commands: list[tuple[float, float, float]], at: float) -> None:
    """Whatever is commanded when, it stays between its stops and is never faster than it was told."""
    axis = Axis(-100, 100, 10)
    for now, speed, lasting in sorted(commands):
        axis.run(speed, now, now + lasting)
    assert -100 <= axis.at(at) <= 100
    assert abs(axis.at(at + 0.01) - axis.at(at)) <= 90 * 0.01 + 1e-6
