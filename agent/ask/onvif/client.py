"""Child only: one camera questioned over HTTP: at which place, logged in or not, and every refusal understood."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from agent.ask.attempt import Deadline, HungUp, Trouble
from agent.ask.net import digest
from agent.ask.net.connection import NoConnection
from agent.ask.net.http import CAP, HttpConnection, Place
from agent.ask.net.message import TooLarge
from agent.ask.onvif import endpoints, envelope, soap
from agent.ask.onvif.envelope import Node, NotHere, Unclear
from agent.ask.onvif.login import DIALECTS, DIGEST, WSSE_BOX_TIME, WSSE_LOCAL_TIME, Login, Refused
from agent.ask.onvif.soap import Dialect
from agent.model import Camera, Credentials, Service
from contract.vocabulary import Reason

LARGE = 2 * 1024 * 1024
"""Cap for lists: a recorder of 64 channels lists 200 profiles of up to 5 kB each, and a PTZ node for each channel."""

_FEW = threading.BoundedSemaphore(2)
"""So many large replies are in this process at once: each takes ten times its size until it has been read."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Question(NamedTuple):
    """One operation. `open`: of access class PRE_AUTH (ONVIF Core, 5.12), so it is asked without login first."""

    service: str
    operation: str
    arguments: Mapping[str, Any] = {}
    open: bool = False
    cap: int = CAP


class _Post(NamedTuple, Generic[T]):
    """A question on its way to one place. `token`: signed with it; `answer`: with an answer to the Digest challenge."""

    question: Question
    read: Callable[[Node], T]
    place: Place
    deadline: Deadline
    token: Any = None
    answer: bool = False


class _Send(Protocol[T_co]):
    """Posts one question to one place: plain, signed with a token, or with an answer to the Digest challenge."""

    def __call__(self, *, token: Any = None, answer: bool = False, dialect: Dialect | None = None) -> T_co: ...


@contextmanager
def _one_of_few(deadline: Deadline) -> Iterator[None]:
    if not _FEW.acquire(timeout=deadline.left()):
        raise Trouble(Reason.TIMED_OUT, "no turn in time to read a large answer")
    try:
        yield
    finally:
        _FEW.release()


