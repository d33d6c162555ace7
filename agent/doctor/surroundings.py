"""What a configuration says of this box and its network, looked up on it: not mistakes of the file, and told beside it.

The agent runs with all of them, so none keeps it from starting.
"""

import errno
import os
import socket
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from agent.ask.box.nics import addresses
from agent.doctor import nics, permissions
from agent.doctor.broker import is_this_box
from agent.doctor.rows import Result
from agent.settings import entries, secret
from contract import strict_yaml
from contract.problems import Problem, Unfit, Words, why
from contract.strict_yaml import Found

NAMES_S = 5.0
"""For all names of brokers together; who is offline waits for his name server no longer."""


class Remark(NamedTuple):
    """`result`: WRONG where it cannot be meant so, WARNING where it may be."""

    result: Result
    problem: Problem


def remarks(config: Path, state_dir: Path) -> list[Remark]:
    """About a configuration that can be used. Raises ConfigError where it no longer can; [] where it has just gone."""
    try:
        content, _ = secret.read(config, strict_yaml.MAX_BYTES)
    except Unfit:
        return []
    found = strict_yaml.find(content, entries.File, source=str(config))
    told = _Remarks(found)
    told.interfaces()
    told.brokers()
    told.state(state_dir)
    return told.remarks


class _Remarks:
    def __init__(self, found: Found[entries.File]) -> None:
        self._found = found
        self.remarks: list[Remark] = []

    def _add(self, result: Result, key: str, code: str, **params: Any) -> None:
        self._found.report(key, code, **params)
        self.remarks.append(Remark(result, self._found.problems.pop()))

    def interfaces(self) -> None:
        named = dict(self._found.entries("discovery.interfaces"))
        gone = nics.missing(named.values(), addresses())
        known = ", ".join(name for _, name in socket.if_nameindex())
        for key, name in named.items():
            if name in gone:
                self._add(Result.WRONG, key, "no_interface", name=name, known=known)

    def brokers(self) -> None:
        brokers = list(self._found.parts(entries.BrokerEntry))
        unknown = _unresolved({broker["host"] for _, broker in brokers})
        for key, broker in brokers:
            host = broker["host"]
            if host in unknown:
                self._add(Result.WARNING, f"{key}.host", "unresolved", host=host, why=unknown[host])
            if broker["tls"] is None and not is_this_box(host):
                self._add(Result.WARNING, f"{key}.tls", "tls_off", host=host)

    def state(self, folder: Path) -> None:
        for result, code, params in _state(folder):
            self._add(result, "state_dir", code, path=str(folder), **params)


def _unresolved(hosts: Collection[str]) -> dict[str, Words]:
    """Host -> why its name leads to no address."""
    found: dict[str, Words] = {}

    def ask(host: str) -> None:
        try:
            socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            found[host] = why(error)

    asking = {host: threading.Thread(target=ask, args=(host,), daemon=True) for host in hosts}
    for thread in asking.values():
        thread.start()
    end = time.monotonic() + NAMES_S
    for thread in asking.values():
        thread.join(max(0.0, end - time.monotonic()))
    silent = {host: why(TimeoutError()) for host, thread in asking.items() if thread.is_alive()}
    return found | silent


def _state(folder: Path) -> Iterator[tuple[Result, str, dict[str, Any]]]:
    """Whether others may write there, and the agent may; where we may not look nothing is said."""
    there = next((one for one in (folder, *folder.parents) if _exists(one)), None)
    try:
        if there is None or not folder.is_relative_to(there):
            return
        status = there.stat()
        if os.statvfs(there).f_flag & os.ST_RDONLY:
            yield Result.WRONG, "state_unwritable", {"why": why(OSError(errno.EROFS, ""))}
            return
        if there != folder:
            return
        if permissions.is_open(folder):
            yield Result.WRONG, "state_open", {}
        wanted = permissions.owner_wanted(folder)
        if wanted is not None and status.st_uid != wanted:
            yield Result.WRONG, "state_foreign", {"user": permissions.USER}
        elif wanted is None and not os.access(folder, os.W_OK | os.X_OK):
            mine = status.st_uid == os.geteuid()
            yield Result.WRONG if mine else Result.WARNING, "state_unwritable", {"why": why(OSError(errno.EACCES, ""))}
    except OSError:
        return


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:
        return False
