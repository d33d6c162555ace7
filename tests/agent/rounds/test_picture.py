"""Regular checks of real pictures: what is told of them, and whose is not checked."""

import threading
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.ask.attempt import boot_ms
from agent.decide import soundness
from agent.learnt import Learnt
from agent.model import Camera, NotSeen, Seen
from agent.permit import stream_login
from agent.rounds.picture import PictureTask
from agent.slot import Slot
from contract.messages import Picture
from contract.reasons import Finding
from contract.vocabulary import Availability, PictureFault, Reason, Rung
from simulator.canteen import CameraSpec, Canteen
from simulator.faults import REFUSALS
from tests import evil
from tests.agent.ask.rtsp.players import clip, plays, rtp
from tests.agent.rounds.house import POLICY, House
from tests.support.enrolment import enrolled
from tests.support.waiting import PATIENCE_S, until

K = POLICY.picture.confirm_visits.value
SLOTS = ("one", "two")


class Room:
    """Slots whose pictures are checked when the test says so."""

    def __init__(self, canteen: Canteen, folder: Path, recorders: Mapping[str, Camera] | None = None) -> None:
        self.canteen = canteen
        self.house = House(folder, [enrolled(canteen.camera(slot)) for slot in SLOTS])
        self.slots, self.learnt, self.door = self.house.slots, self.house.learnt, self.house.door
        for slot in self.slots.values():
            self._learn(slot.camera)
        self.house.stream()
        self.task = PictureTask(
            self.slots,
            policy=POLICY,
            learnt=self.learnt,
            door=self.door,
            interval_s=300,
            deadline_s=30,
            recorders=recorders,
        )

    def _learn(self, camera: Camera) -> None:
        unit = self.canteen.camera(camera.slot)
        main, sub = (unit.profiles[i].path for i in (0, 1))
        self.learnt.learn(
            camera, Learnt(address=unit.address, stream_port=unit.rtsp_port, stream_path=main, sub_path=sub)
        )

    def check(self, *names: str) -> dict[str, bool | None]:
        """One round; whether each slot's picture could be decoded, None = that was not told."""
        before = {name: self.slots[name].picture.last for name in SLOTS}
        self.task.check(set(names or SLOTS))
        return {name: _decodable(before[name], self.slots[name]) for name in names or SLOTS}

    def last(self, slot: str) -> Seen[object] | NotSeen:
        last = self.slots[slot].picture.last
        assert last is not None
        return last

    def source(self, slot: str) -> str:
        last = self.slots[slot].picture.last
        assert isinstance(last, Seen)
        return last.value.source

    def sound(self, slot: str) -> bool | None:
        return soundness.sound(self.slots[slot].picture.state, POLICY)

    @property
    def changes(self) -> list[Picture]:
        return self.house.told(Picture)


def _decodable(before: object, slot: Slot) -> bool | None:
    last = slot.picture.last
    if last is before or last is None:
        return None
    return True if isinstance(last, Seen) else False if last.reason is Reason.MALFORMED else None


@pytest.fixture(scope="module")
def canteen() -> Iterator[Canteen]:
    with Canteen([CameraSpec(slot=slot, persona="hikvision-dome", seed=n) for n, slot in enumerate(SLOTS)]) as one:
        one.warm(wait=True)
        yield one


@pytest.fixture
def room(canteen: Canteen, tmp_path: Path) -> Iterator[Room]:
    room = Room(canteen, tmp_path)
    yield room
    room.house.close()
    for slot in SLOTS:
        canteen.fault(slot, "none")


def test_a_fault_is_raised_and_cleared_by_visits_that_agree(room: Room) -> None:
    """K visits to a dark picture raise luma at that camera alone, K sound ones clear it; it is decodable throughout."""
    for _ in range(K):
        assert room.check() == dict.fromkeys(SLOTS, True)
    assert all(room.sound(slot) for slot in SLOTS)
    room.canteen.fault("one", "dark")
    for _ in range(K):
        assert room.check() == dict.fromkeys(SLOTS, True)
    assert room.sound("one") is False
    room.canteen.fault("one", "none")
    for _ in range(K):
        room.check()
    assert {change.slot for change in room.changes} == {"one"}
    assert [change.to is None for change in room.changes if change.fault == PictureFault.LUMA] == [True, False]
    assert room.sound("one") is True
    assert room.source("one") == "sub"


