"""A guard against the capability probe growing expensive: ratios to the floor and memory, never wall time.

The goals themselves are measured by scripts/bench on a quiet machine; here the bounds are generous.
"""

from benchmarks.probe import Round, round_of


def test_the_probe_stays_near_the_floor() -> None:
    """CPU at most 6.5 times the floor's for the same calls to 16 cameras (goal 4), peak under 50 MB (goal 45)."""
    costs = round_of(Round(16, 0, "s", {"floor": 3, "ours": 3}))
    ours, floor = ([cost for way, cost in costs if way == name] for name in ("ours", "floor"))
    assert min(one.cpu_s for one in ours) < 6.5 * min(one.cpu_s for one in floor)
    assert max(one.peak_mb for one in ours) < 50
