"""R5, R8: fourteen days without uplink, told within minutes; a half-open uplink is noticed, and the box soon back."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.tell.backoff import Backoff
from agent.tell.journal import Journal
from benchmarks.measure import Figure
from contract.messages import Transition
from contract.vocabulary import Availability, Rung
from tests.chaos import evidence, trials
from tests.chaos.evidence import Witness
from tests.chaos.options import Options, folder
from tests.chaos.proxy import Proxy
from tests.chaos.site import Site, cast_of, until
from tests.chaos.weather import Weather

DAYS, CAMERAS = 14, 16
FIELD_A_DAY = 20
"""Transitions of a camera: ten power cuts or reboots each day, which is a bad kitchen."""
FLAPPING_A_DAY = 288
"""One each five minutes, all cameras at once: a switch with a loose contact, for two weeks."""


# ---- R5 ------------------------------------------------------------------------------------------


def field(options: Options) -> list[Figure]:
    return fortnight(options, FIELD_A_DAY, group=1)


def flapping(options: Options) -> list[Figure]:
    return fortnight(options, FLAPPING_A_DAY, group=32)


def fortnight(options: Options, a_day: int, group: int) -> list[Figure]:
    """The journal takes two weeks of transitions, `group` in one commit; then the real agent starts upon it."""
    count = (2 if options.quick else DAYS) * CAMERAS * a_day
    what = f"{DAYS if not options.quick else 2} days, {CAMERAS} cameras, {a_day} changes a day each"
    with folder(options, "fortnight") as home:
        site = Site(home, cast_of(CAMERAS), look_s=5, deadline_s=3, heartbeat_s=10)
        began = time.monotonic()
        size_mb = _write(evidence.journal_file(site.state), [one.slot for one in site.cast], count, group)
        wrote_s = time.monotonic() - began
        with site, Witness(site, every_s=5) as witness:
            witness.look()
            began = time.monotonic()
            site.begin()
            until(lambda: site.pending() is not None, 60, "the agent runs", 0.2)
            trials.drained(site, witness, 900)
            took = time.monotonic() - began
            until(lambda: evidence.said(site), 240, "the agent records a change of its own", 0.2)
            trials.drained(site, witness)
            site.end_of("agent")  # what it logs while the center is read would be missing there
            witness.look()
            trials.drained(site, witness, 15)
            found = evidence.account(site, witness)
    return [
        Figure("R5", f"{what}: journal on disk", size_mb, "MB", 64, f"{count} transitions, written in {wrote_s:.0f} s"),
        *trials.conservation("R5", what, found)[:4],
        Figure("R5", f"{what}: start to all of it at the center", took / 60, "min", 10),
    ]


def _write(file: Path, slots: list[str], count: int, group: int) -> float:
    """Transitions of an earlier boot, as the ledger writes them; the journal's size afterwards, MB."""
    journal = Journal(file)
    rnd = random.Random(1)
    states = dict.fromkeys(slots, Availability.UNKNOWN)
    step_ms = DAYS * 86_400_000 // count
    made = 0
    while made < count:
        makes = []
        for i in range(made, min(count, made + group)):
            slot = slots[i % len(slots)]
            to = Availability.OFFLINE if states[slot] is Availability.ONLINE else Availability.ONLINE
            makes.append(_make(slot, states[slot], to, i * step_ms + rnd.randrange(step_ms)))
            states[slot] = to
        journal.append(journal.run.number, *makes)
        made += len(makes)
    journal.close()
    return sum(one.stat().st_size for one in file.parent.glob(f"{file.name}*")) / 1e6


def _make(slot: str, from_: Availability, to: Availability, at: int) -> Callable[[int], Transition]:
    level = Rung.STREAMS if to is Availability.ONLINE else Rung.UNREACHABLE
    return lambda seq: Transition(
        seq=seq, boot="00c0ffee", session="0dd0aa", at=at, slot=slot, from_=from_, to=to, level=level
    )


# ---- R8: spread -----------------------------------------------------------------------------------

BOXES, ATTEMPT_S = 50_000, 0.5


