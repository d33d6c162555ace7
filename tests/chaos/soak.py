"""S9: half an hour of random faults; descriptors, threads and memory of the agent do not grow."""

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import measure
from benchmarks.measure import Figure
from tests.chaos import evidence, trials
from tests.chaos.evidence import Witness
from tests.chaos.options import Options, folder
from tests.chaos.proxy import Proxy
from tests.chaos.site import Site, cast_of
from tests.chaos.weather import Weather

FAULTS = (
    *("off", "off", "hang", "drip", "garbage", "busy", "redirect", "tenmegabytes", "rtsp-closed", "onvif-closed"),
    *("rtsp-silent", "rtsp-huge-length", "wrong-clock", "freeze", "black"),
)
SAMPLE_S = 3.0
GROWTH_PERCENT = 5.0


class Sample(NamedTuple):
    at: float
    descriptors: int
    threads: int
    rss_mb: float


def sample(pid: int, began: float) -> Sample:
    proc = Path(f"/proc/{pid}")
    descriptors = len(list((proc / "fd").iterdir()))
    threads = len(list((proc / "task").iterdir()))
    return Sample(time.monotonic() - began, descriptors, threads, measure.memory(pid).rss_mb)


def run(options: Options) -> list[Figure]:
    length_s = 60 * options.minutes
    rnd = random.Random(options.seed)
    with folder(options, "soak") as home:
        site = Site(home, cast_of(16), look_s=3, deadline_s=2.5)
        with Proxy(site.port) as proxy, site, Witness(site, every_s=1) as witness:
            site.agent_through(proxy.port)
            trials.started(site)
            samples: list[Sample] = []
            began = time.monotonic()
            counts: dict[str, int] = {}
            with Weather(site, dwell_s=(8, 40), seed=options.seed, faults=FAULTS):
                while time.monotonic() - began < length_s:
                    name, act = rnd.choice(list(_acts(site, proxy).items()))
                    counts[name] = counts.get(name, 0) + 1
                    act(lambda seconds: _watch(site, samples, began, rnd.uniform(0.5, 1) * seconds))
                    _watch(site, samples, began, rnd.uniform(5, 25))
                    site.complain_of_dead()
            fresh = trials.fresh_transition_s(site)
            settled = trials.drained(site, witness)
            site.end_of("agent")
            witness.look()
            trials.drained(site, witness, 15)
            found, told = evidence.account(site, witness), evidence.truth(site)
    note = ", ".join(f"{count} x {name}" for name, count in sorted(counts.items()))
    return [
        *grown(samples, options.minutes),
        Figure("S9", "faults besides those of the cameras", sum(counts.values()), "", None, note),
        Figure("R3", "soak: faults end to fresh transition", fresh, "s", 30),
        Figure("R1", "soak: all of it at the center", settled, "s", None),
        *trials.conservation("R1", "soak", found),
        *trials.truthfulness("R1", "soak", told, 0.2),
    ]


Pause = Callable[[float], None]


def _acts(site: Site, proxy: Proxy) -> dict[str, Callable[[Pause], None]]:
    """Harms, each with its end. The agent itself is not killed: it is what must not grow."""

    def killed(who: str) -> Callable[[Pause], None]:
        def act(pause: Pause) -> None:
            site.kill(who)
            pause(8)
            site.launch(who)

        return act

    def frozen(who: str) -> Callable[[Pause], None]:
        def act(pause: Pause) -> None:
            site.freeze(who)
            pause(25)
            site.thaw(who)

        return act

    def swallowed(pause: Pause) -> None:
        proxy.swallow()
        pause(40)
        proxy.pass_on()

    return {
        "broker killed": killed("broker"),
        "center killed": killed("center"),
        "broker frozen": frozen("broker"),
        "center frozen": frozen("center"),
        "uplink half-open": swallowed,
        "nothing": lambda pause: pause(10),
    }


def _watch(site: Site, samples: list[Sample], began: float, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        samples.append(sample(site.running["agent"].pid, began))
        time.sleep(min(SAMPLE_S, max(0.0, end - time.monotonic())))


def grown(samples: list[Sample], minutes: float) -> list[Figure]:
    """From minute 5 on (earlier where the soak is short), the beginning of what is left against its end.

    Memory by the median of three minutes. Descriptors and threads by the least of a third: those of looks in flight
    come and go, in no three minutes are they all closed at once, and leaked ones stay.
    """
    first_s = 60 * min(5.0, minutes / 5)
    short_s, third_s = 60 * min(3.0, minutes / 5), (60 * minutes - first_s) / 3
    figures = []
    for name, unit, of, window_s in (
        ("descriptors", "", min, third_s),
        ("threads", "", min, third_s),
        ("rss_mb", "MB", statistics.median, short_s),
    ):
        series = [(one.at, getattr(one, name)) for one in samples]
        before = float(of([value for at, value in series if first_s <= at < first_s + window_s]))
        after = float(of([value for at, value in series if at >= 60 * minutes - window_s]))
        fifth_s = samples[-1].at / 5
        parts = [[value for at, value in series if i <= at / fifth_s < i + 1] for i in range(5)]
        note = f"{before:.4g} {unit} to {after:.4g} {unit}, at most {max(value for _, value in series):.4g}"
        note += f", by fifths {' '.join(f'{statistics.median(part):.4g}' for part in parts if part)}"
        what = f"{minutes:g} min, growth of {name.partition('_')[0]}"
        goal = GROWTH_PERCENT if minutes >= 10 else None  # it is still unpacking its things
        figures.append(Figure("S9", what, 100 * (after / before - 1), "%", goal, note))
    return figures
