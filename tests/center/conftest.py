"""Databases for tests of the center: SQLite, and a PostgreSQL of our own where there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Missing, Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        server = Postgres()
    except Missing as missing:
        pytest.skip(f"no PostgreSQL here: {missing}")
    with server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, as `--database` names it."""
    if request.param == "sqlite":
        return str(tmp_path / "center.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.create()
