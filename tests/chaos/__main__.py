"""`scripts/chaos [--quick] [--cycles N] [--minutes N] [NAME...]`: does harm, prints each figure beside its goal."""

import argparse
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks import measure
from benchmarks.measure import Figure
from tests.chaos import away, cameras, clock, disk, foreign, kill, loss, power, soak, stop, uplink
from tests.chaos.options import Options, is_root


class Scenario(NamedTuple):
    about: str
    parts: tuple[Callable[[Options], list[Figure]], ...]
    root: str = ""
    """What it needs root for; "" = it does not."""


SCENARIOS = {
    "kill": Scenario("R1 R2 R3: kill -9 of agent, broker, center, mixed", (kill.forgetful, kill.keeping)),
    "stop": Scenario("R1 R3: SIGSTOP of agent, broker, center; the center long away", (stop.frozen, stop.absent)),
    "power": Scenario("R4: power cuts", (power.run,), "loop mounts"),
    "uplink": Scenario(
        "R5 R8: 14 days without uplink; a half-open one",
        (uplink.field, uplink.flapping, uplink.spread, uplink.half_open, uplink.quiet),
    ),
    "disk": Scenario("R6: disk full, read-only", (disk.filled, disk.protected), "mounts"),
    "card": Scenario("R6: the journal corrupt, or back in time", (disk.spoilt, disk.went_back)),
    "clock": Scenario("R7: boot in 1970, leaps of ten years", (clock.run,)),
    "cameras": Scenario("R9 R10 P11: cameras named right and in time; a hostile one", (cameras.named, cameras.hostile)),
    "loss": Scenario("R9: 30 % of all datagrams lost; a port behind a firewall", (loss.run,), "network namespaces"),
    "foreign": Scenario("T5: three foreign servers for --minutes; none is called what it is not", (foreign.run,)),
    "away": Scenario("the readings: the agent away for ten minutes", (away.run,)),
    "soak": Scenario("S9 R1: random faults for --minutes; nothing grows", (soak.run,)),
}
LONG = (uplink.flapping, uplink.quiet, foreign.run)
"""Parts that --quick leaves out."""
QUICK_AT_ONCE = 7
"""Parts are mostly waiting; so many at once load two cores."""
QUICK = {"cycles": 14, "minutes": 0.5}


def main() -> int:
    options, names = _arguments()
    asked = bool(names)
    figures: list[Figure] = []
    failed: list[str] = []
    with ThreadPoolExecutor(QUICK_AT_ONCE if options.quick else 1) as pool:
        going = []
        for name in names or SCENARIOS:
            one = SCENARIOS[name]
            if one.root and not is_root():
                print(f"chaos: {name} needs root ({one.root}): skipped", file=sys.stderr)
                failed += [f"{name}: needs root ({one.root})"] if asked else []
                continue
            parts = [part for part in one.parts if not (options.quick and part in LONG)]
            going += [pool.submit(_carry_out, name, part, options, failed) for part in parts]
        for one_going in going:
            figures += one_going.result()
    print(f"{measure.machine()}\n\n{measure.table(figures)}")
    failed += [
        f"{one.name}: {one.what}: {one.value:.3g} {one.unit}, goal {one.goal:g}" for one in figures if one.missed
    ]
    for line in failed:
        print(f"missed {line}", file=sys.stderr)
    return 1 if failed else 0


def _carry_out(name: str, part: Callable[[Options], list[Figure]], options: Options, failed: list[str]) -> list[Figure]:
    began = time.monotonic()
    print(f"chaos: {name} {part.__name__} ...", file=sys.stderr, flush=True)
    homes: list[Path] = []
    try:
        found = part(options._replace(homes=homes))
    except Exception:
        traceback.print_exc()
        print(f"kept: {', '.join(map(str, homes))}", file=sys.stderr)
        failed.append(f"{name}: {part.__name__} could not be carried through, see above")
        return []
    if options.keep or any(one.missed for one in found):
        print(f"kept, with images, logs and databases: {', '.join(map(str, homes))}", file=sys.stderr)
    else:
        for home in homes:
            shutil.rmtree(home, ignore_errors=True)
    print(f"{measure.table(found)}\n\n{name} {part.__name__}: {time.monotonic() - began:.0f} s\n", flush=True)
    return found


def _arguments() -> tuple[Options, list[str]]:
    lines = "\n".join(f"  {name:9} {one.about}{' (root)' if one.root else ''}" for name, one in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Faults done to a whole canteen, and what is left of its promises. Exit code 1 when one is missed.",
        epilog=f"scenarios, default all:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="everything small, in a few minutes")
    parser.add_argument("--cycles", type=int, help="kills in all (350)")
    parser.add_argument("--minutes", type=float, help="length of the soak and of the foreign servers (30)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave every folder with its logs and databases")
    given = parser.parse_args()
    for name in given.names:
        if name not in SCENARIOS:
            parser.error(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    sizes = QUICK if given.quick else {"cycles": 350, "minutes": 30.0}
    options = Options(
        quick=given.quick,
        cycles=int(given.cycles or sizes["cycles"]),
        minutes=float(given.minutes or sizes["minutes"]),
        seed=given.seed,
        keep=given.keep,
    )
    return options, given.names


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
