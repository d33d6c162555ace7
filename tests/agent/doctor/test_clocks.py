"""The box's clock: the kernel, who sets it, and what was certain before."""

from pathlib import Path

import msgspec
import pytest

from agent.ask.attempt import boot_ms
from agent.ask.box.clocks import boot_id, clock, utc_ms
from agent.decide.clock import Floor
from agent.doctor import clocks
from agent.doctor.rows import Result, Row
from contract.messages import ClockHealth
from contract.vocabulary import ClockDoubt
from tests.agent.doctor.box import told
from tests.agent.doctor.status_of import status

HOUR_MS = 3_600_000


def rows(folder: Path, **more: object) -> dict[str, Row]:
    now = status(**more) if more else None
    return {row.what.en: row for row in told(lambda tell: clocks.look(folder, now, tell))}


def test_the_kernels_word(tmp_path: Path) -> None:
    """As adjtimex tells it on this very machine."""
    expected = Result.FINE if clock().synced else Result.WRONG
    assert rows(tmp_path)["kernel"].result is expected


@pytest.mark.parametrize(
    ("services", "answered_s", "synced", "result"),
    [
        ([], None, False, Result.WRONG),
        ([], None, True, Result.WARNING),
        (["systemd-timesyncd"], None, False, Result.WRONG),
        (["systemd-timesyncd"], 30.0, True, Result.FINE),
        (["systemd-timesyncd"], 90_000.0, True, Result.WARNING),
        (["chronyd"], None, True, Result.FINE),
        (["chronyd"], None, False, Result.WRONG),
    ],
)
def test_who_sets_the_clock(services: list[str], answered_s: float | None, synced: bool, result: Result) -> None:
    """A second source beside the kernel: a service that runs and has been answered."""
    assert clocks.served(services, answered_s, synced=synced).result is result


def test_services_are_known_by_their_names(tmp_path: Path) -> None:
    """Of the processes of a box."""
    for pid, name in ((1, "systemd"), (20, "systemd-timesyn"), (21, "chronyd"), (22, "chronyd-not")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "comm").write_text(f"{name}\n")
    assert clocks.running_services(tmp_path) == ["chronyd", "systemd-timesyncd"]


def test_a_time_before_a_certain_one_is_wrong(tmp_path: Path) -> None:
    """What an earlier run was certain of lies ahead of what the clock says."""
    assert rows(tmp_path)["time"].result is Result.FINE
    floor = Floor(boot=boot_id(), at=boot_ms(), utc_ms=utc_ms() + HOUR_MS)
    (tmp_path / "clock.json").write_bytes(msgspec.json.encode(floor))
    assert rows(tmp_path)["time"].result is Result.WRONG


def test_the_agents_doubt_counts(tmp_path: Path) -> None:
    """It has the center's clock as a witness."""
    doubted = rows(tmp_path, clock=ClockHealth(synced=True, untrusted=ClockDoubt.AHEAD))["time"]
    assert (doubted.result, "absurdly far ahead" in doubted.said.en) == (Result.WRONG, True)
    moved = rows(tmp_path, at_ms=utc_ms() + HOUR_MS)["time"]
    assert moved.result is Result.WARNING
