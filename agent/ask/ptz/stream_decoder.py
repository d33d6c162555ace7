"""Child of the child only, run as `python -m agent.ask.ptz.stream_decoder`: the last picture of a compressed film.

It is given no address and no password and can open neither socket nor file: whatever a picture does to it stays here.
"""

import io
import os
import resource
import struct
import sys
from typing import cast

import cv2
import numpy as np

from agent.ask.rtsp.interlaced import as_frames

DEMUXERS = {"H264": "h264", "H265": "hevc"}
_OPTIONS = "input_format;{}|protocol_whitelist;none|fpsprobesize;0|probesize;32"
"""As in the decoder of picture checks: the demuxer is named, no protocol may be opened, nothing is sought."""
HEAD = struct.Struct("!4sI")
"""Before each film: its codec and its size; before each JPEG: four zeros and its size, 0 = no picture came out."""
QUALITY = 95


def last(codec: str, film: bytes) -> bytes:
    """The last picture as a JPEG; b"" where none comes out."""
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = _OPTIONS.format(DEMUXERS[codec])
    capture = cv2.VideoCapture()
    frames = io.BytesIO(as_frames(codec, film))
    source = cast("cv2.IStreamReader", frames)  # what its stub calls so is any io.BufferedIOBase
    if not capture.open(source, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]):
        return b""
    frame = None
    while (read := capture.read())[0]:  # what is grabbed cannot be retrieved any more once the film has ended
        frame = read[1]
    if frame is None:
        return b""
    return cv2.imencode(".jpg", np.asarray(frame, np.uint8), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def main() -> None:
    """Films from standard input until it ends, a JPEG for each to standard output."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not pass for a result
    cv2.setNumThreads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # from here on nothing can be opened
    while len(head := sys.stdin.buffer.read(HEAD.size)) == HEAD.size:
        codec, size = HEAD.unpack(head)
        film = sys.stdin.buffer.read(size)
        try:
            jpeg = last(codec.decode(), film)
        except (cv2.error, MemoryError):
            jpeg = b""
        results.write(HEAD.pack(b"\0\0\0\0", len(jpeg)) + jpeg)
        results.flush()


if __name__ == "__main__":
    main()
