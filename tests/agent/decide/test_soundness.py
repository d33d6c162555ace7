from hypothesis import given
from hypothesis import strategies as st

from agent.decide.soundness import PictureChange, State, held, moved, sound, step
from agent.model import Movement, Picture, Rotation, Seen
from contract.vocabulary import PictureFault
from tests.agent.decide.builders import POLICY

K, M = POLICY.picture.confirm_visits.value, POLICY.picture.of_visits.value
ALL_NUMBERS = {"edge_width_px": 1.2, "still_ratio": 0.0, "jitter_px": 0.0, "view_match": 1.0}
BLUR, CHROMA, CHANGED = PictureFault.BLUR, PictureFault.CHROMA, PictureFault.SCENE_CHANGE


def visit(at: int, *faults: PictureFault, **numbers: float) -> Seen[Picture]:
    metrics = numbers or ALL_NUMBERS
    return Seen(value=Picture(source="sub", width=640, height=360, metrics=metrics, faults=faults), at=at)


def course(visits: list[Seen[Picture]]) -> tuple[State, list[PictureChange]]:
    state: State = {}
    told: list[PictureChange] = []
    for one in visits:
        state, changes = step(state, one, POLICY)
        told += changes
    return state, told


def test_one_visit_raises_nothing() -> None:
    """A fault seen once among sound visits is no fault."""
    visits = [visit(at, *([BLUR] if at == 3 else [])) for at in range(8)]
    assert course(visits) == (course(visits)[0], [])
    assert held(course(visits)[0]) == ()


def test_raised_and_cleared_with_the_times_of_the_first_visits_that_said_so() -> None:
    """A fault holds from the first of the K visits that showed it to the first of the K that did not."""
    faulty = [visit(100 + i, BLUR) for i in range(M)]
    sound = [visit(200 + i) for i in range(M)]
    state, told = course(faulty)
    assert held(state) == (BLUR,)
    assert told == [PictureChange(fault=BLUR, from_=100, to=None, metrics=ALL_NUMBERS)]
    state, told = course(faulty + sound)
    assert held(state) == ()
    assert told[1:] == [PictureChange(fault=BLUR, from_=100, to=200, metrics=ALL_NUMBERS)]


def test_sound_is_said_only_after_enough_visits() -> None:
    """Not known before K visits showed a picture; one fault that lasts is enough for not sound."""
    assert [sound(course([visit(at) for at in range(n)])[0], POLICY) for n in range(K + 1)] == [None] * K + [True]
    assert sound(course([visit(at, BLUR) for at in range(M)])[0], POLICY) is False


def test_what_was_not_measured_is_not_voted_on() -> None:
    """Visits without the number that decides a fault neither raise nor clear it."""
    frozen = [visit(at, PictureFault.FREEZE) for at in range(M)]
    short = [visit(100 + at, flat_ratio=0.0) for at in range(5 * M)]
    state, told = course(frozen + short)
    assert held(state) == (PictureFault.FREEZE,)
    assert len(told) == 1


def test_a_lost_signal_says_nothing_of_other_faults() -> None:
    """While the signal is lost, no other fault is cleared; while a fault hides the view, a changed view is not."""
    lost = [visit(100 + at, PictureFault.SIGNAL_LOSS) for at in range(2 * M)]
    assert set(held(course([visit(at, CHROMA) for at in range(M)] + lost)[0])) == {CHROMA, PictureFault.SIGNAL_LOSS}
    blurred = [visit(100 + at, BLUR) for at in range(2 * M)]
    assert set(held(course([visit(at, CHANGED) for at in range(M)] + blurred)[0])) == {CHANGED, BLUR}


@given(st.lists(st.booleans(), max_size=60))
def test_intervals_are_ordered_and_no_lonely_visit_matters(shown: list[bool]) -> None:
    """Raised and cleared take turns; intervals do not overlap; each needs K visits of M that say so."""
    state: State = {}
    told: list[PictureChange] = []
    for at, faulty in enumerate(shown):
        state, changes = step(state, visit(at, *([BLUR] if faulty else [])), POLICY)
        told += changes
        for change in changes:
            recent = shown[max(0, at - M + 1) : at + 1]
            assert recent.count(change.to is None) >= K
    assert [change.to is None for change in told] == [i % 2 == 0 for i in range(len(told))]
    times = [change.from_ if change.to is None else change.to for change in told]
    assert times == sorted(set(times))
    for raised, cleared in zip(told[::2], told[1::2], strict=False):
        assert (raised.from_, cleared.from_ < (cleared.to or 0)) == (cleared.from_, True)
    assert (BLUR in held(state)) == (len(told) % 2 == 1)


@given(st.lists(st.sets(st.sampled_from([BLUR, CHROMA, PictureFault.NOISE])), max_size=30))
def test_faults_do_not_mix(shown: list[set[PictureFault]]) -> None:
    """What is told of one fault is the same whatever other faults come and go."""
    together = course([visit(at, *sorted(faults)) for at, faults in enumerate(shown)])[1]
    alone = course([visit(at, *(faults & {BLUR})) for at, faults in enumerate(shown)])[1]
    assert [change for change in together if change.fault is BLUR] == alone


def test_a_ptz_fault_is_raised_by_a_movement_that_shows_it_and_cleared_by_one_that_was_made() -> None:
    """A movement that could not be made clears nothing, and a fault that goes on is not raised again."""
    drifts = Movement(faults=("drifts",))
    turned = Movement(rotation=Seen(value=Rotation(span_deg=None, closed=True, method="recurrence")))
    since, change = moved(None, drifts, 5)
    assert (since, change) == (5, PictureChange(fault="ptz", from_=5, to=None, metrics={"drifts": 1.0}))
    for movement in (drifts, Movement()):
        assert moved(5, movement, 9) == (5, None)
    assert moved(5, turned, 9) == (None, PictureChange(fault="ptz", from_=5, to=9, metrics={}))
    assert moved(None, turned, 9) == (None, None)
