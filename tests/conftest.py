"""What all tests share."""

import os
from pathlib import Path

import pytest
import requests_file  # noqa: F401 - with these loaded, the capability child's stand-ins for requests are not used in
import requests_toolbelt.multipart.decoder  # noqa: F401 - this process, whose other tests need zeep with the real ones
from hypothesis import settings

settings.register_profile("whatever the machine does besides", deadline=None)
settings.load_profile("whatever the machine does besides")

LONG = frozenset(
    {"test_promise", "test_clock_jumps", "test_daemon_pictures", "test_daemon", "test_identity", "test_path_mtu"}
    | {"test_hostile_lan", "test_journal_disks", "test_gstreamer", "test_installing"}
)
"""Modules with tests that wait for half a minute and longer."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that the end of the run does not wait for one test alone."""
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder with replies of real cameras, one JSON file per device; the test is skipped where there is none."""
    default = Path(__file__).parents[2] / "shared" / "captures"
    folder = Path(os.environ.get("CANTEEN_CAPTURES", default))
    if not folder.is_dir():
        pytest.skip(f"no replies of real cameras in {folder} (CANTEEN_CAPTURES names another folder)")
    return folder
