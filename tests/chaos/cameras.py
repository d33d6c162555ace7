"""R9, R10, P11: each fault of a camera is named right and in time; one hostile camera of sixteen harms no other."""

import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchmarks import measure
from benchmarks.measure import Figure
from tests.chaos import trials
from tests.chaos.options import Options, folder
from tests.chaos.site import Site, cast_of, until

Named = tuple[str, str]
"""(availability, reason) as the center has it."""
FAULTS: Mapping[str, Named] = {
    "off": ("offline", "UNREACHABLE"),
    "hang": ("unknown", "TIMED_OUT"),
    "rtsp-closed": ("offline", "UNREACHABLE"),
    "wrong-password": ("unknown", "REFUSED"),
}
"""The simulator's word -> how it has to be named: switched off, frozen, port blocked, password changed."""
HOSTILE = ("hang", "drip", "garbage", "tenmegabytes", "redirect", "rtsp-drip", "rtsp-huge-length", "rtsp-huge-frame")


# ---- R9, P11: named ------------------------------------------------------------------------------


def named(options: Options) -> list[Figure]:
    look_s, deadline_s, count = (3.0, 2.0, 8) if options.quick else (30.0, 5.0, 16)
    goal_s = 45.0 if look_s == 30 else 2 * look_s + deadline_s
    with (
        folder(options, "cameras") as home,
        Site(home, cast_of(count), look_s=look_s, deadline_s=deadline_s, heartbeat_s=min(60, look_s)) as site,
    ):
        trials.started(site)
        until(lambda: all(one["verdicts"] for one in site.standing().values()), 120, "all are inspected", 0.5)
        took, wrong = _strike(site, goal_s)
    each = [
        Figure(
            "R9",
            f"{fault}, named {' '.join(name)} at the center",
            max(took[fault]),
            "s",
            goal_s,
            f"worst of {len(took[fault])}",
        )
        for fault, name in FAULTS.items()
    ]
    return [*each, Figure("R9", "cameras named otherwise in between", len(wrong), "", 0, "; ".join(wrong[:3]))]


def _strike(site: Site, goal_s: float) -> tuple[dict[str, list[float]], list[str]]:
    """Every camera gets a fault at once; when the center has its name, and what else it was called meanwhile."""
    faults = {one.slot: list(FAULTS)[i % len(FAULTS)] for i, one in enumerate(site.cast)}
    began, since = time.monotonic(), trials.boot_ms()
    for slot, fault in faults.items():
        site.suffer(slot, fault)
    known: dict[str, float] = {}
    while len(known) < len(faults) and time.monotonic() - began < 4 * goal_s:
        for slot, fault in faults.items():
            if FAULTS[fault] in names(site, slot, since):
                known.setdefault(slot, time.monotonic() - began)
        time.sleep(0.2)
    took = {fault: [known.get(slot, float("inf")) for slot, its in faults.items() if its == fault] for fault in FAULTS}
    other = [
        f"{slot} {fault}: {' '.join(name)}"
        for slot, fault in faults.items()
        for name in names(site, slot, since)
        if name != FAULTS[fault]
    ]
    return took, other


def names(site: Site, slot: str, since_boot_ms: int) -> list[Named]:
    """What the center was told of the slot since then, in its order."""
    question = "SELECT payload FROM events WHERE kind = 'transition' AND slot = ? AND at >= ? ORDER BY seq"
    with closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True, timeout=30)) as db:
        told = [json.loads(row[0]) for row in db.execute(question, (slot, since_boot_ms))]
    return [(event["to"], event.get("reason") or "") for event in told]


# ---- R10: one hostile among sixteen --------------------------------------------------------------


class Child(NamedTuple):
    """A child of the agent as seen so far: address space at its peak, MB; first and last seen, monotonic seconds."""

    peak_mb: float
    first: float
    last: float


def hostile(options: Options) -> list[Figure]:
    look_s, deadline_s, stay_s = (2.0, 1.5, 6.0) if options.quick else (5.0, 3.0, 60.0)
    late_ms, rss_mb = 0, 0.0
    children: dict[int, Child] = {}
    with (
        folder(options, "hostile") as home,
        Site(home, cast_of(16), look_s=look_s, deadline_s=deadline_s, capability_s=31) as site,
    ):
        trials.started(site)
        villain = site.cast[0].slot
        agent = site.running["agent"].pid
        for fault in HOSTILE:
            site.suffer(villain, fault)
            end = time.monotonic() + stay_s
            while time.monotonic() < end:
                site.complain_of_dead()
                standing = site.standing()
                late_ms = max([late_ms, *(one["late_ms"] for slot, one in standing.items() if slot != villain)])
                rss_mb = max(rss_mb, measure.memory(agent).rss_mb)
                glance(agent, children)
                time.sleep(0.1)
        others = [one["availability"] for slot, one in site.standing().items() if slot != villain]
    longest = max((child.last - child.first for child in children.values()), default=0.0)
    return [
        Figure("R10", "one hostile of 16: worst delay of another's look", late_ms / 1000, "s", look_s),
        Figure("R10", "one hostile of 16: others not online at the end", sum(o != "online" for o in others), "", 0),
        Figure("R10", "one hostile of 16: daemon RSS", rss_mb, "MB", 45),
        Figure(
            "R10",
            "one hostile of 16: address space of a child",
            max((child.peak_mb for child in children.values()), default=0.0),
            "MB",
            800,
            f"worst of {len(children)}",
        ),
        Figure("R10", "one hostile of 16: longest life of a child", longest, "s", 31, "deadline 30 s"),
    ]


def glance(parent: int, children: dict[int, Child]) -> None:
    """Notes the children of a process that are there now; one that has not called exec yet is the parent's copy."""
    now = time.monotonic()
    own = Path(f"/proc/{parent}/cmdline").read_bytes()
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            pids = task.read_text().split()
        except OSError:  # the thread has ended
            continue
        for pid in pids:
            try:
                begun = Path(f"/proc/{pid}/cmdline").read_bytes() != own
                text = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            peak = next((line for line in text.splitlines() if line.startswith("VmPeak:")), "")
            if peak and begun:
                before = children.get(int(pid), Child(0.0, now, now))
                mb = int(peak.split()[1]) * 1024 / 1e6
                children[int(pid)] = Child(max(before.peak_mb, mb), before.first, now)