def spread(options: Options) -> list[Figure]:
    """The agent's own back-off, run for 50,000 boxes whose broker refuses them for so long and then lets them in."""
    rnd = random.Random(options.seed)
    figures = []
    for away_s in (60, 300, 1800):
        back = sorted(_returns(away_s, rnd.random) for _ in range(BOXES // (10 if options.quick else 1)))
        took_s = back[-1] - back[0]
        busiest = max(Counter(map(int, back)).values()) * BOXES / len(back)
        what = f"{BOXES} boxes, broker away for {away_s} s"
        goal = 0 if away_s >= 300 else None  # what is over within a minute need not last longer afterwards
        note = f"spread over {took_s:.0f} s, the last {back[-1]:.0f} s after its return"
        figures += [
            Figure("R8", f"{what}: seconds short of a spread of 60 s", max(0.0, 60 - took_s), "s", goal, note),
            Figure("R8", f"{what}: connections in the busiest second", busiest, "", None),
        ]
    return figures


def _returns(away_s: float, jitter: Callable[[], float]) -> float:
    """Seconds from the broker's return to this box's next attempt."""
    backoff, now = Backoff(jitter), 0.0
    backoff.lived(3600.0, now)
    while now < away_s:
        now += ATTEMPT_S + backoff.delay_s(now, silent=False)
    return now - away_s


# ---- R8 ------------------------------------------------------------------------------------------


def half_open(options: Options) -> list[Figure]:
    lengths_s = (20.0,) if options.quick else (20.0, 60.0, 120.0, 300.0)
    with folder(options, "halfopen") as home:
        return outages(home, lengths_s, keepalive_s=10, seed=options.seed)


def outages(home: Path, lengths_s: Sequence[float], *, keepalive_s: int, seed: int) -> list[Figure]:
    """The uplink turns into a hole, that long each time."""
    noticed, back = [], []
    site = Site(home, cast_of(4), keepalive_s=keepalive_s)
    with Proxy(site.port) as proxy, site, Witness(site) as witness:
        site.agent_through(proxy.port)
        trials.started(site)
        for length_s in lengths_s:
            with Weather(site, dwell_s=(3, 18), seed=seed):
                time.sleep(2)
                began = time.monotonic()
                proxy.swallow()
                until(lambda: proxy.gave_up_at > 0, 120, "the agent gives the dead connection up")
                noticed.append(proxy.gave_up_at - began)
                time.sleep(max(0.0, began + length_s - time.monotonic()))
                returned = time.monotonic()
                proxy.pass_on()
                until(lambda: proxy.answered_at > 0, 400, "the broker hears the agent again")
                back.append(proxy.answered_at - returned)
        fresh = trials.fresh_transition_s(site)
        trials.drained(site, witness)
        site.end_of("agent")
        witness.look()
        trials.drained(site, witness, 15)
        found = evidence.account(site, witness)
        told = evidence.truth(site)
    note = ", ".join(f"{s:.1f} after {o:.0f}" for s, o in zip(back, lengths_s, strict=True))
    return [
        Figure(
            "R8", "half-open uplink noticed", max(noticed), "s", 1.5 * keepalive_s + 5, f"keepalive {keepalive_s} s"
        ),
        Figure("R8", "uplink returns to box back", max(back), "s", 10, note),
        Figure("R3", "uplink returns, then a fresh transition", fresh, "s", 30),
        *trials.conservation("R8", "half-open uplink", found),
        *trials.truthfulness("R8", "half-open uplink", told, 0.3),
    ]


def quiet(options: Options) -> list[Figure]:
    """The same at the usual settings and with nothing to tell but heartbeats: the slowest case."""
    rnd, noticed = random.Random(options.seed), list[float]()
    with folder(options, "quiet") as home:
        site = Site(home, cast_of(2), look_s=30, deadline_s=5, heartbeat_s=60, keepalive_s=60)
        with Proxy(site.port) as proxy, site:
            site.agent_through(proxy.port)
            trials.started(site)
            for _ in range(1 if options.quick else 3):
                time.sleep(rnd.uniform(1, 60))
                began = time.monotonic()
                proxy.swallow()
                until(lambda: proxy.gave_up_at > 0, 180, "the agent gives the dead connection up")
                noticed.append(proxy.gave_up_at - began)
                proxy.pass_on()
                until(lambda: proxy.answered_at > 0, 60, "the broker hears the agent again")
    what = "half-open uplink noticed, heartbeat and keepalive 60 s"
    return [Figure("R8", what, max(noticed), "s", 95, f"worst of {len(noticed)}")]
