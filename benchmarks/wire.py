"""P8: bytes between the agent and its broker in a day, over TLS, counted at the sockets of a relay of our own.

The day is run in a minute or two: heartbeats come sixty times as often, one camera goes and comes back for all of them.
The relay sees ciphertext alone, as a mobile-phone bill does.
"""

import json
import select
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import measure
from benchmarks.daemon import settled
from benchmarks.measure import Figure
from scripts.stage import CITY, GATEWAY, Canteen, free_port

CAMERAS = 16
BEATS = 1440
"""Heartbeats of a day."""
TLS_RECORD = 22
"""Bytes TLS 1.3 adds to what it carries: header 5, content type 1, tag 16 (RFC 8446, 5.2)."""
PING_BYTES = 2 * (2 + TLS_RECORD)
"""PINGREQ and PINGRESP, at worst one pair a minute, which hurried heartbeats leave out."""
IP_TCP = 52
"""Headers of a segment on Linux: IPv4 20, TCP 20, timestamps 12."""


class Traffic(NamedTuple):
    """`carried`: bytes of payload both ways; `segments`: pieces in which they came; `sent`: those of the agent."""

    carried: int
    segments: int
    sent: int

    def since(self, before: "Traffic") -> "Traffic":
        return Traffic(*(now - then for now, then in zip(self, before, strict=True)))


class Relay:
    """Hands on one connection after the other and counts."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._carried = self._segments = self._sent = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def traffic(self) -> Traffic:
        return Traffic(self._carried, self._segments, self._sent)

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            with suppress(OSError), near, socket.create_connection(("127.0.0.1", self._port)) as far:
                self._hand_on(near, {near: far, far: near})

    def _hand_on(self, near: socket.socket, other: dict[socket.socket, socket.socket]) -> None:
        while True:
            for ready in select.select(list(other), [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                self._carried += len(data)
                self._segments += 1
                self._sent += ready is near
                other[ready].sendall(data)


class Secured(Canteen):
    """A canteen whose agent reaches the broker over TLS, through a relay."""

    def __init__(self, folder: Path, cast: list[tuple[str, str, str]], *, heartbeat_s: float) -> None:
        super().__init__(folder, cast, accepted_after_s=0, look_s=6, heartbeat_s=heartbeat_s)
        self.tls_port = free_port()
        self.ca = certificates(folder)
        self.relay = Relay(self.tls_port)
        listener = (
            f"\nlistener {self.tls_port} 127.0.0.1\ncertfile {folder}/server.crt\nkeyfile {folder}/server.key\n"
            f"allow_anonymous false\npassword_file {folder}/users\nacl_file {folder}/acl\n"
            "use_username_as_clientid true\n"
        )
        with (folder / "mosquitto.conf").open("a") as conf:
            conf.write(listener)
        plain, secure = f"port: {self.port},", f"port: {self.relay.port}, tls: {{ca: {self.ca}}},"
        self.config.write_text(self.config.read_text().replace(plain, secure))


def certificates(folder: Path) -> Path:
    """A server certificate for 127.0.0.1 signed by an authority of our own; the authority's file."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench-ca"
        " -keyout ca.key -out ca.crt && "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1"
        " -keyout server.key -out server.csr && "
        "printf 'subjectAltName=IP:127.0.0.1' > san && "
        "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.crt"
    )
    subprocess.run(["bash", "-c", command], cwd=folder, check=True, capture_output=True)
    return folder / "ca.crt"


