"""One camera's loop."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest

from agent.ask.attempt import boot_ms
from agent.loop import Loop
from agent.model import Camera, ClockReading, Look, NotSeen, Seen, Stream
from agent.records import Checked
from agent.rounds.look import LookTask
from contract.messages import Transition
from contract.vocabulary import Availability, Reason
from tests.agent.rounds.house import House
from tests.support.waiting import PATIENCE_S, until

CAMERA = Camera(slot="kitchen-1", address="127.0.0.1")
ONLINE, OFFLINE, UNKNOWN = Availability.ONLINE, Availability.OFFLINE, Availability.UNKNOWN


def good(_: Camera) -> Look:
    return Look(
        at=boot_ms(),
        took_s=0.0,
        tcp=Seen(value=(80, 554)),
        clock=Seen(value=ClockReading(skew_s=0.0)),
        stream=Seen(value=Stream(path="/", media=("video H264",))),
    )


def gone(_: Camera) -> Look:
    missing = NotSeen(reason=Reason.UNREACHABLE)
    return Look(at=boot_ms(), took_s=0.0, tcp=missing, clock=missing, stream=missing)


class Looks(LookTask):
    """Its looks are told what they see."""

    def __init__(self, house: House, see: Callable[[Camera], Look], now: Callable[[], int], interval_s: float) -> None:
        slot = house.slots[CAMERA.slot]
        super().__init__(
            slot,
            house.slots,
            learnt=house.learnt,
            door=house.door,
            interval_s=interval_s,
            deadline_s=5.0,
            hurry_s=0.02,
            now=now,
        )
        self._see = see

    def look(self, enrolled: Camera) -> Look:
        return self._see(enrolled)


class Watch(Loop[Look]):
    """One camera's loop, with its slot at hand."""

    def __init__(self, house: House, task: Looks, now: Callable[[], int], stuck_after_s: float) -> None:
        self.slot = house.slots[CAMERA.slot]
        super().__init__(
            f"look-{CAMERA.slot}",
            task,
            tell=house.session.fault,
            wake=self.slot.look_now,
            patience_s=stuck_after_s,
            now=now,
        )

    def checked(self, *, decodable: bool | None) -> None:
        self.slot.apply(Checked(picture=None, decodable=decodable))

    @property
    def unsettled_since(self) -> int | None:
        starts = (self.unfinished_since, self.slot.unsettled_since)
        return min((one for one in starts if one is not None), default=None)


class Changes(Sequence[Transition]):
    """What was recorded by now, or until the house was closed."""

    def __init__(self, house: House) -> None:
        self._house, self._kept = house, list[Transition]()
        self.closed = False

    def read(self) -> list[Transition]:
        if not self.closed:
            self._kept = self._house.told(Transition)
        return self._kept

    def __len__(self) -> int:
        return len(self.read())

    def __getitem__(self, index: Any) -> Any:
        return self.read()[index]


@contextmanager
def watching(
    look: Callable[[Camera], Look],
    *,
    interval_s: float = 0.1,
    stuck_after_s: float = 5.0,
    now: Callable[[], int] = boot_ms,
    started: bool = True,
) -> Iterator[tuple[Watch, Changes]]:
    with TemporaryDirectory() as folder:
        house = House(Path(folder), [CAMERA], now)
        watch = Watch(house, Looks(house, look, now, interval_s), now, stuck_after_s)
        changes = Changes(house)
        if started:
            watch.start()
        try:
            yield watch, changes
        finally:
            watch.stop()
            if watch.thread.ident:
                watch.thread.join(PATIENCE_S)
            changes.read()
            changes.closed = True
            house.close()


def test_a_change_is_dated_by_the_first_look_that_differed() -> None:
    """A change is recorded once, when a second look agrees, with the start of the first."""
    now, seen = {"look": good}, []

    def look(camera: Camera) -> Look:
        seen.append(now["look"](camera))
        return seen[-1]

    with watching(look) as (_, changes):
        until(lambda: len(changes) == 1)
        now["look"] = gone
        until(lambda: len(changes) == 2)
    first_gone = next(one for one in seen if isinstance(one.stream, NotSeen))
    assert [(c.from_, c.to) for c in changes] == [(UNKNOWN, ONLINE), (ONLINE, OFFLINE)]
    assert changes[1].at == first_gone.at


