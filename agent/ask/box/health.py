"""The box itself as its kernel tells it: the one file that imports psutil.

Cameras, the broker and what a figure means must not be known here.
"""

import contextlib
from pathlib import Path

import psutil

from contract.messages import HostHealth


def health(state_dir: Path) -> HostHealth:
    """CPU since the last call, memory, the disk that holds `state_dir`, the hottest sensor."""
    return HostHealth(
        cpu_ratio=round(psutil.cpu_percent() / 100, 3),
        memory_ratio=round(psutil.virtual_memory().percent / 100, 3),
        disk_ratio=_disk_ratio(state_dir),
        temperature_c=_temperature_c(),
    )


def _disk_ratio(folder: Path) -> float:
    """Of the disk that `folder` is on; of the one that it would be on where it is gone."""
    for place in (folder.absolute(), *folder.absolute().parents):
        with contextlib.suppress(OSError):
            return round(psutil.disk_usage(str(place)).percent / 100, 3)
    return 1.0


def _temperature_c() -> float | None:
    try:
        readings = [one.current for sensors in psutil.sensors_temperatures().values() for one in sensors]
    except (OSError, AttributeError):
        return None
    return max(readings, default=None)
