"""What `scripts/bench truth` makes of a run: a contradicted truth ends it, and its checks miss what was missed."""

import pytest

from benchmarks.truth.cast import CAST, FULL
from benchmarks.truth.poll import Target
from benchmarks.truth.report import Contradicted, cut_windows, figures, ideal_missed, judge, witnessed
from benchmarks.truth.run import OURS, Cost, Run, Sample, Told
from benchmarks.truth.score import ONLINE, UNKNOWN, Span, without

BEGIN = 1_000_000
END = BEGIN + 1_200_000


def sampled() -> list[Sample]:
    """As the plan says, each camera every 30 s, not at the very edges."""
    run = play({})
    samples = []
    for actor in CAST:
        for span in run.truth(actor.slot):
            for at in range(span.begin + 5000, span.end - 6000, 30_000):
                samples.append(Sample(actor.slot, at, at + 1000, span.state == ONLINE, ""))
    return samples


def play(told: dict[str, dict[str, list[Span]]], samples: list[Sample] | None = None) -> Run:
    """A run to the plan's second in which each contender told this."""
    at = lambda one: (BEGIN + int(one.at_s * 1000), BEGIN + int(one.until_s * 1000))  # noqa: E731
    spoken = {
        name: Told(spans, {slot: [(s.begin, s.state) for s in own] for slot, own in spans.items()}, Cost(1000, 1.0))
        for name, spans in told.items()
    }
    ours = told.get(OURS, {})
    printed = {a.slot: sum(s.end - s.begin for s in ours.get(a.slot, []) if s.state == ONLINE) for a in CAST}
    return Run(
        FULL,
        BEGIN,
        END,
        [(one, at(one)) for one in FULL.strikes],
        [(one, at(one)) for one in FULL.cuts],
        10,
        spoken,
        {},
        samples or [],
        {slot: {"on_ms": on} for slot, on in printed.items()},
        1000,
    )


def the_truth() -> dict[str, list[Span]]:
    run = play({})
    return {a.slot: run.truth(a.slot) for a in CAST}


def always_online() -> dict[str, list[Span]]:
    return {a.slot: [Span(BEGIN, END, ONLINE)] for a in CAST}


def test_the_witness_bears_out_what_is_true() -> None:
    """Samples inside a span of one truth are counted; those at its edges prove nothing."""
    samples = sampled()
    assert witnessed(play({}, samples)) == len(samples) > 500
    edge = next(s for s in the_truth()["wash-2"] if s.state != ONLINE).begin
    samples.append(Sample("wash-2", edge - 1000, edge + 1000, False, "at the edge"))
    assert witnessed(play({}, samples)) == len(samples) - 1


def test_a_sample_that_contradicts_ends_the_run() -> None:
    """Either way round, and for a camera that nobody sampled."""
    samples = sampled()
    gone = next(s for s in the_truth()["wash-2"] if s.state != ONLINE)
    for one in (
        Sample("wash-2", gone.begin + 60_000, gone.begin + 61_000, True, ""),
        Sample("cook-1", BEGIN + 60_000, BEGIN + 90_000, False, "it did not open"),
    ):
        others = [s for s in samples if s.slot != one.slot]
        with pytest.raises(Contradicted, match=one.slot):
            witnessed(play({}, [*others, one]))
    with pytest.raises(Contradicted, match="cook-1 was never sampled"):
        witnessed(play({}, [s for s in samples if s.slot != "cook-1"]))


def test_one_who_could_open_it_is_enough() -> None:
    """Who is refused because another watches contradicts nothing: it opens, for anyone."""
    refused = Sample("gate-2", BEGIN + 300_000, BEGIN + 302_000, False, "503")
    holder = Sample("gate-2", BEGIN + 299_500, BEGIN + 300_500, True, "")
    others = [s for s in sampled() if s.slot != "gate-2"]
    assert witnessed(play({}, [*others, refused, holder])) == len(others) + 2
    with pytest.raises(Contradicted, match="gate-2"):
        witnessed(play({}, [*others, refused]))


def test_who_tells_the_truth_meets_every_check() -> None:
    """And whoever calls everything online is wrong by just the time that was not."""
    made, tables = figures(play({OURS: the_truth(), "ping": always_online()}, sampled()))
    assert [one.what for one in made if one.missed] == []
    assert "**ours**" in tables
    naive = judge(play({"ping": always_online()}), Told(always_online(), {}, Cost(0, 0.0)))
    gone = sum(s.end - s.begin for own in the_truth().values() for s in own if s.state != ONLINE)
    assert (naive.whole.false_online, naive.whole.false_offline, naive.whole.unknown) == (gone, 0, 0)
    assert naive.cuts.plus(naive.outside) == naive.whole


def test_who_never_says_anything_meets_few() -> None:
    """Unknown is not wrong, but it is no better than a peer either."""
    made, _ = figures(play({OURS: {}, "ping": always_online()}, sampled()))
    missed = {one.what for one in made if one.missed}
    assert {
        "wrong + unknown outside those cuts / the best peer's",
        "mean error of a camera's rate / the best peer's",
    } == missed


def test_false_words_in_a_cut_of_our_own_side_are_missed() -> None:
    """One second of one camera is enough."""
    told = the_truth()
    cut = BEGIN + 930_000
    told["cook-1"] = [Span(BEGIN, cut, ONLINE), Span(cut, cut + 1000, "offline"), Span(cut + 1000, END, UNKNOWN)]
    made, _ = figures(play({OURS: told, "ping": always_online()}, sampled()))
    assert "wrong in cuts of our own side" in {one.what for one in made if one.missed}


def test_the_ideal_sampler_is_wrong_for_half_an_interval_a_change() -> None:
    """On the mean over its phases; of what is shorter than the interval, for less."""
    run = play({})
    changes = sum(len(own) - 1 for own in the_truth().values())
    long = changes - 6  # three times gone for 20 s
    wrong = ideal_missed(run, [(BEGIN, END)])
    assert long * 15_000 < wrong < changes * 15_000


def test_who_calls_nothing_offline_that_was_not_seen_to_be_does_not_know_for_so_long() -> None:
    """The ideal sampler, if others may be watching what it cannot open: the faults that show nothing, and its delay."""
    run = play({})
    outside = without([(BEGIN, END)], cut_windows(run))
    hidden = [when for strike, when in run.strikes if not (strike.openable or strike.shown)]
    least = sum(end - begin for window in hidden for begin, end in without([window], cut_windows(run)))
    delay = ideal_missed(run, outside)
    assert least - 15_000 * len(hidden) <= ideal_missed(run, outside, permitted=True) - delay <= least


def test_a_password_stands_in_a_url_as_a_url_wants_it() -> None:
    """Whatever is in it."""
    made = Target("a", "192.0.2.1", 80, 554, "/live", "viewer", "p@ss/w:rd")
    assert made.url == "rtsp://viewer:p%40ss%2Fw%3Ard@192.0.2.1:554/live"
