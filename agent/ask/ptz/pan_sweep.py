"""Child only: the sweep that proves how far a head turns, by what happens in the picture.

It leaves the head standing.
"""

from enum import StrEnum
from typing import NamedTuple

from msgspec.structs import replace

from agent.ask.attempt import Deadline
from agent.ask.ptz import registration
from agent.ask.ptz.commands import TIMEOUT_S, PtzClient
from agent.ask.ptz.course import Course
from agent.ask.ptz.registration import Lens
from agent.ask.ptz.settle import Faults, settle
from agent.ask.ptz.sweep_geometry import FULL_DEG, STILL, STILL_S, Sweep
from agent.ask.ptz.viewfinder import INTERVAL_S, Viewfinder
from agent.model import NotSeen, Rotation
from contract.vocabulary import Reason

RENEW_S = TIMEOUT_S / 2
SLOWEST, FIRST, FASTEST = 0.03, 0.2, 1.0
"""Shares of the full speed."""
PATIENCE_S = 3.0
"""A head told to turn that has not begun after so long is told more briskly; and then it does not turn."""
PACE = 0.2
"""How far things shall move from picture to picture, in widths: most of them then are in both."""
FASTEST_PACE = 0.6
"""Widths a second: slow enough for the eyes of those in the kitchen, and for sharp pictures."""
AGAIN_S = 2.0
"""A head that stands, told to turn once more, has so long to show that it was at no stop."""
BLIND_S = 6.0
"""Nothing can be matched for so long, and nothing else tells how the head gets on."""
UNSEEN_S = 25.0
"""Longest way past what shows nothing."""
ALL_AROUND = 1.15 * FULL_DEG
"""A head that was told to turn so far, and is nowhere that was seen before, met its stop where nothing is seen."""
TOLD_DEG = 40.0
"""Turned in sight before commands or positions are believed out of it."""
ASK_S = 1.0
"""Between two questions where the head stands, as long as the picture tells; out of sight there is one a picture."""


class End(StrEnum):
    """How a sweep ended."""

    ROUND = "round"
    STOP = "stop"
    NEVER = "never"
    BLIND = "blind"
    UNSEEN = "unseen"
    """By all that is known it stands at a stop, and nothing is seen there."""
    LATE = "late"


class _Swept(NamedTuple):
    sweep: Sweep
    end: End
    share: float
    """Of the full speed, at the end."""
    at_s: float


def rotate(finder: Viewfinder, ptz: PtzClient, faults: Faults, deadline: Deadline) -> Rotation | NotSeen:
    """RotationFit one way until the start recurs or the head meets its stop; then the other way to the other stop."""
    first = _sweep(finder, ptz, +1, faults, deadline)
    if first.end in (End.ROUND, End.BLIND, End.LATE):
        return _told(first, [], ptz)
    from_deg = _degrees(ptz)
    second = _sweep(finder, ptz, -1, faults, deadline, after=first)
    if first.end is second.end is End.NEVER:
        faults.add("ignores")
        return Rotation(span_deg=0.0, closed=False, method="matching")
    if second.end is End.UNSEEN:
        _found_out(finder, ptz, faults, second, deadline)
    return _through(registration.bend([*first.sweep.matches, *second.sweep.matches]), first, second, ptz, from_deg)


def _through(
    bends: tuple[float, float], first: _Swept, second: _Swept, ptz: PtzClient, from_deg: float | None
) -> Rotation | NotSeen:
    """What both sweeps add up to through a lens that likely bends lines so much, and maybe so much (registration.bend).

    Where that is not certain, either may prove that the views overlap, and else the error holds both.
    """
    found = list[Rotation | NotSeen]()
    for bent in dict.fromkeys(bends):
        for one in (first, second):
            one.sweep.straighten(bent)
        found.append(_told(second if second.end is not End.NEVER else first, first.sweep.fits, ptz, from_deg))
    likely, maybe = found[0], found[-1]
    if not isinstance(likely, Rotation) or not isinstance(maybe, Rotation) or likely.closed:
        return likely
    if maybe.closed and maybe.method == "overlap":
        return maybe
    if likely.method != "matching" or likely.span_deg is None or maybe.span_deg is None:
        return likely
    apart = abs(maybe.span_deg - likely.span_deg)
    return replace(likely, error_deg=round(likely.error_deg + apart, 1))


