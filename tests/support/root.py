"""The mark of tests that only root can run."""

import os
from collections.abc import Callable
from typing import Any

import pytest

needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts, namespaces"),
]
"""For a whole file: `pytestmark = needs_root`."""


def root(test: Callable[..., Any]) -> Callable[..., Any]:
    """For one test."""
    for mark in needs_root:
        test = mark(test)
    return test
