"""The pages on a port. Only here is uvicorn known."""

import asyncio
import socket
import threading

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from center.forms import LOG
from center.web.app import app_of
from center.web.site import Site
from contract import logs
from contract.problems import Told, why
from contract.stopping import on_signals

WAIT_S = 5
MOST = 200
"""Requests at once; what is above it is told to come again."""
HEAD_S = 10.0


class Unservable(Told):
    """The address cannot be listened at."""


class Impatient(H11Protocol):
    """A head that does not come is not waited for: many that never end would keep everybody else out."""

    _ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unwatch()

    def _watch(self) -> None:
        """Counts from the head's first byte on, not from its last."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._ending is None:
            self._ending = self.loop.call_later(HEAD_S, self.transport.close)

    def _unwatch(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None


def opened(host: str, port: int) -> socket.socket:
    """Listens at once, so that a port that is taken is told before anything else. Raises Unservable."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        there = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        words = why(error)
        raise Unservable(f"--listen {host}:{port}: {words.en}", f"--listen {host}:{port}：{words.zh}") from error
    return there


def server_of(site: Site) -> uvicorn.Server:
    """No access log: paths hold the tokens of links."""
    config = uvicorn.Config(
        app_of(site),
        http=Impatient,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=WAIT_S,
        limit_concurrency=MOST,
        h11_max_incomplete_event_size=16_384,
    )
    return uvicorn.Server(config)


def serve(site: Site, listening: socket.socket) -> bool:
    """Until SIGTERM or SIGINT; False where it ended by itself."""
    logs.begin("WARNING", LOG)
    stop = on_signals(threading.Event())
    server = server_of(site)
    # in a thread: in the main one uvicorn would end the process by the signal, and nothing would be closed
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    running.start()
    while running.is_alive() and not stop.wait(0.5):
        pass
    server.should_exit = True
    running.join()
    site.shelf.close()
    return stop.is_set()
