"""What looks say of a camera's availability, and when a change counts: two looks in a row must deny the old state.

How a camera is looked at, and how a change travels, must not be known here.
"""

from msgspec import Struct
from msgspec.structs import replace

from agent.model import Look, NotSeen, Seen
from contract.policy import Policy
from contract.reasons import Finding
from contract.vocabulary import Availability, Reason, Rung

Outcome = tuple[Availability, Rung, Reason | None]
"""What one look says: availability, how far it got, and why no further."""

_LADDER = tuple(Rung)
_HEARD = frozenset({Reason.REFUSED, Reason.BUSY, Reason.UNSUPPORTED})
"""Failures that are themselves an intelligible answer of the camera."""


# ---- checks of the picture ----------------------------------------------------------------------


class Decodability(Struct, frozen=True, kw_only=True):
    """Whether a picture can be made of the stream, as the checks so far say. Times in boot ms.

    `doubted_since`: when it was known that one check fetched what no decoder makes a picture of.
    `undecodable_since`: the same time of the first check, once a second one in a row agreed; None again as soon as a
    check shows a picture.
    """

    doubted_since: int | None = None
    undecodable_since: int | None = None
    reason: Reason = Reason.MALFORMED
    """Why it shows nothing: MALFORMED = what came cannot be decoded, TIMED_OUT = nothing came after PLAY; else what the
    camera said to SETUP or PLAY.
    """
    refused: int = 0
    """How many checks found no room for us at a stream that looks may describe, since one opened it."""
    shown: bool = False
    """Whether any check showed a picture."""

    @property
    def crowded(self) -> bool:
        """Whether its stream cannot be opened for lack of room, as far as two checks can tell."""
        return self.refused >= 2


DECODABLE = Decodability()


def after_check(
    before: Decodability,
    at: int,
    *,
    decodable: bool | None,
    reason: Reason = Reason.MALFORMED,
    room: bool | None = None,
) -> Decodability:
    """What is known after a check whose result was known at boot ms `at`; `decodable` None: the check tells neither.

    One decoded picture is proof. That there is none takes two checks in a row. A check between them that tells nothing
    (busy, no network, our own fault) begins the count anew. `room`: False = no room for us at the stream; True = it was
    opened, and video of which nothing can be told came, so that it does not send nothing any more.
    """
    if decodable:
        return Decodability(shown=True)
    if room:
        silent = before.undecodable_since is not None and before.reason is not Reason.MALFORMED
        return Decodability(shown=before.shown) if silent else replace(before, doubted_since=None, refused=0)
    if room is False:
        before = replace(before, refused=before.refused + 1)
    if decodable is None or before.undecodable_since is not None:
        return replace(before, doubted_since=None)
    if before.doubted_since is None:
        return replace(before, doubted_since=at)
    return replace(before, doubted_since=None, undecodable_since=before.doubted_since, reason=reason)


# ---- one look -----------------------------------------------------------------------------------


def read(look: Look, policy: Policy, decodability: Decodability = DECODABLE) -> Outcome:
    """What this look says, with what checks of the picture said before it.

    Offline only where the camera was seen not to be openable: no port accepts, the RTSP port does not accept though
    ONVIF answers, or RTSP itself says that there is no such stream. What we could not find out is unknown. So is a
    stream that is described and of which no picture can be made: the fault may be the camera's or the decoder's, or
    ours. A camera that has no room for us (453, 503, accepted and hung up) has shown neither, be it at DESCRIBE or, two
    checks in a row, at SETUP or PLAY: `step` says what was before it.
    """
    outcome = _reached(look, policy)
    if outcome[0] is not Availability.ONLINE or not policy.online.needs_decodable.value:
        return outcome
    if decodability.undecodable_since is not None:
        return Availability.UNKNOWN, outcome[1], decodability.reason
    return (Availability.UNKNOWN, outcome[1], Reason.BUSY) if decodability.crowded else outcome


def _reached(look: Look, policy: Policy) -> Outcome:
    rung = _rung(look)
    reason = look.stream.reason if isinstance(look.stream, NotSeen) else None
    if _LADDER.index(rung) >= _LADDER.index(policy.online.needs.rung):
        return Availability.ONLINE, rung, None
    if isinstance(look.tcp, NotSeen) and look.tcp.reason is Reason.AGENT_FAULT:
        return Availability.UNKNOWN, rung, Reason.AGENT_FAULT
    if reason is Reason.UNSUPPORTED or (reason is Reason.UNREACHABLE and _tried(look)):
        return Availability.OFFLINE, rung, reason
    return Availability.UNKNOWN, rung, reason


