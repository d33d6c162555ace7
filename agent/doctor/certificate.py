"""What a certificate of our own says of itself: whose it is and how long it lasts (RFC 5280, DER of X.690).

ssl tells that of the other side's certificate only.
"""

import calendar
import ssl
import time
from collections.abc import Iterator
from typing import NamedTuple

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_SEQUENCE, _SET, _VERSION, _UTC_TIME = 0x30, 0x31, 0xA0, 0x17
_COMMON_NAME = bytes.fromhex("550403")


class Certificate(NamedTuple):
    """`name`: its common name, "" = none. `begin_s`, `end_s`: UTC seconds."""

    name: str
    begin_s: float
    end_s: float


class _Part(NamedTuple):
    tag: int
    content: bytes


def read(pem: str) -> Certificate:
    """The first certificate in the text. Raises ValueError where there is none that can be read."""
    begin, end = pem.find(_BEGIN), pem.find(_END)
    if not 0 <= begin < end:
        raise ValueError("no certificate")
    try:
        return _certificate(ssl.PEM_cert_to_DER_cert(pem[begin : end + len(_END)]))
    except (IndexError, StopIteration) as error:
        raise ValueError("a certificate that cannot be read") from error


def _certificate(der: bytes) -> Certificate:
    signed = next(_parts(next(_parts(der)).content)).content
    fields = [part for part in _parts(signed) if part.tag != _VERSION]
    _serial, _algorithm, _issuer, validity, subject, *_ = fields
    begin, end = map(_seconds, _parts(validity.content))
    return Certificate(_name(subject.content), begin, end)


def _parts(der: bytes) -> Iterator[_Part]:
    """What stands behind each other. Raises IndexError where it is cut off."""
    at = 0
    while at < len(der):
        tag, size = der[at], der[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(der[at : at + count], "big")
            at += count
        if at + size > len(der):
            raise IndexError("cut off")
        yield _Part(tag, der[at : at + size])
        at += size


def _seconds(moment: _Part) -> float:
    form = "%y%m%d%H%M%SZ" if moment.tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return calendar.timegm(time.strptime(moment.content.decode("ascii"), form))


def _name(subject: bytes) -> str:
    pairs = [list(_parts(pair.content)) for one in _parts(subject) for pair in _parts(one.content)]
    found = (value.content for kind, value in pairs if kind.content == _COMMON_NAME)
    return next(found, b"").decode("utf-8", "replace")
