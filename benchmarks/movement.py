"""T3: cameras really moved and judged by what their pictures show, with noise, and with late pictures and commands.

Each run is a camera of its own with its own seed, seen and moved over the real protocols, judged as the agent does.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from agent.ask import moving
from agent.ask.inspection import ask_capabilities
from agent.decide.judge import judge
from agent.model import Camera, Credentials, Evidence, Ports
from benchmarks.measure import Figure
from contract.policy import load_policy
from contract.vocabulary import Clause
from simulator.canteen import CameraSpec, Canteen
from simulator.persona import personas

MOVED = (Clause.ROTATION_360, Clause.ZOOM, Clause.FOCUS)
AWAY_S = 90.0
SIDE_BY_SIDE = 4
SCENES = ("day", "day", "steam", "window-light", "night")
JITTER_S, DELAY_S = 0.15, 0.3
RUNS, QUICK_RUNS = 100, 1
POLICY = load_policy("henan-2021-45")


class Run(NamedTuple):
    """One camera moved once. `wrong`: clause and what was found of it; `away`: what stood wrong afterwards."""

    persona: str
    seed: int
    wrong: tuple[str, ...]
    restored: bool
    faults: tuple[str, ...]
    took_s: float


def figures(quick: bool) -> list[Figure]:
    """Judged right, per persona, and views found as they were."""
    names = [name for name, persona in personas().items() if persona.focus or (persona.ptz and persona.ptz.spaces)]
    runs = list(_runs(names, QUICK_RUNS if quick else RUNS))
    _table(names, runs)
    wrong = [run for run in runs if run.wrong]
    away = [run for run in runs if not run.restored]
    slowest = max(run.took_s for run in runs)
    return [
        Figure("T3", f"moved and judged wrong, of {len(runs)} runs", len(wrong), "runs", 0),
        Figure("T3", f"view not as before, of {len(runs)} runs", len(away), "runs", 0),
        Figure("T3", "longest time for one camera", slowest, "s", AWAY_S + moving.STARTING_S),
    ]


def _runs(names: list[str], count: int) -> Iterator[Run]:
    with ProcessPoolExecutor(SIDE_BY_SIDE) as pool:
        waiting = [pool.submit(run, name, seed) for seed in range(count) for name in names]
        for one in as_completed(waiting):
            found = one.result()
            print(_line(found), file=sys.stderr, flush=True)
            yield found


def run(name: str, seed: int) -> Run:
    """Enrol, question, move and judge one camera."""
    spec = CameraSpec(
        slot=name,
        persona=name,
        facing=(47.0 * seed) % 360,
        scene=SCENES[seed % len(SCENES)],
        noise=1.0 + seed % 4,
        jitter_s=JITTER_S,
        delay_s=DELAY_S,
        seed=seed,
    )
    with Canteen([spec]) as canteen, tempfile.TemporaryDirectory() as folder:
        unit = canteen.camera(name)
        camera = Camera(
            slot=name,
            address=unit.address,
            ports=Ports(onvif=unit.onvif_port, rtsp=unit.rtsp_port),
            credentials=Credentials(spec.user, spec.password),
        )
        ((_, told),) = ask_capabilities([camera], log_in={name}, auth={}, deadline_s=30.0)
        before, began = unit.mount.pose(unit.clock()), time.monotonic()
        movement = moving.move(camera, told, max_away_s=AWAY_S, intent_file=Path(folder) / "moving.json")
        took_s, after = time.monotonic() - began, unit.mount.pose(unit.clock())
    evidence = replace(Evidence(slot=name, capabilities=told), movement=movement)
    persona = personas()[name]
    expected = {**persona.expect, **persona.expect_moved}
    found = {verdict.clause: verdict for verdict in judge(evidence, POLICY)}
    wrong = tuple(
        f"{clause}: {found[clause].standing} {found[clause].reason} {found[clause].proof}"
        for clause in MOVED
        if found[clause].standing != expected[clause]
    )
    stands = abs((after.pan - before.pan + 180) % 360 - 180) < 1 and abs(after.zoom / before.zoom - 1) < 0.03
    drifting = "drifts" in persona.quirks
    return Run(name, seed, wrong, movement.restored and (stands or drifting), movement.faults, took_s)


def _line(run: Run) -> str:
    verdict = "wrong: " + "; ".join(run.wrong) if run.wrong else "right"
    back = "" if run.restored else ", NOT RESTORED"
    return f"{run.persona} #{run.seed}: {verdict}{back} ({run.took_s:.0f} s) {' '.join(run.faults)}"


def _table(names: list[str], runs: list[Run]) -> None:
    print("| persona | judged right | view restored | longest, s |\n|---|---|---|---|")
    for name in names:
        own = [run for run in runs if run.persona == name]
        right, back = sum(not run.wrong for run in own), sum(run.restored for run in own)
        print(f"| {name} | {right} / {len(own)} | {back} / {len(own)} | {max(run.took_s for run in own):.0f} |")


if __name__ == "__main__":
    for figure in figures(quick="--quick" in sys.argv):
        print(figure)
