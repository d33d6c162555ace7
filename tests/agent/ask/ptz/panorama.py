"""A made-up room seen through a made-up lens: rectilinear pictures of a drawn panorama, for tests of geometry."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
PER_DEG = 16
TOP_DEG = 60


@cache
def room(seed: int = 1, things: int = 900, shrink: float = 1.0) -> Frame:
    """A panorama, 360° by 120°: tiled walls (all alike) with things of all sizes before them.

    `shrink`: how much coarser the pictures are that show it; it is blurred as a lens would.
    """
    rng = np.random.default_rng(seed)
    width, height = 360 * PER_DEG, 2 * TOP_DEG * PER_DEG
    image = np.full((height, width, 3), (205, 210, 206), np.uint8)
    tile = 5 * PER_DEG
    for x in range(0, width, tile):
        cv2.line(image, (x, 0), (x, height), (176, 178, 170), 2)
    for y in range(0, height, tile):
        cv2.line(image, (0, y), (width, y), (176, 178, 170), 2)
    for _ in range(things):
        x, y = int(rng.integers(0, width)), int(rng.normal(height / 2, height / 5))
        w, h = (int(v) for v in rng.exponential(30, 2) + 4)
        colour = tuple(int(c) for c in rng.integers(20, 250, 3))
        for left in (x, x - width):  # what crosses the seam is drawn on both sides
            if rng.random() < 0.5 and left == x:
                cv2.ellipse(image, (left + w // 2, y), (w, h), float(w % 90), 0, 360, colour, -1)
                cv2.ellipse(image, (left + w // 2 - width, y), (w, h), float(w % 90), 0, 360, colour, -1)
                break
            cv2.rectangle(image, (left, y), (left + w, y + h), colour, -1)
    fine = rng.normal(0, 6, (height, width, 1)).astype(np.float32)
    drawn = np.clip(image + fine, 0, 255).astype(np.uint8)
    drawn = np.concatenate([drawn, drawn[:, :64]], axis=1)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.5 * shrink) if shrink > 1.2 else drawn, np.uint8)


def look(
    pan: float,
    *,
    things: int = 900,
    tilt: float = 0.0,
    fov: float = 60.0,
    size: tuple[int, int] = (640, 360),
    noise: float = 2.0,
    seed: int = 0,
    letters: str = "",
    bent: float = 0.0,
) -> Frame:
    """What a camera sees that looks `pan` degrees to the right and `tilt` up, its lens `fov` degrees wide.

    `bent`: barrel distortion, the share by which the picture's edge is drawn in.
    """
    width, height = size
    focal = width / 2 / np.tan(np.radians(fov / 2))
    x, y = np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2)
    if bent:
        stretch = 1 + bent * (x**2 + y**2) / (width / 2) ** 2
        x, y = x * stretch, y * stretch
    up = np.radians(tilt)
    rays = np.stack([x, -y, np.full_like(x, focal)], axis=-1) / np.sqrt(x**2 + y**2 + focal**2)[..., None]
    y_up = rays[..., 1] * np.cos(up) + rays[..., 2] * np.sin(up)
    z = -rays[..., 1] * np.sin(up) + rays[..., 2] * np.cos(up)
    azimuth = (np.degrees(np.arctan2(rays[..., 0], z)) + pan) % 360
    elevation = np.degrees(np.arcsin(np.clip(y_up, -1, 1)))
    map_x = (azimuth * PER_DEG).astype(np.float32)
    map_y = ((TOP_DEG - elevation) * PER_DEG).astype(np.float32)
    source = room(things=things, shrink=round(PER_DEG / (focal * np.pi / 180), 1))
    seen = cv2.remap(source, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    grain = np.random.default_rng(seed).standard_normal(seen.shape, np.float32)
    out = np.clip(seen + noise * grain, 0, 255).astype(np.uint8)
    if letters:
        cv2.putText(out, letters, (12, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    return out
