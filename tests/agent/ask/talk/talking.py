"""A camera that talks and hears: RTSP with a backchannel and a microphone, misbehaving as told."""

import random
import re
import threading
import time
from collections.abc import Callable
from typing import Literal

from agent.ask.rtsp import rtp
from agent.ask.talk import g711
from tests import evil

TICK = 160
"""Samples in a packet."""
DELAY = 1600
"""Samples from the loudspeaker to the microphone: 0.2 s."""
SDP = (
    "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
    "m=audio 0 RTP/AVP {mic}\r\na=recvonly\r\na=control:track2\r\n"
    "m=audio 0 RTP/AVP {talk}\r\na=sendonly\r\na=control:{control}\r\n"
)
NUMBERS = {"PCMU": "0", "PCMA": "8"}
Room = Literal["echo", "deaf", "half duplex", "dead"]


class Talker:
    """Behaviour for evil.Server. `asked`: methods and URLs in order; `talked`: payload that reached the loudspeaker.

    `instead`: method -> a reply in place of the honest one, or None to say nothing. `after_play`: what runs instead of
    the microphone. `channels`: those named in SETUP's reply, in order of the SETUPs.
    """

    def __init__(
        self,
        room: Room = "echo",
        *,
        codec: str = "PCMU",
        control: str = "track3",
        sdp: str = SDP,
        instead: dict[str, bytes | None] | None = None,
        after_play: Callable[[evil.Peer], None] | None = None,
        channels: tuple[str, ...] = (),
    ) -> None:
        number = NUMBERS.get(codec, codec)
        self.sdp = sdp.format(mic=number, talk=number, control=control).encode()
        self.room, self.codec, self.instead, self.after_play = room, codec, instead or {}, after_play
        self.channels = list(channels)
        self.asked: list[str] = []
        self.heads: list[str] = []
        self.talked = bytearray()
        self.strays = 0
        """Frames that arrived on no channel of ours."""
        self.torn_down = threading.Event()
        self.hangs = None in self.instead.values()
        self.held_s = 0.0
        """From the first SETUP to TEARDOWN or the end of the connection."""

    def __call__(self, peer: evil.Peer) -> None:
        _Connection(self, peer).serve()

    @property
    def methods(self) -> list[str]:
        return [line.split()[0] for line in self.asked]

    @property
    def urls(self) -> list[str]:
        return [line.split()[1] for line in self.asked]


class _Connection:
    def __init__(self, camera: Talker, peer: evil.Peer) -> None:
        self._camera, self._peer = camera, peer
        self._tracks: dict[str, int] = {}
        self._began = 0.0
        self._echo: dict[int, int] = {}
        self._sent = self._echo_end = 0
        self._talked_at = 0.0
        self._write = threading.Lock()
        self._over = threading.Event()

    def serve(self) -> None:
        incoming = self._peer.sock.makefile("rb")
        try:
            while first := incoming.read(1):
                if first == b"$":
                    channel, size = incoming.read(1)[0], int.from_bytes(incoming.read(2), "big")
                    self._frame(channel, incoming.read(size))
                elif not self._request(first, incoming):
                    return
        finally:
            self._over.set()
            self._camera.held_s = self._camera.held_s or (time.monotonic() - self._began if self._began else 0.0)

    def _request(self, first: bytes, incoming: object) -> bool:
        head = first
        while not head.endswith(b"\r\n\r\n"):
            line = incoming.readline()  # type: ignore[attr-defined]
            if not line:
                return False
            head += line
        method = head.split()[0].decode()
        self._camera.asked.append(head.split(b"\r\n")[0].decode())
        self._camera.heads.append(head.decode())
        if method == "TEARDOWN":
            self._camera.held_s = time.monotonic() - self._began
            self._camera.torn_down.set()
        if method in self._camera.instead:
            reply = self._camera.instead[method]
            if reply is None:
                self._peer.wait()
                return False
            self._say(reply)
            return True
        self._say(self._reply(method, head.decode()))
        if method == "PLAY":
            run = self._camera.after_play or self._microphone
            threading.Thread(target=run, args=(self._peer,), daemon=True).start()
        return True

    def _reply(self, method: str, head: str) -> bytes:
        if method == "DESCRIBE":
            length = len(self._camera.sdp)
            return b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: %d\r\n\r\n" % length + self._camera.sdp
        more = "Session: 12345678;timeout=60\r\n"
        if method == "SETUP":
            self._began = self._began or time.monotonic()
            asked = re.search(r"interleaved=(\d+)-(\d+)", head)
            assert asked
            channel = self._camera.channels.pop(0) if self._camera.channels else asked[1]
            if channel.isdigit():
                self._tracks[head.split()[1].rpartition("/")[2]] = int(channel)
            more += f"Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{channel}\r\n" if channel else ""
        return f"RTSP/1.0 200 OK\r\nCSeq: 1\r\n{more}\r\n".encode()

    def _say(self, data: bytes) -> None:
        with self._write:
            self._peer.send(data)

    def _frame(self, channel: int, data: bytes) -> None:
        packet = rtp.parse(data)
        if channel != self._tracks.get("track3") or not packet:
            self._camera.strays += 1
            return
        self._camera.talked += packet.payload
        self._talked_at = time.monotonic()
        if self._camera.room == "echo":
            start = max(self._echo_end, self._sent + DELAY)
            heard = g711.decode(self._camera.codec, packet.payload)
            self._echo.update({start + n: x // 4 for n, x in enumerate(heard)})
            self._echo_end = start + len(heard)

    def _microphone(self, peer: evil.Peer) -> None:
        dice, began = random.Random(1), time.monotonic()
        while not self._over.is_set() and self._camera.room != "dead":
            shut = self._camera.room == "half duplex" and time.monotonic() - self._talked_at < 0.1
            sound = [self._echo.pop(self._sent + n, 0) + dice.randrange(-300, 300) for n in range(TICK)]
            payload = g711.encode(self._camera.codec, [0] * TICK if shut else sound)
            packet = rtp.Packet(int(NUMBERS[self._camera.codec]), self._sent // TICK, self._sent, payload)
            try:
                self._say(rtp.frame(self._tracks["track1"], b"not looked at"))
                self._say(rtp.frame(self._tracks["track2"], rtp.pack(packet, 7)))
            except OSError:
                return
            self._sent += TICK
            peer.stop.wait(max(0.0, began + self._sent / g711.RATE_HZ - time.monotonic()))
