"""A TCP proxy on loopback that can turn into a hole: it goes on accepting and swallows whatever comes, both ways.

That is a half-open uplink: nothing is refused, nothing is reset, nothing arrives. What passes is not looked at.
"""

import contextlib
import socket
import threading
import time
from types import TracebackType


class Proxy:
    """`swallow()` and `pass_on()` switch. Connections of the time of swallowing stay dead for ever."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._live: set[socket.socket] = set()
        self._swallowing = False
        self._dead: set[socket.socket] = set()
        self.gave_up_at = 0.0
        """When the client last closed a connection of its own accord, monotonic seconds; 0 = never."""
        self.answered_at = 0.0
        """When the other side last answered a connection for the first time, monotonic seconds."""
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for one in self._live:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def swallow(self) -> None:
        with self._lock:
            self._swallowing = True
            self._dead |= self._live
            self.gave_up_at = 0.0

    def pass_on(self) -> None:
        with self._lock:
            self._swallowing = False
            self.answered_at = 0.0

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="proxied", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            self._live |= {client, server}
            if self._swallowing:
                self._dead |= {client, server}
        back = threading.Thread(target=self._carry, args=(server, client, True), name="proxied-back", daemon=True)
        back.start()
        self._carry(client, server, False)
        back.join()
        with self._lock:
            for one in (client, server):
                self._live.discard(one)
                self._dead.discard(one)
                one.close()

    def _carry(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        first = is_answer
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if source in self._dead:
                    continue
                if first:
                    first, self.answered_at = False, time.monotonic()
                sink.sendall(data)
        if not is_answer:
            self.gave_up_at = time.monotonic()
            for one in (source, sink):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        elif source not in self._dead:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)
