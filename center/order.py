"""One command to one gateway, and its answer in time: look, inspect, discover, rebirth.

What the gateway does with it must not be known here.
"""

import secrets
import threading
import time
from typing import NamedTuple

import msgspec

from center.line import Line, Options
from contract import topics
from contract.messages import Command, Result

VERBS = ("look", "inspect", "discover", "rebirth")
NO_ANSWER, NOT_SENT = "no_answer", "not_sent"


class Answer(NamedTuple):
    """`outcome`: what the contract's Result says, or no_answer, or not_sent (the broker could not be reached)."""

    outcome: str
    detail: str = ""


def give(options: Options, city: str, gateway: str, verb: str, slot: str, timeout_s: float) -> Answer:
    """Publishes the command, never retained, and waits. After `timeout_s` it has expired for the gateway as well."""
    wanted = secrets.token_hex(6)
    answered = threading.Event()
    heard: list[Result] = []

    def take(_topic: str, payload: bytes, _retained: bool) -> bool:
        try:
            result = msgspec.json.decode(payload, type=Result)
        except msgspec.MsgspecError:
            return True  # the worker of the intake sets it aside
        if result.id == wanted:
            heard.append(result)
            answered.set()
        return True

    deadline = time.monotonic() + timeout_s
    line = Line(options, [topics.up(city, gateway, "res")], take)
    line.start()
    try:
        if not line.ready.wait(timeout_s):
            return Answer(NOT_SENT, line.news or "the broker does not answer")
        left_s = max(0.0, deadline - time.monotonic())
        not_after = time.time_ns() // 1_000_000 + round(left_s * 1000)
        command = Command(id=wanted, not_after=not_after, verb=verb, slot=slot)
        line.publish(topics.down(city, gateway, "cmd"), msgspec.json.encode(command), retain=False)
        if not answered.wait(left_s):
            return Answer(NO_ANSWER, f"no answer within {timeout_s:g} s; the command has expired")
    finally:
        line.stop()
    return Answer(heard[0].outcome, heard[0].detail)
