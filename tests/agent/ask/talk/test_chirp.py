"""A chirp found in what a kitchen sounds like, and not found where it is not."""

import math
import random
import time
from itertools import accumulate, pairwise

import pytest

from agent.ask.talk import chirp, g711
from contract.policy import load_policy

LEAST = load_policy("henan-2021-45").capability.min_talk_correlation.value
SECONDS = 2.3


def kitchen(kind: str, dice: random.Random) -> list[float]:
    """Noise of the same power whatever its kind."""
    count = round(SECONDS * g711.RATE_HZ)
    hiss = [dice.gauss(0, 1) for _ in range(count)]
    if kind == "white":
        sound = hiss
    elif kind == "fan":
        sound, level = [], 0.0
        for n, x in enumerate(hiss):
            level = 0.98 * level + x
            sound.append(level + 5 * sum(math.sin(n * k * 0.076) / k for k in range(1, 6)))
    elif kind == "siren":
        hertz, length = sorted(dice.uniform(300, 3500) for _ in range(2)), dice.uniform(0.3, 3.0) * g711.RATE_HZ
        phases = accumulate(hertz[0] + (hertz[1] - hertz[0]) * (n / length % 1) for n in range(count))
        sound = [math.sin(2 * math.pi * phase / g711.RATE_HZ) for phase in phases]
    else:  # clatter of pans
        sound = [0.1 * x for x in hiss]
        for _ in range(15):
            start, tone = dice.randrange(count), dice.uniform(400, 3600)
            for n in range(min(count - start, 2000)):
                sound[start + n] += 3 * math.exp(-n / 400) * math.sin(2 * math.pi * tone * n / 8000)
    power = math.sqrt(sum(x * x for x in sound) / count)
    return [x / power for x in sound]


def heard(kind: str, seed: int, db: float | None) -> float:
    """The correlation with a chirp `db` louder than the kitchen (None = no chirp), with echoes, through mu-law."""
    dice = random.Random(seed)
    sound = [1000 * x for x in kitchen(kind, dice)]
    if db is not None:
        gain = 1000 * 10 ** (db / 20) / 11_000
        echoes = [(0, 1.0)] + [(dice.randrange(20, 2000), dice.uniform(-0.3, 0.3)) for _ in range(8)]
        start = dice.randrange(3500, 6000)
        for late, loud in echoes:
            for n, x in enumerate(chirp.chirp()):
                sound[start + late + n] += gain * loud * x
    coded = g711.encode("PCMU", [round(x) for x in sound])
    return chirp.correlation(chirp.chirp(), g711.decode("PCMU", coded))


@pytest.mark.parametrize("kind", ["white", "fan", "siren", "clatter"])
@pytest.mark.parametrize("seed", range(3))
def test_a_kitchen_alone_is_no_chirp(kind: str, seed: int) -> None:
    """Noise, fans, sirens and pans stay below what the policy calls heard."""
    assert heard(kind, seed, None) < LEAST


@pytest.mark.parametrize("kind", ["white", "fan", "siren", "clatter"])
def test_a_chirp_as_loud_as_the_kitchen_is_heard(kind: str) -> None:
    """With echoes and at 0 dB the chirp is heard."""
    assert heard(kind, 1, 0) >= LEAST


def test_the_chirp() -> None:
    """One second within half of full scale, silent at both ends, in the band that small loudspeakers carry."""
    sound = chirp.chirp()
    assert (len(sound), sound[0]) == (8000, 0)
    assert 15_000 < max(map(abs, sound)) <= 16_000
    assert max(map(abs, sound[-3:])) < 500
    crossings = sum((a < 0) != (b < 0) for a, b in pairwise(sound))
    assert crossings == pytest.approx(chirp.LOW_HZ + chirp.HIGH_HZ, rel=0.02)  # twice the mean frequency


def test_correlation() -> None:
    """1 for the chirp itself however quiet or upside down, 0 for silence, and for what is shorter than the chirp."""
    sound = chirp.chirp()
    assert chirp.correlation(sound, sound) == 1.0
    assert chirp.correlation(sound, [0] * 500 + [-x // 16 for x in sound] + [0] * 99) > 0.99
    assert (
        chirp.correlation(sound, [0] * 20_000) == chirp.correlation(sound, sound[1:]) == chirp.correlation((), ()) == 0
    )
    assert chirp.correlation(sound, [32767, -32768] * 10_000) < 0.01


def test_correlation_is_cheap() -> None:
    """Five seconds of sound take less than a second of CPU, of a box that is four times slower too."""
    dice = random.Random(1)
    sound = [dice.randrange(-32768, 32768) for _ in range(5 * g711.RATE_HZ)]
    began = time.process_time()
    chirp.correlation(chirp.chirp(), sound)
    assert time.process_time() - began < 1.0
