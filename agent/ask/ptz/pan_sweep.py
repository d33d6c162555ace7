"""Child only: the sweep that proves how far a head turns, by what happens in the picture.

It leaves the head standing.
"""

from enum import StrEnum
from typing import NamedTuple

from agent.ask.attempt import Deadline
from agent.ask.ptz import registration
from agent.ask.ptz.commands import TIMEOUT_S, PtzClient
from agent.ask.ptz.registration import Lens
from agent.ask.ptz.settle import Faults, settle
from agent.ask.ptz.sweep_geometry import STILL, STILL_S, Sweep
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


class End(StrEnum):
    """How a sweep ended."""

    ROUND = "round"
    STOP = "stop"
    NEVER = "never"
    BLIND = "blind"
    LATE = "late"


class _Swept(NamedTuple):
    sweep: Sweep
    end: End


def rotate(finder: Viewfinder, ptz: PtzClient, faults: Faults, deadline: Deadline) -> Rotation | NotSeen:
    """Turn one way until the start recurs or the head meets its stop; then the other way to the other stop."""
    first = _sweep(finder, ptz, +1, faults, deadline)
    if first.end in (End.ROUND, End.BLIND, End.LATE):
        return _told(first, [], ptz)
    from_deg = _degrees(ptz)
    second = _sweep(finder, ptz, -1, faults, deadline, begun=FASTEST if first.end is End.NEVER else FIRST)
    if first.end is second.end is End.NEVER:
        faults.add("ignores")
        return Rotation(span_deg=0.0, closed=False, method="matching")
    bent = registration.bend([*first.sweep.matches, *second.sweep.matches])
    for one in (first, second):
        one.sweep.straighten(bent)
    return _told(second if second.end is not End.NEVER else first, first.sweep.fits, ptz, from_deg)


def _sweep(
    finder: Viewfinder, ptz: PtzClient, way: int, faults: Faults, deadline: Deadline, begun: float = FIRST
) -> _Swept:
    """One sweep, and the head standing after it."""
    start = finder.look()
    sweep, push = Sweep(start.view, start.at_s, finder.overlay), _Push(ptz, way, begun, start.at_s)
    end = None
    while end is None:
        now = finder.look()
        sweep.add(now.view, now.at_s)
        push.on(sweep, now.at_s)
        end = _ended(sweep, push, now.at_s, deadline)
    settled = settle(finder, ptz, faults)
    sweep.add(settled.view, settled.at_s)
    return _Swept(sweep, end)


class _Push:
    """The commands that keep a head turning one way: renewed, made brisker or slower, begun anew when it stands."""

    def __init__(self, ptz: PtzClient, way: int, share: float, at_s: float) -> None:
        self.share = share
        self._ptz, self._way = ptz, way
        self._renewed_s = self._changed_s = at_s
        self._again_s: float | None = None
        ptz.pan(way * share)

    def on(self, sweep: Sweep, at_s: float) -> None:
        """Whatever the head needs now. Raises Trouble: a sweep whose commands are lost would end at no stop."""
        wanted = self._wanted(sweep, at_s)
        if sweep.still_s(at_s) < STILL_S:
            self._again_s = None
        elif sweep.moved and self._again_s is None:
            self._ptz.stop()  # some take no second command of the same kind, and stop at the first one's timeout
            self._again_s, self._renewed_s = at_s, 0.0
        if wanted != self.share or at_s - self._renewed_s > RENEW_S:
            self._changed_s = at_s if wanted != self.share else self._changed_s
            self.share, self._renewed_s = wanted, at_s
            self._ptz.pan(self._way * wanted)

    def _wanted(self, sweep: Sweep, at_s: float) -> float:
        """The share of the full speed: brisker for a head that has not begun, else as fast as can be watched well."""
        unchanged_s = at_s - self._changed_s
        if not sweep.moved:
            return min(self.share * 2.5, FASTEST) if unchanged_s > PATIENCE_S else self.share
        if sweep.blind_s(at_s) > 4 * INTERVAL_S and unchanged_s > 4 * INTERVAL_S:
            return max(self.share / 2, SLOWEST)
        if sweep.pace <= STILL or sweep.still_s(at_s) or unchanged_s <= 4 * INTERVAL_S:
            return self.share
        ratio = min(PACE / max(sweep.every_s, INTERVAL_S), FASTEST_PACE) / sweep.pace
        return self.share if 0.7 < ratio < 1.4 else _clip(self.share * _clip(ratio, 0.4, 2.5), SLOWEST, FASTEST)

    def in_vain(self, at_s: float) -> bool:
        """Whether the briskest command has had its time."""
        return self.share >= FASTEST and at_s - self._changed_s > PATIENCE_S

    def again_in_vain(self, at_s: float) -> bool:
        """Whether a head that stood was told again, and had time to obey."""
        return self._again_s is not None and at_s - self._again_s > AGAIN_S


def _ended(sweep: Sweep, push: _Push, at_s: float, deadline: Deadline) -> End | None:
    if not sweep.moved:
        if push.in_vain(at_s):
            return End.NEVER
    elif push.again_in_vain(at_s):
        return End.STOP
    elif (lens := registration.lens(sweep.fits)) and sweep.recurred(lens):
        return End.ROUND
    if sweep.blind_s(at_s) > BLIND_S:
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