def _sweep(
    finder: Viewfinder, ptz: PtzClient, way: int, faults: Faults, deadline: Deadline, after: _Swept | None = None
) -> _Swept:
    """One sweep, `after` that the other way, and the head standing after it."""
    start, course = finder.look(), Course()
    unseen = after is not None and after.end is End.UNSEEN
    begun = FIRST if after is None else {End.NEVER: FASTEST, End.UNSEEN: after.share}.get(after.end, FIRST)
    asked, sweep = _Asked(ptz, course), Sweep(start.view, start.at_s, finder.overlay, course)
    push = _Push(ptz, way, begun, start.at_s, course)
    end = None
    while end is None:
        now = finder.look()
        sweep.add(now.view, now.at_s)
        asked.again(now.at_s, every_s=INTERVAL_S if sweep.blind_s(now.at_s) else ASK_S)
        push.on(sweep, now.at_s)
        end = _ended(sweep, push, now.at_s, deadline, blind_s=UNSEEN_S if unseen else BLIND_S)
    course.told(0.0, now.at_s)
    settled = settle(finder, ptz, faults)
    asked.again(settled.at_s, every_s=0.0)
    if end is not End.UNSEEN:
        sweep.add(settled.view, settled.at_s)
    return _Swept(sweep, end, push.share, settled.at_s)


def _found_out(finder: Viewfinder, ptz: PtzClient, faults: Faults, swept: _Swept, deadline: Deadline) -> None:
    """How far the stop is from the last that was seen: as the head says, or as it takes to come back in sight of it."""
    if swept.sweep.ends_where_it_says(swept.at_s):
        return
    start, course = finder.look(), Course()
    back, push = Sweep(start.view, start.at_s, finder.overlay, course), _Push(ptz, +1, swept.share, start.at_s, course)
    now = start
    while not back.moved and now.at_s - start.at_s < UNSEEN_S and not deadline.passed():
        now = finder.look()
        back.add(now.view, now.at_s)
        push.on(back, now.at_s)
    settle(finder, ptz, faults)
    swept.sweep.ends_unseen(course.effort(start.at_s, now.at_s))


class _Asked:
    """Where the head says it stands, asked now and then, for the course; one that does not say is asked once."""

    def __init__(self, ptz: PtzClient, course: Course) -> None:
        self._ptz, self._course, self._at_s, self._silent = ptz, course, 0.0, False

    def again(self, at_s: float, *, every_s: float) -> None:
        if self._silent or at_s < self._at_s + every_s:
            return
        status = self._ptz.status()
        self._at_s, self._silent = at_s, status is None or status.pan is None
        if status and status.pan is not None:
            self._course.said(status.pan, at_s)


