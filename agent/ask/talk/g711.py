"""G.711 (ITU-T G.711, 1988): mu-law and A-law, to and from linear samples of 16 bits.

Pure, by tables.
"""

from collections.abc import Callable, Iterable
from functools import cache

RATE_HZ = 8_000
CODECS = ("PCMU", "PCMA")
"""Their names in RTP (RFC 3551, 4.5.14)."""
_ULAW_BIAS = 33
_ULAW_CLIP = 8_158  # of 14 bits: the last decision value is 8159
_ALAW_CLIP = 4_095  # of 13 bits


def encode(codec: str, samples: Iterable[int]) -> bytes:
    """One byte for each sample; samples beyond 16 bits are clipped. `codec`: PCMU or PCMA."""
    table, shift = _encoder(codec), 2 if codec == "PCMU" else 3
    return bytes(table[(min(max(sample, -32768), 32767) >> shift)] for sample in samples)


def decode(codec: str, data: bytes) -> list[int]:
    """One sample, -32768..32767, for each byte. `codec`: PCMU or PCMA."""
    table = _decoder(codec)
    return [table[byte] for byte in data]


@cache
def _encoder(codec: str) -> bytes:
    """Code of each linear value; index -1 is the value -1, as Python counts from the end."""
    code, half = (_ulaw_code, 8_192) if codec == "PCMU" else (_alaw_code, 4_096)
    return bytes(code(value if value < half else value - 2 * half) for value in range(2 * half))


@cache
def _decoder(codec: str) -> tuple[int, ...]:
    value: Callable[[int], int] = _ulaw_value if codec == "PCMU" else _alaw_value
    return tuple(map(value, range(256)))


def _ulaw_code(value: int) -> int:
    """Of a 14-bit value. Table 2/G.711: eight segments of 16 steps, each twice as steep; all bits inverted."""
    magnitude = min(value if value >= 0 else -value, _ULAW_CLIP) + _ULAW_BIAS
    segment = magnitude.bit_length() - 6
    return ~((value < 0) << 7 | segment << 4 | magnitude >> segment + 1 & 0x0F) & 0xFF


def _ulaw_value(code: int) -> int:
    code = ~code
    segment, step = code >> 4 & 0x07, code & 0x0F
    magnitude = (2 * step + _ULAW_BIAS << segment) - _ULAW_BIAS
    return (-magnitude if code & 0x80 else magnitude) << 2


def _alaw_code(value: int) -> int:
    """Of a 13-bit value. Table 1/G.711: the first two segments alike, even bits inverted, sign bit set for plus."""
    magnitude = min(value if value >= 0 else ~value, _ALAW_CLIP)
    segment = max(magnitude.bit_length() - 5, 0)
    step = magnitude >> (segment or 1) & 0x0F
    return ((value >= 0) << 7 | segment << 4 | step) ^ 0x55


def _alaw_value(code: int) -> int:
    code ^= 0x55
    segment, step = code >> 4 & 0x07, code & 0x0F
    magnitude = 2 * step + 1 if segment == 0 else 2 * step + _ULAW_BIAS << segment - 1
    return (magnitude if code & 0x80 else -magnitude) << 3
