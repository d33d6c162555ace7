"""T5: three foreign RTSP servers at once (GStreamer's), and the agent alone: what it tells is held against the truth.

One whose pipeline cannot start, and which is killed and restarted; one with room for one client, which a viewer takes;
a recorder of 32 slots with room for four connections, one of whose channels never plays.
"""

import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import av
import msgspec

from agent.ask.attempt import boot_ms
from agent.tell.journal import Journal
from benchmarks.measure import Figure
from benchmarks.truth.score import OFFLINE, ONLINE, Score, Span, Window, merged, score, total, without
from benchmarks.truth.witness import OPTIONS, look
from contract.messages import Event, Transition
from scripts.stage import Failed, tool
from tests import evil
from tests.chaos.options import Options, folder
from tests.chaos.site import until

GST = Path(__file__).parents[2] / "benchmarks" / "truth" / "gst.py"
PORT, CHANNELS, ROOM, DEAD = 8554, 32, 4, 32
"""Of the recorder: its slots, the connections it takes, the channel whose pipeline never starts."""
SERVERS: Mapping[str, tuple[str, ...]] = {
    "dead": (),
    "single": ("one-client",),
    "recorder": (f"channels={CHANNELS}", f"room={ROOM}", f"dead={DEAD}"),
}
PATHS = {"dead": ("/live",), "single": ("/live",), "recorder": tuple(f"/ch{n + 1}" for n in range(CHANNELS))}
NEVER = f"recorder-{DEAD}"
SLOT_S = 1.0
"""For a look at one of many slots: the server sets a live pipeline up for each, which takes half a second of a core."""
EDGE_MS = 4000
"""So near a change a sample of the witness proves nothing."""
EARLY_MS = 5000 + EDGE_MS
"""A look's deadline, and what a server takes to come back after it listens."""
WITNESS_S = 10.0


class Act(NamedTuple):
    """In [begin, until), shares of the run: its pipelines cannot start, it is killed, or so many viewers watch it."""

    server: str
    begin: float
    until: float
    deed: Literal["break", "kill", "watch"]
    viewers: int = 0


ACTS = (
    Act("dead", 0.08, 0.25, "break"),
    Act("dead", 0.38, 0.50, "kill"),
    Act("dead", 0.65, 0.90, "break"),
    Act("dead", 0.72, 0.76, "kill"),  # and comes back with a pipeline that cannot start
    Act("single", 0.10, 0.22, "watch", 1),
    Act("single", 0.40, 0.85, "watch", 1),
    Act("single", 0.90, 0.95, "kill"),
    Act("recorder", 0.05, 0.30, "watch", ROOM - 1),
    Act("recorder", 0.40, 0.60, "watch", ROOM),
    Act("recorder", 0.75, 0.85, "kill"),
)


class Played(NamedTuple):
    """What was done: each act with the boot ms at which it began and ended."""

    begin: int
    end: int
    acts: Sequence[tuple[Act, Window]]

    def truth(self, slot: str) -> list[Span]:
        """Whether anybody could open it."""
        gone = [when for act, when in self.acts if act.server == _server(slot) and act.deed != "watch"]
        if slot == NEVER:
            gone = [(self.begin, self.end)]
        closed = [(max(b, self.begin), min(e, self.end)) for b, e in merged(gone)]
        spans = [Span(b, e, OFFLINE) for b, e in closed]
        return sorted(spans + [Span(b, e, ONLINE) for b, e in without([(self.begin, self.end)], closed)])


def slots() -> Iterator[tuple[str, str, str]]:
    """(slot, server, path) of each."""
    for server, paths in PATHS.items():
        yield from ((f"{server}-{n}" if len(paths) > 1 else server, server, path) for n, path in enumerate(paths, 1))


def _server(slot: str) -> str:
    return slot.partition("-")[0]


# ---- judging -------------------------------------------------------------------------------------


def judged(played: Played, told: Mapping[str, Sequence[Span]], grace_ms: Mapping[str, int]) -> dict[str, Score]:
    """Server -> what was told of its slots; each change of the truth may be noticed for so long (`grace_ms`).

    It may be dated a little before, too: by the start of the look that ran into it.
    """
    found: dict[str, list[Score]] = {server: [] for server in SERVERS}
    for slot, server, _ in slots():
        true = played.truth(slot)
        changes = [(one.begin - EARLY_MS, one.begin + grace_ms[server]) for one in true[1:]]
        found[server].append(score(true, told.get(slot, ()), without([(played.begin, played.end)], changes)))
    return {server: total(scores) for server, scores in found.items()}


