"""Child only: what proves zoom and focus: things grow, and gain detail; sharpness goes and comes back.

The focus is put back here, the zoom by whoever called.
"""

import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from agent.ask.attempt import Deadline
from agent.ask.ptz import detail, registration
from agent.ask.ptz.commands import TIMEOUT_S, PtzClient
from agent.ask.ptz.detail import Halves, Tile
from agent.ask.ptz.overlay import Overlay
from agent.ask.ptz.pan_sweep import FASTEST, FIRST, PATIENCE_S, RENEW_S
from agent.ask.ptz.registration import View
from agent.ask.ptz.settle import SETTLE_S, Faults, quietly, settle
from agent.ask.ptz.viewfinder import Viewfinder
from agent.model import FocusSeen, NotSeen, Span, ZoomSeen
from contract.vocabulary import Reason

ZOOM_WANTED = 1.6
"""Magnification at which detail is compared."""
ZOOM_SEEN = 1.08
ZOOM_STEP = 1.2
STOOD, _GREW = 0.4, 0.03
"""Share of the view in which things must be as large as before, and what is as large."""
_NEARLY = 0.1
MAX_BLIND = 4
ZOOM_S, BACK_S = 8.0, 15.0
"""Longest zoom, and longest way back to what can be told."""
BACK_LEGS = 4
"""And so many legs of that way at least, however slowly pictures come."""
NUDGES, NUDGE_S = 5, 0.5
"""Short steps on where the way back went too far: how many at most, and how long each lasts."""
AVERAGED = 6
"""Pictures averaged before detail is compared, so that noise does not count as detail."""
COMPARISONS = 3
"""Tries to compare detail, each with pictures of its own."""
BLURRED = 0.6
"""Sharpness lost to so much of what it was proves the focus motor."""
FOCUS_S = 3.0
FOCUS_LOOKS = 4
"""And so many pictures at least are looked at, however slowly they come, before a motor is said to stand."""


# ---- zoom ---------------------------------------------------------------------------------------


def zoom(
    finder: Viewfinder, fine: Viewfinder, ptz: PtzClient, faults: Faults, deadline: Deadline
) -> ZoomSeen | NotSeen:
    """Zoom in (out, where it stands at its long end) and compare size and detail; `fine` gives the main stream's."""
    for way in (+1, -1):
        start, before = finder.look(), average(fine)
        growth = Growth(start.view, finder.overlay)
        _zoom(finder, ptz, way, growth, deadline)
        scale = growth.add(settle(finder, ptz, faults).view) or seen_again(finder, ptz, way, growth, faults, deadline)
        if scale is None:
            return NotSeen(reason=Reason.MALFORMED, detail="too little in the picture to measure the zoom by")
        if max(scale, 1 / scale) >= ZOOM_SEEN:
            return compared(before, fine, scale)
        if deadline.passed():
            return NotSeen(reason=Reason.TIMED_OUT, detail="nothing grew in the time allowed")
    faults.add("ignores")
    return ZoomSeen(scale=1.0, detail_ratio=0.0)


class _Told(NamedTuple):
    view: View
    scale: float


class Growth:
    """How much larger things have become since the start, told in steps: far apart, two views have little in common."""

    def __init__(self, start: View, overlay: Overlay) -> None:
        self._overlay = overlay
        self._key = self._last = _Told(start, 1.0)
        self.sizes = [1.0]
        """Of each view that could be told: how much larger, or smaller, things are."""
        self.blind = 0
        """Views in a row that could not be told."""

    def add(self, now: View) -> float | None:
        """The scale of a view, None where it cannot be told."""
        key = self._key
        found = self._told(key.view, now)
        if found is None:
            key = self._last  # what moves in the kitchen spoils a large step sooner than a small one
            found = self._told(key.view, now)
        if found is None:
            self.blind += 1
            return None
        self._overlay.learn(found)
        scale, self.blind = key.scale * found.scale, 0
        self.sizes.append(max(scale, 1 / scale))
        self._last = _Told(now, scale)
        self._key = key if 1 / ZOOM_STEP < found.scale < ZOOM_STEP else self._last
        return scale

    def _told(self, since: View, now: View) -> registration.Match | None:
        """The match with an earlier view; that nothing grew must be seen in most of it: letters never grow."""
        found = self._overlay.enlarged(since, now)
        stood = found is not None and abs(found.scale - 1) < _GREW
        return None if stood and found and found.covered < STOOD else found

    @property
    def stands(self) -> bool:
        """Whether things have grown and grow no more."""
        lately = self.sizes[-6:]
        return len(self.sizes) > 6 and self.sizes[-1] >= ZOOM_SEEN and max(lately) - min(lately) < 0.01


