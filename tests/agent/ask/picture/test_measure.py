from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.ask.picture.against import Usual, remembered, signature
from agent.ask.picture.measure import measure
from agent.decide.rules_picture import faults
from contract.policy import load_policy

Frame = NDArray[np.uint8]
THRESHOLDS = load_policy("henan-2021-45").picture.thresholds
WIDTH, HEIGHT = 640, 360


def kitchen(seed: int = 1) -> Frame:
    """A drawn room: a tiled wall in perspective, a counter, things of many colours and sizes."""
    rng = np.random.default_rng(seed)
    image = np.full((HEIGHT, WIDTH, 3), (205, 210, 206), np.uint8)
    for i in range(-4, 24):
        cv2.line(image, (i * 34, 0), (i * 30 + 40, HEIGHT), (165, 170, 165), 2)
        cv2.line(image, (0, i * 30), (WIDTH, i * 30 + 25), (165, 170, 165), 2)
    cv2.rectangle(image, (0, 250), (WIDTH, 290), (150, 152, 150), -1)
    for _ in range(70):
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(20, HEIGHT))
        w, h = (int(v) for v in rng.integers(6, 60, 2))
        cv2.rectangle(image, (x, y), (x + w, y + h), tuple(int(c) for c in rng.integers(10, 250, 3)), -1)
    return image


def sensed(scene: Frame, seed: int, noise: float = 2.0) -> Frame:
    grain = np.random.default_rng(seed).normal(0, noise, scene.shape)
    return np.asarray(np.clip(scene + grain, 0, 255), np.uint8)


def stamped(frame: Frame, seconds: int) -> Frame:
    return np.asarray(
        cv2.putText(frame.copy(), f"2026-11-23 12:00:{seconds:02d}", (8, 28), 0, 0.9, (255, 255, 255), 2), np.uint8
    )


def live(scene: Frame, count: int = 6) -> list[Frame]:
    """A visit: each frame with a noise of its own and the clock going on."""
    return [stamped(sensed(scene, i), i) for i in range(count)]


def found(
    frames: list[Frame], reference: Usual | Frame | None = None, groups: tuple[int, ...] = (0, 0, 0, 0, 0, 1)
) -> tuple[str, ...]:
    return faults(measure(frames, reference, groups), THRESHOLDS)


ROOM = kitchen()
REFERENCE = remembered(signature(sensed(ROOM, 99), measure([sensed(ROOM, 99)])))


def night(scene: Frame) -> Frame:
    gray = cv2.cvtColor(scene, cv2.COLOR_BGR2GRAY)
    return np.asarray(np.repeat((20 + gray * 0.6)[..., None], 3, axis=2), np.uint8)


def window(scene: Frame) -> Frame:
    lit = (scene * 0.7).astype(np.uint8)
    cv2.rectangle(lit, (400, 10), (560, 160), (255, 255, 255), -1)
    return lit


def steam(scene: Frame) -> Frame:
    veil = np.tile(np.linspace(0, 0.8, WIDTH, dtype=np.float32)[None, :, None], (HEIGHT, 1, 3))
    return np.asarray(scene * (1 - veil) + 228 * veil, np.uint8)


SOUND: dict[str, Callable[[Frame], Frame]] = {"day": lambda s: s, "night": night, "window": window, "steam": steam}


@pytest.mark.parametrize("scene", SOUND)
def test_sound_pictures_have_no_fault(scene: str) -> None:
    """Night infrared, a window and steam are no faults, compared with the view by day or with none."""
    frames = live(SOUND[scene](ROOM))
    assert found(frames, REFERENCE) == ()
    assert found(frames) == ()
    assert found(frames[:1], REFERENCE, ()) == ()


