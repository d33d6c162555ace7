"""What each fault and each scene does to the picture, as a viewer decodes it."""

import io
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from simulator import giant
from simulator.canteen import CameraSpec, Canteen
from simulator.kitchen.darkroom import still
from simulator.shot import SCENES, Shot
from simulator.unit import Unit
from tests.simulator.test_rtsp import PASSWORD, QUICK, USER
from tests.support.waiting import PATIENCE_S

CLOCK = (slice(0, 24), slice(0, 200))
"""Where the overlay stands in a picture of 640x360."""


@pytest.fixture(scope="module")
def canteen() -> Iterator[Canteen]:
    with Canteen([CameraSpec(slot="a", persona="ptz-355")]) as canteen:
        yield canteen


def watched(unit: Unit, pictures: int = 12) -> NDArray[np.int16]:
    """The first pictures, RGB."""
    url = f"rtsp://{USER}:{PASSWORD}@{unit.address}:{unit.rtsp_port}{unit.profiles[1].path}"
    with av.open(url, options=QUICK) as stream:
        frames = (frame for _, frame in zip(range(pictures), stream.decode(video=0), strict=False))
        return np.stack([frame.to_ndarray(format="rgb24") for frame in frames]).astype(np.int16)


def sharpness(image: NDArray[np.int16]) -> float:
    grey = image.mean(axis=-1)
    return float(np.abs(np.diff(grey, 2, axis=-1)).mean())


def motion(film: NDArray[np.int16]) -> tuple[float, float]:
    """Mean change between the ends of the film, in the overlay and in the rest."""
    change = np.abs(film[-1] - film[0]).mean(axis=-1)
    rest = change.copy()
    rest[CLOCK] = 0
    return float(change[CLOCK].mean()), float(rest.mean())


@pytest.fixture(scope="module")
def sound(canteen: Canteen) -> NDArray[np.int16]:
    return watched(canteen.camera("a"))


def test_a_sound_picture_lives(sound: NDArray[np.int16]) -> None:
    """Cooks move, the clock blinks, and no two pictures are the same."""
    clock, rest = motion(sound)
    assert clock > 1.0
    assert rest > 1.0
    assert all(np.abs(b - a).mean() > 0.05 for a, b in pairwise(sound))


@pytest.mark.parametrize(("fault", "clock_goes"), [("freeze", True), ("freeze-all", False)])
def test_freeze_stands_still(canteen: Canteen, fault: str, clock_goes: bool) -> None:
    """Freeze: the picture stands, the clock goes on; freeze-all: the clock stands too."""
    canteen.fault("a", fault)
    clock, rest = motion(watched(canteen.camera("a")))
    assert (clock > 0.4) == clock_goes
    assert rest < 0.05


def test_freeze_holds_what_was_seen_even_if_the_head_turns(canteen: Canteen) -> None:
    """A frozen picture does not turn with the head."""
    unit = canteen.camera("a")
    canteen.fault("a", "freeze")
    before = unit.shot("", unit.clock())
    unit.mount.go(300.0, None, None)
    assert unit.shot("", unit.clock() + 9)._replace(stamp="") == before._replace(stamp="")
    canteen.fault("a", "none")
    assert unit.shot("", unit.clock() + 9).pan == 300.0
    unit.mount.go(177.5, None, None)


def colours(image: NDArray[np.int16]) -> tuple[float, float, float]:
    red, green, blue = image.reshape(-1, 3).mean(axis=0)
    return float(red), float(green), float(blue)


def measured(canteen: Canteen, fault: str) -> NDArray[np.int16]:
    canteen.fault("a", fault)
    return watched(canteen.camera("a"), 4)


def test_light_goes_wrong(canteen: Canteen) -> None:
    """Black and dark are dark, overbright is bright, blue is a blue screen, chroma has a cast."""
    assert measured(canteen, "black").max() < 20
    assert 3 < measured(canteen, "dark").mean() < 25
    assert measured(canteen, "overbright").mean() > 220
    blue = measured(canteen, "blue")[0]
    assert blue.std(axis=(0, 1)).max() < 3 < 100 < colours(blue)[2] - colours(blue)[0]
    red, green, _ = colours(measured(canteen, "chroma")[0])
    assert green > 1.5 * red


def test_detail_goes_wrong(canteen: Canteen, sound: NDArray[np.int16]) -> None:
    """Blur and cover lose detail, noise and streak have too much."""
    good = sharpness(sound[0])
    assert sharpness(measured(canteen, "blur")[0]) < 0.4 * good
    assert sharpness(measured(canteen, "noise")[0]) > 3 * good
    covered = measured(canteen, "cover")[0]
    assert sharpness(covered[:, :500]) < 0.3 * good
    assert covered[:, :500].mean() < 80 < covered[:, 570:].mean()
    streaks = measured(canteen, "streak")[0].mean(axis=(1, 2))
    assert np.abs(np.diff(streaks)).max() > 80


