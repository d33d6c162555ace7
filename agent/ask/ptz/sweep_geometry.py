"""Child only: what the views of a camera that turns one way add up to: how far, whether it stands, whether it is round.

Pure: views and their times come in.
"""

from typing import NamedTuple

import numpy as np

from agent.ask.ptz import registration
from agent.ask.ptz.course import Course
from agent.ask.ptz.overlay import Overlay
from agent.ask.ptz.registration import Floats, Lens, RotationFit, View

KEY_SHIFT = 0.18
"""A view so far (in widths) from the last key view becomes the next: few links, each far enough to tell the lens."""
STILL = 0.004
"""Things that moved less between two views (in widths) stand still: encoders and wind do that much."""
FAR = 0.4
"""A view that shares no more with the key view is told by the view just before, where it shares more with that."""
BACKWARD = 0.03
"""Widths by which a view may seem to go back: noise, and a head that rebounds at its stop."""
SLOW = 10 * STILL
"""What seems to move so little is compared with the view just before: of a far key view half is out of sight, and noise
of the rest looks like movement."""
STILL_S = 1.2
"""A head that is told to turn and stands so long is at its stop."""
BLIND_VIEWS = 10
"""So many views in a row have to show nothing: from a slow camera, or on a busy box, few come in seconds."""
FULL_DEG = 360.0
_LATE_DEG = 250.0
"""The start is not looked for before: near it, its view is still in sight."""
_PASSED = 0.06
"""The start counts as passed when the head is so far (in widths of the view) beyond it."""
_IN_SIGHT = 0.9
"""Share of the view that counts as seen."""
_TOLERANCE = 0.12
_BY_COMMANDS = 0.5
"""Share of a gap that is not certain where only the commands tell it: heads obey late, and not in proportion."""
LEAST_LINKS = 4
_DISAGREE, _LEAST_OFF = 0.1, 0.05
"""Share of the way by which positions may stray from what was seen, to be believed where nothing is seen; and what is
uncertain of them at least."""


class _Link(NamedTuple):
    """From one key view to the next; `fit` None where nothing in between could be matched: a gap."""

    fit: RotationFit | None
    from_s: float
    to_s: float
    found: registration.Match | None = None


class _Unit(NamedTuple):
    """Of the positions that a head says: their size, and by which share of them they differ from what is seen."""

    degrees: float
    off: float


