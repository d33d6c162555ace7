"""What a picture costs (P7): our check of 16 cameras, beside ffmpeg's command line and cv2 that open each stream alone.

The cameras are threads of this process and play the simulated kitchen, drawn and encoded beforehand; what counts is the
processor time of child processes, those of their own included.
"""

import ctypes
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import cycle, islice
from statistics import median

from agent.ask.picture import parent as pictures
from agent.model import Camera, Seen
from benchmarks.measure import Figure, median_ratio, spread
from simulator.shot import Shot
from simulator.video import Encoder
from tests import evil
from tests.agent.ask.rtsp.players import FPS, plays, rtp

CAMERAS = 16
DRAWN = 10
"""Different pictures; drawing them takes longer than all else."""
GOAL_1080P, GOAL_SUB, GOAL_CV2 = 0.5, 0.3, 1.2
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): what a child leaves behind is ours to wait for
_BARE = """
import cv2, sys
for url in sys.argv[1:]:
    film = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    assert film.read()[0], url
    film.release()
"""


def figures(quick: bool) -> list[Figure]:
    """CPU per camera, child start included, and ratios to the peers, which take one picture and measure nothing."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    found = []
    for name, width, goal in (("1080p", 1920, GOAL_1080P), ("sub-stream", 640, GOAL_SUB)):
        with _cameras(width) as cameras:
            found += _compared(name, cameras, goal, 2 if quick else 5)
    if not shutil.which("ffmpeg"):
        print("no ffmpeg here, so nothing is compared with it: apt install ffmpeg", file=sys.stderr)
    return found


def _compared(name: str, cameras: list[Camera], goal: float, repetitions: int) -> list[Figure]:
    ways: dict[str, Callable[[], None]] = {
        "one picture": partial(_ours, cameras, measured=False),
        "every fault sought": partial(_ours, cameras, measured=True),
        "bare cv2": partial(_bare, cameras),
    }
    if ffmpeg := shutil.which("ffmpeg"):
        ways["ffmpeg -frames:v 1"] = partial(_ffmpeg, ffmpeg, cameras)
    costs: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repetitions):
        for way, work in ways.items():
            costs[way].append(_cpu_ms(work) / len(cameras))
    found = [
        Figure("P7", f"{name}, {way}", median(spent), "ms a camera", note=spread(spent)) for way, spent in costs.items()
    ]
    one, every, *peers = costs
    for peer in peers:
        for ours in (one, every):
            ratio, note = median_ratio(costs[ours], costs[peer])
            least = goal if peer != "bare cv2" else GOAL_CV2 if ours == one else None
            found.append(Figure("P7", f"{name}, {ours}, to {peer}", ratio, "x", least, note))
    return found


# ---- the ways -----------------------------------------------------------------------------------


def _ours(cameras: list[Camera], *, measured: bool) -> None:
    told = pictures.check(cameras, log_in=(), source="sub", measured=measured, deadline_s=60.0)
    lost = [one.picture for one in told if not isinstance(one.picture, Seen)]
    assert not lost, lost


def _bare(cameras: list[Camera]) -> None:
    subprocess.run([sys.executable, "-c", _BARE, *map(_url, cameras)], check=True, stderr=subprocess.DEVNULL)


def _ffmpeg(program: str, cameras: list[Camera]) -> None:
    quiet = [program, "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i"]
    with ThreadPoolExecutor(8) as pool:
        wait = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL)
        list(pool.map(lambda one: wait([*quiet, _url(one), "-frames:v", "1", "-f", "null", "-"]), cameras))


def _url(camera: Camera) -> str:
    return f"rtsp://{camera.address}:{camera.ports.rtsp}{camera.stream_path}"


def _cpu_ms(work: Callable[[], None]) -> float:
    before = _children_ms()
    work()
    time.sleep(0.5)  # for what the children left behind
    while _reaped():
        pass
    return _children_ms() - before


def _children_ms() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (used.ru_utime + used.ru_stime)


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


# ---- the cameras --------------------------------------------------------------------------------


@contextmanager
def _cameras(width: int) -> Iterator[list[Camera]]:
    media = list(rtp(_film(width, width * 9 // 16)))
    with ExitStack() as stack:
        behave = plays(media, pace_s=1 / FPS)
        servers = [stack.enter_context(evil.Server(behave)) for _ in range(CAMERAS)]
        yield [server.camera(slot=f"s{n}", credentials=None) for n, server in enumerate(servers)]


def _film(width: int, height: int) -> list[tuple[bytes, ...]]:
    encoder = Encoder(width, height, FPS, "H264")
    shots = [(Shot(), n / DRAWN) for n in range(DRAWN)]
    return [encoder.picture(*shot) for shot in islice(cycle(shots), 60)]
