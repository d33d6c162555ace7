"""What the session claims, over broken disks, crashes and full journals, judged by the center's own timeline."""

import random
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from agent.ask.attempt import boot_ms
from agent.decide.availability import Change
from agent.decide.clock import Anchoring
from agent.session import Session
from agent.tell.journal import Journal
from center import timeline
from center.intervals import Span, difference, normal
from contract.messages import Coverage, Event, Fault, Gap, Heartbeat, StoreReset, Transition
from contract.vocabulary import Availability, Rung
from tests.agent.tell.test_journal import as_a_crash_leaves_it

READ = msgspec.json.Decoder(Event)
SLOTS = ("a", "b", "c")
LATE = 10**9


class Center:
    """Holds what was delivered, and knows from it what center/timeline.py proves."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, int], Event] = {}
        self.beats: list[Heartbeat] = []

    def take(self, journal: Journal, *, acknowledge: bool = True) -> None:
        for store, _, _ in journal.undelivered():
            after = 0
            while rows := journal.batch(store, after, 10**9):
                for row in rows:
                    event = READ.decode(row.body)
                    assert self.events.setdefault((store, row.seq), event) == event, "one seq with two contents"
                after = rows[-1].seq
            if acknowledge:
                journal.trim(store, after)

    def contradictions(self) -> list[tuple[Heartbeat, str]]:
        """Heartbeats with a slot that was not so just after any event from the session's heartbeat before to this one.

        Looked at where every event of the session up to there is held.
        """
        found, before = [], defaultdict[str, int](int)
        for beat in self.beats:
            story = [self.events.get((beat.store, seq)) for seq in range(1, beat.seq_high + 1)]
            low, before[beat.session] = before[beat.session], beat.seq_high
            if None not in story:
                mine = [one for one in story if isinstance(one, Transition) and one.session == beat.session]
                found += [(beat, slot) for slot in SLOTS if listed(beat, slot) not in states(mine, slot, low)]
        return found

    def known(self) -> dict[str, timeline.Known]:
        held, claims, lost = [], [], []
        for (store, seq), event in self.events.items():
            slot, to = (event.slot, event.to) if isinstance(event, Transition) else ("", "")
            if not isinstance(event, Coverage):
                held.append(timeline.Held(store, seq, event.session, event.boot, slot, event.at, to))
            else:
                span = (event.from_, event.to, event.seq_high, LATE, LATE - event.to)
                claims.append(timeline.Claim(store, event.session, "b", *span))
            if isinstance(event, Gap):
                lost.append(timeline.Lost(event.boot, event.from_, event.to))
        for one in self.beats:
            span = (one.watching_since, one.settled_to, one.seq_high, LATE, LATE - one.settled_to)
            claims.append(timeline.Claim(one.store, one.session, one.boot, *span))
        anchors = (timeline.AnchorPoint("b", 0, 0, LATE),)
        return timeline.known(timeline.History(tuple(held), tuple(claims), anchors, tuple(lost)))


def listed(beat: Heartbeat, slot: str) -> Availability:
    listed = {Availability.OFFLINE: beat.offline, Availability.UNKNOWN: beat.unknown}
    return next((state for state, slots in listed.items() if slot in slots), Availability.ONLINE)


def states(story: Sequence[Transition], slot: str, low: int) -> set[Availability]:
    """What the slot was just after the event `low`, or became by a later one."""
    its = [one for one in story if one.slot == slot]
    at_low = [Availability.UNKNOWN, *(one.to for one in its if one.seq <= low)][-1]
    return {at_low, *(one.to for one in its if one.seq > low)}


class Box:
    """A gateway with one truth, whose disk fails and whose process dies as the test wants."""

    def __init__(self, folder: Path, rnd: random.Random, max_bytes: int = 10**7) -> None:
        self.folder, self.rnd, self.max_bytes = folder, rnd, max_bytes
        self.now = 1
        self.center = Center()
        self.truth: dict[tuple[str, str], list[Span]] = defaultdict(list)
        self.start()

    def start(self) -> None:
        self.journal = Journal(self.folder / "journal.db", max_bytes=self.max_bytes)
        self.session = Session(self.journal, boot="b", now=lambda: self.now)
        self.state: dict[str, tuple[Availability, int]] = dict.fromkeys(SLOTS, (Availability.UNKNOWN, self.now))
        self.pending: dict[str, tuple[int, Availability]] = {}
        self.session.anchor(Anchoring(at=self.now, utc_ms=self.now, err_ms=0, source="ntp"))
        self.session.tend()

    def crash(self) -> None:
        """The process is killed: nothing is closed or told."""
        for slot in SLOTS:
            self._over(slot, self.now)
        self._bring_back()
        left = as_a_crash_leaves_it(self.folder, self.folder.with_name(f"{self.folder.name}-"))
        self.journal.close()
        self.folder = left
        self.now += self.rnd.randint(1, 9)
        self.start()

    def break_disk(self) -> None:
        """The next write into the database fails: it was taken away."""
        if not self._gone.exists() and self._file.exists():
            self._file.rename(self._gone)

    def heal(self) -> None:
        self._bring_back()
        self.journal.tend(at_once=True)
        self.session.tend()

    def _bring_back(self) -> None:
        if self._gone.exists():
            self._gone.rename(self._file)

    @property
    def _file(self) -> Path:
        return self.folder / "journal.db"

    @property
    def _gone(self) -> Path:
        return self.folder / "taken-away.db"

    def unsettled(self) -> list[int]:
        return [at for at, _ in self.pending.values()]

    def beat(self) -> None:
        self.center.beats.append(self.session.heartbeat(self.unsettled, SLOTS))

    def look(self) -> None:
        slot = self.rnd.choice(SLOTS)
        if slot in self.pending:
            at, to = self.pending[slot]
            if self.rnd.random() < 0.3:  # the second look does not agree
                del self.pending[slot]
                return
            self._over(slot, at)
            before, self.state[slot] = self.state[slot][0], (to, at)
            change = Change(at=at, from_=before, to=to, level=Rung.STREAMS, reason=None)
            self.session.transition(slot, change)
            del self.pending[slot]
        else:
            to = self.rnd.choice([one for one in Availability if one is not self.state[slot][0]])
            self.pending[slot] = (self.now, to)

    def _over(self, slot: str, at: int) -> None:
        was, since = self.state[slot]
        self.truth[slot, was].append((since, at))

    def end(self) -> None:
        for slot in SLOTS:
            self._over(slot, self.now)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_breaks_nothing_wrong_is_known(tmp_path: Path, seed: int) -> None:
    """Looks, failing disks, recoveries, crashes and deliveries in any order: what the center knows is true."""
    rnd = random.Random(seed)
    box = Box(tmp_path, rnd, max_bytes=rnd.choice([10**7, 48_000]))
    acts = [box.look] * 30 + [box.beat] * 5 + [lambda: box.session.checkpoint(box.unsettled)] * 3
    acts += [lambda: box.center.take(box.journal), lambda: box.center.take(box.journal, acknowledge=False)]
    acts += [lambda: box.session.fault("x" * 900)] * 8  # fills the smaller journals
    acts += [box.break_disk, box.heal, box.heal, box.crash]
    for _ in range(600):
        rnd.choice(acts)()
        box.now += rnd.randint(0, 5)
    box.heal()
    box.center.take(box.journal)
    box.end()
    for slot, known in box.center.known().items():
        for state, spans in (("online", known.on), ("offline", known.off)):
            assert difference(spans, normal(box.truth[slot, state])) == normal(()), (slot, state)
    assert box.center.contradictions() == []
    box.journal.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_heartbeat_s_lists_are_the_states_at_its_seq(tmp_path: Path, seed: int) -> None:
    """Whatever threads record changes meanwhile and however often the disk goes, no list contradicts the events."""
    rnd, center = random.Random(seed), Center()
    journal = Journal(tmp_path / "journal.db")
    session = Session(journal, boot="b", now=boot_ms)
    going = threading.Event()
    going.set()

    def change(slot: str, rnd: random.Random) -> None:
        state = Availability.UNKNOWN
        while going.is_set():
            to = rnd.choice([one for one in Availability if one is not state])
            session.transition(slot, Change(at=boot_ms(), from_=state, to=to, level=Rung.STREAMS, reason=None))
            state = to

    threads = [threading.Thread(target=change, args=(slot, random.Random(f"{seed}{slot}"))) for slot in SLOTS]
    for thread in threads:
        thread.start()
    for i in range(400):
        center.beats.append(session.heartbeat(tuple, SLOTS))
        if i % 40 == 39:
            center.take(journal, acknowledge=False)
            journal.trim(journal.store, 10**9)  # the file went back in time: the session ends
        if rnd.random() < 0.1:
            center.take(journal)
    going.clear()
    for thread in threads:
        thread.join()
    center.take(journal)
    checked = [beat for beat in center.beats if (beat.store, max(1, beat.seq_high)) in center.events]
    assert len({beat.session for beat in checked}) > 3
    assert center.contradictions() == []
    journal.close()


def test_a_broken_disk_costs_no_more_than_the_moment(tmp_path: Path) -> None:
    """What is known before a failure stays known, what follows is known from the new session's start on."""
    box = Box(tmp_path, random.Random(1))

    def change(slot: str, to: Availability) -> None:
        box.session.transition(
            slot, Change(at=box.now, from_=Availability.UNKNOWN, to=to, level=Rung.STREAMS, reason=None)
        )

    box.now = 100
    change("a", Availability.ONLINE)
    box.now = 200
    box.beat()
    first, store = box.session.id, box.session.store
    box.break_disk()
    box.now = 210
    change("b", Availability.OFFLINE)
    assert box.session.id != first
    assert box.session.store != store
    assert not box.journal.durable
    box.now = 300
    box.beat()
    volatile = box.session.store
    box.heal()
    assert box.journal.durable
    assert (box.session.store, box.journal.trouble) == (volatile, "")
    box.now = 400
    box.beat()
    box.center.take(box.journal)
    known = box.center.known()
    assert known["a"].on == normal([(100, 200), (210, 400)])
    assert known["b"].off == normal([(210, 400)])
    told = [event.what for event in box.center.events.values() if isinstance(event, Fault)]
    assert any("going on in memory" in one for one in told)
    assert any("recovered" in one for one in told)
    box.session.close(box.unsettled)
    box.journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.store == volatile
    assert again.durable
    again.close()


