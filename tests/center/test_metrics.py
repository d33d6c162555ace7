"""What a Prometheus is told of a running center."""

import socket
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from center.cli import main
from center.store import Store
from scripts.stage import free_port
from tests.center.letters import anchor, beat, birth, events, moved, register
from tests.center.processes import Center, Gateway
from tests.support.broker import Broker
from tests.support.waiting import PATIENCE_S, until

Figures = dict[tuple[str, str], float]


def accepts(port: int) -> bool:
    """The line to the broker is up before anybody may ask for figures."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def asked(port: int) -> Figures:
    """(name, label value or "") -> figure, read as Prometheus reads it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        text = answer.read().decode()
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def database(tmp_path: Path) -> Path:
    store = Store(str(tmp_path / "center.db"))
    register(store, "k1", "k2", "k3")
    register(store, "k1", gateway="zz-0002")
    store.close()
    return tmp_path / "center.db"


def test_a_running_center_can_be_measured(broker: Broker, gateway: Gateway, database: Path) -> None:
    """Its line, its intake and how all stands; a line that breaks is told by the name of its failure."""
    port, now = free_port("127.0.0.1"), time.time_ns() // 1_000_000
    with Center(broker, database, "--metrics", f"127.0.0.1:{port}") as center:
        until(lambda: gateway.center[-1:] == ["up"])
        gateway.says("state", birth(), retain=True)
        gateway.says("ev", events(anchor(1, 0, now - 9_000), moved(2, 5, "online"), moved(3, 5, "offline", "k2")))
        gateway.says("hb", beat(9_000, 3, offline=("k2",)))
        until(lambda: gateway.acked == 3)
        until(lambda: accepts(port) and asked(port)["canteen_positions", "online"] == 1)
        told = asked(port)
        states = {state: told["canteen_positions", state] for state in ("online", "offline", "unknown", "never_seen")}
        assert states == {"online": 1, "offline": 1, "unknown": 0, "never_seen": 2}
        assert (told["canteen_gateways", "alive"], told["canteen_gateways", "never_seen"]) == (1, 1)
        assert (told["canteen_line_up", ""], told["canteen_store_trouble", ""]) == (1, 0)
        assert told["canteen_messages_received_total", ""] == told["canteen_messages_stored_total", ""] >= 3
        assert sum(value for (name, _), value in told.items() if name == "canteen_line_problem") == 0
        broker.kill()
        until(lambda: asked(port)["canteen_line_problem", "tcp"] == 1)
        assert asked(port)["canteen_line_up", ""] == 0
        assert center.stop()[0] == 0


def serving(broker: Broker, database: Path, where: str) -> list[str]:
    at = f"{broker.host}:{broker.port}"
    return ["--lang", "en", "serve", "--database", str(database), "--broker", at, "--metrics", where]


@pytest.mark.parametrize("where", ["0.0.0.0:9417", "192.0.2.1:9417", "9417", "127.0.0.1:x", "localhost:99999", "::1"])
def test_metrics_stay_on_loopback(
    broker: Broker, database: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """How a province stands is told to nobody who is not on the machine."""
    words = serving(broker, database, where)
    assert main(words) == 2
    assert "is no port of loopback, such as 127.0.0.1:9417" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(broker: Broker, database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the center does not run without what it was asked for."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as dialled:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        words = serving(broker, database, where)
        assert main(words) == 2
        assert "the port is in use" in capsys.readouterr().err
        words[words.index("--broker") + 1] = f"127.0.0.1:{dialled.getsockname()[1]}"
        assert main(words) == 2
        dialled.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has called
            dialled.accept()
