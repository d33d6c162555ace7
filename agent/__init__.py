"""canteen-agent: asks cameras, decides what the answers mean, tells the center."""

import sys

from contract import __version__ as __version__


def _msgspec_alone() -> None:
    """Load msgspec with what Python 3.11 has itself, not with typing_extensions: 1 MB less for good (decision 9)."""
    name = "typing_extensions"
    if name not in sys.modules:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it fails
        import msgspec  # noqa: F401

        del sys.modules[name]


_msgspec_alone()
