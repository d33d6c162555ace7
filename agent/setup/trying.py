"""One login, once, at one device that a person has confirmed: always through the gate, never the same one again."""

from enum import Enum
from pathlib import Path
from typing import NamedTuple

from agent.ask import inspection
from agent.causes import cause
from agent.hand_logins import HandLogins
from agent.login_gate import Refusal
from agent.model import Camera, Evidence, NotSeen, Seen
from contract.language import saying
from contract.reasons import Finding
from contract.vocabulary import Reason, name

DEADLINE_S = 30.0


class Outcome(Enum):
    """What came of it."""

    OPEN = "open"
    """Its stream can be had."""
    REFUSED = "refused"
    """The login, or the want of one."""
    GONE = "gone"
    """Nothing answers."""
    TLS = "tls"
    """It speaks HTTPS alone; no login was sent."""
    HOSTILE = "hostile"
    """An answer broke a safety rule, or its certificate is not the pinned one."""
    UNCHECKED = "unchecked"
    """Our side failed: nothing is known of it."""
    ODD = "odd"
    """It answers and its stream cannot be had."""


class Tried(NamedTuple):
    """`refusal`: what the gate keeps of it. `why`: for a person, "" where all is well."""

    outcome: Outcome
    evidence: Evidence
    refusal: Refusal | None
    why: str = ""


class Trials:
    """Tries logins. Refusals are kept where the agent keeps them: a pause holds for both."""

    def __init__(self, state_dir: Path, lang: str) -> None:
        self.logins, self._lang = HandLogins(state_dir, forced=False, lang=lang), lang

    def once(self, camera: Camera) -> Tried:
        """Ask the camera what it can do and look at its stream, with its login where the gate allows one."""
        gate = self.logins.gate
        (evidence,) = inspection.inspect([camera], door=gate, auth={}, deadline_s=DEADLINE_S)
        return read(evidence, gate.refusal(camera), self._lang)


def read(evidence: Evidence, refusal: Refusal | None, lang: str) -> Tried:
    """What the evidence of one camera means for its setup."""
    told, look = evidence.capabilities, evidence.look
    asked = [one for one in (told.services, told.device, told.profiles, told.stream_uri) if isinstance(one, NotSeen)]
    unasked = NotSeen(reason=Reason.UNASKED)
    tcp, stream = (look.tcp, look.stream) if look else (unasked, unasked)
    if any(one.finding == Finding.USE_TLS for one in asked):
        return Tried(Outcome.TLS, evidence, refusal)
    if broken := next((one for one in asked if one.reason is Reason.HOSTILE), None):
        return Tried(Outcome.HOSTILE, evidence, refusal, _why(broken, lang))
    if refusal or told.refused or (isinstance(stream, NotSeen) and stream.reason is Reason.REFUSED):
        return Tried(Outcome.REFUSED, evidence, refusal, refused(refusal, lang))
    ours = next((one for one in asked if one.reason is Reason.AGENT_FAULT), None)
    if isinstance(tcp, NotSeen):
        return Tried(Outcome.GONE, evidence, None, _why(tcp, lang))
    if isinstance(stream, Seen) and not ours:
        return Tried(Outcome.OPEN, evidence, None)
    unseen = [one for one in (stream, *asked) if isinstance(one, NotSeen) and one.reason is not Reason.UNASKED]
    outcome = Outcome.UNCHECKED if ours else Outcome.ODD
    return Tried(outcome, evidence, None, _why(ours or next(iter(unseen), unasked), lang))


def refused(refusal: Refusal | None, lang: str) -> str:
    """In words, with the attempts that are left where the camera said so."""
    say = saying(lang)
    words = say("摄像机拒绝登录", "the camera refuses the login")
    if refusal and refusal.attempts_left is not None:
        words += say(f"，还剩 {refusal.attempts_left} 次机会", f", {refusal.attempts_left} attempts are left")
    return words


def _why(seen: NotSeen, lang: str) -> str:
    detail = cause(seen.detail, lang)
    return name(seen.reason, lang) + (f" ({detail})" if detail else "")
