"""What a gateway cannot do with any message, and what an honest one need not fear."""

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from center.decode import Incoming
from center.intervals import EMPTY, Intervals, difference, intersection, normal, total, union
from center.notary import Judged, clocks_of, judge
from center.presence import Presence
from center.rate import Rules, dark
from center.testimony import CONTRADICTION, VAIN, claims_of
from center.timeline import AHEAD_MS, Claim, History, Known, known
from center.zero import EVER, LATENCY_MS
from tests.center.hearing import hear
from tests.center.letters import T0, anchor, beat, event, events, letter, moved
from tests.center.villains import MINUTE, Box, Villain
from tests.support.examples import examples

EXAMPLES = examples(100, 10_000)
many = settings(max_examples=EXAMPLES, deadline=None)
randoms = st.integers(0, 2**48).map(Random)
UP = ((T0 - 60 * MINUTE, T0 + 1000 * MINUTE),)
DARK_AFTER, WITHIN = 180_000, 30 * MINUTE
SLACK = 90_000
"""So far the center's own clock of a boot may still be refined, and by an anchor that came later LATENCY_MS."""


def judged(messages: list[Incoming], up: Intervals = UP) -> Judged:
    return judge(hear(messages, up), DARK_AFTER, WITHIN)


def of(made: Judged, slot: str) -> Known:
    return made.known.get(slot, Known())


def lit(made: Judged, slot: str) -> Intervals:
    """What counts as online."""
    return difference(of(made, slot).on, dark(made.life, UP, Rules("visible", DARK_AFTER, WITHIN)))


def first_in_time(made: Judged, now: int) -> int:
    """The first moment that what is told now is in time for, by N9's words: found by trying, and by no code of ours."""
    live = intersection(normal((first, last + DARK_AFTER) for first, last in made.life), UP)
    before = [(begin, min(end, now)) for begin, end in live if begin <= now]
    if not before:
        return T0
    *earlier, (returned, until) = before
    if until - returned > WITHIN:
        return until - WITHIN
    low, high = T0 - 1, returned
    while high - low > 1:
        middle = (low + high) // 2
        passed = total(intersection(tuple(earlier), ((middle, returned),)))
        low, high = (low, middle) if passed <= WITHIN else (middle, high)
    return high


def nearly(made: Judged, slot: str) -> Intervals:
    return normal((begin - LATENCY_MS, end + LATENCY_MS) for begin, end in lit(made, slot))


def by(messages: list[Incoming], now: int) -> Judged:
    return judged([m for m in messages if m.received_ms <= now])


def lives(messages: list[Incoming], now: int = EVER) -> Intervals:
    """When any run is known to have lived, by what had come by then: there it stands against others."""
    t = hear([m for m in messages if m.received_ms <= now], UP)
    return Presence(t, clocks_of(t), DARK_AFTER).of_others(("", "", ""), ((-EVER, EVER),))


def receipts(messages: list[Incoming], late: Intervals, now: int) -> Iterator[int]:
    """When what is told of these moments came, up to now: they may have been online before something contradicted."""
    if late:
        yield from sorted(m.received_ms for m in messages if late[0][0] < m.received_ms <= now)


@many
@given(randoms)
@example(Random(3685938))
@example(Random(2400))
@example(Random(990))
@example(Random(19633))
def test_no_message_turns_off_dark_or_late_time_into_on(rnd: Random) -> None:
    """Whatever is said from some minute on, and whatever is kept back: what was Off then is never On; nor is what was
    dark, or not On, when the time to tell it was over.
    """
    box = Box(rnd)
    honest = box.run()
    since = rnd.randint(1, box.minutes)
    mute = T0 + rnd.choice((2 * box.minutes, rnd.randint(since, box.minutes))) * MINUTE
    honest = [m for m in honest if m.received_ms < mute]
    everything = honest + Villain(rnd, box, since).lies(rnd.randint(1, 12))
    final = judged(everything)
    for cut in sorted(rnd.sample(range(since, box.minutes + 90), 2)):
        now = T0 + cut * MINUTE
        then, true = by(everything, now), by(honest, now)
        over = ((T0, max(T0, first_in_time(then, now) - SLACK)),)
        for slot in final.known:
            told_off = normal((b + LATENCY_MS, e - LATENCY_MS) for b, e in of(then, slot).off)
            assert intersection(of(final, slot).on, told_off) == EMPTY
            assert difference(told_off, of(final, slot).off) == EMPTY
            late = difference(intersection(lit(final, slot), over), union(nearly(then, slot), nearly(true, slot)))
            for ms in receipts(everything, late, now):
                late = difference(late, nearly(by(everything, ms), slot))
            assert late == EMPTY


