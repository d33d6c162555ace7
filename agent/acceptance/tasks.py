"""What is left to do, from the verdicts and remarks on all cameras: one task per remedy, the urgent first."""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from msgspec import structs

from agent.acceptance.remarks import remarks
from agent.decide import rules_resolution
from agent.model import Camera, Evidence
from contract.messages import Verdict
from contract.policy import Policy
from contract.reasons import Finding, explain
from contract.vocabulary import Clause, Reason, Standing


class Inspection(NamedTuple):
    """One camera, what was seen of it and what the policy says of that, one verdict per clause."""

    camera: Camera
    evidence: Evidence
    verdicts: Sequence[Verdict]


class Kind(IntEnum):
    """Kinds of task in the order of work: what hinders all else comes first."""

    REPAIR = 1
    SETTING = 2
    ON_SITE = 3
    LACKING = 4


class Task(NamedTuple):
    """One thing that is to be done, numbered in the report.

    `places`: index of the inspection -> the clauses it is for there, () = none in particular.
    """

    kind: Kind
    text: str
    places: dict[int, tuple[Clause, ...]]


_SETTINGS = frozenset({Finding.CHANNEL_NOT_FOUND, Finding.NOT_BOUND, Finding.LIMITED, Finding.NO_VIDEO_PROFILE})
"""Findings that a setting mends, whatever the standing."""
_LACKING = frozenset({Reason.UNSUPPORTED, Finding.DEGENERATE_RANGE, Finding.TOO_NARROW, Finding.INCAPABLE})
"""Reasons that no setting mends: the device is not made for it."""


def tasks(inspections: Sequence[Inspection], policy: Policy, lang: str) -> list[Task]:
    """Everything to do, each remedy once with all the cameras it concerns."""
    found: dict[tuple[Kind, str], dict[int, tuple[Clause, ...]]] = {}
    for index, one in enumerate(inspections):
        for sort, text, clauses in _of_camera(one, policy, lang):
            places = found.setdefault((sort, text), {})
            places[index] = (*places.get(index, ()), *clauses)
    made = [Task(sort, text, places) for (sort, text), places in found.items()]
    return sorted(made, key=lambda task: task.kind)


def _of_camera(one: Inspection, policy: Policy, lang: str) -> Iterator[tuple[Kind, str, tuple[Clause, ...]]]:
    failed = [verdict for verdict in one.verdicts if verdict.standing is not Standing.MET]
    if any(kind(verdict) is Kind.REPAIR and verdict.reason != Reason.UNASKED for verdict in failed):
        failed = [verdict for verdict in failed if verdict.reason != Reason.UNASKED]  # it follows from the other
    said = set()
    for verdict in failed:
        said.add(remedy := _remedy(verdict, one, policy, lang))
        yield kind(verdict), remedy, (verdict.clause,)
    for remark in remarks(one.evidence, lang):
        if remark.remedy and remark.text(lang) not in said:
            yield Kind.SETTING, remark.text(lang), ()


def kind(verdict: Verdict) -> Kind:
    """What sort of work a verdict that is not MET asks for."""
    if verdict.reason in _SETTINGS:
        return Kind.SETTING
    if verdict.standing is Standing.UNKNOWN or verdict.clause is Clause.ONLINE:
        return Kind.REPAIR
    if verdict.standing is Standing.UNPROVEN:
        return Kind.ON_SITE
    return Kind.LACKING if verdict.reason in _LACKING else Kind.SETTING


def _remedy(verdict: Verdict, one: Inspection, policy: Policy, lang: str) -> str:
    """The remedy without figures, so that clauses which need the same one share it."""
    if verdict.reason == Reason.UNSUPPORTED and verdict.clause is not Clause.ONLINE:
        zh, en = (
            "设备答复（ONVIF）不支持此功能；确需此功能时，须更换摄像机。",
            "The device answers (over ONVIF) that it does not have this; if it is wanted, replace the camera.",
        )
        return zh if lang == "zh" else en
    return advice(structs.replace(verdict, measured=None), one, policy, lang)


def advice(verdict: Verdict, one: Inspection, policy: Policy, lang: str) -> str:
    """What was found and what to do, for the person on the ladder; says from which resolution to which where known."""
    if verdict.reason == Finding.CONFIGURED_LOWER and (said := _raise(one, policy, lang)):
        return said
    return explain(verdict, lang)


def _raise(one: Inspection, policy: Policy, lang: str) -> str:
    """How to set the main stream higher; "" where it is not known what to."""
    full_hd = next((v for v in one.verdicts if v.clause is Clause.RESOLUTION_1080P), None)
    best = rules_resolution.could_be(one.evidence, policy)
    if full_hd is None or not isinstance(full_hd.measured, str) or best is None:
        return ""
    now, could = full_hd.measured.replace("x", "×"), f"{best.width}×{best.height}"
    goal = "1080P" if full_hd.required == "1920x1080" else str(full_hd.required).replace("x", "×")
    if lang == "zh":
        return f"主码流分辨率为{now}，设备支持{could}：在摄像机网页 配置→视音频→视频 中改为{goal}。"
    where = "in the camera's web page, Configuration > Video/Audio > Video"
    return f"The main stream runs at {now}, the camera can do {could}: {where}, set it to {goal.lower()}."
