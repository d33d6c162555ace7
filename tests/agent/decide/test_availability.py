from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.decide import availability
from agent.decide.availability import (
    DECODABLE,
    START,
    Change,
    Decodability,
    State,
    after_check,
    read,
    step,
    stuck,
    undecodable,
)
from agent.model import Look, NotSeen
from contract.reasons import Finding
from contract.vocabulary import Availability, Reason, Rung
from tests.agent.decide.builders import POLICY, look

ONLINE, OFFLINE, UNKNOWN = Availability.ONLINE, Availability.OFFLINE, Availability.UNKNOWN
NONE = Reason.UNREACHABLE

READINGS = [
    ("streams", look(), (ONLINE, Rung.STREAMS, None)),
    ("streams while ONVIF is dead", look(tcp=(554,), clock=NONE), (ONLINE, Rung.STREAMS, None)),
    ("busy", look(Reason.BUSY), (UNKNOWN, Rung.ANSWERS, Reason.BUSY)),
    ("nothing accepts", look(NONE, tcp=NONE, clock=NONE), (OFFLINE, Rung.UNREACHABLE, NONE)),
    ("RTSP port closed, ONVIF answers", look(NONE, tcp=(80,), clock=None), (OFFLINE, Rung.ANSWERS, NONE)),
    ("RTSP port closed, ONVIF hangs", look(NONE, tcp=(80,)), (OFFLINE, Rung.REACHABLE, NONE)),
    ("no such stream", look(Reason.UNSUPPORTED), (OFFLINE, Rung.ANSWERS, Reason.UNSUPPORTED)),
    ("refused", look(Reason.REFUSED), (UNKNOWN, Rung.ANSWERS, Reason.REFUSED)),
    ("hangs", look(Reason.TIMED_OUT), (UNKNOWN, Rung.REACHABLE, Reason.TIMED_OUT)),
    ("hangs, ONVIF answers", look(Reason.TIMED_OUT, clock=None), (UNKNOWN, Rung.ANSWERS, Reason.TIMED_OUT)),
    ("garbage", look(Reason.MALFORMED), (UNKNOWN, Rung.REACHABLE, Reason.MALFORMED)),
    ("redirect", look(Reason.HOSTILE), (UNKNOWN, Rung.REACHABLE, Reason.HOSTILE)),
    ("our bug", look(Reason.AGENT_FAULT), (UNKNOWN, Rung.REACHABLE, Reason.AGENT_FAULT)),
    ("no path yet", look(Reason.UNASKED, clock=None), (UNKNOWN, Rung.ANSWERS, Reason.UNASKED)),
    (
        "own link down",
        look(NONE, tcp=Reason.AGENT_FAULT, clock=Reason.AGENT_FAULT),
        (UNKNOWN, Rung.UNREACHABLE, Reason.AGENT_FAULT),
    ),
    (
        "connecting was never tried to the end",
        look(NONE, tcp=Reason.TIMED_OUT),
        (UNKNOWN, Rung.UNREACHABLE, NONE),
    ),
]


@pytest.mark.parametrize(("seen", "expected"), [row[1:] for row in READINGS], ids=[row[0] for row in READINGS])
def test_one_look(seen: Look, expected: availability.Outcome) -> None:
    """Offline only where the camera was seen not to be openable; what we could not find out is unknown."""
    assert read(seen, POLICY) == expected


@pytest.mark.parametrize(("needs", "expected"), [("streams", OFFLINE), ("answers", ONLINE), ("reachable", ONLINE)])
def test_the_policy_says_which_rung_online_needs(needs: Any, expected: Availability) -> None:
    """A camera that answers but has no such stream is online only to a policy that asks for less."""
    lenient = replace(POLICY, online=replace(POLICY.online, needs=replace(POLICY.online.needs, value=needs)))
    assert read(look(Reason.UNSUPPORTED), lenient)[0] is expected


SAYS: dict[str, Any] = {
    "on": look(),
    "busy": look(Reason.BUSY),
    "no-stream": replace(look(), stream=NotSeen(reason=Reason.BUSY, finding=Finding.STREAM_UNAVAILABLE)),
    "off": look(NONE, tcp=NONE, clock=NONE),
    "404": look(Reason.UNSUPPORTED),
    "hang": look(Reason.TIMED_OUT),
    "refused": look(Reason.REFUSED),
}


