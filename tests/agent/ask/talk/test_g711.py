"""G.711 against the tables of the Recommendation (ITU-T G.711, 11/88)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ask.talk import g711

MILLIWATT = {"PCMU": "1E0B0B1E9E8B8B9E", "PCMA": "34212134B4A1A1B4"}
"""A sine of 1 kHz at 0 dBm0: tables 6/G.711 and 5/G.711."""
PERIOD = {"PCMU": (2207, 5215), "PCMA": (1120, 2624)}
"""The values of its two codes in table 2/G.711 (of 14 bits) and table 1/G.711 (of 13 bits)."""
UNIT = {"PCMU": 4, "PCMA": 8}
"""Of the tables' values, in 16 bits."""
MU_VALUES = (
    (0xFF, 0),
    (0xFE, 2),
    (0xF0, 30),
    (0xEF, 33),
    (0xE0, 93),
    (0xDF, 99),
    (0x8F, 4191),
    (0x80, 8031),
    (0, -8031),
)
A_VALUES = (
    (0xD5, 1),
    (0xD4, 3),
    (0xC5, 33),
    (0xF5, 66),
    (0xE5, 132),
    (0x95, 264),
    (0xAA, 4032),
    (0x55, -1),
    (0x2A, -4032),
)
VALUES = [("PCMU", *row) for row in MU_VALUES] + [("PCMA", *row) for row in A_VALUES]
"""Codes and their values: both ends, and the borders of segments."""
MU_STEPS = ((0, 0xFF), (1, 0xFE), (3, 0xFD), (30, 0xF0), (31, 0xEF), (35, 0xEE), (95, 0xDF), (4063, 0x8F), (8159, 0x80))
A_STEPS = (
    (0, 0xD5),
    (1, 0xD5),
    (2, 0xD4),
    (64, 0xF5),
    (68, 0xF4),
    (128, 0xE5),
    (2047, 0xBA),
    (2048, 0xA5),
    (4095, 0xAA),
)
STEPS = [("PCMU", *row) for row in MU_STEPS] + [("PCMA", *row) for row in A_STEPS]
"""Decision values, and the code of what begins there."""


@pytest.mark.parametrize("codec", g711.CODECS)
def test_the_digital_milliwatt(codec: str) -> None:
    """The Recommendation's own sine is decoded to the values of its tables, and coded back to the same bytes."""
    sine, (low, high) = bytes.fromhex(MILLIWATT[codec]), PERIOD[codec]
    assert g711.decode(codec, sine) == [
        UNIT[codec] * value for value in (-low, -high, -high, -low, low, high, high, low)
    ]
    assert g711.encode(codec, g711.decode(codec, sine)) == sine


@pytest.mark.parametrize(("codec", "code", "value"), VALUES)
def test_values(codec: str, code: int, value: int) -> None:
    """Codes at the borders of the segments have the table's values."""
    assert g711.decode(codec, bytes([code])) == [UNIT[codec] * value]


@pytest.mark.parametrize(("codec", "value", "code"), STEPS)
def test_decision_values(codec: str, value: int, code: int) -> None:
    """A value is coded from its decision value on, and not just below it."""
    assert g711.encode(codec, [UNIT[codec] * value]) == bytes([code])


@pytest.mark.parametrize("codec", g711.CODECS)
def test_every_code_returns(codec: str) -> None:
    """Each code decodes to a value that is coded so; mu-law alone has two zeros."""
    codes = bytes(range(256))
    again = g711.encode(codec, g711.decode(codec, codes))
    assert [code for code, back in zip(codes, again, strict=True) if code != back] == (
        [0x7F] if codec == "PCMU" else []
    )


@pytest.mark.parametrize("codec", g711.CODECS)
def test_error_is_within_half_a_step(codec: str) -> None:
    """No sample of 16 bits is changed by more than 1/32 of itself and the smallest step; louder ones stay louder."""
    samples = range(-32768, 32768)
    heard = g711.decode(codec, g711.encode(codec, samples))
    assert all(abs(a - b) <= abs(a) / 32 + 8 or abs(a) > 32124 for a, b in zip(samples, heard, strict=True))
    assert heard == sorted(heard)


@given(st.lists(st.integers(-(10**6), 10**6), max_size=50), st.sampled_from(g711.CODECS))
def test_any_sample_is_coded(samples: list[int], codec: str) -> None:
    """Samples beyond 16 bits are clipped, never an error."""
    clipped = [min(max(sample, -32768), 32767) for sample in samples]
    assert g711.encode(codec, samples) == g711.encode(codec, clipped)
