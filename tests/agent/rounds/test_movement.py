"""Cameras moved at night: who is due when, what stays known, and what is told."""

import threading
import time
from pathlib import Path

import msgspec
import pytest

from agent.ask.ptz import intent as intents
from agent.ask.ptz.intent import Intent
from agent.decide.proof import Proof
from agent.learnt import LearntFile
from agent.model import Camera, Capabilities, Credentials, Device, Evidence, Movement, Ports, Rotation, Seen
from agent.permit import LoginMet, onvif_login
from agent.rounds.movement import SPARE_S, MovementTask
from agent.settings.entries import MovementEntry, Window
from contract.messages import Fault, Picture, ViewNotRestored
from contract.vocabulary import Clause, Standing
from simulator.canteen import CameraSpec, Canteen
from tests import evil
from tests.agent.rounds.house import House
from tests.support.enrolment import enrolled
from tests.support.waiting import until

AT_0300 = 1_799_953_200.0
"""2027-01-15 03:00 in Shanghai."""
NIGHT = MovementEntry(enabled=True, window=Window(2 * 3600, 4 * 3600), max_away=120.0)
SEEN = Movement(rotation=Seen(value=Rotation(span_deg=None, closed=True, method="recurrence")))
DAY_S = 86_400


class Night:
    """Movements by a clock that is set by hand, and all that is told of them."""

    def __init__(self, folder: Path, cameras: list[Camera], settings: MovementEntry = NIGHT) -> None:
        self.now_s: float | None = AT_0300
        self.file = folder / "moving.json"
        self.house = House(folder, cameras)
        self.slots, self.learnt, self.door = self.house.slots, self.house.learnt, self.house.door
        self.house.stream()
        self.task = MovementTask(
            self.slots,
            settings=settings,
            intent_file=self.file,
            learnt=self.learnt,
            door=self.door,
            trusted_s=lambda: self.now_s,
            session=self.house.session,
        )

    @property
    def told(self) -> list[tuple[str, str]]:
        """What went wrong, by slot."""
        away = [(one.slot, one.detail) for one in self.house.told(ViewNotRestored)]
        return away + [(one.slot, one.what) for one in self.house.told(Fault)]

    @property
    def changes(self) -> list[Picture]:
        return self.house.told(Picture)


def free(night: Night) -> bool:
    """Whether the camera's picture may be checked now."""
    with night.slots.checking(["stove"]) as allowed:
        return "stove" in allowed


NOBODY = Camera(slot="stove", address="127.0.0.9", ports=Ports(onvif=9, rtsp=9))


def test_one_camera_is_moved_and_what_it_proved_is_kept(tmp_path: Path) -> None:
    """It is spared the picture check meanwhile, put back, judged, remembered over a restart and not due again."""
    with Canteen([CameraSpec(slot="stove", persona="ptz-mirrored", seed=3)]) as canteen:
        night = Night(tmp_path, [enrolled(canteen.camera("stove"))])
        moving = threading.Thread(target=night.task.move_next)
        moving.start()
        until(lambda: not free(night))
        moving.join()
        assert free(night)
        proof = night.learnt.proof("stove")
        assert proof is not None
        assert isinstance(proof.movement.rotation, Seen)
        assert proof.movement.rotation.value == Rotation(span_deg=None, closed=True, method="recurrence")
        unit = canteen.camera("stove")
        assert abs((unit.mount.pose(unit.clock()).pan + 180.0) % 360.0 - 180.0) < 0.5
        assert not night.file.exists()
    inspected = night.slots["stove"].inspected
    assert inspected is not None
    assert (Clause.ROTATION_360, Standing.MET) in {(one.clause, one.standing) for one in inspected.verdicts.verdicts}
    assert (night.told, night.changes) == ([], [])
    night.learnt.save_if_changed()
    kept = LearntFile(tmp_path / "learnt.json").proof("stove")
    assert kept is not None
    assert (kept.movement.rotation, kept.at_s) == (proof.movement.rotation, AT_0300)
    assert not night.task.move_next()


def test_a_head_that_is_out_of_control_is_told_once_a_session(tmp_path: Path) -> None:
    """云台失控 is a fault of its own, raised when seen, raised again after a restart, and no camera is moved for it."""
    with Canteen([CameraSpec(slot="stove", persona="ptz-drifts", seed=3)]) as canteen:
        night = Night(tmp_path, [enrolled(canteen.camera("stove"))])
        assert night.task.move_next()
        assert [(one.fault, one.to, one.metrics) for one in night.changes] == [("ptz", None, {"drifts": 1.0})]
        assert night.slots["stove"].ptz_fault_since
        night.learnt.save_if_changed()
        night.house.close()
        later = Night(tmp_path, [enrolled(canteen.camera("stove"))])
        assert [(one.fault, one.to) for one in later.changes] == [("ptz", None)]
        later.slots["stove"].apply(SEEN)
        assert [one.to is None for one in later.changes] == [True, False]
        assert later.slots["stove"].ptz_fault_since is None


# ---- who is due ---------------------------------------------------------------------------------


def moved(night: Night) -> bool:
    """Whether the camera nobody answers for was tried."""
    before = night.slots["stove"].inspected
    said = night.task.move_next()
    assert said == (night.slots["stove"].inspected is not before)
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
    night.learnt.keep_proof("stove", Proof(at_s=AT_0300, address="127.0.0.9", movement=SEEN))
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
    told = Capabilities(device=Seen(value=Device(firmware="2")))
    night.slots["stove"].apply(Evidence(slot="stove", capabilities=told))
    night.learnt.keep_proof("stove", proof)
    assert moved(night) is expected


def test_nobody_is_moved_whose_login_must_wait_or_who_is_another(tmp_path: Path) -> None:
    """Moving logs in: what was refused lately, and what is not the slot's device, is left alone."""
    camera = msgspec.structs.replace(NOBODY, credentials=Credentials("admin", "x"))
    night = Night(tmp_path, [camera])
    night.door.met(camera, onvif_login, LoginMet(failed=1))
    assert not moved(night)
    (tmp_path / "other").mkdir()
    night = Night(tmp_path / "other", [NOBODY])
    night.door.bar("stove")
    assert not moved(night)


# ---- what was interrupted -----------------------------------------------------------------------


def test_what_does_not_come_back_is_told_once_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that does not answer keeps its intent; that it is away is said once, not at every attempt."""
    monkeypatch.setattr("agent.rounds.movement.RETRY_MS", 3_000)
    with evil.Server(evil.slam) as server:
        night = Night(tmp_path, [server.camera(slot="stove", credentials=None)])
        intents.write(night.file, Intent(slot="stove", at=1, profile="p", preset="7"))
        night.task.put_back()
        ended, tries = time.monotonic(), server.connections
        assert tries
        assert set(intents.read(night.file)) == {"stove"}
        assert [slot for slot, _ in night.told] == ["stove"]
        assert "not be put back" in night.told[0][1]
        night.task.put_back()
        assert server.connections == tries or time.monotonic() > ended + 3  # too soon
        until(lambda: night.task.put_back() or server.connections > tries)
        assert len(night.told) == 1
        assert free(night)


def test_without_leave_to_log_in_a_camera_keeps_its_intent(tmp_path: Path) -> None:
    """Putting back logs in too: where another device stands at the slot, nothing is sent."""
    night = Night(tmp_path, [NOBODY])
    night.door.bar("stove")
    intents.write(night.file, Intent(slot="stove", at=1, profile="p", preset="7"))
    began = time.monotonic()
    night.task.put_back()
    assert time.monotonic() - began < 1.0  # no child was started
    assert set(intents.read(night.file)) == {"stove"}
