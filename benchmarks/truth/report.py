"""What a run is worth: the witness first, then every contender by camera, by fault and by window, and the checks of T8.

Who measured, and how, must not be known here.
"""

import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.measure import Figure
from benchmarks.truth.cast import CAST, Strike
from benchmarks.truth.run import OURS, PEERS, Run, Told, names
from benchmarks.truth.score import (
    OFFLINE,
    ONLINE,
    UNKNOWN,
    Rate,
    Score,
    Window,
    filled,
    ideal,
    merged,
    noticed_ms,
    rate,
    score,
    total,
    without,
)

EDGE_MS = 4000
"""So near a change of the truth a sample proves nothing: a strike takes a moment, a player too."""
PHASES = 30
WITHIN_IDEAL = 1.3


class Contradicted(RuntimeError):
    """The witness saw otherwise than declared: the run says nothing."""


def witnessed(run: Run) -> int:
    """How many samples bear the truth out. Raises Contradicted.

    A sample that failed says "offline" only where nobody else had a picture about then.
    """
    fine, wrong = 0, []
    opened = [(one.slot, one.begin, one.end) for one in run.samples if one.ok]
    for one in run.samples:
        inside = [s for s in run.truth(one.slot) if s.begin + EDGE_MS <= one.begin and one.end <= s.end - EDGE_MS]
        if not inside:
            continue
        others = any(slot == one.slot and b < one.end + EDGE_MS and one.begin < e + EDGE_MS for slot, b, e in opened)
        if (one.ok and inside[0].state == ONLINE) or (not one.ok and (others or inside[0].state == OFFLINE)):
            fine += 1
        else:
            at = (one.begin - run.begin) / 1000
            wrong.append(
                f"{one.slot} at {at:.0f} s is declared {inside[0].state}, but {one.why or 'a picture decoded'}"
            )
    bare = {actor.slot for actor in CAST} - {one.slot for one in run.samples}
    wrong += [f"{slot} was never sampled" for slot in sorted(bare)]
    if wrong:
        raise Contradicted(f"{len(wrong)} of {fine + len(wrong)} samples contradict the truth: " + "; ".join(wrong[:5]))
    return fine


class Judged(NamedTuple):
    """One contender. `cuts`: in our own side's; `outside`: all else; `quiet`: of that, where no fault is."""

    whole: Score
    cuts: Score
    outside: Score
    quiet: Score
    by_slot: dict[str, Score]
    by_fault: dict[Strike, Score]
    rates: dict[str, Rate]
    noticed_s: dict[Strike, float | None]

    @property
    def rate_error(self) -> float:
        """Mean over the cameras."""
        return statistics.mean(one.error for one in self.rates.values())

    @property
    def worst_rate_error(self) -> float:
        return max(one.error for one in self.rates.values())


def cut_windows(run: Run) -> list[Window]:
    """With one interval after each: until then nobody need have looked again."""
    return merged((begin, end + int(run.plan.look_s * 1000)) for _, (begin, end) in run.cuts)


def fault_windows(run: Run) -> dict[Strike, Window]:
    """With one interval after each, in which its end is to be noticed."""
    return {s: (b, min(e + int(run.plan.look_s * 1000), run.end)) for s, (b, e) in run.strikes}


def judge(run: Run, told: Told) -> Judged:
    whole, cuts, faults = [(run.begin, run.end)], cut_windows(run), fault_windows(run)
    outside = without(whole, cuts)

    def scored(slot: str, windows: Sequence[Window]) -> Score:
        return score(run.truth(slot), told.spans.get(slot, []), windows)

    def all_of(windows: Sequence[Window]) -> Score:
        return total(scored(one.slot, windows) for one in CAST)

    quiet = total(
        scored(one.slot, without(outside, [w for s, w in faults.items() if s.slot == one.slot])) for one in CAST
    )
    noticed: dict[Strike, float | None] = {}
    for strike, (begin, end) in run.strikes:
        if not strike.openable:
            ms = noticed_ms(told.known.get(strike.slot, []), begin, end, ONLINE)
            noticed[strike] = None if ms is None else ms / 1000
    return Judged(
        all_of(whole),
        all_of(cuts),
        all_of(outside),
        quiet,
        {one.slot: scored(one.slot, whole) for one in CAST},
        {s: scored(s.slot, without([w], cuts)) for s, w in faults.items()},
        {
            one.slot: rate(run.truth(one.slot), told.spans.get(one.slot, []), run.begin, run.end)
            for one in CAST
        },
        noticed,
    )  # fmt: skip


