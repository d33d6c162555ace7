"""Keys and requests for certificates, made by the program `openssl` in a process of its own.

The daemon has 38 MB, and a library that does the same would take ten of them for something done once a year. The
program is on every Debian that trusts any certificate. No secret stands in its arguments or in a file of its own.
"""

import ssl
import subprocess
from typing import NamedTuple

LIMIT_S = 30.0
"""A box of 2012 takes a second."""


class Unable(Exception):
    """The program is missing, or did not do it; its text says why and never holds a key."""


class Validity(NamedTuple):
    """Of a certificate: whose (common name as openssl writes it), from when to when, UTC seconds."""

    subject: str
    begin_s: float
    end_s: float


def new_key() -> bytes:
    """EC P-256, PKCS#8 in PEM. Raises Unable."""
    return _run(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"
    )


def request(key: bytes, user: str) -> bytes:
    """PKCS#10 in PEM for this common name, signed with the key. Raises Unable."""
    subject = "/CN=" + user.replace("\\", "\\\\").replace("/", "\\/")
    return _run("req", "-new", "-sha256", "-batch", "-key", "/dev/stdin", "-subj", subject, given=key)


def validity(certificate: bytes) -> Validity:
    """Of the first certificate in this PEM. Raises Unable."""
    told = _run("x509", "-noout", "-subject", "-dates", "-nameopt", "RFC2253", given=certificate)
    lines = dict(line.partition("=")[::2] for line in told.decode("utf-8", "replace").splitlines())
    try:
        begin, end = (ssl.cert_time_to_seconds(lines[name]) for name in ("notBefore", "notAfter"))
        return Validity(lines["subject"].removeprefix("CN="), begin, end)
    except (KeyError, ValueError) as error:
        raise Unable("openssl x509 said something unknown") from error


def _run(*words: str, given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(["openssl", *words], input=given, capture_output=True, check=False, timeout=LIMIT_S)
    except FileNotFoundError as error:
        raise Unable("the program openssl is not installed: apt-get install openssl") from error
    except subprocess.TimeoutExpired as error:
        raise Unable(f"openssl {words[0]} did not end within {LIMIT_S:.0f} s") from error
    except OSError as error:
        raise Unable(f"openssl {words[0]}: {error.strerror or error}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unable(f"openssl {words[0]} failed: {said[-1][:200] if said else done.returncode}")
    return done.stdout