@many
@given(randoms)
@example(Random(13995412))
def test_no_message_takes_back_when_a_run_lived(rnd: Random) -> None:
    """What its life took from another run stays taken, whatever is said later."""
    box = Box(rnd)
    everything = box.run() + Villain(rnd, box, rnd.randint(1, box.minutes)).lies(rnd.randint(1, 12))
    final = lives(everything)
    for cut in rnd.sample(range(1, box.minutes + 90), 3):
        now = T0 + cut * MINUTE
        then = intersection(lives(everything, now), ((T0 - EVER, now + AHEAD_MS),))
        assert difference(normal((b + LATENCY_MS, e - LATENCY_MS) for b, e in then), final) == EMPTY


@many
@given(randoms)
def test_an_honest_gateway_contradicts_nothing_and_keeps_its_figure(rnd: Random) -> None:
    """Restarts, crashes closed by the next session, lost heartbeats, undated boots: no alarm, and today's figure."""
    box = Box(rnd)
    honest = box.run()
    made = judged(rnd.sample(honest, len(honest)))
    assert [f for f in made.findings if f.code == CONTRADICTION] == []
    t = hear(honest, UP)
    plain = known(History(t.held, tuple(_claims(honest)), t.anchors, t.gaps))
    for slot in plain:
        dated = [boot for boot, *_ in box.sessions if any(a.boot == boot for a in t.anchors)]
        assert difference(plain[slot].on, of(made, slot).on) == EMPTY
        assert difference(plain[slot].off, of(made, slot).off) == EMPTY
        if len(dated) == len(box.sessions):
            assert plain[slot] == of(made, slot)


def _claims(messages: list[Incoming]) -> Iterator[Claim]:
    t = hear(messages, UP)
    yield from claims_of(t.beats)
    yield from (one.claim for one in t.closings)


def test_lists_that_last_bind_what_events_say() -> None:
    """For an hour the heartbeats list k1 as offline while the events say online: unknown, with an alarm."""
    told = letter("ev", events(anchor(1), moved(2, 10, "online"), moved(3, 60 * MINUTE, "offline")), T0 + 20)
    lists = [("k1",) if 2 <= m < 58 else () for m in range(1, 60)]
    beats = [
        letter("hb", beat(m * MINUTE, 2, offline=offline), T0 + m * MINUTE + 40)
        for m, offline in zip(range(1, 60), lists, strict=True)
    ]
    made = judged([told, *beats, letter("hb", beat(61 * MINUTE, 3, offline=("k1",)), T0 + 61 * MINUTE)])
    assert [f.code for f in made.findings] == [CONTRADICTION]
    assert total(of(made, "k1").on) < 4 * MINUTE


def test_a_claim_that_knows_nothing_of_a_change_makes_no_offline_time() -> None:
    """It contradicts, and what it covers is unknown; offline is what was told to be so, and no more."""
    rows = (anchor(1), moved(2, 10, "offline"), moved(3, 5 * MINUTE, "online"))
    told = [letter("ev", events(*rows), T0 + 5 * MINUTE)]
    told += [letter("hb", beat(m * MINUTE, 3), T0 + m * MINUTE + 40) for m in range(6, 30)]
    made = judged([*told, letter("hb", beat(30 * MINUTE, 1), T0 + 30 * MINUTE)])
    assert CONTRADICTION in [f.code for f in made.findings]
    assert of(made, "k1").off == ((T0 + 10, T0 + 5 * MINUTE),)
    assert of(made, "k1").on == EMPTY


def test_a_heartbeat_that_has_forgotten_contradicts() -> None:
    """Offline is told and known to the heartbeats; a later one that claims nothing lists nothing and knows nothing."""
    rows = (anchor(1), moved(2, 10, "online"), moved(3, 5 * MINUTE, "offline"))
    told = [letter("ev", events(*rows), T0 + 5 * MINUTE)]
    told += [letter("hb", beat(m * MINUTE, 3, offline=("k1",)), T0 + m * MINUTE + 40) for m in range(6, 30)]
    well = letter("hb", beat(30 * MINUTE, 0, since=30 * MINUTE), T0 + 30 * MINUTE + 40)
    before, after = judged(told), judged([*told, well])
    assert [f.code for f in before.findings] == []
    assert [f.code for f in after.findings] == [CONTRADICTION]
    assert of(after, "k1").off[0][0] == T0 + 5 * MINUTE
    assert of(after, "k1").off == of(before, "k1").off


