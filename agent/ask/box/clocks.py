"""The box's clocks as the kernel keeps them: which boot this is, the wall clock, and whether anybody disciplines it.

What follows from a wrong clock must not be known here.
"""

import ctypes
import time
from pathlib import Path

from agent.ask.attempt import boot_ms
from contract.messages import ClockHealth

_LIBC = ctypes.CDLL(None, use_errno=True)
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as it is read here; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 256),
    )


def clock() -> ClockHealth:
    """Whether the kernel says that an outside source disciplines the clock (adjtimex(2)), and its error bound."""
    timex = _Timex()
    state = _LIBC.adjtimex(ctypes.byref(timex))
    if state < 0:
        return ClockHealth(synced=False)
    if state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return ClockHealth(synced=False, source="kernel")
    return ClockHealth(synced=True, source="kernel", err_ms=timex.maxerror // 1000)


def utc_ms() -> int:
    """Wall-clock UTC in milliseconds; may jump, and is wrong on a box whose clock was never set."""
    return time.time_ns() // 1_000_000


def both_ms() -> tuple[int, int]:
    """Boot and UTC ms of one moment: of a few pairs the one that was read fastest, so that no pause lies between."""
    pairs = []
    for _ in range(3):
        before, utc, after = boot_ms(), utc_ms(), boot_ms()
        pairs.append((after - before, before, max(0, utc)))
    return min(pairs)[1:]


def boot_id() -> str:
    """The kernel's id of this boot, shortened: eight hexadecimal digits."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
