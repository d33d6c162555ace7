"""The witness on the camera LAN: opens every camera's stream as a player does and decodes a picture of it.

It knows neither the plan nor a fault, and nothing of ours: FFmpeg's own RTSP client and decoders (PyAV). Run in the
witness's namespace: python -m benchmarks.truth.witness SPEC OUT, until SIGTERM; or with a third word, a slot: holds
that camera's stream as the regulator's platform does, and writes down each second that it decoded. OUT: JSON lines:
slot, begin, end (UTC ms), ok, why.
"""

import json
import signal
import sys
import threading
import time
from pathlib import Path

import av

from benchmarks.truth.poll import Spec, Target, now_ms, read

OPEN_S, WATCH_S, ATTEMPTS, AGAIN_S = 5.0, 6.0, 2, 1.0
OPTIONS = {"rtsp_transport": "tcp", "fflags": "nobuffer", "analyzeduration": "1000000", "rtsp_flags": "prefer_tcp"}


class Book:
    def __init__(self, path: str) -> None:
        self._file = Path(path).open("a", buffering=1)  # noqa: SIM115 - open as long as the process
        self._lock = threading.Lock()

    def write(self, slot: str, begin: int, why: str) -> None:
        line = {"slot": slot, "begin": begin, "end": now_ms(), "ok": not why, "why": why}
        with self._lock:
            self._file.write(json.dumps(line) + "\n")


def look(url: str) -> str:
    """ "" once a picture is decoded, else what went wrong."""
    end = time.monotonic() + WATCH_S
    try:
        with av.open(url, options=OPTIONS, timeout=(OPEN_S, OPEN_S)) as stream:
            video = stream.streams.video[0]
            video.codec_context.thread_count = 1
            for packet in stream.demux(video):
                for frame in packet.decode():
                    if not frame.is_corrupt:
                        return ""
                if time.monotonic() > end:
                    break
    except (av.error.FFmpegError, IndexError, OSError, ValueError) as error:
        return f"{type(error).__name__}: {getattr(error, 'strerror', error)}"[
            :200
        ]  # its text has the URL, password and all
    return "no picture could be decoded"


def watch(target: Target, spare: str, phase_s: float, every_s: float, book: Book) -> None:
    due = time.monotonic() + phase_s
    urls = (target.url, target._replace(address=spare).url)
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        begin, why = now_ms(), ""
        for attempt in range(ATTEMPTS):
            # at the address where it may have moved too, whose silence says nothing
            why = look(urls[0])
            if not why or not look(urls[1]):
                why = ""
                break
            if attempt + 1 < ATTEMPTS:
                time.sleep(AGAIN_S)
        book.write(target.slot, begin, why)
        due = max(due + every_s, time.monotonic())


def hold(target: Target, book: Book) -> None:
    """Until SIGTERM, and then with a TEARDOWN; whoever holds it just now is waited for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        begin = now_ms()
        try:
            with av.open(target.url, options=OPTIONS, timeout=(OPEN_S, OPEN_S)) as stream:
                for _ in stream.decode(video=0):
                    if now_ms() - begin >= 1000:
                        book.write(target.slot, begin, "")
                        begin = now_ms()
        except (av.error.FFmpegError, IndexError, OSError):
            time.sleep(0.3)


def main() -> None:
    av.logging.set_level(None)
    told: dict[str, str] = json.loads(Path(sys.argv[1]).with_suffix(".spares").read_text())
    spec: Spec = read(sys.argv[1])
    book = Book(sys.argv[2])
    if len(sys.argv) > 3:
        hold(next(one for one in spec.targets if one.slot == sys.argv[3]), book)
    for i, one in enumerate(spec.targets):
        words = (one, told[one.slot], i * spec.look_s / len(spec.targets), spec.look_s, book)
        threading.Thread(target=watch, args=words, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
