"""docs/promise.md in small: some of the faults, a few times, done to a whole canteen. `scripts/chaos` does them all."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.measure import Figure
from tests.chaos import kill, power, stop, uplink

BUSY = 4
"""So much slower than its goal may a time be here: the suite runs four tests at once, on whatever machine there is."""


def assert_met(figures: Sequence[Figure]) -> None:
    missed = [
        f"{one.name} {one.what}: {one.value:g} {one.unit}, goal {one.goal} {one.note}"
        for one in figures
        if one.goal is not None and one.value > one.goal * (BUSY if one.unit == "s" else 1)
    ]
    assert figures
    assert not missed, "\n".join(missed)


def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Agent, broker and center killed at random: what was recorded arrives once, and no claim contradicts the truth."""
    assert_met(kill.campaign(tmp_path, 7, persistence=False, seed=7))


def test_who_stood_still_claims_nothing_of_that_time(tmp_path: Path) -> None:
    """A suspended agent does not claim to have watched meanwhile."""
    assert_met(stop.trial(tmp_path, ["agent"], long_s=16, seed=7))


def test_a_dead_uplink_is_noticed_and_left(tmp_path: Path) -> None:
    """A half-open uplink is given up, and nothing is lost in it."""
    assert_met(uplink.outages(tmp_path, (8.0,), keepalive_s=5, seed=7))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.skipif(not shutil.which("mkfs.ext4"), reason="needs mkfs.ext4 (e2fsprogs)")
def test_a_power_cut_loses_nothing_recorded(tmp_path: Path) -> None:
    """What the agent has recorded is in the file system as a power cut leaves it."""
    assert_met(power.cuts(tmp_path, 3, seed=7))
