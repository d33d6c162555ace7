"""Cameras moved at night: who is due when, what stays known, and what is told."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from agent.ask.ptz import intent as intents
from agent.ask.ptz.intent import Intent
from agent.decide.proof import Proof
from agent.decide.soundness import PictureChange
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.model import Camera, Credentials, Device, Evidence, Movement, Ports, Rotation, Seen
from agent.permit import LoginMet, onvif_login
from agent.rounds.movement import SPARE_S, MovementTask
from agent.settings.entries import MovementEntry, Window
from simulator.canteen import CameraSpec, Canteen
from tests.support.enrolment import enrolled

AT_0300 = 1_799_953_200.0
"""2027-01-15 03:00 in Shanghai."""
NIGHT = MovementEntry(enabled=True, window=Window(2 * 3600, 4 * 3600), max_away=60.0)
SEEN = Movement(rotation=Seen(value=Rotation(span_deg=None, closed=True, method="recurrence")))
DAY_S = 86_400


class Night:
    """A mover whose clock is set by hand, and all that it tells."""

    def __init__(self, folder: Path, cameras: list[Camera], settings: MovementEntry = NIGHT) -> None:
        self.now_s: float | None = AT_0300
        self.device: Device | None = None
        self.spared: list[str] = []
        self.taken: list[Evidence] = []
        self.told: list[tuple[str, str]] = []
        self.changes: list[PictureChange] = []
        self.file = folder / "moving.json"
        self.memory = LearntFile(folder / "learnt.json")
        self.gate = LoginGate(folder / "logins.json", now=time.time)
        self.mover = MovementTask(
            lambda: cameras,
            settings=settings,
            intent_file=self.file,
            memory=self.memory,
            door=self.gate,
            movable=lambda: cameras,
            device_of=lambda _slot: self.device,
            clock=lambda: self.now_s,
            spared=self.spare,
            take=lambda _camera, evidence: self.taken.append(evidence),
            record=lambda _slot, change: self.changes.append(change),
            not_restored=lambda slot, detail: self.told.append((slot, detail)),
            fault=lambda what, slot: self.told.append((slot, what)),
        )

    @contextmanager
    def spare(self, slot: str) -> Iterator[None]:
        self.spared.append(slot)
        yield
        self.spared.append(f"{slot} again")


NOBODY = Camera(slot="stove", address="127.0.0.9", ports=Ports(onvif=9, rtsp=9))


def test_one_camera_is_moved_and_what_it_proved_is_kept(tmp_path: Path) -> None:
    """It is spared the picture check meanwhile, put back, judged, remembered over a restart and not due again."""
    with Canteen([CameraSpec(slot="stove", persona="ptz-mirrored", seed=3)]) as canteen:
        night = Night(tmp_path, [enrolled(canteen.camera("stove"))])
        assert night.mover.move_next()
        (evidence,) = night.taken
        assert evidence.movement.rotation == Seen(
            value=Rotation(span_deg=None, closed=True, method="recurrence"),
            at=evidence.movement.rotation.at,
            took_s=evidence.movement.rotation.took_s,
        )
        unit = canteen.camera("stove")
        assert abs((unit.mount.pose(unit.clock()).pan + 180.0) % 360.0 - 180.0) < 0.5
        assert not night.file.exists()
    assert night.spared == ["stove", "stove again"]
    assert (night.told, night.changes) == ([], [])
    night.memory.save_if_changed()
    kept = LearntFile(tmp_path / "learnt.json").proof("stove")
    assert kept is not None
    assert (kept.movement.rotation, kept.at_s) == (evidence.movement.rotation, AT_0300)
    assert not night.mover.move_next()


def test_a_head_that_is_out_of_control_is_told_once_a_session(tmp_path: Path) -> None:
    """云台失控 is a fault of its own, raised when seen, raised again after a restart, and no camera is moved for it."""
    with Canteen([CameraSpec(slot="stove", persona="ptz-drifts", seed=3)]) as canteen:
        night = Night(tmp_path, [enrolled(canteen.camera("stove"))])
        assert night.mover.move_next()
        assert [(one.fault, one.to, one.metrics) for one in night.changes] == [("ptz", None, {"drifts": 1.0})]
        assert set(night.mover.faulty) == {"stove"}
        night.memory.save_if_changed()
        later = Night(tmp_path, [enrolled(canteen.camera("stove"))])
        later.mover._recall_faults()
        assert [(one.fault, one.to) for one in later.changes] == [("ptz", None)]
        later.mover._tell("stove", SEEN)
        assert [one.to is None for one in later.changes] == [True, False]
        assert later.mover.faulty == {}


# ---- who is due ---------------------------------------------------------------------------------


def moved(night: Night) -> bool:
    """Whether the camera nobody answers for was tried."""
    before = len(night.taken)
    said = night.mover.move_next()
    assert said == (len(night.taken) > before)
    return said


def test_only_in_its_window_and_with_room_to_come_back(tmp_path: Path) -> None:
    """Nothing begins before the window, nor so late in it that it could end outside."""
    night = Night(tmp_path, [NOBODY])
    longest_s = NIGHT.max_away + SPARE_S
    for later_s in (-3601.0, 3600.0, 12 * 3600.0, 3600.0 - longest_s + 1):
        night.now_s = AT_0300 + later_s
        assert not moved(night)
    night.now_s = AT_0300 + 3600.0 - longest_s - 1
    assert moved(night)


def test_never_by_a_clock_that_nobody_vouches_for(tmp_path: Path) -> None:
    """Without a disciplined clock it might be noon: nothing moves."""
    night = Night(tmp_path, [NOBODY])
    night.now_s = None
    assert not moved(night)


def test_once_a_night_however_it_ended(tmp_path: Path) -> None:
    """A camera that could not be moved waits for the next night; one that showed something waits its interval."""
    night = Night(tmp_path, [NOBODY])
    assert moved(night)
    assert not moved(night)
    night.memory.keep_proof("stove", Proof(at_s=AT_0300, address="127.0.0.9", movement=SEEN))
    for days, expected in ((1, False), (29, False), (30, True), (-1, True)):
        night.now_s = AT_0300 + days * DAY_S
        assert moved(night) is expected


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        (Proof(at_s=AT_0300 - DAY_S, address="127.0.0.9"), False),
        (Proof(at_s=AT_0300 - DAY_S, address="127.0.0.8"), True),
        (Proof(at_s=AT_0300 - DAY_S, address="127.0.0.9", device=Device(firmware="2")), False),
        (Proof(at_s=AT_0300 - DAY_S, address="127.0.0.9", device=Device(firmware="1")), True),
    ],
)
def test_a_camera_that_became_another_is_due_at_once(tmp_path: Path, proof: Proof, expected: bool) -> None:
    """New address or firmware: what was proved has lapsed, so the next night proves it anew."""
    night = Night(tmp_path, [NOBODY])
    night.device = Device(firmware="2")
    night.memory.keep_proof("stove", proof)
    assert moved(night) is expected


def test_nobody_is_moved_whose_login_must_wait_or_who_is_another(tmp_path: Path) -> None:
    """Moving logs in: what was refused lately, and what is not the slot's device, is left alone."""
    camera = msgspec.structs.replace(NOBODY, credentials=Credentials("admin", "x"))
    night = Night(tmp_path, [camera])
    night.gate.met(camera, onvif_login, LoginMet(failed=1))
    assert not moved(night)
    (tmp_path / "other").mkdir()
    night = Night(tmp_path / "other", [NOBODY])
    night.gate.bar("stove")
    assert not moved(night)


