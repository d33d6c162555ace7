"""One run: builds the LAN, lets everybody begin, strikes as planned, and keeps who told what when.

What that is worth must not be known here: see report.py.
"""

import json
import os
import pickle
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import psutil

from benchmarks import venvs
from benchmarks.probe import ASYNC
from benchmarks.truth.cast import CAST, Actor, OwnCut, Plan, Strike, truth
from benchmarks.truth.lan import ROOT, Lan
from benchmarks.truth.ours import Ours
from benchmarks.truth.poll import Target
from benchmarks.truth.score import ONLINE, UNKNOWN, Span, Window, held
from simulator import control

OURS = "ours"
PEERS = {
    "bb-icmp": "blackbox_exporter, ICMP",
    "bb-tcp": "blackbox_exporter, TCP",
    "bb-rtsp": "blackbox_exporter, RTSP DESCRIBE",
    "onvif": "onvif-zeep-async, GetDeviceInformation",
    "ffprobe": "ffprobe, one picture decoded",
    "heartbeat": "heartbeat of the camera, 3 missed",
    "ping": "ping, 3 echoes",
    "tcp": "TCP connect to the RTSP port",
}
NEEDS = {
    "bb-icmp": ("prometheus-blackbox-exporter", "prometheus-blackbox-exporter"),
    "bb-tcp": ("prometheus-blackbox-exporter", "prometheus-blackbox-exporter"),
    "bb-rtsp": ("prometheus-blackbox-exporter", "prometheus-blackbox-exporter"),
    "ffprobe": ("ffprobe", "ffmpeg"),
    "ping": ("ping", "iputils-ping"),
}
"""Contender -> its command, and the Debian package that has it."""
STALL_S = 180.0
"""No further camera seen for so long: it will not be."""
BEATS = 2.5
"""Heartbeats of ours from the center's start to the measurement, so that it knows the gateway by then."""
USER = "viewer"


class Cost(NamedTuple):
    """Of the measured time: bytes at the contender's port to the cameras, and CPU seconds of it and its children."""

    carried: int
    cpu_s: float


class Told(NamedTuple):
    """What one contender said: `spans` as it shows the past, `known` when it first could say so."""

    spans: dict[str, list[Span]]
    known: dict[str, list[tuple[int, str]]]
    cost: Cost


class Sample(NamedTuple):
    slot: str
    begin: int
    end: int
    ok: bool
    why: str


class Run(NamedTuple):
    """[begin, end) in UTC ms; strikes and cuts with the moments at which they really began and ended."""

    plan: Plan
    begin: int
    end: int
    strikes: list[tuple[Strike, Window]]
    cuts: list[tuple[OwnCut, Window]]
    late_ms: int
    """The longest that it took to carry out a strike."""
    told: dict[str, Told]
    missing: dict[str, str]
    samples: list[Sample]
    rates: dict[str, Any]
    uplinked: int

    def truth(self, slot: str) -> list[Span]:
        return truth(slot, self.begin, self.end, self.strikes)

    def permitted(self, slot: str) -> list[Span]:
        """What may be said of it by who calls nothing offline that was not seen to be."""
        return truth(slot, self.begin, self.end, self.strikes, not_shown=UNKNOWN)