def test_a_glance_tells_whether_a_picture_can_be_made_and_no_fault(room: Room) -> None:
    """One picture of a dark camera is enough to know that it decodes; what no decoder understands is doubted by it."""
    room.check()
    before = {name: room.slots[name].picture for name in SLOTS}
    room.canteen.fault("one", "dark")
    room.canteen.fault("two", "rtsp-undecodable")
    for _ in range(K):
        room.task.check(set(SLOTS), brief=True)
    assert room.slots["one"].picture is before["one"]
    assert room.changes == []
    last = room.last("two")
    assert isinstance(last, NotSeen)
    assert last.reason is Reason.MALFORMED
    room.canteen.fault("two", "none")
    assert room.slots["two"].state.availability is not Availability.ONLINE


class Noted(PictureTask):
    """Visits nobody, and notes who would be visited."""

    def check(self, due: Collection[str], *, patient: bool = False, brief: bool = False) -> None:
        self.visits += [(name, brief) for name in sorted(due)]

    def told(self) -> list[tuple[str, bool]]:
        """Of the next run: who, and whether at a glance."""
        self.visits: list[tuple[str, bool]] = []
        until(lambda: self.next_ms(0) <= boot_ms())
        self.run()
        return self.visits


def test_between_rounds_those_are_glanced_at_that_were_never_busy(room: Room) -> None:
    """A round, then glances; a camera that once had no room for us is left to who needs it."""
    task = Noted(
        room.slots, policy=POLICY, learnt=room.learnt, door=room.door, interval_s=300, deadline_s=30, look_s=0.01
    )
    assert task.told() == [("one", False), ("two", False)]
    assert task.told() == [("one", True), ("two", True)]
    room.house.hide("one", Reason.BUSY)
    task.told()
    room.house.stream("one")
    assert task.told() == [("two", True)]


def test_a_view_with_a_fault_is_not_remembered(room: Room) -> None:
    """The next check is compared with the last sound one: another view stays a fault until the old one is back."""
    room.check()
    remembered = {name: slot.checks.signatures["sub"] for name, slot in room.slots.items()}
    assert all(remembered.values())
    room.canteen.fault("one", "dark")
    room.check()
    assert room.slots["one"].checks.signatures["sub"] == remembered["one"]
    assert room.slots["two"].checks.signatures["sub"]


def test_what_the_sub_stream_cannot_show_the_main_stream_confirms(room: Room) -> None:
    """After one undecodable sub-stream the main stream is visited, at once: it is what everybody opens."""
    room.canteen.fault("one", "rtsp-undecodable")
    assert room.check() == {"one": False, "two": True}
    assert room.slots["one"].checks.due
    assert room.check("one") == {"one": False}
    room.house.hide("one")
    room.slots["one"].checks.due = None
    assert room.check("one") == {"one": None}  # its stream is gone; when it is back, it is not to wait for a round
    assert room.slots["one"].checks.due
    room.house.stream("one")
    room.canteen.fault("one", "none")
    assert room.check("one") == {"one": True}
    assert room.source("one") == "main"


def test_a_sub_stream_that_is_not_there_says_nothing_of_the_camera(room: Room) -> None:
    """404 for the sub-stream is neither decodable nor not; the main stream takes its place until another is learnt."""
    camera = room.slots["one"].camera
    there = room.learnt.learnt(camera)
    room.learnt.learn(camera, Learnt(address=camera.address, stream_path=there.stream_path, sub_path="/gone"))
    assert room.check("one") == {"one": None}
    assert room.check("one") == {"one": True}
    assert room.source("one") == "main"
    room.learnt.learn(camera, there)
    room.check("one")
    assert room.source("one") == "sub"


@pytest.mark.parametrize(("fault", "reason"), [("busy", Reason.BUSY), ("off", Reason.UNREACHABLE)])
def test_what_could_not_be_fetched_is_no_picture_and_no_fault(room: Room, fault: str, reason: Reason) -> None:
    """A camera that is busy or gone tells nothing of its picture, and what was known of it stays."""
    for _ in range(K):
        room.check("one")
    room.canteen.fault("one", fault)
    assert room.check("one") == {"one": None}
    last = room.last("one")
    assert isinstance(last, NotSeen)
    assert last.reason is reason
    assert room.sound("one") is True
    assert room.changes == []


def test_a_refused_login_is_remembered(room: Room) -> None:
    """A password that a visit found refused is not tried again, neither by the next visit nor by a look."""
    room.canteen.fault("one", "wrong-password")
    room.check("one")
    camera = room.slots["one"].camera
    assert not room.door.may(camera, stream_login)
    shown = sum(asked.shown for asked in room.canteen.requests("one"))
    assert room.check("one") == {"one": None}
    assert sum(asked.shown for asked in room.canteen.requests("one")) == shown


