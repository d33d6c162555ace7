"""Small servers on loopback that answer as told: badly, slowly, endlessly, or exactly with given bytes."""

import contextlib
import hashlib
import random
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from agent.model import Camera, Credentials, Ports

Behaviour = Callable[["Peer"], None]


def loopback() -> str:
    """A loopback address of one's own, so that tests in parallel never meet."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(2, 254)}"


class Peer:
    """One accepted connection; `number` counts connections from 1."""

    def __init__(self, sock: socket.socket, number: int, heard: list[bytes], stop: threading.Event) -> None:
        self.sock, self.number, self.stop = sock, number, stop
        self.heard = heard

    def read(self) -> bytes:
        """One whole request, noted; b"" when the client is gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += (more := self.sock.recv(65536))
            if not more:
                return b""
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length and len(body) < int(length[1]):
            body += self.sock.recv(65536)
        self.heard.append(head + b"\r\n\r\n" + body)
        return self.heard[-1]

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait(self, seconds: float = 60.0) -> None:
        """Say nothing until the test is over."""
        self.stop.wait(seconds)


class Server:
    """`behave` runs in a thread for each connection; `requests` holds all that was asked, `connections` counts."""

    def __init__(self, behave: Behaviour, address: str = "", port: int = 0) -> None:
        self.address, self.requests, self.connections = address or loopback(), list[bytes](), 0
        self._behave, self._stop = behave, threading.Event()
        self._listener = socket.create_server((self.address, port))
        self.port: int = self._listener.getsockname()[1]
        self._peers: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def camera(self, **fields: object) -> Camera:
        """This server as a camera, on both ports, with credentials admin / sekret."""
        login = Credentials("admin", "sekret")
        ports = Ports(onvif=self.port, rtsp=self.port)
        given = {"slot": "s1", "address": self.address, "ports": ports, "credentials": login, "stream_path": "/main"}
        return Camera(**{**given, **fields})  # type: ignore[arg-type]

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                self._peers.append(sock)
                peer = Peer(sock, self.connections, self.requests, self._stop)
                threading.Thread(target=self._run, args=(peer,), daemon=True).start()

    def _run(self, peer: Peer) -> None:
        with contextlib.suppress(OSError), peer.sock:
            self._behave(peer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for sock in (self._listener, *self._peers):
            with contextlib.suppress(OSError):
                sock.close()


def closed_port(address: str = "") -> tuple[str, int]:
    """An address and a port where nobody listens."""
    address = address or loopback()
    with socket.create_server((address, 0)) as listener:
        return address, listener.getsockname()[1]


@contextlib.contextmanager
def deaf() -> Iterator[tuple[str, int]]:
    """A port whose queue is full, so that SYNs stay unanswered as from a camera without power."""
    address, waiting = loopback(), list[socket.socket]()
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen(0)
        for _ in range(3):
            waiting.append(client := socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        time.sleep(0.02)
        yield listener.getsockname()
    for client in waiting:
        client.close()


def certificate(folder: Path) -> Path:
    """A camera's key and certificate in one PEM, as old firmware makes them: self-signed RSA 1024 with SHA-1."""
    both, alone = folder / "both.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:1024 -sha1 -nodes -days 2 -subj /CN=camera -keyout"
    subprocess.run([*command.split(), both, "-out", alone], check=True, capture_output=True)
    both.write_text(both.read_text() + alone.read_text())
    return both


def pin(certificate: Path) -> str:
    """SHA-256 of the certificate, hex."""
    pem = certificate.read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERT") :])).hexdigest()


# ---- behaviours ---------------------------------------------------------------------------------


def silent(peer: Peer) -> None:
    """Accept and neither read nor answer."""
    peer.wait()


def hang(peer: Peer) -> None:
    """Read the question and never answer."""
    peer.read()
    peer.wait()


def slam(peer: Peer) -> None:
    """Accept, read the question, close."""
    peer.read()


def reset(peer: Peer) -> None:
    peer.read()
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answers(*replies: bytes, then_close: bool = True) -> Behaviour:
    """Answer the requests of each connection with these replies in turn."""

    def behave(peer: Peer) -> None:
        for reply in replies:
            if not peer.read():
                return
            peer.send(reply)
        if not then_close:
            peer.wait()

    return behave


def drip(data: bytes, pause_s: float = 0.05) -> Behaviour:
    """Answer byte by byte: each read of the client succeeds, the answer never ends."""

    def behave(peer: Peer) -> None:
        peer.read()
        for byte in data:
            if peer.stop.wait(pause_s):
                return
            peer.send(bytes([byte]))

    return behave


def endless(start: bytes, piece: bytes) -> Behaviour:
    """Answer `start` and then `piece` for ever."""

    def behave(peer: Peer) -> None:
        peer.read()
        peer.send(start)
        while not peer.stop.is_set():
            peer.send(piece * 100)

    return behave


def over_tls(certificate: Path, behave: Behaviour) -> Behaviour:
    """The same behind TLS as an old camera speaks it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(certificate)

    def secured(peer: Peer) -> None:
        with context.wrap_socket(peer.sock, server_side=True) as peer.sock:
            behave(peer)

    return secured