def _tried(look: Look) -> bool:
    """Whether a connection was really attempted: some port accepted it, or all are known to be unreachable."""
    return isinstance(look.tcp, Seen) or look.tcp.reason is Reason.UNREACHABLE


def _rung(look: Look) -> Rung:
    if isinstance(look.stream, Seen):
        return Rung.STREAMS
    if isinstance(look.clock, Seen) or {look.stream.reason, look.clock.reason} & _HEARD:
        return Rung.ANSWERS
    return Rung.REACHABLE if isinstance(look.tcp, Seen) else Rung.UNREACHABLE


# ---- looks in a row -----------------------------------------------------------------------------


class Suspicion(Struct, frozen=True, kw_only=True):
    """A look that differed from the state and is not confirmed yet. `since`: its start, boot ms."""

    availability: Availability
    level: Rung
    reason: Reason | None
    since: int


class State(Struct, frozen=True, kw_only=True):
    """What is known of one camera. `level`: how far the last look that agreed got.

    `held_until`: an online camera has no room for us; it is believed so until then (boot ms) and no longer. Nothing
    after it is settled, for the change that may follow is dated there.
    """

    availability: Availability
    level: Rung
    reason: Reason | None
    suspicion: Suspicion | None = None
    held_until: int | None = None

    @property
    def hurry(self) -> bool:
        """Whether a second look should follow soon."""
        return self.suspicion is not None

    @property
    def unsettled_since(self) -> int | None:
        """Start of the look that is not confirmed yet, boot ms; no later change will be dated before it."""
        return self.suspicion.since if self.suspicion else None


START = State(availability=Availability.UNKNOWN, level=Rung.UNREACHABLE, reason=Reason.UNASKED)
"""Where every session begins: nothing carries over."""


class Change(Struct, frozen=True, kw_only=True):
    """A confirmed change. `at`: start of the first look that differed, boot ms."""

    at: int
    from_: Availability
    to: Availability
    level: Rung
    reason: Reason | None


def step(
    state: State, look: Look, policy: Policy, decodability: Decodability = DECODABLE
) -> tuple[State, Change | None]:
    """The state after this look, and the change that it confirms, if any.

    A change needs two looks in a row that deny the state; it is dated by the first:

    - both say the same availability: that is the new state;
    - one says offline (or online) and the other unknown: the old state is over, the new one not known, so it is unknown
      from the first look on; the second look stays a suspicion if it said more;
    - the state is unknown anyway: the first look is dropped, the second becomes the suspicion.

    A look that agrees with the state ends the suspicion. Where only the reason differs, a second look must repeat it.
    So no moment is reported online, or offline, that two looks in a row denied.

    A busy camera (BUSY) that was online stays so for `busy_at_most` of the policy, counted from the first look that
    found it busy until one sees its stream; then it is unknown, from that time on. Else it is unknown from the first
    look on, never offline: somebody accepted us. So is one that has room for us and says that its stream cannot be
    had, unless its picture was had otherwise (see pictured): that others watch it is no likelier than that nobody can.
    Nor is one believed that describes its stream and grants it to nobody, where no check has ever shown a picture.
    """
    seen = _suspect(look.at, read(look, policy, decodability))
    shown = state.level is Rung.PICTURE
    watched = shown or (decodability.shown if isinstance(look.stream, Seen) else not _streamless(look))
    crowded = seen.reason is Reason.BUSY and watched
    if state.availability is not Availability.ONLINE:
        return _stepped(state, seen)
    until = _held_until(state, seen, policy) if crowded else state.held_until
    if until is not None and seen.since >= until:
        return _expired(state, seen, until)
    if crowded:
        seen = replace(seen, availability=Availability.ONLINE, level=state.level if shown else seen.level)
    after, change = _stepped(state, seen)
    held = after.availability is Availability.ONLINE and not _streams(seen)
    return replace(after, held_until=until if held else None), change


def _streamless(look: Look) -> bool:
    return isinstance(look.stream, NotSeen) and look.stream.finding == Finding.STREAM_UNAVAILABLE


def _held_until(state: State, seen: Suspicion, policy: Policy) -> int:
    """How long the state of a busy camera is believed."""
    if state.held_until is not None:
        return state.held_until
    return _denied_since(state, seen.since) + int(policy.online.busy_at_most.value * 1000)


