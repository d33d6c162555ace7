"""Interfaces: those that are missing, without cable, twice in one network, deaf to multicast."""

import json
import subprocess
from pathlib import Path

import msgspec
import pytest

from agent.ask.box.nics import NicAddress
from agent.doctor import nics
from agent.doctor.rows import Result, Row
from agent.settings.entries import DiscoveryEntry
from agent.status import DiscoveryStatus
from contract.vocabulary import Rung
from scripts.stage import tool
from tests.agent.doctor.box import box, told
from tests.agent.doctor.status_of import status
from tests.agent.doctor.test_cameras import BASE
from tests.support.netns import Hosts, needs_netns


def netns(test: object) -> object:
    for mark in needs_netns:
        test = mark(test)
    return test


def look(*interfaces: str, loopback: bool = True) -> list[Row]:
    return told(lambda tell: nics.look(DiscoveryEntry(interfaces=interfaces, loopback=loopback), None, tell))


def test_one_that_is_not_there() -> None:
    """Beside one that is, by its name or its address."""
    rows = {row.what.en: row.result for row in look("lo", "nosuch0")}
    assert rows == {"lo": Result.FINE, "nosuch0": Result.WRONG}


def test_two_in_one_network() -> None:
    """Two names, not two addresses of one; networks that only touch are no matter."""
    one, other = (
        NicAddress(name="eth0", address="10.0.0.1", prefix=24),
        NicAddress(name="eth1", address="10.0.0.2", prefix=25),
    )
    alias = NicAddress(name="eth0:1", address="10.0.0.3", prefix=24)
    apart = NicAddress(name="eth2", address="10.0.1.1", prefix=24)
    assert nics.twins([one, alias, apart]) == []
    (row,) = nics.twins([one, alias, other, apart])
    assert (row.what.en, row.result) == ("eth0 eth1", Result.WARNING)


@pytest.mark.parametrize(
    ("found", "level", "hinted"),
    [(0, Rung.STREAMS, True), (1, Rung.STREAMS, False), (0, Rung.UNREACHABLE, False)],
)
def test_a_switch_that_swallows_multicast(found: int, level: Rung, hinted: bool) -> None:
    """Cameras answer at their addresses and discovery finds nobody: IGMP snooping is named."""
    last = DiscoveryStatus(at_ms=1, interfaces=("eth0",), found=found)
    row = nics.unheard(status(discovery=last, cameras=(msgspec.structs.replace(BASE, level=level),)))
    assert bool(row) is hinted
    assert row is None or "IGMP" in row.todo.en


@netns
def test_real_interfaces(tmp_path: Path) -> None:
    """One with a cable, one whose other end is off, one in the same network, one told to be without multicast."""
    with Hosts("box", "lan") as hosts:
        for number, address in enumerate(("10.9.0.1/24", "10.9.1.1/24", "10.9.0.2/24")):
            hosts.cable("box", "lan", port=f"eth{number}", other_port=f"eth{number}")
            hosts.address("box", address, port=f"eth{number}")
            if number != 1:
                hosts.ip("lan", "link", "set", f"eth{number}", "up")
        hosts.ip("box", "link", "set", "eth2", "multicast", "off")
        config = box(tmp_path)
        config.write_text(config.read_text().replace("loopback: true", "interfaces: [eth0, eth1, eth2]"))
        words = [*hosts.inside("box"), tool("canteen-agent"), "doctor", "--json", "--config", str(config)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    rows = [row for row in json.loads(done.stdout)["rows"] if row["area"] == "nic"]
    told = {row["what"]["en"]: (row["result"], row["said"]["en"]) for row in rows}
    assert told["eth0"] == ("fine", "10.9.0.1/24, up")
    assert told["eth1"][0] == "wrong"
    assert "no carrier" in told["eth1"][1]
    assert told["eth2"][0] == "warning"
    assert "without multicast" in told["eth2"][1]
    assert "both are in 10.9.0.0/24" in told["eth0 eth2"][1]