def run(words: list[str], start: State = START) -> tuple[list[State], list[Change | None]]:
    """The state after each look and the change it confirmed; the n-th look begins at 10 n."""
    states, changes = [], []
    for n, word in enumerate(words):
        start, change = step(start, replace(SAYS[word], at=10 * n), POLICY)
        states.append(start)
        changes.append(change)
    return states, changes


def told(words: str) -> list[tuple[int, str, str, str]]:
    """Changes as (at, from, to, reason)."""
    return [(c.at, c.from_, c.to, c.reason or "") for c in run(words.split())[1] if c]


STORIES = [
    ("on", []),
    ("on on", [(0, "unknown", "online", "")]),
    ("on on on on", [(0, "unknown", "online", "")]),
    ("on on off on on", [(0, "unknown", "online", "")]),
    ("on on off off", [(0, "unknown", "online", ""), (20, "online", "offline", "UNREACHABLE")]),
    ("hang hang", [(0, "unknown", "unknown", "TIMED_OUT")]),
    ("hang off off", [(10, "unknown", "offline", "UNREACHABLE")]),
    ("off on on", [(10, "unknown", "online", "")]),
    ("on on busy busy", [(0, "unknown", "online", ""), (20, "online", "online", "BUSY")]),
    ("on on no-stream no-stream", [(0, "unknown", "online", ""), (20, "online", "unknown", "BUSY")]),
    ("on on no-stream on", [(0, "unknown", "online", "")]),
    ("on on no-stream busy busy", [(0, "unknown", "online", ""), (30, "online", "online", "BUSY")]),
    (
        "on on no-stream no-stream on on",
        [(0, "unknown", "online", ""), (20, "online", "unknown", "BUSY"), (40, "unknown", "online", "")],
    ),
    (
        "on on busy busy no-stream no-stream",
        [(0, "unknown", "online", ""), (20, "online", "online", "BUSY"), (40, "online", "unknown", "BUSY")],
    ),
    ("off off no-stream no-stream", [(0, "unknown", "offline", "UNREACHABLE"), (20, "offline", "unknown", "BUSY")]),
    ("on on busy on", [(0, "unknown", "online", "")]),
    ("on on off 404", [(0, "unknown", "online", ""), (20, "online", "offline", "UNSUPPORTED")]),
    ("on on off hang", [(0, "unknown", "online", ""), (20, "online", "unknown", "TIMED_OUT")]),
    ("on on hang off", [(0, "unknown", "online", ""), (20, "online", "unknown", "TIMED_OUT")]),
    (
        "on on hang off off",
        [
            (0, "unknown", "online", ""),
            (20, "online", "unknown", "TIMED_OUT"),
            (30, "unknown", "offline", "UNREACHABLE"),
        ],
    ),
    (
        "off off on hang on on",
        [
            (0, "unknown", "offline", "UNREACHABLE"),
            (20, "offline", "unknown", "TIMED_OUT"),
            (40, "unknown", "online", ""),
        ],
    ),
    ("off off hang refused", [(0, "unknown", "offline", "UNREACHABLE"), (20, "offline", "unknown", "REFUSED")]),
    ("busy busy", [(0, "unknown", "unknown", "BUSY")]),
    ("off off busy busy", [(0, "unknown", "offline", "UNREACHABLE"), (20, "offline", "unknown", "BUSY")]),
    (
        "on on off busy busy on on",
        [(0, "unknown", "online", ""), (30, "online", "online", "BUSY"), (50, "online", "online", "")],
    ),
    ("on on busy off off", [(0, "unknown", "online", ""), (30, "online", "offline", "UNREACHABLE")]),
]


@pytest.mark.parametrize(("words", "expected"), STORIES, ids=[row[0] for row in STORIES])
def test_changes(words: str, expected: list[tuple[int, str, str, str]]) -> None:
    """A change counts when a second look in a row denies the state too, and is dated by the first."""
    assert told(words) == expected