def test_another_device_at_the_slot_is_not_visited(room: Room) -> None:
    """A barred slot's picture is not the slot's."""
    room.door.bar("one")

    def asked() -> int:
        return sum(one.service == "rtsp" for one in room.canteen.requests("one"))

    before = asked()
    assert room.check() == {"one": None, "two": True}
    assert asked() == before
    assert room.slots["one"].picture.last is None


def test_a_moving_camera_is_passed_over(room: Room) -> None:
    """Whoever wants to move a camera waits for the visit in flight; while it moves there is none, and others go on."""
    for _ in range(K):
        room.check()
    began, go_on = threading.Event(), threading.Event()

    def move() -> None:
        with room.slots.spared("one"):
            began.set()
            go_on.wait(PATIENCE_S)

    round_ = threading.Thread(target=room.check)
    round_.start()
    until(lambda: room.canteen.camera("one").sessions)
    mover = threading.Thread(target=move)
    mover.start()
    assert not began.is_set()
    round_.join()
    assert began.wait(PATIENCE_S)
    room.canteen.fault("one", "turned-away")
    for _ in range(K):
        assert room.check() == {"one": None, "two": True}
    room.canteen.fault("one", "none")
    go_on.set()
    mover.join()
    assert room.check() == {"one": True, "two": True}
    assert room.changes == []


def test_a_camera_whose_streams_are_all_taken_is_asked_for_a_snapshot(room: Room) -> None:
    """Busy for every look: snapshots that are fresh say that it is online; until one is known, or from one that shows
    the same bytes again, nothing follows."""
    slot, unit = room.slots["one"], room.canteen.camera("one")
    for _ in range(2):
        room.house.hide("one", Reason.BUSY)
    assert (slot.state.availability, slot.state.reason) == (Availability.UNKNOWN, Reason.BUSY)
    assert room.check("one") == {"one": None}
    learnt = room.learnt.learnt(slot.camera)
    path = f"/onvif/snapshot?profile={unit.profiles[0].token}"
    room.learnt.learn(slot.camera, replace(learnt, snapshot_port=unit.onvif_port, snapshot_path=path))
    room.canteen.fault("one", "freeze")
    for _ in range(2):
        room.check("one")
    assert room.source("one") == "snapshot"
    room.canteen.fault("one", "none")
    until(lambda: room.check("one") and slot.state.availability is Availability.ONLINE)
    assert (slot.state.level, slot.state.reason) == (Rung.PICTURE, Reason.BUSY)
    assert slot.state.held_until is not None


def test_a_camera_whose_streams_are_all_taken_is_seen_at_its_recorder(canteen: Canteen, tmp_path: Path) -> None:
    """The channel of a recorder that shows it says that it is online; one that stands still, is black or busy does not,
    and its faults are not the camera's."""
    unit = canteen.camera("two")
    channel = replace(enrolled(unit), slot="one", stream_path=unit.profiles[1].path)
    room = Room(canteen, tmp_path, {"one": channel})
    slot = room.slots["one"]
    for _ in range(2):
        room.house.hide("one", Reason.BUSY)
    for fault in ("freeze", "black", "busy"):
        canteen.fault("two", fault)
        for _ in range(K):
            assert room.check("one") == {"one": None}
        last = room.last("one")
        assert isinstance(last, NotSeen)
        assert (last.reason, "recorder" in last.detail) == (Reason.BUSY, True)
        assert (slot.state.availability, slot.state.reason) == (Availability.UNKNOWN, Reason.BUSY)
    canteen.fault("two", "none")
    until(lambda: room.check("one") and slot.state.availability is Availability.ONLINE)
    assert (slot.state.level, slot.state.reason, room.source("one")) == (Rung.PICTURE, Reason.BUSY, "recorder")
    assert room.changes == []
    room.house.close()


SAID = {
    "404": Reason.UNSUPPORTED,
    "461": Reason.UNSUPPORTED,
    "hang": Reason.TIMED_OUT,
    **dict.fromkeys(("453", "500", "503", "close", "reset"), Reason.BUSY),
}
NOT_GRANTED = [(f"rtsp-{method}-{how}", SAID[how]) for method in ("setup", "play") for how in REFUSALS]


