"""One question to the broker by its recovery port, where no certificate is asked for: who we are, a password says.

For a box whose certificate ran out while it was off. That port permits the two topics of renewal and nothing else.
"""

import queue
import threading
from collections.abc import Callable

from agent.tell.failures import Failed
from agent.tell.line import Account, Line, Message, TooNew
from agent.tell.preflight import Endpoint

ANSWER_S = 20.0
KEEPALIVE_S = 30
CLOSE_S = 1.0


def ask(
    endpoint: Endpoint, user: str, password: Callable[[], str], topics: tuple[str, str], request: bytes
) -> bytes | None:
    """Publish it on the first topic, and return what comes on the second; None: nobody answered, or let us in.

    `endpoint` has no certificate of ours. Takes half a minute at most. The reason is left to the ordinary line to tell:
    this one is tried beside it.
    """
    for newest in (True, False):
        try:
            return _asked(endpoint, Account(user, password, KEEPALIVE_S), topics, request, newest=newest)
        except TooNew:
            continue
        except Failed:
            return None
    return None


def _asked(
    endpoint: Endpoint, account: Account, topics: tuple[str, str], request: bytes, *, newest: bool
) -> bytes | None:
    up, down = topics
    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    came = threading.Event()

    def hear(message: Message) -> None:
        if message.topic == down and not message.retain:
            heard.put(message.payload)
            came.set()

    line = Line(endpoint, account, None, newest=newest, heard=hear, moved=lambda: None)
    line.open()
    try:
        line.subscribe([down])
        line.publish(up, request)
        came.wait(ANSWER_S)
        return None if heard.empty() else heard.get()
    finally:
        line.close(CLOSE_S)
