"""T3, what moving proves (E4): cameras really moved and judged by their pictures, with noise and with everything late.

Each run is a camera of its own with its own seed, seen and moved over the real protocols, judged as the agent does.
"""

import multiprocessing
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple, Self

from msgspec.structs import replace

from agent.ask.inspection import ask_capabilities
from agent.ask.ptz import parent as ptz
from agent.decide.judge import judge
from agent.model import UNASKED, Evidence, NotSeen
from benchmarks import expected
from benchmarks.measure import Figure
from contract.policy import load_policy
from simulator.canteen import CameraSpec, Canteen
from simulator.kitchen.panorama import sheet
from simulator.persona import Quirk, personas
from simulator.shot import TEXTS
from tests.support.enrolment import enrolled

RUNS = 100
AWAY_S = 120.0
"""As the agent allows unless told otherwise."""
MOST, LEAST = 16, 2
"""Cameras at a time: as many as the machine has time for; a run is nearly all waiting."""
STRETCHED = (3.0, 6.0)
"""How much longer than its processor time a piece of work may take: below the first figure one more run is begun, above
the second one less. Cameras and agent share the machine here: one picture costs both 25 ms, and is due every 250."""
STARVED = 20.0
"""A run during which work was stretched so much, over ten seconds, is made again, whatever it found: the largest
snapshots, which cost 0.1 s here, then take seconds where stretches are longest. After TRIES it counts as it is."""
TRIES = 5
EVERY_S = 2.0
"""Between two changes of how many run."""
PROBE_S = 0.02
SCENES = ("day", "day", "steam", "window-light", "night")
JITTER_S, DELAY_S = 0.15, 0.3
POLICY = load_policy("henan-2021-45")


class Run(NamedTuple):
    """One camera moved once. `wrong`: clause and what was found of it; `restored`: the view is as it was."""

    persona: str
    seed: int
    wrong: tuple[str, ...]
    restored: bool
    faults: tuple[str, ...]
    began_s: float
    """Monotonic."""
    took_s: float


def figures(seeds: Sequence[int]) -> list[Figure]:
    """Judged right, per persona, and views found as they were."""
    runs = list(_runs([(name, seed) for seed in seeds for name in movable()]))
    print(_table(runs))
    wrong = [run for run in runs if run.wrong]
    away = [run for run in runs if not run.restored]
    slowest = max(run.took_s for run in runs)
    return [
        Figure("T3", f"moved and judged wrong, of {len(runs)} runs", len(wrong), "runs", 0),
        Figure("T3", f"view not as before, of {len(runs)} runs", len(away), "runs", 0),
        Figure("T3", "longest time for one camera", slowest, "s", AWAY_S + ptz.STARTING_S),
    ]


def movable() -> list[str]:
    """Personas that declare a motor."""
    return [name for name, persona in personas().items() if persona.focus or (persona.ptz and persona.ptz.spaces)]


# ---- many at a time -----------------------------------------------------------------------------


def _runs(tasks: list[tuple[str, int]]) -> Iterator[Run]:
    """Each in turn, as many at a time as the machine bears."""
    _drawn()
    running: set[Future[Run]] = set()
    allowed, changed_s, tasks = float(LEAST), 0.0, tasks[::-1]
    tries = Counter[tuple[str, int]]()
    with ProcessPoolExecutor(MOST, multiprocessing.get_context("fork")) as pool, _Watch() as watch:
        while tasks or running:
            if tasks and len(running) < allowed:
                running.add(pool.submit(run, *tasks.pop()))
            done, running = wait(running, timeout=2.0, return_when=FIRST_COMPLETED)
            if time.monotonic() - changed_s > EVERY_S:
                allowed, changed_s = _allowed(allowed, watch.latest, len(running)), time.monotonic()
            for one in done:
                found = one.result()
                tries[found.persona, found.seed] += 1
                stretch = watch.worst(found.began_s)
                starved = stretch > STARVED and tries[found.persona, found.seed] < TRIES
                again = f", machine too busy (x{stretch:.0f}): to be made again" if starved else ""
                beside = f"{len(running)} beside it, x{stretch:.1f}"
                print(f"{_line(found)} ({beside}){again}", file=sys.stderr, flush=True)
                if starved:
                    tasks.insert(0, (found.persona, found.seed))
                else:
                    yield found


