"""An agent's line and a center over a real mosquitto: renewed in time, tried before it counts, back after years."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import build
from agent.loop import Loop
from agent.rounds.renewal import RenewalTask
from agent.settings.secret import write_credential
from agent.tell import recovery
from agent.tell.failures import Kind
from agent.tell.journal import Journal
from agent.tell.pairs import PENDING, RENEWED, Pairs
from agent.tell.preflight import Endpoint
from agent.tell.uplink import Uplink
from center.enrolment import authority as authorities
from center.enrolment.answers import Rules
from center.enrolment.renewing import Renewing
from center.line import Options
from center.store import Store
from contract import topics
from contract.messages import Result
from tests.center.enrolment.stage import EnrolledBroker, Given, Stage
from tests.support.waiting import until

BOX, USER = "zz-0001", "4101/zz-0001"
DAY_S = 86_400.0


@contextmanager
def center(stage: Stage, broker: EnrolledBroker, *, days: int = 365) -> Iterator[Renewing]:
    secret = stage.folder / "password"
    secret.write_text("r")
    store = Store(stage.database)
    options = Options(broker.host, broker.port, "center-renewal", "center-renewal", secret)
    desk = Renewing(
        store, authorities.load(stage.authority), options, Rules(days), lambda: time.time_ns() // 1_000_000, spacing_s=0
    )
    desk.start()
    try:
        until(lambda: desk.ready)
        yield desk
    finally:
        desk.stop()
        store.close()


@contextmanager
def answering(stage: Stage, broker: EnrolledBroker) -> Iterator[None]:
    """The command itself."""
    secret = stage.folder / "password"
    secret.write_text("r")
    command = [sys.executable, "-m", "center.cli", "gateway", "answer", "--database", stage.database]
    command += ["--authority", str(stage.authority), "--broker", f"{broker.host}:{broker.port}"]
    command += ["--username", "center-renewal", "--password-file", str(secret)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield
        finally:
            process.terminate()
        assert "a certificate is given" in process.communicate()[1]
        assert process.returncode == 0


class Box:
    """The agent's line and its renewal, as build.py puts them together; `now_s`: what it takes the time to be."""

    def __init__(
        self, broker: EnrolledBroker, given: Given, folder: Path, *, now_s: float, recovers: bool = True
    ) -> None:
        self.folder, self.faults = folder / "certificate", list[str]()
        self.journal = Journal(folder / f"journal-{time.monotonic_ns()}.db")
        endpoint = Endpoint(
            host=broker.host, port=broker.guarded, ca=str(given.ca), cert=str(given.certificate), key=str(given.key)
        )
        self.pairs = Pairs(self.folder, str(given.certificate))
        self.uplink = Uplink(
            [endpoint],
            city="4101",
            gateway=BOX,
            session=lambda: "s1",
            username=USER,
            password=None,
            keepalive_s=10,
            journal=self.journal,
            greet=lambda: [("state", b'{"state":"online"}')],
            command=lambda command: Result(id=command.id, outcome="done"),
            pairs=self.pairs,
        )
        door = Endpoint(host=broker.host, port=broker.recovery, ca=str(given.ca))
        leaves = (topics.up("4101", BOX, topics.CSR), topics.down("4101", BOX, topics.CERT))
        task = RenewalTask(
            self.pairs,
            build.Way(self.uplink),
            user=USER,
            now_s=lambda: now_s,
            tell=self.faults.append,
            recover=(lambda request: recovery.ask(door, USER, lambda: given.secret, leaves, request))
            if recovers
            else None,
            first_wait_s=0.2,
        )
        self.uplink.certified = task.hear
        self._loop = Loop("renewal", task, tell=self.faults.append, wake=task.wake)

    def __enter__(self) -> "Box":
        self.uplink.start()
        self._loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.stop()
        self.uplink.stop("test over", 1)
        self.journal.close()

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, str(tmp_path / "center.db"))


def certificates(stage: Stage) -> list[str]:
    store = Store(stage.database)
    with store.read() as reader:
        found = [one.how for one in reader.enrolments([BOX])]
    store.close()
    return found


