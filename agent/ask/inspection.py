"""The parent's side of capability questions: a child asks ONVIF, then we look at the streams it named.

zeep and lxml never enter this process.
"""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from queue import SimpleQueue

from msgspec import structs

from agent.ask.attempt import Deadline, Trouble
from agent.ask.children import parent as children
from agent.ask.look import LOGIN_REFUSED, look
from agent.ask.net import connection
from agent.ask.onvif import jobs
from agent.ask.onvif.jobs import Answer, Job
from agent.ask.rtsp import client as rtsp
from agent.ask.talk import backchannel, vendor
from agent.model import Backchannel, Camera, Capabilities, Evidence, Look, NotSeen, Seen, StreamUri, Talk
from agent.permit import Door, Permit, onvif_login, stream_login
from contract.vocabulary import Reason

CHILD = "agent.ask.onvif.child"
MEMORY_MB = 256
"""Address space of the child: with 64 cameras it uses 41 MB of memory and maps 73."""
MARGIN_S = 0.5
"""The child stops asking so long before its deadline and is killed so long after, so that what it learnt arrives."""
LOOKERS = 8
"""Streams looked at side by side."""
LOOK_S = 5.0


def ask_capabilities(
    cameras: Sequence[Camera],
    *,
    log_in: Collection[str],
    auth: Mapping[str, str],
    deadline_s: float = 60.0,
) -> Iterator[Answer]:
    """The capabilities of every camera, exactly once each, as they are learnt; whole batch within `deadline_s` + 0.5 s.

    `log_in`: slots whose login may be used; `auth`: slot -> the way to log in that worked before. A camera of which
    nothing came has every question NotSeen: TIMED_OUT at the deadline, AGENT_FAULT when the child broke.
    """
    waiting = {camera.slot: camera for camera in cameras}
    if not waiting:
        return
    batch = [
        Job(
            camera=camera,
            log_in=slot in log_in,
            auth=auth.get(slot, ""),
            deadline_s=max(deadline_s - MARGIN_S, deadline_s / 2),
        )
        for slot, camera in waiting.items()
    ]
    results = children.run(CHILD, map(jobs.encode_job, batch), deadline_s=deadline_s + MARGIN_S, memory_mb=MEMORY_MB)
    try:
        trouble = yield from children.decoded(results, waiting, jobs.decode_answer)
    finally:
        results.close()  # the child goes with us
    for slot in waiting:
        yield Answer(slot=slot, capabilities=jobs.unanswered(trouble))


def inspect(
    cameras: Sequence[Camera],
    *,
    door: Door,
    auth: Mapping[str, str],
    deadline_s: float = 60.0,
    sound: bool = False,
) -> Iterator[Evidence]:
    """The evidence of every camera, exactly once each, as it is complete: capabilities, a look, the backchannel.

    `deadline_s` is for the capabilities; look, backchannel and talk of one camera take at most LOOK_S each after them.
    `door` is asked before each login and told of its end: a camera that has just refused one is looked at without.
    `sound`: play a chirp through each camera that
    offers a backchannel, one after the other; people hear it.
    """
    by_slot = {camera.slot: camera for camera in cameras}
    log_in = door.allowed(cameras, onvif_login)
    todo: SimpleQueue[tuple[Camera, Capabilities] | None] = SimpleQueue()
    done: SimpleQueue[Evidence] = SimpleQueue()

    def question() -> None:
        waiting = dict(by_slot)
        try:
            for answer in ask_capabilities(cameras, log_in=log_in, auth=auth, deadline_s=deadline_s):
                if answer.login and answer.slot in log_in:
                    door.met(by_slot[answer.slot], onvif_login, answer.login)
                todo.put((waiting.pop(answer.slot), answer.capabilities))
        finally:  # whatever broke, nobody waits for ever
            for camera in waiting.values():
                todo.put((camera, jobs.unanswered(Trouble(Reason.AGENT_FAULT, "the questions broke off"))))
            todo.put(None)

    def visit() -> None:
        while task := todo.get():
            camera, told = task
            evidence = Evidence(slot=camera.slot, channel=camera.channel, panoramic=camera.panoramic, capabilities=told)
            try:
                evidence = _looked_at(evidence, camera, door, sound=sound)
            finally:
                done.put(evidence)
        todo.put(None)  # for the next visitor

    for work in (question, *[visit] * min(LOOKERS, len(by_slot))):
        threading.Thread(target=work, name="inspection", daemon=True).start()
    for _ in by_slot:
        yield done.get()


