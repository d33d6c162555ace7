"""Sharpness and detail, on pictures of a made-up room with letters over it."""

import cv2
import numpy as np
import pytest

from agent.ask.ptz import detail
from agent.ask.ptz.detail import Halves
from agent.ask.ptz.registration import Frame
from contract.policy import load_policy
from tests.agent.ask.ptz import panorama

FOV, SCALE, SIZE = 60.0, 1.65, (640, 360)
POLICY = load_policy("henan-2021-45").capability


def written(frame: Frame, clock: int = 0) -> Frame:
    """With the camera's name and time in large letters, as they are over every picture."""
    out, large = frame.copy(), frame.shape[1] / 640
    for text, at in ((f"2026-11-23 11:22:{clock:02d}", (12, 60)), ("Canteen kitchen 03", (300, 318))):
        place = (round(at[0] * large), round(at[1] * large))
        for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 2)):
            cv2.putText(out, text, place, 0, large, colour, round(width * large), cv2.LINE_AA)
    return out


def cut_out(frame: Frame, filter_: int, sharpened: float) -> Frame:
    """A digital zoom: the middle enlarged, and sharpened."""
    (width, height), share = SIZE, (1 - 1 / SCALE) / 2
    part = frame[round(height * share) : round(height * (1 - share)), round(width * share) : round(width * (1 - share))]
    large = cv2.resize(part, SIZE, interpolation=filter_)
    soft = cv2.GaussianBlur(large, (0, 0), 1.2)
    return np.asarray(cv2.addWeighted(large, 1 + sharpened, soft, -sharpened, 0), np.uint8)


def halves(frames: list[Frame], quality: int) -> Halves:
    """Six pictures with letters, coded as snapshots."""
    coded = [cv2.imencode(".jpg", written(f, n), [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for n, f in enumerate(frames)]
    grays = [np.asarray(cv2.imdecode(one, cv2.IMREAD_GRAYSCALE), np.float32) for one in coded]
    return Halves(
        np.asarray(np.mean(grays[:3], axis=0), np.float32), np.asarray(np.mean(grays[3:], axis=0), np.float32)
    )


@pytest.mark.parametrize(("noise", "quality"), [(1.0, 85), (4.0, 85), (3.0, 60)])
def test_a_lens_shows_what_no_sharpened_cut_out_can(noise: float, quality: int) -> None:
    """Above the old picture's Nyquist frequency a lens has detail, and a digital zoom none, however it is sharpened."""
    wide = [panorama.look(20, noise=noise, seed=n, size=SIZE) for n in range(12)]
    before = halves(wide[:6], quality)
    long = 2 * np.degrees(np.arctan(np.tan(np.radians(FOV / 2)) / SCALE))
    lens = halves([panorama.look(20, fov=long, noise=noise, seed=n, size=SIZE) for n in range(6)], quality)
    optical = detail.gained(before, lens, SCALE)
    assert optical is not None
    assert optical >= POLICY.min_detail_ratio.value
    for filter_, sharpened in ((cv2.INTER_LINEAR, 0.0), (cv2.INTER_CUBIC, 0.6), (cv2.INTER_LANCZOS4, 0.6)):
        digital = detail.gained(before, halves([cut_out(f, filter_, sharpened) for f in wide[6:]], quality), SCALE)
        assert digital is not None
        assert digital <= POLICY.max_digital_ratio.value


def test_a_plain_view_tells_no_detail() -> None:
    """Where the room shows nothing but what is written over it, nothing is said."""
    wall = [np.full((360, 640, 3), 200, np.uint8)] * 6
    assert detail.gained(halves(wall, 85), halves(wall, 85), SCALE) is None


@pytest.mark.parametrize("noise", [0.0, 2.0, 4.0])
def test_sharpness_falls_with_the_focus_under_letters_that_stay_sharp(noise: float) -> None:
    """The clock is as sharp as ever over a blurred view; noise makes up for nothing; less light changes nothing."""
    rng = np.random.default_rng(int(noise))

    def taken(blur_px: float, light: float, clock: int) -> Frame:
        scene = panorama.look(40, noise=0.0).astype(np.float32) * light + 20
        soft = cv2.GaussianBlur(scene, (0, 0), blur_px) if blur_px else scene
        return written(np.clip(soft + rng.normal(0, noise, soft.shape), 0, 255).astype(np.uint8), clock)

    for light in (0.8, 0.3):
        sharp = taken(0.0, light, 1)
        tiles = detail.telling(sharp)
        before = detail.sharpness(sharp, tiles)
        assert detail.sharpness(taken(2.5, light, 2), tiles) < 0.6 * before
        assert detail.sharpness(taken(0.0, light, 3), tiles) > 0.93 * before
    dimmed = detail.sharpness(taken(0.0, 0.6, 4), tiles)
    assert dimmed == pytest.approx(before, rel=0.25)
