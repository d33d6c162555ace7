"""The box's own figures, beside psutil's, which reads the same files."""

from pathlib import Path

import psutil
import pytest

from agent.ask.box import health

STAT = "cpu  {} 10 20 {} {} 0 5 0 77 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 1\n"


def test_the_figures_are_those_of_psutil(tmp_path: Path) -> None:
    """Memory and disk as psutil tells them of this very machine, within what changes meanwhile."""
    found = health.health(tmp_path)
    assert found.memory_ratio == pytest.approx(psutil.virtual_memory().percent / 100, abs=0.05)
    assert found.disk_ratio == pytest.approx(psutil.disk_usage(str(tmp_path)).percent / 100, abs=0.02)
    assert 0 <= found.cpu_ratio <= 1


def test_idle_time_and_waiting_for_a_disk_are_not_work() -> None:
    """The guests' time, which user time holds already, is not counted twice."""
    before, now = (health.processor_ticks(STAT.format(*one)) for one in ((100, 500, 100), (130, 560, 110)))
    assert health.busy_ratio(before, now) == pytest.approx(0.3)


def test_a_figure_that_goes_back_is_no_negative_time() -> None:
    """The kernel's waiting time is known to fall; nothing at all happened between two equal readings."""
    before, now = (health.processor_ticks(STAT.format(*one)) for one in ((100, 500, 100), (110, 510, 40)))
    assert health.busy_ratio(before, now) == pytest.approx(0.5)
    assert health.busy_ratio(now, now) == 0


@pytest.mark.parametrize("text", ["", "cpu 1 2 3\n", "cpu a b c d e f g h\n", "intr 1\n"])
def test_what_is_no_line_of_processors_is_an_error(text: str) -> None:
    """It is not taken for an idle box."""
    with pytest.raises(ValueError, match=r"processors|invalid literal"):
        health.processor_ticks(text)


@pytest.mark.parametrize("text", ["", "MemTotal: 100 kB\n", "MemTotal: 0 kB\nMemAvailable: 0 kB\n", "MemTotal: x kB\n"])
def test_memory_that_is_not_told_is_an_error(text: str) -> None:
    """It is not taken for an empty box."""
    with pytest.raises(ValueError, match=r"MemTotal|invalid literal"):
        health.memory_ratio(text)


def test_the_disk_of_a_folder_that_is_gone_is_the_one_above(tmp_path: Path) -> None:
    """A state folder may be taken away while the agent runs."""
    assert health.health(tmp_path / "gone" / "too").disk_ratio == pytest.approx(
        health.health(tmp_path).disk_ratio, abs=0.02
    )


@pytest.mark.parametrize(
    ("files", "hottest"),
    [
        ({}, None),
        ({"hwmon/hwmon0/temp1_input": "41500", "hwmon/hwmon1/temp2_input": "63000\n"}, 63.0),
        ({"hwmon/hwmon0/temp1_input": "hot", "hwmon/hwmon0/temp2_input": "39000"}, 39.0),
        ({"hwmon/hwmon0/device/temp1_input": "28000"}, 28.0),
        ({"thermal/thermal_zone0/temp": "52000"}, 52.0),
        ({"hwmon/hwmon0/temp1_input": "41500", "thermal/thermal_zone0/temp": "52000"}, 41.5),
    ],
)
def test_the_hottest_sensor(
    files: dict[str, str], hottest: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the chips; where none can be read, of the thermal zones; None where there are neither."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(health, "SENSORS", tmp_path)
    assert health.health(tmp_path).temperature_c == hottest
