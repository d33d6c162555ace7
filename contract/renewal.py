"""How a gateway gets its next certificate over the line that it has: what is asked, what is answered.

The private key never travels. Which requests are granted must not be known here.
"""

import hashlib
from typing import Annotated

from msgspec import Meta, Struct

from contract.messages import VERSION, Text

MAX_PEM = 8000
Pem = Annotated[str, Meta(max_length=MAX_PEM)]


class CertificateRequest(Struct, frozen=True, kw_only=True):
    """up/csr: a certificate is asked for this key. Sent again until it is answered; never retained.

    `csr`: PKCS#10 in PEM; the common name is `{city}/{gateway}`, the key EC P-256.
    """

    csr: Pem
    v: int = VERSION


class CertificateAnswer(Struct, frozen=True, kw_only=True):
    """down/cert: the answer to one request. The same request gets the same answer again, so none is retained.

    `request`: SHA-256 of the `csr` as it was sent. `certificate`: PEM, "" where it is refused; then `refused` says why.
    """

    request: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    certificate: Pem = ""
    refused: Text = ""
    v: int = VERSION


def request_id(csr: str) -> str:
    """What an answer calls a request by."""
    return hashlib.sha256(csr.encode()).hexdigest()
