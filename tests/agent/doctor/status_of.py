"""A status as a running agent writes it."""

from typing import Any

import msgspec

from agent import __version__
from agent.ask.attempt import boot_ms
from agent.ask.box import clocks
from agent.status import DiscoveryStatus, JournalStatus, Status, UplinkStatus
from contract.messages import ClockHealth


def status(**more: Any) -> Status:
    made = Status(
        pid=1,
        version=__version__,
        city="4101",
        gateway="box-0001",
        session="s1",
        policy="henan-2021-45",
        boot=clocks.boot_id(),
        started_ms=clocks.utc_ms(),
        at_ms=clocks.utc_ms(),
        at_boot_ms=boot_ms(),
        clock=ClockHealth(synced=True),
        host=None,
        uplink=UplinkStatus(connected=True, detail="connected to x:1", pending=0),
        journal=JournalStatus(durable=True),
        discovery=DiscoveryStatus(),
        cameras=(),
    )
    return msgspec.structs.replace(made, **more)
