"""R1, R2, R3: kill -9 of agent, broker and center, mixed, with and without persistence in the broker."""

import random
import time
from pathlib import Path

from benchmarks.measure import Figure
from tests.chaos import evidence, trials
from tests.chaos.evidence import Witness
from tests.chaos.options import Options, folder
from tests.chaos.site import Site, cast_of, until
from tests.chaos.weather import Weather

CAMERAS = 6
LOOK_S = 1.0
SHARES = {"agent": 4, "broker": 2, "center": 1}


def forgetful(options: Options) -> list[Figure]:
    with folder(options, "kill-forgetful") as home:
        return campaign(home, options.cycles // 2, persistence=False, seed=options.seed)


def keeping(options: Options) -> list[Figure]:
    with folder(options, "kill-keeping") as home:
        return campaign(home, options.cycles // 2, persistence=True, seed=options.seed)


def victims(count: int, seed: int) -> list[str]:
    whole = sum(SHARES.values())
    chosen = [who for who, share in SHARES.items() for _ in range(round(count * share / whole))]
    random.Random(seed).shuffle(chosen)
    return chosen


def campaign(home: Path, kills: int, *, persistence: bool, seed: int) -> list[Figure]:
    what = f"broker {'with' if persistence else 'without'} persistence"
    chosen, rnd = victims(kills, seed), random.Random(seed)
    with Site(home, cast_of(CAMERAS), look_s=LOOK_S, persistence=persistence) as site, Witness(site) as witness:
        trials.started(site)
        fresh = []
        while chosen:
            part, chosen = chosen[:50], chosen[50:]
            with Weather(site, dwell_s=(2.5, 18), seed=rnd.randrange(2**32)):
                _storm(site, witness, part, rnd)
            fresh.append(trials.fresh_transition_s(site))
            until(site.watched, 60, "every camera is seen online again", 0.2)
        settled = trials.drained(site, witness)
        site.end_of("agent")
        witness.look()
        drained = trials.drained(site, witness, 15)
        counts = {who: victims(kills, seed).count(who) for who in SHARES}
        note = ", ".join(f"{count} x {who}" for who, count in counts.items())
        return [
            Figure("R1", f"{what}: kill -9", sum(counts.values()), "", None, note),
            *trials.conservation("R1", what, evidence.account(site, witness)),
            *trials.truthfulness("R1", what, evidence.truth(site), least_known=0.05),
            Figure("R3", f"{what}: faults end to fresh transition", max(fresh), "s", 30, f"worst of {len(fresh)}"),
            Figure("R3", f"{what}: all of it at the center", max(settled, drained), "s", None),
        ]


def _storm(site: Site, witness: Witness, chosen: list[str], rnd: random.Random) -> None:
    """Kill them one by one; every third time two at once, which is when acknowledgements go astray."""
    waiting = list(chosen)
    while waiting:
        down = [waiting.pop()]
        other = next((who for who in waiting if who != down[0]), None)
        if other and rnd.random() < 0.3:
            waiting.remove(other)
            down.append(other)
        site.complain_of_dead()
        for who in down:
            site.kill(who)
        if "agent" in down:
            witness.look()
        for who in rnd.sample(down, len(down)):
            site.launch(who)
        if "agent" in down and rnd.random() < 0.7:
            _until_recorded(site, rnd.randint(1, 12))
        else:
            time.sleep(rnd.uniform(0.2, 3.0))


def _until_recorded(site: Site, count: int) -> None:
    """The agent that just started has recorded so many changes, or had long enough to."""
    before, end = len(evidence.said(site)), time.monotonic() + 12
    while len(evidence.said(site)) < before + count and time.monotonic() < end:
        time.sleep(0.1)
