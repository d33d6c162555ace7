"""One address of the broker, and a look at it when it does not let us in: as far as the TLS handshake, never as us."""

import contextlib
import socket
import ssl
from collections.abc import Callable

import msgspec

from agent.tell import failures
from agent.tell.failures import Failure, Kind

STEP_S = 5.0
ALERT_S = 1.0
"""Under TLS 1.3 the server judges our certificate after our side of the handshake is done (RFC 8446, 4.4.2.4)."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One broker address. `ca`, `cert`, `key` are PEM files; `ca` None = no TLS."""

    host: str
    port: int
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        """Checks the name and the authority that is named, no other. Raises OSError for unusable files."""
        if not self.ca:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self.ca)
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        return context


def find(endpoint: Endpoint) -> Failure | None:
    """The first step that fails before MQTT begins; None where all of them work. Takes some seconds at most."""
    try:
        context = endpoint.context()
    except OSError as error:  # ssl.SSLError too
        return Failure(Kind.TLS, f"a file of the settings cannot be used: {failures.said(error)}")
    try:
        plain = socket.create_connection((endpoint.host, endpoint.port), STEP_S)
    except (OSError, UnicodeError) as error:
        return failures.of(error)
    with plain:
        return spoken_to(plain, context, endpoint.host)


def spoken_to(
    plain: socket.socket,
    context: ssl.SSLContext | None,
    name: str,
    met: Callable[[ssl.SSLSocket], None] = lambda _: None,
) -> Failure | None:
    """What is wrong with TLS on a connection that was just made; `met` is called when the handshake is done.

    `context` None: no TLS is meant to be spoken there.
    """
    return _handshake(plain, context, name, met) if context else _unexpected_tls(plain)


def _handshake(
    plain: socket.socket, context: ssl.SSLContext, name: str, met: Callable[[ssl.SSLSocket], None]
) -> Failure | None:
    try:
        with context.wrap_socket(plain, server_hostname=name) as secured:
            met(secured)
            secured.settimeout(ALERT_S)
            with contextlib.suppress(TimeoutError):
                secured.recv(1)
            return None
    except ssl.SSLError as error:
        return failures.of(error)
    except OSError as error:
        return Failure(Kind.TLS, f"the other side does not answer in TLS: {failures.said(error)}")


def _unexpected_tls(plain: socket.socket) -> Failure | None:
    """Whether the port that we took for a plain one speaks TLS; nothing of ours is shown to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with context.wrap_socket(plain):
            return Failure(Kind.TLS, "the port speaks TLS, and the settings say that it does not")
    except OSError:
        return None