class Sweep:
    """Views of one turn in one direction, in order."""

    def __init__(self, start: View, at_s: float, overlay: Overlay, course: Course | None = None) -> None:
        self._overlay = overlay
        self.course = course or Course()
        self._unseen = 0.0
        self.bent = 0.0
        """How much the lens bends lines, as far as it has been told."""
        self._asked = False
        self._seen_so_far: list[tuple[View, float]] = []
        self._begin(start, at_s)

    def _begin(self, start: View, at_s: float) -> None:
        self.start = start
        self.last = start
        self.pace = 0.0
        """Widths a second at which things last moved."""
        self.every_s = 0.0
        """Seconds from picture to picture, lately."""
        self._links: list[_Link] = []
        self._began_s = at_s
        self._key, self._key_at_s = start, at_s
        self._partial: RotationFit | None = None
        self._found: registration.Match | None = None
        self._moves: Floats = np.zeros((4, 2))
        self._way: Floats = np.zeros(2)
        self._last_at_s = at_s
        self._still_since_s: float | None = at_s
        self._blind_since_s: float | None = None
        self._blind_views = 0
        self.moved = False
        """Whether anything moved at all."""

    # ---- views come in --------------------------------------------------------------------------

    def add(self, now: View, at_s: float) -> None:
        """The next view, taken at `at_s` (monotonic seconds)."""
        learned = self._overlay.learned
        self._seen_so_far.append((now._replace(gray=now.gray[:, :0]), at_s))
        if found := self._add(now, at_s):
            self._overlay.learn(found)
        if self._overlay.learned > learned:
            self._again()

    def _again(self) -> None:
        """More text in the picture is known now: all views so far are matched again without it."""
        self._begin(self.start, self._began_s)
        for view, at_s in self._seen_so_far:
            self._add(view, at_s)

    def _add(self, now: View, at_s: float) -> registration.Match | None:
        found = self._onward(now, self._key, self._moves)
        if self._partial is not None and (found is None or found.covered < FAR):
            nearer = self._onward(now, self.last, np.zeros((4, 2)))
            if found is None or (nearer and nearer.covered > found.covered):
                self._step(self.last, self._last_at_s)
                found = nearer
        if found is None:
            self._blind(now, at_s)
        else:
            self._seen(now, at_s, found)
        gone_s = at_s - self._last_at_s
        self.every_s = 0.7 * self.every_s + 0.3 * gone_s if self.every_s else gone_s
        self.last, self._last_at_s = now, at_s
        return found

    def _onward(self, now: View, since: View, moves: Floats) -> registration.Match | None:
        """The match with an earlier view from which things had moved by `moves` when last seen.

        None, too, where they would have turned back, as no head does that is told to turn one way: in a row of tables
        that are all alike the next one is easily taken for the last.
        """
        found = self._overlay.match(since, now)
        if found and float((found.moves - moves).mean(axis=0) @ self._way) < -BACKWARD * float(np.hypot(*self._way)):
            return None
        return found

    def _seen(self, now: View, at_s: float, found: registration.Match) -> None:
        moved = float(np.mean(np.hypot(*(found.moves - self._moves).T)))
        if STILL < moved < SLOW and (since := self._overlay.match(self.last, now)):
            moved = since.shifted
        if self._blind_since_s is None and at_s > self._last_at_s:
            self.pace = moved / (at_s - self._last_at_s)
        self._blind_since_s, self._blind_views = None, 0
        if moved > STILL:
            self.moved, self._still_since_s = True, None
        elif self._still_since_s is None:
            self._still_since_s = self._last_at_s
        if moved > STILL:
            self._way = self._way + (found.moves - self._moves).mean(axis=0)
        self._partial, self._found, self._moves = registration.fit_rotation(found, self.bent), found, found.moves
        if found.moved >= KEY_SHIFT:
            self._step(now, at_s)

    def _step(self, key: View, at_s: float) -> None:
        """The view becomes the key view."""
        self._links.append(_Link(self._partial, self._key_at_s, at_s, self._found))
        self._key, self._key_at_s = key, at_s
        self._partial, self._found, self._moves = None, None, np.zeros((4, 2))

    def _blind(self, now: View, at_s: float) -> None:
        """Nothing matches: a plain view, a fast head, somebody in the way. A view with features begins anew."""
        self._still_since_s = None
        self._blind_views += 1
        if self._blind_since_s is None:
            self._blind_since_s = self._last_at_s
        if len(now.points) >= registration.MIN_INLIERS:
            self._step(now, at_s)

    # ---- what they add up to --------------------------------------------------------------------

    def still_s(self, at_s: float) -> float:
        """How long nothing has moved."""
        return 0.0 if self._still_since_s is None else at_s - self._still_since_s

    def blind_s(self, at_s: float) -> float:
        """How long nothing could be matched."""
        return 0.0 if self._blind_since_s is None else at_s - self._blind_since_s

    def lost(self, at_s: float, patience_s: float) -> bool:
        """Whether nothing could be matched for so long, nor in BLIND_VIEWS."""
        return self.blind_s(at_s) > patience_s and self._blind_views >= BLIND_VIEWS

    def stood_s(self, at_s: float) -> float:
        """How long the head has stood: as the picture shows, or as it says where it has been right so far.

        Not where the picture plainly moves: some heads say no more beyond the end of their scale.
        """
        still_s, said_s = self.still_s(at_s), self.course.stood_s(at_s)
        turns = not self.blind_s(at_s) and self.pace * self.every_s > SLOW
        if said_s < STILL_S or turns or not self._positions_agree():
            return still_s
        return max(said_s, still_s)

    @property
    def fits(self) -> list[RotationFit]:
        return [link.fit for link in self._links if link.fit] + ([self._partial] if self._partial else [])

    @property
    def gaps(self) -> bool:
        """Whether part of the turn could not be seen."""
        return self._unseen > 0 or any(not link.fit for link in self._links)

    def ends_where_it_says(self, at_s: float) -> bool:
        """Whether the head says how far it came, out of sight, to where it stands now. Then that counts as turned."""
        if self.course.way(self._key_at_s, at_s) is None or not self._positions_agree():
            return False
        self._step(self.last, at_s)
        return True

    def ends_unseen(self, effort: float) -> None:
        """So much (Course.effort) lay between the last that was seen and the stop."""
        self._unseen = effort

    def straighten(self, bent: float) -> None:
        """Reckon with a lens that bends lines so much (registration.bend)."""
        if bent == self.bent:
            return
        self.bent = bent
        self._links = [
            one._replace(fit=registration.fit_rotation(one.found, bent)) if one.found else one for one in self._links
        ]
        if self._found:
            self._partial = registration.fit_rotation(self._found, bent)

    @property
    def matches(self) -> list[registration.Match]:
        """Of its links, by which the lens is told."""
        return [link.found for link in self._links if link.found]

    def axis(self, row: float) -> Floats:
        """The axis of the turn, a unit vector in the first view's frame, for a focal length."""
        total = np.sum([registration.at(fit.vectors, row) for fit in self.fits], axis=0) if self.fits else np.zeros(3)
        length = float(np.linalg.norm(total))
        return np.asarray(total / length if length else np.array([0.0, 1.0, 0.0]))

    def turned(self, row: float) -> float:
        """Degrees turned, for a focal length, gaps included."""
        return self.known(row) + self._gaps(row)[0]

    def known(self, row: float) -> float:
        """Degrees seen turned."""
        return float(sum(self._angles(row, self.fits)))

    def due(self, row: float, at_s: float) -> float:
        """Degrees that the commands until now should have brought the head, in sight or not."""
        return self._rate(row) * self.course.effort(self._began_s, at_s)

    def _angles(self, row: float, fits: list[RotationFit]) -> list[float]:
        axis = self.axis(row)
        return [float(registration.at(fit.vectors, row) @ axis) for fit in fits]

    def _rate(self, row: float) -> float:
        """Degrees that the head turned in sight for each unit of effort."""
        seen = [link for link in self._links if link.fit]
        effort = sum(self.course.effort(link.from_s, link.to_s) for link in seen)
        return sum(self._angles(row, [link.fit for link in seen if link.fit])) / effort if effort else 0.0

    def _gaps(self, row: float) -> tuple[float, float]:
        """Degrees of all that was not seen, and how wrong they may be.

        By the positions that the head says, where these have agreed with what was seen; else by what it was told.
        """
        blind = [(link.from_s, link.to_s) for link in self._links if not link.fit]
        if not self._unseen and (unit := self._unit(row)):
            ways = [self.course.way(*times) for times in blind]
            if None not in ways:
                degrees = unit.degrees * sum(way for way in ways if way)
                return degrees, max(unit.off, _LEAST_OFF) * degrees
        degrees = self._rate(row) * (sum(self.course.effort(*times) for times in blind) + self._unseen)
        return degrees, _BY_COMMANDS * degrees

    def _positions_agree(self) -> bool:
        lens = registration.lens(self.fits)
        return lens is not None and self._unit(lens.row) is not None

    def _unit(self, row: float) -> "_Unit | None":
        """Degrees of one unit of the head's positions; None where these did not go along with what was seen."""
        seen = [link for link in self._links if link.fit]
        ways = [self.course.way(link.from_s, link.to_s) for link in seen]
        told = np.array([way for way in ways if way is not None])
        if len(seen) < LEAST_LINKS or len(told) < len(seen) or not told.sum():
            return None
        angles = np.array(self._angles(row, [link.fit for link in seen if link.fit]))
        degrees = float(angles.sum() / told.sum())
        off = float(np.abs(np.cumsum(angles - degrees * told)).max() / angles.sum())  # late answers even out on the way
        return _Unit(degrees, off) if 0 <= off < _DISAGREE else None

    def recurred(self, lens: Lens) -> float | None:
        """Degrees turned, if the start has come into view again and been passed, as it is for an endless head."""
        turned = self.turned(lens.row)
        if turned < _LATE_DEG:
            return None
        beyond = self._between(self.start, self.last, lens.row)
        if beyond is None or beyond < _PASSED * lens.fov_deg:
            return None
        rounds = max(round((turned - beyond) / FULL_DEG), 1)  # with few pictures a second the first may be missed
        around = rounds * FULL_DEG + beyond
        if self._agrees(lens, around):
            return around
        if not self._asked:  # a bent lens makes a whole turn seem less
            self._asked = True
            self.straighten(registration.bend(self.matches)[1])
        return None

    def closed(self, lens: Lens) -> float | None:
        """Degrees turned, if the first and the last view overlap behind the camera's back; more exact than `turned`."""
        short = self._between(self.start, self.last, lens.row)
        if short is None:  # much depends on these two, and little of them is the same
            start, last = (registration.view(one.gray, registration.MANY_FEATURES) for one in (self.start, self.last))
            short = self._between(start, last, lens.row)
        if short is None or not self._agrees(lens, FULL_DEG + short):
            return None
        return FULL_DEG + short

    def covers(self, lens: Lens) -> bool:
        """Whether first and last view overlap by what was turned and what the lens sees, though steam may hide it."""
        longest = min(lens.row + 2 * lens.spread, len(registration.FOCALS) - 1)
        return self.turned(lens.row) - self.error_deg(lens) + _IN_SIGHT * registration.fov_deg(longest) >= FULL_DEG

    def _between(self, a: View, b: View, row: float) -> float | None:
        """Degrees from one view to an overlapping one, along the axis of this sweep."""
        found = self._overlay.match(a, b)
        return (
            float(registration.at(registration.fit_rotation(found, self.bent).vectors, row) @ self.axis(row))
            if found
            else None
        )

    def _agrees(self, lens: Lens, expected: float) -> bool:
        """Whether what was turned is what another figure says, within what chaining and gaps may have lost."""
        return abs(self.turned(lens.row) - expected) <= _TOLERANCE * FULL_DEG + self._gaps(lens.row)[1]

    def error_deg(self, lens: Lens) -> float:
        """How wrong `turned` may be: twice the lens's standard error, what a bend may hide, and of the gaps."""
        turned, last = self.turned(lens.row), len(registration.FOCALS) - 1
        wide, long = (self.turned(min(max(lens.row + side * lens.spread, 0), last)) for side in (-2, 2))
        return abs(long - wide) / 2 + registration.BEND_ERROR * turned + self._gaps(lens.row)[1]