def test_a_suspicion_hurries_and_is_not_settled() -> None:
    """From a look that differs until it is confirmed or dropped, a second is hurried and nothing is settled."""
    states, _ = run(["on", "on", "off", "on", "off", "off"])
    assert [s.hurry for s in states] == [True, False, True, False, True, False]
    assert [s.unsettled_since for s in states] == [0, None, 20, None, 40, None]


def test_a_higher_rung_alone_is_no_change() -> None:
    """A camera that is offline and now answers ONVIF is still offline: no transition, but the level is kept current."""
    states, _ = run(["off", "off"])
    state, change = step(states[-1], look(NONE, tcp=(80,), clock=None, at=20), POLICY)
    assert (change, state.availability, state.level, state.hurry) == (None, OFFLINE, Rung.ANSWERS, False)


def test_a_stuck_look_is_unknown_at_once() -> None:
    """A look that is given up is unknown from its start, without confirmation, and said once."""
    online = run(["on", "on"])[0][-1]
    state, change = stuck(online, 55)
    assert change == Change(at=55, from_=ONLINE, to=UNKNOWN, level=Rung.UNREACHABLE, reason=Reason.TIMED_OUT)
    assert state.unsettled_since is None
    assert stuck(state, 99) == (state, None)


def test_a_stuck_look_after_a_contradiction_is_dated_by_that() -> None:
    """A look that said offline and then one that hung: not online since the first of them."""
    suspected = run(["on", "on", "off"])[0][-1]
    _, change = stuck(suspected, 55)
    assert change is not None
    assert (change.at, change.to) == (20, UNKNOWN)


def test_recovery_from_a_stuck_look_needs_two_looks() -> None:
    """After a stuck look the camera is online again from the first of two looks that say so."""
    state, _ = stuck(run(["on", "on"])[0][-1], 15)
    _, changes = run(["on", "on", "on"], state)
    assert [c and (c.at, c.from_, c.to) for c in changes] == [None, (0, UNKNOWN, ONLINE), None]


def _said(word: str, before: State) -> availability.Outcome:
    """What a look says to whoever believes `before`: a busy camera that was online still is."""
    said = read(SAYS[word], POLICY)
    return (ONLINE, *said[1:]) if word == "busy" and before.availability is ONLINE else said


words = st.lists(st.sampled_from(sorted(SAYS)), max_size=24)


@given(words)
def test_nothing_is_claimed_that_two_looks_deny(story: list[str]) -> None:
    """Settled time is claimed online or offline only where the look of that time, or the one after it, says so."""
    states, changes = run(story)
    says = [{read(SAYS[word], POLICY)[0], *([ONLINE] if word == "busy" else [])} for word in story]
    settled = states[-1].unsettled_since if states and states[-1].hurry else 10 * len(story)
    for n in range(len(story)):
        at = 10 * n
        claimed = next((c.to for c in reversed(changes) if c and c.at <= at), UNKNOWN)
        if settled is not None and at < settled and claimed is not UNKNOWN:
            assert claimed in set().union(*says[n : n + 2])


@given(words)
def test_every_change_is_confirmed_by_two_looks_from_its_time(story: list[str]) -> None:
    """The look that a change is dated by and the next one both agree with it, or both deny what was before."""
    states, changes = run(story)
    for n, change in enumerate(changes):
        if change is None:
            continue
        says = [_said(word, before) for word, before in zip(story, [START, *states], strict=False)]
        first, second = says[n - 1], says[n]
        assert change.at == 10 * (n - 1)
        if change.to is not UNKNOWN:
            assert {first[0], second[0]} == {change.to}
        elif change.from_ is UNKNOWN:
            assert (first[0], first[2]) == (second[0], second[2]) == (UNKNOWN, change.reason)
        else:
            assert change.from_ not in {first[0], second[0]}
            assert (UNKNOWN, change.reason) in {(a, r) for a, _, r in (first, second)}


@given(st.lists(st.sampled_from([*sorted(SAYS), "stuck"]), max_size=24))
def test_no_change_is_dated_before_what_was_settled(story: list[str]) -> None:
    """What `unsettled_since` has once left behind is never touched again: it is the earliest look not yet confirmed."""
    state, settled = START, 0
    for n, word in enumerate(story):
        at = 10 * n
        state, change = stuck(state, at) if word == "stuck" else step(state, replace(SAYS[word], at=at), POLICY)
        assert change is None or change.at >= settled
        since = state.unsettled_since
        assert since is None or settled <= since <= at
        assert (since is not None) == state.hurry
        settled = at if since is None else since


