"""The box's interfaces: whether those that are named exist, have a cable, and can be used to find cameras."""

import errno
import socket
from collections.abc import Collection, Sequence
from itertools import combinations
from pathlib import Path

from agent.ask.box import interfaces
from agent.ask.box.nics import NicAddress, addresses
from agent.doctor.rows import NOTHING, Area, Result, Row, Tell
from agent.settings.entries import DiscoveryEntry
from agent.status import Status
from contract.problems import Words, both
from contract.vocabulary import Rung

SYS = Path("/sys/class/net")
_MULTICAST = 0x1000
"""IFF_MULTICAST of <linux/if.h>."""
_CABLE = Words("check cable, port and `ip address`", "请检查网线、端口和 ip address")


def missing(wanted: Collection[str], nics: Sequence[NicAddress]) -> list[str]:
    """Those that are neither an interface of this box nor an address of one."""
    there = {name for _, name in socket.if_nameindex()} | {nic.name for nic in nics} | {nic.address for nic in nics}
    return [name for name in wanted if name not in there]


def look(discovery: DiscoveryEntry, running: Status | None, tell: Tell) -> None:
    nics = addresses()
    gone = missing(discovery.interfaces, nics)
    for name in gone:
        todo = Words(
            "mend discovery.interfaces; `ip link` lists what there is",
            "请改正 discovery.interfaces；ip link 列出现有网卡",
        )
        tell(_row(name, Result.WRONG, Words("there is no such interface or address", "没有这个网卡或地址"), todo))
    chosen, _ = interfaces.suitable(nics, discovery.interfaces, loopback=discovery.loopback)
    served = {nic.name for nic in chosen} | {nic.address for nic in chosen}
    for name in discovery.interfaces:
        if name not in served and name not in gone:
            tell(_row(name, Result.WRONG, _unusable(name, nics), _CABLE))
    if not chosen and not discovery.interfaces:
        said = Words("no interface has a cable and an IPv4 address", "没有接好网线并有 IPv4 地址的网卡")
        tell(_row("", Result.WRONG, said, _CABLE))
    for nic in chosen:
        tell(_usable(nic))
    for row in twins([nic for nic in nics if nic.up and not nic.point_to_point]):
        tell(row)
    if running and (hint := unheard(running)):
        tell(hint)


def _unusable(name: str, nics: Sequence[NicAddress]) -> Words:
    if not any(name in (nic.name, nic.address) for nic in nics):
        return Words("it has no IPv4 address", "没有 IPv4 地址")
    if _number(name, "carrier") == 0:
        return Words("no carrier: the cable is out, or the other end is off", "没有载波：网线未插好，或对端未通电")
    return Words("it is down, or has a link-local address", "未启用，或只有链路本地地址")


def _usable(nic: NicAddress) -> Row:
    said = Words(f"{nic.address}/{nic.prefix}, up", f"{nic.address}/{nic.prefix}，已连接")
    flags = _number(nic.name, "flags")
    if flags is not None and not flags & _MULTICAST and nic.name != "lo":
        quiet = Words(
            f"{said.en}, without multicast: no camera is found over it", f"{said.zh}，未启用组播：找不到摄像机"
        )
        todo = Words(f"ip link set {nic.name} multicast on", f"ip link set {nic.name} multicast on")
        return _row(nic.name, Result.WARNING, quiet, todo)
    return _row(nic.name, Result.FINE, said)


def twins(nics: Sequence[NicAddress]) -> list[Row]:
    """Two interfaces in one network: the box asks over one of them, and the camera may hang on the other."""
    found = {}
    for one, other in combinations(nics, 2):
        names = one.name.partition(":")[0], other.name.partition(":")[0]
        if names[0] != names[1] and one.network.overlaps(other.network):
            found[names] = one.network
    todo = Words(
        "put the cameras into a network of their own, or unplug one", "请把摄像机放在单独的网段，或拔掉其中一个"
    )
    return [
        _row(" ".join(names), Result.WARNING, Words(f"both are in {network}", f"都在 {network} 网段"), todo)
        for names, network in found.items()
    ]


def unheard(running: Status) -> Row | None:
    """Cameras answer at their addresses and none is found: a switch swallows multicast."""
    last, reached = running.discovery, [one.slot for one in running.cameras if one.level != Rung.UNREACHABLE]
    if last.at_ms is None or last.found or not reached or not last.interfaces:
        return None
    said = Words(
        f"multicast finds nobody, though {len(reached)} cameras answer",
        f"组播找不到任何设备，而有 {len(reached)} 台摄像机有应答",
    )
    todo = Words(
        "IGMP snooping without a querier? Switch it off or a querier on, or name the network under discovery.subnets",
        "交换机开了 IGMP 侦听而没有查询器？请关闭侦听、启用查询器，或把网段写入 discovery.subnets",
    )
    return _row(", ".join(last.interfaces), Result.WARNING, said, todo)


def _number(name: str, what: str) -> int | None:
    """What the kernel says of an interface; None where it does not."""
    try:
        return int((SYS / name.partition(":")[0] / what).read_text("ascii"), 0)
    except (OSError, ValueError) as error:
        return 0 if what == "carrier" and getattr(error, "errno", 0) == errno.EINVAL else None


def _row(what: str, result: Result, said: Words, todo: Words = NOTHING) -> Row:
    return Row(area=Area.NIC, what=both(what), result=result, said=said, todo=todo)
