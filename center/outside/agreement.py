"""How far what a person saw agrees with what was computed, with the bound that its number allows. Pure."""

import math
from collections.abc import Callable
from typing import NamedTuple

CONFIDENCE = 0.95
_STEPS = 200
"""Halvings: far below what is printed."""


class Bound(NamedTuple):
    """Clopper-Pearson: shares that are not refuted by k of n at this confidence."""

    low: float
    high: float


def clopper_pearson(k: int, n: int, confidence: float = CONFIDENCE) -> Bound:
    """Of n independent trials k came true. Exact, and never too narrow. Clopper and Pearson, Biometrika 26 (1934)."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n}")
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else _root(lambda p: at_least(k, n, p) < tail)
    high = 1.0 if k == n else _root(lambda p: 1 - at_least(k + 1, n, p) > tail)
    return Bound(low, high)


def at_least(k: int, n: int, p: float) -> float:
    """The chance of k or more of n at a share of p, strictly between 0 and 1."""
    logs = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(p) + (n - i) * math.log1p(-p)
        for i in range(k, n + 1)
    ]
    return math.fsum(math.exp(one) for one in logs)


def _root(below: Callable[[float], bool]) -> float:
    """Where a condition that holds for small shares ends to hold."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


def printed(bound: Bound) -> tuple[str, str]:
    """Outwards to two decimals: a bound is never rounded to a better one."""
    low, high = math.floor(bound.low * 10_000), math.ceil(bound.high * 10_000)
    return f"{low // 100}.{low % 100:02d}%", f"{high // 100}.{high % 100:02d}%"
