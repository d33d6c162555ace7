"""Rows go into either database as they are, whatever stands in them."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from center.store import Store
from center.store.bulk import insert, lookup
from center.store.engine import address
from center.store.schema import quarantine

text = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=9) | st.sampled_from(
    ("", "NULL", "null", '"', "\\", '","', '\\"', "{}", "',", "\\x41", "中文", " ", "\n")
)
COLUMNS = ("digest", "gateway", "topic", "code", "reason", "store", "seq", "payload", "first_ms", "last_ms", "count")
whole = st.integers(-(2**63), 2**63 - 1)
rows = st.lists(
    st.tuples(text, text, text, text, text, text, whole, st.binary(max_size=20), whole, whole, whole),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row[0],
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=rows)
def test_what_is_inserted_is_found(url: str, made: list[tuple[object, ...]]) -> None:
    """Quotes, backslashes, braces, NULL as a word, any bytes, the widest numbers."""
    Store(url).close()
    engine = sa.create_engine(address(url))
    with engine.connect() as there:
        quarantine.create(there, checkfirst=True)
        there.execute(sa.delete(quarantine))
        insert(there, quarantine, COLUMNS, made, "DO NOTHING")
        columns = ", ".join(f"t.{name}" for name in COLUMNS)
        found = lookup(there, quarantine, ("digest", "reason"), [(row[0], row[4]) for row in made], columns)
        there.rollback()
    engine.dispose()
    assert sorted((*row[:7], bytes(row[7]), *row[8:]) for row in found) == sorted(made)


@pytest.mark.parametrize("born", [None, 5])
def test_nothing_stays_nothing(url: str, born: int | None) -> None:
    """A number that is missing is missing, whatever the others are."""
    from center.store.schema import sessions

    Store(url).close()
    engine = sa.create_engine(address(url))
    with engine.begin() as there:
        insert(there, sessions, ("gateway", "session", "born_ms"), [("g", "a", None), ("g", "b", born)], "DO NOTHING")
        assert [tuple(row) for row in there.execute(sa.select(sessions.c.session, sessions.c.born_ms))] == [
            ("a", None),
            ("b", born),
        ]
    engine.dispose()
