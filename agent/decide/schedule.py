"""When a device is due: at instants on a fixed grid of its own, spread by a stable hash of its address.

What is done then must not be known here, nor what time it is.
"""

import hashlib

MOMENTS = 10
"""Of an interval, at which devices begin: a tenth of them together, so that the box wakes once for all of these, and
its caches are warm (decision 9); and no more than a tenth, so that they do not wait for each other."""
DAY_S = 86_400
SHANGHAI_S = 8 * 3600
"""China has one time without summer time."""


def offset_ms(name: str, interval_s: float) -> int:
    """The device's place in the interval, one of MOMENTS, 0 <= ms < interval; it is the same after every restart."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest) % MOMENTS * _interval_ms(interval_s) // MOMENTS


def next_due_ms(name: str, interval_s: float, *, after_ms: int) -> int:
    """Its first instant later than `after_ms`, on the caller's millisecond clock.

    Instants lie on a fixed grid, so lateness never adds up, and those missed while something was still in flight
    are skipped rather than made up for. `interval_s` is at least 0.001. Raises ValueError for less.
    """
    interval = _interval_ms(interval_s)
    offset = offset_ms(name, interval_s)
    return offset + ((after_ms - offset) // interval + 1) * interval


def _interval_ms(interval_s: float) -> int:
    interval = round(interval_s * 1000)
    if interval < 1:
        raise ValueError(f"an interval of {interval_s} s is less than a millisecond")
    return interval


def left_s(begin_s: int, end_s: int, utc_s: float) -> float:
    """Seconds left of the daily window [begin, end) of Shanghai time, 0.0 outside; one that ends before it begins lasts
    over midnight. `begin_s`, `end_s`: seconds after midnight; both 0 and 86,400: the whole day.
    """
    length = (end_s - begin_s) % DAY_S or DAY_S
    return max(0.0, length - (utc_s + SHANGHAI_S - begin_s) % DAY_S)


def window_day(begin_s: int, utc_s: float) -> int:
    """Which day's window that is: days since 1970 in Shanghai at its beginning."""
    return int((utc_s + SHANGHAI_S - begin_s) // DAY_S)
