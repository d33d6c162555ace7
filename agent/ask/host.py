"""The box itself as its kernel tells it: the one file that imports psutil.

Cameras, the broker and what a figure means must not be known here.
"""

from pathlib import Path

import psutil

from contract.messages import HostHealth


def health(state_dir: Path) -> HostHealth:
    """CPU since the last call, memory, the disk that holds `state_dir`, the hottest sensor."""
    return HostHealth(
        cpu_ratio=round(psutil.cpu_percent() / 100, 3),
        memory_ratio=round(psutil.virtual_memory().percent / 100, 3),
        disk_ratio=round(psutil.disk_usage(str(state_dir)).percent / 100, 3),
        temperature_c=_temperature_c(),
    )


def _temperature_c() -> float | None:
    try:
        readings = [one.current for sensors in psutil.sensors_temperatures().values() for one in sensors]
    except (OSError, AttributeError):
        return None
    return max(readings, default=None)
