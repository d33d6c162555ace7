"""A report on its way to its file: named after gateway and minute, and never over an earlier one."""

import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from errno import EEXIST
from pathlib import Path

from agent import __version__
from agent.acceptance.page import Heading, page
from agent.acceptance.tasks import Inspection
from contract.policy import Policy

SHANGHAI = timezone(timedelta(hours=8))
"""China has one time without summer time, whatever zone the box is set to."""


class Report:
    """Makes sure of its place when made, so that nobody waits a minute for the cameras to read "not writable"."""

    def __init__(self, folder: Path, subject: str) -> None:
        """`folder` is made where it is missing; `subject`: gateway id or address. Raises OSError, with filename."""
        self._at, self._started_s = datetime.now(SHANGHAI), time.monotonic()
        subject = re.sub("[^A-Za-z0-9.-]", "-", subject)
        self.path = folder / f"inspection-{subject}-{self._at:%Y%m%d-%H%M}.html"
        folder.mkdir(parents=True, exist_ok=True)
        _create(self.path, "")
        self.path.unlink()

    def write(
        self,
        inspections: Sequence[Inspection],
        policy: Policy,
        gateway: str,
        *,
        lang: str,
        clock_synced: bool,
        pictures: Mapping[str, bytes] | None = None,
    ) -> None:
        """Write the page, wholly or not at all; with pictures, for its owner alone. Raises OSError, with filename."""
        heading = Heading(
            gateway=gateway,
            policy=policy,
            version=f"canteen-agent {__version__}",
            at=self._at,
            took_s=time.monotonic() - self._started_s,
            clock_synced=clock_synced,
        )
        content = page(inspections, heading, lang=lang, pictures=pictures)
        _create(self.path, content, mode=0o644 if pictures is None else 0o600)


def _create(path: Path, content: str, mode: int = 0o644) -> None:
    """A new file; one that is there already is an error. No temporary name and no link: it may be a FAT stick."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise FileExistsError(EEXIST, "is there already; no report is overwritten", str(path)) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None
