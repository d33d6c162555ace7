"""A peer at its best: asks every camera again and again, spread over the interval, and writes down each answer.

Run in the peer's namespace: python -m benchmarks.truth.poll KIND SPEC OUT, until SIGTERM. KIND: ping, tcp, ffprobe,
heartbeat, bb-icmp, bb-tcp, bb-rtsp (Debian's blackbox_exporter, started here). SPEC: see `Spec`. Standard library
alone, for onvif_poll.py uses it in another environment.
"""

import asyncio
import contextlib
import json
import signal
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

TIMEOUT_S = 5.0
"""As long as a look of ours may take."""
ONLINE, OFFLINE, UNKNOWN = "online", "offline", "unknown"
BEATS_PORT, MISSED = 5060, 3


class Target(NamedTuple):
    """A camera as the peer is told of it: everything that we are told, and its stream's path."""

    slot: str
    address: str
    onvif_port: int
    """0 = it speaks RTSP alone."""
    rtsp_port: int
    path: str
    user: str
    password: str

    @property
    def url(self) -> str:
        login = f"{self.user}:{urllib.parse.quote(self.password, safe='')}@" if self.user else ""
        return f"rtsp://{login}{self.address}:{self.rtsp_port}{self.path}"


class Spec(NamedTuple):
    look_s: float
    beat_s: float
    targets: list[Target]


Ask = Callable[[Target], Awaitable[str]]


