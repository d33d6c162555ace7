"""An upgrade: what is judged, what stands on the disk after a cut, and real agents in each other's place."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.upgrade import REFUSED, Before, Judge, Place, Words, complaints
from tests.agent.test_daemon import config
from tests.support.manager import Manager, installed
from tests.support.waiting import PATIENCE_S, until

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "scripts" / "upgrade.py"

# ---- what is judged -----------------------------------------------------------------------------

WELL = {
    "uplink": {"connected": True, "detail": "connected to x:1"},
    "cameras": [
        {"slot": "cook-1", "availability": "online", "reason": None},
        {"slot": "wash-1", "availability": "offline", "reason": "UNREACHABLE"},
    ],
}
CUT = WELL | {"uplink": {"connected": False, "detail": "tls_ca: another authority"}}
LESS = WELL | {"cameras": [{"slot": "cook-1", "availability": "unknown", "reason": "TIMED_OUT"}]}


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (Before(["cook-1"], connected=True), WELL, ""),
        (Before([], connected=False), CUT, ""),
        (Before([], connected=True), CUT, "the broker was reached before, and is not now: tls_ca: another authority"),
        (Before(["cook-1", "gone"], connected=True), LESS, "online before, and not now: cook-1 (TIMED_OUT), gone"),
        (Before([], connected=False), None, "it does not run as it should: why"),
    ],
)
def test_what_was_before_is_what_is_asked_for(before: Before, now: dict[str, Any] | None, said: str) -> None:
    """Cameras that were online and a broker that was reached; what was not so before is nobody's fault."""
    found = complaints(before, now, "why")
    assert (found.en if found else "") == said


BAD = Words("bad", "坏")


@pytest.mark.parametrize(
    ("looks", "verdicts"),
    [
        ([(5, BAD), (9, None), (10, None)], [None, None, "keep"]),
        ([(5, BAD), (10, BAD)], [None, "back"]),  # never as good
        ([(5, None), (10, BAD), (15, None)], [None, None, "keep"]),  # it was: a cable, maybe
        ([(5, None), (10, BAD), (20, BAD)], [None, None, "back"]),
    ],
)
def test_what_counts_is_the_end_of_the_trial(looks: list[Any], verdicts: list[str | None]) -> None:
    """One that was as good in between, and is not at the end, gets the same time once more; no other does."""
    judge = Judge(10)
    assert [judge.ask(*look) for look in looks] == verdicts


# ---- on the disk --------------------------------------------------------------------------------


class Box:
    """/opt/canteen-agent, the unit's folder, and what runs the agent; every program in it is a real one."""

    def __init__(self, folder: Path) -> None:
        self.opt, self.units = folder / "opt", folder / "units"
        for made in (self.opt, self.units, folder / "state", folder / "manager"):
            made.mkdir()
        shutil.copy(PROGRAM, self.opt / "upgrade")
        self.config = config(folder / "state")
        command = [str(self.opt / "current/bin/canteen-agent"), "run", "--config", str(self.config)]
        self._tools = installed(folder / "manager", command)
        self.environment = os.environ | {"PATH": f"{self._tools}:{os.environ['PATH']}"}
        self.log, self.place = folder / "manager" / "log", Place(self.opt, self.units)

    @property
    def manager(self) -> Manager:
        return Manager(self._tools.parent)

    def version(self, name: str, number: str, *, works: bool = True) -> str:
        """A folder as scripts/install makes it, with this checkout as its program; or one that ends at once."""
        folder = self.opt / name
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "outside.pth").write_text(f"{ROOT}\n" + "\n".join(one for one in sys.path if "site-packages" in one))
        (site / f"canteen_agent-{number}.dist-info").mkdir()
        program = folder / "bin" / "canteen-agent"
        act = "sys.exit(main())" if works else "sys.exit('a bug')"
        program.write_text(f"#!{folder}/bin/python -I\nimport sys\nfrom agent.cli import main\n{act}\n")
        program.chmod(0o755)
        return self.bare(name)

    def bare(self, name: str) -> str:
        """A folder that is complete, whatever is in it."""
        (self.opt / name).mkdir(exist_ok=True)
        (self.opt / name / "canteen-agent.service").write_text(f"# {name}\n")
        (self.opt / name / ".complete").touch()
        return name

    def command(self, *words: str) -> list[str]:
        return [
            sys.executable,
            "-I",
            str(self.opt / "upgrade"),
            "--config",
            str(self.config),
            "--units",
            str(self.units),
            *words,
        ]

    def upgrade(self, *words: str) -> tuple[int, str]:
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False, env=self.environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        file = self.config.parent / "status.json"
        found: dict[str, Any] = json.loads(file.read_bytes()) if file.exists() else {}
        return found if found.get("pid") == self.manager.pid else {}

    def runs(self) -> str:
        """The version that stands there, and its unit; both whole."""
        name = self.place.current()
        assert self.place.whole(name)
        assert (self.units / "canteen-agent.service").read_text().startswith("# venv-")
        return name


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.manager.stop()


