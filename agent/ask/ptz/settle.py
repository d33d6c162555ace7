"""Child only: a head brought to a stop, and the ptz faults that show on the way."""

import time
from collections.abc import Callable

from agent.ask.attempt import Trouble
from agent.ask.ptz.commands import TIMEOUT_S, Steering
from agent.ask.ptz.sweep_geometry import STILL
from agent.ask.ptz.viewfinder import Eye, Glance

SETTLE_S = 5.0
RUNS_ON_S = 1.5
"""A view that still moves so long after Stop was answered: no delay of a picture explains that."""


class Faults(set[str]):
    """The ptz faults seen (云台失控): "drifts", "ignores", "runs_on"."""


def settle(eye: Eye, head: Steering, faults: Faults) -> Glance:
    """Stop, and watch until the view stands; a head that runs on after Stop is noted and waited for."""
    quietly(head.halt)  # the timeout of the turn ends it, if nothing else does
    stopped_s = time.monotonic()
    before, quiet = eye.look(), 0
    while quiet < 2 and time.monotonic() < stopped_s + SETTLE_S + TIMEOUT_S:
        now = eye.look()
        found = eye.overlay.match(before.view, now.view)
        quiet = quiet + 1 if found is None or found.moved <= STILL else 0
        if not quiet and now.at_s > stopped_s + RUNS_ON_S and "runs_on" not in faults:
            faults.add("runs_on")
            quietly(head.zero)
        before = now
    return before


def quietly(command: Callable[[], None]) -> None:
    """Carry out a command whose failure is made up for elsewhere."""
    try:
        command()
    except Trouble:
        return