def test_a_camera_that_cannot_be_reached_is_sought_elsewhere(tmp_path: Path) -> None:
    """By its first look that finds nobody, before it is called offline; a silence of our own side seeks nobody."""
    house = House(tmp_path, [CAMERA])
    task = Looks(house, gone, boot_ms, 60)
    ours = NotSeen(reason=Reason.AGENT_FAULT)
    task.take(Look(at=boot_ms(), took_s=0.0, tcp=ours, clock=ours, stream=ours))
    task.take(good(CAMERA))
    assert not house.slots.discover_now.is_set()
    task.take(gone(CAMERA))
    assert house.slots.discover_now.is_set()
    house.close()


def test_the_claim_never_reaches_into_a_look_that_may_differ() -> None:
    """While a look is in flight or unconfirmed, its start is unsettled."""
    release = threading.Event()

    def slow(camera: Camera) -> Look:
        look = gone(camera)
        release.wait(PATIENCE_S)
        return look

    before = boot_ms()
    with watching(slow, interval_s=60) as (watch, changes):
        until(lambda: watch.unsettled_since is not None)
        since = watch.unsettled_since
        assert since is not None
        assert before <= since <= boot_ms()
        release.set()
        until(lambda: changes)
        until(lambda: watch.unsettled_since is None)
        assert since <= changes[0].at


def test_a_stuck_look_is_reported_once_and_its_recovery_once() -> None:
    """The supervisor reports a hanging look as unknown once, starts no second one, and looks again when it ends."""
    release, calls = threading.Event(), []

    def look(camera: Camera) -> Look:
        calls.append(boot_ms())
        if len(calls) == 3:
            release.wait(PATIENCE_S)
        return good(camera)

    with watching(look, interval_s=0.05, stuck_after_s=0.1) as (watch, changes):
        until(lambda: len(calls) == 3)
        until(watch.give_up_if_stuck)
        for _ in range(20):
            assert not watch.give_up_if_stuck()
            time.sleep(0.005)
        assert len(calls) == 3
        assert [c.to for c in changes] == [ONLINE, UNKNOWN]
        assert changes[1].reason is Reason.TIMED_OUT
        assert changes[1].at <= calls[2]
        assert watch.unsettled_since is None
        release.set()
        until(lambda: len(changes) == 3)
        assert changes[2].to is ONLINE


def test_who_stood_still_says_unknown_from_the_look_that_was_due() -> None:
    """After a pause between looks the slot was unknown since the next was due; until that is said it is unsettled."""
    slept_ms = [0]

    def now() -> int:
        return boot_ms() + slept_ms[0]

    def look(camera: Camera) -> Look:
        return msgspec.structs.replace(good(camera), at=now())

    with watching(look, interval_s=1.0, now=now) as (watch, changes):
        until(lambda: len(changes) == 1 and watch.unsettled_since is None)
        fell_asleep = now()
        slept_ms[0] = 3_600_000
        unsettled = watch.unsettled_since
        assert unsettled is not None
        assert unsettled <= fell_asleep + 1000
        until(lambda: len(changes) == 3)
    assert [(c.from_, c.to, c.reason) for c in changes[1:]] == [
        (ONLINE, UNKNOWN, Reason.AGENT_FAULT),
        (UNKNOWN, ONLINE, None),
    ]
    assert changes[1].at == unsettled
    assert changes[2].at >= fell_asleep + 3_600_000


@pytest.mark.parametrize("reading", range(40, 52))
def test_wherever_it_stands_still_it_does_not_claim_to_have_watched(reading: int) -> None:
    """A process is stopped anywhere in its loop, for a minute from one reading of the clock to the next."""
    slept_ms, readings, asleep = [0], [0], [0]

    def now() -> int:
        readings[0] += threading.current_thread().name.startswith("look-")
        if readings[0] == reading and not asleep[0]:
            asleep[0] = boot_ms()
            slept_ms[0] = 60_000
            return asleep[0]  # read just before it was stopped
        return boot_ms() + slept_ms[0]

    def look(camera: Camera) -> Look:
        return msgspec.structs.replace(good(camera), at=now())

    with watching(look, interval_s=0.05, stuck_after_s=1.0, now=now) as (_, changes):
        until(lambda: len(changes) == 3)
    assert [(c.from_, c.to) for c in changes[1:]] == [(ONLINE, UNKNOWN), (UNKNOWN, ONLINE)]
    assert changes[1].at <= asleep[0] + 50
    assert changes[2].at >= asleep[0] + 60_000