def contradictions(played: Played, samples: Sequence[tuple[str, int, int, str]]) -> list[str]:
    """Samples of the witness (slot, begin, end, what went wrong) that what was declared does not explain."""
    found = []
    for slot, begin, end, why in samples:
        taken = [when for act, when in played.acts if act.server == _server(slot) and act.deed == "watch"]
        taken = [(b - EDGE_MS, e + EDGE_MS) for b, e in taken]
        inside = [s for s in played.truth(slot) if s.begin + EDGE_MS <= begin and end <= s.end - EDGE_MS]
        if not inside or (why and any(b < end and begin < e for b, e in taken)):
            continue
        if (inside[0].state == ONLINE) == bool(why):
            at = (begin - played.begin) / 1000
            found.append(f"{slot} at {at:.0f} s is declared {inside[0].state}, but {why or 'a picture decoded'}")
    return found


# ---- playing -------------------------------------------------------------------------------------


class Server:
    """A GStreamer server that can be killed and started anew, broken or not."""

    def __init__(self, name: str, home: Path) -> None:
        self.name, self.address, self.broken = name, evil.loopback(), False
        self._log = home / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, path: str) -> str:
        return f"rtsp://{self.address}:{PORT}{path}"

    def start(self) -> None:
        words = ["/usr/bin/python3", str(GST), self.address, str(PORT), *SERVERS[self.name]]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self._until("ready")
        if self.broken:
            self.tell("break")

    def tell(self, word: str) -> None:
        self.broken = word == "break"
        if self._process is None or self._process.stdin is None:
            return  # it is dead just now, and will know when it is back
        before = self._log.read_text().count(word)
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()
        self._until(word, before)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _until(self, word: str, before: int = 0) -> None:
        until(lambda: self._log.read_text().count(word) > before, 60, f"the {self.name} server says {word}")


class Viewer:
    """Somebody who watches, and comes again when thrown out: a context."""

    def __init__(self, url: str) -> None:
        self.pictures = 0
        self._url, self._stop = url, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Viewer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                with av.open(self._url, options=OPTIONS, timeout=(5.0, 5.0)) as stream:
                    for _ in stream.decode(video=0):
                        self.pictures += 1
                        if self._stop.is_set():
                            return
            except (av.error.FFmpegError, IndexError, OSError):
                self._stop.wait(0.3)


