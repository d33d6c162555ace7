"""Imports a library so that it cannot ask the environment for a proxy."""

import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_ASKED = "urllib.request"


@contextmanager
def unproxied() -> Iterator[None]:
    """Within this block `import urllib.request` gives a module that knows of no proxy.

    The line to the broker must not depend on the environment's proxies. The real module would also bring http.client
    and email: 2 MB of a daemon that may have 38.
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
