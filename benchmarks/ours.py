"""Our capability probe in its shipped form: the child started, fed and read as the daemon does it.

Run as a child: python -m benchmarks.ours PORT USER BEGAN, password and addresses as lines on standard input. Prints
what it cost: the child's own account, and what this process spent on it once its modules were there, as they are in a
daemon.
"""

import json
import resource
import sys
import time

from agent.ask import inspection
from agent.model import Camera, Credentials, Ports, Seen


def main() -> None:
    port, user = int(sys.argv[1]), sys.argv[2]
    password, *addresses = sys.stdin.read().split()
    cameras = [
        Camera(slot=address, address=address, ports=Ports(onvif=port), credentials=Credentials(user, password))
        for address in addresses
    ]
    spent, began = time.process_time(), time.monotonic()
    asked = inspection.ask_capabilities(cameras, log_in=set(addresses), auth={}, deadline_s=300)
    told = {one.slot: one.capabilities for one in asked}
    wall_s, own_s = time.monotonic() - began, time.process_time() - spent
    for slot, one in told.items():
        parts = (one.device, one.profiles, one.configurations, one.status, one.stream_uri, one.audio_decoders)
        assert all(isinstance(part, Seen) and part.value for part in parts), (slot, one)
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = {"cpu_s": child.ru_utime + child.ru_stime + own_s, "wall_s": wall_s, "peak_mb": child.ru_maxrss * 1024 / 1e6}
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
