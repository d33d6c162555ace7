"""What counts of a gateway's word: what was told in time, and was never contradicted.

Pure: neither database nor clock. `timeline` says what is proven if the gateway is honest; but the box is under the
hands of those whom the figure judges. So a later word can lower a figure and raise an alarm; it never turns Off, dark
or late time into On. The result is a function of the set of (bytes, receipt).

N1 a claim binds its run. N2 the center's own clock dates a boot (`zero`). N3 what is held stands, the first copy.
N4 while one run of a dated boot lives, another's testimony is no evidence. N5 a sign of life is a live heartbeat, and
its lists are a checksum. N6 a contradiction takes On, never Off. N9 On is told in time (`live`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from center.beats import NEAR_MS, Stretch
from center.intervals import EMPTY, Intervals, Span, between, difference, intersection, normal, total, union
from center.live import Live
from center.one_run import OneRun
from center.presence import Presence
from center.testimony import (
    CONTRADICTION,
    REFUTED,
    VAIN,
    Finding,
    Testimony,
    Told,
    as_claims,
    lines,
    told_by_run,
)
from center.timeline import AHEAD_MS, AnchorPoint, History, Known, Run, Session, sessions
from center.zero import EVER, Clock, Said, said

OVERLAP_MS = 300_000
"""So long may two runs overlap: Unknown, no alarm."""


class Judged(NamedTuple):
    """`life`: [first, last] receipts of signs of life."""

    known: dict[str, Known]
    life: Intervals
    findings: tuple[Finding, ...]


def judge(testimony: Testimony, dark_after_ms: int, within_ms: int) -> Judged:
    """Each slot's online and offline time, the signs of life, and what contradicts itself."""
    clocks = clocks_of(testimony)
    life = _life(testimony, clocks)
    heard = normal((first, last + dark_after_ms) for first, last in life)
    away = normal((first, last + NEAR_MS) for first, last in testimony.refused)
    live = Live(difference(intersection(heard, testimony.up), away), within_ms)
    case = _Case(testimony, clocks, live, dark_after_ms)
    return Judged(case.known(), life, _once([*case.findings(), *_refuted(clocks), *_in_vain(testimony)]))


