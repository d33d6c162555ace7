"""RTSP servers on loopback that play pictures as told: soundly, or with one thing wrong."""

import base64
import hashlib
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache

import av

from simulator.rtp import interleaved, payloads
from tests import evil

Change = Callable[[str, dict[str, str], bytes], tuple[str, dict[str, str], bytes]]
"""Status line, headers and body of a reply, made into others."""
NONCE = "5a1d"
CHALLENGE = f'Digest realm="camera", nonce="{NONCE}", qop="auth"'
FPS = 10


@cache
def clip(
    width: int, height: int, codec: str = "H264", pictures: int = 14, gop: int = 12
) -> tuple[tuple[bytes, ...], ...]:
    """NAL units of each picture of a moving ramp of gray; the parameter sets stand before each keyframe."""
    encoder = av.CodecContext.create("libx265" if codec == "H265" else "libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(FPS), Fraction(1, FPS)
    encoder.thread_count, encoder.gop_size = 1, gop
    quiet = {"x265-params": f"pools=none:frame-threads=1:log-level=none:repeat-headers=1:keyint={gop}"}
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", **(quiet if codec == "H265" else {})}
    encoded = [packet for n in range(pictures) for packet in encoder.encode(ramp(width, height, n))]
    encoded += encoder.encode(None)
    return tuple(tuple(units(bytes(packet))) for packet in encoded)


def ramp(width: int, height: int, number: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        row = bytes((x * 5 + number * 8) % 256 for x in range(plane.line_size))
        plane.update(row * (plane.buffer_size // plane.line_size))
    frame.pts = number
    return frame


def units(annex_b: bytes) -> Iterator[bytes]:
    return (unit for unit in re.split(rb"\x00\x00\x00?\x01", annex_b) if unit)


def bomb() -> tuple[tuple[bytes, ...], ...]:
    """A gray H.264 picture of 8192x8192, twice: 197 kB each on the wire, 600 MB in a decoder that takes it."""
    return (tuple(units(zlib.decompress(base64.b64decode(_BOMB)))),) * 2


def sdp(codec: str = "H264", control: str = "trackID=0", fmtp: str = "packetization-mode=1") -> bytes:
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=x", "t=0 0", "m=video 0 RTP/AVP 96", f"a=rtpmap:96 {codec}/90000"]
    return "\r\n".join([*lines, f"a=fmtp:96 {fmtp}", f"a=control:{control}", ""]).encode()


def rtp(pictures: Iterable[Sequence[bytes]], codec: str = "H264") -> Iterator[bytes]:
    """Interleaved RTP, one chunk a picture."""
    seq = 65_530
    for number, picture in enumerate(pictures):
        stamp = 2**32 - 9_000 + number * 90_000 // FPS
        packets = list(enumerate(payloads(codec, tuple(picture)), seq))
        seq += len(packets)
        yield b"".join(interleaved(0, 96, payload, n, stamp, 7) for n, payload in packets)


def plays(
    media: Iterable[bytes],
    *,
    description: bytes = b"",
    changes: dict[str, Change] | None = None,
    login: str = "",
    pace_s: float = 0.0,
    then: evil.Behaviour | None = None,
) -> evil.Behaviour:
    """A server that answers as it should and then plays `media`; `changes`: method -> what is done to its reply.

    `login`: the challenge everyone has to answer (Digest is checked for admin / sekret). `then`: what it does after the
    last picture; without, it closes.
    """
    media, description = list(media), description or sdp()

    def behave(peer: evil.Peer) -> None:
        while request := peer.read():
            method, url = request.decode("latin-1").split(" ")[:2]
            cseq = re.search(rb"CSeq: (\d+)", request)
            headers = {"CSeq": cseq[1].decode() if cseq else "0"}
            status, body = "200 OK", b""
            if login and method != "OPTIONS" and not _right(request, method, url):
                status, headers["WWW-Authenticate"] = "401 Unauthorized", login
            elif method == "DESCRIBE":
                headers["Content-Type"], body = "application/sdp", description
            elif method == "SETUP":
                headers |= {"Session": "77;timeout=60", "Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
            if change := (changes or {}).get(method):
                status, headers, body = change(status, headers, body)
            if body:
                headers.setdefault("Content-Length", str(len(body)))
            lines = [f"RTSP/1.0 {status}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
            peer.send("\r\n".join(lines).encode("latin-1") + body)
            if method == "PLAY" and status.startswith("200"):
                for chunk in media:
                    peer.send(chunk)
                    time.sleep(pace_s)
                if then:
                    then(peer)
                return

    return behave


def _right(request: bytes, method: str, url: str) -> bool:
    given = dict(re.findall(r'(\w+)="?([^",\r]+)', request.decode("latin-1").partition("Authorization: Digest ")[2]))
    if "response" not in given:
        return False
    first, second = (hashlib.md5(text.encode()).hexdigest() for text in ("admin:camera:sekret", f"{method}:{url}"))
    parts = (first, NONCE, given["nc"], given["cnonce"], "auth", second)
    return given.get("response") == hashlib.md5(":".join(parts).encode()).hexdigest()


def says(status: str, **more: str) -> Change:
    """Reply with this status and these headers (underscores for hyphens) instead."""
    return lambda _, headers, body: (status, headers | {k.replace("_", "-"): v for k, v in more.items()}, b"")


def adds(**more: str) -> Change:
    """Reply as it should be, with further headers."""
    return lambda status, headers, body: (
        status,
        headers | {k.replace("_", "-"): v for k, v in more.items()},
        body,
    )


_BOMB = (
    "eNrt0rGO40QYAOCsOBCi4RVGokBCt1kntxsdKxnpOJ3uGiQqOhQ5zmRjrRN7bS+7obqCgo7uep6CComSihYOUSPRwCMc4xXoXgGJ"
    "z/k0/mfmn9/W70wmk6OLj3/46NdJmNw7+nYyeWNyNA7vfPP2vQ8maXP707s/pttbb7569ei3J398//vLZ9+9uP9LePnen3/dzhen"
    "4TiUTRfDbHGWwmfTtHTyyadPnh6fhkefPU5761imjcdNe6jjZgjzLHtwPM/mY/Z2GNrzk5Obm5vpF9U6NnWxnzbdxclYd7oddnXK"
    "adqhavb9eSiLVVHmWejiJp+FdVzVTXmZZ+fpF4p9UR/6OM7CLubrqgj99SpFWWj7Q0pP47Jb57NpllLSEHbVbVwvx1rjiWVX7C9i"
    "PluEcts1u2KZjs7C0MW6rvqU8fD24bocUlBe7dK4jsX6y2Yf8/ns/mwWNkU/LNv+smrToX8KXLXLZrPp43ho2HbpQJ8266a5LLZp"
    "sny91tdVGV8vZGHf3T2irHbFML5GtR9iVxcpKa2v6uuuOCzLZtcWdy+UejN0RbVPJVJiV4w5m67YxbHUTawutkObost4SNv5/Ozf"
    "cLmr9vlZ6Mu4j+X1WOru+NiSLvbbsdFlXnabsFulPoydTJN8/mCahavx6Xk2XaSwHcvc3YvbfPFhCvohtvlpqNrU1PTpUs9P0we6"
    "yrPJ8/Q/il9/df6+6399fX79MwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMB/yvO/AYIuYAM="
)
