"""Loads a library that would ask the environment for a proxy, without what it would ask by."""

import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_ASKED = "urllib.request"


@contextmanager
def unproxied() -> Iterator[None]:
    """While this is open, who imports urllib.request gets one that knows of no proxy.

    What goes to the broker goes to the broker, whatever the environment says; and http.client and email, which the real
    one brings, are 2 MB of a daemon that may have 38.
    """
    if _ASKED in sys.modules:
        yield
        return
    stand_in = sys.modules[_ASKED] = ModuleType(_ASKED)
    vars(stand_in)["getproxies"] = dict
    vars(urllib)["request"] = stand_in
    try:
        yield
    finally:
        del sys.modules[_ASKED]
