"""Regular visits to real pictures: what is told of them, and who is not visited."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.decide import soundness
from agent.decide.soundness import PictureChange
from agent.learnt import Learnt, LearntFile
from agent.login_gate import LoginGate
from agent.model import Camera, NotSeen, Seen
from agent.permit import stream_login
from agent.rounds.picture import PictureTask
from contract.policy import load_policy
from contract.vocabulary import PictureFault, Reason
from simulator.canteen import CameraSpec, Canteen
from tests.support.enrolment import enrolled
from tests.support.waiting import until

POLICY = load_policy("henan-2021-45")
K = POLICY.picture.confirm_visits.value
SLOTS = ("one", "two")


class Room:
    """A gallery whose rounds are made by hand, among its neighbours."""

    def __init__(self, canteen: Canteen, folder: Path) -> None:
        self.canteen = canteen
        self.memory = LearntFile(folder / "learnt.json")
        self.gate = LoginGate(folder / "logins.json", now=time.time)
        self.cameras = [self._enrolled(slot) for slot in SLOTS]
        self.told: list[tuple[str, bool | None]] = []
        self.changes: list[tuple[str, PictureChange]] = []
        self.gallery = PictureTask(
            lambda: self.cameras,
            policy=POLICY,
            interval_s=300,
            deadline_s=30,
            memory=self.memory,
            door=self.gate,
            record=lambda slot, change: self.changes.append((slot, change)),
            glimpsed=lambda slot, decodable, _: self.told.append((slot, decodable)),
            changed=lambda: None,
        )

    def _enrolled(self, slot: str) -> Camera:
        unit = self.canteen.camera(slot)
        camera = enrolled(unit)
        main, sub = (unit.profiles[i].path for i in (0, 1))
        self.memory.learn(
            camera, Learnt(address=unit.address, stream_port=unit.rtsp_port, stream_path=main, sub_path=sub)
        )
        return camera

    def visit(self, *slots: str) -> dict[str, bool | None]:
        """One round; what it told of each slot."""
        self.told.clear()
        self.gallery._visit(set(slots or SLOTS))
        assert sorted(slot for slot, _ in self.told) == sorted(slots or SLOTS)
        return dict(self.told)

    def last(self, slot: str) -> Seen[object] | NotSeen:
        last = self.gallery.shown[slot].last
        assert last is not None
        return last

    def source(self, slot: str) -> str:
        last = self.gallery.shown[slot].last
        assert isinstance(last, Seen)
        return last.value.source


@pytest.fixture(scope="module")
def canteen() -> Iterator[Canteen]:
    with Canteen([CameraSpec(slot=slot, persona="hikvision-dome", seed=n) for n, slot in enumerate(SLOTS)]) as one:
        one.warm(wait=True)
        yield one


@pytest.fixture
def room(canteen: Canteen, tmp_path: Path) -> Iterator[Room]:
    yield Room(canteen, tmp_path)
    for slot in SLOTS:
        canteen.fault(slot, "none")


def test_a_fault_is_raised_and_cleared_by_visits_that_agree(room: Room) -> None:
    """K visits to a dark picture raise luma at that camera alone, K sound ones clear it; it is decodable throughout."""
    for _ in range(K):
        assert room.visit() == dict.fromkeys(SLOTS, True)
    assert all(soundness.sound(room.gallery.shown[slot].state, POLICY) for slot in SLOTS)
    room.canteen.fault("one", "dark")
    for _ in range(K):
        assert room.visit() == dict.fromkeys(SLOTS, True)
    assert soundness.sound(room.gallery.shown["one"].state, POLICY) is False
    room.canteen.fault("one", "none")
    for _ in range(K):
        room.visit()
    assert {slot for slot, _ in room.changes} == {"one"}
    assert [change.to is None for _, change in room.changes if change.fault == PictureFault.LUMA] == [True, False]
    assert soundness.sound(room.gallery.shown["one"].state, POLICY) is True
    assert room.source("one") == "sub"


def test_a_view_with_a_fault_is_not_remembered(room: Room) -> None:
    """The next visit is compared with the last sound one: another view stays a fault until the old one is back."""
    room.visit()
    remembered = dict(room.gallery.signatures["sub"])
    assert set(remembered) == set(SLOTS)
    room.canteen.fault("one", "dark")
    room.visit()
    assert room.gallery.signatures["sub"]["one"] == remembered["one"]


def test_what_the_sub_stream_cannot_show_the_main_stream_confirms(room: Room) -> None:
    """After one undecodable sub-stream the main stream is visited, at once: it is what everybody opens."""
    room.canteen.fault("one", "rtsp-undecodable")
    assert room.visit() == {"one": False, "two": True}
    assert "one" in room.gallery._hurried
    assert room.visit("one") == {"one": False}
    there, room.cameras = room.cameras, room.cameras[1:]
    room.gallery._hurried.clear()
    assert room.visit("one") == {"one": None}  # its stream is gone; when it is back, it is not to wait for a round
    assert "one" in room.gallery._hurried
    room.cameras = there
    room.canteen.fault("one", "none")
    assert room.visit("one") == {"one": True}
    assert room.source("one") == "main"


def test_a_sub_stream_that_is_not_there_says_nothing_of_the_camera(room: Room) -> None:
    """404 for the sub-stream is neither decodable nor not; the main stream takes its place until another is learnt."""
    camera = room.cameras[0]
    there = room.memory.learnt(camera)
    room.memory.learn(camera, Learnt(address=camera.address, stream_path=there.stream_path, sub_path="/gone"))
    assert room.visit("one") == {"one": None}
    assert room.visit("one") == {"one": True}
    assert room.source("one") == "main"
    room.memory.learn(camera, there)
    room.visit("one")
    assert room.source("one") == "sub"


@pytest.mark.parametrize(("fault", "reason"), [("busy", Reason.BUSY), ("off", Reason.UNREACHABLE)])
def test_what_could_not_be_fetched_is_no_picture_and_no_fault(room: Room, fault: str, reason: Reason) -> None:
    """A camera that is busy or gone tells nothing of its picture, and what was known of it stays."""
    for _ in range(K):
        room.visit("one")
    room.canteen.fault("one", fault)
    assert room.visit("one") == {"one": None}
    last = room.last("one")
    assert isinstance(last, NotSeen)
    assert last.reason is reason
    assert soundness.sound(room.gallery.shown["one"].state, POLICY) is True
    assert room.changes == []


def test_a_refused_login_is_remembered(room: Room) -> None:
    """A password that a visit found refused is not tried again, neither by the next visit nor by a look."""
    room.canteen.fault("one", "wrong-password")
    room.visit("one")
    camera = room.cameras[0]
    assert not room.gate.may(camera, stream_login)
    shown = sum(asked.shown for asked in room.canteen.requests("one"))
    assert room.visit("one") == {"one": None}
    assert sum(asked.shown for asked in room.canteen.requests("one")) == shown


def test_another_device_at_the_slot_is_not_visited(room: Room) -> None:
    """A barred slot's picture is not the slot's."""
    room.gate.bar("one")

    def asked() -> int:
        return sum(one.service == "rtsp" for one in room.canteen.requests("one"))

    before = asked()
    assert room.visit() == {"one": None, "two": True}
    assert asked() == before
    assert "one" not in room.gallery.shown


def test_a_moving_camera_is_passed_over(room: Room) -> None:
    """Whoever wants to move a camera waits for the visit in flight; while it moves there is none, and others go on."""
    for _ in range(K):
        room.visit()
    began, go_on = threading.Event(), threading.Event()

    def move() -> None:
        with room.gallery.spared("one"):
            began.set()
            go_on.wait(60)

    round_ = threading.Thread(target=room.visit)
    round_.start()
    until(lambda: room.gallery._visiting)
    mover = threading.Thread(target=move)
    mover.start()
    assert not began.is_set()
    round_.join()
    assert began.wait(10)
    room.canteen.fault("one", "turned-away")
    for _ in range(K):
        assert room.visit() == {"one": None, "two": True}
    room.canteen.fault("one", "none")
    go_on.set()
    mover.join()
    assert room.visit() == {"one": True, "two": True}
    assert room.changes == []
