"""Vendors' own ways of talking, recognised by what answers without a login; no credentials are ever sent.

A path counts when it answers and one that cannot exist beside it does not answer alike.
"""

import re
import secrets
import uuid
from collections.abc import Callable

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net import digest
from agent.ask.net.connection import NoConnection
from agent.ask.net.http import HttpConnection
from agent.ask.net.message import Reply
from agent.ask.rtsp.client import Rtsp
from agent.model import Camera
from contract.vocabulary import Reason

ISAPI, MULTITRANS = "isapi", "multitrans"
_ISAPI_PATH = "/ISAPI/System/{}/channels"
_ISAPI_CAP = 16 * 1024
_CHANNEL = re.compile(rb"<TwoWayAudioChannel[\s>]")


def vendor_path(camera: Camera, *, deadline_s: float = 5.0) -> str:
    """The vendor's own talk path that answered: "isapi" (Hikvision), "multitrans" (TP-Link in China), "" = none found.

    ISAPI is asked on the enrolled HTTP port, MULTITRANS on the RTSP port, each with half of the time. A camera that
    refuses every path alike, or whose answer was lost, is not recognised: "" proves nothing.
    """
    for name, ask in ((ISAPI, _isapi), (MULTITRANS, _multitrans)):
        if ask(camera, Deadline(deadline_s / 2)):
            return name
    return ""


def _isapi(camera: Camera, deadline: Deadline) -> bool:
    """GET of the list of two-way audio channels (Hikvision ISAPI, TwoWayAudio): a Digest challenge, or the list."""

    def get(name: str) -> Reply:
        with HttpConnection(camera, camera.ports.onvif) as connection:
            close = {"Connection": "close"}
            return connection.get(_ISAPI_PATH.format(name), deadline=deadline, cap=_ISAPI_CAP, headers=close)

    return _alone(
        lambda: get("TwoWayAudio"),
        lambda: get(secrets.token_hex(8)),
        lambda reply: reply.status == 200 and bool(_CHANNEL.search(reply.body)),
    )


def _multitrans(camera: Camera, deadline: Deadline) -> bool:
    """The method MULTITRANS on the RTSP port: a Digest challenge, or 200 with a Session (go2rtc issue 2185)."""

    def say(method: str) -> Reply:
        with Rtsp(camera, deadline, log_in=False) as client:
            return client.plain(method, "/multitrans", {"X-Client-UUID": str(uuid.uuid4())})

    return _alone(
        lambda: say("MULTITRANS"),
        lambda: say(f"X{secrets.token_hex(4).upper()}"),
        lambda reply: reply.status == 200 and bool(reply.first("session")),
    )


def _alone(real: Callable[[], Reply], nonsense: Callable[[], Reply], granted: Callable[[Reply], bool]) -> bool:
    """Whether the real question is challenged or granted, and the nonsense neither.

    Hanging up on nonsense, or never answering it, is an answer of its own; a refused connection is none.
    """
    try:
        found = real()
    except Trouble:
        return False
    if not (_challenged(found) or granted(found)):
        return False
    try:
        return nonsense().status not in (200, 401)
    except Trouble as trouble:
        return not isinstance(trouble, NoConnection) and trouble.reason is not Reason.AGENT_FAULT


def _challenged(reply: Reply) -> bool:
    challenges = digest.challenges(reply.all("www-authenticate"))
    return reply.status == 401 and any(one.scheme == "digest" for one in challenges)
