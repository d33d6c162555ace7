"""What every camera's own firmware sends: a datagram each `beat_s`, to the heartbeat contender.

Run among the cameras: python -m benchmarks.truth.beats SPEC TO, until its input ends. A line "SLOT off" or "SLOT on"
on its input silences one or lets it speak again.
"""

import contextlib
import socket
import sys
import threading
import time

from benchmarks.truth.poll import BEATS_PORT, Target, read

silent: set[str] = set()


def send(target: Target, phase_s: float, beat_s: float, to: str) -> None:
    due = time.monotonic() + phase_s
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        due += beat_s
        if target.slot in silent:
            continue
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as voice:
            voice.bind((target.address, 0))
            voice.sendto(target.slot.encode(), (to, BEATS_PORT))


def main() -> None:
    spec, to = read(sys.argv[1]), sys.argv[2]
    for i, one in enumerate(spec.targets):
        words = (one, i * spec.beat_s / len(spec.targets), spec.beat_s, to)
        threading.Thread(target=send, args=words, daemon=True).start()
    for line in sys.stdin:
        slot, what = line.split()
        silent.add(slot) if what == "off" else silent.discard(slot)


if __name__ == "__main__":
    main()
