"""A PostgreSQL of our own for tests, from Debian's programs: on a socket in a directory of its own, never on a port."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

from tests.support.waiting import PATIENCE_S

PROGRAMS = Path("/usr/lib/postgresql")


def copied(pattern: str, url: str) -> None:
    """The database `url` is made anew as a copy of `pattern`, to which nobody is connected; both on one server."""
    name, its = (urlsplit(one).path[1:] for one in (url, pattern))
    words = f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} TEMPLATE {its}"
    psql, home = str(_programs() / "psql"), parse_qs(urlsplit(url).query)["host"][0]
    command = [psql, "-h", home, "-U", "center", "-d", "postgres", "-q", "-v", "ON_ERROR_STOP=1"]
    for one in words:
        command += ["-c", one]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        raise RuntimeError(f"psql: {done.stderr.decode()[-2000:]}")


def _programs() -> Path:
    found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise Missing(f"no {PROGRAMS}/*/bin/initdb: apt-get install postgresql")
    return found[-1].parent


class Missing(Exception):
    """It cannot be run here; the text says why."""


class Postgres:
    """`with Postgres() as server:` runs one; `server.create()` makes an empty database and returns its URL."""

    def __init__(self) -> None:
        self._bin = _programs()
        self._as_user = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        )
        self._number = 0

    def __enter__(self) -> "Postgres":
        self.home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        if self._as_user:
            try:
                user = pwd.getpwnam("postgres")
            except KeyError as error:
                raise Missing("no user postgres") from error
            os.chown(self.home, user.pw_uid, user.pw_gid)
        self._run("initdb", "-D", str(self.home / "data"), "-U", "center", "-A", "trust", "-E", "UTF8", "-N")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def start(self) -> None:
        settings = f"-c listen_addresses= -c unix_socket_directories={self.home} -c max_connections=40 -c fsync=off"
        self._run("pg_ctl", "-D", str(self.home / "data"), "-o", settings, "-l", str(self.home / "log"), "-w", "start")

    def stop(self) -> None:
        """At once, as a crash would: its write-ahead log is what the next start goes by."""
        self._run("pg_ctl", "-D", str(self.home / "data"), "-m", "immediate", "-w", "stop")

    def create(self) -> str:
        self._number += 1
        name = f"center{self._number}"
        self._run("createdb", "-h", str(self.home), "-U", "center", name)
        return f"postgresql://center@/{name}?host={self.home}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._bin / program), *arguments]
        done = subprocess.run(
            command, cwd="/tmp", stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.decode()[-2000:]}")
