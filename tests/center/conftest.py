"""What tests of the center share: a broker with a gateway on it; SQLite, and a PostgreSQL where there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.center.processes import Gateway
from tests.support.broker import Broker
from tests.support.postgres import Missing, Postgres


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


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture
def gateway(broker: Broker) -> Iterator[Gateway]:
    one = Gateway(broker)
    yield one
    one.leave()
