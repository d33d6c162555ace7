"""`canteen-center web` as a process: starts, says where, ends when told; what it cannot do it says."""

import re
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from center.cli import main
from center.store import Store


def test_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    """The login page over HTTP, no word of what was asked for in its log, exit code 0 after SIGTERM."""
    database = str(tmp_path / "center.db")
    Store(database).close()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "center.cli", "web", "--database", database, "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert re.search(rf"http://127.0.0.1:{port}/", process.stderr.readline())
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/link/a-secret-of-somebody")
        assert connection.getresponse().read()
        connection.close()
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=120)
        assert process.returncode == 0, log
        assert "secret" not in out + log


def test_what_it_cannot_do_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A port that is taken, a database that is not there, a folder that is a file: exit code 2 and one sentence."""
    database = str(tmp_path / "center.db")
    Store(database).close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["web", "--database", database, "--listen", f"127.0.0.1:{port}", "--lang", "en"]) == 2
        assert "the port is in use" in capsys.readouterr().err
    assert main(["web", "--database", str(tmp_path / "none.db"), "--lang", "en"]) == 2
    assert "no such database" in capsys.readouterr().err
    assert main(["web", "--database", database, "--days", database, "--lang", "en"]) == 2
    assert "it is no folder" in capsys.readouterr().err
    assert main(["web", "--database", database, "--listen", "8080", "--lang", "en"]) == 2
    assert "HOST:PORT" in capsys.readouterr().err
