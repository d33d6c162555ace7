"""Events on their way: journal -> line, a window at a time, and again where the center does not acknowledge them.

A publish that the broker confirmed is not delivered: events leave the journal only when the center acknowledges them.
"""

import random
import time

from agent.tell import documents
from agent.tell.database import Row
from agent.tell.journal import Journal
from agent.tell.line import Line

WINDOW = 200
"""Events sent and not yet acknowledged by the center, at most, of each store."""
NO_PROGRESS_S = 3.0
PATIENCE_MAX_S = 300.0


class _Flow:
    """One store's events on their way."""

    def __init__(self) -> None:
        self.sent = 0
        """Highest seq published since the last rewind."""
        self.oldest = 0
        self.progress_at = time.monotonic()
        self.patience_s = NO_PROGRESS_S


class Sender:
    """Belongs to one thread, which calls `send` whenever something may have changed."""

    def __init__(self, journal: Journal, topic: str) -> None:
        self._journal, self._topic = journal, topic
        self._flows: dict[str, _Flow] = {}
        self._line: Line | None = None

    def send(self, line: Line) -> None:
        """What may be sent now, of every store that holds events; former stores first."""
        if self._line is not line:  # what was under way on the line before is sent again
            self._line, self._flows = line, {}
        stores = self._journal.undelivered()
        self._flows = {store: self._flows.get(store) or _Flow() for store, _, _ in stores}
        for store, oldest, evicted in stores:
            self._rewind_if_stalled(line, self._flows[store], oldest)
            self._send_batches(line, self._flows[store], store, oldest, evicted)

    def begin_anew(self) -> None:
        """Send everything again: the center has just come back, and may have received nothing of it."""
        self._line = None

    @staticmethod
    def _rewind_if_stalled(line: Line, flow: _Flow, oldest: int) -> None:
        """Resend from the oldest event when the center acknowledges nothing, but not while a copy is on its way."""
        now = time.monotonic()
        if flow.sent >= oldest and oldest == flow.oldest:
            if now - flow.progress_at > flow.patience_s and not line.unconfirmed:
                flow.sent, flow.progress_at = 0, now
                flow.patience_s = min(PATIENCE_MAX_S, flow.patience_s * random.uniform(1.5, 2.5))  # noqa: S311 - jitter
            return
        flow.oldest, flow.progress_at, flow.patience_s = oldest, now, NO_PROGRESS_S

    def _send_batches(self, line: Line, flow: _Flow, store: str, oldest: int, evicted: bool) -> None:
        while not line.full:
            rows = self._journal.batch(store, max(flow.sent, oldest - 1), oldest - 1 + WINDOW)
            if not rows:
                return
            rows, batch = self._fitted(line, store, rows, oldest if evicted else 0)
            if not line.publish(self._topic, batch):
                return  # the line just broke; on the next one all is sent again
            flow.sent = rows[-1].seq

    def _fitted(self, line: Line, store: str, rows: tuple[Row, ...], oldest: int) -> tuple[tuple[Row, ...], bytes]:
        """So many of the events as the broker takes at a time, one at least."""
        limit = line.limits.payload(self._topic)
        while True:
            batch = documents.events(store, [row.body for row in rows], oldest)
            if not limit or len(batch) <= limit or len(rows) == 1:
                return rows, batch
            rows = rows[: len(rows) // 2]