def _allowed(before: float, stretch: float, running: int) -> float:
    """How many may run at a time, `before` having been allowed."""
    if stretch > STRETCHED[1]:
        return max(before - 0.5, LEAST)
    return min(before + 0.5, MOST, running + 2) if stretch < STRETCHED[0] else before


def _drawn() -> None:
    """The kitchen drawn once, as finely as the largest zoomed picture shows it, before the processes part."""
    for fine, top, bottom in ((14, 20, 160), (28, 60, 140), (56, 84, 126), (112, 90, 120)):
        of = sheet("work", fine)
        of.need(0, of.width - 1, top * fine, bottom * fine)


def _stretch() -> float:
    """How much longer than its processor time a piece of work takes just now."""
    began, worked = time.monotonic(), time.thread_time()
    while time.thread_time() < worked + PROBE_S:
        pass
    return (time.monotonic() - began) / PROBE_S


class _Watch(threading.Thread):
    """Notes how starved the machine is."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._over, self._told = threading.Event(), list[tuple[float, float]]()

    def run(self) -> None:
        lately = deque[float](maxlen=5)
        while not self._over.wait(2.0):
            lately.append(_stretch())
            if len(lately) == lately.maxlen:
                self._told.append((time.monotonic(), sum(lately) / len(lately)))

    def worst(self, since_s: float) -> float:
        """How much longer than its processor time work took since then (monotonic), at worst over ten seconds."""
        return max((stretch for at_s, stretch in self._told if at_s >= since_s), default=1.0)

    @property
    def latest(self) -> float:
        """And over the last ten seconds."""
        return self._told[-1][1] if self._told else 1.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


# ---- one camera ---------------------------------------------------------------------------------


def spec(name: str, seed: int) -> CameraSpec:
    """A camera of this persona with everything that a seed decides."""
    return CameraSpec(
        slot=name,
        persona=name,
        facing=(47.0 * seed) % 360,
        scene=SCENES[seed % len(SCENES)],
        noise=1.0 + seed % 4,
        jitter_s=JITTER_S,
        delay_s=DELAY_S,
        seed=seed,
        text=TEXTS[(seed + seed // len(TEXTS)) % len(TEXTS)],
    )


def run(name: str, seed: int) -> Run:
    """Enrol, question, move and judge one camera."""
    with Canteen([spec(name, seed)]) as canteen, tempfile.TemporaryDirectory() as folder:
        unit = canteen.camera(name)
        camera = enrolled(unit)
        (answer,) = ask_capabilities([camera], log_in={name}, auth={}, deadline_s=30.0)
        told = answer.capabilities
        before, began = unit.mount.pose(unit.clock()), time.monotonic()
        movement = ptz.move(camera, told, max_away_s=AWAY_S, intent_file=Path(folder) / "moving.json")
        took_s, after = time.monotonic() - began, unit.mount.pose(unit.clock())
    evidence = replace(Evidence(slot=name, capabilities=told), movement=movement)
    persona = personas()[name]
    wrong = expected.differs(judge(evidence, POLICY), expected.moved(persona))
    if wrong:
        parts = (movement.rotation, movement.zoom, movement.focus)
        wrong += tuple(f"{one.reason} {one.detail}" for one in parts if isinstance(one, NotSeen) and one != UNASKED)
    stands = abs((after.pan - before.pan + 180) % 360 - 180) < 1 and abs(after.zoom / before.zoom - 1) < 0.03
    sharp = abs(after.focus - before.focus) < 0.05
    drifting = Quirk.DRIFTS in persona.quirks
    restored = movement.restored and ((stands and sharp) or drifting)
    return Run(name, seed, wrong, restored, movement.faults, began, took_s)


def _line(run: Run) -> str:
    verdict = "WRONG: " + "; ".join(run.wrong) if run.wrong else "right"
    back = "" if run.restored else ", NOT RESTORED"
    return f"{run.persona} #{run.seed}: {verdict}{back} ({run.took_s:.0f} s) {' '.join(run.faults)}"


def _table(runs: list[Run]) -> str:
    lines = ["| persona | judged right | view restored | longest, s |", "|---|---|---|---|"]
    for name in movable():
        own = [run for run in runs if run.persona == name]
        right, back = sum(not run.wrong for run in own), sum(run.restored for run in own)
        longest = max((run.took_s for run in own), default=0.0)
        lines.append(f"| {name} | {right} / {len(own)} | {back} / {len(own)} | {longest:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    for figure in figures(range(*map(int, sys.argv[1:]))):
        print(figure)
