"""TLS to one enrolled camera: certificate verified, or compared with the pinned one; loaded where a camera wants it.

What travels inside, and how long it may take, must not be known here.
"""

import hashlib
import socket
import ssl
from functools import cache

from agent.ask.attempt import HungUp, Trouble
from agent.model import Camera
from contract.vocabulary import Reason


def wrapped(sock: socket.socket, camera: Camera) -> ssl.SSLSocket:
    """The handshake as `camera.tls` demands (verify or pin), within the socket's timeout. Raises OSError."""
    name = camera.address.partition("%")[0] if camera.tls == "verify" else None
    return _context(camera.tls).wrap_socket(sock, server_hostname=name)


def fingerprint(sock: socket.socket) -> str:
    """SHA-256 (hex) of the certificate that the peer shows, whatever it is. Raises OSError where that is none."""
    with _context("pin").wrap_socket(sock) as secured:
        return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()


def is_pinned(secured: socket.socket, camera: Camera) -> bool:
    """Whether the certificate is the pinned one; True where none is pinned."""
    if camera.tls != "pin" or not isinstance(secured, ssl.SSLSocket):
        return camera.tls != "pin"
    shown = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
    return shown == camera.tls_pin.replace(":", "").lower()


def meaning(error: OSError) -> Trouble:
    """What an error of the ssl module says about the camera."""
    match error:
        case ssl.SSLCertVerificationError():
            return Trouble(Reason.HOSTILE, f"certificate refused: {error.verify_message}")
        case ssl.SSLEOFError():
            return HungUp("connection accepted, then closed in the TLS handshake")
    return Trouble(Reason.MALFORMED, f"TLS: {getattr(error, 'reason', error)}")


@cache
def _context(mode: str) -> ssl.SSLContext:
    """`verify`: the system's authorities and the address in the certificate. `pin`: any certificate, compared after.

    A pinned camera may be old: RSA 1024, SHA-1 and the unsafe renegotiation of before RFC 5746 are let pass, for the
    pin proves the peer and the alternative is no TLS.
    """
    if mode != "pin":
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)  # named from Python 3.12 on
    return context
