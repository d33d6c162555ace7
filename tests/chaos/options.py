"""What a scenario is told: how long, how often, where to leave its files."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Options(NamedTuple):
    """`cycles`: kills in all; `minutes`: of the soak; `quick`: everything small; `keep`: leave the folders.

    `homes`: takes in the folders that are made, for the caller to keep or remove; None: they are removed at once.
    """

    quick: bool = False
    cycles: int = 350
    minutes: float = 30.0
    seed: int = 1
    keep: bool = False
    homes: list[Path] | None = None


@contextmanager
def folder(options: Options, name: str) -> Iterator[Path]:
    """What a scenario works in; what went wrong in it is not removed with it."""
    home = Path(tempfile.mkdtemp(prefix=f"chaos-{name}-"))
    if options.homes is not None:
        options.homes.append(home)
    yield home
    if options.homes is None:
        shutil.rmtree(home, ignore_errors=True)


def is_root() -> bool:
    return os.geteuid() == 0
