"""Which request for a certificate is granted, and what is answered. What carries it is not known here."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from center.enrolment.authority import DAY_MS, Authority, Pair, Unfit
from center.enrolment.enrolling import ENROLLED, RENEWED, standing
from center.enrolment.listing import DUE_MS
from center.model import Spoilt
from center.store import Reader, Store, Writer
from center.store.enrolled import Enrolment
from contract.messages import BROKEN_JSON
from contract.renewal import MAX_PEM, CertificateAnswer, CertificateRequest, request_id
from contract.topics import Origin

TOO_SOON = "a certificate was given within the last day"
NOT_DUE = "a certificate was given by hand in place of a revoked one, and is not due yet"
BY_ITSELF = "gateway"


class Rules(NamedTuple):
    """`days`: how long a renewed certificate lasts; one is given each `every_ms` at most."""

    days: int
    every_ms: int = DAY_MS


def answer(
    store: Store, authority: Authority, origin: Origin, payload: bytes, rules: Rules, now_ms: int
) -> CertificateAnswer | None:
    """None where nothing is said: to whom no certificate was ever given, or whose were revoked.

    The same request gets the same answer again. What is refused is set aside for a person to see. Raises Unavailable.
    """
    with store.read() as reader:
        rows = _known(reader, origin, now_ms)
    if not rows:
        return None
    try:
        asked = _read(payload)
        name = request_id(asked.csr)
    except BROKEN_JSON as error:
        _set_aside(store, origin, payload, f"not a request for a certificate: {error}", now_ms)
        return None
    if before := _given(rows, name, now_ms):
        return CertificateAnswer(request=name, certificate=before)
    if refused := _early(rows, rules, now_ms):
        return CertificateAnswer(request=name, refused=refused)
    try:
        pair = authority.renewed(_user(origin), asked.csr.encode(), now_ms, rules.days)
    except Unfit as unfit:
        _set_aside(store, origin, payload, f"certificate refused: {unfit}", now_ms)
        return CertificateAnswer(request=name, refused=str(unfit))
    with store.write() as tx:
        return _keep(tx, origin, name, pair, rules, now_ms)


def _keep(tx: Writer, origin: Origin, name: str, pair: Pair, rules: Rules, now_ms: int) -> CertificateAnswer | None:
    """Looked at again within the transaction: it may have been revoked, or answered, meanwhile."""
    rows = _known(tx, origin, now_ms)
    if not rows or _replaced(rows, now_ms):
        return None
    if before := _given(rows, name, now_ms):
        return CertificateAnswer(request=name, certificate=before)
    certificate = pair.certificate.decode("ascii")
    recovery = standing(rows)[origin.gateway].recovery
    row = Enrolment(
        *(origin.gateway, pair.serial, origin.city, RENEWED, BY_ITSELF, now_ms, pair.expires_ms),
        *(name, certificate, recovery),
    )
    tx.add_enrolments([row])
    return CertificateAnswer(request=name, certificate=certificate)


def _known(reader: Reader, origin: Origin, now_ms: int) -> list[Enrolment]:
    """All certificates of a gateway that one may be given to, else none."""
    box = reader.registered_box(origin.gateway)
    if box is None or box.city != origin.city or (box.revoked_ms is not None and box.revoked_ms <= now_ms):
        return []
    rows = reader.enrolments([origin.gateway])
    here = standing(rows).get(origin.gateway)
    return rows if here and here.city == origin.city else []


def _early(rows: Sequence[Enrolment], rules: Rules, now_ms: int) -> str:
    """Why no certificate is given yet, "" where one is."""
    # one that a clock running ahead has dated holds nobody up: it might until the certificate has run out
    if any(one.how == RENEWED and 0 <= now_ms - one.issued_ms < rules.every_ms for one in rows):
        return TOO_SOON
    return NOT_DUE if _replaced(rows, now_ms) else ""


def _replaced(rows: Sequence[Enrolment], now_ms: int) -> bool:
    """Whoever held what was revoked may still be connected under the same name: until the new one is due, a request
    may be theirs.
    """
    here = standing(rows)[rows[0].gateway]
    return here.how == ENROLLED and here.expires_ms - now_ms > 2 * DUE_MS and any(one.revoked_ms for one in rows)


def _given(rows: Sequence[Enrolment], name: str, now_ms: int) -> str:
    mine = (one for one in rows if one.request == name and not one.revoked_ms and one.expires_ms > now_ms)
    return next((one.certificate for one in mine), "")


def _read(payload: bytes) -> CertificateRequest:
    if len(payload) > 2 * MAX_PEM:
        raise msgspec.ValidationError(f"{len(payload)} bytes")
    return msgspec.json.decode(payload, type=CertificateRequest)


def _set_aside(store: Store, origin: Origin, payload: bytes, reason: str, now_ms: int) -> None:
    with store.write() as tx:
        tx.set_aside(
            [Spoilt(origin.gateway, "/".join(("mclz/v1", _user(origin), "up", origin.leaf)), reason, payload, now_ms)]
        )


def _user(origin: Origin) -> str:
    return f"{origin.city}/{origin.gateway}"
