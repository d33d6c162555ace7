"""One login, once, at one device that a person has confirmed: always through the gate, never the same one again."""

from enum import Enum
from pathlib import Path
from typing import NamedTuple

from agent.ask import inspection
from agent.causes import cause
from agent.hand_logins import HandLogins
from agent.login_gate import Refusal
from agent.model import Camera, Capabilities, Evidence, NotSeen, Seen, values
from contract.language import saying
from contract.problems import Words
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

    def channel_wanted(self, camera: Camera, told: Capabilities) -> Words | None:
        """What is missing in the answers about a device of which no channel is named there; None = nothing.

        A list of channels that did not come is asked for once more.
        """
        found = channels(told)
        if isinstance(found, NotSeen):
            found = channels(self.once(camera).evidence.capabilities)
        if isinstance(found, NotSeen):
            return Words(
                f"could not ask for its channels: {why(found, 'en')}. Try again later, or name one as channel",
                f"没有问到它的通道：{why(found, 'zh')}。请稍后重试，或写明 channel",
            )
        if len(found) > 1:
            names = ", ".join(found)
            return Words(
                f"it has several channels, name one as channel: {names}", f"它有多个通道，请写明 channel：{names}"
            )
        return None


def read(evidence: Evidence, refusal: Refusal | None, lang: str) -> Tried:
    """What the evidence of one camera means for its setup."""
    told, look = evidence.capabilities, evidence.look
    asked = [one for one in (told.services, told.device, told.profiles, told.stream_uri) if isinstance(one, NotSeen)]
    unasked = NotSeen(reason=Reason.UNASKED)
    tcp, stream = (look.tcp, look.stream) if look else (unasked, unasked)
    if any(one.finding == Finding.USE_TLS for one in asked):
        return Tried(Outcome.TLS, evidence, refusal)
    if broken := next((one for one in asked if one.reason is Reason.HOSTILE), None):
        return Tried(Outcome.HOSTILE, evidence, refusal, why(broken, lang))
    if refusal or told.refused or (isinstance(stream, NotSeen) and stream.reason is Reason.REFUSED):
        return Tried(Outcome.REFUSED, evidence, refusal, refused(refusal, lang))
    ours = next((one for one in asked if one.reason is Reason.AGENT_FAULT), None)
    if isinstance(tcp, NotSeen):
        return Tried(Outcome.GONE, evidence, None, why(tcp, lang))
    if isinstance(stream, Seen) and not ours:
        return Tried(Outcome.OPEN, evidence, None)
    unseen = [one for one in (stream, *asked) if isinstance(one, NotSeen) and one.reason is not Reason.UNASKED]
    outcome = Outcome.UNCHECKED if ours else Outcome.ODD
    return Tried(outcome, evidence, None, why(ours or next(iter(unseen), unasked), lang))


def channels(told: Capabilities) -> tuple[str, ...] | NotSeen:
    """Tokens of the device's video sources, those of its profiles where it has no list; NotSeen: nobody knows how many.

    A list that did not come is no word for "one": a recorder's is long, and it may be busy with others.
    """
    if isinstance(told.sources, Seen):
        return tuple(source.token for source in told.sources.value)
    named = tuple(dict.fromkeys(filter(None, (profile.source for profile in values(told.profiles)))))
    answered = told.sources.reason is Reason.UNSUPPORTED or (named and told.sources.reason is Reason.MALFORMED)
    return named if answered or len(named) > 1 else told.sources


def refused(refusal: Refusal | None, lang: str) -> str:
    """In words, with the attempts that are left where the camera said so."""
    say = saying(lang)
    words = say("摄像机拒绝登录", "the camera refuses the login")
    if refusal and refusal.attempts_left is not None:
        words += say(f"，还剩 {refusal.attempts_left} 次机会", f", {refusal.attempts_left} attempts are left")
    return words


def why(seen: NotSeen, lang: str) -> str:
    """The reason and its detail, for a person."""
    detail = cause(seen.detail, lang)
    return name(seen.reason, lang) + (f" ({detail})" if detail else "")
