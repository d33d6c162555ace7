"""Versions of brokers that nothing may be entrusted to, as far as a broker says which it is. Pure.

mosquitto tells its version in a retained message; NATS tells a client of MQTT nothing, but everybody at its own port.
"""

import re

from contract.problems import Words

VERSION_TOPIC = "$SYS/broker/version"
_MOSQUITTO = re.compile(r"mosquitto version (\d{1,4})\.(\d{1,4})\.(\d{1,4})")
_FROM, _TO = (2, 1, 0), (2, 1, 2)
"""CVE-2026-110486, both included."""


def hole(told: bytes) -> str:
    """What is wrong with a broker that says this of itself, and what to do; "" for nothing known."""
    found = _MOSQUITTO.match(told.decode("ascii", "replace"))
    if found and _FROM <= tuple(map(int, found.groups())) <= _TO:
        return (
            f"{found[0]} has a known hole (CVE-2026-110486), nothing is taken from it: install 2.0.x or one after 2.1.2"
        )
    return ""


_NATS = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})")
SOUND_NATS = (2, 14, 7)
_HOLES = {
    "CVE-2026-33217": (((0, 0, 0), (2, 11, 15)),),
    "CVE-2026-58210": (((0, 0, 0), (2, 12, 12)), ((2, 13, 0), (2, 14, 3))),
    "CVE-2026-58213": (((0, 0, 0), (2, 12, 9)), ((2, 13, 0), (2, 14, 1))),
}
"""A way round the access list, memory before the login, an injection by SUBSCRIBE; each from a version to another."""


def nats_hole(version: str) -> Words | None:
    """What is wrong with a NATS of this version, and what to do."""
    found = _NATS.match(version)
    if not found:
        return Words(f"NATS {version!r}: no version that could be compared", f"NATS {version!r}：无法比较的版本")
    its = tuple(map(int, found.groups()))
    if its >= SOUND_NATS:
        return None
    names = ", ".join(name for name, ranges in _HOLES.items() if any(low <= its < high for low, high in ranges))
    en, zh = (f" ({names} and others)", f"（{names} 等）") if names else ("", "")
    return Words(
        f"NATS {found[0]} has known holes{en}: install 2.14.7 or later",
        f"NATS {found[0]} 有已知漏洞{zh}：请安装 2.14.7 或更高版本",
    )
