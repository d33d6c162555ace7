"""One visitor per device, among threads and processes, whatever becomes of the one that has the turn."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from agent.ask.attempt import Deadline
from agent.ask.look import look
from agent.ask.net import device_lock
from agent.model import Camera, Look, NotSeen, Ports, Seen
from contract.vocabulary import Reason
from tests import evil
from tests.support.waiting import until

SDP = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
DESCRIBED = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: %d\r\n\r\n%s" % (len(SDP), SDP)
HOLDER = """
import sys
from agent.ask.attempt import Deadline
from agent.ask.net import device_lock
from agent.model import Camera
held = device_lock.acquire(Camera(slot="a", address=sys.argv[1]), "rtsp", Deadline(5))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def camera() -> Camera:
    return Camera(slot="a", address=evil.loopback())


class OneClient:
    """An RTSP server that hangs up on a second client and remembers how many it ever had at once."""

    def __init__(self) -> None:
        self.now = self.most = self.turned_away = 0
        self._lock = threading.Lock()

    def __call__(self, peer: evil.Peer) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            alone = self.now == 1
            self.turned_away += not alone
        try:
            while alone and peer.read():
                time.sleep(0.02)
                peer.send(DESCRIBED)
        finally:
            with self._lock:
                self.now -= 1


def test_looks_of_all_slots_of_a_device_follow_one_another() -> None:
    """Twelve slots of a device that takes one client, looked at all at once: all stream, and none met another."""
    server = OneClient()
    with evil.Server(server) as device:
        ports = Ports(onvif=evil.closed_port(device.address)[1], rtsp=device.port)
        cameras = [Camera(slot=f"s{n}", address=device.address, ports=ports, stream_path="/main") for n in range(12)]
        seen: list[object] = []

        def looks(camera: Camera) -> None:
            seen.append(look(camera, log_in=False).stream)

        threads = [threading.Thread(target=looks, args=(camera,)) for camera in cameras]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [type(one) for one in seen] == [Seen] * 12
    assert (server.most, server.turned_away) == (1, 0)


class Recorder:
    """Describes each channel where it is asked for it; `second`: what it does at the second DESCRIBE of a connection.

    `at_once`: the most connections it ever had.
    """

    def __init__(self, second: str = "describes") -> None:
        self.second, self.connections, self.now, self.at_once = second, 0, 0, 0
        self._lock = threading.Lock()

    def __call__(self, peer: evil.Peer) -> None:
        with self._lock:
            self.connections, self.now = self.connections + 1, self.now + 1
            self.at_once = max(self.at_once, self.now)
        try:
            described = 0
            while request := peer.read():
                described += 1
                time.sleep(0.02)
                if described > 1 and self.second == "hangs up":
                    return
                if described > 1 and self.second == "is silent":
                    continue
                cseq = request.partition(b"CSeq: ")[2].partition(b"\r")[0]
                if described > 1 and self.second == "answers the first again":
                    cseq = b"1"
                if described > 1 and self.second == "says no":
                    peer.send(b"RTSP/1.0 455 Method Not Valid in This State\r\nCSeq: %s\r\n\r\n" % cseq)
                    continue
                gone = b"/gone " in request
                status, body = (b"404 Not Found", b"") if gone else (b"200 OK", SDP)
                head = b"RTSP/1.0 %s\r\nCSeq: %s\r\nContent-Length: %d\r\n\r\n" % (status, cseq, len(body))
                peer.send(head + body)
        finally:
            with self._lock:
                self.now -= 1


def looked(device: evil.Server, paths: list[str]) -> list[Look]:
    """One look at each of these channels, all begun at once."""
    ports = Ports(onvif=evil.closed_port(device.address)[1], rtsp=device.port)
    cameras = [Camera(slot=path, address=device.address, ports=ports, stream_path=path) for path in paths]
    seen: dict[str, Look] = {}

    def looks(camera: Camera) -> None:
        seen[camera.slot] = look(camera, log_in=False)

    threads = [threading.Thread(target=looks, args=(camera,)) for camera in cameras]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [seen[path] for path in paths]


def test_channels_of_a_recorder_are_described_over_one_connection() -> None:
    """All looks that are due at once, a channel that is gone among them; then it is closed."""
    recorder = Recorder()
    paths = [f"/{n}" for n in range(1, 13)]
    with evil.Server(recorder) as device:
        seen = looked(device, [*paths, "/gone"])
        assert [type(one.stream) for one in seen] == [*[Seen] * 12, NotSeen]
        assert isinstance(seen[-1].stream, NotSeen)
        assert seen[-1].stream.reason is Reason.UNSUPPORTED
        assert recorder.connections <= 3, "the one that is gone is asked again over a fresh connection"
        assert recorder.at_once == 1
        until(lambda: recorder.now == 0)


@pytest.mark.parametrize("second", ["hangs up", "is silent", "says no", "answers the first again"])
def test_a_device_that_describes_once_a_connection_is_asked_over_one_each(second: str) -> None:
    """What it does at the second DESCRIBE says nothing of the stream: every channel is online, and next time each look
    has a connection of its own from the start."""
    recorder = Recorder(second)
    with evil.Server(recorder) as device:
        for _ in range(2):
            assert [type(one.stream) for one in looked(device, ["/1", "/2", "/3"])] == [Seen] * 3
        assert recorder.connections == 6
        assert recorder.at_once <= 2


def test_a_look_goes_before_other_visitors(camera: Camera) -> None:
    """Whoever waited before a look came is let in after it."""
    order: list[str] = []
    first = device_lock.acquire(camera, device_lock.RTSP, Deadline(5))

    def other() -> None:
        with device_lock.acquire(camera, device_lock.RTSP, Deadline(20)):
            order.append("other")

    def looking() -> None:
        with device_lock.acquire_for_look(camera):
            order.append("look")

    waiting = [threading.Thread(target=other), threading.Thread(target=looking)]
    waiting[0].start()
    time.sleep(0.1)
    waiting[1].start()
    time.sleep(0.3)
    first.release()
    for thread in waiting:
        thread.join()
    assert order == ["look", "other"]


def test_a_visit_that_finds_no_turn_says_so(camera: Camera) -> None:
    """At its deadline a visitor is told that the device was held by us; the other protocol and thread are free."""
    failures: list[device_lock.DeviceLocked] = []

    def other() -> None:
        device_lock.acquire(camera, device_lock.HTTP, Deadline(1)).release()
        try:
            device_lock.acquire(camera, device_lock.RTSP, Deadline(0.2))
        except device_lock.DeviceLocked as none:
            failures.append(none)

    with (
        device_lock.acquire(camera, device_lock.RTSP, Deadline(1)),
        device_lock.acquire(camera, device_lock.RTSP, Deadline(1)),
    ):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(failures) == 1
    device_lock.acquire(camera, device_lock.RTSP, Deadline(0.2)).release()


@pytest.fixture
def holder(camera: Camera) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, camera.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_turn_ends_with_the_process_that_had_it(camera: Camera, holder: subprocess.Popen[str]) -> None:
    """Another process's turn is minded, and is over the moment that process is killed."""
    with pytest.raises(device_lock.DeviceLocked):
        device_lock.acquire(camera, device_lock.RTSP, Deadline(0.2))
    holder.kill()
    holder.wait()
    device_lock.acquire(camera, device_lock.RTSP, Deadline(2)).release()
