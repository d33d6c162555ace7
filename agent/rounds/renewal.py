"""The next certificate, asked for in time; and another one where the broker takes ours no more.

Over the line that stands, from 30 days before the end on; or, where the broker refuses us, by its recovery port, which
takes a password and permits nothing else. What makes keys, and which pair is shown, stands in agent/tell.
"""

import hashlib
import logging
import queue
import random
import threading
from collections.abc import Callable
from time import monotonic
from typing import Protocol

import msgspec

from agent.loop import Round
from agent.tell import openssl
from agent.tell.openssl import Unable, Validity
from agent.tell.pairs import Asking, Pairs
from contract.messages import BROKEN_JSON
from contract.renewal import CertificateAnswer, CertificateRequest, request_id
from contract.text import tidy

log = logging.getLogger(__name__)
DAY_S = 86_400.0
AHEAD_S = 30 * DAY_S
SPREAD_S = 5 * DAY_S
"""Boxes that were enrolled in one minute do not ask in one minute: each begins up to so much earlier, by its name."""
FIRST_S = 20.0
LOOK_S = 60.0
FIRST_WAIT_S, LONGEST_WAIT_S = 60.0, 6 * 3600.0
"""Between two attempts, doubled each time, with jitter."""
MAX_SAID = 200
URGENT_S = 7 * DAY_S


class Way(Protocol):
    """The line to the broker, as far as renewal needs it."""

    @property
    def stands(self) -> bool:
        """Whether the broker has let us in."""

    @property
    def unaccepted(self) -> bool:
        """Whether the broker refuses our account or certificate."""

    def ask(self, request: bytes) -> None:
        """Publish a request; the answer is heard later, or never."""

    def connect_anew(self) -> None:
        """Drop the line, or cut the wait for the next attempt short: another pair is to be shown."""


class RenewalTask(Round):
    """One look at the certificate, and one step. `hear` may be called from any thread.

    `recover(request)` asks by the recovery port and returns the answer, None where there is none; it takes some
    seconds. None for it: no such port is configured. `now_s`: UTC seconds that have certainly come.
    """

    def __init__(
        self,
        pairs: Pairs,
        way: Way,
        *,
        user: str,
        now_s: Callable[[], float],
        tell: Callable[[str], None],
        recover: Callable[[bytes], bytes | None] | None = None,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self._pairs, self._way, self._user, self._now_s, self._tell = pairs, way, user, now_s, tell
        self._recover, self._first_wait_s = recover, first_wait_s
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.wake = threading.Event()
        self._validity: Validity | None = None
        self._wait_s, self._next_at = first_wait_s, 0.0
        self._said = ""
        pairs.changed = self._forget

    def hear(self, answer: bytes) -> None:
        """What came on down/cert."""
        self._answers.put(answer)
        self.wake.set()

    def run(self) -> None:
        try:
            while not self._answers.empty():
                self._take(self._answers.get())
            if self._recover and self._way.unaccepted and self._pairs.tried:
                if self._may_try():
                    self._by_recovery(self._recover)
            elif self._way.stands and not self._pairs.pending and self._due() and self._may_try():
                self._way.ask(self._request())
        except (Unable, OSError, UnicodeError) as error:
            self._say(f"the certificate cannot be renewed: {getattr(error, 'strerror', '') or error}")

    def next_ms(self, ended_ms: int) -> int:
        return ended_ms + round(min(LOOK_S, self._first_wait_s) * 1000)

    # ---- asking -------------------------------------------------------------------------------

    def _due(self) -> bool:
        if self._validity is None:
            self._validity = openssl.validity(self._pairs.certificate)
        begin_s, end_s, now_s = self._validity.begin_s, self._validity.end_s, self._now_s()
        life_s = end_s - begin_s
        share = int(hashlib.sha256(self._user.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
        ahead_s = min(AHEAD_S + share * SPREAD_S, life_s / 3)
        if now_s >= end_s - min(URGENT_S, ahead_s / 2):
            self._say(f"the certificate runs out in {max(0.0, end_s - now_s) / DAY_S:.0f} days and is not renewed yet")
        if now_s >= end_s - ahead_s:
            return True
        self._wait_s, self._next_at = self._first_wait_s, 0.0  # only now: the one that came may be refused again
        return False

    def _may_try(self) -> bool:
        """With a wait that grows from one attempt to the next, until there is an answer."""
        if monotonic() < self._next_at:
            return False
        self._next_at = monotonic() + self._wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._wait_s = min(LONGEST_WAIT_S, 2 * self._wait_s)
        return True

    def _request(self) -> bytes:
        """The same one until it is answered: its key is on disk before it is told to anybody."""
        asking = self._pairs.asking()
        if asking is None:
            key = openssl.new_key()
            request = openssl.request(key, self._user)
            self._pairs.ask(key, request)
            asking = Asking(key, request.decode("ascii"))
        return msgspec.json.encode(CertificateRequest(csr=asking.request))

    def _by_recovery(self, recover: Callable[[bytes], bytes | None]) -> None:
        log.warning("the broker does not take our certificate: another one is asked for by its recovery port")
        answer = recover(self._request())
        if answer is not None:
            self._take(answer)

    # ---- the answer ---------------------------------------------------------------------------

    def _take(self, payload: bytes) -> None:
        asking = self._pairs.asking()
        try:
            answer = msgspec.json.decode(payload, type=CertificateAnswer)
        except BROKEN_JSON:
            log.warning("an answer about the certificate could not be read")
            return
        if asking is None or answer.request != request_id(asking.request):
            return  # of an older request; or the answer came twice
        if not answer.certificate:
            self._say(f"the center gives no certificate: {tidy(answer.refused, MAX_SAID)}")
            return
        self._install(asking, answer.certificate.encode())

    def _install(self, asking: Asking, certificate: bytes) -> None:
        found = openssl.validity(certificate)
        if found.subject != self._user:
            self._say("the center's answer holds a certificate of another name")
            self._pairs.forget()
            return
        self._pairs.answered(asking.key, certificate)
        log.info("a new certificate has come: it is tried at the next connection, which is made now")
        self._way.connect_anew()

    def _forget(self) -> None:
        """Another pair has proven itself."""
        self._validity, self._said = None, ""

    def _say(self, what: str) -> None:
        """Once: in the log and as a fault."""
        if what != self._said:
            self._said = what
            log.warning("%s", what)
            self._tell(what)
