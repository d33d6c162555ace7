"""The log of a service where systemd's journal reads it."""

import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from contract import logs

PROGRAM = """
import logging, sys
from contract import answering, logs
logs.begin("INFO", "%(levelname)s %(message)s", sys.argv[1])
logging.getLogger("agent.slot").warning("stove: online -> offline\\nand why", extra={"slot": "stove", "reason": "BUSY"})
logging.getLogger("agent").debug("nobody reads this")
answering.tell("said to people")
"""


def said(folder: Path, journal: str, *, ours: bool) -> str:
    """What the program above writes to standard error; `ours`: the journal reads it."""
    file = folder / "stderr"
    with file.open("wb") as stream:
        its = os.fstat(stream.fileno())
        told = f"{its.st_dev}:{its.st_ino if ours else its.st_ino + 1}"
        environment = os.environ | {"JOURNAL_STREAM": told}
        subprocess.run([sys.executable, "-c", PROGRAM, journal], stderr=stream, env=environment, check=True)
    return file.read_text()


def fields(entry: bytes) -> dict[str, str]:
    """An entry in the journal's own form."""
    found = {}
    while entry:
        name, _, rest = entry.partition(b"\n")
        size = int.from_bytes(rest[:8], "little")
        found[name.decode()] = rest[8 : 8 + size].decode()
        assert rest[8 + size : 9 + size] == b"\n"
        entry = rest[9 + size :]
    return found


def test_an_entry_has_priority_slot_and_reason(tmp_path: Path) -> None:
    """What is logged is one entry, of however many lines; what is told to people has its priority."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        assert said(tmp_path, str(tmp_path / "socket"), ours=True) == "<4>said to people\n"
        entry = fields(journal.recv(65536))
    assert entry == {
        "MESSAGE": "agent.slot: stove: online -> offline\nand why",
        "PRIORITY": "4",
        "LOGGER": "agent.slot",
        "SLOT": "stove",
        "REASON": "BUSY",
    }


def test_without_its_socket_each_line_has_its_priority(tmp_path: Path) -> None:
    """Nothing is lost where the journal does not take an entry."""
    told = said(tmp_path, str(tmp_path / "none"), ours=True)
    assert told == "<4>agent.slot: stove: online -> offline\n<4>and why\n<4>said to people\n"


def test_in_a_shell_below_a_service_it_is_plain(tmp_path: Path) -> None:
    """JOURNAL_STREAM is inherited; it is the journal's only if standard error is the stream that it names."""
    told = said(tmp_path, str(tmp_path / "none"), ours=False)
    assert told == "WARNING stove: online -> offline\nand why\nsaid to people\n"


@pytest.mark.parametrize(
    ("level", "priority"), [(logging.CRITICAL, 3), (logging.ERROR, 3), (logging.INFO, 6), (logging.DEBUG, 7)]
)
def test_priorities_are_those_of_syslog(
    level: int, priority: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    handler = logs.Journal(str(tmp_path / "none"))
    handler.emit(logging.LogRecord("a", level, "", 0, "said", None, None))
    handler.close()
    assert capsys.readouterr().err == f"<{priority}>said\n"