def read(path: str) -> Spec:
    told: dict[str, Any] = json.loads(Path(path).read_text())
    return Spec(told["look_s"], told["beat_s"], [Target(**one) for one in told["targets"]])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Notes:
    """Answers as JSON lines: slot, begin and end (UTC ms) of the asking, state."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("a", buffering=1)  # noqa: SIM115 - open as long as the process

    def note(self, slot: str, begin: int, state: str) -> None:
        self._file.write(json.dumps({"slot": slot, "begin": begin, "end": now_ms(), "state": state}) + "\n")


async def poll(spec: Spec, ask: Ask, notes: Notes) -> None:
    """For ever. A question that takes longer than the interval is its own delay, as with any monitor."""

    async def one(target: Target, phase_s: float) -> None:
        due = time.monotonic() + phase_s
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            begin = now_ms()
            notes.note(target.slot, begin, await ask(target))
            due = max(due + spec.look_s, time.monotonic())

    spread = spec.look_s / len(spec.targets)
    await asyncio.gather(*(one(target, i * spread) for i, target in enumerate(spec.targets)))


async def output(*command: str, most_s: float) -> tuple[int, bytes]:
    """Exit code and output of a command that is killed after `most_s`."""
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        told, _ = await asyncio.wait_for(child.communicate(), most_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            child.kill()
        await child.wait()
        return -1, b""
    return child.returncode or 0, told


async def ping(target: Target) -> str:
    """One answer of three is enough."""
    code, _ = await output("ping", "-n", "-q", "-c", "3", "-i", "0.3", "-W", "2", target.address, most_s=TIMEOUT_S)
    return ONLINE if code == 0 else OFFLINE


async def tcp(target: Target) -> str:
    """The port that matters for the picture."""
    try:
        connecting = asyncio.open_connection(target.address, target.rtsp_port)
        _, writer = await asyncio.wait_for(connecting, TIMEOUT_S)
    except (OSError, TimeoutError):
        return OFFLINE
    writer.close()
    return ONLINE


async def ffprobe(target: Target) -> str:
    """At its best: not the description but one decoded picture."""
    where = ("-rtsp_transport", "tcp", "-timeout", str(int(TIMEOUT_S * 1e6)), "-analyzeduration", "1000000")
    what = ("-select_streams", "v:0", "-read_intervals", "%+#10", "-show_entries", "frame=width", "-of", "csv=p=0")
    _, told = await output("ffprobe", "-v", "error", "-threads", "1", *where, target.url, *what, most_s=2 * TIMEOUT_S)
    return ONLINE if told.split() else OFFLINE


# ---- Debian's blackbox_exporter -----------------------------------------------------------------


def blackbox(spec: Spec, module: str, folder: Path, notes: Notes) -> Awaitable[None]:
    """Its probes, asked for as Prometheus asks: one module for ICMP, one for TCP, one a camera for DESCRIBE."""
    config = folder / f"blackbox-{module}.yml"
    modules: dict[str, Any] = {
        "icmp": {"prober": "icmp", "timeout": "5s", "icmp": {"preferred_ip_protocol": "ip4"}},
        "tcp": {"prober": "tcp", "timeout": "5s", "tcp": {"preferred_ip_protocol": "ip4"}},
    }
    for one in spec.targets:
        modules[f"rtsp-{one.slot}"] = {"prober": "tcp", "timeout": "5s", "tcp": _describing(one)}
    config.write_text(json.dumps({"modules": modules}))  # JSON is YAML
    port = 9115

    async def ask(target: Target) -> str:
        name = f"rtsp-{target.slot}" if module == "rtsp" else module
        place = target.address if module == "icmp" else f"{target.address}:{target.rtsp_port}"
        return await asyncio.to_thread(_probe, port, name, place)

    async def serve() -> None:
        command = ("prometheus-blackbox-exporter", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}")
        child = await asyncio.create_subprocess_exec(*command, stderr=(folder / f"blackbox-{module}.log").open("wb"))
        try:
            await asyncio.sleep(2)
            await poll(spec, ask, notes)
        finally:
            child.terminate()
            await child.wait()

    return serve()


def _describing(target: Target) -> dict[str, Any]:
    """A 401 is a sign of life: it cannot log in."""
    url = f"rtsp://{target.address}:{target.rtsp_port}{target.path}"
    lines = (f"DESCRIBE {url} RTSP/1.0\r", "CSeq: 1\r", "Accept: application/sdp\r", "\r")
    asked = [{"send": line.replace("$", "$$")} for line in lines]
    return {"preferred_ip_protocol": "ip4", "query_response": [*asked, {"expect": "^RTSP/1.0 (200|401)"}]}


def _probe(port: int, module: str, target: str) -> str:
    query = urllib.parse.urlencode({"module": module, "target": target})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/probe?{query}", timeout=TIMEOUT_S + 3) as reply:
            told = reply.read().decode()
    except (urllib.error.URLError, TimeoutError, OSError):
        return UNKNOWN
    return ONLINE if "\nprobe_success 1" in told else OFFLINE


# ---- a heartbeat of the camera's own, such as GB/T 28181's: three missed are offline ------------


async def heartbeats(spec: Spec, notes: Notes) -> None:
    heard: dict[str, int] = {}

    class Ear(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
            heard[data.decode()] = now_ms()
            notes.note(data.decode(), now_ms(), ONLINE)

    await asyncio.get_running_loop().create_datagram_endpoint(Ear, local_addr=("0.0.0.0", BEATS_PORT))
    lost: set[str] = set()
    began = now_ms()
    while True:
        await asyncio.sleep(0.2)
        for one in spec.targets:
            silent_ms = now_ms() - heard.get(one.slot, began)
            if silent_ms <= MISSED * spec.beat_s * 1000 + 500:
                lost.discard(one.slot)
            elif one.slot not in lost:
                lost.add(one.slot)
                notes.note(one.slot, now_ms(), OFFLINE)


def main() -> None:
    kind, spec, out = sys.argv[1], read(sys.argv[2]), sys.argv[3]
    notes = Notes(out)
    asks: dict[str, Ask] = {"ping": ping, "tcp": tcp, "ffprobe": ffprobe}
    if kind == "heartbeat":
        work: Awaitable[None] = heartbeats(spec, notes)
    elif kind.startswith("bb-"):
        work = blackbox(spec, kind.removeprefix("bb-"), Path(out).parent, notes)
    else:
        work = poll(spec, asks[kind], notes)
    until_told(work)


def until_told(work: Awaitable[None]) -> None:
    """Until SIGTERM."""

    async def all_of_it() -> None:
        task = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await task

    try:
        asyncio.run(all_of_it())
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    main()