def ideal_missed(run: Run, windows: Sequence[Window], *, permitted: bool = False) -> float:
    """Milliseconds that the ideal sampler is wrong or does not know, the mean over its phases.

    It sees the truth, or (`permitted`) what may be said of it; nothing of our own side concerns it.
    """
    every = int(run.plan.look_s * 1000)
    phases = range(0, every, every // PHASES)
    missed = 0
    for one in CAST:
        true = run.truth(one.slot)
        first, *rest = run.permitted(one.slot) if permitted else true
        seen = [first._replace(begin=run.begin - every), *rest]  # it looked before, too
        missed += sum(_missed(score(true, ideal(seen, run.begin, run.end, every, at), windows)) for at in phases)
    return missed / len(phases)


# ---- figures ------------------------------------------------------------------------------------


def figures(run: Run) -> tuple[list[Figure], str]:
    """The checks of T8 as figures, and the tables in Markdown."""
    judged = {name: judge(run, run.told[name]) for name in names(run)}
    return list(_checks(run, judged)), "\n".join(_tables(run, judged))


def _checks(run: Run, judged: dict[str, Judged]) -> Iterator[Figure]:
    ours, peers = judged[OURS], {name: one for name, one in judged.items() if name != OURS}
    e = ours.whole.assessed
    outside = without([(run.begin, run.end)], cut_windows(run))
    perfect = ideal_missed(run, [(run.begin, run.end)])
    yield Figure(
        "T8",
        "wrong / ideal sampler's",
        ours.whole.wrong / perfect,
        "x",
        WITHIN_IDEAL,
        us=_percent(ours.whole.wrong, e),
        floor=_percent(perfect, e),
    )
    yield Figure("T8", "wrong in cuts of our own side", ours.cuts.wrong / 1000, "s", 0)
    canteen = Rate(0, 0, 0, 0)
    for one in ours.rates.values():
        canteen = canteen.plus(one)
    yield Figure("T8", "truth outside [rate, upper], the canteen", canteen.outside_ms / 1000, "s", 0)
    most = max(ours.rates, key=lambda slot: ours.rates[slot].outside_ms)
    beyond = [slot for slot, one in ours.rates.items() if one.outside_ms > _allowance(run, slot)]
    note = (
        f"{', '.join(beyond) or 'none'}; {sum(1 for one in ours.rates.values() if one.outside_ms)} to the millisecond"
    )
    furthest = f"{ours.rates[most].outside_ms / 1000:.1f} s at most, {most}"
    yield Figure(
        "T8", "cameras whose truth lies outside [rate, upper] by more than an interval a change", len(beyond), "", 0,
        note=note, us=furthest,
    )  # fmt: skip
    if peers:
        best = min(peers, key=lambda name: _missed(peers[name].outside))
        yield Figure(
            "T8", "wrong + unknown outside those cuts / the best peer's",
            _missed(ours.outside) / max(1, _missed(peers[best].outside)), "x", 1,
            us=_percent(_missed(ours.outside), ours.outside.assessed),
            peer=f"{_percent(_missed(peers[best].outside), peers[best].outside.assessed)} ({PEERS[best]})",
            floor=_percent(ideal_missed(run, outside, permitted=True), ours.outside.assessed),
        )  # fmt: skip
        nearest = min(peers, key=lambda name: peers[name].rate_error)
        yield Figure(
            "T8", "mean error of a camera's rate / the best peer's",
            ours.rate_error / max(1e-9, peers[nearest].rate_error), "x", 1,
            us=f"{100 * ours.rate_error:.2f} points",
            peer=f"{100 * peers[nearest].rate_error:.2f} points ({PEERS[nearest]})",
        )  # fmt: skip
    yield Figure("T8", "contenders not measured", len(run.missing), "", 0, note="; ".join(run.missing.values()))
    printed = sum(run.rates[slot]["on_ms"] != ours.rates[slot].on for slot in ours.rates)
    yield Figure("T8", "cameras whose printed rate is not what is scored here", printed, "", 0)


def _missed(one: Score) -> int:
    return one.wrong + one.unknown


def _allowance(run: Run, slot: str) -> int:
    """A look sees a change an interval late at most."""
    return int(run.plan.look_s * 1000) * max(0, len(run.truth(slot)) - 1)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f} %"


# ---- tables -------------------------------------------------------------------------------------


def _tables(run: Run, judged: dict[str, Judged]) -> Iterator[str]:
    seconds = (run.end - run.begin) / 1000
    true = statistics.mean(one.true / one.assessed for one in judged[OURS].rates.values())
    yield f"{len(CAST)} cameras, {seconds:.0f} s, looks every {run.plan.look_s:g} s; truly online {100 * true:.2f} %;"
    yield f"{len(run.samples)} samples of the witness; a strike was carried out within {run.late_ms} ms.\n"
    yield from _overall(run, judged)
    yield ""
    yield from _by_fault(run, judged)
    yield ""
    yield from _by_camera(judged)
    if run.missing:
        yield ""
        yield from (f"- not measured: {PEERS[name]}: {why}" for name, why in run.missing.items())


