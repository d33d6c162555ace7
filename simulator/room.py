"""The kitchen's sound: what the speaker plays comes back to the microphone through the room, late and with echoes.

Sound is 8 kHz, 16 bits linear; a sample's number is its monotonic time times 8000. It must not know RTSP.
"""

import math
import random
from array import array
from functools import cache

from simulator.g711 import linear_of_a_law, linear_of_mu_law, mu_law

RATE = 8_000
KEPT = 4 * RATE
"""How many samples the room remembers."""
BUFFER_S = 0.1
"""What a camera gathers before it plays, against jitter of the network."""
HOLD_S = 0.3
"""How long a half-duplex microphone stays shut after the last word."""
SILENCE = b"\xff"
AMBIENT = 180
"""Loudness of the fans."""


@cache
def _ambient() -> tuple[int, ...]:
    """A second of fans and mains hum, and its beginning once more."""
    dice = random.Random(50)
    second = [round(dice.gauss(0, AMBIENT) + 120 * math.sin(i * math.tau * 50 / RATE)) for i in range(RATE)]
    return (*second, *second)


@cache
def _quiet() -> bytes:
    return bytes(map(mu_law, _ambient()))


class Room:
    """One camera's speaker, room and microphone. `seed` makes the walls."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)
        first = dice.uniform(0.005, 0.17)
        later = [(first + dice.uniform(0.002, 0.06), dice.choice((-1, 1)) * dice.uniform(0.03, 0.15)) for _ in range(5)]
        self._echoes = [(int(s * RATE), gain) for s, gain in ((first, 0.6), *later)]
        self._air = array("h", bytes(2 * KEPT))
        self._played_to = -math.inf

    @property
    def talking_until(self) -> float:
        """When the last word that came is played to its end, seconds."""
        return self._played_to / RATE

    def speak(self, payload: bytes, codec: str, now: float) -> None:
        """The speaker plays a packet: after the one before, or after a short wait where it had run dry."""
        table = linear_of_a_law if codec == "PCMA" else linear_of_mu_law
        start = int(self._played_to if self._played_to >= now * RATE else (now + BUFFER_S) * RATE)
        if start > now * RATE + KEPT // 4:
            return  # sent faster than it can be played: thrown away, as cameras do
        if math.isinf(self._played_to) or start - self._played_to > KEPT // 2:
            self._air = array("h", bytes(2 * KEPT))
        elif start > self._played_to:
            self._write(int(self._played_to), array("h", bytes(2 * int(start - self._played_to))))
        self._write(start, array("h", [table[byte] for byte in payload]))
        self._played_to = start + len(payload)

    def _write(self, start: int, samples: "array[int]") -> None:
        for i, sample in enumerate(samples):
            self._air[(start + i) % KEPT] = sample

    def hear(self, first: int, count: int, *, deafened: bool = False) -> bytes:
        """`count` samples from number `first` on as the microphone has them, mu-law; `deafened`: it is switched off."""
        if deafened:
            return SILENCE * count
        at = first % RATE
        if first > self._played_to + RATE // 2:
            return _quiet()[at : at + count]
        sound = list(_ambient()[at : at + count])
        for late, gain in self._echoes:
            for i in range(count):
                if (number := first + i - late) < self._played_to:
                    sound[i] += round(gain * self._air[number % KEPT])
        return bytes(mu_law(sample) for sample in sound)
