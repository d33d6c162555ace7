"""Commands to a camera's motors and single pictures of it, over the real protocols to a simulated one."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec import structs

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net.http import Place
from agent.ask.net.snapshot import Snapshots
from agent.ask.onvif.endpoints import snapshot
from agent.ask.ptz import commands
from agent.ask.ptz.commands import Motors, PtzClient
from agent.model import Camera, Capabilities, Credentials
from contract.vocabulary import Reason
from simulator.canteen import CameraSpec
from simulator.unit import Unit
from tests.agent.ask.onvif import questioned


@contextmanager
def ptz_client(persona: str) -> Iterator[tuple[Unit, Camera, PtzClient]]:
    with questioned.enrolled(CameraSpec(slot="stove", persona=persona)) as (unit, camera, told):
        commands.prepare()
        ptz = PtzClient(camera, Motors(camera, told), auth=told.auth, deadline=Deadline(20.0))
        ptz.set_clock()
        yield unit, camera, ptz
        ptz.close()


@pytest.mark.parametrize("persona", ["hikvision-dome", "ptz-no-stop"])
def test_a_head_turns_and_halts(persona: str) -> None:
    """Stop stops it; where the camera knows no Stop, zero velocity does."""
    with ptz_client(persona) as (unit, _, ptz):
        ptz.pan(0.5)
        assert unit.mount.moving(unit.clock())
        ptz.stop()
        assert not unit.mount.moving(unit.clock())
        assert abs(unit.mount.pose(unit.clock()).tilt - -15.0) < 0.01


def test_a_turn_that_nobody_renews_ends_by_itself() -> None:
    """Every turn carries a timeout, so that a camera left alone does not turn for ever."""
    with ptz_client("ptz-no-stop") as (unit, _, ptz):
        ptz.pan(0.2)
        time.sleep(commands.TIMEOUT_S + 0.2)
        assert not unit.mount.moving(unit.clock())


def test_the_last_stop_is_the_last_word() -> None:
    """After the dead-man's Stop no command of a thread that has not heard of it gets through."""
    with ptz_client("hikvision-dome") as (unit, _, ptz):
        ptz.pan(0.5)
        ptz.emergency_stop()
        assert not unit.mount.moving(unit.clock())
        late = threading.Thread(target=ptz.pan, args=(0.5,), daemon=True)
        late.start()
        late.join(1.0)
        assert late.is_alive()
        assert not unit.mount.moving(unit.clock())


def test_a_place_is_kept_and_found_again() -> None:
    """One temporary preset, overwritten rather than multiplied, brings the head back and is then removed."""
    with ptz_client("hikvision-dome") as (unit, _, ptz):
        preset = ptz.set_preset()
        assert preset
        assert ptz.set_preset() == preset
        assert [name for name, _ in unit.mount.presets.values()] == [commands.PRESET_NAME]
        ptz.pan(1.0)
        time.sleep(0.4)
        ptz.stop()
        assert unit.mount.pose(unit.clock()).pan > 5.0
        ptz.goto_preset(preset)
        ptz.remove_preset(preset)
        time.sleep(1.0)
        assert unit.mount.pose(unit.clock()).pan == pytest.approx(0.0, abs=0.5)
        assert unit.mount.presets == {}


def test_a_position_is_reported_and_gone_back_to() -> None:
    """AbsoluteMove goes where GetStatus said the head was."""
    with ptz_client("ptz-355") as (unit, _, ptz):
        place = ptz.status()
        assert place
        before = unit.mount.pose(unit.clock())
        ptz.pan(1.0)
        time.sleep(0.3)
        ptz.stop()
        ptz.absolute_move(place)
        time.sleep(1.0)
        assert unit.mount.pose(unit.clock()).pan == pytest.approx(before.pan, abs=0.5)


def test_means_follow_the_declarations() -> None:
    """Nothing declared, nothing moved; a space from Min to Max alike is none."""
    camera = Camera(slot="stove", address="127.0.0.9")
    nothing = Motors(camera, Capabilities())
    assert (nothing.pan, nothing.zoom, nothing.focus, nothing.profile) == (None, None, None, None)
    with ptz_client("ptz-180") as (_, _, ptz):
        assert ptz.motors.pan
        assert ptz.motors.zoom is None
        assert ptz.motors.focus is None


# ---- single pictures ----------------------------------------------------------------------------


def test_snapshots_come_over_one_login() -> None:
    """The challenge is answered once and its answer used again."""
    with ptz_client("hikvision-dome") as (unit, camera, ptz):
        stills = Snapshots(camera, ptz.snapshot_place(ptz.motors.profile.token if ptz.motors.profile else ""))
        before = len(unit.asked)
        for _ in range(3):
            assert stills.take(Deadline(60.0)).startswith(b"\xff\xd8")
        stills.close()
        # only snapshots: whoever looks for cameras on loopback meanwhile may ask this one for its clock
        asked = [one.authenticated for one in unit.asked[before:] if one.operation == "snapshot"]
        assert asked == [False, True, True, True]


def test_a_refused_snapshot_login_is_sent_once() -> None:
    """A wrong password is shown once, however often a picture is wanted: cameras lock their owners out."""
    with ptz_client("hikvision-dome") as (unit, camera, ptz):
        place = ptz.snapshot_place(ptz.motors.profile.token if ptz.motors.profile else "")
        wrong = structs.replace(camera, credentials=Credentials("admin", "nonsense"))
        stills = Snapshots(wrong, place)
        before = len(unit.asked)
        for _ in range(3):
            with pytest.raises(Trouble) as refused:
                stills.take(Deadline(60.0))
            assert refused.value.reason is Reason.REFUSED
        assert sum(one.shown for one in unit.asked[before:]) == 1


def test_no_snapshot_there() -> None:
    """404 says that there is none."""
    with ptz_client("ptz-no-stop") as (unit, camera, _):
        stills = Snapshots(camera, Place(unit.onvif_port, "/nowhere.jpg", claimed=True))
        with pytest.raises(Trouble) as missing:
            stills.take(Deadline(60.0))
        assert missing.value.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://10.9.9.9:8000/cgi/snap.jpg?a=1&amp;b=2", (8000, "/cgi/snap.jpg?a=1&b=2")),
        ("http://10.9.9.9:22/snap", (80, "/snap")),
        ("http://admin:x@10.9.9.9/snap", (80, "/snap")),
    ],
)
def test_a_snapshot_is_fetched_from_the_enrolled_address_alone(uri: str, expected: tuple[int, str]) -> None:
    """Of a snapshot URI only a usual port and the path are taken."""
    place = snapshot(Camera(slot="stove", address="127.0.0.9"), uri)
    assert (place.port, place.path) == expected


@pytest.mark.parametrize("uri", ["", "file:///etc/passwd", "rtsp://10.0.0.1/x", "http:///"])
def test_what_is_no_snapshot_uri(uri: str) -> None:
    """Anything but HTTP with a host is not asked for."""
    with pytest.raises(Trouble):
        snapshot(Camera(slot="stove", address="127.0.0.9"), uri)