@given(words, st.sampled_from(sorted(SAYS)))
def test_three_equal_looks_settle_anything(story: list[str], word: str) -> None:
    """Whatever came before, a camera that keeps saying one thing is known to be so."""
    states, _ = run([*story, word, word, word])
    said, _, reason = _said(word, [START, *run(story)[0]][-1])
    assert (states[-1].availability, states[-1].reason, states[-1].hurry) == (said, reason, False)


# ---- busy ---------------------------------------------------------------------------------------

LIMIT_MS = int(POLICY.online.busy_at_most.value * 1000)


def looks(*seen: tuple[int, str], start: State | None = None) -> tuple[State, list[tuple[int, str, str, str]]]:
    """The state after looks that begin at these boot ms, and the changes as (at, from, to, reason)."""
    state, changes = start or run(["on", "on"])[0][-1], []
    for at, word in seen:
        state, change = step(state, replace(SAYS[word], at=at), POLICY)
        changes += [(change.at, change.from_, change.to, change.reason or "")] if change else []
    return state, changes


def test_busy_is_believed_for_the_policys_time_and_no_longer() -> None:
    """A camera that stays busy is online until the policy's time since the first such look is over, then unknown."""
    every = [(at, "busy") for at in range(1000, 1000 + 2 * LIMIT_MS, 30_000)]
    state, changes = looks(*every)
    assert changes == [(1000, "online", "online", "BUSY"), (1000 + LIMIT_MS, "online", "unknown", "BUSY")]
    assert (state.availability, state.held_until) == (UNKNOWN, None)


def test_nothing_after_the_end_of_a_busy_cameras_credit_is_settled() -> None:
    """While a camera is busy the end of its credit is told beforehand, so that no claim passes it before the change."""
    state, _ = looks((1000, "busy"), (31_000, "busy"))
    assert state.held_until == 1000 + LIMIT_MS
    assert looks((61_000, "on"), start=state)[0].held_until is None


@pytest.mark.parametrize("between", ["hang", "off", "refused"])
def test_only_its_stream_renews_a_busy_cameras_credit(between: str) -> None:
    """Other failures between two busy looks do not let the time begin anew."""
    state, _ = looks((1000, "busy"), (31_000, between), (61_000, "busy"))
    assert state.held_until == 1000 + LIMIT_MS
    _, changes = looks((2000 + LIMIT_MS, "on"), (5000 + LIMIT_MS, "on"), start=state)
    assert changes == [(1000 + LIMIT_MS, "online", "unknown", "BUSY"), (2000 + LIMIT_MS, "unknown", "online", "")]


def test_a_look_that_was_given_up_does_not_lengthen_a_busy_cameras_credit() -> None:
    """A look stuck beyond the end of the credit: unknown from that end on, not from the look on."""
    state, _ = looks((1000, "busy"), (31_000, "busy"))
    _, change = stuck(state, 5000 + LIMIT_MS)
    assert change is not None
    assert (change.at, change.to) == (1000 + LIMIT_MS, UNKNOWN)


def test_a_snapshot_speaks_for_a_busy_camera() -> None:
    """A decoded picture had otherwise keeps a busy camera online, and makes an unknown one so from then on."""
    busy, _ = looks((1000, "busy"), (31_000, "busy"))
    kept, change = availability.pictured(busy, 60_000, POLICY)
    assert (kept.held_until, change) == (60_000 + LIMIT_MS, None)
    unknown, _ = run(["busy", "busy"])[0][-1], None
    after, change = availability.pictured(unknown, 60_000, POLICY)
    assert change == Change(at=60_000, from_=UNKNOWN, to=ONLINE, level=Rung.PICTURE, reason=Reason.BUSY)
    assert after.held_until == 60_000 + LIMIT_MS
    for word in ("on", "off", "hang", "refused"):
        state = run([word, word])[0][-1]
        assert availability.pictured(state, 60_000, POLICY) == (state, None)


