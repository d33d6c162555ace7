"""What runs here: for whoever helps from afar."""

import platform
import ssl
import sys

from agent import __version__
from agent.doctor.rows import Area, Result, Row, Tell
from contract.problems import both


def found() -> dict[str, str]:
    """Name -> version."""
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        system = ""
    return {
        "canteen-agent": __version__,
        "Python": platform.python_version(),
        "OpenSSL": ssl.OPENSSL_VERSION.removeprefix("OpenSSL "),
        "Linux": platform.release(),
        "system": system or sys.platform,
        "machine": platform.machine(),
    }


def look(tell: Tell) -> None:
    said = ", ".join(f"{name} {version}" for name, version in found().items())
    tell(Row(area=Area.VERSIONS, what=both(""), result=Result.FINE, said=both(said)))