def _zoom(finder: Viewfinder, ptz: PtzClient, way: int, growth: Growth, deadline: Deadline) -> None:
    """Zoom until things are ZOOM_WANTED times as large (or small), or nothing more happens."""
    share = FIRST
    ptz.zoom(way * share)
    begun_s = renewed_s = time.monotonic()
    while growth.blind < MAX_BLIND and not (growth.stands or deadline.passed()):
        now = finder.look()
        growth.add(now.view)
        size = growth.sizes[-1]
        if size >= ZOOM_WANTED or now.at_s - begun_s > ZOOM_S:
            return
        brisk = min(share * 2.5, FASTEST) if now.at_s - begun_s > PATIENCE_S and size < ZOOM_SEEN else share
        if brisk != share or now.at_s - renewed_s > RENEW_S:
            share, renewed_s = brisk, now.at_s
            ptz.zoom(way * share)


def seen_again(
    finder: Viewfinder, ptz: PtzClient, way: int, growth: Growth, faults: Faults, deadline: Deadline
) -> float | None:
    """The scale after zooming back to what can be told: where pictures come late, the steps between are missed.

    The way back can be too far for the same reason; then short steps lead on to where detail can be compared.
    None where nothing can be told on that way, or nothing is left of the zoom.
    """
    end, legs, scale = deadline.within(BACK_S), 0, None
    while not deadline.passed() and (legs < BACK_LEGS or not end.passed()):
        ptz.zoom(-way * FIRST)
        leg, legs = deadline.within(TIMEOUT_S), legs + 1
        while growth.blind and not leg.passed():
            growth.add(finder.look().view)
        if scale := growth.add(settle(finder, ptz, faults).view):
            break
    for _ in range(NUDGES):
        if scale is None or max(scale, 1 / scale) >= detail.COMPARABLE or deadline.passed():
            break
        ptz.zoom(way * FIRST)
        time.sleep(NUDGE_S)
        scale = growth.add(settle(finder, ptz, faults).view)
    return scale if scale and max(scale, 1 / scale) >= ZOOM_SEEN else None


def compared(before: Halves, fine: Viewfinder, scale: float) -> ZoomSeen | NotSeen:
    """Detail of the larger picture beyond the smaller one's; people and steam may be in the way for a while."""
    if max(scale, 1 / scale) <= detail.COMPARABLE:
        return NotSeen(reason=Reason.MALFORMED, detail="it zooms, and stopped too early to compare detail by")
    for _ in range(COMPARISONS):
        after = average(fine)
        small, large = (before, after) if scale >= 1 else (after, before)
        views = [registration.view(one.whole, registration.MANY_FEATURES) for one in (small, large)]
        found, times = registration.enlarged(*views), max(scale, 1 / scale)
        if found and abs(found.scale / times - 1) < _NEARLY:
            times = found.scale  # told by more features than `scale` was
        if (gain := detail.gained(small, large, times)) is not None:
            return ZoomSeen(scale=round(times, 2), detail_ratio=math.floor(gain * 1000) / 1000)
    return NotSeen(reason=Reason.MALFORMED, detail="it zooms, and too little in the picture to compare detail by")


def average(finder: Viewfinder) -> Halves:
    """Of AVERAGED pictures. Raises Trouble."""
    grays = [cv2.cvtColor(finder.look().frame, cv2.COLOR_BGR2GRAY).astype(np.float32) for _ in range(AVERAGED)]
    half = AVERAGED // 2
    return Halves(np.mean(grays[:half], axis=0, dtype=np.float32), np.mean(grays[half:], axis=0, dtype=np.float32))


# ---- focus --------------------------------------------------------------------------------------


class FocusKept(NamedTuple):
    """What to restore: AUTO, MANUAL or "" (unknown), and the motor's position where the camera tells it."""

    mode: str
    position: float | None

    @property
    def known(self) -> bool:
        """Whether there is anything to go back to."""
        return bool(self.mode) or self.position is not None


