"""A last look at every camera before anything is written: what is said of each, and the acceptance report."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agent import show
from agent.acceptance import Inspection, Report
from agent.ask.box import clocks
from agent.decide.judge import judge
from agent.examine import STEPS, Examined, examine
from agent.model import Camera
from agent.setup.dialogue import Dialogue
from agent.setup.trying import Outcome, Trials, Tried, read
from contract.policy import Policy
from contract.problems import why
from contract.vocabulary import MARKS, Clause, Standing, name

DEADLINE_S = 60.0


class Looked(NamedTuple):
    """`inspections` and `tried` in the order of the cameras."""

    inspections: list[Inspection]
    tried: list[Tried]

    @property
    def gone(self) -> list[Camera]:
        """Cameras that were there and answer no more."""
        pairs = zip(self.inspections, self.tried, strict=True)
        return [one.camera for one, tried in pairs if tried.outcome is Outcome.GONE]


def look(cameras: Sequence[Camera], trials: Trials, policy: Policy, talk: Dialogue) -> Looked:
    """Each is asked, looked at and decoded once; one line is said of it."""
    if not cameras:
        return Looked([], [])
    talk.line("")
    talk.tell(f"逐台检测 {len(cameras)} 台…", f"looking at each of {len(cameras)} ...")
    gate = trials.logins.gate
    with show.progress(STEPS * len(cameras), talk.lang) as advance:
        found: list[Examined] = examine(
            cameras, door=gate, auth={}, deadline_s=DEADLINE_S, motion=None, sound=False, advance=advance
        )
    inspections = [
        Inspection(camera, one.evidence, judge(one.evidence, policy))
        for camera, one in zip(cameras, found, strict=True)
    ]
    tried = [read(one.evidence, gate.refusal(camera), talk.lang) for camera, one in zip(cameras, found, strict=True)]
    for one, seen in zip(inspections, tried, strict=True):
        _say(one, seen, talk)
    return Looked(inspections, tried)


def _say(one: Inspection, tried: Tried, talk: Dialogue) -> None:
    """Slot, address, and each clause with its sign; below it why it cannot be opened."""
    camera = one.camera
    online = next(verdict for verdict in one.verdicts if verdict.clause is Clause.ONLINE)
    sign = MARKS[online.standing] if online.standing is Standing.MET else MARKS[Standing.NOT_MET]
    talk.line(f"{sign} {camera.slot}  {camera.name}  {camera.address}")
    if tried.why:
        talk.line(tried.why, indent=4)
        return
    clauses = [f"{MARKS[one.standing]}{name(one.clause, talk.lang)}" for one in one.verdicts]
    talk.line("  ".join(clauses), indent=4)


def report(looked: Looked, folder: Path, gateway: str, policy: Policy, talk: Dialogue) -> None:
    """Write the acceptance report. A folder that takes nothing costs the report alone, and is named."""
    try:
        page = Report(folder, gateway)
        page.write(
            looked.inspections, policy, gateway, lang=talk.lang, clock_synced=clocks.clock().synced, pictures=None
        )
    except OSError as error:
        reason = why(error)
        talk.tell(
            f"! 检测报告未写入：{error.filename}：{reason.zh}",
            f"! the report was not written: {error.filename}: {reason.en}",
        )
        return
    talk.tell(f"检测报告：{page.path}", f"acceptance report: {page.path}")
