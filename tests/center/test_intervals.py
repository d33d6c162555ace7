from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from center.intervals import Cover, Intervals, difference, holding, intersection, normal, total, union

SIZE = 40
spans = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=8)


def bits(intervals: Intervals) -> set[int]:
    return {moment for begin, end in intervals for moment in range(begin, end)}


def well_formed(intervals: Intervals) -> bool:
    edges = [edge for span in intervals for edge in span]
    return all(a < b for a, b in pairwise(edges))


@given(spans)
def test_normal_keeps_every_moment_and_no_other(raw: list[tuple[int, int]]) -> None:
    """Normal form is sorted, disjoint, never touching, and holds what the spans held."""
    made = normal(raw)
    assert well_formed(made)
    assert bits(made) == {moment for begin, end in raw for moment in range(begin, end)}
    assert total(made) == len(bits(made))


@given(spans, spans)
def test_algebra_is_that_of_sets(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    """Union, intersection and difference do to moments what they do to sets, and stay in normal form."""
    x, y = normal(a), normal(b)
    for made, wanted in (
        (union(x, y), bits(x) | bits(y)),
        (intersection(x, y), bits(x) & bits(y)),
        (difference(x, y), bits(x) - bits(y)),
    ):
        assert well_formed(made)
        assert bits(made) == wanted


@given(spans, st.integers(-1, SIZE + 1))
def test_holding_finds_the_interval_of_a_moment(raw: list[tuple[int, int]], moment: int) -> None:
    """A moment is held by exactly the interval it lies in: its begin counts, its end does not."""
    found = holding(normal(raw), moment)
    assert (found is not None) == (moment in bits(normal(raw)))
    assert found is None or found[0] <= moment < found[1]


@given(spans)
def test_a_cover_holds_what_was_added(several: list[tuple[int, int]]) -> None:
    """Added one by one, in any order, overlapping or touching, spans are held as they are in one normal set."""
    cover = Cover()
    for begin, end in several:
        cover.add(begin, end)
    for moment in range(SIZE + 2):
        assert cover.holding(moment) == holding(normal(several), moment)