def cover(scene: Frame) -> Frame:
    covered = scene.copy()
    covered[:, : WIDTH * 3 // 4] = (70, 80, 90)
    return covered


def stripes(scene: Frame) -> Frame:
    striped = scene.copy()
    striped[::14] = 250
    striped[1::14] = 250
    return striped


FAULTY: dict[str, tuple[str, Callable[[Frame], Frame]]] = {
    "dark": ("luma", lambda s: (s * 0.06).astype(np.uint8)),
    "bright": ("luma", lambda s: np.clip(s * 0.5 + 215.0, 0, 255).astype(np.uint8)),
    "blur": ("blur", lambda s: np.asarray(cv2.GaussianBlur(s, (0, 0), 5), np.uint8)),
    "no blue": ("chroma", lambda s: (s * np.array([0.4, 1, 1])).astype(np.uint8)),
    "stripes": ("streak", stripes),
    "covered": ("block", cover),
    "turned": ("scene_change", lambda _: kitchen(7)[:, ::-1]),
}


@pytest.mark.parametrize("case", FAULTY)
def test_each_fault_is_named(case: str) -> None:
    """A degraded picture has the fault that was put in it."""
    code, degrade = FAULTY[case]
    assert code in found(live(degrade(ROOM)), REFERENCE)


@pytest.mark.parametrize("colour", [(0, 0, 0), (200, 40, 24), (128, 128, 128)])
def test_a_screen_without_signal_is_nothing_else(colour: tuple[int, int, int]) -> None:
    """An even screen is a lost signal, with or without words on it, and no other fault beside."""
    screen = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
    assert found([stamped(screen, i) for i in range(6)], REFERENCE) == ("signal_loss",)


def test_snow() -> None:
    """Strong noise in every frame is a fault; the same texture standing still is none."""
    assert "noise" in found([sensed(ROOM, i, 40) for i in range(6)], REFERENCE)
    textured = sensed(ROOM, 1, 40)
    assert "noise" not in found([sensed(textured, i) for i in range(6)])


def test_a_clock_does_not_hide_a_freeze() -> None:
    """A picture whose noise stands still across keyframes is frozen, though the clock in it goes on."""
    still = sensed(ROOM, 1)
    assert found([stamped(still, i) for i in range(6)], REFERENCE) == ("freeze",)


def test_a_still_scene_is_not_frozen() -> None:
    """A live sensor's noise tells a scene in which nothing moves from a frozen picture."""
    assert found([stamped(sensed(ROOM, i, 0.8), 0) for i in range(6)], REFERENCE) == ()


def test_equal_frames_of_one_group_of_pictures_prove_nothing() -> None:
    """Encoders repeat what is nearly still: without a second keyframe a freeze is not decided, and not claimed."""
    still = [sensed(ROOM, 1)] * 6
    metrics = measure(still, REFERENCE, (0,) * 6)
    assert "still_ratio" not in metrics
    assert faults(metrics, THRESHOLDS) == ()


def test_something_moving_denies_a_freeze() -> None:
    """Two keyframes alike do not make a freeze where something moved between them."""
    moved = sensed(ROOM, 1)
    moved[120:280, 300:360] = 30
    assert found([sensed(ROOM, 1), moved, sensed(ROOM, 1)], REFERENCE, (0, 0, 1)) == ()


def shifted(pixels: int, seed: int) -> Frame:
    return sensed(np.asarray(np.roll(ROOM, pixels, axis=1), np.uint8), seed)


def test_shaking_and_turning() -> None:
    """A view that shakes is a fault; one that turns steadily is a camera on patrol."""
    assert "jitter" in found([shifted(x, i) for i, x in enumerate((0, 12, -9, 10, -12, 0))], REFERENCE)
    assert "jitter" not in found([shifted(8 * i, i) for i in range(6)])


def test_what_hides_the_view_is_not_called_another_view() -> None:
    """A darkened view, or one of which hardly anything is left, is not said to have changed, since nobody can tell."""
    assert "scene_change" not in found(live((ROOM * 0.03).astype(np.uint8)), REFERENCE)
    bare = cover(kitchen(7))
    bare[:, :-10] = bare[0, 0]
    assert "scene_change" not in found(live(bare), REFERENCE)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (90, 160), (360, 640), (720, 1280), (1080, 1920), (288, 352)])