# ---- what was interrupted -----------------------------------------------------------------------


def test_what_does_not_come_back_is_told_once_and_tried_again(tmp_path: Path) -> None:
    """A camera that does not answer keeps its intent; that it is away is said once, not at every attempt."""
    night = Night(tmp_path, [NOBODY])
    intents.write(night.file, Intent(slot="stove", at=1, profile="p", preset="7"))
    night.mover.put_back()
    assert set(intents.read(night.file)) == {"stove"}
    assert [slot for slot, _ in night.told] == ["stove"]
    assert "not be put back" in night.told[0][1]
    night.mover.put_back()  # too soon
    night.mover._put_back_due = 0
    night.mover.put_back()
    assert len(night.told) == 1
    assert night.spared == ["stove", "stove again"] * 2


def test_without_leave_to_log_in_a_camera_keeps_its_intent(tmp_path: Path) -> None:
    """Putting back logs in too: where another device stands at the slot, nothing is sent."""
    night = Night(tmp_path, [NOBODY])
    night.gate.bar("stove")
    intents.write(night.file, Intent(slot="stove", at=1, profile="p", preset="7"))
    began = time.monotonic()
    night.mover.put_back()
    assert time.monotonic() - began < 1.0  # no child was started
    assert set(intents.read(night.file)) == {"stove"}
