"""A failure of the line in words."""

import errno
import os
import socket

import pytest

from contract import failures
from contract.failures import Kind


@pytest.mark.parametrize(
    ("error", "kind", "detail"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)), Kind.TCP, "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), Kind.DNS, "Name or service not known"),
        (TimeoutError("timed out"), Kind.TCP, "timed out"),
        (ConnectionResetError(), Kind.TCP, "ConnectionResetError"),
    ],
)
def test_a_failure_bears_words_and_no_number(error: OSError, kind: Kind, detail: str) -> None:
    """`status` and the log show it to people."""
    failure = failures.of(error)
    assert (failure.kind, failure.detail) == (kind, detail)
