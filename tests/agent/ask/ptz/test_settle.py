"""A head that runs on is told from what moves before a head that stands."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from agent.ask.ptz import registration
from agent.ask.ptz.settle import steadily
from tests.agent.ask.ptz import panorama


def steps(pans: list[float], passer_px: int = 0) -> list[registration.Match | None]:
    """Matches from picture to picture; somebody near, a third of the picture wide, walks `passer_px` a picture."""
    rng = np.random.default_rng(4)
    coat = cv2.resize(rng.integers(0, 255, (60, 35, 3), np.uint8), (210, 300), interpolation=cv2.INTER_NEAREST)
    shots = []
    for number, pan in enumerate(pans):
        frame = panorama.look(pan, seed=number).copy()
        if passer_px:
            left = 40 + passer_px * number
            frame[50:350, left : left + 210] = coat
        shots.append(registration.view(frame))
    return [registration.match(a, b) for a, b in pairwise(shots)]


@pytest.mark.parametrize("pace", [0.4, 2.0, 8.0])
def test_a_head_that_turns_on_is_seen_to(pace: float) -> None:
    """The whole view moving one way, slowly or fast, is a head that moves."""
    assert steadily(steps([20.0 + pace * n for n in range(5)]))


def test_somebody_near_is_no_head() -> None:
    """Who fills a third of the view and walks steadily, noise, and a head that shakes are none that runs on."""
    assert not steadily(steps([20.0] * 5, passer_px=24))
    assert not steadily(steps([20.0] * 5))
    assert not steadily(steps([20.0, 21.0, 20.0, 21.0, 20.0]))
    assert not steadily([])
