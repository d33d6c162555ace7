"""Cameras really moved: judged by their pictures, put back whatever happens, left alone where they move themselves."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from agent.ask.ptz import intent as intents
from agent.ask.ptz import parent as ptz
from agent.ask.ptz.intent import Intent, Order
from agent.model import UNASKED, Camera, Capabilities, Credentials, NotSeen, Rotation, Seen
from contract.vocabulary import Reason
from simulator.canteen import CameraSpec
from simulator.unit import Unit
from tests.agent.ask.onvif import questioned
from tests.support.waiting import PATIENCE_S, until

CUT_OUT = 0.1
"""As far as cut-outs reach, by the source that the policy names; what lies above its own limit is left open."""


def enrolled(persona: str, text: str = "") -> AbstractContextManager[tuple[Unit, Camera, Capabilities]]:
    return questioned.enrolled(CameraSpec(slot="stove", persona=persona, noise=2.0, seed=3, text=text))


def pan(unit: Unit) -> float:
    return (unit.mount.pose(unit.clock()).pan + 180.0) % 360.0 - 180.0


def away(unit: Unit) -> bool:
    return abs(pan(unit)) > 20.0


def child_of(agent: "subprocess.Popen[bytes]") -> int:
    return int(Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()[0])


def test_an_endless_head_is_seen_to_come_round_and_is_put_back(tmp_path: Path) -> None:
    """The sweep ends when the start recurs; view, preset list and intent file are then as before."""
    with enrolled("ptz-mirrored") as (unit, camera, told):
        movement = ptz.move(camera, told, max_away_s=60.0, intent_file=tmp_path / "moving.json")
        assert isinstance(movement.rotation, Seen)
        assert movement.rotation.value == Rotation(span_deg=None, closed=True, method="recurrence")
        assert movement.restored
        assert movement.faults == ()
        assert pan(unit) == pytest.approx(0.0, abs=0.5)
        assert unit.mount.presets == {}
        assert list(tmp_path.iterdir()) == []


def test_a_head_without_snapshots_is_watched_by_its_stream(tmp_path: Path) -> None:
    """As by snapshots: measured and put back, over one session that is torn down at the end."""
    with enrolled("ptz-200") as (unit, camera, told):
        unit.suffer("no-snapshot")
        movement = ptz.move(camera, told, max_away_s=90.0, intent_file=tmp_path / "moving.json")
        assert isinstance(movement.rotation, Seen), movement.rotation
        rotation = movement.rotation.value
        assert rotation.span_deg == pytest.approx(200.0, abs=max(rotation.error_deg, 1.0))
        assert movement.restored
        assert movement.faults == ()
        assert pan(unit) == pytest.approx(0.0, abs=0.5)
        until(lambda: not unit.sessions)


@pytest.mark.parametrize("text", ["large", "school"])
def test_a_head_under_large_letters_is_measured_and_put_back(tmp_path: Path, text: str) -> None:
    """The camera's name in the picture is no view: the head turns all its way, and is back when the room is."""
    with enrolled("ptz-200", text) as (unit, camera, told):
        movement = ptz.move(camera, told, max_away_s=60.0, intent_file=tmp_path / "moving.json")
        assert isinstance(movement.rotation, Seen)
        rotation = movement.rotation.value
        assert rotation.span_deg == pytest.approx(200.0, abs=max(rotation.error_deg, 1.0))
        assert movement.restored
        assert movement.faults == ()
        assert pan(unit) == pytest.approx(0.0, abs=0.5)


def test_a_preset_that_was_needed_after_the_zoom_is_there_after_the_turn(tmp_path: Path) -> None:
    """A head that only a preset brings back comes back from zoom and turn, and the preset is gone at the end alone."""
    with enrolled("ptz-preset-zoom") as (unit, camera, told):
        movement = ptz.move(camera, told, max_away_s=90.0, intent_file=tmp_path / "moving.json")
        assert isinstance(movement.zoom, Seen)
        assert isinstance(movement.rotation, Seen)
        assert movement.restored
        assert pan(unit) == pytest.approx(0.0, abs=0.5)
        assert unit.mount.pose(unit.clock()).zoom == pytest.approx(1.0, abs=0.02)
        assert unit.mount.presets == {}
        dropped = [asked.operation for asked in unit.asked].count("RemovePreset")
        assert dropped == 1
        assert list(tmp_path.iterdir()) == []


