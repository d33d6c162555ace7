"""What a scenario is told: how long, how often, where to leave its files."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Options(NamedTuple):
    """`cycles`: kills in all; `minutes`: of the soak; `quick`: everything small; `keep`: leave the folders."""

    quick: bool = False
    cycles: int = 350
    minutes: float = 30.0
    seed: int = 1
    keep: bool = False


@contextmanager
def folder(options: Options, name: str) -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix=f"chaos-{name}-"))
    try:
        yield home
    finally:
        if options.keep:
            print(f"kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)


def is_root() -> bool:
    return os.geteuid() == 0
