"""Child only: pictures of a camera that has no snapshot, out of its stream, which is watched all the while.

The stream is decoded by a process of its own, which holds no password.
"""

import os
import subprocess
import sys
import threading
import time
from typing import IO, cast

from agent.ask.attempt import Deadline, Trouble
from agent.ask.ptz.stream_decoder import HEAD
from agent.ask.rtsp import rtp
from agent.ask.rtsp.depacketize import CODECS, Latest
from agent.ask.rtsp.session import RtspSession
from agent.model import Camera
from agent.permit import Permit
from contract.vocabulary import Reason

DECODER = "agent.ask.ptz.stream_decoder"
CAP_BYTES = 16 * 1024 * 1024
"""Compressed, since the last keyframe."""
ALIVE_S = 20.0
"""So often a camera is told that its session is still wanted: the usual timeout is 60 s (RFC 2326, 12.37)."""
DECODE_S = 4.0
MAX_JPEG = 32 * 1024 * 1024


class _Watching(RtspSession):
    """Held as long as the longest movement."""

    tag = ""
    hold_s = 300.0
    max_received = 1024 * 1024 * 1024

    def stay(self) -> None:
        """Say that the session is still wanted."""
        self.plain("OPTIONS", "/", self._session())


class LiveStream:
    """The newest picture of `camera.stream_path`. A stream that ends is opened anew by the next `take`."""

    def __init__(self, camera: Camera, *, log_in: Permit) -> None:
        self._camera, self._permit = camera, log_in
        self._session: _Watching | None = None
        self._reader: threading.Thread | None = None
        self._came = threading.Condition()
        self._codec, self._film, self._count = "", b"", 0
        """All since the last keyframe, and how many pictures have come: under `_came`."""
        self._over = False
        self._decoder: subprocess.Popen[bytes] | None = None

    def take(self, deadline: Deadline) -> bytes:
        """A picture that came after this was called, as a JPEG. Raises Trouble."""
        if self._reader is None or not self._reader.is_alive():
            self._open(deadline)
        with self._came:
            seen = self._count
            self._came.wait_for(lambda: (self._count > seen and self._film) or self._over, deadline.left())
            if self._over or self._count == seen:
                raise Trouble(Reason.TIMED_OUT, "no video after PLAY" if not seen else "the stream has ended")
            codec, film = self._codec, self._film
        return self._decoded(codec, film)

    def close(self) -> None:
        """End the session and the decoder; the thread that first called `take` calls it."""
        self._over = True
        if self._reader:
            self._reader.join()
        if self._session:
            self._session.close()
        self._session = self._reader = None
        self._end_decoder()

    # ---- the stream -----------------------------------------------------------------------------

    def _open(self, deadline: Deadline) -> None:
        if self._session:
            self._session.close()
        self._session = None
        session = _Watching(self._camera, Deadline(_Watching.hold_s), log_in=self._permit)
        try:
            tracks = [one for one in session.open() if one.kind == "video" and CODECS.intersection(one.codecs)]
            if not tracks:
                raise Trouble(Reason.UNSUPPORTED, "no video that can be decoded here")
            track = tracks[0]
            self._codec = next(codec for codec in track.codecs if codec in CODECS)
            channel = session.setup(track, 0)
            session.play()
        except BaseException:
            session.close()
            raise
        deadline.left()  # opening it may have taken too long
        self._session, self._over = session, False
        latest = Latest(self._codec, track.parameter_sets, cap=CAP_BYTES)
        self._reader = threading.Thread(
            target=self._read, args=(session, channel, latest), name="live stream", daemon=True
        )
        self._reader.start()

    def _read(self, session: _Watching, channel: int, latest: Latest) -> None:
        told_s = time.monotonic()
        try:
            while not self._over:
                if time.monotonic() - told_s > ALIVE_S:
                    told_s = time.monotonic()
                    session.stay()
                frame = session.receive(1.0)
                packet = rtp.parse(frame.data) if frame and frame.channel == channel else None
                if packet and latest.add(packet):
                    with self._came:
                        self._film, self._count = latest.data, self._count + 1
                        self._came.notify_all()
        except Trouble:
            pass
        finally:
            with self._came:
                self._over = True
                self._came.notify_all()

    # ---- the decoder ----------------------------------------------------------------------------

    def _decoded(self, codec: str, film: bytes) -> bytes:
        decoder = self._decoder = self._decoder or subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", DECODER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"},
        )
        alarm = threading.Timer(DECODE_S, decoder.kill)
        alarm.daemon = True
        alarm.start()
        try:
            asked, answered = cast("IO[bytes]", decoder.stdin), cast("IO[bytes]", decoder.stdout)
            asked.write(HEAD.pack(codec.encode(), len(film)) + film)
            asked.flush()
            size = HEAD.unpack(answered.read(HEAD.size).ljust(HEAD.size, b"\0"))[1]
            jpeg = answered.read(size) if size <= MAX_JPEG else b""
        except OSError:
            jpeg = b""
        finally:
            alarm.cancel()
        if not jpeg:
            self._end_decoder()
            raise Trouble(Reason.MALFORMED, "no picture comes out of the stream")
        return jpeg

    def _end_decoder(self) -> None:
        if self._decoder:
            self._decoder.kill()
            self._decoder.communicate()
        self._decoder = None