def test_zoom_by_cutting_out_adds_no_detail(tmp_path: Path) -> None:
    """A digital zoom is seen to enlarge and to add nothing; what the camera has not is not tried."""
    with enrolled("zoom-digital") as (unit, camera, told):
        movement = ptz.move(camera, told, max_away_s=60.0, intent_file=tmp_path / "moving.json")
        assert isinstance(movement.zoom, Seen)
        assert movement.zoom.value.scale > 1.4
        assert movement.zoom.value.detail_ratio <= CUT_OUT
        assert (movement.rotation, movement.focus) == (UNASKED, UNASKED)
        assert movement.restored
        assert unit.mount.pose(unit.clock()).zoom == pytest.approx(1.0, abs=0.02)


def test_a_camera_that_moves_by_itself_is_left_alone(tmp_path: Path) -> None:
    """A drifting head is reported and given no command; nothing is written down, for nothing was begun."""
    with enrolled("ptz-drifts") as (unit, camera, told):
        movement = ptz.move(camera, told, max_away_s=60.0, intent_file=tmp_path / "moving.json")
        assert movement.faults == ("drifts",)
        assert isinstance(movement.rotation, NotSeen)
        assert movement.rotation.reason is Reason.UNASKED
        assert not {asked.operation for asked in unit.asked} & {"ContinuousMove", "SetPreset", "GotoPreset"}
        assert list(tmp_path.iterdir()) == []


def test_a_head_that_runs_on_after_stop_is_noted(tmp_path: Path) -> None:
    """Stop is answered and the view moves on: that is said, waited for, and the head is put back all the same."""
    with enrolled("ptz-runs-on") as (unit, camera, told):
        movement = ptz.move(camera, told, max_away_s=90.0, intent_file=tmp_path / "moving.json")
        assert movement.faults == ("runs_on",)
        assert isinstance(movement.rotation, Seen)
        assert movement.restored
        assert pan(unit) == pytest.approx(0.0, abs=0.5)


def test_a_frozen_picture_proves_nothing(tmp_path: Path) -> None:
    """Where the picture stands still though its clock runs, the camera is not moved and not called stuck."""
    with enrolled("ptz-ignores") as (unit, camera, told):
        unit.suffer("freeze")
        movement = ptz.move(camera, told, max_away_s=60.0, intent_file=tmp_path / "moving.json")
        assert isinstance(movement.rotation, NotSeen)
        assert movement.faults == ()


@pytest.mark.parametrize("child_too", [False, True])
def test_killed_in_the_middle_of_a_sweep(tmp_path: Path, *, child_too: bool) -> None:
    """Kill -9 of the agent: the head stops, the intent is on disk, and at restart the camera is put back.

    The child stops the head when the agent dies; where both die at once, the camera's own timeout does.
    """
    with enrolled("ptz-no-stop") as (unit, camera, told):
        order = Order(camera=camera, capabilities=told)
        (tmp_path / "order.json").write_bytes(intents.encode_order(order))
        agent = subprocess.Popen([sys.executable, "-m", "tests.agent.ask.ptz.mover", str(tmp_path)])
        try:
            until(lambda: away(unit))
            if child_too:
                os.kill(child_of(agent), signal.SIGKILL)
        finally:
            killed = time.time()
            agent.kill()
            agent.wait()
        until(lambda: not unit.mount.moving(unit.clock()))
        assert any(one.operation == "Stop" and one.at > killed for one in unit.asked) is not child_too
        file = tmp_path / "moving.json"
        assert b"canteen-2021" not in file.read_bytes()
        assert set(intents.read(file)) == {"stove"}
        assert ptz.put_back(file, {"stove": camera}.get) == ["stove"]
        assert pan(unit) == pytest.approx(0.0, abs=0.5)
        assert unit.mount.presets == {}
        assert not file.exists()
        assert ptz.put_back(file, {"stove": camera}.get) == []