def test_any_size(size: tuple[int, int]) -> None:
    """Pictures of any size, in colour or gray, give finite numbers, alone or several."""
    image = np.asarray(cv2.resize(ROOM, size[::-1]), np.uint8)
    for frame in (image, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)):
        for frames in ([frame], [frame] * 3):
            metrics = measure(frames, REFERENCE, (0, 0, 1)[: len(frames)])
            assert all(np.isfinite(value) for value in metrics.values())
            faults(metrics, THRESHOLDS)


def test_no_frames_no_numbers() -> None:
    """From nothing nothing is said."""
    assert (measure([], REFERENCE), faults({}, THRESHOLDS)) == ({}, ())


def test_a_signature_is_small_and_checked() -> None:
    """A remembered view is 96 x 54 pixels, their colour coarser still, and two numbers; other bytes are no view."""
    usual = remembered(signature(ROOM, {"edge_width_px": 1.25, "streak": 2.0}))
    assert usual is not None
    assert usual.view.shape == (54, 96, 3)
    assert (usual.edge_width_px, usual.streak) == (1.25, 2.0)
    assert np.abs(usual.view.mean(axis=(0, 1)) - ROOM.mean(axis=(0, 1))).max() < 3
    gray = remembered(signature(cv2.cvtColor(ROOM, cv2.COLOR_BGR2GRAY), {}))
    assert gray is not None
    assert (gray.edge_width_px, gray.streak) == (None, None)
    assert remembered(b"") is None
    assert remembered(b"x" * 100) is None


# ---- against the camera's own usual view --------------------------------------------------------


def light(scene: Frame, times: float) -> Frame:
    """As a sensor sees the scene in so many times the light: what is too bright is burnt."""
    return np.asarray(255 * np.clip((scene / 255.0) ** 2.2 * times, 0, 1) ** (1 / 2.2), np.uint8)


def usual(scene: Frame) -> Usual:
    seen = remembered(signature(sensed(scene, 99), measure([sensed(scene, 99)])))
    assert seen is not None
    return seen


WARM = np.asarray(np.clip(ROOM * np.array([0.45, 0.85, 1.15]), 0, 255), np.uint8)
"""The room in the light of warm lamps, or between red walls."""


def test_a_warm_room_has_no_cast_of_its_own() -> None:
    """Colour that a room always has is none of the camera's; less light changes nothing; a lost channel does."""
    assert found(live(WARM), usual(WARM)) == ()
    assert found(live(light(WARM, 0.5)), usual(WARM)) == ()
    lost = np.asarray(np.clip(WARM * np.array([1.3, 1.0, 0.5]), 0, 255), np.uint8)
    assert "chroma" in found(live(lost), usual(WARM))
    assert "chroma" not in found(live(night(WARM)), usual(WARM))


@pytest.mark.parametrize("times", [10.0, 25.0])
def test_what_is_burnt_out_is_overexposed_however_dark_the_rest(times: float) -> None:
    """Dark things stay dark in light enough to burn out the rest; a lamp or a window is no such light."""
    scene = light(ROOM, 0.4)
    scene[180:330, 40:160] = 4
    assert "luma" in found(live(light(scene, times)), usual(scene))
    lamp = scene.copy()
    lamp[70:130, 200:330] = 255
    assert found(live(lamp), usual(scene)) == ()


def test_a_greasy_lens_is_softer_than_it_was() -> None:
    """A veil over slightly softer edges is told by how sharp this camera usually is."""
    soft, veil = (cv2.GaussianBlur(ROOM, (0, 0), sigma) for sigma in (2.0, 40.0))
    greasy = np.asarray(0.6 * soft + 0.4 * veil, np.uint8)
    assert "blur" in found(live(greasy), REFERENCE)
    assert found(live(ROOM), REFERENCE) == ()


@pytest.mark.parametrize("share", [0.6, 0.75, 0.9])
@pytest.mark.parametrize("turned", [0, 2])
def test_something_textured_before_the_lens_covers(share: float, turned: int) -> None:
    """A cloth has detail of its own: it is told by one side of the view being as before and the rest another."""
    threads = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 2.0)
    cloth = np.clip(110 + 28 * threads / threads.std(), 0, 255).astype(np.uint8)
    covered, edge = np.rot90(ROOM, turned).copy(), int(share * WIDTH)
    covered[:, :edge] = cloth[:, :edge, None]
    assert "block" in found(live(np.ascontiguousarray(np.rot90(covered, turned))), REFERENCE)


