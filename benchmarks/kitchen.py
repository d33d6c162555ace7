"""Visits to the simulated kitchen: its scenes and its picture faults, by the codes that are to be found in them."""

import numpy as np

from benchmarks.photographs import HEIGHT, WIDTH, Frame
from benchmarks.visits import GOP, GROUPS, SETTLED, SHOWN, WAYS, Rng, Visit, encoded
from simulator.kitchen.darkroom import develop
from simulator.shot import FREEZING, SCENES, Shot

FAULTS = {
    "black": "signal_loss",
    "blue": "signal_loss",
    "dark": "luma dark",
    "overbright": "luma bright",
    "blur": "blur",
    "chroma": "chroma",
    "noise": "noise",
    "streak": "streak",
    "cover": "block",
    "jitter": "jitter",
    "turned-away": "scene_change",
    "freeze": "freeze",
    "freeze-all": "freeze",
}
"""The simulator's word, and the code (with the side, for luma)."""
_LOOP = 24
_COLOURLESS = {"night"}


def name(view: int) -> str:
    return f"kitchen-{view}"


def views(*, test: bool) -> range:
    """Directions, degrees, each a source: to choose limits on, or those between them, kept for testing."""
    return range(15 if test else 0, 360, 30)


def coloured(scene: str) -> bool:
    return scene not in _COLOURLESS


def scenes() -> tuple[str, ...]:
    return tuple(SCENES)


def visit(view: int, scene: str, fault: str, rng: Rng) -> Visit:
    """A camera that looks there. `fault`: the simulator's word, "none" for a sound one."""
    shot = Shot(pan=float(view), scene=scene, fault=fault, seed=int(rng.integers(1000)), stamp="2026-11-23 12:00:00")
    before = _picture(shot._replace(fault="none", seed=shot.seed + 500), 0.4)
    start = int(rng.integers(_LOOP))
    settling = GOP * SETTLED if fault in FREEZING else 0
    taken = [_picture(shot, (start + i) % _LOOP / _LOOP) for i in range(SHOWN[-1] + 1)]
    way = WAYS[rng.integers(len(WAYS) - 1)]
    decoded = encoded(taken[:1] * settling + taken, way, rng)[settling:]
    return Visit([decoded[i] for i in SHOWN], GROUPS, before, way)


def _picture(shot: Shot, phase: float) -> Frame:
    seen = np.asarray(develop(shot, WIDTH, HEIGHT, phase), np.uint8)
    return np.ascontiguousarray(seen[..., ::-1])