class Play:
    """The run: servers, agent and witness; a context."""

    def __init__(self, home: Path, minutes: float) -> None:
        self.home, self.seconds = home, 60 * minutes
        self.look_s = min(30.0, 2 * minutes)
        self.deadline_s = min(5.0, 0.8 * self.look_s)
        self.servers = {name: Server(name, home) for name in SERVERS}
        self.samples: list[tuple[str, int, int, str]] = []
        self._over = threading.Event()

    @property
    def grace_ms(self) -> dict[str, int]:
        """From one look to the next, as long as that may take, and the harness's own delay.

        The slots of one server are looked at one after the other.
        """
        return {
            name: int(1000 * (max(self.look_s, SLOT_S * len(paths)) + self.deadline_s)) + EDGE_MS
            for name, paths in PATHS.items()
        }

    def run(self) -> tuple[Played, dict[str, list[Span]]]:
        try:
            for server in self.servers.values():
                server.start()
            with self._agent() as agent, self._witness():
                ready = lambda: agent.poll() is not None or self._all_online()  # noqa: E731
                until(ready, 600, "every camera is online but the one that never plays", 0.5)
                self._complain_if_ended(agent)
                played = self._played()
                time.sleep(2 * self.look_s + self.deadline_s)  # what is dated before the end is told by then
            return played, self._told(played.end)
        finally:
            for server in self.servers.values():
                server.kill()

    @contextmanager
    def _agent(self) -> Iterator[subprocess.Popen[bytes]]:
        state = self.home / "state"
        state.mkdir()
        config = self.home / "agent.yaml"
        lines = [
            "gateway: {id: zz-foreign-0001, city: '4101'}",
            "broker: [{host: 127.0.0.1, port: 1, tls: null}]",  # nobody is there: the journal keeps all
            f"state_dir: {state}",
            f"look: {{interval: {self.look_s:g}s, deadline: {self.deadline_s:g}s}}",
            f"picture: {{interval: {10 * self.look_s:g}s, deadline: {min(60, 5 * self.look_s):g}s}}",
            "discovery: {enabled: false}",
            "cameras:",
        ]
        for slot, server, path in slots():
            where = f"address: {self.servers[server].address}, rtsp_port: {PORT}, stream_path: {path}"
            lines.append(f"  - {{slot: {slot}, {where}}}")
        config.write_text("\n".join(lines) + "\n")
        with (self.home / "agent.log").open("wb") as log:
            words = [tool("canteen-agent"), "run", "--config", str(config)]
            agent = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            yield agent
            self._complain_if_ended(agent)
        finally:
            agent.terminate()
            agent.wait()

    def _complain_if_ended(self, agent: subprocess.Popen[bytes]) -> None:
        if agent.poll() is not None:
            raise Failed(f"the agent ended: {(self.home / 'agent.log').read_text()[-600:]}")

    def _all_online(self) -> bool:
        try:
            status = msgspec.json.decode((self.home / "state" / "status.json").read_bytes())
        except (OSError, msgspec.DecodeError):
            return False
        return all(one["availability"] == ONLINE for one in status["cameras"] if one["slot"] != NEVER)

    def _played(self) -> Played:
        begin = boot_ms()
        deeds = [(act.begin, act, True) for act in ACTS] + [(act.until, act, False) for act in ACTS]
        began: dict[Act, int] = {}
        acts: list[tuple[Act, Window]] = []
        watching: dict[Act, list[Viewer]] = {}
        for share, act, begins in sorted(deeds, key=lambda deed: deed[0]):
            time.sleep(max(0.0, begin / 1000 + share * self.seconds - boot_ms() / 1000))
            before = boot_ms()
            self._do(act, begins, watching)
            if begins:
                began[act] = before
            else:
                acts.append((act, (began[act], boot_ms())))
        time.sleep(max(0.0, begin / 1000 + self.seconds - boot_ms() / 1000))
        return Played(begin, boot_ms(), acts)

    def _do(self, act: Act, begins: bool, watching: dict[Act, list[Viewer]]) -> None:
        server = self.servers[act.server]
        match act.deed, begins:
            case "break", _:
                server.tell("break" if begins else "mend")
            case "kill", True:
                server.kill()
            case "kill", False:
                server.start()
            case _, True:
                paths = PATHS[act.server][: act.viewers]
                watching[act] = [Viewer(server.url(path)).__enter__() for path in paths]
            case _:
                seeing = 0
                for viewer in watching.pop(act):
                    viewer.__exit__()
                    seeing += viewer.pictures > 0
                if seeing < min(act.viewers, ROOM - 1):  # the last place may be ours all the time
                    raise Failed(f"{seeing} of {act.viewers} viewers of {act.server} saw anything in {act}")

    @contextmanager
    def _witness(self) -> Iterator[None]:
        thread = threading.Thread(target=self._bear_witness, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _bear_witness(self) -> None:
        """One slot of each server after the other; who is refused asks once more, for our own visit may be there."""
        n = 0
        while not self._over.wait(WITNESS_S):
            n += 1
            for name, paths in PATHS.items():
                at = (11 * n) % len(paths)
                slot = f"{name}-{at + 1}" if len(paths) > 1 else name
                begin, url = boot_ms(), self.servers[name].url(paths[at])
                why = look(url) and (time.sleep(2.0) or look(url))
                self.samples.append((slot, begin, boot_ms(), why))

    def _told(self, end: int) -> dict[str, list[Span]]:
        """Slot -> what the journal says of it."""
        journal = Journal(self.home / "state" / "journal.db")
        changes: dict[str, list[Transition]] = {}
        try:
            for store, oldest, _ in journal.undelivered():
                after = oldest - 1
                while rows := journal.batch(store, after, 10**9):
                    for row in rows:
                        event = msgspec.json.decode(row.body, type=Event)
                        if isinstance(event, Transition):
                            changes.setdefault(event.slot, []).append(event)
                    after = rows[-1].seq
        finally:
            journal.close()
        found = {}
        for slot, own in changes.items():
            ends = [one.at for one in own[1:]] + [end]
            found[slot] = [Span(one.at, until_, one.to) for one, until_ in zip(own, ends, strict=True)]
        return found


# ---- figures -------------------------------------------------------------------------------------


def run(options: Options) -> list[Figure]:
    """The three at once for `options.minutes`."""
    with folder(options, "foreign") as home:
        play = Play(home, options.minutes)
        played, told = play.run()
    if wrong := contradictions(played, play.samples):
        raise Failed(f"{len(wrong)} samples contradict what was declared: {'; '.join(wrong[:3])}")
    note = f"{options.minutes:g} min, looks every {play.look_s:g} s; {len(play.samples)} samples of the witness"
    figures = []
    for server, made in judged(played, told, play.grace_ms).items():
        hours = f"{made.assessed / 3.6e6:.2f} camera-hours"
        figures += [
            Figure("T5", f"{server}: falsely online", made.false_online / 1000, "s", 0, note),
            Figure("T5", f"{server}: falsely offline", made.false_offline / 1000, "s", 0, hours),
            Figure("T5", f"{server}: unknown", made.unknown / 1000, "s", None, hours),
        ]
    return figures
