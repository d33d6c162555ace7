"""Whether a camera's picture is sound (完好): a fault is raised, or cleared, when K of the last M visits say so.

How faults are seen in one visit must not be known here, nor whether the camera is online.
"""

from msgspec import Struct
from msgspec.structs import replace

from agent.decide.rules_picture import HIDES
from agent.model import Movement, Picture, Seen
from contract.policy import Policy
from contract.vocabulary import PTZ_FAULT, PictureFault

_NEEDS = {
    PictureFault.BLUR: "edge_width_px",
    PictureFault.FREEZE: "still_ratio",
    PictureFault.JITTER: "jitter_px",
    PictureFault.SCENE_CHANGE: "view_match",
}
"""Fault -> the number without which a visit says nothing of it."""


class Vote(Struct, frozen=True):
    """What one visit says of one fault. `at`: when it began, boot ms."""

    at: int
    faulty: bool


class Course(Struct, frozen=True, kw_only=True):
    """One fault at one camera: the last votes, oldest first; `since`: held from then on, boot ms; None = not held."""

    votes: tuple[Vote, ...] = ()
    since: int | None = None


State = dict[PictureFault, Course]
"""What is known of one camera's picture; a session begins with {}. Never changed in place."""


class PictureChange(Struct, frozen=True, kw_only=True):
    """A fault was raised (`to` is None) or cleared. Both in boot ms: the first visits that said so of those that count.

    `fault`: a PictureFault, or PTZ_FAULT. `metrics`: of the visit that decided.
    """

    fault: str
    from_: int
    to: int | None
    metrics: dict[str, float]


def step(state: State, seen: Seen[Picture], policy: Policy) -> tuple[State, tuple[PictureChange, ...]]:
    """The state after a visit that showed a picture, and what it changed. A visit without picture is none."""
    changes = []
    after = dict(state)
    for fault in PictureFault:
        if (says := _says(fault, seen.value)) is not None:
            course = _voted(state.get(fault, Course()), Vote(seen.at, says), policy)
            after[fault], change = _decided(course, fault, seen.value.metrics, policy)
            changes += [change] if change else []
    return after, tuple(changes)


def held(state: State) -> tuple[PictureFault, ...]:
    """The faults that last."""
    return tuple(fault for fault in PictureFault if fault in state and state[fault].since is not None)


def sound(state: State, policy: Policy) -> bool | None:
    """Whether the picture is sound (完好); None while too few visits have shown one."""
    if held(state):
        return False
    visits = state.get(PictureFault.SIGNAL_LOSS, Course()).votes  # every visit votes on this one
    return True if len(visits) >= policy.picture.confirm_visits.value else None


def _says(fault: PictureFault, picture: Picture) -> bool | None:
    """Whether the visit shows the fault; None where it cannot tell."""
    if fault in picture.faults:
        return True
    unmeasured = fault in _NEEDS and _NEEDS[fault] not in picture.metrics
    hidden = any(fault in HIDES[other] for other in HIDES if other in picture.faults)
    return None if unmeasured or hidden else False


def _voted(course: Course, vote: Vote, policy: Policy) -> Course:
    return replace(course, votes=(*course.votes, vote)[-policy.picture.of_visits.value :])


def _decided(
    course: Course, fault: PictureFault, metrics: dict[str, float], policy: Policy
) -> tuple[Course, PictureChange | None]:
    against = [vote for vote in course.votes if vote.faulty is (course.since is None)]
    if len(against) < policy.picture.confirm_visits.value:
        return course, None
    first = against[0].at
    if course.since is None:
        return replace(course, since=first), PictureChange(fault=fault, from_=first, to=None, metrics=metrics)
    return replace(course, since=None), PictureChange(fault=fault, from_=course.since, to=first, metrics=metrics)


# ---- the head -----------------------------------------------------------------------------------


def moved(since: int | None, movement: Movement, at: int) -> tuple[int | None, PictureChange | None]:
    """Since when a ptz fault is held after a movement judged at boot ms `at`, None = not held; and the change.

    It is raised by a movement that shows it, and cleared by one that was made and does not.
    """
    metrics = dict.fromkeys(movement.faults, 1.0)
    if movement.faults and since is None:
        return at, PictureChange(fault=PTZ_FAULT, from_=at, to=None, metrics=metrics)
    made = any(isinstance(part, Seen) for part in (movement.rotation, movement.zoom, movement.focus))
    if since is not None and made and not movement.faults:
        return None, PictureChange(fault=PTZ_FAULT, from_=since, to=at, metrics=metrics)
    return since, None
