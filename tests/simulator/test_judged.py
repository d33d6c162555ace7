"""Personas and agent together: what a person expects is what the agent finds."""

from agent.decide.judge import judge
from agent.examine import examine
from contract.policy import load_policy
from simulator.canteen import CameraSpec, Canteen
from simulator.persona import personas
from tests import doors
from tests.support.enrolment import enrolled


def test_every_persona_is_judged_as_a_person_would() -> None:
    """Asked and looked at over the real protocols, every clause stands as `expect` says, and no login fails."""
    policy = load_policy("henan-2021-45")
    with Canteen([CameraSpec(slot=name, persona=name) for name in personas()]) as canteen:
        canteen.warm(wait=True)
        cameras = [enrolled(unit) for unit in canteen.cameras]
        examined = examine(
            cameras, door=doors.Open(), auth={}, deadline_s=60.0, motion=None, sound=False, advance=lambda: None
        )
    evidence = [one.evidence for one in examined]
    found = {e.slot: {v.clause.value: v.standing for v in judge(e, policy)} for e in evidence}
    assert found == {name: dict(persona.expect) for name, persona in personas().items()}
    assert [e.slot for e in evidence if e.capabilities.logins_failed] == []
