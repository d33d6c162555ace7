"""Child only: the decoder process (decoder.py) at hand: started when wanted, replaced when a picture has broken it."""

import contextlib
import os
import subprocess
import sys
import threading
from typing import IO, cast

import msgspec

from agent.ask.attempt import Trouble
from agent.ask.picture.capture import Footage
from contract.vocabulary import Reason

PROGRAM = "agent.ask.picture.decoder"
DECODE_S = 8.0
"""Longest time for one visit's pictures, the decoder's start included; they take a tenth of a second."""
PARTING_S = 0.2
"""How long it may take to end when nothing more is asked of it."""
MAX_LINE = 65_536
_QUIET = {"OPENCV_VIDEOIO_DEBUG": "0", "OPENCV_LOG_LEVEL": "OFF", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
"""A broken stream fills a log with its complaints."""


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """What the decoder saw: a picture of `width` x `height`, or a `reason` why there is none."""

    width: int = 0
    height: int = 0
    metrics: dict[str, float] = {}
    upscaled: bool = False
    signature: bytes = b""
    """Small and gray, to compare a later picture with."""
    thumbnail: bytes = b""
    """A small JPEG, only where one was asked for."""
    reason: Reason | None = None
    detail: str = ""


class _Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the decoder is told; the takes follow, of `sizes` bytes and with pictures taken at `times`."""

    codec: str
    sizes: tuple[int, ...]
    times: tuple[tuple[float, ...], ...]
    measured: bool
    reference: bytes
    thumbnail: bool


class Decoder:
    """For any number of threads, one visit's pictures at a time: so memory is bounded and a crash has one cause."""

    def __init__(self, patience_s: float = DECODE_S) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, so that it loads while cameras are visited; `decode` does so where it is not running."""
        with self._lock, contextlib.suppress(OSError):
            self._running()

    def decode(self, footage: Footage, reference: bytes, *, measured: bool, thumbnail: bool = False) -> Decoded:
        """What the pictures show; `reference`: an earlier signature, b"" = none. `measured`: with the numbers of
        measure.py. `thumbnail`: hand one back.

        Raises Trouble(AGENT_FAULT) when the pictures break the decoder or keep it longer than `patience_s`.
        """
        job = _Job(
            codec=footage.codec,
            sizes=tuple(len(take.data) for take in footage.takes),
            times=tuple(take.times for take in footage.takes),
            measured=measured,
            reference=reference,
            thumbnail=thumbnail,
        )
        question = b"".join((msgspec.json.encode(job), b"\n", *(take.data for take in footage.takes)))
        with self._lock:
            try:
                answer = self._exchange(question)
                return msgspec.json.decode(answer, type=Decoded)
            except (OSError, msgspec.DecodeError) as error:
                self._end()
                raise Trouble(Reason.AGENT_FAULT, f"decoder: {type(error).__name__}") from None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        """With our environment, in which there is no secret, and with our limits."""
        if not self._process:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-m", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **_QUIET},
            )
        return self._process

    def _exchange(self, question: bytes) -> bytes:
        process = self._running()
        alarm = threading.Timer(self._patience_s, process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            _pipe(process.stdin).write(question)
            _pipe(process.stdin).flush()
            answer = _pipe(process.stdout).readline(MAX_LINE)
        except BrokenPipeError:
            answer = b""
        finally:
            late = not alarm.is_alive()
            alarm.cancel()
            alarm.join()
        if answer.endswith(b"\n"):
            return answer
        status = self._end()
        took = f"longer than {self._patience_s:g} s" if late else f"its end (status {status})"
        raise Trouble(Reason.AGENT_FAULT, f"the pictures took the decoder {took}")

    def _end(self) -> int:
        """The status it ended with; 0 where it was not running."""
        if not (process := self._process):
            return 0
        self._process = None
        with contextlib.suppress(BrokenPipeError):
            _pipe(process.stdin).close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PARTING_S)  # the status of one that ends by itself tells more than our signal
        process.kill()
        _pipe(process.stdout).close()
        return process.wait()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    return cast("IO[bytes]", pipe)
