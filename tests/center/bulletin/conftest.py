"""Bulletins that several tests read: each is made once."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from center.bulletin.make import BULLETIN, POLICY
from center.cli import main
from contract.policy import Policy
from tests.center.bulletin.june import june
from tests.center.provinces import MONTH, made

DIGEST = "0" * 64


class Made(NamedTuple):
    database: str
    folder: Path

    @property
    def told(self) -> dict[str, Any]:
        """A copy of its own."""
        found: dict[str, Any] = json.loads((self.folder / BULLETIN).read_bytes())
        return found

    @property
    def policy(self) -> Policy:
        return msgspec.json.decode((self.folder / POLICY).read_bytes(), type=Policy)


def published(database: str, out: Path) -> Made:
    assert main(["bulletin", "--database", database, "--month", MONTH, "--out", str(out)]) == 0
    return Made(database, out)


@pytest.fixture(scope="session")
def province(tmp_path_factory: pytest.TempPathFactory) -> Made:
    home = tmp_path_factory.mktemp("province")
    return published(made(str(home / "center.db")), home / "b")


@pytest.fixture(scope="session")
def long_june(tmp_path_factory: pytest.TempPathFactory) -> Made:
    home = tmp_path_factory.mktemp("june")
    return published(june(str(home / "center.db")), home / "b")
