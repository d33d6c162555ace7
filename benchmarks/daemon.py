"""The daemon as a whole: memory, CPU, start to first look, and how soon the center knows that a camera was pulled.

Everything runs for real: simulated cameras, mosquitto, the agent, the center.

Run as a child in a network of its own (`unshare`): python -m benchmarks.daemon SECONDS prints the resources as JSON.
"""

import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.measure import Figure
from scripts.stage import Canteen, as_shipped, tool
from simulator.persona import personas

MANY = 64
LIBRARIES = ("zeep", "onvif", "lxml", "requests", "cv2", "numpy")


@contextmanager
def canteen(count: int, *, look_s: float, heartbeat_s: float = 60) -> Iterator[tuple[Canteen, dict[str, Any]]]:
    """A running canteen of `count` cameras, all of them judged and online; the agent in the environment of its unit."""
    cast = [(f"slot-{i:03d}", "kitchen", "dahua-bullet") for i in range(count)]
    with tempfile.TemporaryDirectory(prefix="canteen-bench-") as folder, ExitStack() as stack:
        stage = Canteen(Path(folder), cast, accepted_after_s=0, look_s=look_s, heartbeat_s=heartbeat_s)
        running = stage.start(stack, before_agent=as_shipped())
        end = time.monotonic() + 180
        while not settled(stage):
            if time.monotonic() > end or running["agent"].poll() is not None:
                raise RuntimeError((Path(folder) / "agent.log").read_text()[-3000:])
            time.sleep(0.5)
        yield stage, running


def settled(stage: Canteen) -> bool:
    cameras = stage.status()["cameras"]
    return bool(cameras) and all(one["availability"] == "online" and one["verdicts"] for one in cameras)


_ALONE = """
ip link set lo up multicast on
ip route add 224.0.0.0/4 dev lo
exec "$@"
"""


def resources(seconds: float) -> list[Figure]:
    """P4 and P5, in a network of their own: a Hello of another canteen on this machine costs a round of discovery."""
    network = ["unshare", "--net", *([] if os.geteuid() == 0 else ["-r"]), "sh", "-ec", _ALONE, "sh"]
    command = [*network, sys.executable, "-m", "benchmarks.daemon", str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Figure(*one) for one in json.loads(done.stdout)]


def _resources(seconds: float) -> list[Figure]:
    """Memory and CPU of the daemon with 64 cameras every 10 s.

    The children that decode a picture of every camera each five minutes are told apart: picture-cost measures them.
    """
    with canteen(MANY, look_s=10) as (_, running):
        pid = running["agent"].pid
        time.sleep(15)  # let the inspection's child be gone and the first round over
        before, began = measure.cpu_s(pid), time.monotonic()
        time.sleep(seconds)
        took_s = time.monotonic() - began
        own, ended = (100 * (now - then) / took_s for now, then in zip(measure.cpu_s(pid), before, strict=True))
        memory = measure.memory(pid)
        maps = Path(f"/proc/{pid}/maps").read_text()
        loaded = [name for name in LIBRARIES if f"/{name}/" in maps]
    return [
        Figure("P4", f"daemon RSS, {MANY} cameras", memory.rss_mb, "MB", 38),
        Figure("P4", f"daemon private dirty, {MANY} cameras", memory.private_dirty_mb, "MB", 22),
        Figure("P4", f"of {', '.join(LIBRARIES)} loaded", len(loaded), "", 0),
        Figure("P5", f"daemon CPU, {MANY} cameras every 10 s", own, "% of a core", 1, f"over {seconds:.0f} s"),
        Figure("", "its children in that time, which fetch and decode pictures", ended, "% of a core", None),
    ]


