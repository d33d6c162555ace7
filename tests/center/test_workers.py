"""The center as processes over a real broker: killed, restored, flooded, several at once, giving commands."""

import json
import random
import time
from itertools import count
from pathlib import Path

import pytest

from center.cli import main
from center.store import Store
from contract.messages import Command, Result
from tests.center.letters import CITY, GATEWAY, anchor, beat, birth, event, events, moved, register
from tests.center.processes import Center, Gateway, held
from tests.support.broker import Broker
from tests.support.disks import Tmpfs
from tests.support.root import root
from tests.support.waiting import until


@pytest.fixture
def database(tmp_path: Path) -> Path:
    store = Store(str(tmp_path / "center.db"))
    register(store, "k1")
    store.close()
    return tmp_path / "center.db"


def register_elsewhere(database: Path) -> None:
    """One more gateway, in another city."""
    store = Store(str(database))
    register(store, "k1", gateway="xx-0001", city="4102", county="龙亭区")
    store.close()


def resend(gateway: Gateway, last: int) -> None:
    """What an agent sends that has been acknowledged so far: a window of 200 events, in batches."""
    first = gateway.acked + 1
    for seq in range(first, min(last + 1, first + 200), 10):
        gateway.says("ev", events(*(event(n) for n in range(seq, min(last + 1, seq + 10)))))


def acknowledged(gateway: Gateway, goal: int, last: int) -> None:
    """So much is in the end; what is not is sent again and again."""

    def enough() -> bool:
        if gateway.acked < goal:
            resend(gateway, last)
        return gateway.acked >= goal

    until(enough, progress=lambda: gateway.acked, every_s=0.5)


def test_ten_kills_amid_a_stream_lose_nothing(broker: Broker, gateway: Gateway, database: Path) -> None:
    """kill -9 of the center ten times: whatever it acknowledged is stored, and in the end all is, once."""
    last = 2_000
    for _ in range(10):
        with Center(broker, database) as center:
            until(lambda: gateway.center[-1:] == ["up"])
            acknowledged(gateway, min(last, gateway.acked + random.randint(1, 150)), last)
            center.process.kill()
        until(lambda: gateway.center[-1:] == ["down"])
        acked = gateway.acked
        assert set(range(1, acked + 1)) <= held(database)
    with Center(broker, database):
        acknowledged(gateway, last, last)
    assert held(database) == set(range(1, last + 1))


