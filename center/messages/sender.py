"""Takes messages from the outbox to their doors: each is claimed before it is sent and settled after.

One message of a receiver is on its way at a time, in the order of the outbox; a receiver that does not answer delays
nobody else. What a message says must not be known here.
"""

import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from center.messages.doors.door import Delivered, Door, Failed, Message, Outcome, Refused
from center.messages.engine import MINUTE_MS, TRIES, pause_ms
from center.store import Store
from center.store.outbox import DELIVERED, FIRST, GIVEN_UP, REFUSED, WAITING, Post

log = logging.getLogger(__name__)
AT_ONCE = 16
"""Receivers that are spoken to at one time."""


class Sender:
    """`step(now_ms)` again and again; nothing in it waits for a receiver. Raises Unavailable, and goes on after it."""

    def __init__(self, store: Store, doors: Mapping[str, Door]) -> None:
        self._store, self._doors = store, doors
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="door")
        self._on_way: dict[str, tuple[Post, Future[Outcome]]] = {}

    def step(self, now_ms: int) -> bool:
        """Whether something is on its way."""
        self._settle(now_ms)
        if len(self._on_way) < AT_ONCE:
            self._start(now_ms)
        return bool(self._on_way)

    @property
    def on_way(self) -> list[int]:
        """Messages that are claimed and not settled."""
        return [post.id for post, _ in self._on_way.values()]

    def close(self) -> None:
        """What is on its way ends within the doors' deadline; it is settled by who calls `step` once more."""
        self._pool.shutdown(wait=True)

    def _start(self, now_ms: int) -> None:
        with self._store.read() as reader:
            ready = [post for post in reader.heads(now_ms, self._on_way) if post.receiver in self._doors]
            paced = [post for post in ready if self._room(reader.sent_since(post.receiver, now_ms - MINUTE_MS), post)]
        for post in paced[: AT_ONCE - len(self._on_way)]:
            with self._store.write() as tx:
                mine = tx.claim(post, now_ms)
            if mine:
                claimed = post._replace(tries=post.tries + 1)
                going = self._pool.submit(_sent, self._doors[post.receiver], claimed)
                self._on_way[post.receiver] = (claimed, going)

    def _room(self, sent: int, post: Post) -> bool:
        most = self._doors[post.receiver].per_minute
        return not most or sent < most

    def _settle(self, now_ms: int) -> None:
        """What cannot be written down now stays here, and its receiver waits."""
        for receiver, (post, going) in list(self._on_way.items()):
            if going.done():
                self._write_down(post, going.result(), now_ms)
                del self._on_way[receiver]

    def _write_down(self, post: Post, outcome: Outcome, now_ms: int) -> None:
        state, later = DELIVERED, now_ms
        match outcome:
            case Refused():
                state = REFUSED
            case Failed(wait_s=wait_s):
                state = GIVEN_UP if post.tries >= TRIES else WAITING
                later = now_ms + pause_ms(post.tries, wait_s)
        uncertain = post.uncertain + (isinstance(outcome, Failed) and outcome.uncertain)
        values = {"state": state, "said": outcome.said, "uncertain": uncertain, "not_before_ms": later}
        if state != WAITING:
            values["settled_ms"] = now_ms
        with self._store.write() as tx:
            if tx.settle(post, **values) and state in (REFUSED, GIVEN_UP) and post.act == FIRST:
                tx.untold(post, now_ms)
        if not isinstance(outcome, Delivered):
            log.warning("message %d to %s: %s (%s)", post.id, post.receiver, state, outcome.said)


def _sent(door: Door, post: Post) -> Outcome:
    """A fault of ours is a failure of this message, named by its kind alone: its words may hold a secret."""
    message = Message(post.key, post.subject, post.text, post.body, post.created_ms, post.uncertain)
    try:
        return door.send(message)
    except Exception as fault:
        log.error("message %d to %s: %s", post.id, post.receiver, type(fault).__name__)
        return Failed("fault", uncertain=True)
