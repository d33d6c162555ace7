"""Child only: how one camera is interviewed: every question stands alone, and a camera that hangs is left in peace."""

from collections.abc import Callable
from typing import Any, TypeVar

from agent.ask.attempt import Deadline, Trouble, ask, boot_ms
from agent.ask.box import clocks
from agent.ask.net import connection
from agent.ask.net.connection import NoConnection
from agent.ask.net.message import TooLarge
from agent.ask.onvif import clock as onvif_clock
from agent.ask.onvif import endpoints, media_replies
from agent.ask.onvif.client import OnvifClient, Question
from agent.ask.onvif.envelope import Node
from agent.ask.onvif.jobs import Job
from agent.ask.onvif.login import Login
from agent.model import UNASKED, NotSeen, Seen, Service
from contract.reasons import Finding
from contract.vocabulary import Reason

T = TypeVar("T")
Said = dict[tuple[str, str, str], Any]
"""Service, operation and arguments -> the answer: a recorder is asked once for what all its channels share."""
QUESTION_S = 4.5
"""For one question, its retries and other places included: two of them are what a camera that never answers costs."""
MAX_SILENCES = 2
"""After so many questions in a row without connection or answer the rest is not asked: the device hangs or is gone."""
TLS_S = 2.0
"""For finding out whether a port speaks TLS."""
FAR_S = 86_400.0
"""A token is not dated by a camera's clock that is further off than this, unless nobody vouches for ours."""
CLOCK_SKEW_S = 60.0
"""A clock further off is noted."""
_ONLY_IF_CLAIMED = ("media2", "deviceio")


