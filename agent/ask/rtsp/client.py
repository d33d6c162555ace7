"""RTSP 1.0 (RFC 2326) to one enrolled camera: OPTIONS, DESCRIBE, one login, and the question for a backchannel.

URLs are rebuilt from the enrolment; addresses a camera names (Location, Content-Base, control) are never followed.
"""

import logging
from collections.abc import Mapping
from typing import NamedTuple, Self

from agent.ask.attempt import Deadline, GaveWay, HungUp, Trouble, ask
from agent.ask.net import connection, device_lock, digest
from agent.ask.net.message import (
    USER_AGENT,
    Inbox,
    Reading,
    Reply,
    content_length,
    read_head,
    request,
    safe_path,
    shown,
)
from agent.ask.rtsp import sdp
from agent.model import Backchannel, Camera, Credentials, NotSeen, Seen
from agent.permit import Permit, permit
from contract.reasons import Finding
from contract.text import tidy
from contract.vocabulary import Reason

log = logging.getLogger(__name__)

CAP = 64 * 1024
"""Largest body read; one server offered 2 GB and had its client fill 1.3 GB of memory."""
BACKCHANNEL = "www.onvif.org/ver20/backchannel"
"""ONVIF Streaming Specification, 5.3.1: the feature tag that asks for the backchannel."""
_SENDINGS = 2
"""How often one login may be sent: the second only for a stale nonce or when the first was cut off unanswered."""
_SECOND_SHARE = 0.4
"""Of the time that is left, for a DESCRIBE over a connection that served another look."""
_one_each: set[str] = set()
"""Devices that describe one stream for each connection, and no more, as far as this process met them."""
UNMARKED_S = 1.0
"""How long a description goes on that has neither a length nor an end."""
UNAVAILABLE = 503
NO_ROOM = frozenset({453, UNAVAILABLE})
UNSUPPORTED_TRANSPORT = 461
"""To a SETUP for RTP over the RTSP connection, the one transport we ask for: media goes over UDP only."""
SILENT_AT_FIRST_S, SILENCE_S = 0.5, 3.0
"""A visit that gives way does so where its first request, or a later one, has no answer for so long. What is silent at
once is what a look asks; that it answers a look and then falls silent is known by nobody but the visit."""
_GLANCE_S = 0.1
_SAYS_NO = frozenset({404, 405, 406, 410, 415, 461, 501, 505, 551})


class Status(Trouble):
    """A reply that is not a success."""

    def __init__(self, reply: Reply) -> None:
        detail, finding = f"RTSP {reply.status} {tidy(reply.phrase, 60)}".rstrip(), ""
        if reply.status == UNSUPPORTED_TRANSPORT:
            finding = Finding.UDP_ONLY
        if 300 <= reply.status < 400:
            detail = f"{detail} to {shown(reply.first('location')) or 'nowhere'}, not followed"
            finding = Finding.REDIRECTED
        super().__init__(_reason(reply.status), detail, finding)
        self.status = reply.status


class LoginFailed(Trouble):
    """The camera refused our login. `attempts_left`: what it said of attempts before it locks, if it did."""

    def __init__(self, detail: str, attempts_left: int | None = None) -> None:
        super().__init__(Reason.REFUSED, detail)
        self.attempts_left = attempts_left


def _reason(status: int) -> Reason:
    """What a status means. Only 453 and 503 say "I live and have no room": they count as online, so no other may."""
    if 300 <= status < 400:
        return Reason.HOSTILE
    if status in (401, 403, 407):
        return Reason.REFUSED
    if status in _SAYS_NO:
        return Reason.UNSUPPORTED
    return Reason.BUSY if status in NO_ROOM else Reason.MALFORMED


class _Left(NamedTuple):
    """A connection that a look left open. `camera`: whom it was opened for."""

    wire: connection.Wire
    cseq: int
    camera: Camera

    def fits(self, camera: Camera) -> bool:
        login = self.camera.stream_credentials, self.camera.allow_basic
        return self.camera.ports.rtsp == camera.ports.rtsp and login == (camera.stream_credentials, camera.allow_basic)

    def close(self) -> None:
        self.wire.part()