def test_a_center_restored_from_an_old_backup_says_what_it_lacks(
    broker: Broker, gateway: Gateway, database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It finds its retained ack ahead of what it holds: the difference is lost, told as such, and not waited for."""
    now = time.time_ns() // 1_000_000
    backup, first = tmp_path / "backup.db", events(anchor(1, 0, now - 60_000), moved(2, 100, "online"), event(3))
    with Center(broker, database) as center:
        until(lambda: gateway.center[-1:] == ["up"])
        gateway.says("state", birth(), retain=True)
        gateway.says("ev", first)
        until(lambda: gateway.acked == 3)
        assert main(["backup", "--database", str(database), "--out", str(backup)]) == 0
        gateway.says("ev", events(moved(4, 20_000, "offline"), moved(5, 30_000, "online")))
        until(lambda: gateway.acked == 5)
        back = ["restore", str(backup), "--database", str(database), "--replace"]
        assert main(["--lang", "en", *back]) == 2
        assert "is in use: stop canteen-center serve first" in capsys.readouterr().err
        assert center.stop()[0] == 0
    assert main(back) == 0
    assert held(database) == {1, 2, 3}
    with Center(broker, database) as center:
        until(lambda: gateway.center[-1:] == ["up"])  # what waits for it at the broker would come before its own ack
        gateway.says("ev", first)
        gateway.says("ev", events(event(6)))
        gateway.says("hb", beat(60_000, 6))
        until(lambda: gateway.acked == 6)
        assert center.stop()[0] == 0
    capsys.readouterr()
    assert held(database) == {1, 2, 3, 6}
    assert main(["alarms", "--database", str(database), "--json", "--code", "lost"]) == 1
    (alarm,) = json.loads(capsys.readouterr().out)
    assert (alarm["alarm"], alarm["gateway"]) == ("lost", GATEWAY)
    assert "2 of seqs 4 to 5: the center is behind its own ack" in alarm["detail"]
    assert main(["rate", "--database", str(database), "--json", "--level", "slot"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["on_ms"], row["off_ms"]) == (0, 0)


def test_a_flood_costs_the_others_nothing(broker: Broker, gateway: Gateway, database: Path) -> None:
    """While one gateway sends megabytes, another is acknowledged each time; what is acknowledged is stored."""
    register_elsewhere(database)
    flooder = Gateway(broker, city="4102", gateway="xx-0001")
    try:
        with Center(broker, database) as center:
            until(lambda: gateway.center[-1:] == ["up"])
            for first in range(1, 40_001, 100):
                flooder.says("ev", events(*(event(n, what="x" * 200) for n in range(first, first + 100))))
            for n in count(1):
                gateway.says("ev", events(event(n)))
                until(lambda n=n: gateway.acked == n)
                if n >= 5 and flooder.acked:
                    break
            acked = flooder.acked
            assert center.stop()[0] == 0
    finally:
        flooder.leave()
    assert set(range(1, acked + 1)) <= held(database, "xx-0001")


def test_two_workers_share_a_database(broker: Broker, gateway: Gateway, database: Path) -> None:
    """Each serves its cities; when one goes the center stays up, and only its own gateways are not heard."""
    register_elsewhere(database)
    other = Gateway(broker, city="4102", gateway="xx-0001")
    try:
        with Center(broker, database, "--city", CITY) as stays, Center(broker, database, "--city", "4102") as goes:
            for one in (gateway, other):
                acknowledged(one, 1, 1)
            assert goes.stop()[0] == 0
            until(lambda: "down" in gateway.center and gateway.center[-1] == "up")
            other.says("ev", events(event(2)))
            acknowledged(gateway, 2, 2)
            assert other.acked == 1
            with Center(broker, database, "--city", "4102") as again:
                until(lambda: other.acked == 2)
                until(lambda: uptimes(database) == [1, 2, 0])  # what the broker had kept may come before its SUBACK
                assert again.stop()[0] == 0
            assert stays.stop()[0] == 0
    finally:
        other.leave()
    assert held(database) == held(database, "xx-0001") == {1, 2}
    assert uptimes(database) == [1, 2, 0]


def uptimes(database: Path) -> list[int]:
    """How many times of service each city has."""
    store = Store(str(database))
    with store.read() as reader:
        counts = [len(reader.uptime(city)) for city in (CITY, "4102", "4103")]
    store.close()
    return counts


# ---- commands -----------------------------------------------------------------------------------


def order(broker: Broker, database: Path, *more: str) -> int:
    where = ["--database", str(database), "--broker", f"{broker.host}:{broker.port}", "--lang", "en"]
    return main(["command", *where, *(more or ("--gateway", GATEWAY, "--verb", "look"))])


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [("done", 0, "done"), ("unsupported", 1, "does not know"), ("refused", 1, "refuses"), ("failed", 1, "failed")],
)
def test_the_answer_to_a_command_is_printed(
    broker: Broker,
    gateway: Gateway,
    database: Path,
    capsys: pytest.CaptureFixture[str],
    outcome: str,
    code: int,
    words: str,
) -> None:
    """What the gateway answers decides the exit code; its words reach the terminal without control characters."""
    heard: list[Command] = []

    def answer(command: Command) -> Result:
        heard.append(command)
        return Result(id=command.id, outcome=outcome, detail="so\x1b[2Jso")  # type: ignore[arg-type]

    gateway.answer = answer
    assert order(broker, database, "--gateway", GATEWAY, "--verb", "inspect", "--slot", "k1") == code
    out = capsys.readouterr().out
    assert words in out
    assert "\x1b" not in out
    (command,) = heard
    assert (command.verb, command.slot) == ("inspect", "k1")
    assert 0 < command.not_after - time.time() * 1000 <= 30_000


def test_without_an_answer_the_command_has_expired(
    broker: Broker, gateway: Gateway, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gateway that is silent, or not there, is a finding; nothing of the command stays at the broker."""
    more = ("--gateway", GATEWAY, "--verb", "look", "--timeout", "2", "--json")
    assert order(broker, database, *more) == 1
    assert json.loads(capsys.readouterr().out)["outcome"] == "no_answer"
    until(lambda: len(gateway.commands) == 1)
    late = Gateway(broker, f"{CITY}/late", "")
    time.sleep(1)
    assert not late.commands
    late.leave()


def test_a_command_under_the_production_configuration(database: Path, tmp_path: Path) -> None:
    """With config/broker, by user and password: the command and its answer are permitted."""
    secret = tmp_path / "secret"
    secret.write_text("c\n")
    with Broker({"center": "c", f"{CITY}/{GATEWAY}": "g"}) as broker:
        gateway = Gateway(broker, f"{CITY}/{GATEWAY}", "g")
        gateway.answer = lambda command: Result(id=command.id, outcome="done")
        login = ("--username", "center", "--password-file", str(secret))
        assert order(broker, database, "--gateway", GATEWAY, "--verb", "discover", *login) == 0
        gateway.leave()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--gateway", "zz-9999", "--verb", "look"), "not in the registry"),
        (("--gateway", GATEWAY, "--verb", "look", "--slot", "k9"), "not registered"),
        (("--gateway", GATEWAY, "--verb", "look", "--timeout", "0"), "--timeout"),
    ],
)
def test_a_command_that_makes_no_sense_is_not_sent(
    broker: Broker, database: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], words: str
) -> None:
    """Who is not registered is not commanded."""
    assert order(broker, database, *more) == 2
    assert words in capsys.readouterr().err


def test_a_command_without_a_broker_is_not_sent(
    broker: Broker, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Could not ask is told apart from no answer."""
    broker.stop()
    assert order(broker, database, "--gateway", GATEWAY, "--verb", "look", "--timeout", "2") == 2
    assert "not sent: broker " in capsys.readouterr().out


@root
def test_a_center_waits_for_a_full_disk(broker: Broker, gateway: Gateway, tmp_path: Path) -> None:
    """It is told once and waited for, before the start as well as later; what is not stored is not acknowledged."""
    with Tmpfs(tmp_path / "disk", "3m") as disk:
        database = disk.point / "center.db"
        store = Store(str(database))
        register(store, "k1")
        store.close()
        disk.fill()
        log = tmp_path / "log"
        with Center(broker, database, log=log) as center:
            until(lambda: "waiting until it can be used" in log.read_text())
            disk.relieve()
            until(lambda: gateway.center[-1:] == ["up"])
            gateway.says("ev", events(event(1)))
            until(lambda: gateway.acked == 1)
            disk.fill()
            for first in range(2, 1002, 100):
                gateway.says("ev", events(*(event(n, what="x" * 200) for n in range(first, first + 100))))
            until(lambda: "nothing can be stored, nothing is acknowledged" in log.read_text())
            assert center.process.poll() is None
            disk.relieve()
            until(lambda: gateway.acked == 1001, progress=lambda: gateway.acked)
            assert center.stop()[0] == 0
        assert held(database) == set(range(1, 1002))
