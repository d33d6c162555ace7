"""One line for a child's standard input, for any job that holds a camera; and the job again on the child's side.

A job is the only form in which a password is ever written down; it goes through the child's standard input and nowhere
else.
"""

from typing import Any, TypeVar

import msgspec

from agent.model import Credentials

T = TypeVar("T")


def in_clear(job: msgspec.Struct) -> bytes:
    """One line without its end for any job that holds a camera, passwords in clear: for a child's standard input."""
    return msgspec.json.encode(job, enc_hook=_in_clear)


def sealed(line: bytes, kind: type[T]) -> T:
    """The job of that kind again. Raises msgspec.DecodeError, which quotes no value."""
    return msgspec.json.decode(line, type=kind, dec_hook=_sealed)


def _in_clear(value: Any) -> Any:
    if isinstance(value, Credentials):
        return [value.user, value.reveal()]
    raise NotImplementedError


def _sealed(kind: type, value: Any) -> Any:
    if kind is Credentials:
        user, password = value
        return Credentials(user, password)
    raise NotImplementedError
