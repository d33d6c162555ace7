"""Cameras asked for their capabilities: in this process, or by the child."""

from collections.abc import Iterator
from contextlib import contextmanager

from agent.ask import inspection
from agent.ask.attempt import Deadline
from agent.ask.onvif.interview import Interview
from agent.ask.onvif.jobs import Job
from agent.ask.onvif.login import Login
from agent.ask.onvif.questions import ask_all
from agent.model import Camera, Capabilities, NotSeen, Seen
from contract.vocabulary import Reason
from simulator.canteen import CameraSpec, Canteen
from simulator.unit import Unit
from tests.support import enrolment


def interviewed(camera: Camera, *, log_in: bool = True, auth: str = "", login: Login | None = None) -> Capabilities:
    """What one camera answers, asked in this process."""
    login = login or Login(auth)
    interview = Interview(Job(camera=camera, log_in=log_in), login, Deadline(20))
    try:
        told = ask_all(interview)
    finally:
        interview.close()
    return told


def by_child(*cameras: Camera, deadline_s: float = 20.0, log_in: bool = True) -> dict[str, Capabilities]:
    """What the cameras answer, asked by the child; every slot exactly once."""
    slots = [camera.slot for camera in cameras] if log_in else []
    told = list(inspection.ask_capabilities(cameras, log_in=slots, auth={}, deadline_s=deadline_s))
    assert sorted(one.slot for one in told) == sorted(camera.slot for camera in cameras)
    return {one.slot: one.capabilities for one in told}


@contextmanager
def enrolled(spec: CameraSpec) -> Iterator[tuple[Unit, Camera, Capabilities]]:
    """A simulated camera, as a canteen's settings would name it, and what it answered."""
    with Canteen([spec]) as canteen:
        unit = canteen.camera(spec.slot)
        camera = enrolment.enrolled(unit)
        yield unit, camera, by_child(camera)[spec.slot]


def reason(observation: Seen[object] | NotSeen) -> Reason | None:
    return observation.reason if isinstance(observation, NotSeen) else None
