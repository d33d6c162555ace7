"""The end of the daemon as a process: quick, and with a goodbye, whoever hangs."""

import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from center.store import Store
from scripts.stage import GATEWAY, Canteen
from tests.preload import needs_gcc, preload
from tests.support.waiting import PATIENCE_S, until

LONGEST_S = 15.0
"""Then systemd kills it (TimeoutStopSec)."""


def stopped(agent: subprocess.Popen[bytes]) -> float:
    """Seconds from SIGTERM to the end; it ended well."""
    began = time.monotonic()
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(timeout=PATIENCE_S) == 0
    took_s = time.monotonic() - began
    print(f"stopped in {took_s:.1f} s")
    return took_s


def states(kitchen: Canteen) -> list[str]:
    return [one["availability"] for one in kitchen.status()["cameras"]]


def test_sixteen_hung_cameras_delay_no_goodbye(tmp_path: Path) -> None:
    """With every look in flight and nothing answered it ends before systemd kills it, and the center was told."""
    cast = [(f"slot-{i:02d}", "kitchen", "dahua-bullet") for i in range(16)]
    with ExitStack() as stack:
        kitchen = Canteen(tmp_path, cast, accepted_after_s=0, look_s=16, deadline_s=15, heartbeat_s=2)
        agent = kitchen.start(stack)["agent"]
        until(lambda: states(kitchen) == ["online"] * 16)
        for slot, _, _ in cast:
            kitchen.fault(slot, "hang")
        time.sleep(17)  # each camera is looked at within its interval, for as long as the deadline allows
        assert stopped(agent) < LONGEST_S
        store = Store(str(kitchen.database), create=False)
        with store.read() as reader:
            assert reader.sessions([GATEWAY])[GATEWAY][1] is True  # it said goodbye
        store.close()


def test_a_broker_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    """Connected to a broker that has fallen silent, with events to send, systemd need not kill it all the same."""
    with ExitStack() as stack:
        kitchen = Canteen(tmp_path, [("one", "kitchen", "dahua-bullet")], accepted_after_s=0, look_s=1, deadline_s=0.9)
        running = kitchen.start(stack)
        until(lambda: states(kitchen) == ["online"])
        running["broker"].send_signal(signal.SIGSTOP)
        try:
            kitchen.fault("one", "off")
            until(lambda: states(kitchen) == ["offline"])
            assert stopped(running["agent"]) < LONGEST_S
        finally:
            running["broker"].send_signal(signal.SIGCONT)


@needs_gcc
def test_a_resolver_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    """With every look and the line's own thread stuck in the system, it ends before systemd kills it."""
    hang = tmp_path / "hang"
    with ExitStack() as stack:
        kitchen = Canteen(tmp_path, [("one", "kitchen", "dahua-bullet")], accepted_after_s=0, look_s=1, deadline_s=0.9)
        running = kitchen.start(stack, before_agent=preload(tmp_path, "hang_shim.c", HANG_FILE=hang))
        until(lambda: states(kitchen) == ["online"])
        hang.touch()
        kitchen.end(running["broker"])
        until(lambda: kitchen.status()["cameras"][0]["stuck"])
        until(lambda: not kitchen.status()["uplink"]["connected"])
        time.sleep(2)  # paho waits a second, then asks the resolver
        assert stopped(running["agent"]) < LONGEST_S