@given(st.lists(st.tuples(st.integers(1, LIMIT_MS), st.sampled_from([*sorted(SAYS), "stuck", "picture"])), max_size=24))
def test_no_change_passes_what_was_settled_however_long_a_camera_is_busy(story: list[tuple[int, str]]) -> None:
    """Whatever the pauses between looks: a change is never dated before a claim that was made."""
    state, settled, at = START, 0, 0
    for pause, word in story:
        at += pause
        settled = max(settled, min(at, *[t for t in (state.unsettled_since, state.held_until, at) if t is not None]))
        if word == "stuck":
            state, change = stuck(state, at)
        elif word == "picture":
            state, change = availability.pictured(state, at, POLICY)
        else:
            state, change = step(state, replace(SAYS[word], at=at), POLICY)
        assert change is None or change.at >= settled


# ---- visits to the picture ----------------------------------------------------------------------

UNDECODABLE = Decodability(undecodable_since=30)
SHOWN = Decodability(shown=True)
CHECKS: list[tuple[list[bool | None], Decodability]] = [
    ([True], SHOWN),
    ([None], DECODABLE),
    ([False], Decodability(doubted_since=0)),
    ([False, False], Decodability(undecodable_since=0)),
    ([False, True, False], Decodability(doubted_since=20, shown=True)),
    ([False, None, False], Decodability(doubted_since=20)),
    ([False, False, None, False], Decodability(undecodable_since=0)),
    ([False, False, True], SHOWN),
]


@pytest.mark.parametrize(("checks", "expected"), CHECKS)
def test_a_sight_is_lost_by_two_visits_in_a_row(checks: list[bool | None], expected: Decodability) -> None:
    """What tells nothing neither confirms nor restores; one decoded picture restores."""
    decodability = DECODABLE
    for n, decodable in enumerate(checks):
        decodability = after_check(decodability, 10 * n, decodable=decodable)
    assert decodability == expected


def test_what_opens_and_cannot_be_decoded_is_unknown() -> None:
    """Never online, never offline; and a camera that cannot be opened stays what the look says of it."""
    assert read(look(), POLICY, UNDECODABLE) == (UNKNOWN, Rung.STREAMS, Reason.MALFORMED)
    for word in ("busy", "off", "404", "hang", "refused"):
        assert read(SAYS[word], POLICY, UNDECODABLE) == read(SAYS[word], POLICY)
    assert read(look(), POLICY, Decodability(doubted_since=30)) == read(look(), POLICY)


def test_what_opens_and_never_sends_is_named_so() -> None:
    """A stream of which nothing came twice is as unknown as one that cannot be decoded, and says that nothing came."""
    decodability = after_check(DECODABLE, 20, decodable=False, reason=Reason.TIMED_OUT)
    decodability = after_check(decodability, 30, decodable=False, reason=Reason.TIMED_OUT)
    state, change = undecodable(run(["on", "on"])[0][-1], decodability, POLICY)
    assert change == Change(at=20, from_=ONLINE, to=UNKNOWN, level=Rung.STREAMS, reason=Reason.TIMED_OUT)
    assert step(state, look(at=40), POLICY, decodability) == (state, None)


ROOMS: list[tuple[str, Decodability]] = [
    ("no-room", Decodability(refused=1)),
    ("no-room no-room", Decodability(refused=2)),
    ("picture no-room no-room", Decodability(refused=2, shown=True)),
    ("no-room nothing no-room", Decodability(refused=2)),
    ("no-room denied no-room denied", Decodability(doubted_since=30, refused=2)),
    ("no-room no-room picture", SHOWN),
    ("no-room no-room video", DECODABLE),
    ("denied no-room denied", Decodability(doubted_since=20, refused=1)),
    ("denied denied no-room", Decodability(undecodable_since=0, reason=Reason.TIMED_OUT, refused=1)),
    ("picture denied denied video", SHOWN),
]
WORDS: dict[str, Any] = {
    "picture": {"decodable": True, "room": None},
    "video": {"decodable": None, "room": True},
    "nothing": {"decodable": None, "room": None},
    "denied": {"decodable": False, "room": None, "reason": Reason.TIMED_OUT},
    "no-room": {"decodable": None, "room": False},
}


