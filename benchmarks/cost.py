"""What this process has cost so far, said on standard output; for contenders that run as children.

Standard library alone, for it also runs in the virtual environments of the peers.
"""

import json
import re
import time
from pathlib import Path


def report(began: float) -> None:
    """CPU seconds since the process started (imports included), wall seconds since `began` (monotonic), peak MB."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak
    cost = {"cpu_s": time.process_time(), "wall_s": time.monotonic() - began, "peak_mb": int(peak[1]) * 1024 / 1e6}
    print(json.dumps(cost))
