"""The daemon and what cameras show: faults told, what cannot be decoded, what an interrupted movement left."""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from scripts.stage import tool
from simulator.canteen import CameraSpec, Canteen
from simulator.unit import Unit
from tests.support.broker import Broker
from tests.support.waiting import PATIENCE_S, until

PASSWORD = "canary-of-the-kitchen"


class Ear:
    """All that the agent says at the broker; events by their sequence number, for they are told until acknowledged."""

    def __init__(self, broker: Broker) -> None:
        self.events: dict[int, dict[str, Any]] = {}
        self.all = b""
        ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe("mclz/#", 1)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = self._hear
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        assert ready.wait(PATIENCE_S)

    def _hear(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        self.all += message.payload
        if message.topic.endswith("/up/ev"):
            self.events |= {event["seq"]: event for event in json.loads(message.payload)["events"]}

    def told(self, kind: str, slot: str) -> list[dict[str, Any]]:
        """In order."""
        return [one for _, one in sorted(self.events.copy().items()) if (one["kind"], one.get("slot")) == (kind, slot)]


@contextmanager
def ear(broker: Broker) -> Iterator[Ear]:
    listening = Ear(broker)
    yield listening
    listening.client.disconnect()
    listening.client.loop_stop()


def configured(folder: Path, broker: Broker, units: Sequence[Unit]) -> Path:
    cameras = "".join(
        f"  - {{slot: {unit.spec.slot}, address: {unit.address}, onvif_port: {unit.onvif_port},"
        f" rtsp_port: {unit.rtsp_port}, credentials: kitchen}}\n"
        for unit in units
    )
    file = folder / "agent.yaml"
    file.touch(mode=0o600)
    file.write_text(
        f"gateway: {{id: box-0001, city: '4101'}}\nbroker: [{{host: {broker.host}, port: {broker.port}, tls: null}}]\n"
        f"state_dir: {folder}\nlook: {{interval: 3s, deadline: 2500ms}}\ndiscovery: {{enabled: false}}\n"
        "picture: {interval: 10s, deadline: 9s}\n"
        f"credentials: {{kitchen: {{user: admin, password: {PASSWORD}}}}}\ncameras:\n{cameras}"
    )
    return file


@contextmanager
def agent(folder: Path, *words: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("ab") as log:
        command = [tool("canteen-agent"), *words]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def status(folder: Path, slot: str) -> dict[str, Any]:
    try:
        cameras = json.loads((folder / "status.json").read_text())["cameras"]
    except (OSError, ValueError):
        return {"availability": "", "picture": {"sound": None}}
    return next(one for one in cameras if one["slot"] == slot)


def test_picture_faults_are_told_while_the_camera_stays_online(tmp_path: Path) -> None:
    """Black and frozen: raised and cleared, online throughout. Undecodable: not online until it is back.

    No picture is in any message or file.
    """
    faults = {"black": "black", "frozen": "freeze", "garbled": "rtsp-undecodable"}
    cast = [CameraSpec(slot=slot, persona="hikvision-dome", password=PASSWORD, seed=n) for n, slot in enumerate(faults)]
    with Canteen(cast) as canteen, Broker() as broker, ear(broker) as heard:
        canteen.warm(wait=True)
        file = configured(tmp_path, broker, canteen.cameras)
        with agent(tmp_path, "run", "--config", str(file)):
            until(lambda: all(status(tmp_path, slot)["picture"]["sound"] for slot in faults))
            assert {status(tmp_path, slot)["availability"] for slot in faults} == {"online"}
            for slot, fault in faults.items():
                canteen.fault(slot, fault)
            until(lambda: heard.told("picture", "black") and heard.told("picture", "frozen"))
            until(lambda: len(heard.told("transition", "garbled")) == 2)
            until(lambda: status(tmp_path, "black")["picture"]["sound"] is False)
            until(lambda: [one["fault"] for one in status(tmp_path, "frozen")["picture"]["faults"]] == ["freeze"])
            for slot in faults:
                canteen.fault(slot, "none")
            until(lambda: all(status(tmp_path, slot)["picture"]["sound"] for slot in faults))
            until(lambda: status(tmp_path, "garbled")["availability"] == "online")
        assert [(one["to"], one.get("reason"), one["level"]) for one in heard.told("transition", "garbled")] == [
            ("online", None, "streams"),
            ("unknown", "MALFORMED", "streams"),
            ("online", None, "streams"),
        ]
        for slot, fault in (("black", "signal_loss"), ("frozen", "freeze")):
            assert [one["to"] for one in heard.told("transition", slot)] == ["online"]
            raised, cleared = (one for one in heard.told("picture", slot) if one["fault"] == fault)
            assert "to" not in raised
            assert raised["from"] == cleared["from"] < cleared["to"]
        kept = b"".join(one.read_bytes() for one in tmp_path.iterdir() if one.is_file() and one != file)
        for content in (heard.all, kept):
            assert b"\xff\xd8\xff" not in content
            assert PASSWORD.encode() not in content


def pan(unit: Unit) -> float:
    return (unit.mount.pose(unit.clock()).pan + 180.0) % 360.0 - 180.0


SYNCED = "#include <sys/timex.h>\nint adjtimex(struct timex *t) { t->status = 0; t->maxerror = 1000; return 0; }\n"


def vouched(folder: Path) -> dict[str, str]:
    """An environment in which the kernel vouches for the clock, for the agent moves nothing without."""
    (folder / "synced.c").write_text(SYNCED)
    command = ["gcc", "-shared", "-fPIC", "-o", str(folder / "synced.so"), str(folder / "synced.c")]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(folder / "synced.so")}


@pytest.mark.parametrize(
    ("persona", "command"),
    [
        ("ptz-preset-only", "inspect --move"),
        pytest.param(
            "ptz-mirrored",
            "run",
            marks=pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc for the clock that is vouched for"),
        ),
    ],
)
def test_what_a_killed_agent_left_turned_away_is_put_back_at_the_next_start(
    tmp_path: Path, persona: str, command: str
) -> None:
    """Killed in the middle of its sweep, by hand or at night; the next `run` puts the camera back and says so."""
    spec = CameraSpec(slot="stove", persona=persona, password=PASSWORD, seed=3)
    with Canteen([spec]) as canteen, Broker() as broker, ear(broker) as heard:
        unit = canteen.camera("stove")
        file = configured(tmp_path, broker, canteen.cameras)
        quiet = file.read_text()
        if command == "run":
            file.write_text("movement: {enabled: true, window: 00:00-24:00}\n" + quiet)
        environment = vouched(tmp_path) if command == "run" else {}
        with agent(tmp_path, *command.split(), "--config", str(file), **environment) as moving:
            until(lambda: abs(pan(unit)) > 30.0)
            moving.send_signal(signal.SIGKILL)
            moving.wait()
        intents = tmp_path / "moving.json"
        assert intents.exists()
        assert PASSWORD.encode() not in intents.read_bytes()
        until(lambda: not unit.mount.moving(unit.clock()))
        assert abs(pan(unit)) > 5.0
        file.write_text(quiet)
        with agent(tmp_path, "run", "--config", str(file)):
            until(lambda: heard.told("fault", "stove"))
            assert "put back" in heard.told("fault", "stove")[0]["what"]
            assert abs(pan(unit)) < 0.5
            assert not intents.exists()
            assert unit.mount.presets == {}
            assert heard.told("view_not_restored", "stove") == []


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc for the clock that is vouched for")
def test_a_camera_moved_at_night_is_judged_by_it(tmp_path: Path) -> None:
    """The verdict by action stands in the status; the picture check takes no notice; a restart keeps the proof."""
    spec = CameraSpec(slot="stove", persona="ptz-mirrored", password=PASSWORD, seed=3)
    with Canteen([spec]) as canteen, Broker() as broker, ear(broker) as heard:
        unit = canteen.camera("stove")
        file = configured(tmp_path, broker, canteen.cameras)
        file.write_text("movement: {enabled: true, window: 00:00-24:00}\n" + file.read_text())
        for _ in ("moved", "remembered"):
            with agent(tmp_path, "run", "--config", str(file), **vouched(tmp_path)) as running:
                until(
                    lambda: rotation(tmp_path) == ("MET", "E4"),
                    "the movement is judged",
                    progress=lambda: (rotation(tmp_path), pan(unit)),
                )
                until(lambda: status(tmp_path, "stove")["picture"]["sound"])
                running.terminate()
                running.wait()
        assert abs(pan(unit)) < 0.5
        sweeps = [asked for asked in canteen.requests("stove") if asked.operation == "SetPreset"]
        assert len(sweeps) == 1  # only one night's movement
        assert [(one["before"], one["after"]) for one in heard.told("capability_changed", "stove")] == [
            ("UNPROVEN", "MET")
        ]
        assert heard.told("picture", "stove") == []


def rotation(folder: Path) -> tuple[str, str]:
    verdicts = {one["clause"]: one for one in status(folder, "stove").get("verdicts", [])}
    found = verdicts.get("rotation_360", {"standing": "", "level": ""})
    return found["standing"], found["level"]
