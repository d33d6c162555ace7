"""Who may log in at the broker, as its configuration says it: a file for mosquitto, or for NATS with what each may do.

Pure. Where passwords and gateways come from must not be known here.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from contract.topics import CSR, UP

ITERATIONS = 101
"""As mosquitto_passwd makes them: the secrets are long and made by chance."""


class Account(NamedTuple):
    """`gateway`: of the box with the user name {city}/{gateway}; else of the center."""

    user: str
    password: str
    gateway: bool


def mosquitto(accounts: Iterable[Account]) -> str:
    """The password file. What each may do stands in the ACL of config/broker."""
    return "".join(f"{one.user}:{hashed(one.password)}\n" for one in accounts)


def hashed(password: str) -> str:
    """As a line of mosquitto's password file has it behind the user's name."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def nats(accounts: Iterable[Account]) -> str:
    """For `authorization { include "users.conf" }` of every node: each user with its rights."""
    return "".join(("users = [\n", *(f"  {_nats_user(one)}\n" for one in accounts), "]\n"))


def _nats_user(one: Account) -> str:
    """A level of MQTT is a token of NATS; `#` needs the bare subject as well; a client is delivered to by $MQTT.sub."""
    if one.gateway:
        own = f"mclz.v1.{one.user.replace('/', '.')}"
        publish = [f"{own}.up.{leaf}" for leaf in (*UP, CSR)]
        subscribe = [f"{own}.down", f"{own}.down.>", "mclz.v1.center.>"]
    else:
        publish = ["mclz.v1.*.*.down.>", "mclz.v1.center.>"]
        subscribe = ["mclz.v1.*.*.up", "mclz.v1.*.*.up.>", "mclz.v1.*.*.down.ack", "mclz.v1.center.>"]
    rights = f"publish: {{ allow: {_list(publish)} }}, subscribe: {{ allow: {_list([*subscribe, '$MQTT.sub.>'])} }}"
    login = f"user: {json.dumps(one.user)}, password: {json.dumps(one.password, ensure_ascii=False)}"
    return f'{{ {login}, allowed_connection_types: ["MQTT"], permissions: {{ {rights} }} }}'


def _list(subjects: Sequence[str]) -> str:
    return json.dumps(list(subjects))