def test_a_gap_over_what_is_held_is_told_and_takes_nothing() -> None:
    """Offline is held; a gap that names its seq changes no figure, and a person hears of it."""
    rows = (anchor(1), moved(2, 10, "offline"))
    told = [letter("ev", events(*rows), T0 + 20)]
    told += [letter("hb", beat(m * MINUTE, 2, offline=("k1",)), T0 + m * MINUTE + 40) for m in range(1, 30)]
    gap = event(3, "gap", 30 * MINUTE, **{"from_seq": 1, "to_seq": 2, "from": 0, "to": 30 * MINUTE})
    before, after = judged(told), judged([*told, letter("ev", events(gap), T0 + 30 * MINUTE)])
    assert after.known == before.known
    assert [f.code for f in after.findings] == [VAIN]


# ---- lies about time -----------------------------------------------------------------------------


def minutes(begin: int, end: int, seq_high: int, ahead: int = 0, **lists: tuple[str, ...]) -> list[Incoming]:
    """A heartbeat a minute, of a boot clock that is so many minutes ahead."""
    return [
        letter("hb", beat((m + ahead) * MINUTE, seq_high, **lists), T0 + m * MINUTE + 40) for m in range(begin, end)
    ]


def an_hour_off() -> list[Incoming]:
    """Online for an hour, offline for the next."""
    told = [letter("ev", events(anchor(1), moved(2, 10, "online")), T0 + 50)]
    told += minutes(1, 60, 2)
    told.append(letter("ev", events(moved(3, 60 * MINUTE, "offline")), T0 + 60 * MINUTE + 50))
    return told + minutes(61, 120, 3, offline=("k1",))


OFF = ((T0 + 60 * MINUTE, T0 + 119 * MINUTE),)


def test_heartbeats_that_agree_on_a_lesser_zero_move_no_past() -> None:
    """A boot clock that runs ten minutes ahead for a while: the hour offline stays where it was."""
    told = an_hour_off() + minutes(120, 150, 3, offline=("k1",))
    lie = minutes(120, 126, 3, ahead=10, offline=("k1",))
    assert difference(OFF, of(judged(told), "k1").off) == EMPTY
    after = of(judged([*told, *lie]), "k1")
    assert difference(OFF, after.off) == EMPTY
    assert intersection(after.on, OFF) == EMPTY


def test_a_late_anchor_moves_no_past() -> None:
    """Four minutes off, within what an anchor may refine: it holds from its receipt on."""
    told = an_hour_off()
    lie = letter("ev", events(anchor(4, 60 * MINUTE, T0 + 56 * MINUTE)), T0 + 120 * MINUTE)
    before, after = of(judged(told), "k1"), of(judged([*told, lie]), "k1")
    assert (after.on, after.off) == (before.on, before.off)


def late_then_at_once(until: int) -> list[Incoming]:
    """A minute on the way for 40 minutes, then none: two zeros within 90 s. Offline from minute 20 to 30, 50 to 60."""
    rows = [(1, 0, "online"), (2, 20, "offline"), (3, 30, "online"), (4, 50, "offline"), (5, 60, "online")]
    told = []
    for m in range(1, until):
        way, high = MINUTE if m < 40 else 40, sum(at < m for _, at, _ in rows)
        offline = ("k1",) if high in (2, 4) else ()
        told += [
            letter("ev", events(moved(*row)), T0 + m * MINUTE + way - 5)
            for row in ((seq, at * MINUTE, to) for seq, at, to in rows)
            if row[1] == (m - 1) * MINUTE
        ]
        told.append(letter("hb", beat(m * MINUTE, high, offline=offline), T0 + m * MINUTE + way))
    return told


@pytest.mark.parametrize(("at", "late_ms"), [(70, 40), (55, 40), (10, MINUTE), (20, MINUTE)])
def test_a_late_anchor_near_to_one_zero_moves_nothing_that_another_dated(at: int, late_ms: int) -> None:
    """Near to the later zero it leaves what the earlier dated, near to the earlier what the later dated."""
    told = late_then_at_once(80)
    lie = letter("ev", events(anchor(6, at * MINUTE, T0 + at * MINUTE + late_ms)), T0 + 80 * MINUTE)
    before, after = of(judged(told), "k1"), of(judged([*told, lie]), "k1")
    assert total(before.off) == 20 * MINUTE
    assert intersection(after.on, before.off) == EMPTY
    assert after.off == before.off