def wire(quiet_s: float) -> list[Figure]:
    """A day: a start with all its documents, 1,440 heartbeats with a ping each, and every camera gone and back once."""
    cast = [(f"c{i:02d}", "kitchen", "dahua-bullet") for i in range(CAMERAS)]
    with tempfile.TemporaryDirectory(prefix="canteen-bench-") as folder, ExitStack() as stack:
        stage = Secured(Path(folder), cast, heartbeat_s=1)
        stack.callback(stage.relay.close)
        running = stage.start(stack)
        wait(stage, lambda: settled(stage))
        start = at_rest(stage)
        quiet, took_s = passing(stage, lambda: time.sleep(quiet_s))
        outage, lasted_s = passing(stage, lambda: outage_of(stage, cast[0][0]))
        as_much_as_we_know = {k: v for k, v in stage.status()["cameras"][0].items() if k not in ("verdicts", "model")}
        Canteen.end(running["agent"])
        rich = one_message(stage, as_much_as_we_know)
        bare = one_message(stage, {"slot": "c00", "at": round(time.time() * 1000), "state": "online", "reason": None})
    beats = quiet.sent  # nothing else is sent while all is well
    beat, per_s = quiet.carried / beats + PING_BYTES, quiet.carried / took_s
    out = max(0.0, outage.carried - per_s * lasted_s)
    day = start.carried + BEATS * beat + CAMERAS * out
    parts = f"start {start.carried / 1e3:.1f} kB, {BEATS} x {beat:.0f} B, {CAMERAS} outages x {out / 1e3:.1f} kB"
    measure.keep("wire", [["start", start.carried], ["heartbeats", BEATS * beat], ["outages", CAMERAS * out]])
    with_headers = day + IP_TCP * 2 * (BEATS * 2 + start.segments + CAMERAS * outage.segments)
    figures = [
        Figure("P8", f"bytes of a day, {CAMERAS} cameras, TLS, acks included", day / 1e6, "MB", 0.9, parts),
        Figure("", "the same with headers of TCP and IP, an ack for each segment", with_headers / 1e6, "MB"),
    ]
    for what, size, goal in (("telling as much", rich, 0.05), ("telling no more than up or down", bare, None)):
        others = size * CAMERAS * BEATS / 1e6
        told = f"{size:.0f} B with its acks"
        beside = {"us": f"{day / 1e6:.3g} MB", "peer": f"{others:.3g} MB"}
        line = f"day / one message per camera and minute {what}"
        figures.append(Figure("P8" if goal else "", line, day / 1e6 / others, "x", goal, told, **beside))
    return figures


def wait(stage: Canteen, reached: Callable[[], bool], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise RuntimeError(f"not reached: {(stage.folder / 'agent.log').read_text()[-2000:]}")
        time.sleep(0.2)


def at_rest(stage: "Secured") -> Traffic:
    """The traffic so far, once nothing is pending and for 12 s no document has been sent."""
    wait(stage, lambda: stage.status().get("uplink", {}).get("pending") == 0)
    quiet_since = time.monotonic()
    before = stage.relay.traffic
    while time.monotonic() - quiet_since < 12:
        time.sleep(1)
        after = stage.relay.traffic
        if after.since(before).carried > 3_000:
            quiet_since = time.monotonic()
        before = after
    return before


def passing(stage: "Secured", during: Callable[[], None]) -> tuple[Traffic, float]:
    before, began = stage.relay.traffic, time.monotonic()
    during()
    return stage.relay.traffic.since(before), time.monotonic() - began


def outage_of(stage: "Secured", slot: str) -> None:
    """One camera goes and comes back, and is asked for its capabilities again."""
    for fault, online in (("off", CAMERAS - 1), ("none", CAMERAS)):
        stage.fault(slot, fault)
        wait(stage, lambda: sum(one["availability"] == "online" for one in stage.status()["cameras"]) == online)  # noqa: B023
    at_rest(stage)


def one_message(stage: "Secured", said: dict[str, Any], count: int = 200) -> float:
    """Bytes of one message about one camera as others send it every minute: QoS 1, acknowledged."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    user = f"{CITY}/{GATEWAY}"
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user)
    client.username_pw_set(user, stage.passwords["agent"])
    client.tls_set_context(ssl.create_default_context(cafile=str(stage.ca)))
    client.connect("127.0.0.1", stage.relay.port)
    client.loop_start()
    topic, payload = f"mclz/v1/{CITY}/{GATEWAY}/up/res", json.dumps(said)
    client.publish(topic, payload, 1).wait_for_publish(10)
    time.sleep(1)
    before = stage.relay.traffic
    for _ in range(count):
        client.publish(topic, payload, 1).wait_for_publish(10)
    time.sleep(1)
    after = stage.relay.traffic
    client.disconnect()
    client.loop_stop()
    return after.since(before).carried / count
