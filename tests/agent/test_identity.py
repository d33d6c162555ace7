"""Another device at a slot's address, through the whole daemon: no login, told, and how a person confirms it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent import examine
from agent.ask import look as looking
from agent.model import Evidence, NotSeen, Seen
from contract.vocabulary import Reason
from scripts.stage import tool
from tests import doors, evil
from tests.agent.ask.discovery.wsd import Responder, camera, one, probe_matches
from tests.agent.ask.onvif.devices import Device, Onvif
from tests.agent.ask.rtsp import players
from tests.agent.tell.test_uplink import Ear
from tests.support.broker import Broker
from tests.support.waiting import PATIENCE_S, until

PASSWORD = "sekret"  # which the players of pictures check
OWN, OTHER = "urn:uuid:own", "urn:uuid:other"
SOUND = list(players.rtp(players.clip(320, 240)))


class Place:
    """One address with ONVIF, RTSP and discovery; `logins` holds every login that was sent there."""

    def __init__(self, stack: ExitStack) -> None:
        self.onvif = stack.enter_context(Device(Onvif(login="wsse", password=PASSWORD)))
        self.rtsp = stack.enter_context(
            evil.Server(players.plays(SOUND, login=players.CHALLENGE), address=self.onvif.address)
        )

    @property
    def logins(self) -> list[str]:
        return [request.operation for request in self.onvif.requests if request.token] + [
            request.split(b"\r\n")[0].decode() for request in self.rtsp.requests if b"Authorization" in request
        ]

    def discovered_as(self, epr: str) -> Responder:
        return Responder(self.onvif.address, camera(self.onvif.address, epr, port=self.onvif.port))

    def entry(self, identity: str = "") -> str:
        ports = f"onvif_port: {self.onvif.port}, rtsp_port: {self.rtsp.port}"
        named = f", identity: {{epr: '{identity}'}}" if identity else ""
        return f"{{slot: one, address: {self.onvif.address}, {ports}, stream_path: /main, credentials: all{named}}}"


def settings(folder: Path, broker: Broker, entry: str) -> Path:
    file, secret = folder / "agent.yaml", folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(PASSWORD)
    file.write_text(
        f"gateway: {{id: box-0001, city: '4101'}}\nbroker: [{{host: {broker.host}, port: {broker.port}, tls: null}}]\n"
        f"state_dir: {folder}\nlook: {{interval: 1s, deadline: 900ms}}\ncapability: {{interval: 10s, deadline: 5s}}\n"
        "discovery: {loopback: true, interfaces: [lo], interval: 10s, duration: 1.4s}\n"
        f"credentials: {{all: {{user: admin, password: 'file:{secret}'}}}}\ncameras: [{entry}]\n"
    )
    return file


@contextmanager
def running(folder: Path, file: Path) -> Iterator[Callable[[], dict[str, Any]]]:
    """The daemon; call what it yields for its status of the one camera."""
    (folder / "status.json").unlink(missing_ok=True)
    with (folder / "log").open("ab") as log:
        agent = subprocess.Popen([tool("canteen-agent"), "run", "--config", str(file)], stdout=log, stderr=log)
    try:
        until((folder / "status.json").exists)
        yield lambda: dict(json.loads((folder / "status.json").read_text())["cameras"][0])
    finally:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(timeout=PATIENCE_S) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="loopback addresses beyond 127.0.0.1")
def test_another_device_gets_no_login_until_a_person_names_it(tmp_path: Path) -> None:
    """A changed identity is told once, ends all logins over restarts, and is confirmed by `identity:` alone."""
    with ExitStack() as stack:
        broker = stack.enter_context(Broker())
        ear, place = Ear(broker), Place(stack)
        told: Callable[[], list[dict[str, Any]]] = lambda: [  # noqa: E731
            event for batch in ear.of("ev") for event in batch["events"] if event["kind"] == "identity_changed"
        ]
        file = settings(tmp_path, broker, place.entry())
        with place.discovered_as(OWN), running(tmp_path, file) as status:
            until(lambda: f'"epr":"{OWN}"' in read(tmp_path / "learnt.json"))
            until(lambda: status()["availability"] == "online")
            assert not status()["identity_changed"]
            assert any(login.startswith("DESCRIBE") for login in place.logins)
        with place.discovered_as(OTHER):
            with running(tmp_path, file) as status:
                until(lambda: '"barred":["one"]' in read(tmp_path / "logins.json"))
                until(lambda: len(told()) == 1)
                assert (told()[0]["before"], told()[0]["after"]) == (OWN, OTHER)
                until(lambda: status()["identity_changed"] and status()["availability"] == "unknown")
                until(lambda: not asked())  # what began before the change was seen goes on as it began
                looks = len(place.rtsp.requests)
                place.onvif.requests.clear()
                del place.rtsp.requests[:looks]
                until(lambda: len(place.rtsp.requests) > 5)
                until(lambda: "GetServices" in place.onvif.operations)  # a whole inspection, picture included
                assert place.logins == []
            inspected = [tool("canteen-agent"), "--lang", "en", "inspect", "--config", str(file), "--timeout", "5"]
            done = subprocess.run(inspected, capture_output=True, text=True, env=dict(os.environ), check=False)
            assert "one: another device stands there" in done.stderr
            with running(tmp_path, file) as status:
                looks = len(place.rtsp.requests)
                until(lambda: len(place.rtsp.requests) > looks + 4)
                assert status()["identity_changed"]
                assert place.logins == []
            assert "another device stands at" in read(tmp_path / "log")
            with running(tmp_path, settings(tmp_path, broker, place.entry(OTHER))) as status:
                until(lambda: status()["availability"] == "online" and not status()["identity_changed"])
                assert any(login.startswith("DESCRIBE") for login in place.logins)
        ear.client.disconnect()
        ear.client.loop_stop()
    assert PASSWORD not in read(tmp_path / "log") + read(tmp_path / "learnt.json") + repr(ear.heard)


def test_a_stranger_is_listed_and_left_alone(tmp_path: Path) -> None:
    """A device that no slot claims is told to the center; neither it nor the host its XAddr names is ever connected."""
    with ExitStack() as stack:
        broker, place = stack.enter_context(Broker()), Place(stack)
        stranger, elsewhere = (stack.enter_context(Device(Onvif())) for _ in range(2))
        xaddrs = f"http://{stranger.address}:{stranger.port}/a http://{elsewhere.address}:{elsewhere.port}/b"
        reply = one("ProbeMatch", xaddrs, "urn:uuid:stranger")
        stack.enter_context(Responder(stranger.address, lambda _, to: probe_matches(reply, relates_to=to)))
        stack.enter_context(place.discovered_as(OWN))
        ear = Ear(broker)
        with running(tmp_path, settings(tmp_path, broker, place.entry())) as status:
            until(lambda: any(stranger.address in json.dumps(inventory) for inventory in ear.of("inv")))
            until(lambda: status()["availability"] == "online")
            until(lambda: "GetProfiles" in place.onvif.operations)
        ear.client.disconnect()
        ear.client.loop_stop()
        assert (stranger.connections, elsewhere.connections) == (0, 0)


def test_a_login_that_is_not_allowed_is_not_sent_for_a_picture_either() -> None:
    """A camera that grants DESCRIBE to all and asks for a login at SETUP gets none where none may be sent."""
    asks = players.says("401 Unauthorized", WWW_Authenticate=players.CHALLENGE)
    with evil.Server(players.plays(SOUND, changes={"SETUP": asks})) as server:
        place = server.camera()
        seen = looking.look(place, log_in=False)
        assert isinstance(seen.stream, Seen)
        (told,) = examine.decode([(place, Evidence(slot=place.slot, look=seen))], door=doors.Open(()))
        assert isinstance(told.picture, NotSeen)
        assert told.picture.reason is Reason.REFUSED
        assert any(request.startswith(b"SETUP") for request in server.requests)
        assert not any(b"Authorization" in request for request in server.requests)


def asked() -> list[int]:
    """The agent's children that are asking a camera now."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            found += [child.pid] * any(word.startswith("agent.ask.") for word in child.cmdline())
    return found


def read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
