"""What a person would find of each simulated camera: standing and levels of evidence, per clause.

From the persona's own words (`expect`, `expect_moved`, `expect_talk`) and body; how it is found must not be known here.
"""

from collections.abc import Collection, Iterable

from contract.messages import Verdict
from contract.vocabulary import Clause, Level, Standing
from simulator.persona import Persona, Quirk, ends_of

MOTORS = (Clause.ROTATION_360, Clause.ZOOM, Clause.FOCUS)
E0, E1, E2, E3, E4 = Level
DECLARED = frozenset({E1, E2})
Due = dict[Clause, tuple[Standing, Collection[Level]]]


def moved(persona: Persona) -> Due:
    """For one who moves it: E4 for every motor it declares, unless it does not stand still to begin with."""
    motors = () if Quirk.DRIFTS in persona.quirks else _motors(persona)
    due = persona.expect | persona.expect_moved
    return {clause: (due[clause], {E4} if clause in motors else DECLARED) for clause in MOTORS}


def _motors(persona: Persona) -> tuple[Clause, ...]:
    spaces = persona.ptz.spaces if persona.ptz else ()
    axes = {space.axis for space in spaces if space.kind == "continuous" and len(set(ends_of(space.x))) > 1}
    there = ("pan_tilt" in axes, "zoom" in axes, bool(persona.focus))
    return tuple(clause for clause, has in zip(MOTORS, there, strict=True) if has)


def differs(verdicts: Iterable[Verdict], due: Due) -> tuple[str, ...]:
    """Each verdict that is not what is due, in words."""
    return tuple(
        f"{one.clause}: {one.standing} {one.level} {one.reason} {one.proof}"
        for one in verdicts
        if one.clause in due and (one.standing != due[one.clause][0] or one.level not in due[one.clause][1])
    )


def sounded(persona: Persona) -> Due:
    """For one who asks, looks, decodes and plays a chirp, and moves nothing."""
    streams = persona.expect[Clause.ONLINE] is Standing.MET
    levels: dict[str, Collection[Level]] = {
        **dict.fromkeys(MOTORS, DECLARED),
        **dict.fromkeys((Clause.RESOLUTION_PIXELS, Clause.RESOLUTION_1080P), {E3} if streams else {E2}),
        Clause.TWO_WAY_AUDIO: {E4} if persona.expect_talk == "heard" else {E3} if streams else DECLARED,
        Clause.ONLINE: {E3},
    }
    return {
        clause: (standing, {E0} if standing is Standing.UNKNOWN else levels[clause])
        for clause, standing in ((Clause(name), standing) for name, standing in persona.expect.items())
    }
