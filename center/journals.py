"""How far each journal is known without a hole, remembered from batch to batch.

While nothing is known beyond the acknowledged seq of a journal, its next batch needs no look into the database.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from center.intervals import normal
from center.model import LostRow
from center.store import Reader, Writer

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""(gateway, store)."""


class Journal(NamedTuple):
    """What is acknowledged and what is known of one store of one gateway."""

    acked: int = 0
    top: int = 0
    """The highest seq known."""

    def hole_before(self, seq_high: int) -> bool:
        """Whether later seqs are known while an earlier one is missing: its birth will tell if that can still come."""
        return seq_high > self.acked and self.top > self.acked


class Gone(NamedTuple):
    """Everything up to `to_seq` has left the gateway's journal: what the center lacks of it is lost."""

    to_seq: int
    why: str
    received_ms: int


class Journals:
    """Of one batch, upon what is remembered. `known` is to be remembered after the commit."""

    def __init__(self, remembered: Mapping[Key, Journal]) -> None:
        self._remembered = remembered
        self.known: dict[Key, Journal] = {}
        self._new: dict[Key, list[tuple[int, int]]] = defaultdict(list)
        self._gone: dict[Key, list[Gone]] = defaultdict(list)

    def look_up(self, tx: Reader, keys: Iterable[Key]) -> None:
        unknown = sorted(key for key in keys if key not in self._remembered)
        self.known |= {key: Journal(*found) for key, found in tx.journals(unknown).items()}

    def __getitem__(self, key: Key) -> Journal:
        return self.known.get(key) or self._remembered.get(key) or Journal()

    def add(self, gateway: str, store: str, from_seq: int, to_seq: int) -> None:
        """These are known now, or will never come."""
        self._new[gateway, store].append((from_seq, to_seq + 1))

    def give_up(self, gateway: str, store: str, gone: Gone) -> None:
        if gone.to_seq > 0:
            self._gone[gateway, store].append(gone)

    def is_new(self, gateway: str, store: str, seq: int) -> bool:
        """Whether nothing can be held of this seq yet."""
        return seq > max(self[gateway, store])

    def write(self, tx: Writer) -> set[Key]:
        """After the events: moves what is acknowledged over all that is known or given up; returns where it gave up."""
        moved: dict[Key, int] = {}
        lost: list[LostRow] = []
        for key in {**self._new, **self._gone}:
            before = self[key]
            journal = self._onward(tx, key, before)
            for gone in sorted(self._gone[key]):
                if gone.to_seq > journal.acked:
                    lost.append(
                        LostRow(*key, journal.acked + 1, gone.to_seq, why=gone.why, received_ms=gone.received_ms)
                    )
                    log.warning("%s: journal %s: seqs %d to %d: %s", *lost[-1][:4], gone.why)
                    journal = self._onward(tx, key, Journal(gone.to_seq, max(journal.top, gone.to_seq)))
            self.known[key] = journal
            if journal.acked > before.acked:
                moved[key] = journal.acked
        tx.add_lost(lost)
        tx.acknowledge(moved)
        return {(row.gateway, row.store) for row in lost}

    def _onward(self, tx: Writer, key: Key, journal: Journal) -> Journal:
        acked, top = journal
        spans = self._new[key]
        for begin, end in normal(spans):
            if begin <= acked + 1:
                acked = max(acked, end - 1)
        if top > acked:  # something was known beyond a hole, which may be closed now
            acked = tx.advanced(*key, acked)
        return Journal(acked, max(top, acked, *(end - 1 for _, end in spans)))