@pytest.mark.parametrize(("fault", "reason"), NOT_GRANTED)
def test_a_stream_that_is_described_and_granted_to_nobody_does_not_stay_online(
    room: Room, fault: str, reason: Reason
) -> None:
    """Looks describe it all the time. No room: the state before for the policy's time, then unknown from its end on;
    anything else said twice is unknown at once. A picture brings it back."""
    slot = room.slots["one"]
    room.house.stream("one")
    assert room.check("one") == {"one": True}
    room.canteen.fault("one", fault)
    before = boot_ms()
    for _ in range(2):
        room.check("one")
        assert slot.checks.due is not None
    if reason is Reason.BUSY:
        for _ in range(2):
            room.house.stream("one")
        assert (slot.state.availability, slot.state.reason) == (Availability.ONLINE, Reason.BUSY)
        until_ms = slot.state.held_until
        assert until_ms is not None
        assert 0 <= until_ms - int(POLICY.online.busy_at_most.value * 1000) - before <= boot_ms() - before
        room.house.stream("one", at=until_ms)
        assert slot.changed_at == until_ms
    else:
        assert slot.changed_at is not None
        assert before <= slot.changed_at <= boot_ms()
    assert (slot.state.availability, slot.state.reason) == (Availability.UNKNOWN, reason)
    room.house.stream("one")
    assert (slot.state.availability, slot.state.reason) == (Availability.UNKNOWN, reason)
    room.canteen.fault("one", "none")
    room.check("one")
    for _ in range(2):
        room.house.stream("one")
    assert (slot.state.availability, slot.state.reason) == (Availability.ONLINE, None)
    assert slot.state.held_until is None


def test_a_stream_that_never_had_room_for_us_is_unknown_from_the_first_look_that_follows(room: Room) -> None:
    """Nothing that was seen of it would be believed: no picture came since the start."""
    slot = room.slots["one"]
    room.canteen.fault("one", "rtsp-setup-453")
    room.house.stream("one")
    for _ in range(2):
        room.check("one")
    first = boot_ms()
    for _ in range(2):
        room.house.stream("one")
    assert (slot.state.availability, slot.state.reason) == (Availability.UNKNOWN, Reason.BUSY)
    assert slot.changed_at is not None
    assert slot.changed_at >= first


def test_a_stream_without_room_for_us_is_tried_in_turn_with_its_witnesses(room: Room) -> None:
    """Sub-stream, main stream, then the snapshot too: one that is fresh shows that the camera is at work."""
    slot, unit = room.slots["one"], room.canteen.camera("one")
    path = f"/onvif/snapshot?profile={unit.profiles[0].token}"
    learnt = room.learnt.learnt(slot.camera)
    room.learnt.learn(slot.camera, replace(learnt, snapshot_port=unit.onvif_port, snapshot_path=path))
    room.canteen.fault("one", "rtsp-setup-503")
    for _ in range(2):
        room.check("one")
    asked = [one.operation for one in room.canteen.requests("one") if one.service == "rtsp"]
    assert asked.count("SETUP") >= 2
    for _ in range(2):
        room.house.stream("one")
    until(lambda: room.check("one") and slot.state.availability is Availability.ONLINE)
    assert room.source("one") == "snapshot"
    assert (slot.state.level, slot.state.reason) == (Rung.PICTURE, Reason.BUSY)
    for _ in range(2):
        room.house.stream("one")
    assert (slot.state.availability, slot.state.reason) == (Availability.ONLINE, None)


def test_a_camera_whose_key_frames_come_seldom_is_visited_once_patiently(tmp_path: Path) -> None:
    """The next visit waits; the picture is had, with what is to be set. Another patient one is not made soon."""
    coded = clip(320, 240, pictures=40, gop=40)
    late = [*rtp(coded[1:]), *rtp(coded[:12])]
    with evil.Server(plays(late, pace_s=0.25)) as server:
        house = House(tmp_path, [server.camera(slot="one", stream_path="/main")])
        house.stream()
        slot = house.slots["one"]
        task = PictureTask(
            house.slots, policy=POLICY, learnt=house.learnt, door=house.door, interval_s=300, deadline_s=30
        )
        task.run()
        assert isinstance(slot.picture.last, NotSeen)
        assert (slot.picture.last.finding, slot.checks.patient) == (Finding.NO_KEYFRAME, True)
        slot.checks.due = 0
        task.run()
        assert isinstance(slot.picture.last, Seen)
        assert slot.picture.last.value.finding == Finding.NO_KEYFRAME
        task.check({"one"})
        assert isinstance(slot.picture.last, NotSeen)
        assert slot.checks.patient is False
        house.close()