def test_a_full_journal_states_anew_what_it_knows(tmp_path: Path) -> None:
    """After events were given up, a camera that does not change is known again from there on."""
    box = Box(tmp_path, random.Random(1), max_bytes=100_000)
    box.now = 10
    still = Change(at=10, from_=Availability.UNKNOWN, to=Availability.ONLINE, level=Rung.STREAMS, reason=None)
    box.session.transition("a", still)
    first = box.session.id
    while box.session.id == first:
        box.now += 1
        box.session.fault("x" * 200)
    began = box.now
    box.now += 100
    box.beat()
    box.center.take(box.journal)
    assert box.journal.durable
    assert box.center.known()["a"].on == normal([(began, box.now)])
    assert any(isinstance(event, Gap) for event in box.center.events.values())
    box.journal.close()


def test_a_lost_store_is_told(tmp_path: Path) -> None:
    """A damaged journal is followed by a new store whose store_reset names the reason."""
    (tmp_path / "journal.db").write_bytes(b"\xff" * 5000)
    box = Box(tmp_path, random.Random(1))
    box.center.take(box.journal)
    (reset,) = (event for event in box.center.events.values() if isinstance(event, StoreReset))
    assert "damaged" in reset.why
    box.journal.close()


def test_a_change_that_meets_the_end_of_its_session_stands_once_in_the_next(tmp_path: Path) -> None:
    """What a new session states at its start is not written a second time by whoever met the end of the old one."""
    journal = Journal(tmp_path / "journal.db")
    session = Session(journal, boot="b", now=lambda: 7)
    journal.trim(journal.store, 1)  # never given out: the store ends
    change = Change(at=7, from_=Availability.UNKNOWN, to=Availability.ONLINE, level=Rung.STREAMS, reason=None)
    where = session.transition("a", change)
    rows = [READ.decode(row.body) for row in journal.batch(journal.store, 0, 100)]
    (told,) = (one for one in rows if isinstance(one, Transition))
    assert (told.slot, f"{journal.store}:{told.seq}") == ("a", where)
    assert session.transition("a", change) == f"{journal.store}:{journal.seq_high}"
    journal.close()
