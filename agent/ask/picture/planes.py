"""Child only: pictures as planes of numbers: gray, small, cut into squares."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Floats = NDArray[np.float32]

WIDTH_PX = 640
BANDS = 0.12
"""Share of the height left out at top and bottom: cameras write time and name there."""
SIGNATURE_PX = (96, 54)
"""Width and height of a remembered view: too coarse to know a face by."""


def gray(frame: Frame) -> Frame:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8) if frame.ndim == 3 else frame


def small(frame: Frame) -> Frame:
    """The frame, at most WIDTH_PX wide."""
    height, width = frame.shape[:2]
    if width <= WIDTH_PX:
        return frame
    size = (WIDTH_PX, max(round(height * WIDTH_PX / width), 1))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def thumb(frame: Frame) -> Frame:
    return np.asarray(cv2.resize(gray(frame), SIGNATURE_PX, interpolation=cv2.INTER_AREA), np.uint8)


def inner(frame: Frame) -> Frame:
    height = frame.shape[0]
    return frame[int(height * BANDS) : height - int(height * BANDS)]


def blocks(plane: NDArray[np.generic], side: int) -> NDArray[np.float32]:
    """The plane cut in squares: (rows, columns, side * side)."""
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    cut = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.swapaxes(1, 2).reshape(rows, columns, side * side).astype(np.float32)


def means(plane: Floats, side: int) -> Floats:
    """The mean of each square: (rows, columns)."""
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    whole = plane[: rows * side, : columns * side]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def quantile(values: NDArray[Any], share: float) -> float:
    """The value that so large a share lies below; numpy's own takes ten times as long for a few hundred."""
    flat = values.ravel()
    at = round(share * (len(flat) - 1))
    return float(np.partition(flat, at)[at])


def slope(gray: Frame, smoothing: float) -> tuple[Floats, Floats]:
    """The picture smoothed by `smoothing` px, and how steep it is, levels per px."""
    soft = cv2.GaussianBlur(gray.astype(np.float32), (0, 0), smoothing)
    return soft, cv2.magnitude(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)) / 8
