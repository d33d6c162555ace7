"""What every scenario does before, between and after its faults: wait for quiet, take the account, measure liveness."""

import time
from collections.abc import Sequence

from benchmarks.measure import Figure
from tests.chaos import evidence
from tests.chaos.evidence import Account, Truth, Witness
from tests.chaos.site import Site, until

START_S = 120.0
SETTLE_S = 90.0


def started(site: Site) -> None:
    """All cameras are seen online."""
    site.begin()
    until(site.watched, START_S, "every camera is seen online", 0.2)


def drained(site: Site, witness: Witness, seconds: float = SETTLE_S) -> float:
    """Seconds until the center held all that was recorded; inf if it did not within `seconds`."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if not witness.recorded() - evidence.held(site).events.keys():
            return time.monotonic() - began
        time.sleep(0.5)
    return float("inf")


def fresh_transition_s(site: Site, seconds: float = 120.0) -> float:
    """R3: the steady camera loses its power now; seconds until the center holds that change, inf when not in time.

    A look that is under way when the power goes dates the change from its own beginning.
    """
    slot, began, since = site.steady, time.monotonic(), boot_ms() - round(1000 * site.deadline_s)
    site.suffer(slot, "off")
    try:
        while time.monotonic() - began < seconds:
            if evidence.arrived(site, slot, "offline", since):
                return time.monotonic() - began
            time.sleep(0.1)
        return float("inf")
    finally:
        site.suffer(slot, "none")


def boot_ms() -> int:
    """Milliseconds since this machine booted: what the agent dates its events by."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def conservation(name: str, what: str, found: Account) -> list[Figure]:
    """Lost, altered, doubled, declared as a gap: all must be none."""
    note = f"of {found.recorded} recorded"
    return [
        Figure(name, f"{what}: events lost", len(found.lost), "", 0, note + _some(found.lost)),
        Figure(
            name,
            f"{what}: changes logged by the agent and not at the center",
            len(found.unsaid),
            "",
            0,
            _some(found.unsaid).lstrip(", "),
        ),
        Figure(name, f"{what}: events declared lost", len(found.gaps), "", 0, _some(found.gaps).lstrip(", ")),
        Figure(
            "R2", f"{what}: events altered on the way", len(found.altered), "", 0, _some(found.altered).lstrip(", ")
        ),
        Figure("R2", f"{what}: transitions doubled at the center", len(found.doubled), "", 0),
        Figure("R2", f"{what}: messages set aside", len(found.aside), "", 0, _some(found.aside).lstrip(", ")),
    ]


def truthfulness(name: str, what: str, found: Truth, least_known: float) -> list[Figure]:
    """Never a lie; and enough must be known, lest silence pass for truth."""
    worst = max((lie.length_ms for lie in found.lies), default=0)
    note = "; ".join(f"{lie.slot} {lie.state} {lie.length_ms} ms" for lie in found.lies[:3])
    return [
        Figure(name, f"{what}: time the center is wrong about, spans", len(found.lies), "", 0, note),
        Figure(name, f"{what}: longest such span", worst / 1000, "s", None),
        Figure(name, f"{what}: changes noticed late, of the time known", 100 * found.wrong_ratio, "%", None),
        Figure(name, f"{what}: intervals both online and offline", found.overlaps, "", 0),
        Figure("T7", f"{what}: contradictions seen in an honest gateway", len(found.contradictions), "", 0),
        Figure(name, f"{what}: time unknown", 100 * (1 - found.known_ratio), "%", 100 * (1 - least_known)),
    ]


def _some(things: Sequence[object]) -> str:
    return f", {', '.join(map(str, things[:3]))}" if things else ""