def test_a_boot_that_is_dated_when_its_time_is_over_was_not_online() -> None:
    """Two minutes of an undated boot, told at once; the anchor that dates them comes three hours later."""
    told = [letter("ev", events(moved(1, 10, "online")), T0 + 50), *minutes(1, 3, 1)]
    others = [
        letter("hb", beat(m * MINUTE, 0, session="s2", store="j2").replace(b'"b1"', b'"b2"'), T0 + m * MINUTE)
        for m in range(3, 200)
    ]
    in_time, late = (letter("ev", events(anchor(2)), T0 + m * MINUTE) for m in (20, 180))
    assert total(of(judged([*told, *others, in_time]), "k1").on) > MINUTE
    assert of(judged([*told, *others, late]), "k1").on == EMPTY


def test_late_heartbeats_of_a_boot_that_nothing_dates_take_nothing_from_the_next() -> None:
    """It was over when the other began; what came of it came more than 25 minutes late, each so much."""
    told = an_hour_off()
    late = [
        letter("hb", beat(m * MINUTE, 0, session="s0", store="j0").replace(b'"b1"', b'"b0"'), T0 + came * MINUTE)
        for m, came in ((0, 40), (10, 30), (20, 25))
    ]
    before, after = judged(told), judged([*told, *late])
    assert after.findings == ()
    assert of(after, "k1") == of(before, "k1")


def test_what_a_life_took_from_another_run_no_later_word_about_its_clock_gives_back() -> None:
    """Four heartbeats of a boot, six minutes ahead, put it into the next one's time. Then it goes on far off, and in no
    epoch any more are those four.
    """
    told = [letter("ev", events(anchor(1)), T0 + 50), *minutes(1, 58, 1), *minutes(54, 58, 1, ahead=6)]
    for m in range(58, 90):
        ids = {"session": "s2", "store": "j2"}
        told.append(letter("hb", beat(m * MINUTE, 2, **ids).replace(b'"b1"', b'"b2"'), T0 + m * MINUTE + 40))
    rows = [row | {"boot": "b2", "session": "s2"} for row in (anchor(1), moved(2, 10, "online"))]
    told.append(letter("ev", events(*rows, store="j2"), T0 + 58 * MINUTE))
    before, after = judged(told), judged([*told, *minutes(90, 96, 1, ahead=1000)])
    for made in (before, after):
        assert difference(of(made, "k1").on, ((T0 + 63 * MINUTE, T0 + 96 * MINUTE),)) == EMPTY
        assert total(of(made, "k1").on) > 20 * MINUTE


def unsure(seq: int, off_ms: int = 0) -> dict[str, object]:
    """An anchor of a clock that nobody vouches for."""
    return anchor(seq, 0, T0 + off_ms) | {"err_ms": 60_000}


LATER = (
    letter("hb", beat(2**50, 2), T0 + 121 * MINUTE),
    letter("ev", events(anchor(3, 0, T0 - 600 * MINUTE)), T0 + 121 * MINUTE),
    letter("ev", events(anchor(3, 0, T0 + 4 * MINUTE)), T0 + 121 * MINUTE),
)


@pytest.mark.parametrize("later", LATER, ids=["a heartbeat of no time", "an anchor far off", "an anchor near"])
def test_a_boot_that_was_dated_stays_dated(later: Incoming) -> None:
    """Two sessions side by side: one says offline, by a clock that nobody vouches for and with heartbeats too far apart
    to agree; the other online. Neither the offline time of the one nor what its life took comes back.
    """
    told = [letter("ev", events(unsure(1), moved(2, 0, "offline")), T0 + 100)]
    told += [letter("hb", beat(m * MINUTE, 2, offline=("k1",)), T0 + m * MINUTE + 50) for m in range(10, 120, 10)]
    rows = [row | {"boot": "b2", "session": "s2"} for row in (anchor(1), moved(2, 0, "online"))]
    told.append(letter("ev", events(*rows, store="j2"), T0 + 90))
    for m in range(1, 121):
        other = beat(m * MINUTE, 2, session="s2", store="j2").replace(b'"b1"', b'"b2"')
        told.append(letter("hb", other, T0 + m * MINUTE + 60))
    before, after = judged(told), judged([*told, later])
    assert total(of(before, "k1").off) == 110 * MINUTE
    assert difference(of(before, "k1").off, of(after, "k1").off) == EMPTY
    assert difference(of(after, "k1").on, of(before, "k1").on) == EMPTY
    assert difference(lives(told), lives([*told, later])) == EMPTY


