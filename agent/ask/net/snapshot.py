"""Child only: single pictures of one camera by HTTP GET, as the JPEG bytes they come in.

Logged in with Digest (Basic only where the camera's settings allow it), a refused login sent once. What the pictures
show must not be known here.
"""

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net import digest
from agent.ask.net.http import HttpConnection, Place, reason_of
from agent.ask.net.message import Reply
from agent.model import Camera
from agent.permit import Permit, permit
from contract.vocabulary import Reason

CAP = 4 * 1024 * 1024
"""Largest picture read; 4K JPEGs of cameras have 1 to 2 MB."""
_JPEG = b"\xff\xd8"


class Snapshots:
    """Pictures from one place, over one kept-alive connection."""

    def __init__(self, camera: Camera, place: Place, *, log_in: bool | Permit = True) -> None:
        self._camera = camera
        self._place = place
        self._connection = HttpConnection(camera, place.port)
        self._challenge: digest.Challenge | None = None
        self._uses = 0
        self._refused = ""
        self._permit = permit(log_in)

    def take(self, deadline: Deadline) -> bytes:
        """One picture. Raises Trouble: REFUSED, UNSUPPORTED (404 and kin), BUSY, MALFORMED and others as in http."""
        if self._refused:
            raise Trouble(Reason.REFUSED, self._refused)
        reply = self._connection.get(self._place.path, deadline=deadline, cap=CAP, headers=self._login())
        if reply.status == 401:
            answered = self._challenge is not None and not self._stale(reply.all("www-authenticate"))
            if answered or not (self._camera.credentials and self._permit.allowed):
                raise self._refusal(reply, sent=answered)
            self._challenge, self._uses = self._chosen(reply.all("www-authenticate")), 0
            reply = self._connection.get(self._place.path, deadline=deadline, cap=CAP, headers=self._login())
        if reply.status in (401, 403):
            raise self._refusal(reply, sent=self._challenge is not None)
        if self._challenge:
            self._permit.accepted()
        if reply.status != 200 or not reply.body.startswith(_JPEG):
            raise _no_picture(reply.status)
        return reply.body

    def _refusal(self, reply: Reply, *, sent: bool) -> Trouble:
        """No further login is sent: asking again would lock the owner out. `sent`: the refused request carried one."""
        self._refused = "login for snapshots refused"
        if sent:
            words = " ".join((reply.phrase, reply.body[:2000].decode("latin-1")))
            self._permit.refused(digest.attempts_left(words), digest.forgives_s(words, reply.first("retry-after")))
        return Trouble(Reason.REFUSED, self._refused)

    def close(self) -> None:
        self._connection.close()

    def _login(self) -> dict[str, str]:
        if not self._challenge or not self._camera.credentials:
            return {}
        self._uses += 1
        path = self._place.path
        answer = digest.authorization(self._challenge, self._camera.credentials, "GET", path, count=self._uses)
        return {"Authorization": answer}

    def _chosen(self, headers: tuple[str, ...]) -> digest.Challenge:
        try:
            return digest.choose(headers, allow_basic=self._camera.allow_basic)
        except Trouble as trouble:
            self._refused = trouble.detail
            raise

    @staticmethod
    def _stale(headers: tuple[str, ...]) -> bool:
        return any(one.stale for one in digest.challenges(headers))


def _no_picture(status: int) -> Trouble:
    without = " without a JPEG" if 200 <= status < 300 else ""
    return Trouble(reason_of(status), f"snapshot: HTTP {status}{without}")
