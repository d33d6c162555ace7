"""What of a camera's evidence concerns its slot, and words for what was or was not seen.

Thresholds must not be known here.
"""

from typing import Any, TypeVar

from msgspec.structs import replace

from agent import model
from agent.model import Evidence, NotSeen, Profile, Seen, values
from contract.messages import Verdict
from contract.reasons import Finding
from contract.text import tidy
from contract.vocabulary import Level, Reason, Standing

T = TypeVar("T")

_TELLING = (
    Reason.REFUSED,
    Reason.HOSTILE,
    Reason.MALFORMED,
    Reason.BUSY,
    Reason.AGENT_FAULT,
    Reason.TIMED_OUT,
    Reason.UNREACHABLE,
    Reason.UNSUPPORTED,
    Reason.UNASKED,
)
"""Reasons for not knowing, the one that tells a person most first."""


def says_no(observation: Seen[tuple[T, ...]] | NotSeen) -> bool:
    """Whether a successful exchange said "none": an empty list, or UNSUPPORTED."""
    return not values(observation) if isinstance(observation, Seen) else observation.reason is Reason.UNSUPPORTED


def own_profiles(evidence: Evidence) -> tuple[Profile, ...]:
    """The media profiles that show this slot's channel; all of them where the slot names none."""
    return model.own_profiles(values(evidence.capabilities.profiles), evidence.channel)


def lost_channel(base: Verdict, evidence: Evidence) -> Verdict | None:
    """UNKNOWN where the slot names a channel and it cannot be told what of the device belongs to it; else None."""
    profiles = evidence.capabilities.profiles
    if not evidence.channel or own_profiles(evidence):
        return None
    if isinstance(profiles, NotSeen):
        return unknown(base, GetProfiles=profiles)
    proof = (tidy(f"GetProfiles: none for channel {evidence.channel}"),)
    return replace(base, reason=Finding.CHANNEL_NOT_FOUND, proof=proof)


def unknown(base: Verdict, **observations: Seen[Any] | NotSeen) -> Verdict:
    """UNKNOWN at E0, with the most telling reason among those not seen; names are the operations asked."""
    missing = {name: o for name, o in observations.items() if isinstance(o, NotSeen)}
    telling = min(missing.values(), key=lambda o: _TELLING.index(o.reason), default=None)
    reason = (telling.finding or telling.reason) if telling else Reason.UNASKED
    proof = tuple(not_seen(name, o) for name, o in missing.items() if o.reason is not Reason.UNASKED)
    return replace(base, standing=Standing.UNKNOWN, level=Level.E0, measured=None, reason=reason, proof=proof)


def not_seen(operation: str, observation: NotSeen) -> str:
    return tidy(f"{operation}: {observation.reason} {observation.detail}")


def counted(operation: str, observation: Seen[tuple[T, ...]] | NotSeen) -> str:
    """How many were listed, or why that is not known."""
    if isinstance(observation, NotSeen):
        return not_seen(operation, observation)
    return f"{operation}: {len(observation.value) or 'none'}"


def unlisted(evidence: Evidence, service: str) -> bool:
    """Whether the device disclaims a service: GetServices and GetCapabilities both answered, and neither lists it.

    One list alone proves nothing: some devices omit PTZ from the one and some from the other.
    """
    services = values(evidence.capabilities.services)
    answered = {who for one in services for who in one.claimed_by}
    return {"GetServices", "GetCapabilities"} <= answered and all(one.name != service for one in services)