def cloth(threads: float) -> Frame:
    """Something woven, unevenly lit, so near that it is out of focus."""
    woven = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (HEIGHT, WIDTH)), (0, 0), threads)
    shade = np.linspace(90, 150, WIDTH)[None, :]
    return np.asarray(np.repeat(np.clip(shade + 28 * woven / woven.std(), 0, 255)[..., None], 3, axis=2), np.uint8)


def test_a_cloth_that_leaves_nothing_in_sight_covers() -> None:
    """One texture all over and out of focus is before the lens, whatever is left to see: a plain wall, or nothing."""
    wall = np.full_like(ROOM, 200)
    wall[:, : WIDTH // 2] = ROOM[:, : WIDTH // 2]
    hung = wall.copy()
    hung[:, : int(0.75 * WIDTH)] = cloth(3.0)[:, : int(0.75 * WIDTH)]
    for view, before in ((cloth(2.5), ROOM), (hung, wall), (cloth(3.0), np.full_like(ROOM, 200))):
        codes = found(live(view), usual(before))
        assert "block" in codes
        assert "scene_change" not in codes
    assert found(live(cloth(3.0)), usual(cloth(3.0))) == ()


def test_a_wall_of_tiles_that_the_camera_was_turned_to_is_another_view() -> None:
    """A mosaic is as even as a cloth, and as sharp as the room."""
    levels = np.random.default_rng(5).integers(60, 220, (HEIGHT // 10, WIDTH // 10, 1))
    tiles = np.repeat(np.kron(levels, np.ones((10, 10, 1))), 3, axis=2).astype(np.uint8)
    assert measure(live(tiles), REFERENCE)["uneven"] < THRESHOLDS["uneven"]
    codes = found(live(tiles), REFERENCE)
    assert "scene_change" in codes
    assert "block" not in codes


def test_another_view_is_not_covered() -> None:
    """A view found again elsewhere, another room, a ceiling with something at its edge: nothing is before the lens."""
    wall = np.full_like(ROOM, 200)
    turned = np.ascontiguousarray(np.concatenate([ROOM[:, WIDTH // 3 :], wall[:, : WIDTH // 3]], axis=1))
    ceiling = np.asarray(wall * np.linspace(0.8, 1.0, WIDTH)[None, :, None], np.uint8)
    ceiling[:110] = kitchen(7)[100:210]
    for view in (turned, kitchen(7), ceiling):
        codes = found(live(view), REFERENCE)
        assert "block" not in codes
        assert "scene_change" in codes


def test_shelves_that_were_there_before_are_no_stripes() -> None:
    """Lines from side to side that the room has are told from those that came."""
    shelves = ROOM.copy()
    for y in range(60, 330, 45):
        shelves[y : y + 5] = (60, 60, 64)
    assert found(live(shelves), usual(shelves)) == ()
    torn = shelves.copy()
    for y in range(50, 330, 17):
        torn[y : y + 3] = 250
    assert "streak" in found(live(torn), usual(shelves))


def test_a_plain_wall_is_neither_covered_nor_elsewhere() -> None:
    """A view that has hardly any detail of its own loses none."""
    wall = np.full((HEIGHT, WIDTH, 3), (196, 202, 206), np.uint8)
    wall = np.asarray(wall * np.linspace(0.8, 1.0, WIDTH)[None, :, None], np.uint8)
    assert found(live(wall), usual(wall)) == ()


def test_a_plain_wall_has_no_edges_to_lose() -> None:
    """A soft shadow on a wall that never had an edge is no lens out of focus."""
    wall = np.full((HEIGHT, WIDTH, 3), (196, 202, 206), np.uint8)
    shadow = wall.copy()
    shadow[:, WIDTH // 2 :] = 130
    assert found(live(np.asarray(cv2.GaussianBlur(shadow, (0, 0), 5.0), np.uint8)), usual(wall)) == ()
