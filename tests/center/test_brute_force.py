"""The center against a count of every single second by other code, on both databases."""

from random import Random

from center import registry
from center.audit import audit
from center.intervals import Intervals, Span, difference
from center.rate import Figures, Rules
from center.record import Recorder
from center.report import When, report, told
from center.store import Store
from tests.center.letters import T0, enrol
from tests.center.seconds import DARK, ROOM, WITHIN, Town, spans
from tests.support.examples import examples

TOWNS = examples(8, 500)
RULES = Rules("visible", DARK * 1000, WITHIN * 1000)


def test_every_second_is_what_counting_it_says(url: str) -> None:
    """Random towns with restarts, boots, wrong and late anchors, loss, repetition, the line and the center away, moves
    of positions and times left out: what is online, offline and assessed, and no contradiction.
    """
    store = Store(url)
    towns = [Town(number) for number in range(TOWNS)]
    enter(store, towns)
    for town in towns:
        tell(store, town)
    wanted = {position: (town, *its) for town in towns for position, its in town.counted().items()}
    span = (T0, (towns[-1].starts + ROOM) * 1000)
    when = When("", span, span[1], live=False)
    wrong: list[object] = []
    with store.read() as reader:
        for position, known, silence in told(reader, when, RULES):
            town, _, on, off = wanted[position.position]
            for word, found, its in (("on", difference(known.on, silence), on), ("off", known.off, off)):
                wrong += _differing(position.position, word, town, found, spans(town.starts, its))
        made = {row.key: row.figures for row in report(reader, when, "slot", RULES).rows}
    for name, (_, assessed, on, off) in wanted.items():
        f = made.get(name, Figures())  # one that is left out for all its time has no row
        counted = [1000 * len(its) for its in (assessed, on & assessed, off & assessed)]
        if counted != [f.assessed, f.on, f.off]:
            wrong.append((name, counted, f))
    assert wrong == []
    audit(store, RULES, span[1])
    with store.read() as reader:
        assert [one.reason for one in reader.aside() if one.code == "contradiction"] == []
    store.close()


def enter(store: Store, towns: list[Town]) -> None:
    flat = [row for town in towns for row in town.flat()]
    enrol(store, *flat, head="city,county,unit,kind,zone,slot,gateway,accepted_at,ended_at")
    others = [f"{town.days[1].gateway},4101" for town in towns]
    moves = [row for town in towns for row in town.bindings()]
    excluded = [row for town in towns for row in town.exclusions()]
    for head, rows in (
        ("gateway,city", others),
        ("position,since,gateway,slot", moves),
        ("position,from,to,cause,reason,requested_by,approved_by,approved_at", excluded),
    ):
        if rows:
            registry.take_over(store, "\n".join((head, *rows, "")).encode(), "test.csv", 0)
    with store.write() as tx:
        for town in towns:
            for begin, end in spans(town.starts, set(town.days[0].up)):
                tx.put_uptime(begin, end)


def tell(store: Store, town: Town) -> None:
    """In any order, some at a time."""
    rnd, recorder = Random(town.starts), Recorder(store)
    sent = [message for day in town.days for message in day.messages]
    rnd.shuffle(sent)
    while sent:
        count = rnd.choice((1, 20, 200, 500))
        recorder.record(sent[:count])
        sent = sent[count:]


def _differing(name: str, word: str, town: Town, found: Intervals, its: Intervals) -> list[object]:
    def seconds(span: Span) -> tuple[float, ...]:
        return tuple(ms / 1000 - town.starts for ms in span)

    both = (("+", difference(found, its)), ("-", difference(its, found)))
    return [(name, word, sign, *seconds(span)) for sign, several in both for span in several]
