"""Child only: how sharp a picture is, and whether an enlarged one shows what the smaller could not. Pure.

Both are told tile by tile: people and steam spoil some; letters, which the camera writes as sharp as ever into every
picture, are left out. Who moved the lens must not be known here.
"""

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy import fft
from numpy.typing import NDArray

from agent.ask.ptz.registration import Frame, gray_of

Gray = NDArray[np.float32]
Tile = tuple[slice, slice]

# ---- letters ------------------------------------------------------------------------------------

_LEAP = 190
"""Levels between a letter and its outline, a few pixels apart: lamps and steel seldom reach that, and not so often."""
_LETTERS = 0.04
"""Share of a tile that leaps so, from which on it is taken for text."""


def _lettered(gray: NDArray[np.generic], tile: Tile) -> bool:
    part = np.asarray(gray[tile], np.uint8)
    window = np.ones((5, 5), np.uint8)
    leap = cv2.subtract(cv2.dilate(part, window), cv2.erode(part, window))
    return float((leap >= _LEAP).mean()) > _LETTERS


# ---- sharpness ----------------------------------------------------------------------------------

EDGE_PX = 1.6
"""Edges are sought in a picture smoothed so much: twice as much leaves a sixty-fourth of the noise's energy. By night
noise was three quarters of what edges have at 0.8 px, so that a picture out of focus hardly seemed less sharp."""
_ACROSS, _DOWN = 8, 6
_CONTRAST = 60.0
"""Variance from which on a tile shows something."""
_FEW = 6


def telling(frame: Frame) -> list[Tile]:
    """The tiles of a sharp picture by which its sharpness is told: those that show something other than letters."""
    gray = gray_of(frame)
    height, width = gray.shape
    ys, xs = np.linspace(0, height, _DOWN + 1).astype(int), np.linspace(0, width, _ACROSS + 1).astype(int)
    tiles = [(slice(*y), slice(*x)) for y in pairwise(ys.tolist()) for x in pairwise(xs.tolist())]
    room = [tile for tile in tiles if not _lettered(gray, tile)] or tiles
    shown = [tile for tile in room if float(np.var(gray[tile])) > _CONTRAST]
    return shown if len(shown) >= _FEW else room


def sharpness(frame: Frame, tiles: list[Tile] | None = None) -> float:
    """Energy of edges relative to contrast in the middle one of `tiles`; falls when focus is lost. Its unit is its own.

    `tiles`: as `telling` gave them of the picture that this one is to be compared with; without, of the picture itself.
    """
    gray = gray_of(frame).astype(np.float32)
    edges = cv2.Laplacian(cv2.GaussianBlur(gray, (0, 0), EDGE_PX), cv2.CV_32F)
    told = telling(frame) if tiles is None else tiles
    return float(np.median([1000.0 * np.var(edges[tile]) / (np.var(gray[tile]) + 25.0) for tile in told]))


# ---- detail -------------------------------------------------------------------------------------


class Halves(NamedTuple):
    """Some pictures of one view, averaged in two halves: what both show is there, what one shows is noise."""

    first: Gray
    second: Gray

    @property
    def whole(self) -> Frame:
        """All of them averaged."""
        return np.asarray((self.first + self.second) / 2, np.uint8)


TILE_PX = 64
_ABOVE, _BELOW = 1.08, 0.9
"""The band that mere enlarging cannot fill: from so many times the smaller picture's Nyquist frequency to such a share
of the larger one's."""
COMPARABLE = _ABOVE / _BELOW
"""Things must have grown by more than this: else nothing lies in that band."""
_COARSE = (0.25, 0.45)
"""What both pictures show, shares of the smaller one's Nyquist frequency: the same things, coarser in the larger."""


