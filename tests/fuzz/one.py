"""One target fuzzed in this process until its runs or seconds are over: by atheris, or by mutation without feedback.

Run by scripts/fuzz, a process for each target; a finding is written down and ends the process with 1.
"""

import argparse
import contextlib
import logging
import os
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

SLOW_S = 10
"""A single input that takes so long is a finding."""
_RSS_MB = 1_024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True, help="0 = no limit")
    parser.add_argument("--mutate", action="store_true", help="without atheris")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # a parser that warns of bad input would write a million lines
    (_mutated if given.mutate else _guided)(given.target, given.runs, given.seconds)


def _guided(name: str, runs: int, seconds: int) -> None:
    """Coverage-guided, by libFuzzer inside atheris, which prints its own account and never returns."""
    import atheris

    with atheris.instrument_imports(include=["agent", "contract", "center"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-runs={runs}",
        f"-max_total_time={seconds}",
        f"-max_len={target.max_bytes}",
        f"-timeout={SLOW_S}",
        f"-rss_limit_mb={_RSS_MB}",
        f"-artifact_prefix={corpus}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.run)
    atheris.Fuzz()


# ---- without atheris ----------------------------------------------------------------------------


def _mutated(name: str, runs: int, seconds: int) -> None:
    """Seeds changed at random; the same lines at the end as libFuzzer prints."""
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    seeds = [seed[: target.max_bytes] for seed in target.seeds()]
    rng, began, done = random.Random(0), time.monotonic(), 0
    for done in range(1, runs + 1):
        data = mutated(rng, seeds, target.max_bytes) if done > len(seeds) else seeds[done - 1]
        start = time.monotonic()
        try:
            target.run(data)
            if time.monotonic() - start > SLOW_S:
                raise TimeoutError(f"one input took longer than {SLOW_S} s")
        except Exception:
            traceback.print_exc()
            _keep(name, data)
            os._exit(1)
        if seconds and not done % 64 and time.monotonic() - began > seconds:
            break
    took_s = max(time.monotonic() - began, 0.001)
    print(f"stat::number_of_executed_units: {done}\nstat::average_exec_per_sec: {int(done / took_s)}", file=sys.stderr)


def mutated(rng: random.Random, seeds: list[bytes], limit: int) -> bytes:
    """A seed with a few pieces flipped, cut, doubled, or taken from another."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 2, 4, 8, 32))):
        at, size = rng.randint(0, len(data)), rng.choice((1, 1, 2, 4, 16, 64))
        match rng.randrange(5):
            case 0:
                data[at : at + size] = rng.randbytes(size)
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = data[at : at + size] * rng.choice((1, 2, 50))
            case 3:
                other = rng.choice(seeds)
                start = rng.randint(0, len(other))
                data[at:at] = other[start : start + size]
            case _:
                data[at : at + 1] = bytes((rng.choice(b"\0\xff<>&\"'\r\n:;,=@/% 0-[]{}"),))
    return bytes(data[:limit])


def _keep(name: str, data: bytes) -> None:
    handle, path = tempfile.mkstemp(prefix=f"crash-{name}-")
    with contextlib.suppress(OSError), os.fdopen(handle, "wb") as file:
        file.write(data)
    print(f"Test unit written to {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
