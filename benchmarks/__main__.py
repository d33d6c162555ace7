"""`scripts/bench [--check] [--quick] [NAME...]`: measures, prints a table, with --check fails on a miss."""

import argparse
import compileall
import sys
from collections.abc import Callable

from benchmarks import daemon, measure
from benchmarks.measure import Figure

BENCHMARKS: dict[str, Callable[[bool], list[Figure]]] = {
    "start": lambda quick: daemon.first_look(5 if quick else 11),
    "looks": lambda quick: daemon.looks(5, 100 if quick else 300),
    "resources": lambda quick: daemon.resources(30 if quick else 120),
    "pulled": lambda _: daemon.pulled(),
}
"""Those that a run without names makes: together some 15 minutes, `--quick` 5."""


def _picture(quick: bool) -> list[Figure]:
    from benchmarks import quality  # loads cv2, as all of these do, which the daemon's measures must not

    return quality.figures(quick)


def _movement(quick: bool) -> list[Figure]:
    from benchmarks import examined, movement

    seeds = range(1 if quick else movement.RUNS)
    return movement.figures(seeds) + examined.figures(seeds)


def _picture_cost(quick: bool) -> list[Figure]:
    from benchmarks import picture_cost

    return picture_cost.figures(quick)


NAMED: dict[str, Callable[[bool], list[Figure]]] = {
    "picture": _picture,
    "movement": _movement,
    "picture-cost": _picture_cost,
}
"""Only where named. On two idle cores picture takes 3 minutes (`--quick` 1), movement 2 hours (3 minutes), picture-cost
5 minutes (2)."""


def _names() -> str:
    return f"of {', '.join(BENCHMARKS)} (default: these); of {', '.join(NAMED)} (long)"


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Figures, side by side, in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=_names())
    parser.add_argument("--check", action="store_true", help="exit 1 and name every goal that was missed")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS | NAMED]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS | NAMED)}")
    for package in ("agent", "contract", "center", "simulator"):  # installed packages are compiled; so are these now
        compileall.compile_dir(package, quiet=1)
    figures: list[Figure] = []
    for name in arguments.names or BENCHMARKS:
        print(f"measuring {name} ...", file=sys.stderr)
        figures += (BENCHMARKS | NAMED)[name](arguments.quick)
    print(f"{measure.machine()}\n\n{measure.table(figures)}")
    missed = [f"{one.name}: {one.what}: {one.value:.3g} {one.unit}, goal {one.goal:g}" for one in figures if one.missed]
    for line in missed:
        print(f"missed {line}", file=sys.stderr)
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