def run(plan: Plan) -> Run:
    """Raises RuntimeError when it cannot be set up, says why."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was begun is ended and taken away
    missing = {
        name: f"no {command} here: apt-get install {package}"
        for name, (command, package) in NEEDS.items()
        if not shutil.which(command)
    }
    onvif_python = Path()
    try:
        onvif_python = venvs.python_with(ASYNC)
    except RuntimeError as error:
        missing["onvif"] = str(error)
    folder = Path(tempfile.mkdtemp(prefix="truth-"))
    try:
        with Lan([name for name in PEERS if name not in missing]) as lan, ExitStack() as stack:
            played = _Play(plan, folder, lan, stack, missing, onvif_python).run()
            (folder / "run.pickle").write_bytes(pickle.dumps(played))
            return played
    finally:
        if "CANTEEN_TRUTH_KEEP" in os.environ:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


class _Play:
    def __init__(
        self, plan: Plan, folder: Path, lan: Lan, stack: ExitStack, missing: dict[str, str], onvif_python: Path
    ) -> None:
        self.plan, self.folder, self.lan, self.stack = plan, folder, lan, stack
        self.missing, self.onvif_python = missing, onvif_python
        self.begin = self.end = 0
        self.targets = {one.slot: _target(one, secrets.token_urlsafe(9)) for one in CAST}
        self.ours = Ours(folder, plan, self.targets)
        self.spec = folder / "spec.json"
        self.spec.touch(mode=0o600)
        told = {"look_s": plan.look_s, "beat_s": plan.beat_s, "targets": [t._asdict() for t in self.targets.values()]}
        self.spec.write_text(json.dumps(told))
        self.spec.with_suffix(".spares").write_text(json.dumps({one.slot: one.spare for one in CAST}))
        self.foreign: dict[str, subprocess.Popen[bytes]] = {}
        self.contenders: dict[str, subprocess.Popen[bytes]] = {}
        self.holders: dict[str, ExitStack] = {}
        self.began: dict[Strike | OwnCut, int] = {}
        self.ended: dict[Strike | OwnCut, int] = {}
        self.late_ms = 0

    def run(self) -> Run:
        self._cameras()
        _say("cameras up, starting the contenders")
        self._contenders()
        self._wait_until_all_is_seen()
        self._center()
        before = self._costs()
        uplinked = self.lan.uplinked()
        self._play()
        _wait(self.end / 1000)
        after, uplinked = self._costs(), self.lan.uplinked() - uplinked
        if ended := [name for name, one in self.contenders.items() if one.poll() is not None]:
            told = (self.folder / f"{'agent' if ended[0] == OURS else ended[0]}.log").read_text(errors="replace")
            raise RuntimeError(f"a contender ended before the end, {ended[0]}: {told[-600:]}")
        _say("over; waiting for the last heartbeat")
        time.sleep(1.1 * self.plan.beat_s + 5)
        costs = {
            name: Cost(after[name].carried - one.carried, after[name].cpu_s - one.cpu_s) for name, one in before.items()
        }
        told = {OURS: Told(self.ours.timelines(self.end), self.ours.known(), costs[OURS])}
        told |= {name: self._answers(name, costs[name]) for name in self.contenders if name != OURS}
        return Run(
            self.plan,
            self.begin,
            self.end,
            [(one, self._when(one)) for one in self.plan.strikes],
            [(one, self._when(one)) for one in self.plan.cuts],
            self.late_ms,
            told,
            self.missing,
            [Sample(**line) for line in _lines(self.folder / "witness.jsonl")],
            self.ours.rates(self.end),
            uplinked,
        )

    def _when(self, one: Strike | OwnCut) -> Window:
        return self.began[one], self.ended[one]

    # ---- what runs ------------------------------------------------------------------------------

    @contextmanager
    def _process(self, title: str, host: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Its output goes to a file; its input is a pipe."""
        words = self.lan.inside(host) + command
        with (self.folder / f"{title}.log").open("ab") as log:
            started = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=ROOT)
        try:
            yield started
        finally:
            _end(started)

    def _start(self, title: str, host: str, *command: str) -> subprocess.Popen[bytes]:
        return self.stack.enter_context(self._process(title, host, *command))

    def _cameras(self) -> None:
        lines = ["cameras:"]
        for one in CAST:
            target = self.targets[one.slot]
            if one.server == "simulated":
                who = f"slot: {one.slot}, persona: {one.what}, address: {one.address}, spare_address: {one.spare}"
                login = f"user: {USER}, password: {json.dumps(target.password)}"
                lines.append(f"  - {{{who}, onvif_port: {target.onvif_port}, rtsp_port: {target.rtsp_port}, {login}}}")
            else:
                self._serve(one)
        scenario = self.folder / "scenario.yaml"
        scenario.touch(mode=0o600)
        scenario.write_text("\n".join(lines) + "\n")
        self.control = self.folder / "sim.sock"
        words = ("run", "--scenario", str(scenario), "--control", str(self.control))
        simulator = self._start("simulator", "cams", sys.executable, "-m", "simulator", *words)
        self._until(self.control.exists, simulator, "simulator")

    def _serve(self, actor: Actor) -> None:
        port = str(self.targets[actor.slot].rtsp_port)
        script = str(Path(__file__).with_name("gst.py"))
        log = self.folder / f"{actor.slot}.log"
        log.write_bytes(b"")
        words = ("/usr/bin/python3", script, actor.address, port, *actor.what.split())
        self.foreign[actor.slot] = self._start(actor.slot, "cams", *words)
        self._until(lambda: b"ready" in log.read_bytes(), self.foreign[actor.slot], actor.slot)

    def _contenders(self) -> None:
        python, spec = sys.executable, str(self.spec)
        self._start("broker", "far", *self.ours.broker())
        self.contenders[OURS] = self._start("agent", "box", *self.ours.agent())
        self._start("witness", "witness", python, "-m", "benchmarks.truth.witness", spec, self._book("witness"))
        for name in PEERS:
            if name in self.missing:
                continue
            words = [python, "-m", "benchmarks.truth.poll", name, spec]
            if name == "onvif":
                words = [str(self.onvif_python), "-m", "benchmarks.truth.onvif_poll", spec]
            self.contenders[name] = self._start(name, name, *words, self._book(name))
        to = self.lan.address_of("heartbeat")
        self.beats = self._start("beats", "cams", python, "-m", "benchmarks.truth.beats", spec, to)

    def _book(self, name: str) -> str:
        return str(self.folder / f"{name}.jsonl")

    def _until(self, ready: Callable[[], bool], process: subprocess.Popen[bytes], title: str) -> None:
        end = time.monotonic() + 60
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                told = (self.folder / f"{title}.log").read_text(errors="replace")
                raise RuntimeError(f"the {title} did not start: {told[-1500:]}")
            time.sleep(0.1)

    def _unseen(self) -> tuple[set[str], set[str]]:
        """Cameras that are not online for the agent now, and those of which the witness never had a picture."""
        every = {one.slot for one in CAST}
        online = {one["slot"] for one in self.ours.status() if one["availability"] == ONLINE}
        return every - online, every - {line["slot"] for line in _lines(self.folder / "witness.jsonl") if line["ok"]}

    def _wait_until_all_is_seen(self) -> None:
        """Who is not ready would be measured unfairly: waits as long as one camera after the other is seen."""
        least, since = 2 * len(CAST) + 1, time.monotonic()
        while any(unseen := self._unseen()):
            if (left := sum(map(len, unseen))) < least:
                least, since = left, time.monotonic()
            if time.monotonic() - since > STALL_S:
                raise RuntimeError(_not_ready(f"no further camera was seen in {STALL_S:.0f} s", *unseen))
            time.sleep(0.5)

    def _center(self) -> None:
        """Its registry says that the measurement begins once it has heard some heartbeats."""
        self.begin = (int(time.time() + BEATS * self.plan.beat_s + 10) + 1) * 1000
        self.end = self.begin + int(self.plan.seconds * 1000)
        self.ours.register(self.begin)
        self._start("center", "far", *self.ours.center())
        _say(f"every camera seen; the measurement begins in {self.begin / 1000 - time.time():.0f} s")
        _wait(self.begin / 1000)
        if any(unseen := self._unseen()):
            raise RuntimeError(_not_ready("a camera was lost before the measurement began", *unseen))

    # ---- what strikes ---------------------------------------------------------------------------

    def _play(self) -> None:
        deeds: list[tuple[float, Strike | OwnCut, bool]] = []
        every: list[Strike | OwnCut] = [*self.plan.strikes, *self.plan.cuts]
        for one in every:
            deeds += [(one.at_s, one, True), (one.until_s, one, False)]
        for at_s, one, begins in sorted(deeds, key=lambda deed: deed[0]):
            _wait(self.begin / 1000 + at_s)
            began = _now_ms()
            self._do(one, begins)
            done = _now_ms()
            if begins:
                self.began[one] = began if isinstance(one, OwnCut) else done  # what is cut is cut port by port
            else:
                self.ended[one] = done
            self.late_ms = max(self.late_ms, done - began)
            what = one.about if isinstance(one, Strike) else f"our own side: {one.kind}"
            _say(f"{at_s:6.0f} s  {getattr(one, 'slot', ''):8} {'begins' if begins else 'ends'}: {what}")

    def _do(self, one: Strike | OwnCut, begins: bool) -> None:
        if isinstance(one, OwnCut):
            self.lan.cut(one.kind, begins)
            return
        actor = next(actor for actor in CAST if actor.slot == one.slot)
        if not one.beats:
            self._write(self.beats, f"{one.slot} {'off' if begins else 'on'}")
        match one.kind:
            case "simulator":
                if wrong := control.order(self.control, one.slot, one.act if begins else "none"):
                    raise RuntimeError(f"the simulator refused {one.slot} {one.act}: {wrong}")
            case "cable":
                self.lan.unplug(actor, begins)
            case "held":
                self._hold(actor, begins)
            case "gstreamer":
                self._gstreamer(actor, one.act, begins)

    def _gstreamer(self, actor: Actor, act: str, begins: bool) -> None:
        server = self.foreign[actor.slot]
        if act == "kill" and begins:
            server.kill()
            server.wait()
        elif act == "kill":
            self._serve(actor)
        else:
            log, word = self.folder / f"{actor.slot}.log", "break" if begins else "mend"
            before = log.read_text().count(word)
            self._write(server, word)
            self._until(lambda: log.read_text().count(word) > before, server, actor.slot)

    def _hold(self, actor: Actor, begins: bool) -> None:
        if begins:
            stack = self.holders[actor.slot] = self.stack.enter_context(ExitStack())
            words = (
                sys.executable,
                "-m",
                "benchmarks.truth.witness",
                str(self.spec),
                self._book("witness"),
                actor.slot,
            )
            stack.enter_context(self._process("holder", "witness", *words))
        else:
            self.holders.pop(actor.slot).close()

    @staticmethod
    def _write(process: subprocess.Popen[bytes], line: str) -> None:
        to: IO[bytes] | None = process.stdin
        if to is None:
            raise RuntimeError("it has no input")
        to.write(f"{line}\n".encode())
        to.flush()

    # ---- what is left of it ---------------------------------------------------------------------

    def _costs(self) -> dict[str, Cost]:
        ports = {name: "box" if name == OURS else name for name in self.contenders}
        return {name: Cost(self.lan.carried(ports[name]), _cpu_s(one.pid)) for name, one in self.contenders.items()}

    def _answers(self, name: str, cost: Cost) -> Told:
        lines = _lines(self.folder / f"{name}.jsonl")
        spans, known = {}, {}
        for one in CAST:
            own = [line for line in lines if line["slot"] == one.slot]
            spans[one.slot] = held(((line["begin"], line["state"]) for line in own), self.end)
            known[one.slot] = sorted((line["end"], line["state"]) for line in own)
        return Told(spans, known, cost)


def _not_ready(why: str, not_online: set[str], not_seen: set[str]) -> str:
    return (
        f"{why}: not online for the agent {sorted(not_online)}, not seen by the witness {sorted(not_seen)}; "
        f"the load is {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores: try again when less else runs here"
    )


def _target(actor: Actor, password: str) -> Target:
    simulated = actor.server == "simulated"
    user, password = (USER, password) if simulated else ("", "")
    return Target(actor.slot, actor.address, 80 if simulated else 0, 554, actor.path, user, password)


def _cpu_s(pid: int) -> float:
    """Of a process and all its children, those that ended with them."""
    try:
        root = psutil.Process(pid)
        everybody = [root, *root.children(recursive=True)]
        return sum(sum(one.cpu_times()[:4]) for one in everybody)
    except psutil.Error:
        return 0.0


def _lines(file: Path) -> list[dict[str, Any]]:
    """Whole lines so far."""
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                continue


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _wait(until_s: float) -> None:
    threading.Event().wait(max(0.0, until_s - time.time()))


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def names(run_: Run) -> Sequence[str]:
    """Ours first."""
    return [OURS, *(name for name in PEERS if name in run_.told)]
