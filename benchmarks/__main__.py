"""`scripts/bench [--check] [--quick] [NAME...]`: measures, prints a table, with --check fails on a miss.

A benchmark that was named and could not be measured fails in any case.

A complete run (no NAME, not --quick) writes docs/benchmarks/, any other var/benchmarks/.
"""

import argparse
import compileall
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import daemon, discovery, measure, probe, report, wire
from benchmarks.measure import Figure

BENCHMARKS: dict[str, Callable[[bool], list[Figure]]] = {
    "probe": lambda quick: probe.probe(probe.QUICK if quick else probe.COMPLETE),
    "discovery": lambda quick: discovery.discovery(2 if quick else 5),
    "wire": lambda quick: wire.wire(10 if quick else 60),
    "start": lambda quick: daemon.first_look(5 if quick else 11),
    "looks": lambda quick: daemon.looks(5, 100 if quick else 300),
    "resources": lambda quick: daemon.resources(10 if quick else 120),
    "pulled": lambda quick: daemon.pulled(look_s=10 if quick else 30),
}
"""Those that a run without names makes: together some 13 minutes, `--quick` 3."""


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


def _center(quick: bool) -> list[Figure]:
    from benchmarks import intake, province, rebuilt

    return [*intake.figures(quick), *province.figures(quick), *rebuilt.figures(quick)]


def _messages(quick: bool) -> list[Figure]:
    from benchmarks import messages

    return messages.figures(quick)


def _web(quick: bool) -> list[Figure]:
    from benchmarks import web

    return web.figures(quick)


def _truth(quick: bool) -> list[Figure]:
    from benchmarks.truth import bench

    return bench.measured(quick)


NAMED: dict[str, Callable[[bool], list[Figure]]] = {
    "picture": _picture,
    "movement": _movement,
    "picture-cost": _picture_cost,
    "center": _center,
    "messages": _messages,
    "web": _web,
    "truth": _truth,
}
"""Only where named. On two idle cores picture takes 3 minutes (`--quick` 1), movement 2 hours (3 minutes), picture-cost
5 minutes (2), center 12 minutes (3). truth needs root and takes 23 minutes (7) on any machine."""


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
    figures, failed, began = _measured(arguments.names or list(BENCHMARKS), arguments.quick)
    print(f"{measure.machine()}\n\n{measure.table(figures)}")
    complete = not arguments.names and not arguments.quick
    folder = Path("docs" if complete else "var") / "benchmarks"
    report.write(folder, figures, failed, began)
    print(f"written to {folder}", file=sys.stderr)
    missed = [f"{one.name}: {one.what}: {one.value:.3g} {one.unit}, goal {one.goal:g}" for one in figures if one.missed]
    for line in (*missed, *(f"{name}: not measured: {why}" for name, why in failed.items())):
        print(f"missed {line}", file=sys.stderr)
    return 1 if ((missed or failed) and arguments.check) or (failed and arguments.names) else 0


def _measured(names: list[str], quick: bool) -> tuple[list[Figure], dict[str, str], float]:
    """The figures, what could not be measured and why, and when it began: one that breaks costs no other."""
    figures: list[Figure] = []
    failed: dict[str, str] = {}
    began = time.monotonic()
    for name in names:
        print(f"{time.monotonic() - began:5.0f} s  measuring {name} ...", file=sys.stderr)
        try:
            figures += (BENCHMARKS | NAMED)[name](quick)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}".strip().splitlines()[-1][:300]
    return figures, failed, began


if __name__ == "__main__":
    sys.exit(main())
