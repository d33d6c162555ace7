"""A real agent is away for ten minutes: each reading of the online rate is lower by just that, by our own counting."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure
from center.rate import Rules
from contract.shipped import FOLDER
from scripts.stage import tool
from tests.chaos import evidence, trials
from tests.chaos.evidence import Witness
from tests.chaos.options import Options, folder
from tests.chaos.site import Failed, Site, cast_of

MINUTE_MS = 60_000
LEAST_DAY = 0.75
"""Of a day that counts as online: so much of it is passed as long as the agent is there, and not after its absence."""


def run(options: Options) -> list[Figure]:
    watched_s, away_s = (150, 65) if options.quick else (720, 600)
    with folder(options, "away") as home, Site(home, cast_of(2), look_s=3, deadline_s=2) as site, Witness(site) as seen:
        trials.started(site)
        time.sleep(watched_s)
        before = _rate(site, home, int(time.time() * 1000))
        site.end_of("agent")
        time.sleep(away_s)
        site.launch("agent")
        trials.until(site.watched, trials.START_S, "every camera is seen online again", 0.2)
        time.sleep(30)
        site.end_of("agent")
        at_ms = int(time.time() * 1000)
        seen.look()
        if trials.drained(site, seen) == float("inf"):
            raise Failed("the center did not hear all of it")
        rows = evidence.held(site).events.values()
        after = _rate(site, home, at_ms)
        online = [_online(rows, one.slot) for one in site.cast]
        if away_s * 1000 > Rules().dark_after_ms:  # so long a silence ends with the first heartbeat
            heard = [first for first, _ in evidence.judged(site).life]
            online = [[one, (min(ms for ms in heard if ms > two[0]), two[1])] for one, two in online]
        gaps = [later[0] - earlier[1] for earlier, later in online]
        on_ms = sum(end - begin for spans in online for begin, end in spans)
        hits = sum(_minutes(span) for spans in online for span in spans)
        what = f"agent away for {away_s} s, two cameras"
        return [
            Figure("", f"{what}: unwatched, the longer of both", max(gaps) / 1000, "s", None),
            Figure(
                "", f"{what}: reading time, off from what the agent watched", abs(after["time"][0] - on_ms), "ms", 0
            ),
            Figure("", f"{what}: reading time, its whole", after["time"][1] - _assessed(site, at_ms), "ms", 0),
            Figure("", f"{what}: reading days, camera-days online before, lacking", 2 - before["days"][0], "", 0),
            Figure("", f"{what}: reading days, camera-days online after", after["days"][0], "", 0),
            Figure("", f"{what}: reading spot, hits off", abs(after["spot"][0] - hits), "", 0, f"of {hits}"),
        ]


def _rate(site: Site, home: Path, at_ms: int) -> dict[str, tuple[int, int]]:
    """Numerator and denominator of each reading, by a policy with an instant a minute."""
    text = (FOLDER / "policy" / "henan-2021-45.yaml").read_text("utf-8")
    for name, old, new in (("min_day_ratio", "0.99", str(LEAST_DAY)), ("spot_instants", "24", "1440")):
        asked = f"{name}:\n    value: {old}\n"
        if asked not in text:
            raise Failed(f"the policy has no line {asked!r}")
        text = text.replace(asked, f"{name}:\n    value: {new}\n")
    (home / "policy.yaml").write_text(text, "utf-8")
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1000)) + f".{at_ms % 1000:03}+00:00"
    words = ("rate", "--database", str(site.database), "--json", "--at", at, "--policy", str(home / "policy.yaml"))
    answer = site.command(tool("canteen-center"), *words)
    if not answer.stdout:
        raise Failed(f"no rate: {answer.stderr}")
    readings: dict[str, Any] = json.loads(answer.stdout)["readings"]
    return {name: (readings[name]["numerator"], readings[name]["denominator"]) for name in ("time", "days", "spot")}


def _assessed(site: Site, at_ms: int) -> int:
    return (at_ms - site.accepted_ms) * len(site.cast)


def _online(rows: Iterable[dict[str, Any]], slot: str) -> list[tuple[int, int]]:
    """[begin, end) of each of the two sessions, UTC ms: from the change to online to the end of what was watched."""
    to_utc = time.time_ns() // 1_000_000 - trials.boot_ms()
    events = sorted(rows, key=lambda row: row["seq"])
    ends = {row["session"]: row["to"] for row in events if row["kind"] == "coverage"}
    changes = [row for row in events if row["kind"] == "transition" and row["slot"] == slot]
    if [row["to"] for row in changes] != ["online", "online"] or len(ends) != 2:
        raise Failed(f"{slot} was not online in two sessions without a break: {changes}")
    return [(row["at"] + to_utc, ends[row["session"]] + to_utc) for row in changes]


def _minutes(span: tuple[int, int]) -> int:
    """The full minutes in [begin, end)."""
    return -(-span[1] // MINUTE_MS) - -(-span[0] // MINUTE_MS)