@pytest.mark.parametrize(("checks", "expected"), ROOMS)
def test_room_is_counted_until_a_check_was_let_in(checks: str, expected: Decodability) -> None:
    """Refusals count whatever stands between them; video that comes, whatever it is, shows that there is room."""
    decodability = DECODABLE
    for n, word in enumerate(checks.split()):
        decodability = after_check(decodability, 10 * n, **WORDS[word])
    assert decodability == expected


def test_video_that_comes_does_not_make_up_for_what_could_not_be_decoded() -> None:
    """Another codec, or no keyframe: what was sent before and could not be decoded is not shown to be well again."""
    assert after_check(UNDECODABLE, 40, decodable=None, room=True) == UNDECODABLE


CROWDED = Decodability(refused=2, shown=True)


def test_a_stream_that_is_described_and_has_no_room_is_busy() -> None:
    """As at DESCRIBE: online for the policy's time from the first look that knows of it, then unknown from its end on;
    unknown at once where no picture was ever had; and other failures stay what they are."""
    assert read(look(), POLICY, CROWDED) == (UNKNOWN, Rung.STREAMS, Reason.BUSY)
    assert read(look(), POLICY, Decodability(refused=1)) == read(look(), POLICY)
    for word in ("off", "404", "hang", "refused"):
        assert read(SAYS[word], POLICY, CROWDED) == read(SAYS[word], POLICY)
    state, changes = run(["on", "on"])[0][-1], []
    for at in range(1000, 1000 + 2 * LIMIT_MS, 30_000):
        state, change = step(state, look(at=at), POLICY, CROWDED)
        changes += [(change.at, change.from_, change.to, change.reason)] if change else []
    assert changes == [
        (1000, ONLINE, ONLINE, Reason.BUSY),
        (1000 + LIMIT_MS, ONLINE, UNKNOWN, Reason.BUSY),
    ]
    never = replace(CROWDED, shown=False)
    state, _ = step(run(["on", "on"])[0][-1], look(at=1000), POLICY, never)
    _, change = step(state, look(at=1010), POLICY, never)
    assert change == Change(at=1000, from_=ONLINE, to=UNKNOWN, level=Rung.STREAMS, reason=Reason.BUSY)


def test_the_policy_says_whether_online_needs_a_picture() -> None:
    """A policy that asks for a stream alone counts a camera as online whose pictures nobody can decode."""
    switch = replace(POLICY.online.needs_decodable, value=False)
    lenient = replace(POLICY, online=replace(POLICY.online, needs_decodable=switch))
    assert read(look(), lenient, UNDECODABLE) == read(look(), lenient)
    online = run(["on", "on"])[0][-1]
    assert undecodable(online, UNDECODABLE, lenient) == (online, None)


def test_a_lost_sight_ends_online_at_once() -> None:
    """Two visits confirm each other: no look has to agree, and the change is dated by the first of them."""
    state, change = undecodable(run(["on", "on"])[0][-1], UNDECODABLE, POLICY)
    assert change == Change(at=30, from_=ONLINE, to=UNKNOWN, level=Rung.STREAMS, reason=Reason.MALFORMED)
    assert step(state, look(at=40), POLICY, UNDECODABLE) == (state, None)
    assert undecodable(state, UNDECODABLE, POLICY) == (state, None)
    suspected = run(["on", "on", "off"])[0][-1]
    _, change = undecodable(suspected, UNDECODABLE, POLICY)
    assert change is not None
    assert (change.at, change.to) == (20, UNKNOWN)


def test_sight_restored_needs_two_looks_as_ever() -> None:
    """A decoded picture makes nothing online by itself: two looks in a row do, from the first of them on."""
    state, _ = undecodable(run(["on", "on"])[0][-1], UNDECODABLE, POLICY)
    state, first = step(state, look(at=50), POLICY, DECODABLE)
    state, second = step(state, look(at=60), POLICY, DECODABLE)
    assert first is None
    assert second == Change(at=50, from_=UNKNOWN, to=ONLINE, level=Rung.STREAMS, reason=None)


@pytest.mark.parametrize("word", ["off", "hang", "404"])
def test_only_what_is_online_is_lost_from_sight(word: str) -> None:
    """A camera that is offline or unknown has nothing to lose."""
    state = run([word, word])[0][-1]
    assert undecodable(state, UNDECODABLE, POLICY) == (state, None)