def _once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One for each key: over all its time, in the words of the first."""
    found: dict[tuple[str, str], Finding] = {}
    for f in sorted(findings):
        before = found.setdefault((f.code, f.key), f)
        found[f.code, f.key] = before._replace(begin=min(before.begin, f.begin), end=max(before.end, f.end))
    return tuple(found.values())


# ---- clocks and life ----------------------------------------------------------------------------


def clocks_of(t: Testimony) -> dict[str, Clock]:
    beats: dict[str, list[Stretch]] = defaultdict(list)
    anchors: dict[str, list[AnchorPoint]] = defaultdict(list)
    zeros: dict[str, int] = {}
    others: dict[str, list[Said]] = defaultdict(list)
    begin = end = 0
    for s in t.beats:
        if t.up and not begin <= s.first_ms < end:  # most came in the same time of being up as the one before
            touched = between(t.up, s.first_ms, s.last_ms + 1)
            if not touched:  # what came while the center was not up moves no Z
                others[s.alike.boot].append(said(s))
                continue
            begin, end = touched[0]
        beats[s.alike.boot].append(s)
    for a in t.anchors:
        anchors[a.boot].append(a)
    for c in t.before:
        zeros[c.boot] = min(zeros.get(c.boot, EVER), c.zero_ms)
    for _, c in t.closings:
        others[c.boot].append(Said(c.received_ms, c.received_ms, c.received_ms - c.settled_to))
    boots = {*(s.alike.boot for s in t.beats), *anchors, *zeros}
    return {boot: Clock(beats[boot], anchors[boot], zeros.get(boot), others[boot]) for boot in boots}


def _life(t: Testimony, clocks: dict[str, Clock]) -> Intervals:
    """As [first, last], which are no half-open spans: a single receipt is one."""
    spans = {(s.first_ms, s.last_ms) for s in t.beats if clocks[s.alike.boot].fits(s)}
    return tuple(sorted(spans | set(t.heard) | set(t.refused)))


def _refuted(clocks: dict[str, Clock]) -> Iterator[Finding]:
    for boot, clock in clocks.items():
        for a in clock.refused:
            text = f"boot {boot}: an anchor at {a.at} says {a.utc_ms}, received {a.received_ms}"
            yield Finding(REFUTED, f"{boot}/{a.at}", "", a.received_ms, a.received_ms, text)


def _in_vain(t: Testimony) -> Iterator[Finding]:
    for gap in t.vain:
        text = (
            f"seq {gap.seq}: a gap from seq {gap.from_seq} to {gap.to_seq}, of which {gap.held} are held: these stand"
        )
        yield Finding(VAIN, f"{gap.store}/{gap.seq}", "", gap.received_ms, gap.received_ms, text)


# ---- one gateway --------------------------------------------------------------------------------


class _Case:
    """`on`, `off`: by slot; `doubt`: by slot, "" for every one."""

    def __init__(self, t: Testimony, clocks: dict[str, Clock], live: Live, dark_after_ms: int) -> None:
        self._clocks = clocks
        self._findings: list[Finding] = []
        self._off: dict[str, list[Span]] = defaultdict(list)
        on: dict[str, Intervals] = {}
        told, present, line = told_by_run(t), Presence(t, clocks, dark_after_ms), lines(t)
        history = History(t.held, (*t.before, *as_claims(told)))
        old = sessions(History(t.held, t.before)) if t.before else {}
        beats: dict[Run, list[Stretch]] = defaultdict(list)
        for s in t.beats:
            beats[s.alike[:3]].append(s)
        for run, session in sessions(history).items():
            clock = clocks.get(run[2])
            if not clock:
                continue
            one = OneRun(run, session, told.get(run, []), line.get(run[:2], []), clock, live)
            doubt = one.doubt(beats[run], self._foreign(run, told.get(run, []), clock, present))
            for slot, spans in one.off().items():
                self._off[slot] += spans
            for slot, its in one.on().items():
                on[slot] = union(on.get(slot, EMPTY), difference(its, union(doubt[slot], doubt[""])))
            self._findings += one.findings
            if run in old:
                for slot, its in _as_it_was(old[run], clock).items():
                    on[slot] = union(on.get(slot, EMPTY), its)
        evicted = _evicted(t, clocks)
        self._on = {slot: difference(its, evicted) for slot, its in on.items()}

    def _foreign(self, run: Run, told: Sequence[Told], clock: Clock, present: "Presence") -> Intervals:
        """What this run says of a time in which another one lived (N4)."""
        claimed = normal((c.since, c.settled_to) for c in told)
        overlap = present.of_others(run, normal(span for one in claimed for span in clock.spans(*one)))
        if total(overlap) > OVERLAP_MS:
            text = f"session {run[1]} of boot {run[2]} tells of {total(overlap)} ms in which another session lived"
            key = "/".join(("overlap", *run))
            self._findings.append(Finding(CONTRADICTION, key, "", overlap[0][0], overlap[-1][1], text))
        return overlap

    def known(self) -> dict[str, Known]:
        """Off stays, whoever told it, and whenever."""
        off = {slot: normal(spans) for slot, spans in self._off.items()}
        return {
            slot: Known(difference(self._on.get(slot, EMPTY), off.get(slot, EMPTY)), off.get(slot, EMPTY))
            for slot in {*self._on, *off}
        }

    def findings(self) -> list[Finding]:
        return self._findings


def _evicted(t: Testimony, clocks: dict[str, Clock]) -> Intervals:
    """What the gaps call unknown: each moment dated once."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for gap in t.gaps:
        spans[gap.boot].append((gap.begin, gap.end))
    dated = ((clocks[boot], span) for boot, its in spans.items() if boot in clocks for span in normal(its))
    return normal(told for clock, span in dated for told in clock.told(*span))


def _as_it_was(session: Session, clock: Clock) -> dict[str, Intervals]:
    """Online time as it was proven before there was a notary."""
    found: dict[str, list[Span]] = defaultdict(list)
    latest = session.received_ms + AHEAD_MS
    for slot, state, (begin, end) in session.proven():
        if state == "online":
            found[slot] += ((b, min(e, latest)) for b, e in clock.spans(begin, end))
    return {slot: normal(spans) for slot, spans in found.items()}