def test_a_look_that_was_interrupted_says_nothing() -> None:
    """A look that ends long after its deadline, as in a stopped process, makes the slot unknown from its start."""
    slept_ms, calls = [0], []

    def now() -> int:
        return boot_ms() + slept_ms[0]

    def look(camera: Camera) -> Look:
        begun = msgspec.structs.replace(good(camera), at=now())
        calls.append(begun.at)
        if len(calls) == 3:
            slept_ms[0] = 60_000
        return begun

    with watching(look, interval_s=0.1, now=now) as (_, changes):
        until(lambda: len(changes) == 3)
    assert [(c.from_, c.to) for c in changes[1:]] == [(ONLINE, UNKNOWN), (UNKNOWN, ONLINE)]
    assert changes[1].at <= calls[2]
    assert changes[2].at >= calls[2] + 60_000


def test_a_bug_in_asking_is_our_fault_and_ends_nothing() -> None:
    """An exception in the way of looking makes the camera unknown with AGENT_FAULT, and the watch goes on."""
    broken = [True]

    def look(camera: Camera) -> Look:
        if broken[0]:
            raise RuntimeError("a bug")
        return good(camera)

    with watching(look) as (_, changes):
        until(lambda: changes)
        assert (changes[0].to, changes[0].reason) == (UNKNOWN, Reason.AGENT_FAULT)
        broken[0] = False
        until(lambda: len(changes) == 2)
        assert changes[1].to is ONLINE


def test_a_picture_that_cannot_be_decoded_ends_online_and_its_return_restores_it() -> None:
    """From the first of two such visits on the camera is unknown; until the second nothing since then is claimed."""
    with watching(good) as (watch, changes):
        until(lambda: len(changes) == 1)
        before = changes[0].at  # a look that a busy machine made fail may have begun earlier than the check
        watch.checked(decodable=False)
        assert watch.unsettled_since is not None
        assert before <= watch.unsettled_since <= boot_ms()
        assert len(changes) == 1
        known = boot_ms()
        watch.checked(decodable=False)
        assert (changes[1].to, changes[1].reason, changes[1].at) == (UNKNOWN, Reason.MALFORMED, changes[1].at)
        assert before <= changes[1].at <= known
        watch.checked(decodable=None)
        time.sleep(0.3)  # several looks that saw the stream
        assert len(changes) == 2
        watch.checked(decodable=True)
        until(lambda: len(changes) == 3)
        assert changes[2].to is ONLINE


class Claims:
    """A clock that stands still but for another thread, which claims whenever a time was just taken."""

    def __init__(self) -> None:
        self.settled_to = self.at = 0
        self.watch: Watch | None = None

    def now(self) -> int:
        taken, watch, self.watch = self.at, self.watch, None  # what the claim itself reads is no such moment
        if watch:
            self.at += 7
            since = watch.unsettled_since
            self.settled_to = max(self.settled_to, self.at if since is None else min(self.at, since))
            self.watch = watch
        return taken


def test_no_claim_overtakes_the_doubt_of_a_picture() -> None:
    """Whenever a claim is made, it ends before a doubt that it does not know of."""
    claims = Claims()
    with watching(good, now=claims.now, started=False) as (watch, _):
        claims.watch = watch
        watch.checked(decodable=False)
        claims.watch = None
        assert claims.settled_to > 0
        assert watch.unsettled_since is not None
        assert claims.settled_to <= watch.unsettled_since


def test_no_claim_overtakes_a_first_look_that_hangs() -> None:
    """Nothing is claimed beyond the start of a look that is given up later, the very first one too."""
    claims, ends = Claims(), threading.Event()

    def look(camera: Camera) -> Look:
        claims.watch = None
        claims.at += 100
        ends.wait()
        return good(camera)

    with watching(look, now=claims.now, stuck_after_s=0.05, started=False) as (watch, changes):
        claims.watch = watch
        watch.start()
        until(lambda: claims.watch is None and watch.give_up_if_stuck())
        ends.set()
        assert changes[0].reason is Reason.TIMED_OUT
        assert 0 < claims.settled_to <= changes[0].at


def test_a_change_between_two_visits_begins_their_count_anew() -> None:
    """A doubt from before the camera went and came back confirms nothing of what it is now."""
    now = {"look": good}

    def look(camera: Camera) -> Look:
        return now["look"](camera)

    with watching(look) as (watch, changes):
        until(lambda: len(changes) == 1)
        watch.checked(decodable=False)
        now["look"] = gone
        until(lambda: len(changes) == 2)
        now["look"] = good
        until(lambda: len(changes) == 3)
        watch.checked(decodable=False)
        assert len(changes) == 3
        times = [change.at for change in changes]
        assert times == sorted(times)
