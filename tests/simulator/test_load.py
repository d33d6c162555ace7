"""What many cameras cost."""

import resource
import time

from simulator.canteen import CameraSpec, Canteen
from simulator.persona import personas
from tests.simulator.speak import ask


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def specs(count: int) -> list[CameraSpec]:
    names = list(personas())
    return [CameraSpec(slot=f"s{i}", persona=names[i % len(names)]) for i in range(count)]


def test_sixty_four_cameras_stand_up_quickly() -> None:
    """64 cameras answer, each at an address of its own, and cost less than a second of CPU to start."""
    before = cpu_s()
    with Canteen(specs(64)) as canteen:
        assert cpu_s() - before < 1.0
        assert len({unit.address for unit in canteen.cameras}) == 64
        for unit in canteen.cameras[::9]:
            assert ask(unit, "GetScopes").status in {200, 400, 401, 500}


def test_idle_cameras_cost_next_to_nothing() -> None:
    """16 cameras nobody asks take less than 5 % of a core."""
    with Canteen(specs(16)):
        before, began = cpu_s(), time.monotonic()
        time.sleep(1.0)
        assert (cpu_s() - before) / (time.monotonic() - began) < 0.05
