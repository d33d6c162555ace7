"""R7: a box that starts in 1970 and whose clock leaps by ten years; what it tells is dated rightly, or not at all."""

import time
from pathlib import Path

from benchmarks.measure import Figure
from center.intervals import total
from simulator.faults import read_log
from tests.chaos import evidence, trials
from tests.chaos.evidence import Witness
from tests.chaos.options import Options, folder
from tests.chaos.site import Failed, Site, cast_of, until
from tests.chaos.weather import Weather
from tests.clock_shim import ClockShim

YEARS = 3_652 * 86_400


def run(options: Options) -> list[Figure]:
    stay_s, rounds = (6.0, 1) if options.quick else (20.0, 5)
    with folder(options, "clock") as home:
        return trial(home, stay_s=stay_s, rounds=rounds, seed=options.seed)


def trial(home: Path, *, stay_s: float, rounds: int, seed: int) -> list[Figure]:
    """The clock is wrong for `stay_s` seconds, then right for as long: once in 1970, then each round twice."""
    site = Site(home, cast_of(4))
    wall = ClockShim(home)
    site.prefix["agent"] = tuple(wall.words)
    wall.to_1970()
    with site, Witness(site) as witness:
        began_ms = time.time() * 1000
        trials.started(site)
        with Weather(site, dwell_s=(2.5, 18), seed=seed):
            untold = _leaps(site, wall, stay_s, rounds)
        fresh = trials.fresh_transition_s(site)
        settled = trials.drained(site, witness)
        site.end_of("agent")
        witness.look()
        trials.drained(site, witness, 15)
        what = f"boot in 1970 and {2 * rounds} leaps of 10 years"
        return [
            Figure("R7", f"{what}: wrong times untold", len(untold), "", 0, "; ".join(untold)),
            Figure("R7", f"{what}: time counted beyond what passed", _too_much_s(site, began_ms), "s", 0),
            *trials.conservation("R7", what, evidence.account(site, witness)),
            *trials.truthfulness("R7", what, evidence.truth(site), least_known=0.3),
            Figure("R7", f"{what}: fresh transition at the end", fresh, "s", 30),
            Figure("R7", f"{what}: all of it at the center", settled, "s", None),
        ]


def _leaps(site: Site, wall: ClockShim, stay_s: float, rounds: int) -> list[str]:
    """Each wrong time, then the right one; which wrong ones the center did not hear of."""
    untold = [] if _told(site, 0) else ["1970"]
    time.sleep(stay_s)
    wall.set(0, synced=True)
    time.sleep(stay_s)
    for turn in range(rounds):
        for years, restart in ((YEARS, False), (-YEARS, turn % 2 == 1)):
            since = trials.boot_ms()
            wall.set(years, synced=False)
            if restart:
                site.kill("agent")
                site.launch("agent")
            time.sleep(stay_s)
            untold += [] if _told(site, since) else [f"{years:+d} s"]
            site.complain_of_dead()
            wall.set(0, synced=True)
            time.sleep(stay_s)
    return untold


def _told(site: Site, since_boot_ms: int) -> bool:
    def there() -> bool:
        return any(
            event["kind"] == "fault" and "clock_untrusted" in event["what"] and event["at"] >= since_boot_ms
            for event in evidence.held(site).events.values()
        )

    try:
        until(there, 30, "clock_untrusted is told", 0.5)
    except Failed:
        return False
    return True


def _too_much_s(site: Site, began_ms: float) -> float:
    """How much more time the center knows of a slot than there was since the site began, seconds; at best 0."""
    passed_ms = time.time() * 1000 - min(began_ms, *(e.utc_ms for e in read_log(site.log.read_text().splitlines())))
    counted_ms = max(total(its.on) + total(its.off) for its in evidence.known(site).values())
    return max(0.0, (counted_ms - passed_ms) / 1000)
