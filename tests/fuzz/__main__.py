"""Fuzzes the parsers one after the other and prints, for each, runs, runs per second and what was found.

Behind scripts/fuzz; exits 1 when anything was found, 2 when it was called wrongly.
"""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from tests.fuzz.targets import TARGETS

RUNS = 1_000_000
_DONE = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_KEPT = re.compile(r"Test unit written to (\S+)")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help=f"default: all of {', '.join(TARGETS)}")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each target; default {RUNS:,}")
    parser.add_argument("--seconds", type=int, default=0, help="of each target at most; 0 = no limit")
    given = parser.parse_args()
    unknown = [name for name in given.target if name not in TARGETS]
    if unknown or given.runs < 1 or given.seconds < 0:
        parser.error(f"no such target: {', '.join(unknown)}" if unknown else "--runs from 1, --seconds from 0")
    guided = importlib.util.find_spec("atheris") is not None
    if not guided:
        print(
            "! atheris is not installed, and perhaps there is none for this Python: inputs are mutated\n"
            "! without coverage feedback, which finds less. To install it: .venv/bin/pip install -e '.[fuzz]'",
            file=sys.stderr,
        )
    print("| target | runs | runs/s | result |\n|---|---|---|---|", flush=True)
    found = [name for name in given.target or TARGETS if not _fuzzed(name, given.runs, given.seconds, guided=guided)]
    print(f"{len(found)} of them found something: {', '.join(found)}" if found else "nothing found")
    return 1 if found else 0


def _fuzzed(name: str, runs: int, seconds: int, *, guided: bool) -> bool:
    """Whether the target came through; its last words are printed if not."""
    command = [sys.executable, "-m", "tests.fuzz.one", name, f"--runs={runs}", f"--seconds={seconds}"]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        done = subprocess.run(
            command if guided else [*command, "--mutate"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=os.environ | {"TMPDIR": scratch},
            check=False,
        )
        kept = _KEPT.search(done.stdout)
        finding = shutil.move(kept[1], tempfile.mkdtemp(prefix=f"fuzz-{name}-")) if kept else "-"
    took_s = time.monotonic() - began
    counted = _DONE.search(done.stdout)
    number = int(counted[1]) if counted else 0
    result = "nothing found" if done.returncode == 0 and number else f"FOUND, input in {finding}"
    native = " (C parser inside: not guided there)" if TARGETS[name].native else ""
    print(f"| {name} | {number:,} | {number / took_s:,.0f} | {result}{native} |", flush=True)
    if done.returncode or not number:
        print("\n".join(done.stdout.splitlines()[-60:]), file=sys.stderr)
    return done.returncode == 0 and number > 0


if __name__ == "__main__":
    sys.exit(main())
