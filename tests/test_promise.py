"""docs/promise.md in small: each fault a few times, done to a whole canteen. `scripts/chaos` does them at length."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.measure import Figure
from tests.chaos import clock, disk, kill, power, stop, uplink

needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.skipif(not shutil.which("mkfs.ext4"), reason="needs mkfs.ext4 (e2fsprogs)"),
]


def assert_met(figures: Sequence[Figure]) -> None:
    missed = [
        f"{one.name} {one.what}: {one.value:g} {one.unit}, goal {one.goal} {one.note}" for one in figures if one.missed
    ]
    assert figures
    assert not missed, "\n".join(missed)


def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Agent, broker and center killed at random: what was recorded arrives once, and no claim contradicts the truth."""
    assert_met(kill.campaign(tmp_path, 7, persistence=False, seed=7))


def test_who_stood_still_claims_nothing_of_that_time(tmp_path: Path) -> None:
    """A suspended agent does not claim to have watched, and a suspended broker or center costs nothing."""
    assert_met(stop.trial(tmp_path, rounds=1, long_s=6, seed=7))


def test_a_dead_uplink_is_noticed_and_left(tmp_path: Path) -> None:
    """A half-open uplink is noticed within 1.5 keepalives + 5 s; the box is back within 10 s of its return."""
    assert_met(uplink.outages(tmp_path, (8.0,), keepalive_s=5, seed=7))


@pytest.mark.parametrize("series", [pytest.param(name, marks=needs_root) for name in ("full", "read_only")])
def test_a_sick_disk_is_survived_told_and_recovered_from(tmp_path: Path, series: str) -> None:
    """With a full or read-only disk the agent lives, tells the center, and is durable again when the cause ends."""
    assert_met(getattr(disk, series)(tmp_path, 1, seed=7))


def test_a_corrupt_journal_is_set_aside_and_told(tmp_path: Path) -> None:
    """A journal full of random bytes costs what was in it, is told, and is followed by a new one."""
    assert_met(disk.corrupt(tmp_path, 1, seed=7))


@pytest.mark.parametrize("count", [pytest.param(3, marks=needs_root)])
def test_a_power_cut_loses_nothing_recorded(tmp_path: Path, count: int) -> None:
    """What the agent has recorded is in the file system as a power cut leaves it."""
    assert_met(power.cuts(tmp_path, count, seed=7))


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc for the preloaded clock")
def test_a_wrong_clock_dates_nothing_wrongly(tmp_path: Path) -> None:
    """A start in 1970 and leaps of ten years crash nothing, count no time twice, and are told."""
    assert_met(clock.trial(tmp_path, stay_s=3.0, rounds=1, seed=7))
