"""Child only: a head brought to a stop, and the ptz faults that show on the way."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from agent.ask.attempt import Trouble
from agent.ask.ptz.commands import TIMEOUT_S, PtzClient
from agent.ask.ptz.registration import Match
from agent.ask.ptz.sweep_geometry import STILL
from agent.ask.ptz.viewfinder import TimedFrame, Viewfinder

SETTLE_S = 5.0
RUNS_ON_S = 1.5
"""A view that still moves so long after Stop was answered: no delay of a picture explains that."""


STEPS, STRAIGHT = 3, 0.8
"""So many steps one after the other, each seen in the whole view; their sum is so much of their length."""


class Faults(set[str]):
    """The ptz faults seen (云台失控): "drifts", "ignores", "runs_on"."""


def settle(finder: Viewfinder, ptz: PtzClient, faults: Faults) -> TimedFrame:
    """Stop, and watch until the view stands; a head that runs on after Stop is noted and waited for."""
    quietly(ptz.stop)  # the timeout of the turn ends it, if nothing else does
    stopped_s, steps = time.monotonic(), list[Match | None]()
    before, quiet = finder.look(), 0
    while quiet < 2 and time.monotonic() < stopped_s + SETTLE_S + TIMEOUT_S:
        now = finder.look()
        found = finder.overlay.match(before.view, now.view)
        quiet = quiet + 1 if found is None or found.shifted <= STILL else 0
        steps.append(found)
        if now.at_s > stopped_s + RUNS_ON_S and "runs_on" not in faults and steadily(steps):
            faults.add("runs_on")
            quietly(ptz.zero_velocity)
        before = now
    return before


def steadily(steps: Sequence[Match | None]) -> bool:
    """Whether the last STEPS pairs of pictures show the whole view moving on one way, as only a head moves it.

    Somebody near, steam or noise moves a part of it, or to and fro; before a plain wall little is seen at all.
    """
    last = [step for step in steps[-STEPS:] if step and step.shifted > STILL and step.whole]
    if len(last) < STEPS:
        return False
    ways = np.array([step.moves.mean(axis=0) for step in last])
    return bool(np.hypot(*ways.sum(axis=0)) > STRAIGHT * np.hypot(*ways.T).sum())


def quietly(command: Callable[[], None]) -> None:
    """Carry out a command whose failure is made up for elsewhere."""
    try:
        command()
    except Trouble:
        return