class OnvifClient:
    """Questions to one camera, one at a time; a connection per port is kept alive."""

    def __init__(self, camera: Camera, login: Login, *, log_in: bool) -> None:
        self._camera = camera
        self._login = login
        self._log_in = log_in
        self._connections: dict[int, HttpConnection] = {}
        self._challenge: digest.Challenge | None = None
        self._nonce_uses = 0
        self._signatures: dict[float, soap.Signature] = {}
        self._settled: dict[str, Place] = {}
        self._closed: set[int] = set()
        self.services: dict[str, Service] = {}
        """What the device claims, once known."""
        self.skew_s = 0.0
        """The camera's clock minus the box's, for signing."""
        self.local_skew_s: float | None = None
        """Its local time minus the box's UTC, where it tells no UTC."""

    def put(self, question: Question, read: Callable[[Node], T], deadline: Deadline) -> T:
        """What `read` finds in the answer, got at the service's place or where it may be instead. Raises Trouble.

        Where nothing has answered yet, a service that says no at the place it claims is asked at the usual ones, too.
        """
        vain: list[Trouble] = []
        for place in self._places(question.service):
            try:
                answer = self._admitted(question, partial(self._post, _Post(question, read, place, deadline)))
            except NotHere as nothing:
                vain.append(nothing)
            except NoConnection as closed:
                if place.port == self._camera.ports.onvif:
                    raise
                self._closed.add(place.port)
                vain.append(closed)
            except Trouble as trouble:
                if trouble.reason is not Reason.UNSUPPORTED or (place.claimed and question.service == "device"):
                    self._settled[question.service] = place
                    raise
                # another service may be at this path, and say no for itself
                guessed = Trouble(Reason.MALFORMED, f"{trouble.detail} (at a guessed path)")
                vain.append(trouble if place.claimed else guessed)
            else:
                self._settled[question.service] = place
                return answer
        said_no = (one for one in vain if one.reason is Reason.UNSUPPORTED)
        raise next(said_no, next((one for one in vain if not isinstance(one, NoConnection)), vain[0]))

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def connection(self, port: int) -> HttpConnection:
        """The connection to this port, opened when something is sent."""
        if port not in self._connections:
            self._connections[port] = HttpConnection(self._camera, port)
        return self._connections[port]

    def _places(self, service: str) -> tuple[Place, ...]:
        """The place that answered; before, all candidates once, and after a vain search the best of them alone."""
        if service in self._settled:
            return (self._settled[service],)
        found = endpoints.candidates(self._camera, service, self.services.get(service))
        found = tuple(place for place in found if place.port not in self._closed)
        self._settled[service] = next((place for place in found if place.port == self._camera.ports.onvif), found[0])
        return found

    def _post(self, post: _Post[T], *, token: Any = None, answer: bool = False, dialect: Dialect | None = None) -> T:
        """What is read from the reply to one post, in the dialect that the camera understands.

        Which one that is, is found out without a login, each tried once.
        """
        post = post._replace(token=token, answer=answer)
        try:
            return self._post_in(dialect or self._login.dialect, post)
        except (Unclear, HungUp) as unclear:
            if token or answer:
                raise
            first: Trouble = unclear
        while self._login.next_dialect():
            try:
                return self._post_in(self._login.dialect, post)
            except (Unclear, HungUp):
                continue
        raise first

    def _post_in(self, dialect: Dialect, post: _Post[T]) -> T:
        """In one dialect. A long answer is fetched again, few at a time in this process."""
        try:
            return self._post_once(dialect, post, min(post.question.cap, CAP))
        except TooLarge:
            if post.question.cap <= CAP:
                raise
        with _one_of_few(post.deadline):
            return self._post_once(dialect, post, post.question.cap)

    def _post_once(self, dialect: Dialect, post: _Post[T], cap: int) -> T:
        question, place = post.question, post.place
        message = soap.build(question.service, question.operation, question.arguments, post.token)
        message = soap.spoken(message, dialect)
        headers = dict(message.headers)
        if post.answer:
            headers["Authorization"] = self._digest(place.path, message.body)
        reply = self.connection(place.port).post(
            place.path, message.body, deadline=post.deadline, cap=cap, headers=headers, login=post.token is not None
        )
        try:
            found = envelope.read(reply.status, reply.body, question.operation)
            self._login.understood()
            return post.read(found)
        except Trouble as trouble:
            if not isinstance(trouble, (Unclear, NotHere)):
                self._login.understood()
            if trouble.reason is not Reason.REFUSED:
                raise
            sent = post.token is not None or post.answer
            challenges, retry_after = reply.all("www-authenticate"), reply.first("retry-after")
            raise Refused(trouble.detail, challenges, sent=sent, retry_after=retry_after) from None

    # ---- login ----------------------------------------------------------------------------------

    def _admitted(self, question: Question, send: _Send[T]) -> T:
        """The answer: without login where that may do, else with the way that works or is to be tried next.

        Until a login has worked, a question that needs one of right is asked without it once: what is refused then
        proves the login that follows, and a camera that wants none is shown none.
        """
        if question.open or not self._camera.credentials or not (self._login.way or self._login.closed):
            try:
                answer = send()
            except Refused as refusal:
                if not self._camera.credentials or self._login.over:
                    raise
                self._login.wanted(refusal)
            except (Unclear, HungUp):
                if question.open or not self._camera.credentials or self._login.opened:
                    raise  # it is this question that is not understood
                self._login.closed = True
            else:
                self._login.opened = self._login.opened or not question.open
                return answer
        if not self._log_in:
            raise Trouble(Reason.REFUSED, "login paused")
        return self._logged_in(send)

    def _logged_in(self, send: _Send[T]) -> T:
        while True:
            way = self._login.next_way()
            try:
                answer = self._digested(send) if way == DIGEST else self._signed(send, way)
            except Refused as refusal:
                if not self._login.fails(way, refusal, self.skew_s, local=self.local_skew_s is not None):
                    raise
            except Trouble as trouble:
                if trouble.reason is Reason.HOSTILE and not isinstance(trouble, TooLarge):
                    self._login.over = trouble
                if trouble.reason is not Reason.MALFORMED or isinstance(trouble, NotHere) or self._login.way:
                    raise
                if not self._login.unclear(way, trouble):
                    raise
            else:
                self._login.works(way)
                return answer

    def _signed(self, send: _Send[T], way: str) -> T:
        credentials = self._camera.credentials
        if credentials is None:
            raise Trouble(Reason.AGENT_FAULT, "login without credentials")
        token = self._signature(credentials, self._created_skew_s(way))
        return self._unrepeated(partial(send, token=token, dialect=DIALECTS.get(way)))

    def _created_skew_s(self, way: str) -> float:
        if way == WSSE_LOCAL_TIME:
            return self.local_skew_s or 0.0
        return 0.0 if way == WSSE_BOX_TIME else self.skew_s

    def _signature(self, credentials: Credentials, skew_s: float) -> soap.Signature:
        if skew_s not in self._signatures:
            self._signatures = {skew_s: soap.Signature(credentials, skew_s)}
        return self._signatures[skew_s]

    def _digested(self, send: _Send[T]) -> T:
        """A challenge is fetched without credentials first; one that is stale or has served a while is replaced.

        A camera that refused a second answer to one nonce gets a fresh one each time: it counts what it refuses.
        """
        if not self._challenge or self._login.single_use:
            try:
                return send()
            except Refused as refusal:
                self._challenged(refusal)
        try:
            return self._unrepeated(partial(send, answer=True))
        except Refused as refusal:
            if not (refusal.digest and (refusal.digest.stale or self._login.way)):
                raise
            self._login.single_use = self._login.single_use or (not refusal.digest.stale and self._nonce_uses > 1)
            self._challenged(refusal)
        return self._unrepeated(partial(send, answer=True))

    def _unrepeated(self, send: Callable[[], T]) -> T:
        """Send a login. Until one has worked, over a fresh connection and with no silent repetition of its failure."""
        if self._login.way:
            return send()
        self.close()
        try:
            return send()
        except HungUp:
            raise Refused("connection closed at login", sent=True) from None

    def _challenged(self, refusal: Refused) -> None:
        if not refusal.digest:
            raise refusal
        self._challenge, self._nonce_uses = refusal.digest, 0

    def _digest(self, path: str, body: bytes) -> str:
        if not self._challenge or not self._camera.credentials:
            raise Trouble(Reason.AGENT_FAULT, "no challenge to answer")
        self._nonce_uses += 1
        return digest.authorization(
            self._challenge, self._camera.credentials, "POST", path, body, count=self._nonce_uses
        )