class _Push:
    """The commands that keep a head turning one way: renewed, made brisker or slower, begun anew when it stands."""

    def __init__(self, ptz: PtzClient, way: int, share: float, at_s: float, course: Course) -> None:
        self.share = share
        self._ptz, self._way, self._course = ptz, way, course
        self._renewed_s = self._changed_s = at_s
        self._again_s: float | None = None
        self._watched = 0.0
        """The share at which pictures could be matched, last."""
        self._turn(at_s)

    def _turn(self, at_s: float) -> None:
        self._course.told(self.share, at_s)
        self._ptz.pan(self._way * self.share)

    def on(self, sweep: Sweep, at_s: float) -> None:
        """Whatever the head needs now. Raises Trouble: a sweep whose commands are lost would end at no stop."""
        wanted = self._wanted(sweep, at_s)
        if sweep.stood_s(at_s) < STILL_S:
            self._again_s = None
        elif sweep.moved and self._again_s is None:
            self._ptz.stop()  # some take no second command of the same kind, and stop at the first one's timeout
            self._course.told(0.0, at_s)
            self._again_s, self._renewed_s = at_s, 0.0
        if wanted != self.share or at_s - self._renewed_s > RENEW_S:
            self._changed_s = at_s if wanted != self.share else self._changed_s
            self.share, self._renewed_s = wanted, at_s
            self._turn(at_s)

    def _wanted(self, sweep: Sweep, at_s: float) -> float:
        """The share of the full speed: brisker for a head that has not begun, else as fast as can be watched well.

        Out of sight it stays as it is where it has been watched: what shows nothing shows nothing slowly either.
        """
        unchanged_s, blind_s = at_s - self._changed_s, sweep.blind_s(at_s)
        if not sweep.moved and not blind_s:
            return min(self.share * 2.5, FASTEST) if unchanged_s > PATIENCE_S else self.share
        if blind_s:
            slower = sweep.moved and min(blind_s, unchanged_s) > 4 * INTERVAL_S
            return max(self.share / 2, min(self._watched, self.share), SLOWEST) if slower else self.share
        if sweep.pace <= STILL or sweep.still_s(at_s) or unchanged_s <= 4 * INTERVAL_S:
            return self.share
        self._watched = self.share
        ratio = min(PACE / max(sweep.every_s, INTERVAL_S), FASTEST_PACE) / sweep.pace
        return self.share if 0.7 < ratio < 1.4 else _clip(self.share * _clip(ratio, 0.4, 2.5), SLOWEST, FASTEST)

    def in_vain(self, at_s: float) -> bool:
        """Whether the briskest command has had its time."""
        return self.share >= FASTEST and at_s - self._changed_s > PATIENCE_S

    def again_in_vain(self, at_s: float) -> bool:
        """Whether a head that stood was told again, and had time to obey."""
        return self._again_s is not None and at_s - self._again_s > AGAIN_S


def _ended(sweep: Sweep, push: _Push, at_s: float, deadline: Deadline, *, blind_s: float) -> End | None:
    blind = sweep.blind_s(at_s)
    if not sweep.moved:
        if push.in_vain(at_s) and not blind:
            return End.NEVER
    elif push.again_in_vain(at_s):
        return End.UNSEEN if blind else End.STOP
    elif lens := registration.lens(sweep.fits):
        if sweep.recurred(lens):
            return End.ROUND
        if blind and sweep.known(lens.row) > TOLD_DEG:
            blind_s = UNSEEN_S
            if sweep.due(lens.row, at_s) > ALL_AROUND:
                return End.UNSEEN
    if sweep.lost(at_s, blind_s):
        return End.BLIND
    return End.LATE if deadline.passed() else None


def _told(
    swept: _Swept, more: list[registration.RotationFit], ptz: PtzClient, from_deg: float | None = None
) -> Rotation | NotSeen:
    sweep, lens = swept.sweep, registration.lens(swept.sweep.fits + more)
    if lens is None or swept.end is End.BLIND:
        return NotSeen(reason=Reason.MALFORMED, detail="too little in the picture to measure the turn by")
    turned = sweep.turned(lens.row)
    if swept.end is End.ROUND:
        return Rotation(span_deg=None, closed=True, method="recurrence")
    if swept.end is End.LATE:
        return NotSeen(reason=Reason.TIMED_OUT, detail=f"turned {turned:.0f} degrees in the time allowed")
    if (around := sweep.closed(lens)) is not None:
        return Rotation(span_deg=round(around, 1), closed=True, method="overlap")
    return _measured(sweep, lens, turned, from_deg, _degrees(ptz))


def _measured(sweep: Sweep, lens: Lens, turned: float, from_deg: float | None, to_deg: float | None) -> Rotation:
    """The span from the pictures, or as GetStatus puts it in degrees where the pictures agree with that."""
    error, covers = sweep.error_deg(lens), sweep.covers(lens)
    if from_deg is not None and to_deg is not None:
        said = abs(to_deg - from_deg)
        if abs(said - turned) <= max(error, 0.08 * turned):
            return Rotation(span_deg=round(said, 1), closed=covers, method="status", error_deg=1.0)
    return Rotation(span_deg=round(turned, 1), closed=covers, method="matching", error_deg=round(error, 1))


def _degrees(ptz: PtzClient) -> float | None:
    """The pan in degrees, where GetStatus gives it in the one space that holds degrees."""
    status = ptz.status()
    if status is None or not status.space.endswith("SphericalPositionSpaceDegrees"):
        return None
    return status.pan


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