def _overall(run: Run, judged: dict[str, Judged]) -> Iterator[str]:
    yield (
        "| contender | rate | wrong | false online | false offline | unknown | own cuts: wrong, unknown"
        " | outside: wrong + unknown | no fault: wrong + unknown | error of a camera's rate, mean, worst"
        " | noticed after, median, worst; never | MB, CPU s a camera-hour |"
    )
    yield "|---" * 12 + "|"
    hours = len(CAST) * (run.end - run.begin) / 3.6e6
    for name, one in judged.items():
        e = one.whole.assessed
        on = sum(r.on for r in one.rates.values())
        cost = run.told[name].cost
        seconds = sorted(s for s in one.noticed_s.values() if s is not None)
        late = f"{statistics.median(seconds):.0f} s, {seconds[-1]:.0f} s" if seconds else "-"
        cells = [
            "**ours**" if name == OURS else PEERS[name],
            _percent(on, e),
            f"**{_percent(one.whole.wrong, e)}**",
            _percent(one.whole.false_online, e),
            _percent(one.whole.false_offline, e),
            _percent(one.whole.unknown, e),
            f"{_percent(one.cuts.wrong, one.cuts.assessed)}, {_percent(one.cuts.unknown, one.cuts.assessed)}",
            _percent(_missed(one.outside), one.outside.assessed),
            _percent(_missed(one.quiet), one.quiet.assessed),
            f"{100 * one.rate_error:.2f}, {100 * one.worst_rate_error:.1f} points",
            f"{late}; {sum(s is None for s in one.noticed_s.values())} of {len(one.noticed_s)}",
            f"{cost.carried / 1e6 / hours:.2f}, {cost.cpu_s / hours:.1f}",
        ]
        yield f"| {' | '.join(cells)} |"
    e = judged[OURS].whole.assessed
    outside = without([(run.begin, run.end)], cut_windows(run))
    rest = _percent(ideal_missed(run, outside), judged[OURS].outside.assessed)
    wrong = _percent(ideal_missed(run, [(run.begin, run.end)]), e)
    yield f"| ideal sampler, {run.plan.look_s:g} s | | **{wrong}** | | | 0 | 0, 0 | {rest} | | | | |"
    most = _percent(ideal_missed(run, outside, permitted=True), judged[OURS].outside.assessed)
    yield f"| the same, that calls nothing offline that was not seen to be | | | | | | | {most} | | | | |"
    uplinked = run.uplinked / 1e6 / hours
    yield f"\nOurs sent and received {uplinked:.3f} MB a camera-hour over the uplink."


def _by_fault(run: Run, judged: dict[str, Judged]) -> Iterator[str]:
    """Seconds of the fault's time: wrong + unknown; and how soon it was noticed."""
    yield "Seconds wrong + unknown of each fault's time and the interval after it (in brackets: noticed after):\n"
    yield f"| fault | truth | {' | '.join(judged)} |"
    yield "|---" * (2 + len(judged)) + "|"
    for strike, (begin, end) in run.strikes:
        cells = [f"{strike.slot}: {strike.about}, {(end - begin) / 1000:.0f} s", "opens" if strike.openable else "gone"]
        for one in judged.values():
            made = one.by_fault[strike]
            cell = f"{made.wrong / 1000:.0f} + {made.unknown / 1000:.0f}"
            if not strike.openable:
                noticed = one.noticed_s[strike]
                cell += " (never)" if noticed is None else f" ({noticed:.0f})"
            cells.append(cell)
        yield f"| {' | '.join(cells)} |"
    for cut, (begin, end) in run.cuts:
        window = [(begin, end + int(run.plan.look_s * 1000))]
        cells = [f"our own side: {cut.kind}, {(end - begin) / 1000:.0f} s, all cameras", ""]
        for name in judged:
            made = total(score(run.truth(a.slot), run.told[name].spans.get(a.slot, []), window) for a in CAST)
            cells.append(f"{made.wrong / 1000:.0f} + {made.unknown / 1000:.0f}")
        yield f"| {' | '.join(cells)} |"


def _by_camera(judged: dict[str, Judged]) -> Iterator[str]:
    yield "Seconds wrong + unknown of each camera:\n"
    yield f"| camera | {' | '.join(judged)} |"
    yield "|---" * (1 + len(judged)) + "|"
    for actor in CAST:
        cells = [actor.slot]
        for one in judged.values():
            made = one.by_slot[actor.slot]
            cells.append(f"{made.wrong / 1000:.0f} + {made.unknown / 1000:.0f}")
        yield f"| {' | '.join(cells)} |"


def story(run: Run, name: str) -> Iterator[str]:
    """What one contender said of each camera, for whoever asks why: seconds from the start."""
    for actor in CAST:
        for kind, spans in (("true", run.truth(actor.slot)), (name, run.told[name].spans.get(actor.slot, []))):
            pieces = [p for p in filled(spans, run.begin, run.end) if p.state or p.state == UNKNOWN]
            told = ", ".join(f"{(p.begin - run.begin) / 1000:.1f} {p.state}" for p in pieces)
            yield f"{actor.slot:8} {kind}: {told}"
