"""A small province as it stands now, with an account of each role, behind a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from center.arguments import now_ms
from center.store import Store
from center.web.passwords import digest
from tests.center.filled import filled
from tests.center.test_lists import Province
from tests.center.web.served import Served, add_account

ACCOUNTS = {
    "sheng": ("province", "region:41"),
    "zhengzhou": ("city", "region:4101"),
    "kaifeng": ("city", "region:4102"),
    "jinshui": ("county", "region:410105"),
    "qixian": ("county", "region:410221"),
    "school1": ("unit", "unit:U1"),
    "school3": ("unit", "unit:U3"),
    "fixer": ("engineer", "region:4101"),
    "fixer3": ("engineer", "unit:U3"),
    "lost": ("county", ""),
}
"""name -> (role, scope)."""


TOKEN = "token"
"""Of a program of each account, before its name."""


def admit(database: str) -> None:
    store = Store(database)
    now = now_ms()
    with store.write() as tx:  # the center has heard all day
        tx.put_uptime(now - 86_400_000, now)
    for name, (role, scope) in ACCOUNTS.items():
        add_account(store, name, role, scope)
        with store.write() as tx:
            tx.put_token(digest(f"{TOKEN}-{name}"), name, 0)
    store.close()


@pytest.fixture
def database(url: str) -> str:
    """SQLite and PostgreSQL."""
    Province(url)
    admit(url)
    return url


def _standing(database: str, _folder: Path) -> None:
    Province(database)
    admit(database)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    database = filled(_standing, str(tmp_path / "center.db"))
    store = Store(database)
    with store.read() as reader:
        filled_ms = max(reader.heard_to().values())
    store.close()
    one = Served(database, clock=lambda: filled_ms)  # it was filled once, and is looked at then by all
    yield one
    one.close()
