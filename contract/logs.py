"""A service's log: plain lines, or, where systemd's journal reads standard error, entries with priority and fields.

A record says what it is about by `extra={"slot": …, "reason": …}`; in the journal these are the fields SLOT and REASON.
"""

import logging
import os
import socket
import sys

JOURNAL = "/run/systemd/journal/socket"
FIELDS = ("slot", "reason")
ERROR, WARNING, INFO, DEBUG = 3, 4, 6, 7
"""Of syslog."""


def begin(level: str, plain: str, journal: str = JOURNAL) -> None:
    """From now on. `plain`: the form of a line where the journal does not read it."""
    handler: logging.Handler = logging.StreamHandler()
    form = plain
    if read_by_journal():
        handler, form = Journal(journal), "%(name)s: %(message)s"
    handler.setFormatter(logging.Formatter(form))
    logging.basicConfig(level=level, handlers=[handler])


def read_by_journal() -> bool:
    """Whether standard error is the journal's, as sd_journal tells its services; a shell below one has another."""
    told = os.environ.get("JOURNAL_STREAM")
    try:
        return bool(told) and told == "{0.st_dev}:{0.st_ino}".format(os.fstat(2))
    except OSError:
        return False


def marked(text: str, priority: int) -> str:
    """Each line as the journal reads it from standard error: its priority before it."""
    return "".join(f"<{priority}>{line}\n" for line in text.split("\n"))


class Journal(logging.Handler):
    """Entries for the socket of the journal. What it does not take is written to standard error, with its priority."""

    def __init__(self, path: str = JOURNAL) -> None:
        super().__init__()
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text, priority = self.format(record), _priority(record.levelno)
            fields = {"MESSAGE": text, "PRIORITY": str(priority), "LOGGER": record.name}
            fields |= {name.upper(): str(value) for name in FIELDS if (value := getattr(record, name, None))}
            try:
                self._socket.sendto(_entry(fields), socket.MSG_DONTWAIT, self._path)
            except OSError:
                sys.stderr.write(marked(text, priority))
                sys.stderr.flush()
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self._socket.close()
        super().close()


def _priority(level: int) -> int:
    return next((to for at, to in ((40, ERROR), (30, WARNING), (20, INFO)) if level >= at), DEBUG)


def _entry(fields: dict[str, str]) -> bytes:
    """In the journal's own form, in which a value may have several lines."""
    parts = ((name.encode(), value.encode("utf-8", "backslashreplace")) for name, value in fields.items())
    return b"".join(b"%b\n%b%b\n" % (name, len(value).to_bytes(8, "little"), value) for name, value in parts)
