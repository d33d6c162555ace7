"""A doctor beside a running agent: it is left alone, and asked for what it knows."""

import json
import os
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from agent.cli import main
from agent.doctor import running, session
from agent.doctor.rows import Area, Result
from agent.doctor.running import Running
from agent.state_lock import StateLock
from agent.status import UplinkStatus
from contract.problems import Words
from scripts.stage import Canteen
from tests.agent.doctor.box import box, found
from tests.agent.doctor.status_of import status
from tests.support.waiting import until


def test_the_running_agent_is_not_thrown_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its line stands as before, and the broker saw no second session of its account; it is asked what it knows."""
    with ExitStack() as stack:
        canteen = Canteen(
            tmp_path, [("stove", "kitchen", "dahua-bullet")], accepted_after_s=0, look_s=2, deadline_s=1.5
        )
        canteen.start(stack)
        until(lambda: [one["availability"] for one in canteen.status()["cameras"]] == ["online"])
        until(lambda: canteen.status()["uplink"]["connected"] and not canteen.status()["uplink"]["pending"])
        log = tmp_path / "broker.log"
        before = log.read_text().count("New client connected")
        main(["doctor", "--json", "--config", str(canteen.config)])
        told = [(row["area"], row["result"], row["said"]["en"]) for row in json.loads(capsys.readouterr().out)["rows"]]
        after = log.read_text()
        assert after.count("New client connected") == before
        assert "taken over" not in after
        assert canteen.status()["uplink"]["connected"]
    assert ("broker", "fine", "it has acknowledged all events") in told
    assert next(row for row in told if row[0] == "agent")[1] == "fine"
    assert [row[1] for row in told if row[0] == "camera"] == ["fine"]


def test_one_that_runs_without_a_word_is_wrong(tmp_path: Path) -> None:
    """It holds the folder and writes no status: nobody logs in beside it."""
    config = box(tmp_path)
    lock = StateLock(tmp_path / "state")
    try:
        (agent,) = found(config, Area.AGENT)
        assert (agent.result, f"PID {os.getpid()}" in agent.said.en) == (Result.WRONG, True)
        assert any("may be running" in row.said.en for row in found(config, Area.BROKER))
    finally:
        lock.release()
    (agent,) = found(config, Area.AGENT)
    assert (agent.result, agent.said.en) == (Result.WARNING, "it does not run")


@pytest.mark.parametrize(
    ("more", "result", "words"),
    [
        ({}, Result.FINE, "runs, PID 1"),
        ({"version": "0.0.1"}, Result.WARNING, "version 0.0.1 runs"),
        ({"config": (Words("line 3", "第3行"),)}, Result.WRONG, "the last good one runs: line 3"),
        ({"started_ms": 1}, Result.WARNING, "the configuration was changed"),
    ],
)
def test_by_which_version_and_configuration(
    tmp_path: Path, more: dict[str, object], result: Result, words: str
) -> None:
    """What was installed or written after its start is not what runs."""
    config = box(tmp_path)
    os.utime(config, (time.time() - 60, time.time() - 60))
    (row,) = running.rows(Running(runs=True, pid=1, status=status(**more)), config)
    assert row.result is result
    assert words in row.said.en


@pytest.mark.parametrize(
    ("uplink", "results"),
    [
        (UplinkStatus(connected=True, detail="connected to x:1", pending=0), [Result.FINE, Result.FINE]),
        (UplinkStatus(connected=True, detail="connected to x:1", pending=9), [Result.FINE, Result.WARNING]),
        (UplinkStatus(connected=False, detail="not connected yet", pending=0), [Result.WARNING]),
        (UplinkStatus(connected=False, detail="x", pending=0, problem="tls_ca"), [Result.WRONG]),
        (UplinkStatus(connected=True, detail="x", pending=0, problem="acl"), [Result.WRONG]),
    ],
)
def test_its_line_in_its_own_words(uplink: UplinkStatus, results: list[Result]) -> None:
    """Acknowledged or not, and what fails, with the advice of `status`."""
    rows = session.told_by(uplink)
    assert [row.result for row in rows] == results
    assert all(row.todo.zh for row in rows if row.result is not Result.FINE)


def test_an_old_status_is_none(tmp_path: Path) -> None:
    """Of a run that was killed, or of another boot."""
    fresh = status()
    for change in ({"at_boot_ms": fresh.at_boot_ms - 100_000}, {"boot": "another"}):
        (tmp_path / "status.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(fresh, **change)))
        seen = running.find([tmp_path])
        assert (seen.runs, seen.status) == (False, None)
    (tmp_path / "status.json").write_bytes(msgspec.json.encode(fresh))
    assert running.find([tmp_path]).status == fresh