def certificate(camera: Camera, deadline: Deadline) -> str:
    """SHA-256 (hex) of the certificate at the camera's ONVIF port; "" where nobody speaks TLS there."""
    return connection.certificate(camera, camera.ports.onvif, deadline)


def _looked_at(evidence: Evidence, camera: Camera, door: Door, *, sound: bool) -> Evidence:
    allowed = camera.slot in door.allowed((camera,), stream_login)
    permit = Permit(allowed)
    try:
        return _with_stream(evidence, camera, permit, sound=sound)
    finally:
        if allowed:
            door.met(camera, stream_login, permit.met)


def _with_stream(evidence: Evidence, camera: Camera, log_in: Permit, *, sound: bool) -> Evidence:
    uri = evidence.capabilities.stream_uri
    pathless = LOGIN_REFUSED if evidence.capabilities.refused else None
    enrolled = bool(camera.stream_path)
    if not enrolled and isinstance(uri, Seen):
        camera, seen, told = _at_its_port(camera, evidence.capabilities, uri.value, log_in)
        evidence = structs.replace(evidence, capabilities=told)
    else:
        seen = look(camera, log_in=log_in, deadline_s=LOOK_S, pathless=pathless)
    if not camera.stream_path or not isinstance(seen.stream, Seen):
        return structs.replace(evidence, look=seen)
    camera = structs.replace(camera, stream_path=backchannel.onvif_path(camera.stream_path)) if enrolled else camera
    offer = rtsp.backchannel(camera, log_in=log_in, deadline_s=LOOK_S)
    tried = _tried(camera, offer, log_in=log_in, sound=sound)
    return structs.replace(evidence, look=seen, backchannel=offer, talk=tried)


def _at_its_port(
    camera: Camera, told: Capabilities, uri: StreamUri, log_in: Permit
) -> tuple[Camera, Look, Capabilities]:
    """The look at the port that the camera names; where nobody listens there, at the others it names and the enrolled.

    The port that accepted stands in what was told, and the difference in its notes.
    """
    tried: list[tuple[Camera, Look, Capabilities]] = []
    for port in dict.fromkeys((uri.port, *uri.other_ports, camera.ports.rtsp)):
        there = structs.replace(camera, stream_path=uri.path, ports=structs.replace(camera.ports, rtsp=port))
        seen = look(there, log_in=log_in, deadline_s=LOOK_S)
        if isinstance(seen.tcp, Seen) and port in seen.tcp.value and tried:
            return there, seen, _streaming_at(told, uri.port, port)
        tried.append((there, seen, told))
        if isinstance(seen.tcp, NotSeen) or port in seen.tcp.value:
            break  # all of it is away, or this port is the one
    return tried[0]


def _streaming_at(told: Capabilities, named: int, port: int) -> Capabilities:
    """What was told, with its streams at the port that accepts instead of the one named."""
    note = f"stream URI names port {named}, where nobody listens; port {port} accepts"
    moved = {
        name: structs.replace(one, value=structs.replace(one.value, port=port))
        for name in ("stream_uri", "sub_stream_uri")
        if isinstance(one := getattr(told, name), Seen) and one.value.port == named
    }
    return structs.replace(told, **moved, notes=(*told.notes, note))


def _tried(camera: Camera, offer: Seen[Backchannel] | NotSeen, *, log_in: Permit, sound: bool) -> Talk:
    """What becomes of the offer; where there is none, whether a vendor's own path answers instead."""
    if isinstance(offer, NotSeen):
        return Talk()
    if not offer.value.offered:
        return Talk(vendor=vendor.vendor_path(camera, deadline_s=LOOK_S))
    if sound:
        return backchannel.sound(camera, log_in=log_in, deadline_s=LOOK_S)
    return Talk(setup=backchannel.setup(camera, log_in=log_in, deadline_s=LOOK_S))
