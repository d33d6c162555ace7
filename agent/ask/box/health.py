"""The box itself as its kernel tells it: /proc and /sys, read here and parsed apart.

Cameras, the broker and what a figure means must not be known here.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from contract.messages import HostHealth

PROC, SENSORS = Path("/proc"), Path("/sys/class")
_IDLE = slice(3, 5)
"""Idle, and waiting for a disk: two of user, nice, system, idle, iowait, irq, softirq, steal (proc(5))."""
_before: tuple[int, ...] = (0,) * 8
"""What the processors had done by the last call, in ticks since the boot."""


def health(state_dir: Path) -> HostHealth:
    """CPU since the last call (the first: since the boot), memory, the disk that holds `state_dir`, the hottest sensor.

    Raises OSError, ValueError.
    """
    global _before
    now = processor_ticks((PROC / "stat").read_text("ascii"))
    before, _before = _before, now
    return HostHealth(
        cpu_ratio=round(busy_ratio(before, now), 3),
        memory_ratio=round(memory_ratio((PROC / "meminfo").read_text("ascii")), 3),
        disk_ratio=_disk_ratio(state_dir),
        temperature_c=_temperature_c(),
    )


def processor_ticks(stat: str) -> tuple[int, ...]:
    """The first eight figures of all processors together, of the text of /proc/stat. Raises ValueError."""
    words = stat.partition("\n")[0].split()
    if words[:1] != ["cpu"] or len(words) < 9:
        raise ValueError("no line of all processors")
    return tuple(map(int, words[1:9]))


def busy_ratio(before: Sequence[int], now: Sequence[int]) -> float:
    """0..1; a figure that went back, as the kernel's own do at times, counts as unchanged."""
    spent = [max(0, late - early) for early, late in zip(before, now, strict=True)]
    return 1 - sum(spent[_IDLE]) / sum(spent) if any(spent) else 0.0


def memory_ratio(meminfo: str) -> float:
    """What is not available, 0..1, of the text of /proc/meminfo. Raises ValueError."""
    said = {words[0]: int(words[1]) for words in map(str.split, meminfo.splitlines()) if words[1:]}
    total, available = said.get("MemTotal:", 0), said.get("MemAvailable:")
    if total <= 0 or available is None:
        raise ValueError("no MemTotal or no MemAvailable")
    return 1 - min(available, total) / total


def _disk_ratio(folder: Path) -> float:
    """Of the disk that `folder` is on; of the one that it would be on where it is gone.

    Of what a user may fill: what is kept for root counts as used up.
    """
    for place in (folder.absolute(), *folder.absolute().parents):
        with contextlib.suppress(OSError):
            disk = os.statvfs(place)
            used = disk.f_blocks - disk.f_bfree
            return round(used / ((used + disk.f_bavail) or 1), 3)
    return 1.0


def _temperature_c() -> float | None:
    """Of the chips that measure it; where there are none, of the kernel's thermal zones."""
    for places in ("hwmon/hwmon*/temp*_input", "hwmon/hwmon*/device/temp*_input", "thermal/thermal_zone*/temp"):
        found = []
        for file in SENSORS.glob(places):
            with contextlib.suppress(OSError, ValueError):  # a sensor that sleeps or is broken says so when read
                found.append(int(file.read_text("ascii")) / 1000)
        if found:
            return max(found)
    return None