class Rtsp:
    """One connection to the camera's stream path, one request at a time.

    Logs in when the camera asks for it, `log_in` allows it and credentials are enrolled: Digest, or Basic where
    `camera.allow_basic`. A Permit is told how it went. The password never stands in a URL.
    """

    gives_way = False
    """Whether a look that waits is let in where the camera is silent (raises GaveWay)."""

    def __init__(self, camera: Camera, deadline: Deadline, *, log_in: bool | Permit, shared: bool = False) -> None:
        """`shared`: a look, which goes on with the connection that the look before it left, and leaves its own."""
        self._camera = camera
        self._deadline = deadline
        self._permit = permit(log_in)
        self._cseq = 0
        self._answered = False
        """Whether the last request was: who does not answer is not waited for when we go."""
        self._login: tuple[digest.Challenge, int] | None = None
        """The challenge whose answer was accepted, and how often it was answered."""
        self._closing = False
        """Whether the camera said that it closes."""
        self._ended = False
        """Whether it closed to mark the end of its description: a further request needs another connection."""
        self._lock = device_lock.acquire(camera, device_lock.RTSP, deadline)
        self._shared, self._lent = shared, False
        try:
            self._wire = self._taken_over() or connection.connect(camera, camera.ports.rtsp, deadline)
        except BaseException:
            self._lock.release()
            raise

    def options(self) -> Reply:
        """OPTIONS without login: any reply proves that RTSP lives."""
        return self.plain("OPTIONS", "/")

    def plain(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """The reply, whatever its status, to a request that never carries a login."""
        return self._exchange(method, self._url(path), headers or {})

    def describe(self, path: str, *, require_backchannel: bool = False) -> bytes:
        """The session description at `path`. Raises Status, LoginFailed, Trouble."""
        lent, self._lent = self._lent, False
        if lent and (reply := self._described_again(path)):
            return reply.body
        body = self._describe(path, require_backchannel=require_backchannel).body
        if lent:
            _one_each.add(self._camera.address)
        return body

    @property
    def look_waits(self) -> bool:
        """Whether a look waits for this visit to end."""
        return device_lock.look_waits(self._camera)

    def close(self) -> None:
        if not self._left():
            self._wire.part() if self._answered else self._wire.close()
        self._lock.release()

    # ---- a connection that several looks share --------------------------------------------------

    def _taken_over(self) -> connection.Wire | None:
        """The connection of the look before, where it is to the same port and with the same login."""
        kept = device_lock.take_kept(self._camera) if self._shared else None
        if not isinstance(kept, _Left):
            return None
        if kept.fits(self._camera):
            self._cseq, self._lent = kept.cseq, True
            return kept.wire.lent(self._camera, self._deadline)
        kept.close()
        return None

    def _left(self) -> bool:
        """Whether the connection was left to the next look: where one waits, and the camera is known to allow it."""
        idle = self._answered and self._wire.inbox.empty and not (self._closing or self._ended)
        if not (
            self._shared and idle and self._camera.address not in _one_each and device_lock.is_awaited(self._camera)
        ):
            return False
        device_lock.keep(self._camera, _Left(self._wire, self._cseq, self._camera))
        return True

    def _described_again(self, path: str) -> Reply | None:
        """The description over a connection that served another look; None: it is to be asked for over a fresh one.

        Some cameras take one DESCRIBE for each connection: what they do at the second says nothing of the stream.
        """
        self._wire.deadline = self._deadline.within(_SECOND_SHARE * self._deadline.left())
        try:
            reply = self._describe(path, require_backchannel=False)
            if reply.first("cseq") == str(self._cseq):
                self._wire.deadline = self._deadline
                return reply
        except LoginFailed:
            raise
        except Trouble as trouble:
            log.debug("%s: not described over a kept connection: %s", self._camera.slot, trouble.detail)
        self._login, self._answered = None, False
        self._reconnect()
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _url(self, path: str) -> str:
        return f"rtsp://{connection.url_host(self._camera.address)}:{self._camera.ports.rtsp}{safe_path(path)}"

    def _describe(self, path: str, *, require_backchannel: bool) -> Reply:
        headers = {"Accept": "application/sdp"} | ({"Require": BACKCHANNEL} if require_backchannel else {})
        reply = self._request("DESCRIBE", self._url(path), headers)
        if not (reply.body or reply.first("content-length")):
            reply = reply._replace(body=self._unmarked())
        if not reply.body.strip():
            raise Trouble(Reason.MALFORMED, "RTSP 200 without a description")
        return reply

    def _unmarked(self) -> bytes:
        """A description of which no length is told: all until the camera closes, or that comes in UNMARKED_S."""
        self._wire.deadline = self._deadline.within(UNMARKED_S)
        try:
            body = self._wire.read(self._wire.inbox.rest(CAP))
            self._ended = True
        except Trouble as trouble:
            if trouble.reason is not Reason.TIMED_OUT:
                raise
            body = self._wire.inbox.all_so_far()
        self._wire.deadline = self._deadline
        return body

    def _request(self, method: str, url: str, headers: Mapping[str, str]) -> Reply:
        reply = self._exchange(method, url, {**headers, **self._known_login(method, url)})
        if reply.status == 401:
            reply = self._logged_in(method, url, headers, reply)
        if not 200 <= reply.status < 300:
            raise Status(reply)
        return reply

    def _logged_in(self, method: str, url: str, headers: Mapping[str, str], refusal: Reply) -> Reply:
        """The reply to the request sent again with our login.

        A login that the camera cuts off unanswered counts as refused, after one repetition for cameras that close
        after every 401: asking again and again would lock the owner out. Both count, for the camera may count both.
        """
        credentials, failed, shown = self._credentials(), LoginFailed("connection closed at login"), 0
        forgives_s: float | None = None
        self._login = None
        challenge, fresh, uses = self._choice(refusal), _closes(refusal), 0
        for _ in range(_SENDINGS):
            if fresh:
                self._reconnect()
            uses += 1
            answer = digest.authorization(challenge, credentials, method, url, count=uses)
            try:
                reply = self._exchange(method, url, {**headers, "Authorization": answer})
            except HungUp:
                fresh, shown = True, shown + 1
                continue
            if reply.status not in (401, 403):
                self._permit.accepted()
                self._login = challenge, uses
                return reply
            failed = LoginFailed(f"RTSP {reply.status} to our login", digest.attempts_left(_text(reply)))
            forgives_s = digest.forgives_s(_text(reply), reply.first("retry-after"))
            if not any(one.stale for one in digest.challenges(reply.all("www-authenticate"))):
                shown += 1
                break
            challenge, fresh, uses = self._choice(reply), _closes(reply), 0
        self._permit.refused(failed.attempts_left, forgives_s, logins=max(shown, 1))
        raise failed

    def _known_login(self, method: str, url: str) -> dict[str, str]:
        """The accepted login for a further request, so that it need not be refused first (RFC 7616, 3.6)."""
        if not self._login:
            return {}
        challenge, uses = self._login
        self._login = challenge, uses + 1
        return {"Authorization": digest.authorization(challenge, self._credentials(), method, url, count=uses + 1)}

    def _credentials(self) -> Credentials:
        credentials = self._camera.stream_credentials
        if not credentials:
            raise Trouble(Reason.REFUSED, "login asked for, no credentials enrolled")
        if not self._permit.allowed:
            raise Trouble(Reason.REFUSED, "login asked for, logging in is suspended")
        return credentials

    def _choice(self, refusal: Reply) -> digest.Challenge:
        return digest.choose(refusal.all("www-authenticate"), allow_basic=self._camera.allow_basic)

    def _exchange(self, method: str, url: str, headers: Mapping[str, str]) -> Reply:
        self._cseq += 1
        ours = {"CSeq": str(self._cseq), "User-Agent": USER_AGENT}
        self._answered = False
        if self._ended:
            self._reconnect()
        self._wire.send(request(method, url, "RTSP/1.0", {**ours, **headers}), login="Authorization" in headers)
        if self.gives_way:
            self._heard_or_gave_way(SILENT_AT_FIRST_S if self._cseq == 1 else SILENCE_S)
        reply = self._reply()
        self._answered, self._closing = True, _closes(reply)
        return reply

    def _heard_or_gave_way(self, silent_s: float) -> None:
        silent = Deadline(silent_s)
        while not self._wire.hears(_GLANCE_S):
            if silent.passed() and self.look_waits:
                raise GaveWay

    def _reply(self) -> Reply:
        return self._wire.read(read_reply(self._wire.inbox))

    def _reconnect(self) -> None:
        self._wire.part()
        self._wire, self._ended = connection.connect(self._camera, self._camera.ports.rtsp, self._deadline), False


def read_reply(inbox: Inbox) -> Reading[Reply]:
    """A reply with its body, CAP at most."""
    head = yield from read_head(inbox, b"RTSP")
    return head._replace(body=(yield from inbox.exactly(content_length(head, CAP) or 0)))


def _closes(reply: Reply) -> bool:
    return "close" in reply.first("connection").lower()


def _text(reply: Reply) -> str:
    """All that a refusing camera said, for the number of attempts it leaves."""
    return " ".join((reply.phrase, *(value for _, value in reply.headers), reply.body.decode("latin-1")))


# ---- questions ----------------------------------------------------------------------------------


def describe(camera: Camera, *, log_in: bool | Permit, deadline: Deadline, require_backchannel: bool = False) -> bytes:
    """The session description at `camera.stream_path`, over a connection of its own.

    Without OPTIONS before it: DESCRIBE proves more, RFC 2326 does not ask for it, and some cameras close after it.
    Raises Status, LoginFailed or another Trouble.
    """
    with Rtsp(camera, deadline, log_in=log_in) as rtsp:
        return rtsp.describe(camera.stream_path, require_backchannel=require_backchannel)


def backchannel(camera: Camera, *, log_in: bool | Permit, deadline_s: float = 5.0) -> Seen[Backchannel] | NotSeen:
    """Whether `camera.stream_path` offers an ONVIF backchannel: DESCRIBE with the Require tag, then without.

    551 or a description without a sendonly audio track = Seen(offered=False). A wrong path is not evidence: it comes
    back as UNASKED. Some cameras hang when they see the tag: TIMED_OUT (go2rtc issue 830).
    """
    deadline, one = Deadline(deadline_s), permit(log_in)
    return ask(lambda: _backchannel(camera, one, deadline), deadline=deadline)


def _backchannel(camera: Camera, log_in: Permit, deadline: Deadline) -> Backchannel:
    if not camera.stream_path:
        raise Trouble(Reason.UNASKED, "no stream path known yet")
    try:
        codecs = _talk(describe(camera, log_in=log_in, deadline=deadline, require_backchannel=True))
    except Status as status:
        if status.status == 551:
            return Backchannel(offered=False)
        raise Trouble(_not_evidence(status.reason), status.detail) from None
    if codecs is None:
        return Backchannel(offered=False)
    return Backchannel(offered=True, codecs=codecs, ignores_require=_always(camera, log_in, deadline))


def _not_evidence(reason: Reason) -> Reason:
    return Reason.UNASKED if reason is Reason.UNSUPPORTED else reason


def _talk(description: bytes) -> tuple[str, ...] | None:
    """Codecs of the sendonly audio tracks, None when there is no such track."""
    tracks = [media for media in sdp.parse(description) if (media.kind, media.direction) == ("audio", "sendonly")]
    return tuple(dict.fromkeys(codec for media in tracks for codec in media.codecs)) if tracks else None


def _always(camera: Camera, log_in: Permit, deadline: Deadline) -> bool:
    """Whether the track is there without the tag too; a camera too busy to say so a second time costs nothing."""
    try:
        return _talk(describe(camera, log_in=log_in, deadline=deadline)) is not None
    except Trouble:
        return False
