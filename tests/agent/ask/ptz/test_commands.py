"""Commands to a camera's motors and single pictures of it, over the real protocols to a simulated one."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec import structs

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net.http import Place
from agent.ask.net.snapshot import Stills
from agent.ask.onvif.endpoints import snapshot
from agent.ask.ptz import commands
from agent.ask.ptz.commands import Motors, Steering
from agent.model import Camera, Capabilities, Credentials
from contract.vocabulary import Reason
from simulator.canteen import CameraSpec
from simulator.unit import Unit
from tests.agent.ask.onvif import questioned


@contextmanager
def steered(persona: str) -> Iterator[tuple[Unit, Camera, Steering]]:
    with questioned.enrolled(CameraSpec(slot="stove", persona=persona)) as (unit, camera, told):
        commands.prepare()
        head = Steering(camera, Motors(camera, told), auth=told.auth, deadline=Deadline(20.0))
        head.set_clock()
        yield unit, camera, head
        head.close()


@pytest.mark.parametrize("persona", ["hikvision-dome", "ptz-no-stop"])
def test_a_head_turns_and_halts(persona: str) -> None:
    """Stop stops it; where the camera knows no Stop, zero velocity does."""
    with steered(persona) as (unit, _, head):
        head.turn(0.5)
        assert unit.mount.moving(unit.clock())
        head.halt()
        assert not unit.mount.moving(unit.clock())
        assert abs(unit.mount.pose(unit.clock()).tilt - -15.0) < 0.01


def test_a_turn_that_nobody_renews_ends_by_itself() -> None:
    """Every turn carries a timeout, so that a camera left alone does not turn for ever."""
    with steered("ptz-no-stop") as (unit, _, head):
        head.turn(0.2)
        time.sleep(commands.TIMEOUT_S + 0.2)
        assert not unit.mount.moving(unit.clock())


def test_the_last_stop_is_the_last_word() -> None:
    """After the dead-man's Stop no command of a thread that has not heard of it gets through."""
    with steered("hikvision-dome") as (unit, _, head):
        head.turn(0.5)
        head.last_stop()
        assert not unit.mount.moving(unit.clock())
        late = threading.Thread(target=head.turn, args=(0.5,), daemon=True)
        late.start()
        late.join(1.0)
        assert late.is_alive()
        assert not unit.mount.moving(unit.clock())


def test_a_place_is_kept_and_found_again() -> None:
    """One temporary preset, overwritten rather than multiplied, brings the head back and is then removed."""
    with steered("hikvision-dome") as (unit, _, head):
        preset = head.keep_place()
        assert preset
        assert head.keep_place() == preset
        assert [name for name, _ in unit.mount.presets.values()] == [commands.PRESET_NAME]
        head.turn(1.0)
        time.sleep(0.4)
        head.halt()
        assert unit.mount.pose(unit.clock()).pan > 5.0
        head.go_to_place(preset)
        head.drop_place(preset)
        time.sleep(1.0)
        assert unit.mount.pose(unit.clock()).pan == pytest.approx(0.0, abs=0.5)
        assert unit.mount.presets == {}


def test_a_position_is_reported_and_gone_back_to() -> None:
    """AbsoluteMove goes where GetStatus said the head was."""
    with steered("ptz-355") as (unit, _, head):
        place = head.status()
        assert place
        before = unit.mount.pose(unit.clock())
        head.turn(1.0)
        time.sleep(0.3)
        head.halt()
        head.go_to(place)
        time.sleep(1.0)
        assert unit.mount.pose(unit.clock()).pan == pytest.approx(before.pan, abs=0.5)


def test_means_follow_the_declarations() -> None:
    """Nothing declared, nothing moved; a space from Min to Max alike is none."""
    camera = Camera(slot="stove", address="127.0.0.9")
    nothing = Motors(camera, Capabilities())
    assert (nothing.pan, nothing.zoom, nothing.focus, nothing.profile) == (None, None, None, None)
    with steered("ptz-180") as (_, _, head):
        assert head.motors.pan
        assert head.motors.zoom is None
        assert head.motors.focus is None


# ---- single pictures ----------------------------------------------------------------------------


def test_snapshots_come_over_one_login() -> None:
    """The challenge is answered once and its answer used again."""
    with steered("hikvision-dome") as (unit, camera, head):
        stills = Stills(camera, head.snapshot_place(head.motors.profile.token if head.motors.profile else ""))
        before = len(unit.asked)
        for _ in range(3):
            assert stills.take(Deadline(5.0)).startswith(b"\xff\xd8")
        stills.close()
        # only snapshots: whoever looks for cameras on loopback meanwhile may ask this one for its clock
        asked = [one.authenticated for one in unit.asked[before:] if one.operation == "snapshot"]
        assert asked == [False, True, True, True]


def test_a_refused_snapshot_login_is_sent_once() -> None:
    """A wrong password is shown once, however often a picture is wanted: cameras lock their owners out."""
    with steered("hikvision-dome") as (unit, camera, head):
        place = head.snapshot_place(head.motors.profile.token if head.motors.profile else "")
        wrong = structs.replace(camera, credentials=Credentials("admin", "nonsense"))
        stills = Stills(wrong, place)
        before = len(unit.asked)
        for _ in range(3):
            with pytest.raises(Trouble) as refused:
                stills.take(Deadline(5.0))
            assert refused.value.reason is Reason.REFUSED
        assert sum(one.shown for one in unit.asked[before:]) == 1


def test_no_snapshot_there() -> None:
    """404 says that there is none."""
    with steered("ptz-no-stop") as (unit, camera, _):
        stills = Stills(camera, Place(unit.onvif_port, "/nowhere.jpg", claimed=True))
        with pytest.raises(Trouble) as missing:
            stills.take(Deadline(5.0))
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
