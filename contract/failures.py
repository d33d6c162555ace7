"""Why the line to the broker does not stand: the kinds of failure, one name for each on both sides. Pure.

What to do about one is said by each side itself.
"""

import errno
import socket
import ssl
import time
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The first step that failed."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    TLS_TIME = "tls_time"
    TLS_CA = "tls_ca"
    TLS_NAME = "tls_name"
    AUTH = "auth"
    ACL = "acl"
    MQTT = "mqtt"
    DUPLICATE = "duplicate_identity"
    MTU = "path_mtu"


class Failure(NamedTuple):
    """Why the line could not be made, or ended.

    `detail`: what was met, in a library's or the broker's words. `silent`: nobody answered, for good or ill.
    """

    kind: Kind
    detail: str
    silent: bool = False


class Failed(Exception):
    """A connection could not be made."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.detail}")
        self.failure = failure


_VERIFY = {9: Kind.TLS_TIME, 10: Kind.TLS_TIME, 62: Kind.TLS_NAME, 64: Kind.TLS_NAME}
"""openssl/x509_vfy.h: not yet valid, has expired; host name mismatch, IP address mismatch. All others: the chain."""


_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


def of(error: Exception) -> Failure:
    """The failure that an exception of connecting means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        kind = _VERIFY.get(error.verify_code, Kind.TLS_CA)
        clock = time.strftime("; our clock says %Y-%m-%d %H:%M UTC", time.gmtime()) if kind is Kind.TLS_TIME else ""
        return Failure(kind, error.verify_message + clock)
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).lower().replace("_", " ")
        return Failure(Kind.AUTH if _about_us(reason) else Kind.TLS, reason)
    if isinstance(error, socket.gaierror | UnicodeError):
        return Failure(Kind.DNS, said(error), silent=True)
    silent = isinstance(error, TimeoutError) or getattr(error, "errno", 0) in _NO_WAY
    return Failure(Kind.TCP, said(error), silent)


def said(error: Exception) -> str:
    """In words, without a number."""
    return getattr(error, "strerror", "") or str(error) or type(error).__name__


def _about_us(reason: str) -> bool:
    """An alert of the broker's (RFC 8446, 6.2) about the certificate that we showed, or did not."""
    return "alert" in reason and any(word in reason for word in ("certificate", "unknown ca", "access denied"))


_AUTH = (133, 134, 135, 138, 140)  # MQTT 5.0, 3.2.2.2: client id, user name or password, not authorized, banned, method
_UNSUPPORTED = 132


def refusal(code: int, words: str) -> Failure:
    """The failure that a CONNACK's reason code means."""
    return Failure(Kind.AUTH if code in _AUTH else Kind.MQTT, words)


def too_new(code: int) -> bool:
    """Whether the broker said that it does not speak our version of MQTT."""
    return code == _UNSUPPORTED
