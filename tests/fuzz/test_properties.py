"""Every parser of ours on input nearly right and input that is not; scripts/fuzz tries the same a million times.

HYPOTHESIS_PROFILE=fuzz makes 10,000 examples of each instead of 300.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

settings.register_profile("suite", max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("fuzz", settings.get_profile("suite"), max_examples=10_000)
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
ROOT = Path(__file__).parents[2]


@st.composite
def changed(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """A seed of which some pieces are cut out, replaced by others, doubled, or taken from another seed."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.integers(0, min(40, len(data) - at)))
        other = draw(st.sampled_from(seeds))
        new = draw(st.one_of(st.binary(max_size=12), st.just(data[at : at + gone] * 3), st.just(other[at : at + 30])))
        data = data[:at] + new + data[at + gone :]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_yields_a_value_or_its_own_exception(name: str) -> None:
    """Whatever the bytes, nothing leaves a parser but what it documents, and what it returns is fit to be shown."""
    target = TARGETS[name]
    seeds = list(target.seeds())

    @settings(PROFILE)
    @given(st.one_of(changed(seeds), st.binary(max_size=200)))
    def holds(data: bytes) -> None:
        target.run(data[: target.max_bytes])

    holds()


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_understood(name: str) -> None:
    """The inputs that fuzzing begins with pass as they are."""
    for seed in TARGETS[name].seeds():
        TARGETS[name].run(seed)


PLANTED = """
import sys
from tests.fuzz import one, targets
targets.TARGETS["sdp"] = targets.TARGETS["sdp"]._replace(run=lambda data: 1 / (len(data) % 7))
sys.argv = ["one", "sdp", "--runs=50000", "--seconds=30", "--mutate"]
one.main()
"""


def test_a_finding_is_reported_with_its_input() -> None:
    """An exception that a parser does not document ends the run with 1, its traceback and the input in a file."""
    done = subprocess.run([sys.executable, "-c", PLANTED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    kept = Path(done.stderr.rpartition("Test unit written to ")[2].strip())
    assert len(kept.read_bytes()) % 7 == 0
    kept.unlink()


def test_runs_are_counted_and_an_unknown_target_is_named() -> None:
    """Without a finding it ends with 0 and a line per target; a target that is not there ends it with 2."""
    command = [sys.executable, "-m", "tests.fuzz"]
    done = subprocess.run([*command, "sdp", "--runs=300"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| sdp | 300 |" in done.stdout
    done = subprocess.run([*command, "sdq"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such target: sdq" in done.stderr