def test_a_cut_at_any_moment_leaves_one_of_the_two(box: Box) -> None:
    """kill -9 in an upgrade: a whole version stands there with a unit, and `watch` brings it to an end."""
    box.bare("venv-a")
    assert box.upgrade("to", f"{box.opt}/venv-a")[0] == 0
    record = {"from": "venv-a", "to": "venv-b", "from_version": "1", "to_version": "2", "at_s": 1, "trial_s": 1}
    record |= {"before": {"online": [], "connected": False}, "boots": [], "refused": {}}
    seed = random.Random(1)
    for _ in range(12):
        box.bare("venv-b")
        box.place.write({"state": "trial", **record})
        going = subprocess.Popen(box.command("watch"), stdout=subprocess.DEVNULL, env=box.environment)
        time.sleep(seed.uniform(0.02, 0.5))
        going.kill()
        going.wait()
        assert box.runs() in ("venv-a", "venv-b")
    box.bare("venv-b")
    box.place.write({"state": "trial", **record})
    assert box.upgrade("watch")[0] == 0  # nothing runs here: no process, so it goes back
    assert (box.runs(), (box.opt / "venv-b").exists()) == ("venv-a", False)
    assert box.place.record()["state"] == "rolled_back"
    box.bare("venv-b")
    box.place.set_current("venv-b")  # cut after the verdict, before its act
    assert box.upgrade("watch")[0] == 0
    assert box.runs() == "venv-a"


def test_a_box_that_starts_again_and_again_takes_the_version_before_back(box: Box) -> None:
    """A version on trial whose box never runs to the verdict is judged by that."""
    box.bare("venv-a")
    box.upgrade("to", f"{box.opt}/venv-a")
    box.bare("venv-b")
    record = {"from": "venv-a", "to": "venv-b", "from_version": "1", "to_version": "2", "at_s": 1, "trial_s": 900}
    record |= {"before": {"online": [], "connected": False}, "boots": ["x", "y", "z"], "refused": {}}
    box.place.write({"state": "trial", **record})
    assert "started 4 times" in box.upgrade("watch")[1]
    assert box.runs() == "venv-a"


def test_a_record_that_cannot_be_read_stops_nothing(box: Box) -> None:
    """Half a file, another program's: there is no trial, and the next upgrade goes on."""
    for text in ("", "{", "[]", '{"state": "trial"}'):
        box.place.record_file.write_text(text)
        assert box.upgrade("watch") == (0, "")
    name = box.bare("venv-a")
    assert box.upgrade("to", f"{box.opt}/{name}")[0] == 0
    assert box.upgrade("to", "/elsewhere/venv-a")[0] == 2


# ---- real agents --------------------------------------------------------------------------------


def test_a_version_that_does_not_start_is_rolled_back_and_not_tried_again(box: Box) -> None:
    """The version before runs again and says why; the bad one is refused until a person allows it.

    A good one stays, and only then the version before leaves the disk.
    """
    box.version("venv-a", "1.0")
    assert box.upgrade("to", f"{box.opt}/venv-a")[0] == 0
    box.manager.start()
    until(box.status, "a status")

    box.version("venv-b", "1.1", works=False)
    code, said = box.upgrade("to", f"{box.opt}/venv-b", "--trial", "6")
    assert (code, box.runs()) == (0, "venv-b")
    assert "1.1 is on trial for 0.1 minutes" in said
    assert box.upgrade("watch")[0] == 0
    assert (box.runs(), (box.opt / "venv-b").exists()) == ("venv-a", False)
    until(box.status, "the version before")
    told = box.status()["upgrade"]
    assert (told["state"], told["before"], told["to"]) == ("rolled_back", "1.0", "1.1")
    assert told["en"].startswith("it ")  # ended 3 times or, on a slow machine, does not run as it should
    assert f"version 1.1 was rolled back to 1.0: {told['en']}" in box.log.read_text()

    box.version("venv-b", "1.1")
    code, said = box.upgrade("to", f"{box.opt}/venv-b")
    assert (code, box.runs()) == (REFUSED, "venv-a")
    assert "1.1 was rolled back" in said
    assert box.upgrade("forget")[0] == 0

    code, said = box.upgrade("to", f"{box.opt}/venv-b", "--trial", "10")
    assert code == 0
    until(box.status, "the new version", patience_s=PATIENCE_S)
    assert box.status()["upgrade"]["state"] == "trial"
    assert box.upgrade("watch")[0] == 0
    assert (box.runs(), (box.opt / "venv-a").exists()) == ("venv-b", False)
    assert box.place.record()["state"] == "kept"
