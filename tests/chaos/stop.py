"""SIGSTOP and SIGCONT of agent, broker and center: whoever did not watch must not claim that he did."""

import random
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Figure
from tests.chaos import evidence, trials
from tests.chaos.evidence import Witness
from tests.chaos.options import Options, folder
from tests.chaos.site import Site, cast_of
from tests.chaos.weather import Weather


def frozen(options: Options) -> list[Figure]:
    rounds, long_s = (1, 8.0) if options.quick else (6, 30.0)
    with folder(options, "stop") as home:
        return trial(home, ("agent", "broker", "center") * rounds, long_s=long_s, seed=options.seed)


def trial(home: Path, order: Sequence[str], *, long_s: float, seed: int) -> list[Figure]:
    """These stand still, one after the other, each for `long_s` seconds at most."""
    rnd = random.Random(seed)
    with Site(home, cast_of(6)) as site, Witness(site) as witness:
        trials.started(site)
        for who in order:
            with Weather(site, dwell_s=(2.5, 18), seed=rnd.randrange(2**32)):
                time.sleep(rnd.uniform(3, 6))
                site.freeze(who)
                time.sleep(rnd.uniform(long_s / 2, long_s))
                site.thaw(who)
                time.sleep(rnd.uniform(4, 8))
            site.complain_of_dead()
        fresh = trials.fresh_transition_s(site)
        settled = trials.drained(site, witness)
        site.end_of("agent")
        witness.look()
        trials.drained(site, witness, 15)
        return [
            Figure("R3", "SIGSTOP of each: faults end to fresh transition", fresh, "s", 30),
            Figure("R1", "SIGSTOP of each: all of it at the center", settled, "s", None),
            *trials.conservation("R1", "SIGSTOP of each", evidence.account(site, witness)),
            *trials.truthfulness("R1", "SIGSTOP of each", evidence.truth(site), 0.1),
        ]


def absent(options: Options) -> list[Figure]:
    """The center is away for long, and the broker forgets everything meanwhile; then the center comes back."""
    long_s = 30 if options.quick else 240
    what = f"center away for {long_s} s, broker forgetful"
    with folder(options, "absent") as home, Site(home, cast_of(6), persistence=False) as site, Witness(site) as witness:
        trials.started(site)
        with Weather(site, dwell_s=(2.5, 18), seed=options.seed):
            time.sleep(5)
            site.kill("center")
            site.kill("broker")
            site.launch("broker")
            time.sleep(long_s)
        site.launch("center")
        began = time.monotonic()
        fresh = trials.fresh_transition_s(site)
        settled = time.monotonic() - began + trials.drained(site, witness)
        site.end_of("agent")
        witness.look()
        trials.drained(site, witness, 15)
        return [
            Figure("R3", f"{what}: center starts to fresh transition", fresh, "s", 30),
            Figure("R3", f"{what}: center starts to all of it at the center", settled, "s", None),
            *trials.conservation("R1", what, evidence.account(site, witness)),
            *trials.truthfulness("R1", what, evidence.truth(site), 0.1),
        ]
