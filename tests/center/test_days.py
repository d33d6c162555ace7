"""The SQL that anybody can run, held to the Python law to the millisecond."""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from center.calendar import Entry, Gap, clash, windows
from center.cli import main
from center.days.build import build
from center.days.engine import SPANS, TABLES, Row, month, opened, write
from center.days.final import Asked, Refused, freeze, late, newest
from center.intervals import Intervals, difference, intersection, normal, union
from center.rate import Rules, local, month_span, service
from center.readings import DAY_MS, Outages, Readings, Rule, outages, readings
from center.record import Recorder
from center.report import When, report
from center.store import Store
from center.timeline import Known
from tests.center.letters import T0, anchor, beat, birth, events, letter, moved, register
from tests.support.examples import examples

MONTH = month_span("2026-02")
UNIT_MS = 600_000
"""Times are multiples of this, so that they meet often, and some ms beside it."""
REGIONS = {"410105": ("4101", "41"), "410225": ("41",), "41": ()}
instant = st.builds(
    lambda slot, ms: MONTH[0] + slot * UNIT_MS + ms,
    st.integers(-300, (MONTH[1] - MONTH[0]) // UNIT_MS + 300),
    st.sampled_from((0, 0, 0, 1, -1)),
)
spans = st.lists(st.tuples(instant, instant), max_size=8).map(lambda found: normal(tuple(sorted(s)) for s in found))
hours = st.sampled_from(("", "06:30-19:00", "00:00-24:00", "07:00-08:00、10:30-13:30"))


@st.composite
def calendars(draw: st.DrawFn) -> dict[tuple[str, str], list[Entry]]:
    found: dict[tuple[str, str], list[Entry]] = {}
    for scope in draw(st.sets(st.sampled_from(("U0", "U1", "410105", "4101", "41")))) | {"41"}:
        for kind in draw(st.sampled_from((("",), ("canteen",), ("", "canteen"), ("caterer", "")))):
            entries = [Entry("2026-01-01", "2026-12-31", draw(st.sampled_from(("", "12345"))), draw(hours))]
            for _ in range(draw(st.integers(0, 3))):
                begin, length = draw(st.integers(0, 27)), draw(st.integers(0, 9))
                first = local(MONTH[0] + begin * DAY_MS).date()
                last = first + timedelta(days=length)
                entries.append(
                    Entry(first.isoformat(), last.isoformat(), draw(st.sampled_from(("", "6"))), draw(hours))
                )
            found[scope, kind] = entries if clash(entries) is None else entries[:1]
    found.setdefault(("41", ""), [Entry("2026-01-01", "2026-12-31", "", "08:00-20:00")])
    return found


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    positions = []
    for number in range(draw(st.integers(1, 4))):
        edges = sorted(draw(st.sets(instant, min_size=1, max_size=4)))
        places = [
            (
                draw(st.sampled_from(("U0", "U1"))),
                draw(st.sampled_from(tuple(REGIONS))),
                draw(st.sampled_from(("canteen", "caterer"))),
            )
            for _ in edges
        ]
        ends = [*edges[1:], draw(st.none() | st.just(edges[-1] + DAY_MS))]
        on, off, dark = draw(spans), draw(spans), draw(spans)
        off = difference(off, on)
        positions.append(
            (
                f"P{number}",
                list(zip(places, edges, ends, strict=True)),
                difference(on, dark),
                off,
                intersection(on, dark),
                draw(spans),
            )
        )
    return {
        "positions": positions,
        "calendars": draw(calendars()),
        "rules": Rules(
            draw(st.sampled_from(("visible", "local"))),
            kinds=draw(st.sampled_from((frozenset(), frozenset({"canteen"})))),
            calendar=draw(st.booleans()),
        ),
        "until": draw(st.sampled_from((MONTH[1], MONTH[0] + 10 * DAY_MS + 12_345_678))),
        "rule": draw(st.sampled_from((Rule(), Rule(Fraction(1, 3), 96)))),
    }


def law(world: dict[str, Any]) -> dict[tuple[str, str, str], tuple[int, ...]]:
    """(level, key, kind) -> sums, by the functions that define them."""
    found: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    span, rules = (MONTH[0], world["until"]), world["rules"]
    for position, pieces, on, off, dark, excluded in world["positions"]:
        known = Known(union(on, dark) if rules.dark == "local" else on, off)
        for (unit, region, kind), since, until in pieces:
            served = service(since, until, span)
            if not served or (rules.kinds and kind not in rules.kinds):
                continue
            whole = intersection(
                served, open_hours(world["calendars"], unit, region, kind, span) if rules.calendar else (span,)
            )
            assessed = difference(whole, excluded)
            made = readings(assessed, whole, known, span, world["rule"]), outages(off, assessed, span)
            parts = (region, *REGIONS[region])
            city = "4101" if region == "410105" else region
            for level, key in (
                ("province", parts[-1]),
                ("city", city),
                ("county", region),
                ("unit", unit),
                ("slot", position),
            ):
                for of in ("",) if level == "slot" else ("", kind):
                    found[level, key, of].append((position, *made))
    return {key: summed(several) for key, several in found.items()}


def open_hours(known: dict[tuple[str, str], list[Entry]], unit: str, region: str, kind: str, span: Any) -> Intervals:
    for scope in (unit, region, *REGIONS[region]):
        for of in (kind, ""):
            if (scope, of) in known:
                return windows(scope, known[scope, of], span)
    raise Gap(unit, "")


def summed(several: list[tuple[str, Readings, Outages]]) -> tuple[int, ...]:
    r = [one[1] for one in several]
    o = [one[2] for one in several]
    return (
        len({position for position, reading, _ in several if reading.time.assessed}),
        *(sum(getattr(one.time, name) for one in r) for name in ("assessed", "on", "off")),
        *(sum(getattr(one, name) for one in r) for name in ("days", "days_online", "spots", "spots_online", "planned")),
        sum(one.number for one in o),
        sum(one.ms for one in o),
        max(one.longest_ms for one in o),
        sum(one.ended for one in o),
        sum(one.ended_ms for one in o),
    )


def lay(folder: Path, world: dict[str, Any]) -> None:
    with opened() as connection:
        places, days = [], defaultdict(list)
        for number, (position, pieces, on, off, dark, _) in enumerate(world["positions"]):
            for piece, ((unit, region, kind), since, until) in enumerate(pieces):
                city = "4101" if region == "410105" else region
                places.append(
                    (
                        position,
                        piece,
                        "灶台",
                        unit,
                        unit,
                        kind,
                        region,
                        region,
                        city,
                        city,
                        "41",
                        "河南省",
                        since,
                        until,
                    )
                )
            for state, told in (("on", on), ("off", off), ("dark", dark)):
                for begin in range(MONTH[0], MONTH[1], DAY_MS):
                    cut = intersection(told, ((begin, begin + DAY_MS),))
                    days[number % 2, local(begin).date()] += [(position, state, *s) for s in cut]
        excluded = [(p[0], *s, "planned") for p in world["positions"] for s in p[5]]
        listed = [(*key, *entry) for key, entries in world["calendars"].items() for entry in entries]
        chain = [(region, code, rank) for region, up in REGIONS.items() for rank, code in enumerate((region, *up), 1)]
        for name, rows in (("places", places), ("exclusions", excluded), ("calendars", listed), ("ancestors", chain)):
            write(connection, folder / f"{name}.parquet", TABLES[name], rows)
        for (part, day), rows in days.items():
            write(connection, folder / "spans" / str(part) / f"{day}.parquet", SPANS, rows)


@settings(max_examples=examples(20, 2_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_sql_and_python_agree_to_the_millisecond(world: dict[str, Any]) -> None:
    """Moves, calendars, exclusions, dark, running months, readings, outages: every sum of every row of every level."""
    with tempfile.TemporaryDirectory() as folder:
        lay(Path(folder), world)
        made = month(Path(folder), (MONTH[0], world["until"]), world["rules"], world["rule"])
    assert {(row.level, row.key, row.kind): tuple(row[4:]) for row in made} == law(world)
    assert all(isinstance(row, Row) for row in made)


def test_a_day_that_no_row_covers_is_told(tmp_path: Path) -> None:
    """Before any figure: whose calendar, and which day."""
    world = {
        "positions": [("P0", [(("U0", "410105", "canteen"), MONTH[0], None)], (), (), (), ())],
        "calendars": {("41", ""): [Entry("2026-01-01", "2026-02-10", "", "06:00-18:00")]},
    }
    lay(tmp_path, world)
    with pytest.raises(Gap) as caught:
        month(tmp_path, MONTH, Rules(calendar=True), Rule())
    assert (caught.value.scope, caught.value.day) == ("U0", "2026-02-11")


# ---- from the store ------------------------------------------------------------------------------

HOUR = 3_600_000


def at_work(url: str) -> Store:
    """A gateway on 1 November: one camera online for an hour, then offline, one offline, one never heard of."""
    store = Store(url)
    register(store, "k1", "k2", "k3")
    rows_ = (anchor(1), moved(2, 0, "online"), moved(3, HOUR, "offline"), moved(4, 0, "offline", "k2"))
    Recorder(store).record(
        [letter("state", birth()), letter("ev", events(*rows_)), letter("hb", beat(2 * HOUR, 4), at=T0 + 2 * HOUR)]
    )
    return store


@pytest.mark.parametrize("dark", ["visible", "local"])
def test_what_is_laid_says_what_rate_says(url: str, tmp_path: Path, dark: Any) -> None:
    """E, On and Off of every level from the spans are those of the report from the facts; again nothing changes."""
    store, rules, span = at_work(url), Rules(dark), month_span("2026-11")
    assert build(store, tmp_path, span, rules) == (30, 0, 1)
    assert build(store, tmp_path, span, rules) == (0, 30, 1)
    assert build(store, tmp_path, span, rules) == (0, 30, 0)
    with store.read() as reader:
        for level in ("province", "city", "county", "unit", "slot"):
            made = report(reader, When("2026-11", span, span[1], live=False), level, rules)
            wanted = {row.key: tuple(row.figures) for row in made.rows}
            found = [row for row in month(tmp_path, span, rules, Rule()) if row.level == level and not row.kind]
            assert {row.key: (row.slots, row.e_ms, row.on_ms, row.off_ms) for row in found} == wanted
    store.close()


def test_only_days_that_differ_are_laid_anew(tmp_path: Path) -> None:
    """A fact of the second of November changes the second of November."""
    store, rules = at_work(str(tmp_path / "center.db")), Rules()
    build(store, tmp_path / "now", month_span("2026-11"), rules)
    later = 26 * HOUR
    Recorder(store).record(
        [
            letter("ev", events(moved(5, later, "online")), T0 + later),
            letter("hb", beat(later + HOUR, 5), T0 + later + HOUR),
        ]
    )
    assert build(store, tmp_path / "now", month_span("2026-11"), rules) == (2, 28, 1)
    store.close()


def test_what_was_known_beyond_the_end_is_laid_when_the_end_moves_on(tmp_path: Path) -> None:
    """A gateway told two hours and was never heard again; the first of them was laid, then both are asked for."""
    store, rules, begin = at_work(str(tmp_path / "center.db")), Rules(), month_span("2026-11")[0]
    for _ in range(3):
        build(store, tmp_path / "now", (begin, T0 + HOUR // 2), rules)
    build(store, tmp_path / "now", (begin, T0 + 3 * HOUR), rules)
    build(store, tmp_path / "whole", (begin, T0 + 3 * HOUR), rules, whole=True)
    laid = [(folder / "spans" / "4101" / "2026-11-01.parquet").read_bytes() for folder in tmp_path.glob("*/")]
    assert len(laid) == 2
    assert laid[0] == laid[1]
    store.close()


def test_a_final_month_is_changed_by_a_person_only(tmp_path: Path) -> None:
    """Provisional until its cut-off; what comes late is shown beside it, and enters by a revision with a reason."""
    store, span, folder = at_work(str(tmp_path / "center.db")), month_span("2026-11"), tmp_path / "2026-11"

    def asked(now_ms: int, reason: str = "") -> Asked:
        return Asked("王芳", reason, now_ms, span[1] + 72 * HOUR, "sha", Rules(), Rule())

    build(store, folder / "now", span, Rules())
    with pytest.raises(Refused, match="provisional until 2026-12-04 00:00"):
        freeze(folder, "2026-11", span, asked(span[1]))
    first = freeze(folder, "2026-11", span, asked(span[1] + 73 * HOUR))
    with pytest.raises(Refused, match="needs a reason"):
        freeze(folder, "2026-11", span, asked(span[1] + 74 * HOUR))
    with pytest.raises(Refused, match="nothing has changed"):
        freeze(folder, "2026-11", span, asked(span[1] + 74 * HOUR, "again"))
    later = 3 * HOUR
    Recorder(store).record(
        [
            letter("ev", events(moved(5, later, "online", "k2")), T0 + later),
            letter("hb", beat(later + HOUR, 5), T0 + later + HOUR),
        ]
    )
    build(store, folder / "now", span, Rules())
    now = month(folder / "now", span, Rules(), Rule())
    kept = newest(folder)
    assert kept == first
    assert late(kept.rows, now)["off_ms"] > 0
    second = freeze(folder, "2026-11", span, asked(span[1] + 75 * HOUR, "网关补传"))
    assert (second.number, second.reason, newest(folder)) == (1, "网关补传", second)
    assert set(late(second.rows, now).values()) == {0}
    store.close()


def test_on_the_command_line(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Built, shown with the three readings, refused as long as it is not over."""
    at_work(url).close()
    out = ("--month", "2026-11", "--out", str(tmp_path / "days"))
    assert main(["days", "show", *out]) == 2
    assert main(["days", "build", "--database", url, *out]) == 0
    assert main(["days", "show", *out, "--json", "--level", "slot"]) == 0
    shown = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert shown["deciding"] == "days"
    assert {row["key"] for row in shown["rows"]} == {f"zz-0001/k{n}" for n in (1, 2, 3)}
    assert shown["revision"] is None
    for lang, words in (("zh", ("日*", "暂定", "作准")), ("en", ("days*", "provisional", "decides"))):
        assert main(["days", "show", *out, "--lang", lang]) == 0
        told = capsys.readouterr().out
        assert all(word in told for word in words)


def test_what_a_folder_was_laid_by_reads_the_same_in_every_process() -> None:
    """A set tells its members in another order in each; else everything were laid anew by chance."""
    asked = "from center.days.build import rules_text; from center.rate import Rules; "
    asked += "print(rules_text(Rules(kinds=frozenset({'canteen', 'caterer', 'a', 'b', 'c'}))))"
    told = {
        subprocess.run(
            [sys.executable, "-c", asked], env={"PYTHONHASHSEED": str(seed)}, capture_output=True, text=True, check=True
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(told) == 1
