"""The judge of the foreign servers: what is wrong is counted, what may be late is not."""

from itertools import pairwise

import pytest

from benchmarks.truth.score import OFFLINE, ONLINE, UNKNOWN, Span, Window
from tests.chaos.foreign import ACTS, EARLY_MS, NEVER, SERVERS, Act, Played, contradictions, judged, slots

BEGIN, END, GRACE = 1_000_000, 2_800_000, 39_000
EACH = dict.fromkeys(SERVERS, GRACE)


def played() -> Played:
    def when(act: Act) -> Window:
        return BEGIN + round(act.begin * (END - BEGIN)), BEGIN + round(act.until * (END - BEGIN))

    return Played(BEGIN, END, [(act, when(act)) for act in ACTS])


def the_truth() -> dict[str, list[Span]]:
    return {slot: played().truth(slot) for slot, _, _ in slots()}


def test_the_truth_is_what_was_done() -> None:
    """Who is killed or cannot start does not open, whoever watches; a watched one opens; one channel never does."""
    told = the_truth()
    assert told[NEVER] == [Span(BEGIN, END, OFFLINE)]
    assert [one.state for one in told["dead"]] == [ONLINE, OFFLINE, ONLINE, OFFLINE, ONLINE, OFFLINE, ONLINE]
    assert [one.state for one in told["single"]] == [ONLINE, OFFLINE, ONLINE]
    assert told["recorder-1"] == told["recorder-31"]
    assert len(told) == 34


def test_who_tells_the_truth_is_not_wrong() -> None:
    """Not even where each change is seen as late as a look may be, or dated by the look that ran into it."""
    late = {
        slot: [one._replace(begin=one.begin + (n > 0) * 35_000) for n, one in enumerate(spans)]
        for slot, spans in the_truth().items()
    }
    for slot, spans in late.items():
        late[slot] = [one._replace(end=after.begin) for one, after in pairwise(spans)] + spans[-1:]
    early = {
        slot: [Span(s.begin - 4000 * (s.begin > BEGIN), s.end - 4000 * (s.end < END), s.state) for s in spans]
        for slot, spans in the_truth().items()
    }
    for told in (the_truth(), late, early):
        for made in judged(played(), told, EACH).values():
            assert (made.wrong, made.unknown) == (0, 0)


@pytest.mark.parametrize(
    ("slot", "state", "expected"), [("dead", ONLINE, "false_online"), ("recorder-2", OFFLINE, "false_offline")]
)
def test_what_is_wrong_is_counted(slot: str, state: str, expected: str) -> None:
    """All the time that is not within the grace of a change; unknown is not wrong, and is counted too."""
    other = OFFLINE if state == ONLINE else ONLINE
    spans = [one for one in the_truth()[slot] if one.state == other]
    wrong = sum(s.end - s.begin - GRACE * (s.begin > BEGIN) - EARLY_MS * (s.end < END) for s in spans)
    told = {**the_truth(), slot: [Span(BEGIN, END, state)]}
    made = judged(played(), told, EACH)[slot.partition("-")[0]]
    assert getattr(made, expected) == made.wrong == wrong > 0
    unknown = judged(played(), {**the_truth(), slot: [Span(BEGIN, END, UNKNOWN)]}, EACH)[slot.partition("-")[0]]
    assert (unknown.wrong, unknown.unknown > wrong) == (0, True)


def test_a_witness_that_sees_otherwise_ends_the_run() -> None:
    """Either way round; near a change, and where viewers may have taken all the room, a refusal proves nothing."""
    gone = the_truth()["dead"][1]
    assert contradictions(played(), [("dead", gone.begin + 9000, gone.begin + 10_000, "503")]) == []
    assert len(contradictions(played(), [("dead", gone.begin + 9000, gone.begin + 10_000, "")])) == 1
    assert contradictions(played(), [("dead", gone.begin - 1000, gone.begin + 1000, "")]) == []
    held = BEGIN + (END - BEGIN) // 2
    assert contradictions(played(), [("single", held, held + 1000, "503")]) == []
    assert len(contradictions(played(), [("single", BEGIN + 9000, BEGIN + 10_000, "503")])) == 1
