"""The file that makes a box this gateway: certificate, key, authority, and where the broker is. Pure."""

import gzip
import io
import json
import tarfile
from datetime import UTC, datetime
from typing import NamedTuple

from center.enrolment.authority import Pair

ENDING = ".canteen"
VERSION = 1


class Door(NamedTuple):
    """Where gateways find the broker. `recovery`: the port for those whose certificate ran out, 0 for none.

    `ca`: of whoever signed the broker's certificate, PEM.
    """

    host: str
    port: int
    recovery: int
    ca: bytes


def bundle(gateway: str, city: str, unit: str, door: Door, pair: Pair, secret: str, now_ms: int) -> bytes:
    """The whole file. `secret`: of the recovery, where the door has one. It holds a private key."""
    told = {
        "version": VERSION,
        "gateway": gateway,
        "city": city,
        "name": unit or None,
        "broker": {"host": door.host, "port": door.port},
        "issued": _iso(now_ms),
        "expires": _iso(pair.expires_ms),
    }
    if door.recovery:
        told["recovery"] = {"port": door.recovery, "secret": secret}
    members = {
        "bundle.json": json.dumps(told, ensure_ascii=False, indent=2).encode() + b"\n",
        "ca.pem": door.ca,
        "gateway.pem": pair.certificate,
        "gateway.key": pair.key,
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o600, now_ms // 1000
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), 6, mtime=0)


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
