"""What the keys of agent.yaml mean together: one small check per rule, each reporting at the key that must change.

Values that do not fit by themselves are already reported and absent here.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from agent.settings import entries
from contract.strict_yaml import Found, Words

Document = Found[entries.File]

SMALL_PREFIX = 23
"""Subnets are asked address by address: 512 of them keep a round short."""
LARGEST_PREFIX = 16


def deadlines(found: Document) -> None:
    """A look, an inspection or a round of pictures ends before the next one begins."""
    for section in (entries.LookEntry, entries.CapabilityEntry, entries.PictureEntry):
        for key, fields in found.parts(section):
            if {"interval", "deadline"} <= fields.keys() and fields["deadline"] >= fields["interval"]:
                found.report(f"{key}.deadline", "deadline", interval=fields["interval"])


def subnets(found: Document) -> None:
    """Large networks are asked only on purpose."""
    for key, fields in found.parts(entries.DiscoveryEntry):
        allowed = LARGEST_PREFIX if fields.get("allow_large", True) else SMALL_PREFIX
        way_out = Words(", or set allow_large: true", "，或设置 allow_large: true") if allowed == SMALL_PREFIX else ""
        for place, text in found.entries(f"{key}.subnets"):
            size = ipaddress.IPv4Network(text).num_addresses
            if size > 2 ** (32 - allowed):
                found.report(place, "subnet_large", n=size, largest=f"/{allowed}", or_allow=way_out)


def slots(found: Document) -> None:
    """A slot is one camera position."""
    _unique(found, "slot", "same_slot", lambda camera: camera.get("slot"))


def pictures(found: Document) -> None:
    """One picture is counted once. Cameras behind one address differ by port, recorder channels by channel or path."""
    _unique(found, "address", "same_picture", _picture)


_PICTURE = ("address", "onvif_port", "rtsp_port", "channel", "stream_path")


def _picture(camera: Mapping[str, Any]) -> object:
    if not camera.keys() >= set(_PICTURE):
        return None
    address, onvif_port, rtsp_port, channel, stream_path = (camera[field] for field in _PICTURE)
    return address, onvif_port, rtsp_port, channel or stream_path


def _unique(found: Document, field: str, code: str, identify: Callable[[Mapping[str, Any]], object]) -> None:
    first: dict[object, str] = {}
    for key, camera in found.parts(entries.CameraEntry):
        what = identify(camera)
        if what is not None and first.setdefault(what, key) != key:
            other = first[what]
            found.report(f"{key}.{field}", code, other=other, line=found.line(other))


def logins(found: Document) -> None:
    """A login that a camera names exists. The name is not repeated: it may be a password in the wrong place."""
    known = ", ".join(key.removeprefix("credentials.") for key, _ in found.parts(entries.CredentialEntry)) or "-"
    for key, one in (*found.parts(entries.CameraEntry), *found.parts(entries.RecorderEntry)):
        for field in ("credentials", "rtsp_credentials"):
            name = one.get(field)
            if name is not None and not found.written(f"credentials.{name}"):
                found.report(f"{key}.{field}", "no_such_credentials", known=known)


def recorders(found: Document) -> None:
    """A camera is no witness for itself."""
    recorders = dict(found.parts(entries.RecorderEntry))
    for key, camera in found.parts(entries.CameraEntry):
        there = recorders.get(f"{key}.recorder", {})
        if camera.get("address") and there.get("address") == camera["address"]:
            found.report(f"{key}.recorder.address", "own_recorder")


def pins(found: Document) -> None:
    """A pin and the mode that uses it come together."""
    for key, camera in found.parts(entries.CameraEntry):
        tls, pin = camera.get("tls"), camera.get("tls_pin")
        if tls == "pin" and pin == "":
            found.report(f"{key}.tls", "pin_missing")
        elif tls in ("off", "verify") and pin:
            found.report(f"{key}.tls_pin", "pin_unused", tls=tls)


def recovery(found: Document) -> None:
    """The port of recovery is for a box with a certificate, and its secret is shown over TLS alone."""
    brokers = dict(found.parts(entries.BrokerEntry))
    certified = {key.removesuffix(".tls") for key, tls in found.parts(entries.TlsEntry) if tls.get("cert")}
    for key, _ in found.parts(entries.RecoveryEntry):
        broker = key.removesuffix(".recovery")
        if broker in brokers and broker not in certified:
            found.report(key, "recovery_alone")


def lines(found: Document) -> None:
    """The line to another machine is encrypted, or said not to be; a certificate has its key."""
    for key, broker in found.parts(entries.BrokerEntry):
        if "host" in broker and not found.written(f"{key}.tls") and not _is_this_box(broker["host"]):
            found.report(key, "tls_unsaid")
    for key, tls in found.parts(entries.TlsEntry):
        if {"cert", "key"} <= tls.keys() and (tls["cert"] is None) != (tls["key"] is None):
            found.report(key, "tls_pair", missing="cert" if tls["cert"] is None else "key")


def _is_this_box(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def account(found: Document) -> None:
    """All addresses of the broker are doors to one account, whose name is the client id."""
    brokers = dict(found.parts(entries.BrokerEntry))
    first = brokers.pop("broker[0]", {})
    for key, broker in brokers.items():
        for field in ("username", "password"):
            if broker.get(field) is not None and field in first and broker[field] != first[field]:
                found.report(f"{key}.{field}", "one_account", key=field)


ALL = (deadlines, subnets, slots, pictures, logins, recorders, pins, lines, recovery, account)
