"""T3, what asking, looking, decoding and sounding prove (E1 to E4): every simulated camera examined, none moved.

Each seed is a canteen of one camera of every persona, examined in one batch as `inspect` does it.
"""

import sys
import time
from collections.abc import Sequence

from agent.decide.judge import judge
from agent.examine import examine
from agent.login_gate import LoginGate
from agent.model import Evidence
from benchmarks import expected
from benchmarks.measure import Figure
from benchmarks.movement import POLICY, enrolled, spec
from simulator.canteen import Canteen
from simulator.persona import personas

QUESTIONS_S = 60.0


def figures(seeds: Sequence[int]) -> list[Figure]:
    """Cameras of which any clause stands otherwise, or on other evidence, than a person would say."""
    wrong = [line for seed in seeds for line in _wrong(seed)]
    looked_at = len(seeds) * len(personas())
    note = "all clauses, questions to chirp"
    return [Figure("T3", f"examined and judged wrong, of {looked_at} cameras", len(wrong), "cameras", 0, note)]


def _wrong(seed: int) -> list[str]:
    """Of one canteen."""
    with Canteen([spec(name, seed) for name in personas()]) as canteen:
        canteen.warm(wait=True)
        cameras = [enrolled(unit) for unit in canteen.cameras]
        told = examine(
            cameras,
            door=LoginGate(now=time.time),
            auth={},
            deadline_s=QUESTIONS_S,
            motion=None,
            sound=True,
            advance=_nothing,
        )
    found = [line for one in told if (line := _differs(one.evidence))]
    print(f"examined #{seed}: {len(told) - len(found)} of {len(told)} right", *found, sep="\n  ", file=sys.stderr)
    return found


def _differs(evidence: Evidence) -> str:
    lines = expected.differs(judge(evidence, POLICY), expected.sounded(personas()[evidence.slot]))
    return f"{evidence.slot}: WRONG: {'; '.join(lines)}" if lines else ""


def _nothing() -> None:
    pass


if __name__ == "__main__":
    for figure in figures(range(*map(int, sys.argv[1:]))):
        print(figure)
