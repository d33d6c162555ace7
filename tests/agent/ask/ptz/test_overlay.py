"""Text written into the picture, which stays while the room turns, is no evidence of where the camera looks."""

from functools import cache

import cv2
import numpy as np
import pytest

from agent.ask.ptz import registration
from agent.ask.ptz.overlay import Overlay
from agent.ask.ptz.registration import View
from agent.ask.ptz.restore import KNOWN_AGAIN
from agent.ask.ptz.sweep_geometry import Sweep
from simulator.kitchen.darkroom import develop
from simulator.shot import TEXTS, Shot
from tests.agent.ask.ptz import panorama

LETTERS = (("2026-11-23 11:22:{:02d}", (12, 60)), ("Canteen kitchen 03", (300, 318)), ("No. 3 School", (40, 180)))


@cache
def seen(pan: float, second: int = 0, things: int = 900) -> View:
    """A view of a room under three lines of large letters, as a small sub-stream has."""
    frame = panorama.look(pan, seed=second, things=things).copy()
    for text, at in LETTERS:
        for colour, width in (((0, 0, 0), 5), ((255, 255, 255), 2)):
            cv2.putText(frame, text.format(second % 60), at, cv2.FONT_HERSHEY_SIMPLEX, 1.0, colour, width)
    return registration.view(frame)


def turned(overlay: Overlay, pans: list[float], things: int = 900) -> Sweep:
    sweep = Sweep(seen(pans[0], 0, things), 0.0, overlay)
    for step, pan in enumerate(pans[1:], 1):
        sweep.add(seen(pan, step, things), 0.25 * step)
    return sweep


@pytest.mark.parametrize("things", [900, 300])
def test_a_turn_under_text_is_measured_by_the_room(things: int) -> None:
    """However few things the room shows beside the letters, the span is what the head turned."""
    sweep = turned(Overlay(), [*np.arange(0.0, 150.0, 8.0), 150.0, 150.0], things)
    lens = registration.lens(sweep.fits)
    assert lens
    assert sweep.turned(lens.row) == pytest.approx(150.0, abs=max(sweep.error_deg(lens), 3.0))


def test_text_is_learned_only_while_the_camera_moves() -> None:
    """A room that stands stands like text: nothing is learned from it, and it stays evidence."""
    overlay = Overlay()
    turned(overlay, [20.0] * 12, 200)
    assert overlay.learned == 0
    turned(overlay, [20.0 + 4 * step for step in range(16)], 200)
    assert overlay.learned > 0
    before, after = seen(20.0, 0, 200).points, overlay.without(seen(20.0, 0, 200)).points
    for _, (left, base) in LETTERS[1:]:
        assert _within(after, left, base) < 0.3 * _within(before, left, base)
    assert len(after) > 0.3 * len(before)


def _within(points: registration.Floats, left: int, base: int) -> int:
    """How many points lie on a line of letters that begins at `left` and stands on `base`, pixels."""
    x, y = points[:, 0] * 640 + 320, points[:, 1] * 640 + 180
    return int(((x > left) & (x < left + 190) & (y < base) & (y > base - 24)).sum())


def test_the_same_text_at_another_place_is_not_the_view_before() -> None:
    """What is found again of a view before must be room: the camera's name is under every view."""
    overlay = Overlay()
    turned(overlay, [20.0 + 4 * step for step in range(8)])
    before = seen(20.0)
    for away in (90.0, 170.0, 250.0):
        assert overlay.match(before, seen(away, 3)) is None
        found = Overlay().match(before, seen(away, 3))  # before any text is known
        assert found is None or found.covered < KNOWN_AGAIN
    again = overlay.match(before, seen(20.0, 5))
    assert again
    assert again.covered > KNOWN_AGAIN
    assert again.moved < 0.002


@pytest.mark.parametrize("text", TEXTS)
def test_no_layout_holds_the_kitchen_still(text: str) -> None:
    """Whatever a maker writes into the picture, every step of a turn over the kitchen is seen, and no other."""
    sweep, overlay = None, Overlay()
    for step, pan in enumerate(np.arange(40.0, 121.0, 8.0)):
        shot = Shot(pan=float(pan), seed=step, stamp=f"2026-11-23 11:2{step % 10}", text=text)
        picture = np.asarray(develop(shot, 640, 360, 0.02 * step), np.uint8)[..., ::-1]
        view = registration.view(np.ascontiguousarray(picture))
        sweep = sweep or Sweep(view, 0.0, overlay)
        if step:
            sweep.add(view, 0.25 * step)
    assert sweep
    lens = registration.lens(sweep.fits)
    assert lens
    assert not sweep.gaps
    assert sweep.turned(lens.row) == pytest.approx(80.0, abs=max(sweep.error_deg(lens), 3.0))