def _expired(state: State, seen: Suspicion, until: int) -> tuple[State, Change]:
    """Busy for too long to be believed online: unknown from `until` on. What this look says is still to agree."""
    busy = _suspect(until, (Availability.UNKNOWN, seen.level, Reason.BUSY))
    after = _settled(busy)
    if (seen.availability, seen.reason) != (busy.availability, busy.reason):
        after = replace(after, suspicion=seen)
    return after, _change(state, busy, at=_denied_since(state, until))


def _streams(seen: Suspicion) -> bool:
    return seen.availability is Availability.ONLINE and seen.reason is not Reason.BUSY


def _stepped(state: State, seen: Suspicion) -> tuple[State, Change | None]:
    if (seen.availability, seen.reason) == (state.availability, state.reason):
        return _settled(seen), None
    first = state.suspicion
    if first is None:
        return replace(state, suspicion=seen), None
    if _confirms(state, first, seen):
        return _settled(seen), _change(state, seen, at=first.since)
    denied = state.availability not in {first.availability, seen.availability, Availability.UNKNOWN}
    if not denied:
        return replace(state, suspicion=seen), None
    ended = first if first.availability is Availability.UNKNOWN else seen
    after = _settled(ended) if ended is seen else replace(_settled(ended), suspicion=seen)
    return after, _change(state, ended, at=first.since)


def stuck(state: State, at: int, reason: Reason = Reason.TIMED_OUT) -> tuple[State, Change | None]:
    """The state when no look tells anything from boot ms `at` on: unknown at once, as no second look can confirm it.

    `reason`: TIMED_OUT = a look that began then was given up; AGENT_FAULT = a look that was due then did not begin.

    An open suspicion that denied the availability dates the change, as in `step`.
    """
    outcome = _suspect(at, (Availability.UNKNOWN, Rung.UNREACHABLE, reason))
    if (state.availability, state.reason) == (outcome.availability, outcome.reason):
        return _settled(outcome), None
    return _settled(outcome), _change(state, outcome, at=_denied_since(state, at))


def undecodable(state: State, decodability: Decodability, policy: Policy) -> tuple[State, Change | None]:
    """Two checks in a row could make no picture of the stream: unknown at once, for they confirm each other.

    Dated by the moment the first of them was known: since then nothing was settled. Only what is online changes.
    """
    needed, since = policy.online.needs_decodable.value, decodability.undecodable_since
    if since is None or not needed or state.availability is not Availability.ONLINE:
        return state, None
    outcome = _suspect(since, (Availability.UNKNOWN, state.level, decodability.reason))
    return _settled(outcome), _change(state, outcome, at=min(since, _denied_since(state, since)))


def pictured(state: State, at: int, policy: Policy) -> tuple[State, Change | None]:
    """A picture of a camera too busy to stream was had otherwise (a snapshot) and decoded, known at boot ms `at`.

    It shows what a stream would: such a camera is online, from the moment it was known, and is believed so anew.
    """
    until = at + int(policy.online.busy_at_most.value * 1000)
    if state.availability is Availability.ONLINE:
        fresh = state.held_until is not None and at < state.held_until
        return (replace(state, held_until=until) if fresh else state), None
    if state.availability is not Availability.UNKNOWN or state.reason is not Reason.BUSY:
        return state, None
    seen = _suspect(at, (Availability.ONLINE, Rung.PICTURE, Reason.BUSY))
    return replace(_settled(seen), held_until=until), _change(state, seen, at=at)


def _denied_since(state: State, at: int) -> int:
    """From when on the state that ends at `at` was no longer believed: by an open suspicion, or busy for too long."""
    first = state.suspicion
    denied = first is not None and state.availability not in {first.availability, Availability.UNKNOWN}
    starts = [at, *([first.since] if first and denied else []), *([state.held_until] if state.held_until else [])]
    return min(starts)


def _confirms(state: State, first: Suspicion, second: Suspicion) -> bool:
    if first.availability is not second.availability:
        return False
    return first.availability is not state.availability or first.reason is second.reason


def _suspect(at: int, outcome: Outcome) -> Suspicion:
    availability, level, reason = outcome
    return Suspicion(availability=availability, level=level, reason=reason, since=at)


def _settled(seen: Suspicion) -> State:
    return State(availability=seen.availability, level=seen.level, reason=seen.reason)


def _change(state: State, seen: Suspicion, *, at: int) -> Change:
    return Change(at=at, from_=state.availability, to=seen.availability, level=seen.level, reason=seen.reason)
