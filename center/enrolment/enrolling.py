"""Gives gateways their certificates: bundles written, and on record, some at a time; a cut in between loses none.

Of each part the bundles are on disk under hidden names first, then the database says that they were given, then they
take their names. So no bundle is ever there of which the database does not know, and the next run ends what was begun.
"""

import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from center.accounts import hashed
from center.enrolment.authority import Authority
from center.enrolment.bundle import ENDING, Door, bundle
from center.store import Store
from center.store.enrolled import Box, Enrolment

AT_ONCE = 1000
SECRET_BYTES = 32
ENROLLED, RENEWED = "enroll", "renew"
"""How a certificate was given."""
AGAIN = "enrolled again"
_PART = re.compile(r"\.([a-z0-9-]{3,40})\.([0-9a-f]+)\.part")


class Order(NamedTuple):
    """`days`: how long a certificate lasts. `again`: what was given before is revoked."""

    door: Door
    days: int
    by: str
    again: bool
    now_ms: int


def standing(rows: Sequence[Enrolment]) -> dict[str, Enrolment]:
    """Gateway -> the newest certificate that is not revoked, whether it ran out or not; `rows` in order of time."""
    return {one.gateway: one for one in rows if not one.revoked_ms}


def enroll(
    store: Store, authority: Authority, boxes: Sequence[Box], order: Order, out: Path, told: Callable[[int], None]
) -> int:
    """Writes one bundle for each into `out`; `told(done)` after each part. Returns how many; raises OSError.

    Those that somebody else enrolled meanwhile are left out.
    """
    done = 0
    for i in range(0, len(boxes), AT_ONCE):
        done += _some(store, authority, boxes[i : i + AT_ONCE], order, out)
        told(done)
    return done


def _some(store: Store, authority: Authority, boxes: Sequence[Box], order: Order, out: Path) -> int:
    rows, parts = [], []
    try:
        for box in boxes:
            row, content = _made(authority, box, order)
            parts.append(out / f".{row.gateway}.{row.serial}.part")
            _write(parts[-1], content)
            rows.append(row)
        os.sync()  # once for all of them: a thousand times costs minutes
        names = [box.gateway for box in boxes]
        with store.write() as tx:
            if order.again:
                tx.revoke_enrolments(names, order.now_ms, order.by, AGAIN)
            there = standing(tx.enrolments(names))
            tx.add_enrolments([row for row in rows if row.gateway not in there])
    except BaseException:
        for part in parts:
            part.unlink(missing_ok=True)
        raise
    for row, part in zip(rows, parts, strict=True):
        if row.gateway in there:
            part.unlink()
        else:
            part.replace(out / f"{row.gateway}{ENDING}")
    os.sync()
    return len(rows) - len(there)


def _made(authority: Authority, box: Box, order: Order) -> tuple[Enrolment, bytes]:
    secret = secrets.token_urlsafe(SECRET_BYTES) if order.door.recovery else ""
    pair = authority.gateway(f"{box.city}/{box.gateway}", order.now_ms, order.days)
    row = Enrolment(
        box.gateway,
        pair.serial,
        box.city,
        ENROLLED,
        order.by,
        order.now_ms,
        pair.expires_ms,
        recovery=hashed(secret) if secret else "",
    )
    return row, bundle(box.gateway, box.city, box.unit, order.door, pair, secret, order.now_ms)


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def finish(store: Store, out: Path) -> None:
    """What a run that was cut off left there: given ones take their names, others go. Raises OSError."""
    left = [(found, path) for path in out.glob(".*.part") if (found := _PART.fullmatch(path.name))]
    if not left:
        return
    with store.read() as reader:
        given = standing(reader.enrolments([found[1] for found, _ in left]))
    for found, path in left:
        gateway, serial = found.groups()
        if gateway in given and given[gateway].serial == serial:
            path.replace(out / f"{gateway}{ENDING}")
        else:
            path.unlink()
