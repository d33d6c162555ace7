"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests_file  # noqa: F401 - with these loaded, the capability child's stand-ins for requests are not used in
import requests_toolbelt.multipart.decoder  # noqa: F401 - this process, whose other tests need zeep with the real ones
from hypothesis import settings

settings.register_profile("whatever the machine does besides", deadline=None)
settings.load_profile("whatever the machine does besides")

WAITING = frozenset(
    {"test_own_link", "test_daemon_pictures", "test_clock_jumps", "test_path_mtu", "test_promise", "test_login_pause"}
    | {"test_supervision", "test_zoom_focus", "test_stopping", "test_daemon", "test_identity", "test_identity_netns"}
    | {"test_uplink", "test_hostile_lan", "test_gstreamer", "test_journal_disks"}
    | {"test_installing", "test_broker", "test_running", "test_walk", "test_automatic", "test_replace", "test_pins"}
)
"""Modules whose tests take long because they wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits is shared by all workers, early and among what computes: so both cores have work until the end."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    waiting = [item for item in items if item.path.stem in WAITING]
    others = [item for item in items if item.path.stem not in WAITING]
    items.clear()
    for worker in range(workers):
        items += _mixed(waiting[worker::workers], others[: len(others) // (workers - worker)])
        others = others[len(others) // (workers - worker) :]


def _mixed(waiting: list[pytest.Item], others: list[pytest.Item]) -> Iterator[pytest.Item]:
    """The waiting ones in equal steps over the first two thirds, between modules: these share what they set up."""
    step = len(others) * 2 // 3 // max(len(waiting), 1)
    left = iter(enumerate(waiting))
    place, item = next(left, (0, None))
    module = None
    for number, other in enumerate(others):
        while item and other.path != module and number >= place * step:
            yield item
            place, item = next(left, (0, None))
        module = other.path
        yield other
    yield from filter(None, [item])
    yield from (one for _, one in left)


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder with replies of real cameras, one JSON file per device; the test is skipped where there is none."""
    default = Path(__file__).parents[2] / "shared" / "captures"
    folder = Path(os.environ.get("CANTEEN_CAPTURES", default))
    if not folder.is_dir():
        pytest.skip(f"no replies of real cameras in {folder} (CANTEEN_CAPTURES names another folder)")
    return folder
