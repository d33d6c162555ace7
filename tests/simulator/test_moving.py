"""Heads and lenses commanded over SOAP, seen in GetStatus and in the picture."""

import io
import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import av
import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image
from requests.auth import HTTPDigestAuth

from simulator.canteen import CameraSpec, Canteen
from simulator.mount import Mount
from simulator.persona import personas
from simulator.unit import Unit
from tests.simulator.speak import PASSWORD, USER, command, position, vector
from tests.simulator.test_rtsp import QUICK
from tests.support.waiting import PATIENCE_S, until

FOCAL = 320 / np.tan(np.radians(30))
"""Of a picture 640 pixels wide and 60 degrees, in pixels."""
MOVING = [
    "ptz-355",
    "ptz-endless",
    "ptz-340",
    "ptz-mirrored",
    "ptz-no-stop",
    "ptz-runs-on",
    "ptz-preset-only",
    "ptz-drifts",
    "ptz-ignores",
    "fixed-pretends",
    "zoom-digital",
    "focus-dead",
]


@pytest.fixture
def canteen() -> Iterator[Canteen]:
    with Canteen([CameraSpec(slot=name, persona=name, noise=0.0) for name in MOVING]) as canteen:
        yield canteen


def picture(unit: Unit, profile: int = 1) -> NDArray[np.int16]:
    """Grey levels of a snapshot, cooks and overlay left out (the upper third below the overlay)."""
    url = f"http://{unit.address}:{unit.onvif_port}/onvif/snapshot?profile={unit.profiles[profile].token}"
    reply = requests.get(url, auth=HTTPDigestAuth(USER, PASSWORD), timeout=PATIENCE_S)
    image = np.asarray(Image.open(io.BytesIO(reply.content)).convert("L")).astype(np.int16)
    return image[image.shape[0] // 8 : image.shape[0] // 3]


def shift(before: NDArray[np.int16], after: NDArray[np.int16], most: int = 200) -> int:
    """By how many pixels the middle of the picture has moved to the left."""
    wide = before.shape[1]
    piece = before[:, wide // 2 - 60 : wide // 2 + 60]
    starts = range(max(wide // 2 - 60 - most, 0), min(wide // 2 - 60 + most, wide - 120))
    best = min(starts, key=lambda x: float(np.abs(after[:, x : x + 120] - piece).mean()))
    return wide // 2 - 60 - best


def settle(unit: Unit, within_s: float = PATIENCE_S) -> None:
    assert until(lambda: not unit.mount.moving(unit.clock()), every_s=0.02) < within_s


# ---- movement -----------------------------------------------------------------------------------


def test_it_turns_until_stop(canteen: Canteen) -> None:
    """ContinuousMove turns, GetStatus says so in degrees, Stop ends it."""
    unit = canteen.camera("ptz-355")
    start, began = position(unit)["pan"], time.monotonic()
    assert command(unit, "ContinuousMove", vector("Velocity", pan=0.5)).status == 200
    time.sleep(0.3)
    assert b"<tt:PanTilt>MOVING" in command(unit, "GetStatus").body
    assert command(unit, "Stop").status == 200
    stopped = position(unit)["pan"]
    assert 8 < stopped - start <= 40 * (time.monotonic() - began)  # half of 80 degrees a second
    time.sleep(0.1)
    assert position(unit)["pan"] == stopped


def test_the_timeout_ends_a_movement(canteen: Canteen) -> None:
    """PTZTimeout is the camera's own dead man's handle: 0.2 s at full speed is 16 degrees."""
    unit = canteen.camera("ptz-355")
    start = position(unit)["pan"]
    command(unit, "ContinuousMove", vector("Velocity", pan=1) + "<o:Timeout>PT0.2S</o:Timeout>")
    settle(unit)
    assert position(unit)["pan"] - start == pytest.approx(16.0, abs=0.01)


def test_it_stands_still_at_its_stop(canteen: Canteen) -> None:
    """A head between stops goes no further, and says that it has stopped."""
    unit = canteen.camera("ptz-355")
    command(unit, "AbsoluteMove", vector("Position", pan=350, tilt=10))
    settle(unit)
    command(unit, "ContinuousMove", vector("Velocity", pan=1))
    time.sleep(0.2)
    assert position(unit)["pan"] == 355
    assert b"<tt:PanTilt>IDLE" in command(unit, "GetStatus").body


def test_an_endless_head_comes_round(canteen: Canteen) -> None:
    """In one direction its picture leaves the start view and comes back to it; its degrees wrap at 180."""
    unit = canteen.camera("ptz-endless")
    start = picture(unit)
    command(unit, "ContinuousMove", vector("Velocity", pan=1) + "<o:Timeout>PT1.8S</o:Timeout>")
    settle(unit)
    assert abs(position(unit)["pan"]) == pytest.approx(180, abs=0.01)
    assert np.abs(picture(unit) - start).mean() > 10
    command(unit, "ContinuousMove", vector("Velocity", pan=1) + "<o:Timeout>PT1.8S</o:Timeout>")
    settle(unit)
    assert position(unit)["pan"] == pytest.approx(0, abs=0.01)
    assert np.abs(picture(unit) - start).mean() < 1.0


def test_positions_outside_are_refused(canteen: Canteen) -> None:
    """AbsoluteMove beyond the declared range gets InvalidPosition, a space not offered SpaceNotSupported."""
    unit = canteen.camera("ptz-355")
    assert b"ter:InvalidPosition" in command(unit, "AbsoluteMove", vector("Position", pan=360)).body
    assert b"ter:SpaceNotSupported" in command(unit, "RelativeMove", vector("Translation", pan=0.1)).body
    assert b"ter:InvalidVelocity" in command(unit, "ContinuousMove", vector("Velocity", pan=2)).body
    assert b"ter:InvalidArgVal" in command(unit, "ContinuousMove", vector("Velocity", pan=float("nan"))).body


def test_relative_moves_are_shares_of_the_range(canteen: Canteen) -> None:
    """In the generic space a translation of 0.1 is a twentieth of the way between the stops."""
    unit = canteen.camera("ptz-340")
    command(unit, "RelativeMove", vector("Translation", pan=0.1))
    settle(unit)
    assert position(unit)["pan"] == pytest.approx(0.1, abs=1e-4)


def test_presets_bring_it_back(canteen: Canteen) -> None:
    """SetPreset keeps a place, GotoPreset returns to it, RemovePreset forgets it; AbsoluteMove is not needed."""
    unit = canteen.camera("ptz-preset-only")
    start = picture(unit)
    assert b"PresetToken>1<" in command(unit, "SetPreset").body
    assert command(unit, "AbsoluteMove", vector("Position", pan=0)).status == 500
    command(unit, "ContinuousMove", vector("Velocity", pan=-1) + "<o:Timeout>PT0.5S</o:Timeout>")
    settle(unit)
    assert np.abs(picture(unit) - start).mean() > 10
    command(unit, "GotoPreset", "<o:PresetToken>1</o:PresetToken>")
    settle(unit)
    assert np.abs(picture(unit) - start).mean() < 1.0
    assert b'token="1"' in command(unit, "GetPresets").body
    assert command(unit, "RemovePreset", "<o:PresetToken>1</o:PresetToken>").status == 200
    assert b"ter:NoToken" in command(unit, "GotoPreset", "<o:PresetToken>1</o:PresetToken>").body
    assert position(unit) == {}


# ---- the picture --------------------------------------------------------------------------------


def test_the_picture_turns_as_the_lens_has_it(canteen: Canteen) -> None:
    """Eight degrees to the right move the middle of the picture as far to the left as the lens says."""
    unit = canteen.camera("ptz-endless")
    command(unit, "AbsoluteMove", vector("Position", pan=30))
    settle(unit)
    before = picture(unit)
    command(unit, "AbsoluteMove", vector("Position", pan=38))
    settle(unit)
    assert shift(before, picture(unit)) == pytest.approx(FOCAL * np.tan(np.radians(8)), abs=4)


def frames(unit: Unit, count: int) -> Iterator[NDArray[np.int16]]:
    url = f"rtsp://{USER}:{PASSWORD}@{unit.address}:{unit.rtsp_port}{unit.profiles[1].path}"
    with av.open(url, options=QUICK) as stream:
        for _, frame in zip(range(count), stream.decode(video=0), strict=False):
            yield frame.to_ndarray(format="gray").astype(np.int16)[45:120]


def test_pictures_show_where_the_head_was_at_their_time(canteen: Canteen) -> None:
    """At an even speed one picture after the other of the stream moves by the same, once the head has started."""
    unit = canteen.camera("ptz-endless")
    list(frames(unit, 2))
    command(unit, "ContinuousMove", vector("Velocity", pan=-0.1) + "<o:Timeout>PT8S</o:Timeout>")
    steps = [shift(a, b, 60) for a, b in pairwise(frames(unit, 12))]
    assert np.median(steps) == pytest.approx(-FOCAL * np.tan(np.radians(1.0)), abs=2)
    assert sum(abs(step - np.median(steps)) <= 3 for step in steps) >= len(steps) - 3


def detail(image: NDArray[np.int16]) -> float:
    """Mean strength of what is finer than two pixels."""
    return float(np.abs(np.diff(image[:, ::2].astype(np.int16), 2, axis=1)).mean())


def test_digital_zoom_adds_no_detail() -> None:
    """The same view enlarged is much finer where the lens did it than where the picture was cut out."""
    with Canteen([CameraSpec(slot=n, persona=n, noise=0.0) for n in ("focus-dead", "zoom-digital")]) as canteen:
        found = {}
        for unit in canteen.cameras:
            before = picture(unit, 0)
            command(unit, "ContinuousMove", vector("Velocity", zoom=1))
            settle(unit)
            after = picture(unit, 0)
            assert np.abs(after - before).mean() > 3
            found[unit.spec.slot] = detail(after)
        assert found["focus-dead"] > 1.5 * found["zoom-digital"]


# ---- bad habits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slot", "turned", "seen"),
    [
        ("ptz-mirrored", -8.0, True),
        ("ptz-ignores", 0.0, False),
        ("fixed-pretends", 8.0, False),
    ],
)
def test_heads_that_do_not_do_as_told(canteen: Canteen, slot: str, turned: float, seen: bool) -> None:
    """Turned the other way, not at all, or in GetStatus only: the picture tells the truth."""
    unit = canteen.camera(slot)
    before = picture(unit)
    reply = command(unit, "ContinuousMove", vector("Velocity", pan=1) + "<o:Timeout>PT0.1S</o:Timeout>")
    settle(unit)
    assert reply.status == 200
    assert position(unit)["pan"] * 180 == pytest.approx(turned, abs=0.1)
    moved = shift(before, picture(unit))
    assert (np.sign(moved) == np.sign(turned) and abs(moved) > 50) if seen else abs(moved) <= 1


def test_stop_that_is_not_implemented(canteen: Canteen) -> None:
    """Stop gets a fault, zero velocity stops."""
    unit = canteen.camera("ptz-no-stop")
    command(unit, "ContinuousMove", vector("Velocity", pan=1))
    assert command(unit, "Stop").status == 500
    assert unit.mount.moving(unit.clock())
    command(unit, "ContinuousMove", vector("Velocity", pan=0))
    assert not unit.mount.moving(unit.clock())


def test_stop_that_does_nothing(canteen: Canteen) -> None:
    """Stop and zero velocity are answered; the head runs on until its timeout."""
    unit = canteen.camera("ptz-runs-on")
    command(unit, "ContinuousMove", vector("Velocity", pan=1) + "<o:Timeout>PT0.4S</o:Timeout>")
    assert command(unit, "Stop").status == 200
    assert command(unit, "ContinuousMove", vector("Velocity", pan=0)).status == 200
    assert unit.mount.moving(unit.clock())
    settle(unit, 1.0)


def test_a_head_that_drifts(canteen: Canteen) -> None:
    """It turns without a command."""
    unit = canteen.camera("ptz-drifts")
    start = position(unit)["pan"]
    time.sleep(0.3)
    assert position(unit)["pan"] > start


# ---- focus --------------------------------------------------------------------------------------


def mode(unit: Unit) -> str:
    body = command(unit, "GetImagingSettings", service="imaging").body.decode()
    return "AUTO" if "AutoFocusMode>AUTO<" in body else "MANUAL"


def test_focus_blurs_and_comes_back(canteen: Canteen) -> None:
    """A move turns autofocus off and blurs; Stop holds it there; AUTO is sharp again within two seconds."""
    unit = canteen.camera("ptz-340")
    sharp = detail(picture(unit))
    inside = "<o:Focus><Continuous><Speed>1</Speed></Continuous></o:Focus>"
    assert command(unit, "Move", inside, service="imaging").status == 200
    time.sleep(0.4)
    assert command(unit, "Stop", service="imaging").status == 200
    assert mode(unit) == "MANUAL"
    assert detail(picture(unit)) < 0.6 * sharp
    auto = "<o:ImagingSettings><Focus><AutoFocusMode>AUTO</AutoFocusMode></Focus></o:ImagingSettings>"
    assert command(unit, "SetImagingSettings", auto, service="imaging").status == 200
    settle(unit, 2.0)
    assert mode(unit) == "AUTO"
    assert detail(picture(unit)) == pytest.approx(sharp, rel=0.1)


def test_focus_has_a_position(canteen: Canteen) -> None:
    """Absolute moves end where GetStatus says; one out of range is refused; dead focus stays where it was."""
    unit, dead = canteen.camera("ptz-340"), canteen.camera("focus-dead")
    to = "<o:Focus><Absolute><Position>{}</Position></Absolute></o:Focus>"
    for one in (unit, dead):
        assert command(one, "Move", to.format(0.8), service="imaging").status == 200
        settle(one)
    assert b"<tt:Position>0.8</tt:Position>" in command(unit, "GetStatus", service="imaging").body
    assert b"<tt:Position>0.5</tt:Position>" in command(dead, "GetStatus", service="imaging").body
    assert command(unit, "Move", to.format(1.5), service="imaging").status == 500
    assert command(canteen.camera("ptz-no-stop"), "Move", to.format(0.5), service="imaging").status == 500


# ---- what is random is seeded -------------------------------------------------------------------


def test_delays_are_seeded() -> None:
    """Two cameras of one seed obey equally late, one of another seed does not."""

    def lateness(seed: int) -> float:
        mount = Mount(personas()["ptz-endless"], lambda: 100.0, seed, 0.5)
        mount.run(10.0, 0.0, 0.0, 5.0)
        return mount.pan.at(101.0)

    assert lateness(1) == lateness(1) != lateness(2)
    assert 5.0 <= lateness(1) <= 10.0


def test_sixteen_watched_cameras_stay_cheap() -> None:
    """Viewers of what stands still cost no encoding once its loop is encoded."""
    with Canteen([CameraSpec(slot=f"{i}", persona="ptz-340") for i in range(16)]) as canteen:
        ended = threading.Event()

        def watch(unit: Unit) -> None:
            for _ in frames(unit, 10_000):
                if ended.is_set():
                    return

        threads = [threading.Thread(target=watch, args=(unit,), daemon=True) for unit in canteen.cameras]
        for thread in threads:
            thread.start()
        encoded = -1
        while canteen.encoded != encoded or encoded < 20:  # a loop of the film, and the viewers' start
            assert encoded <= 40, "it encodes on and on"
            encoded = canteen.encoded
            time.sleep(1.0)
        assert 20 <= encoded <= 40
        ended.set()
        for thread in threads:
            thread.join(PATIENCE_S)