class Interview:
    """One camera, its login and its deadline, and what was odd."""

    def __init__(self, job: Job, login: Login, deadline: Deadline, said: Said | None = None) -> None:
        """`said`: what this device has answered to other slots of the batch; filled in here."""
        self.camera = job.camera
        self.login = login
        self._deadline = deadline
        self._said = {} if said is None else said
        self._client = OnvifClient(job.camera, login, log_in=job.log_in)
        self._lists: list[Seen[tuple[media_replies.Claim, ...]] | NotSeen] = []
        self._notes: dict[str, None] = {}
        self._silences = 0
        self._silent_for = Reason.TIMED_OUT
        self._over: Trouble | None = None
        """Why nothing is asked any more: an answer broke a safety rule, or no answer can be had this way."""

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def note(self, oddity: str) -> None:
        self._notes[oddity] = None

    def close(self) -> None:
        self._client.close()

    def see(self, question: Question, read: Callable[[Node], T]) -> Seen[T] | NotSeen:
        """The answer to one question, unless the device has no such service or has stopped answering."""
        absent = self._why_not(question.service)
        if absent:
            return absent
        asked = question.service, question.operation, repr(question.arguments)
        known: Seen[T] | NotSeen | None = self._said.get(asked)
        if known:
            return known
        within = self._deadline.within(QUESTION_S)
        seen = self._see(lambda: self._client.put(question, read, within), within)
        if isinstance(seen, Seen) or seen.reason is Reason.UNSUPPORTED:
            self._said[asked] = seen
        return seen

    def clock(self) -> None:
        """Ask the time without login, so that logins can be signed in the camera's own."""
        within = self._deadline.within(QUESTION_S)
        connection = self._client.connection(self.camera.ports.onvif)
        seen = self._see(lambda: onvif_clock.clock(self.camera, deadline=within, connection=connection), within)
        if isinstance(seen, NotSeen):
            self._perhaps_tls(seen)
            return
        self._client.local_skew_s = seen.value.local_skew_s
        if (skew_s := seen.value.skew_s) is not None:
            if abs(skew_s) > CLOCK_SKEW_S:
                self.note(f"clock_skew {skew_s:+.0f} s")
            if abs(skew_s) <= FAR_S or not clocks.clock().synced:
                self._client.skew_s = skew_s
            else:
                self.note("its clock is more than a day off, ours is right: logins are signed in ours")

    def _perhaps_tls(self, unseen: NotSeen) -> None:
        """Whether the port speaks TLS and nothing else, which a plain question only finds out to be unintelligible."""
        odd = unseen.reason in (Reason.BUSY, Reason.MALFORMED, Reason.TIMED_OUT)
        port, within = self.camera.ports.onvif, self._deadline.within(TLS_S)
        if self.camera.tls == "off" and odd and connection.certificate(self.camera, port, within):
            self._over = Trouble(Reason.MALFORMED, f"port {port} speaks TLS only", Finding.USE_TLS)

    def services(self) -> Seen[tuple[Service, ...]] | NotSeen:
        """GetServices, then GetCapabilities, merged: each is known to omit what the other lists."""
        asked = (
            (Question("device", "GetServices", {"IncludeCapability": False}, open=True), media_replies.services),
            (Question("device", "GetCapabilities", {"Category": "All"}, open=True), media_replies.capabilities),
        )
        self._lists = [self.see(question, read) for question, read in asked]
        both = merged(*self._lists)
        if isinstance(both, NotSeen):
            return both
        names = [question.operation for question, _ in asked]
        found = endpoints.services(
            self.camera,
            [(name, seen.value) for name, seen in zip(names, self._lists, strict=True) if isinstance(seen, Seen)],
        )
        self._client.services = {service.name: service for service in found}
        for service in found:
            if service.foreign_host:
                self.note(f"XAddr names another host: {service.foreign_host}")
            if service.unused:
                self.note(
                    f"the {service.name} service is named at {service.unused}: asked at the enrolled port instead"
                )
        return Seen(value=found, at=both.at, took_s=both.took_s, attempts=both.attempts)

    def _why_not(self, service: str) -> NotSeen | None:
        """Why a service is not asked: every list the device gave omits it, or it is not worth a guess."""
        if service == "device" or service in self._client.services:
            return None
        said = [seen for seen in self._lists if not (isinstance(seen, NotSeen) and seen.reason is Reason.UNSUPPORTED)]
        if said and all(isinstance(seen, Seen) and seen.value for seen in said):
            detail = f"no {service} service listed"
            return NotSeen(reason=Reason.UNSUPPORTED, detail=detail, at=boot_ms(), attempts=0)
        return UNASKED if service in _ONLY_IF_CLAIMED else None

    def _see(self, question: Callable[[], T], within: Deadline) -> Seen[T] | NotSeen:
        if self._silences >= MAX_SILENCES:
            detail = "not asked: the camera had stopped answering"
            return NotSeen(reason=self._silent_for, detail=detail, at=boot_ms(), attempts=0)
        if over := self._over:
            detail = f"not asked: {over.detail}"
            return NotSeen(reason=over.reason, detail=detail, finding=over.finding, at=boot_ms(), attempts=0)
        unconnected = False

        def asked() -> T:
            nonlocal unconnected
            try:
                return question()
            except (NoConnection, TooLarge) as trouble:
                unconnected = isinstance(trouble, NoConnection)
                raise
            except Trouble as trouble:
                if trouble.reason is Reason.HOSTILE:
                    self._over = Trouble(trouble.reason, trouble.detail, trouble.finding)
                raise

        seen = ask(asked, deadline=within)
        if isinstance(seen, NotSeen) and (unconnected or seen.reason is Reason.TIMED_OUT):
            self._silences, self._silent_for = self._silences + 1, seen.reason
        else:
            self._silences = 0
        return seen


def merged(*told: Seen[tuple[T, ...]] | NotSeen) -> Seen[tuple[T, ...]] | NotSeen:
    """One observation of the same question put to several services, the one most at home in it first.

    What any of them found is found. Else "has none" stands when the first said it outright (UNSUPPORTED), or when no
    other was left unanswered: an empty list speaks for its own service only. Services that are not there are left out.
    """
    asked = [one for one in told if not _absent(one)] or list(told[:1])
    seen = [one for one in asked if isinstance(one, Seen)]
    found = tuple(dict.fromkeys(item for one in seen for item in one.value))
    if not found:
        for one in asked:
            if isinstance(one, NotSeen) and (one is asked[0] or one.reason is not Reason.UNSUPPORTED):
                return one
    return Seen(
        value=found,
        at=seen[0].at,
        took_s=round(sum(one.took_s for one in asked), 4),
        attempts=max(one.attempts for one in seen),
    )


def _absent(one: Seen[T] | NotSeen) -> bool:
    return isinstance(one, NotSeen) and not one.attempts and one.reason in (Reason.UNSUPPORTED, Reason.UNASKED)
