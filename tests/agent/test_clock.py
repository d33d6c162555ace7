"""The box's time over several runs, each a process with a clock that is set beforehand."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.clock_shim import ClockShim
from tests.preload import needs_gcc
from tests.support.waiting import PATIENCE_S

pytestmark = needs_gcc
RUN = """
import json, sys
from pathlib import Path
from agent.clock import BoxClock
anchors, faults = [], []
file, boot, *moments = sys.argv[1:]
keeper = BoxClock(Path(file), boot=boot, anchor=anchors.append, fault=faults.append)
news = [keeper.poll(), keeper.poll()]
keeper.save()
said = {"anchors": [one.source for one in anchors], "faults": faults, "news": news,
        "doubt": keeper.health.untrusted, "synced": keeper.health.synced, "utc_s": keeper.utc_ms() / 1000,
        "certain_s": keeper.certain_s(), "passed": [keeper.passed(int(moment)) for moment in moments]}
print(json.dumps(said))
"""


class Box:
    """`run(boot, moments)`: what a run of the timekeeper said; the file stays from run to run."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.file = ClockShim(folder), folder / "clock.json"

    def run(self, boot: str = "b1", *moments_ms: float) -> dict[str, Any]:
        words = [*self.clock.words, sys.executable, "-c", RUN, str(self.file), boot, *(f"{m:.0f}" for m in moments_ms)]
        done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=PATIENCE_S)
        return dict(json.loads(done.stdout))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_the_last_certain_time_outlives_a_boot(box: Box) -> None:
    """What a disciplined clock said is the floor of the next boot: a clock an hour before it is not trusted."""
    first = box.run()
    assert (first["anchors"], first["doubt"], first["news"]) == (["ntp"], "", [True, False])
    box.clock.set(-3600, synced=False)
    second = box.run("b2")
    assert (second["anchors"], second["doubt"]) == ([], "behind")
    assert second["faults"] == ["clock_untrusted: behind: before a time that was certain"]
    assert second["certain_s"] >= first["certain_s"]
    assert second["utc_s"] == pytest.approx(second["certain_s"], abs=1)


def test_an_undisciplined_clock_leaves_no_floor(box: Box) -> None:
    """A clock that nobody disciplines may be a year ahead: it dates its own run, and raises nothing for the next."""
    box.clock.set(366 * 86_400, synced=False)
    assert box.run()["anchors"] == ["system"]
    box.clock.set(0, synced=False)
    later = box.run("b2")
    assert (later["anchors"], later["faults"]) == (["system"], [])
    assert later["certain_s"] < time.time()


BY_HAND = """
import json, sys
from pathlib import Path
from agent.clock import CertainTime
since_s, *files = sys.argv[1:]
print(CertainTime(*map(Path, files), boot="b1", since_s=float(since_s), own=True)())
"""


def by_hand(box: Box, since_s: float, *files: Path) -> float:
    words = [*box.clock.words, sys.executable, "-c", BY_HAND, str(since_s), *map(str, files)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout)


def test_a_command_goes_by_the_agents_time(box: Box, tmp_path: Path) -> None:
    """Its own folder knows no time, and nobody disciplines the clock: the agent's pauses are not in its future."""
    (own := tmp_path / "own").mkdir()
    box.run()
    box.clock.set(-3600, synced=False)
    assert by_hand(box, 0, own / "clock.json", box.file) == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("ahead_s", [0, 200 * 86_400])
def test_time_goes_on_from_command_to_command(box: Box, tmp_path: Path, ahead_s: int) -> None:
    """Where no time can be read a refusal that is on record has come; what is left of its pause becomes less."""
    box.clock.set(-86_400 * 900, synced=False)
    own = tmp_path / "clock.json"
    since_s = by_hand(box, 0, own) + ahead_s
    first = by_hand(box, since_s, own)
    time.sleep(0.5)
    assert 0.5 <= by_hand(box, since_s, own) - first < 60
    assert first - since_s < 60


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'{"boot": "b1", "at": 1e99, "utc_ms": 5}', b"\0" * 40, b'{"boot": "\xff", "at": 1, "utc_ms": 5}'],
)
def test_a_broken_file_costs_only_what_was_certain(box: Box, content: bytes) -> None:
    """A file that cannot be read is replaced; time goes on from the program's own release."""
    box.file.write_bytes(content)
    assert box.run()["synced"]
    assert json.loads(box.file.read_text())["boot"] == "b1"


def test_a_moment_has_passed_only_when_that_is_certain(box: Box) -> None:
    """A disciplined clock tells what is over; one that is wrong by years, either way, lets nothing of today expire."""
    now = time.time() * 1000
    moments = (now - 60_000, now + 60_000)
    assert box.run("b1", *moments)["passed"] == [True, False]
    box.file.unlink()
    for offset_s in (10 * 366 * 86_400, -10 * 366 * 86_400):
        box.clock.set(offset_s, synced=False)
        assert box.run("b1", *moments, 1)["passed"] == [False, False, True]