def test_a_child_that_dies_on_the_way_does_not_leave_the_camera_there(tmp_path: Path) -> None:
    """Whatever kills the child, the parent puts the camera back and says that nothing was seen."""
    with enrolled("ptz-preset-only") as (unit, camera, told):
        (tmp_path / "order.json").write_bytes(intents.encode_order(Order(camera=camera, capabilities=told)))
        agent = subprocess.Popen([sys.executable, "-m", "tests.agent.ask.ptz.mover", str(tmp_path)])
        until(lambda: away(unit))
        os.kill(child_of(agent), signal.SIGKILL)
        assert agent.wait(PATIENCE_S) == 0
        assert pan(unit) == pytest.approx(0.0, abs=0.5)
        assert not (tmp_path / "moving.json").exists()


# ---- what is written down -----------------------------------------------------------------------


def test_intents_of_several_slots_stand_side_by_side(tmp_path: Path) -> None:
    """A camera that cannot be put back yet keeps its intent, and hinders no other."""
    file = tmp_path / "moving.json"
    for slot in ("stove", "sink"):
        intents.write(file, Intent(slot=slot, at=1, profile="p", preset="7"))
    intents.erase(file, "stove")
    assert set(intents.read(file)) == {"sink"}
    intents.erase(file, "sink")
    assert not file.exists()


@pytest.mark.parametrize("content", [b"{ half a file", b'{"\xff":{}}', b'{"a":' + b"[" * 100_000])
def test_an_unreadable_intent_is_set_aside(tmp_path: Path, content: bytes) -> None:
    """What cannot be read stops nothing and is not lost."""
    file = tmp_path / "moving.json"
    file.write_bytes(content)
    assert intents.read(file) == {}
    assert (tmp_path / "moving.json.unreadable").exists()


def test_a_camera_no_longer_enrolled_is_forgotten(tmp_path: Path) -> None:
    """Nobody can put back what is not there any more."""
    file = tmp_path / "moving.json"
    intents.write(file, Intent(slot="stove", at=1, profile="p"))
    assert ptz.put_back(file, lambda _slot: None) == []
    assert not file.exists()


def test_two_processes_take_turns(tmp_path: Path) -> None:
    """While another process moves a camera, what is written down in that folder is nobody else's to put back."""
    file = tmp_path / "moving.json"
    intents.write(file, Intent(slot="stove", at=1, profile="p"))
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    waiting = threading.Thread(target=ptz.put_back, args=(file, lambda _slot: None))
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    assert file.exists()
    os.close(other)
    waiting.join(PATIENCE_S)
    assert not file.exists()


def test_where_nothing_can_be_written_down_nothing_moves(tmp_path: Path) -> None:
    """A state folder that is not there is our own fault, said as such."""
    camera = Camera(slot="stove", address="127.0.0.9")
    movement = ptz.move(camera, Capabilities(), max_away_s=10.0, intent_file=tmp_path / "gone" / "moving.json")
    assert isinstance(movement.rotation, NotSeen)
    assert movement.rotation.reason is Reason.AGENT_FAULT


def test_without_a_login_nothing_moves(tmp_path: Path) -> None:
    """A camera whose login has not worked is not asked again for the sake of a movement."""
    camera = Camera(slot="stove", address="127.0.0.9", credentials=Credentials("admin", "x"))
    movement = ptz.move(camera, Capabilities(), max_away_s=10.0, intent_file=tmp_path / "moving.json")
    assert isinstance(movement.rotation, NotSeen)
    assert movement.rotation.reason is Reason.REFUSED
    assert movement.restored