def test_a_certificate_is_renewed_before_its_end_and_used(stage: Stage, tmp_path: Path) -> None:
    """Asked for until it is answered, tried on a line of its own, then alone; a start after that logs in with it."""
    assert stage.enroll(BOX, "--days", "40") == 0
    given = stage.given(BOX)
    early, due = time.time(), time.time() + 30 * DAY_S  # a third of its life is left at the 27th
    with EnrolledBroker(stage) as broker:
        with Box(broker, given, tmp_path, now_s=early) as box:
            until(box.uplink.connected.is_set)
            time.sleep(1)
            assert not box.folder.exists()
        with Box(broker, given, tmp_path, now_s=due) as box:
            until(lambda: box.has("asking.pem"))  # nobody answers yet
            with center(stage, broker):
                until(lambda: box.has(RENEWED))
                until(box.uplink.connected.is_set)
            assert certificates(stage) == ["enroll", "renew"]
            assert box.uplink.connections == 2
        with Box(broker, given, tmp_path, now_s=due) as box:
            given.key.write_bytes(b"")
            until(box.uplink.connected.is_set)


def test_one_that_the_broker_refuses_costs_nothing(stage: Stage, tmp_path: Path) -> None:
    """A certificate that came and is not taken is given up: the box is back with the one that it had."""
    assert stage.enroll(BOX, "--days", "40") == 0
    given = stage.given(BOX)
    with EnrolledBroker(stage) as broker:
        certificate, key = authorities.make("another", [], int(time.time() * 1000))
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "ca.pem").write_bytes(certificate)
        (tmp_path / "other" / "ca.key").write_bytes(key)
        (tmp_path / "other" / "ca.key").chmod(0o600)
        foreign = authorities.load(tmp_path / "other")
        pair = foreign.gateway(USER, int(time.time() * 1000), 30)
        with Box(broker, given, tmp_path, now_s=time.time(), recovers=False) as box:
            until(box.uplink.connected.is_set)
            box.pairs.answered(pair.key, pair.certificate)
            box.uplink.hurry()
            until(lambda: not box.has(PENDING))
            until(box.uplink.connected.is_set)
            assert not box.has(RENEWED)


def test_a_box_whose_certificate_ran_out_while_it_was_off_is_back_by_itself(stage: Stage, tmp_path: Path) -> None:
    """Enrolled two years ago for one; the broker refuses it, the port of recovery gives it another."""
    assert stage.enroll(BOX, "--days", "365", ago_days=730) == 0
    given = stage.given(BOX)
    with EnrolledBroker(stage) as broker:
        with Box(broker, given, tmp_path, now_s=time.time(), recovers=False) as box:
            until(lambda: box.uplink.problem is Kind.AUTH)
        with center(stage, broker), Box(broker, given, tmp_path, now_s=0.0) as box:
            until(box.uplink.connected.is_set)
            assert box.has(RENEWED)
        assert certificates(stage) == ["enroll", "renew"]


SETTINGS = """
gateway: {{id: zz-0001, city: 4101}}
broker:
  - host: {host}
    port: {port}
    tls: {{ca: {given.ca}, cert: {given.certificate}, key: {given.key}}}
    recovery: {{port: {recovery}, password: credential:recovery}}
state_dir: state
discovery: {{enabled: false}}
cameras: []
"""


def test_the_agent_itself_is_back_as_its_settings_say(stage: Stage, tmp_path: Path) -> None:
    """`canteen-agent run` with the secret as a credential, after a year off; `gateway answer` is the center's side."""
    assert stage.enroll(BOX, ago_days=400) == 0
    given = stage.given(BOX)
    with EnrolledBroker(stage) as broker, answering(stage, broker):
        settings = tmp_path / "agent.yaml"
        settings.write_text(
            SETTINGS.format(given=given, host=broker.host, port=broker.guarded, recovery=broker.recovery)
        )
        write_credential("recovery", given.secret, folder=tmp_path)
        command = [sys.executable, "-m", "agent", "run", "--config", str(settings)]
        with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stderr=log) as agent:
            try:
                until(lambda: (tmp_path / "state" / "certificate" / RENEWED).exists() or agent.poll() is not None)
                until(lambda: f"connected to {broker.host}:{broker.guarded}" in (tmp_path / "log").read_text())
            finally:
                agent.terminate()
        assert given.secret not in (tmp_path / "log").read_text()


def test_a_revoked_box_is_back_by_no_way(stage: Stage, tmp_path: Path) -> None:
    """Its certificate, its secret, and what it asks for: all are refused."""
    assert stage.enroll(BOX, "zz-0002") == 0
    given = stage.given(BOX)
    assert stage.revoke(BOX) == 0
    with EnrolledBroker(stage) as broker, center(stage, broker), Box(broker, given, tmp_path, now_s=time.time()) as box:
        until(lambda: box.has("asking.pem"))
        until(lambda: broker.log.count("not authorised") >= 2)
        assert not box.uplink.connected.is_set()
        assert not box.has(PENDING)
    assert certificates(stage) == ["enroll"]
