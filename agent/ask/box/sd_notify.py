"""Words to the service manager: ready, status, still alive, stopping (sd_notify(3), without libsystemd).

When we are ready, and what proves that we are alive, must not be known here.
"""

import logging
import os
import socket
from collections.abc import Mapping
from time import monotonic

log = logging.getLogger(__name__)
SEND_S = 1.0


class Notifier:
    """Silent where nobody listens. `environment`: NOTIFY_SOCKET (a path, or @name in the abstract namespace), and
    WATCHDOG_USEC, the silence after which we are killed (sd_watchdog_enabled(3)).
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        where = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{where[1:]}" if where.startswith("@") else where
        usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        ours = pid in ("", str(os.getpid()))
        self.watchdog_s = int(usec) / 1e6 if ours and usec.isdecimal() and int(usec) else None
        """Seconds of silence allowed; None = nobody waits for our word."""
        self._alive_due = 0.0
        self._said = True

    def say(self, *assignments: str) -> None:
        """Send e.g. READY=1. A manager that does not listen is said once, and changes nothing."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(SEND_S)
                sock.sendto("\n".join(assignments).encode(), self._address)
            self._said = True
        except OSError as error:
            if self._said:
                log.warning("the service manager does not listen: %s", error.strerror or error)
            self._said = False

    @property
    def alive_due(self) -> bool:
        """Whether the manager waits for our word, and had none for a quarter of the allowed silence."""
        return self.watchdog_s is not None and monotonic() >= self._alive_due

    def alive(self) -> None:
        """Send WATCHDOG=1 if it is due; call it as often as there is proof."""
        if self.watchdog_s and self.alive_due:
            self._alive_due = monotonic() + self.watchdog_s / 4
            self.say("WATCHDOG=1")
