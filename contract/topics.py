"""Topic names `mclz/v1/{city}/{gateway}/...`: built and taken apart in one place."""

import re
from typing import NamedTuple

CENTER_STATE = "mclz/v1/center/state"
_CITY_STATE = re.compile(r"mclz/v1/center/([0-9]{4})/state")
UP = ("state", "hb", "ev", "inv", "cap", "res")
CSR, CERT = "csr", "cert"
"""Of renewal (contract/renewal.py): asked upwards, answered downwards. No testimony, so not among UP."""
_ACK = re.compile(r"mclz/v1/([0-9]{4})/([a-z0-9-]{3,40})/down/(ack)")
_UP = re.compile(r"mclz/v1/([0-9]{4})/([a-z0-9-]{3,40})/up/([a-z]+)")
_REQUEST = re.compile(rf"mclz/v1/([0-9]{{4}})/([a-z0-9-]{{3,40}})/up/({CSR})")


class Origin(NamedTuple):
    """Who sent a message, as its topic says: city, gateway, and which kind of message (`leaf`)."""

    city: str
    gateway: str
    leaf: str


def city_state(city: str) -> str:
    """Whether a worker of the center serves this city; "+" for all."""
    return f"mclz/v1/center/{city}/state"


def is_center_state(topic: str) -> bool:
    """Of the whole center, or of a city."""
    return topic == CENTER_STATE or bool(_CITY_STATE.fullmatch(topic))


def up(city: str, gateway: str, leaf: str) -> str:
    return f"mclz/v1/{city}/{gateway}/up/{leaf}"


def down(city: str, gateway: str, leaf: str) -> str:
    return f"mclz/v1/{city}/{gateway}/down/{leaf}"


def parse_up(topic: str) -> Origin | None:
    """City, gateway and leaf of an upward topic; None for any other."""
    match = _UP.fullmatch(topic)
    return Origin(*match.groups()) if match and match[3] in UP else None


def parse_ack(topic: str) -> Origin | None:
    """City and gateway of a down/ack topic, which the center reads back when it starts; None for any other."""
    match = _ACK.fullmatch(topic)
    return Origin(*match.groups()) if match else None


def parse_request(topic: str) -> Origin | None:
    """City and gateway of a topic on which a certificate is asked for; None for any other."""
    match = _REQUEST.fullmatch(topic)
    return Origin(*match.groups()) if match else None