@pytest.mark.parametrize("off_ms", [290_000, -290_000])
@pytest.mark.parametrize("apart", [1, 10])
def test_a_late_sure_anchor_moves_nothing_that_an_unsure_one_dated(off_ms: int, apart: int) -> None:
    """With a zero of the center's own and without one: it holds from its receipt on."""
    told = [letter("ev", events(unsure(1, off_ms), moved(2, 0, "online")), T0 + 90)]
    told.append(letter("ev", events(moved(3, 60 * MINUTE, "offline")), T0 + 60 * MINUTE + 90))
    told.append(letter("ev", events(moved(4, 70 * MINUTE, "online")), T0 + 70 * MINUTE + 90))
    for m in range(1, 180, apart):
        high = 2 if m < 60 else 3 if m < 70 else 4
        words = beat(m * MINUTE + 1, high, offline=("k1",) if high == 3 else ())
        told.append(letter("hb", words, T0 + m * MINUTE + 1))
    sure = letter("ev", events(anchor(5, 178 * MINUTE, T0 + 178 * MINUTE)), T0 + 180 * MINUTE)
    before, after = judged(told), judged([*told, sure])
    assert total(of(before, "k1").off) == 10 * MINUTE
    assert of(after, "k1").off == of(before, "k1").off
    assert intersection(of(after, "k1").on, of(before, "k1").off) == EMPTY
    assert after.findings == before.findings == ()


def test_a_clock_that_stood_still_in_a_power_cut_costs_no_time() -> None:
    """Three minutes behind by its own word, told at once; ten minutes later somebody sets it right."""
    rows = (unsure(1, -3 * MINUTE), moved(2, 1_000, "online"))
    told = [letter("ev", events(*rows), T0 + 1_100), *minutes(1, 60, 2)]
    told.append(letter("ev", events(anchor(3, 10 * MINUTE, T0 + 10 * MINUTE)), T0 + 10 * MINUTE + 90))
    made = judged(told)
    assert of(made, "k1").on == ((T0 + 1_000, T0 + 59 * MINUTE),)
    assert made.findings == ()


def test_anchors_that_each_agree_with_the_one_before_move_no_past() -> None:
    """Each two seconds later than the last, and of an earlier time: together they would move it by minutes."""
    told = [letter("ev", events(anchor(1, 200 * MINUTE, T0 + 200 * MINUTE), moved(2, 0, "offline")), T0 + 200 * MINUTE)]
    told.append(letter("hb", beat(201 * MINUTE, 2, offline=("k1",)), T0 + 201 * MINUTE))
    rows = [anchor(2 + n, (200 - n) * MINUTE, T0 + (200 - n) * MINUTE + n * 2_000) for n in range(1, 150)]
    lies = [letter("ev", events(row), T0 + (202 + n) * MINUTE) for n, row in enumerate(rows)]
    before, after = judged(told), judged([*told, *lies])
    assert difference(of(before, "k1").off, of(after, "k1").off) == EMPTY


def test_what_was_claimed_ahead_of_the_clock_stays_offline() -> None:
    """A boot anchored ten hours back claims hours to come, so the time until now; then heartbeats date it."""
    back = letter("ev", events(anchor(1, 0, T0 - 600 * MINUTE), moved(2, 0, "offline")), T0 + 100)
    closing = event(3, "coverage", 0, **{"from": 0, "to": 580 * MINUTE, "seq_high": 2})
    told = [back, letter("ev", events(closing), T0 + 200)]
    before, after = judged(told), judged([*told, *minutes(1, 20, 2, offline=("k1",))])
    assert total(of(before, "k1").off) == 580 * MINUTE
    assert difference(of(before, "k1").off, of(after, "k1").off) == EMPTY


def test_life_that_was_is_not_made_dark_to_gain_time() -> None:
    """Told two hours late while the line stood; heartbeats of another clock, later, do not make those hours silent."""
    told = [letter("ev", events(anchor(1)), T0 + 50), *minutes(1, 120, 1)]
    told += [letter("ev", events(moved(2, 10, "online")), T0 + 120 * MINUTE), *minutes(120, 125, 2)]
    lie = minutes(125, 132, 2, ahead=30)
    for messages in (told, [*told, *lie]):
        made = judged(messages)
        assert intersection(lit(made, "k1"), ((T0, T0 + 85 * MINUTE),)) == EMPTY
        assert total(dark(made.life, ((T0, T0 + 120 * MINUTE),), Rules("visible", DARK_AFTER, WITHIN))) == 0
