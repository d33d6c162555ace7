"""A chirp to play, and how surely a recording holds it: matched filtering in integers, without a numerical library.

Pure.
"""

import math
from array import array
from collections.abc import Sequence
from functools import cache
from itertools import accumulate, pairwise

from agent.ask.talk.g711 import RATE_HZ

LENGTH_S = 1.0
LOW_HZ, HIGH_HZ = 500, 3_000
"""What small loudspeakers and G.711 both carry."""
_ORDER = (3, 6, 1, 7, 0, 4, 2, 5)  # out of order, so that no siren, whistle or lift bell sounds like it
_AMPLITUDE = 16_000  # half of full scale: loud, and not distorted by the amplifier
_FADE_S = 0.02  # so that it begins and ends without a click
_WORD_BYTES = 8
_HALF = 1 << 63
_SHIFT = 1 << 32


@cache
def chirp() -> tuple[int, ...]:
    """16-bit samples at 8 kHz: rising from LOW_HZ to HIGH_HZ in eight pieces out of order, without a jump in phase."""
    count, fade = round(LENGTH_S * RATE_HZ), _FADE_S * RATE_HZ
    phases = accumulate(2 * math.pi / RATE_HZ * _hertz(n / count) for n in range(count))
    loudness = (min(1.0, n / fade, (count - n) / fade) for n in range(count))
    return tuple(round(_AMPLITUDE * loud * math.sin(phase)) for loud, phase in zip(loudness, phases, strict=True))


def _hertz(at: float) -> float:
    """The frequency after this share 0..1 of the chirp."""
    piece, within = divmod(at * len(_ORDER), 1)
    return LOW_HZ + (HIGH_HZ - LOW_HZ) * (_ORDER[int(piece)] + within) / len(_ORDER)


def correlation(sent: Sequence[int], heard: Sequence[int]) -> float:
    """0..1: the greatest normalised cross-correlation of `sent` with any equally long piece of `heard`.

    Both of 16-bit samples; 0 when `heard` is shorter than `sent`. Both are differentiated first: the hum of fans and
    extraction hoods is low, and would outweigh what a small loudspeaker can do.
    """
    pattern, signal = _differences(sent), _differences(heard)
    if not pattern or len(signal) < len(pattern):
        return 0.0
    energy = sum(x * x for x in pattern)
    sums = list(accumulate((x * x for x in signal), initial=0))
    windows = (end - start for start, end in zip(sums, sums[len(pattern) :], strict=False))
    products = _products(pattern, signal)
    best = max((p * p / (energy * window) for p, window in zip(products, windows, strict=True) if window), default=0.0)
    return math.sqrt(min(best, 1.0))


def _differences(samples: Sequence[int]) -> list[int]:
    return [b - a for a, b in pairwise(samples)]


def _products(pattern: list[int], signal: list[int]) -> list[int]:
    """The sum of products at each place where `pattern` fits into `signal`.

    Correlating is multiplying polynomials, and those multiply as whole numbers do when each coefficient has 64 bits to
    itself (Kronecker substitution): 0.1 s where a loop takes 5 s. |coefficient| < 2**32 * len(pattern) < 2**63.
    """
    count = len(pattern) + len(signal) - 1
    product = _number(pattern[::-1]) * _number(signal) + _HALF * _ones(count)
    words = array("Q", product.to_bytes(_WORD_BYTES * count, "little"))
    return [word - _HALF for word in words[len(pattern) - 1 : len(signal)]]


def _number(coefficients: list[int]) -> int:
    """The coefficients, each below 2**32 in size, as the digits of one number in base 2**64."""
    shifted = array("Q", [c + _SHIFT for c in coefficients])
    return int.from_bytes(shifted.tobytes(), "little") - _SHIFT * _ones(len(coefficients))


def _ones(count: int) -> int:
    """The number whose `count` digits are all 1."""
    return int.from_bytes(array("Q", [1]).tobytes() * count, "little")
