"""What must still be told: events with their seqs, durable at once, kept until the center has acknowledged them.

When the disk cannot take an event the journal goes on in memory, under a new store id, until the disk can again. The
run that was writing learns that by `Ended`.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.tell.database import PAGE_BYTES, Claim, Database, Kind, Row, Trouble
from agent.tell.eviction import evict
from agent.tell.moving import Store, carry, move_in, new_id, settle, take_up
from agent.tell.reserve import KEPT, Reserve, make_folder, newer, schema_word, set_aside
from agent.tell.schema import STEPS, Steps
from contract.messages import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Event

log = logging.getLogger(__name__)

MAX_BYTES = 56_000_000
"""Of the database; with its write-ahead log and the reserve the journal stays below 64 MB."""
MEMORY_BYTES = 10_000_000
_CARRIED = 0.4
"""The share of the memory that rows of a failed disk may fill; the other rows wait on that disk."""
PROBE_S = 10.0
"""A failed disk is tried again so often."""
_ENVELOPE_BYTES = 200
"""What a batch holds beside its events."""

Make = Callable[[int], Event]


class Ended(Exception):
    """The run that wants to write is over: begin a new one (a session in which every slot is unknown at first)."""


class Run(NamedTuple):
    """The run that may write now: its number, which rises by one when a run ends, and the store it writes into."""

    number: int
    store: str


class News(NamedTuple):
    """Something to be told as an event. `lost`: a store was lost with its events (`before`: its id, if known)."""

    what: str
    lost: bool = False
    before: str = ""


class _Wish:
    """What one caller wants appended."""

    def __init__(self, run: int, makes: tuple[Make, ...]) -> None:
        self.run, self.makes = run, makes
        self.done = False
        self.seq = 0
        self.error: Exception | None = None


class Journal:
    """Thread-safe. Sequence numbers start at 1 and are never reused within a store; the last store is written to.

    `append`, `checkpoint` and `finish` raise Ended when the run that calls is over. No method raises Trouble.
    """

    def __init__(
        self, path: Path, *, max_bytes: int = MAX_BYTES, memory_bytes: int = MEMORY_BYTES, steps: Steps = STEPS
    ) -> None:
        self._path, self._steps = path, steps
        self._max_pages, self._memory_pages = max_bytes // PAGE_BYTES, memory_bytes // PAGE_BYTES
        self._reserve = Reserve(path.with_name(path.name + ".reserve"))
        self._lock = threading.RLock()
        self._wishes: deque[_Wish] = deque()
        self._news: list[News] = []
        self._probe_at = 0.0
        self._closed = False
        self._number = 1
        self.trouble = ""
        """What is wrong with the disk, in a few words; "" = every event is durable and there is room."""
        self.durable = False
        self.lost = 0
        """Stores that were set aside with what they held since this process started."""
        self.grown = threading.Event()
        """Set at each append, so that a sender need not poll."""
        self._base = Database(None, self._memory_pages)
        self._stores: list[Store] = []
        self._waiting: dict[str, int] = {}
        """The stores on a disk that failed, the newest last, with their highest seqs; empty while the disk works."""
        self._told: dict[str, int] = {}
        """Store -> the highest seq that the center can know of: one that was in the file, handed out, or given up."""
        self._damage = ""
        """What was found damaged in the file while it was in use; it must not be used again."""
        self._start()

    # ---- what stands in it --------------------------------------------------------------------

    @property
    def run(self) -> Run:
        with self._lock:
            return Run(self._number, self._stores[-1].name)

    def high(self, run: int) -> int:
        """The highest seq that this run can have written, read together with whether it still runs. Raises Ended."""
        with self._lock:
            if run != self._number:
                raise Ended
            return self._stores[-1].seq_high

    @property
    def store(self) -> str:
        """Id of the store that is written to."""
        return self._stores[-1].name

    @property
    def seq_high(self) -> int:
        """The highest seq of that store; 0 = none yet."""
        return self._stores[-1].seq_high

    @property
    def oldest(self) -> int:
        """The lowest seq that store still holds; seq_high + 1 when it holds none."""
        return self._stores[-1].gone + 1

    @property
    def pending(self) -> int:
        """How many events, of all stores, wait for the center's acknowledgement."""
        with self._lock:
            return sum(one.pending for one in self._stores)

    def undelivered(self) -> list[tuple[str, int, bool]]:
        """(store, its oldest seq, whether older ones were given up) of each store with events, the oldest first."""
        with self._lock:
            return [(one.name, one.gone + 1, one.evicted) for one in self._stores if one.pending]

    def batch(self, store: str, after: int, up_to: int) -> tuple[Row, ...]:
        """The next events with after < seq <= up_to that fit into one message; empty when there are none."""
        with self._lock:
            found = next((one for one in self._stores if one.name == store), None)
            if found is None:
                return ()
            try:
                rows = self._fitting(found.number, max(after, found.gone), up_to)
            except Trouble as trouble:
                self._fall(trouble)
                return ()
            if rows:
                self._told[store] = max(self._told.get(store, 0), rows[-1].seq)
            return rows

    def _fitting(self, number: int, after: int, up_to: int) -> tuple[Row, ...]:
        chosen: list[Row] = []
        room = MAX_BATCH_BYTES - _ENVELOPE_BYTES
        for row in self._base.rows(number, after, up_to):
            room -= len(row.body) + 1
            if len(chosen) == MAX_BATCH_EVENTS or (chosen and room < 0):
                break
            chosen.append(row)
        return tuple(chosen)

    # ---- writing ------------------------------------------------------------------------------

    def append(self, run: int, *makes: Make) -> int:
        """Keep what each `make(seq)` builds, as one act; durable on return. The seq of the last one.

        Callers that write at the same time share one commit. Raises Ended: nothing of it was kept.
        """
        if not makes:
            return self.high(run)
        if self._closed:  # a look that outlived the session: no claim reaches it
            return 0
        wish = _Wish(run, makes)
        self._wishes.append(wish)
        with self._lock:
            if not wish.done:
                self._fulfil()
        if wish.error:
            raise wish.error
        self.grown.set()
        return wish.seq

    def _fulfil(self) -> None:
        wishes = [self._wishes.popleft() for _ in range(len(self._wishes))]
        try:
            self._attempt(lambda: self._write([one for one in wishes if one.run == self._number]))
        finally:
            for one in wishes:
                one.done = True
                one.error = one.error or (None if one.seq else Ended())

    def _write(self, wishes: list[_Wish]) -> None:
        store = self._stores[-1]
        rows: list[Row] = []
        last: list[tuple[_Wish, int]] = []
        for wish in wishes:
            made = self._made(wish, store.seq_high + len(rows))
            rows += made
            last += [(wish, made[-1].seq)] if made else []
        self._commit(lambda: self._base.insert(store.number, rows))
        store.seq_high += len(rows)
        for wish, seq in last:
            wish.seq = seq

    @staticmethod
    def _made(wish: _Wish, high: int) -> list[Row]:
        """The rows of one wish. If it cannot be built or encoded, only its own caller gets the exception."""
        try:
            return [Row(seq, msgspec.json.encode(make(seq))) for seq, make in enumerate(wish.makes, high + 1)]
        except Exception as error:
            wish.error = error
            return []

    def checkpoint(self, run: int, claim: Claim) -> None:
        """Keep what is claimed so far, in place of the claim before: the next start closes the session with it."""
        with self._lock:
            self._attempt(lambda: self._claim(run, claim))
            if run != self._number:
                raise Ended

    def _claim(self, run: int, claim: Claim) -> None:
        if run == self._number:
            self._commit(lambda: self._base.put_claim(self._stores[-1].number, claim))

    def finish(self, run: int, make: Make) -> None:
        """The session ends with this coverage event; nothing is left to close."""
        self.append(run, make)
        with self._lock:
            if run == self._number:
                self._attempt(lambda: self._commit(lambda: self._base.put_claim(self._stores[-1].number, None)))

    def trim(self, store: str, seq: int) -> None:
        """The center holds everything of this store up to `seq`: it leaves with the next commit.

        A `seq` that the center cannot know from here says that the file went back in time: it was restored from a
        copy, or the card lied about what it had written. The seqs up to there mean other events to the center, also
        where new ones bear them by now.
        """
        with self._lock:
            one = next((one for one in self._stores if one.name == store), None)
            if one is None:
                return
            known = self._told.get(store, 0)
            if seq <= known:
                one.gone = max(one.gone, min(seq, one.seq_high))
            elif one.pending or one is self._stores[-1]:
                self._leave(one, seq, known)

    def _leave(self, one: Store, seq: int, known: int) -> None:
        """Stop telling this store. If the run writes into it, that run ends and another store begins."""
        log.error("journal %s went back in time: %d was told, the center holds %d", one.name, known, seq)
        why = f"went back in time: the journal had told up to seq {known}, the center holds seq {seq}"
        self._news.append(News(why, lost=True, before=one.name))
        self.lost += 1
        one.gone = one.seq_high
        if one is not self._stores[-1]:
            return
        try:
            with self._base.transaction():
                self._base.put_claim(one.number, None)
                self._base.add_store(new_id())
        except Trouble as trouble:
            self._fall(trouble)  # which begins another store too
            return
        self._number += 1
        self._read_stores()

    def _commit(self, act: Callable[[], None]) -> None:
        """One transaction, which also removes what is acknowledged: that costs no commit of its own."""
        with self._base.transaction():
            for one in self._stores:
                if one.gone > one.removed:
                    self._base.remove(one.number, one.gone)
            for one in self._over():
                self._base.drop_store(one.number)
            act()
        over = self._over()
        self._stores = [one for one in self._stores if one not in over]
        for one in self._stores:
            one.removed = one.gone

    def _over(self) -> list[Store]:
        """Former stores that are wholly delivered. In memory they are kept until the disk has learnt of that."""
        return [one for one in self._stores[:-1] if self.durable and not one.pending]

    def close(self) -> None:
        """Nothing may be called afterwards."""
        with self._lock:
            self._closed = True
            try:
                self._commit(lambda: None)
            except Trouble as trouble:
                log.warning("the journal cannot be tidied: %s", trouble)
            self._base.close()

    # ---- when it cannot be written ------------------------------------------------------------

    def _attempt(self, act: Callable[[], None]) -> None:
        """Try `act` until it succeeds or the run has ended. After a failure make room, or change the database."""
        number = self._number
        while self._number == number:
            try:
                act()
            except Trouble as trouble:
                self._cope(trouble)
            else:
                return

    def _cope(self, trouble: Trouble) -> None:
        if trouble.kind is Kind.QUOTA:
            self._make_room()
        elif trouble.kind is Kind.FULL and self.durable and self._reserve.release():
            self.trouble = f"{trouble.kind}: writing into the reserve"
            log.error("the disk is full: the journal goes on with its reserve")
            self._news.append(News("journal: disk full, writing into the reserve"))
        else:
            self._fall(trouble)

    def _make_room(self) -> None:
        """Give up the oldest rows, which gaps tell. If they were in the store that is written to, the run ends."""
        try:
            if any(one.gone > one.removed for one in self._stores):
                self._commit(lambda: None)
                return
            if self._forget_carried():
                return
            oldest = next((one for one in self._stores if one.pending and evict(self._base, one.number)), None)
            if oldest is None:
                raise Trouble(Kind.QUOTA, "nothing is left to give up")
        except Trouble as trouble:
            self._fall(trouble)
            return
        log.error("the journal is full: its oldest events were given up")
        if oldest is self._stores[-1]:
            self._number += 1
        self._read_stores()

    def _forget_carried(self) -> bool:
        """Drop from memory the rows of a former store, which the failed disk still has. False: there are none."""
        carried = next((one for one in self._stores if one.pending and one.name in self._waiting), None)
        if carried is None:
            return False
        with self._base.transaction():
            self._base.forget(carried.number)
        self._read_stores()
        return True

    def _read_stores(self) -> None:
        """Read the stores from the database; keep the acknowledgements that it does not have yet."""
        gone = {one.name: one.gone for one in self._stores}
        self._stores = [Store(row) for row in self._base.stores()]
        for one in self._stores:
            one.gone = max(one.gone, min(gone.get(one.name, 0), one.seq_high))
        self._told = {one.name: max(one.gone, self._told.get(one.name, 0)) for one in self._stores}

    def _fall(self, trouble: Trouble) -> None:
        """Leave the database that failed: a new store in memory, and with it what is still to be told."""
        log.error("the journal cannot be kept on disk (%s): going on in memory", trouble)
        failed, memory = self._base, Database(None, self._memory_pages)
        carry(failed, memory, self._stores, int(self._memory_pages * PAGE_BYTES * _CARRIED))
        failed.close()
        had = {one.name: one.seq_high for one in self._stores}
        if self.durable:
            self._waiting = had
            self._damage = trouble.detail if trouble.kind is Kind.CORRUPT else ""
        self._base, self.durable = memory, False
        self._read_stores()
        self._tell_missing({name: high for name, high in had.items() if name not in self._waiting}, {})
        self._number += 1
        self.trouble = str(trouble)
        self._news.append(News(f"journal: {trouble}; going on in memory"))
        self._probe_at = time.monotonic() + PROBE_S

    # ---- opening, and opening again -----------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            try:
                self._move_to_disk()
            except Trouble as trouble:
                self._fall(trouble)
                return
            try:
                self._reserve.fill()
            except Trouble as trouble:
                self.trouble = str(trouble)

    def tend(self, *, at_once: bool = False) -> None:
        """To be called every few seconds: looks after the disk, tries a failed one again, and fills the reserve.

        A failed disk has its turn every PROBE_S; `at_once`: it is tried now.
        """
        with self._lock:
            if time.monotonic() < self._probe_at and not at_once:
                return
            self._probe_at = time.monotonic() + PROBE_S
            if self.durable and not self.trouble:
                self._attempt(self._base.tend)
                return
            try:
                self._recover()
            except Trouble as trouble:
                self.trouble = str(trouble)

    def _recover(self) -> None:
        make_folder(self._path.parent)
        self._reserve.fill()  # only with room to spare, so that it does not come and go
        if not self.durable:
            self._move_to_disk()
        log.warning("the journal is durable again (it was not: %s)", self.trouble)
        self._news.append(News(f"journal: recovered; before: {self.trouble}"))
        self.trouble = ""

    def _move_to_disk(self) -> None:
        """The file takes in what memory holds; sessions that were left open in it are closed. Raises Trouble."""
        disk = self._open()
        try:
            for row in disk.stores():
                self._told.setdefault(row.name, row.high)
            self._move_in(disk)
            there = {row.name: row.high for row in disk.stores()}
        except Trouble as trouble:
            disk.close()
            if trouble.kind is Kind.CORRUPT:
                self._damage = trouble.detail
            raise
        memory, self._base, self.durable = self._base, disk, True
        memory.close()
        self._tell_missing(self._waiting, there)
        self._waiting = {}
        self._read_stores()

    def _move_in(self, disk: Database) -> None:
        """Move the rows into the file. Where it has reached its quota, its oldest rows are given up for them."""
        settle(disk, self._stores)
        while True:
            try:
                with disk.transaction():
                    move_in(disk, self._base, self._stores)
            except Trouble as trouble:
                if trouble.kind is not Kind.QUOTA or not any(evict(disk, row.number) for row in disk.stores()):
                    raise
                log.error("the journal is full: its oldest events were given up")
            else:
                return

    def _tell_missing(self, had: dict[str, int], there: dict[str, int]) -> None:
        """Tell the stores whose last events are lost. `had`, `there`: highest seqs, once and now on the disk."""
        for one in self._stores:
            if max(one.seq_high, there.get(one.name, 0)) < had.get(one.name, 0):
                log.error("journal %s: its end is neither in memory nor on the disk any more", one.name)
                self._news.append(News("neither the disk nor memory has its end any more", lost=True, before=one.name))
                self.lost += 1

    def _open(self) -> Database:
        make_folder(self._path.parent)
        if self._damage and self._path.exists():
            self._set_aside(Trouble(Kind.CORRUPT, self._damage))
        try:
            disk = self._database(self._path)
        except Trouble as trouble:
            if trouble.kind not in (Kind.CORRUPT, Kind.FOREIGN):
                raise
            self._set_aside(trouble)
            disk = self._database(self._path)
        self._take_up(disk)
        if disk.cut_short:
            log.error("the end of the journal's log was damaged: what was recorded last is lost")
            before = next((one.name for one in reversed(disk.stores())), "")
            self._news.append(News("damaged: the end of the write-ahead log", lost=True, before=before))
        return disk

    def _database(self, path: Path) -> Database:
        return Database(path, self._max_pages, self._steps)

    def _set_aside(self, trouble: Trouble) -> None:
        """Rename a file that is damaged, another program's, or a newer version's, which will take it up again."""
        if trouble.kind is Kind.CORRUPT:
            kept, what = set_aside(self._path, "corrupt", KEPT), f"damaged: {trouble.detail}"
        else:
            kept = set_aside(self._path, schema_word(trouble.version) if trouble.version else "foreign")
            what = f"{trouble.detail}; kept as {kept.name}"
        log.error("the journal cannot be used (%s): set aside as %s", trouble.detail, kept.name)
        before = next(reversed(self._waiting), "")
        self._news.append(News(what[:500], lost=True, before=before))
        self.lost += 1
        self._waiting, self._damage = {}, ""

    def _take_up(self, disk: Database) -> None:
        """Tell what this version wrote before, and an older program that ran in between set aside.

        A file that cannot be taken up stays as it is, for the next start.
        """
        for path in newer(self._path, len(self._steps)):
            try:
                other = self._database(path)
                try:
                    count = take_up(disk, other)
                finally:
                    other.close()
                path.unlink()
            except (Trouble, OSError) as trouble:
                log.warning("%s cannot be taken up again: %s", path.name, trouble)
            else:
                log.warning("%s was taken up again: %d events", path.name, count)
                self._news.append(News(f"journal: {path.name} was taken up again, {count} events"))

    def take_news(self) -> list[News]:
        """What happened to the journal itself since the last call."""
        with self._lock:
            news, self._news = self._news, []
            return news
