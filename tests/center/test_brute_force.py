"""The center against a count of every single second by other code, on both databases."""

import os
from random import Random

from center.history import recall
from center.intervals import EMPTY, Intervals, difference
from center.notary import judge
from center.rate import Rules, dark
from center.record import Recorder
from center.store import Store
from center.timeline import Known
from tests.center.letters import T0, register
from tests.center.seconds import DARK, SLOTS, STARTS, WITHIN, Counted, Day, spans

DAYS = 500 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 25
RULES = Rules("visible", DARK * 1000, WITHIN * 1000)


def test_every_second_is_what_counting_it_says(url: str) -> None:
    """Random canteens with restarts, boots, wrong and late anchors, loss, repetition, the line and the center away."""
    store = Store(url)
    recorder = Recorder(store)
    wrong = []
    for number in range(DAYS):
        rnd, gateway = Random(number), f"zz-{number:04}"
        day = Day(rnd, gateway)
        register(store, *SLOTS, gateway=gateway)
        sent = rnd.sample(day.messages, len(day.messages))
        while sent:
            count = rnd.choice((1, 20, 200))
            recorder.record(sent[:count])
            sent = sent[count:]
        up = spans(set(day.up))
        with store.read() as reader:
            testimony = recall(reader, [gateway], (T0 - 10**8, T0 + 10**8))[gateway].testimony
        judged = judge(testimony._replace(up=up), RULES.dark_after_ms, RULES.within_ms)
        assert [f for f in judged.findings if f.code == "contradiction"] == []
        silence, counted = dark(judged.life, up, RULES), Counted(day)
        for slot in SLOTS:
            known = judged.known.get(slot, Known())
            for state, found, its in (
                ("on", difference(known.on, silence), counted.on[slot]),
                ("off", known.off, counted.off[slot]),
            ):
                if found != spans(its):
                    wrong.append((number, slot, state, _seconds(found, spans(its))))
    store.close()
    assert wrong == []


def _seconds(found: Intervals, its: Intervals) -> list[tuple[str, float, float]]:
    return [
        (sign, b / 1000 - STARTS, e / 1000 - STARTS)
        for sign, spans_of in (("+", difference(found, its)), ("-", difference(its, found)))
        for b, e in spans_of or EMPTY
    ]
