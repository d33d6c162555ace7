"""What must still be told."""

from collections.abc import Callable

import msgspec

from agent.tell.outbox import Outbox
from contract.messages import MAX_BATCH_BYTES, Event, Events, Fault, Gap


def fault(what: str = "x") -> Callable[[int], Fault]:
    return lambda seq: Fault(seq=seq, boot="b", session="s", at=seq * 10, what=what)


def filled(count: int, **more: int) -> Outbox:
    outbox = Outbox(**more)
    for _ in range(count):
        outbox.append(fault())
    return outbox


def test_sequence_numbers_start_at_one_and_have_no_holes() -> None:
    """Every event gets the next number of its store."""
    outbox = filled(5)
    assert [event.seq for event in outbox.batch(0, 99)] == [1, 2, 3, 4, 5]
    assert (outbox.seq_high, outbox.oldest, outbox.pending) == (5, 1, 5)


def test_trimming_keeps_what_is_not_acknowledged() -> None:
    """Only events up to the acknowledged one leave; their numbers are not used again."""
    outbox = filled(5)
    outbox.trim(3)
    assert [event.seq for event in outbox.batch(0, 99)] == [4, 5]
    outbox.trim(5)
    assert outbox.oldest == 6
    assert outbox.append(fault()) == 6


def test_a_batch_starts_after_and_ends_at_what_is_asked() -> None:
    """A batch holds exactly the events with after < seq <= up_to."""
    assert [event.seq for event in filled(10).batch(3, 6)] == [4, 5, 6]


def test_a_batch_fits_into_one_message() -> None:
    """At most 100 events and 32 kB, and at least one event however long."""
    outbox = Outbox()
    for _ in range(300):
        outbox.append(fault("y" * 900))
    sent: list[Event] = []
    while batch := outbox.batch(len(sent), 300):
        assert len(batch) <= 100
        assert len(msgspec.json.encode(Events(store=outbox.store, events=batch))) <= MAX_BATCH_BYTES
        sent += batch
    assert [event.seq for event in sent] == list(range(1, 301))


def test_a_full_outbox_gives_up_the_oldest_and_says_so() -> None:
    """What had to be given up is told as a gap with its numbers and its span."""
    outbox = filled(10, capacity=10)
    outbox.append(fault())
    events = outbox.batch(0, 99)
    gap = next(event for event in events if isinstance(event, Gap))
    assert (gap.from_seq, gap.to_seq, gap.from_, gap.to) == (1, 5, 10, 51)
    assert [event.seq for event in events] == [6, 7, 8, 9, 10, 11, 12]
