"""The harness itself: what was lost cannot hide, and a box that is dead has proved nothing."""

from pathlib import Path
from typing import Any

import pytest

from scripts.stage import Failed
from tests.chaos import power, trials
from tests.chaos.evidence import Logged, missing
from tests.chaos.site import Site
from tests.support.root import root


def told(slot: str, before: str, to: str) -> dict[str, Any]:
    return {"kind": "transition", "slot": slot, "from": before, "to": to}


def test_each_change_needs_its_own_event() -> None:
    """One event stands for one change; what a renewed session states elsewhere stands for none."""
    logged = [Logged("a", "online", ("s", 1)), Logged("a", "offline", ("s", 2)), Logged("a", "online", ("s", 3))]
    held = {("s", 1): told("a", "unknown", "online"), ("t", 1): told("a", "unknown", "online")}
    assert missing(logged, held) == logged[1:]
    held[("s", 2)] = told("a", "online", "offline")
    held[("s", 3)] = told("a", "offline", "online")
    assert missing(logged, held) == []


@pytest.mark.parametrize("event", [told("b", "unknown", "online"), told("a", "unknown", "offline"), {"kind": "fault"}])
def test_an_event_that_says_something_else_is_no_proof(event: dict[str, Any]) -> None:
    """Under a seq that means another slot, another state or no change, the logged one is missing."""
    logged = [Logged("a", "online", ("s", 1))]
    assert missing(logged, {("s", 1): event}) == logged


@root
def test_a_dead_agent_has_lost_nothing_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power cuts of an agent that died before the first are no result."""
    plain = trials.started

    def started(site: Site) -> None:
        plain(site)
        site.kill("agent")

    monkeypatch.setattr(trials, "started", started)
    with pytest.raises(Failed, match="the agent ended by itself"):
        power.cuts(tmp_path, 3, seed=7)
