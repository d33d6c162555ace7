"""Small real servers that speak what the doors are documented to speak, on loopback and free ports."""

import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


Answering = Callable[[Request, Any], None]
"""(what came, the handler): writes the answer, or none."""


def plain(status: int, body: bytes = b"", **headers: str) -> Answering:
    def answer(_: Request, handler: Any) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def drip(_: Request, handler: Any) -> None:
    """One byte after the other, without end."""
    with suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not handler.server.over.wait(0.05):
            handler.wfile.write(b"a")


def robot(errcode: int) -> Answering:
    """As 企业微信 answers."""
    return plain(200, json.dumps({"errcode": errcode, "errmsg": "x"}).encode(), Content_Type="application/json")


class Web:
    """`with Web() as web:` `web.got` is what came; `web.answer` may be changed while it runs."""

    def __init__(self, answer: Answering | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.got: list[Request] = []
        self.answer = answer or plain(204)
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                request = Request(self.path, dict(self.headers.items()), body)
                web.got.append(request)
                with suppress(OSError):
                    web.answer(request, self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.over = threading.Event()  # type: ignore[attr-defined]
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "https" if tls else "http"

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/hook"

    def __enter__(self) -> "Web":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.over.set()  # type: ignore[attr-defined]
        self._server.shutdown()
        self._server.server_close()


class Smtp:
    """A mail server of sixty lines: EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA. `says`: command -> another answer."""

    def __init__(self, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None, **says: bytes) -> None:
        self.mails: list[bytes] = []
        self.says = says
        self.silent = False
        self.go_on = threading.Event()
        self.go_on.set()
        self._tls, self._login = tls, login
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> "Smtp":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError, ssl.SSLError):
            if self.silent:
                client.recv(1)
                return
            client.sendall(b"220 test\r\n")
            self._speak(client)

    def _speak(self, client: socket.socket) -> None:
        file, encrypted = client.makefile("rb"), False
        while line := file.readline():
            verb = line.split()[0].upper().decode()
            if verb in self.says:
                client.sendall(self.says[verb] + b"\r\n")
            elif verb == "EHLO":
                extra = b"250-STARTTLS\r\n" if self._tls and not encrypted else b""
                client.sendall(b"250-test\r\n" + extra + b"250 AUTH PLAIN\r\n")
            elif verb == "STARTTLS" and self._tls:
                client.sendall(b"220 go\r\n")
                client, encrypted = self._tls.wrap_socket(client, server_side=True), True
                file = client.makefile("rb")
            elif verb == "AUTH":
                _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                client.sendall(b"235 ok\r\n" if (user, password) == self._login else b"535 no\r\n")
            elif verb == "DATA":
                client.sendall(b"354 go\r\n")
                self.mails.append(b"".join(_until_dot(file)))
                self.go_on.wait(60)
                client.sendall(self.says.get("END", b"250 taken") + b"\r\n")
            else:
                client.sendall(b"250 ok\r\n")


def _until_dot(file: Any) -> Iterator[bytes]:
    while (line := file.readline()) != b".\r\n" and line:
        yield line


@contextmanager
def held() -> Iterator[tuple[Answering, threading.Event]]:
    """An answer that is not given until the event is set."""
    release = threading.Event()

    def answer(request: Request, handler: Any) -> None:
        release.wait(60)
        plain(200, b'{"errcode": 0}')(request, handler)

    try:
        yield answer, release
    finally:
        release.set()
