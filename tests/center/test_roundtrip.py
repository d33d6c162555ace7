"""What is exported and imported again is the same registry, to the character and the millisecond."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from center.registry.cells import narrow
from center.registry.taking_over import File, Order, take_over
from center.registry.tree import regions_of
from center.registry.writing import export
from center.store import Store
from center.store.registered import TABLES
from contract.policy import load_policy
from contract.regions import load_regions
from tests.support.examples import examples

POLICY, HENAN = load_policy("henan-2021-45"), load_regions("henan")
CODES = ("41", "4101", "410105", "410225", "419001", "410173")
ODD = "=+-@'\"，,、;（）()· 甲乙丙学校食堂Aa0%#|\\/<>&[]{}😀"
name = st.text(ODD, min_size=1, max_size=12).map(lambda text: " ".join(text.split())).filter(bool)
identity = name.map(narrow).filter(bool)
note = st.text(ODD, max_size=12).map(lambda text: " ".join(text.split()))
listed = st.lists(st.sampled_from(("烹饪间", "洗消间", "仓库")), unique=True).map("、".join)
moment = st.integers(0, 4_102_444_799_999)
day = st.dates().filter(lambda d: 1970 <= d.year < 2099).map(lambda d: d.isoformat())
optional_day = st.just("") | day


@st.composite
def registries(draw: st.DrawFn) -> dict[str, list[tuple[Any, ...]]]:
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
    rows["regions"] = [tuple(region) for region in regions_of(HENAN)]
    units = draw(st.lists(identity, min_size=1, max_size=3, unique=True))
    for unit in units:
        for since in draw(st.sets(moment, max_size=2)) | {0}:
            told = (draw(name), draw(st.sampled_from(CODES)), draw(st.sampled_from([k.id for k in POLICY.kinds])))
            more = (draw(listed), draw(optional_day), draw(optional_day), draw(listed), draw(note))
            rows["units"].append((unit, since, *told, *more, draw(st.sampled_from(("", "0371-1", "+86 371 6600转1")))))
    for i, position in enumerate(draw(st.lists(identity, max_size=4, unique=True))):
        times = sorted(draw(st.sets(moment, min_size=1, max_size=4)))
        for since, until in zip(times[::2], [*times[1::2], None], strict=False):
            gb_id = draw(st.sampled_from(("", "41010200001310000001")))
            told = (draw(st.sampled_from(units)), draw(name), draw(note), gb_id)
            rows["positions"].append((position, since, until, *told))
        rows["bindings"].append((position, times[0], f"zz-{i:04d}", "k1"))
        if draw(st.booleans()):
            rows["bindings"].append((position, times[0] + 1, "", ""))
        if draw(st.booleans()):
            begin = times[0] + 7_200_000
            rows["exclusions"].append(
                (position, begin, begin + 1, "planned", draw(name), "王", "李", begin, draw(note))
            )
    for i in range(draw(st.integers(0, 3))):
        rows["gateways"].append((f"zz-{i:04d}", draw(moment), "4101", draw(st.none() | moment), draw(note)))
    if draw(st.booleans()):
        begin, end = sorted((draw(day), draw(day)))
        rows["calendars"].append(("4101", draw(st.sampled_from(("", "canteen"))), begin, end, "135", "06:00-18:30"))
    return rows


def put(store: Store, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    with store.registrar() as registrar:
        with registrar.staging():
            for table, several in rows.items():
                for row in several:
                    registrar.put(table, (1, "", *row))
        with registrar.writing():
            counts = {table: registrar.compare(table) for table in rows if rows[table]}
            number = registrar.begin_import(0, "", "", "", next(iter(counts.values())))
            for table in counts:
                registrar.write(table, number)


def held(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    with store.read() as reader:
        return {table: [tuple(row) for row in reader.registered(table)] for table in TABLES}


@settings(max_examples=examples(20, 1_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(registries(), st.sampled_from(("xlsx", "csv")), st.sampled_from(("zh", "en")))
def test_export_and_import_is_the_identity(rows: dict[str, list[tuple[Any, ...]]], kind: str, lang: str) -> None:
    """Into an empty database, as a workbook or as CSV, in either language; a second time nothing changes."""
    with tempfile.TemporaryDirectory() as folder:
        store, again = Store(f"{folder}/one.db"), Store(f"{folder}/two.db")
        put(store, rows)
        out = Path(folder) / ("out.xlsx" if kind == "xlsx" else "out")
        with store.read() as reader:
            export(out, reader, lang)
        files = [out] if kind == "xlsx" else [out / f"{table}.csv" for table in TABLES]
        for _ in ("taken over", "unchanged"):
            opened = [File(file.name, file.open("rb")) for file in files]
            summary = take_over(again, opened, Order("", 0, POLICY, None))
            for file in opened:
                file.data.close()
        assert (summary.total.added, summary.total.changed) == (0, 0)
        assert held(again) == held(store)
        store.close()
        again.close()