def gained(small: Halves, large: Halves, scale: float) -> float | None:
    """Fine detail of the larger picture beyond the smaller one's Nyquist frequency; None where too little is seen.

    Both are of one size; things are `scale` times as large in the second. Share of the coarse detail that both show,
    against the same share in the finest of the smaller. The spectra are those which both halves share, so that noise
    counts for nothing. Sharpening strengthens what is there, and cannot make what is not: enlarged 1.65 times, real
    pictures cut out and sharpened give 0.03 to 0.10, through a lens 0.10 to 0.39, down to QP 34.
    """
    height, width = small.first.shape
    inner_h, inner_w = height / scale, width / scale  # what the larger picture shows of the smaller one
    top, left = (height - inner_h) / 2, (width - inner_w) / 2
    middle = (slice(int(top), int(top + inner_h)), slice(int(left), int(left + inner_w)))
    written = _written(small.whole, large.whole)
    before = _bands(Halves(small.first[middle], small.second[middle]), written[middle], scale, 1.0)
    after = _bands(large, written, scale, scale)
    if before is None or after is None or before[0] <= 0:
        return None
    return (after[0] / after[1]) / (before[0] / before[1])


def _written(one: Frame, two: Frame) -> NDArray[np.bool_]:
    """Which pixels lie on what is written into both pictures: fine things that stay in place while the view grows."""
    grays = [gray_of(view).astype(np.float32) for view in (one, two)]
    a, b = (gray - cv2.GaussianBlur(gray, (0, 0), 2.0) for gray in grays)
    same, first, second = (cv2.GaussianBlur(product, (0, 0), 5.0) for product in (a * b, a * a, b * b))
    letters = (same > _ALIKE * np.sqrt(first * second)) & (np.minimum(first, second) > _STRONG)
    around = cv2.dilate(letters.astype(np.uint8), np.ones((9, 9), np.uint8))
    return np.asarray(cv2.resize(around, one.shape[::-1], interpolation=cv2.INTER_NEAREST), bool)


_ALIKE, _STRONG = 0.4, 30.0
"""Correlation, and power (levels squared), of fine things from which on they are letters."""
_FREE = 0.02
"""Share of a tile that letters may fill."""


def _bands(seen: Halves, written: NDArray[np.bool_], scale: float, enlarged: float) -> tuple[float, float] | None:
    """Power above the smaller picture's Nyquist frequency, and of what is coarse in it, however much enlarged here."""
    power, pitch = _shared_power(seen, written), _pitch()
    if power is None:
        return None
    fine = power[(pitch > _ABOVE / scale) & (pitch < _BELOW)]
    if not fine.size:  # the pictures are so alike in scale that nothing lies between
        return None
    high = float(fine.mean())
    low, top = (pitch_ / enlarged for pitch_ in _COARSE)
    coarse = float(power[(pitch > low) & (pitch < top)].mean())
    return (max(high, 0.0), coarse) if coarse > _LEAST_POWER else None


_LEAST_POWER = 400.0
"""Of the coarse band, below which a view is too plain to tell."""


def _shared_power(seen: Halves, written: NDArray[np.bool_]) -> Gray | None:
    """The spectrum that both halves share, mean of all tiles without letters."""
    height, width = seen.first.shape
    window = np.outer(np.hanning(TILE_PX), np.hanning(TILE_PX)).astype(np.float32)
    spectra = []
    for top in range(0, height - TILE_PX + 1, TILE_PX):
        for left in range(0, width - TILE_PX + 1, TILE_PX):
            tile = (slice(top, top + TILE_PX), slice(left, left + TILE_PX))
            if written[tile].mean() <= _FREE:
                one, two = (fft.rfft2((half[tile] - half[tile].mean()) * window) for half in seen)
                spectra.append(np.real(one * np.conj(two)))
    return np.asarray(np.mean(spectra, axis=0), np.float32) if spectra else None


def _pitch() -> NDArray[np.float64]:
    """Of each place of a spectrum, 1 = the Nyquist frequency."""
    return np.asarray(2 * np.hypot(fft.fftfreq(TILE_PX)[:, None], fft.rfftfreq(TILE_PX)))
