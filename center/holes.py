"""Versions of brokers that nothing may be entrusted to, as far as a broker says which it is. Pure.

mosquitto tells its version in a retained message; NATS tells a client of MQTT nothing, so there a person has to look.
"""

import re

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