def test_the_camera_is_moved(canteen: Canteen, sound: NDArray[np.int16]) -> None:
    """Jitter shifts each picture against the one before; turned-away shows another place, and stays there."""
    shaking = measured(canteen, "jitter")
    assert np.mean([np.abs(b - a).mean() for a, b in pairwise(shaking)]) > 5
    away = measured(canteen, "turned-away")
    assert np.abs(away[0] - sound[0]).mean() > 20
    assert motion(away)[1] < 5


def test_a_running_stream_shows_the_fault_and_its_end(canteen: Canteen) -> None:
    """A viewer sees the fault come and go without a reconnect."""
    unit = canteen.camera("a")
    canteen.fault("a", "none")
    url = f"rtsp://{USER}:{PASSWORD}@{unit.address}:{unit.rtsp_port}{unit.profiles[1].path}"
    changes: list[bool] = []
    with av.open(url, options=QUICK) as stream:
        for number, frame in enumerate(stream.decode(video=0)):
            black = frame.to_ndarray(format="gray").max() < 20
            if not changes or black != changes[-1]:
                changes.append(black)
                canteen.fault("a", "none" if black else "black")
            if len(changes) == 3:
                break
            assert number < 80
    assert changes == [False, True, False]
    canteen.fault("a", "none")


@pytest.mark.parametrize("scene", SCENES)
def test_scenes_are_sound_and_different(scene: str) -> None:
    """Each scene is a picture in which something can be seen, and no other."""
    image = np.asarray(Image.open(io.BytesIO(still(Shot(pan=20, scene=scene), 640, 360, 0.0)))).astype(np.int16)
    assert 40 < image.mean() < 240
    assert image.std() > 8
    if scene != "day":
        day = np.asarray(Image.open(io.BytesIO(still(Shot(pan=20), 640, 360, 0.0)))).astype(np.int16)
        assert np.abs(image - day).mean() > 8
    assert (np.abs(image - image.mean(axis=-1, keepdims=True)).max() <= 3) == (scene == "night")


def test_a_scene_is_an_option_and_a_command(canteen: Canteen) -> None:
    """A camera may hang in another scene from the start, and be put into one by command."""
    with Canteen([CameraSpec(slot="b", persona="ptz-355", scene="night")]) as other:
        assert other.camera("b").shot("", 0.0).scene == "night"
    canteen.fault("a", "steam")
    assert canteen.camera("a").shot("", 0.0).scene == "steam"
    canteen.fault("a", "none")


def test_nothing_looks_the_same_twice() -> None:
    """Views a sixth of a turn apart differ, all the way round: the kitchen does not repeat."""
    views = []
    for pan in range(0, 360, 60):
        image = Image.open(io.BytesIO(still(Shot(pan=pan, noise=0.0), 320, 180, 0.0))).convert("L")
        views.append(np.asarray(image).astype(np.int16))
    for i, one in enumerate(views):
        assert all(np.abs(one - other).mean() > 10 for other in views[:i])


def test_the_giant_is_a_picture() -> None:
    """FFmpeg decodes the hostile frame: 8192x8192 from less than 300 kB."""
    reader = av.CodecContext.create("h264", "r")
    nals = [b"\x00\x00\x00\x01" + nal for nal in giant.nals()]
    assert sum(map(len, nals)) < 300_000
    frames = [*reader.decode(av.Packet(b"".join(nals))), *reader.decode(None)]
    assert [(frame.width, frame.height) for frame in frames] == [(8192, 8192)]
    assert set(np.unique(frames[0].to_ndarray()[::64, ::64])) == {128}


def test_the_picture_command_draws_a_small_file(tmp_path: Path) -> None:
    """`canteen-sim picture` writes a PNG below 300 kB, the same for the same words; wrong words are misuse."""
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    for path in (first, second):
        words = [sys.executable, "-m", "simulator", "picture", "--out", str(path), "--pan", "30", "--zoom", "2"]
        assert subprocess.run(words, timeout=PATIENCE_S, check=False).returncode == 0
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[:4] == b"\x89PNG"
    assert len(first.read_bytes()) < 300_000
    wrong = [sys.executable, "-m", "simulator", "picture", "--out", str(first), "--size", "huge"]
    assert subprocess.run(wrong, timeout=PATIENCE_S, capture_output=True, check=False).returncode == 2
