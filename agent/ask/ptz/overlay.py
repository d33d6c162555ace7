"""Child only: where a camera writes into its picture (name, channel, time): what stays while the rest moves.

Letters are no evidence of where the camera looks. They are learned only from views between which the room moved.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.ask.ptz import registration
from agent.ask.ptz.registration import Floats, Match, View

CELL = 1 / 80
"""Side of a cell, in widths: a quarter of a large letter."""
_CELLS = (160, 80)
"""Down and across, as far as the tallest picture reaches."""
LEAST_VIEWS = 3
SHARE = 0.1
"""A cell holds text when something stood still there in so many views of a moving room, and in such a share of them."""
NEW, GROWTH = 6, 0.1
"""Cells, and share of those known, that must be new before the text counts as better known: all that was seen before is
then looked at anew."""


class Overlay:
    """Of one camera's picture, for one visit."""

    def __init__(self) -> None:
        self._votes = np.zeros(_CELLS, np.int32)
        self._views = 0
        self._text: NDArray[np.bool_] = np.zeros(_CELLS, bool)
        self.learned = 0
        """How often more text has become known."""

    def learn(self, found: Match) -> None:
        """A match of two views between which the camera was moved. Where the room stands yet, nothing is learned."""
        fled = np.hypot(*(found.a - found.b).T) > registration.FLED
        if registration.places(found.b[fled]) < max(registration.places(found.held), 1):
            return
        self._views += 1
        self._votes[tuple(np.unique(_cells(found.held), axis=0).T)] += 1
        known = (self._votes >= max(LEAST_VIEWS, SHARE * self._views)).astype(np.uint8)
        lines = cv2.morphologyEx(known, cv2.MORPH_CLOSE, np.ones((3, 7), np.uint8))  # letter by letter they are a line
        text = self._text | cv2.dilate(lines, np.ones((3, 3), np.uint8)).astype(bool)
        if text.sum() - self._text.sum() >= max(NEW, GROWTH * self._text.sum()):
            self._text = text
            self.learned += 1

    def without(self, view: View) -> View:
        """The view without the features on text."""
        if not self.learned or view.descriptors is None:
            return view
        room = ~self._text[tuple(_cells(view.points).T)]
        return View(view.gray, view.points[room], view.descriptors[room])

    def match(self, a: View, b: View) -> Match | None:
        """As registration.match, of the room alone."""
        return registration.match(self.without(a), self.without(b))

    def enlarged(self, a: View, b: View) -> Match | None:
        """As registration.enlarged, of the room alone."""
        return registration.enlarged(self.without(a), self.without(b))


def _cells(points: Floats) -> NDArray[np.int64]:
    """Row and column of the cell that each point lies in (n, 2)."""
    middle = np.array([_CELLS[0] // 2, _CELLS[1] // 2])
    at = np.floor(points[:, ::-1] / CELL).astype(np.int64) + middle
    return np.asarray(np.clip(at, 0, np.array(_CELLS) - 1))