def focus(finder: Viewfinder, ptz: PtzClient, kept: FocusKept, deadline: Deadline) -> FocusSeen | NotSeen:
    """Move the focus until the picture blurs, then put it back as `kept` says and wait until it is sharp again."""
    tiles = detail.telling(finder.look().frame)
    rested = _at_rest(finder, tiles)
    before, usual = min(rested), statistics.median(rested)
    if kept.mode == "AUTO":
        quietly(partial(ptz.set_autofocus, "MANUAL"))  # some refuse Move otherwise
    lowest, moves = before, _moves(ptz, kept)
    undo: Callable[[], None] = _nothing
    try:
        for there, undo in moves:
            there()
            lowest = min(lowest, _lowest(finder, tiles, before, deadline))
            quietly(ptz.stop_focus)
            if lowest <= BLURRED * before:
                break
            undo()  # back to where it was, before the other way is tried
            _sharp_again(finder, tiles, usual)
            quietly(ptz.stop_focus)
    finally:
        restore_focus(ptz, kept, undo)
    if lowest > BLURRED * before and deadline.passed():
        return NotSeen(reason=Reason.TIMED_OUT, detail="nothing blurred in the time allowed")
    return FocusSeen(
        before=round(before, 3), moved=round(lowest, 3), restored=round(_sharp_again(finder, tiles, usual), 3)
    )


def _nothing() -> None:
    pass


def restore_focus(ptz: PtzClient, kept: FocusKept, undo: Callable[[], None] = _nothing) -> None:
    """Put the focus back: the motor where its position is known, else the move undone; then the mode."""
    quietly(ptz.stop_focus)
    if kept.mode != "AUTO":
        position = kept.position
        options = ptz.motors.focus
        if position is not None and (options is None or options.absolute):
            quietly(partial(ptz.focus, Absolute={"Position": position}))
        else:
            quietly(undo)
    if kept.mode:
        quietly(partial(ptz.set_autofocus, kept.mode))


def _moves(ptz: PtzClient, kept: FocusKept) -> list[tuple[Callable[[], None], Callable[[], None]]]:
    """Ways to lose focus, the gentlest first, each with what undoes it."""
    options = ptz.motors.focus
    if options is None:
        return []
    if options.absolute and kept.position is not None:
        home = partial(ptz.focus, Absolute={"Position": kept.position})
        aside = _aside(options.absolute, kept.position)
        return [(partial(ptz.focus, Absolute={"Position": to}), home) for to in aside]
    if options.continuous:
        speeds = [_end(options.continuous, side, 0.5) for side in (-1, 1)]
        return [(partial(ptz.focus, Continuous={"Speed": s}), partial(_for_as_long, ptz, -s)) for s in speeds]
    if options.relative:
        steps = [_end(options.relative, side, 0.3) for side in (-1, 1)]
        return [
            (partial(ptz.focus, Relative={"Distance": s}), partial(ptz.focus, Relative={"Distance": -s})) for s in steps
        ]
    return []


def _for_as_long(ptz: PtzClient, speed: float) -> None:
    ptz.focus(Continuous={"Speed": speed})
    time.sleep(FOCUS_S / 2)


def _aside(span: Span, home: float) -> list[float]:
    """Positions a third of the way aside of `home`, within the span."""
    low, high = span.low if span.low is not None else home - 1.0, span.high if span.high is not None else home + 1.0
    step = (high - low) / 3
    return [to for to in (home - step, home + step) if low <= to <= high] or [low, high]


def _end(span: Span, side: int, share: float) -> float:
    end = span.high if side > 0 else span.low
    return share * (end if end is not None else float(side))


def _at_rest(finder: Viewfinder, tiles: list[Tile]) -> list[float]:
    """The sharpness of as many pictures as a move is judged by: steam and people change it too."""
    until_s, seen = time.monotonic() + FOCUS_S, list[float]()
    while time.monotonic() < until_s or len(seen) < FOCUS_LOOKS:
        seen.append(detail.sharpness(finder.look().frame, tiles))
    return seen


def _sharpness(finder: Viewfinder, tiles: list[Tile]) -> float:
    return statistics.median(detail.sharpness(finder.look().frame, tiles) for _ in range(3))


def _lowest(finder: Viewfinder, tiles: list[Tile], before: float, deadline: Deadline) -> float:
    """The least sharpness within FOCUS_S; no longer than until the blur is plain."""
    until_s, looks, lowest = time.monotonic() + FOCUS_S, 0, before
    while (time.monotonic() < until_s or looks < FOCUS_LOOKS) and not deadline.passed():
        lowest, looks = min(lowest, detail.sharpness(finder.look().frame, tiles)), looks + 1
        if lowest <= BLURRED * before:
            break
    return lowest


def _sharp_again(finder: Viewfinder, tiles: list[Tile], before: float) -> float:
    """The sharpness once it is what it was, or after SETTLE_S."""
    until_s, now = time.monotonic() + SETTLE_S, 0.0
    while now < 0.85 * before and time.monotonic() < until_s:
        now = _sharpness(finder, tiles)
    return now