def looks(repetitions: int, count: int = 300) -> list[Figure]:
    """P5: the SOAP rung and a whole look beside zeep's own GetSystemDateAndTime."""
    with canteen(1, look_s=3600) as (stage, _):
        one = stage.cast[0]
        path = personas()[one.persona].profiles[0].path
        spent: dict[str, list[float]] = {"clock": [], "whole": [], "zeep": []}
        for _repetition in range(repetitions):
            for way, values in spent.items():
                command = [sys.executable, "-m", "benchmarks.looks", way, one.address, "8000", "8554", path, str(count)]
                done = subprocess.run(
                    command, input=stage.passwords["camera"] + "\n", capture_output=True, text=True, check=True
                )
                values.append(float(done.stdout))
    rung, rung_spread = measure.median_ratio(spent["clock"], spent["zeep"])
    look, look_spread = measure.median_ratio(spent["whole"], spent["zeep"])
    each = 1000 * statistics.median(spent["whole"]) / count
    return [
        Figure("P5", "SOAP rung / zeep's GetSystemDateAndTime, CPU", rung, "x", 0.35, rung_spread),
        Figure("P5", "whole look / zeep's GetSystemDateAndTime, CPU", look, "x", 0.7, look_spread),
        Figure("P5", "one whole look, CPU", each, "ms"),
    ]


def first_look(repetitions: int) -> list[Figure]:
    """P6: from starting the process to the first connection at a camera, which here is a bare listening socket."""
    took, imports = [], []
    for _repetition in range(repetitions):
        with socket.create_server(("127.0.0.1", 0)) as camera, tempfile.TemporaryDirectory() as folder:
            port = camera.getsockname()[1]
            config = Path(folder) / "agent.yaml"
            config.write_text(
                "gateway: {id: bench-0001, city: '4101'}\nbroker: [{host: 127.0.0.1, port: 9}]\n"
                f"state_dir: {folder}\ndiscovery: {{enabled: false}}\n"
                f"cameras: [{{slot: one, address: 127.0.0.1, onvif_port: {port}, rtsp_port: {port}}}]\n"
            )
            began = time.monotonic()
            agent = subprocess.Popen([tool("canteen-agent"), "run", "--config", str(config)], stderr=subprocess.DEVNULL)
            try:
                camera.settimeout(20)
                camera.accept()[0].close()
                took.append(time.monotonic() - began)
            finally:
                Canteen.end(agent)
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", "import onvif"], check=True)
        imports.append(time.monotonic() - began)
    return [
        Figure("P6", "start to first look", statistics.median(took), "s", 0.20, measure.spread(took)),
        Figure(
            "P6", "`import onvif` alone, for comparison", statistics.median(imports), "s", None, measure.spread(imports)
        ),
    ]


def pulled(count: int = 16, look_s: float = 30) -> list[Figure]:
    """P11: cameras pulled out at once, at the default interval; when does the center's database know of each?

    At another interval the goal is two intervals and the deadline of a look.
    """
    with canteen(count, look_s=look_s) as (stage, _):
        began = time.time()
        for one in stage.cast:
            stage.fault(one.slot, "off")
        known: dict[str, float] = {}
        while len(known) < count and time.time() - began < 120:
            for slot in offline(stage.database):
                known.setdefault(slot, time.time() - began)
            time.sleep(0.2)
    if len(known) < count:
        raise RuntimeError(f"the center learnt of {len(known)} of {count} pulled cameras only")
    return [
        Figure(
            "P11",
            f"camera pulled out to center knows, {look_s:g} s interval",
            max(known.values()),
            "s",
            45 if look_s == 30 else 2 * look_s + 5,
            f"worst of {count}; median {statistics.median(known.values()):.1f} s",
        ),
    ]


def offline(database: Path) -> Sequence[str]:
    """Slots whose latest transition in the center's database says offline."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT payload FROM events WHERE kind = 'transition' ORDER BY seq").fetchall()
    latest = {event["slot"]: event["to"] for event in (json.loads(row[0]) for row in rows)}
    return [slot for slot, to in latest.items() if to == "offline"]


if __name__ == "__main__":
    print(json.dumps(_resources(float(sys.argv[1]))))
