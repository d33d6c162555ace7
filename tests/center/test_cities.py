"""Workers that share the cities of one PostgreSQL: one is killed, stands still, or loses the database."""

import json
import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from center.cli import main
from center.store import Store, Unavailable
from contract import topics
from contract.messages import CenterState, encode
from scripts.stage import free_port
from tests.center.letters import event, events, register
from tests.center.processes import Center, Gateway, held
from tests.center.test_metrics import accepts, asked
from tests.support.broker import CONFIG, Broker
from tests.support.nats import Missing, Nats, Node
from tests.support.postgres import Postgres
from tests.support.waiting import until

COUNTIES = {"4101": "金水区", "4102": "龙亭区", "4103": "西工区", "4104": "新华区"}
CITIES = tuple(COUNTIES)
AT_MOST_S = 30.0
"""Goal: so long after a worker's death its cities are served again."""


@pytest.fixture
def database(postgres: Postgres) -> str:
    """One gateway in each of four cities."""
    url = postgres.create()
    store = Store(url)
    for city, county in COUNTIES.items():
        register(store, "k1", gateway=f"gw-{city}", city=city, county=county)
    store.close()
    return url


def again_from(one: Gateway, last: int) -> None:
    """What it has told and is not acknowledged: a window of 200 events, in batches."""
    for first in range(one.acked + 1, min(last + 1, one.acked + 200), 20):
        one.says("ev", events(*(event(n) for n in range(first, min(last + 1, first + 20)))))


class Boxes:
    """A gateway in each city that tells one event after the other, as an agent does: again, until acknowledged."""

    def __init__(self, broker: Broker | Node, password: str = "") -> None:
        """`password`: of every gateway, where the broker wants one."""
        users = {city: f"{city}/gw-{city}" if password else "" for city in CITIES}
        self.each = {
            city: Gateway(broker, users[city], password, city=city, gateway=f"gw-{city}", state_of=city)
            for city in CITIES
        }
        self.told = dict.fromkeys(CITIES, 0)
        self._stopping = threading.Event()
        self._teller = threading.Thread(target=self._tell)

    def __enter__(self) -> Self:
        self._teller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cease()
        for one in self.each.values():
            one.leave()

    def _tell(self) -> None:
        again = time.monotonic()
        while not self._stopping.wait(0.05):
            due = time.monotonic() >= again
            again = time.monotonic() + 3 if due else again
            for city, one in self.each.items():
                self.told[city] = seq = self.told[city] + 1
                one.says("ev", events(event(seq)))
                if due:
                    again_from(one, seq)
                    one.tend()

    def cease(self) -> None:
        """Nothing new; what is not acknowledged is told again by `all_in`."""
        self._stopping.set()
        self._teller.join()

    def all_in(self, database: str) -> None:
        """All that was told is acknowledged, and held once; nothing else is held."""
        until(lambda: all(self._acknowledged(city) for city in CITIES), progress=self.acked, every_s=0.5)
        for city in CITIES:
            assert held(database, f"gw-{city}") == set(range(1, self.told[city] + 1))
        assert main(["quarantine", "--database", database]) == 0

    def _acknowledged(self, city: str) -> bool:
        again_from(self.each[city], self.told[city])
        self.each[city].tend()
        return self.each[city].acked == self.told[city]

    def acked(self) -> list[int]:
        return [one.acked for one in self.each.values()]

    def go_on(self, *, from_: list[int] | None = None) -> float:
        """Seconds until every city's gateway was acknowledged further."""
        before = from_ or self.acked()
        return until(lambda: all(now > then for now, then in zip(self.acked(), before, strict=True)))


@pytest.fixture
def boxes(broker: Broker) -> Iterator[Boxes]:
    with Boxes(broker) as made:
        yield made


def shares(log: Path) -> list[str]:
    """The cities that this worker last said it serves."""
    said = re.findall(r"cities are served here \(([0-9,]*)\)", log.read_text() if log.exists() else "")
    return [city for city in said[-1].split(",") if city] if said else []


def shared_out(*logs: Path) -> Callable[[], bool]:
    return lambda: sorted(city for log in logs for city in shares(log)) == list(CITIES)


def test_a_killed_worker_s_cities_are_served_by_the_other(
    broker: Broker, boxes: Boxes, database: str, tmp_path: Path
) -> None:
    """Two workers have two cities each; one is killed while all gateways tell: within 30 s the other has all four."""
    logs = [tmp_path / "one", tmp_path / "two"]
    port = free_port("127.0.0.1")
    more = ("--cities", "auto", "--metrics")
    with (
        Center(broker, database, *more, f"127.0.0.1:{port}", log=logs[0]) as stays,
        Center(broker, database, "--cities", "auto", log=logs[1]) as goes,
    ):
        until(shared_out(*logs))
        assert [len(shares(log)) for log in logs] == [2, 2]
        boxes.go_on()
        own, others = shares(logs[0]), shares(logs[1])
        heard = {city: len(boxes.each[city].center) for city in others}
        goes.process.kill()
        began = time.monotonic()
        until(lambda: all("down" in boxes.each[city].center[n:] for city, n in heard.items()), "their will")
        assert all(boxes.each[city].center[-1:] == ["up"] for city in own)
        boxes.go_on()
        seconds = time.monotonic() - began
        until(lambda: all(one.center[-1:] == ["up"] for one in boxes.each.values()))
        until(lambda: all(asked(port)["canteen_city_served", city] == 1 for city in CITIES))
        boxes.cease()
        boxes.all_in(database)
        assert stays.stop()[0] == 0
        until(lambda: all(one.center[-1:] == ["down"] for one in boxes.each.values()))
    print(f"served again after {seconds:.1f} s")
    assert seconds <= AT_MOST_S


@pytest.fixture
def cluster(database: str, tmp_path: Path) -> Iterator[Nats]:
    """Three NATS that know the gateways of the database, each with the password "x", and the center with "c"."""
    (passwords := tmp_path / "passwords").write_text("center:c\n" + "".join(f"{c}/gw-{c}:x\n" for c in CITIES))
    passwords.chmod(0o600)
    out = tmp_path / "users.conf"
    files = ["--passwords", str(passwords), "--out", str(out)]
    assert main(["broker", "users", "--for", "nats", "--database", database, *files]) == 0
    try:
        made = Nats(out.read_text())
    except Missing as missing:
        pytest.skip(f"no NATS here: {missing}")
    with made:
        yield made


def test_a_worker_is_killed_and_its_node_with_it(cluster: Nats, database: str, tmp_path: Path) -> None:
    """As a machine of the cluster that goes: the other worker serves all cities, over the nodes that are left.

    The seconds are printed: they hold the cluster's elections, which a busy machine draws out.
    """
    (secret := tmp_path / "secret").write_text("c\n")
    secret.chmod(0o600)
    one, two, three = cluster.nodes
    logs = [tmp_path / "one", tmp_path / "two"]

    def worker(log: Path, *nodes: Node) -> Center:
        brokers = ",".join(f"{node.host}:{node.port}" for node in nodes)
        login = ("--username", "center", "--password-file", str(secret), "--broker", brokers)
        return Center(nodes[0], database, "--cities", "auto", *login, log=log)

    with (
        Boxes(three, "x") as boxes,
        worker(logs[0], one, three, two) as stays,
        worker(logs[1], two, three, one) as goes,
    ):
        until(shared_out(*logs))
        assert [len(shares(log)) for log in logs] == [2, 2]
        boxes.go_on()
        goes.process.kill()
        cluster.kill(two)
        seconds = boxes.go_on()
        boxes.cease()
        boxes.all_in(database)
        assert shares(logs[0]) == list(CITIES)
        assert stays.stop()[0] == 0
    print(f"served again after {seconds:.1f} s")


def test_a_worker_that_stands_still_loses_its_cities(
    broker: Broker, boxes: Boxes, database: str, tmp_path: Path
) -> None:
    """As one whose machine lost its network: the database ends its session; when it goes on it serves them no more."""
    logs = [tmp_path / "one", tmp_path / "two"]
    with (
        Center(broker, database, "--cities", "auto", log=logs[0]) as stays,
        Center(broker, database, "--cities", "auto", log=logs[1]) as still,
    ):
        until(shared_out(*logs))
        boxes.go_on()
        os.kill(still.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            until(lambda: len(shares(logs[0])) == 4)
            boxes.go_on()
            seconds = time.monotonic() - began
        finally:
            os.kill(still.process.pid, signal.SIGCONT)
        until(lambda: "no city is served from here" in logs[1].read_text())
        boxes.go_on()
        boxes.cease()
        boxes.all_in(database)
        assert shares(logs[0]) == list(CITIES)
        assert still.stop()[0] == 0
        assert stays.stop()[0] == 0
    print(f"served again after {seconds:.1f} s")
    assert seconds <= AT_MOST_S


def test_a_city_that_nobody_serves_is_told(
    broker: Broker, boxes: Boxes, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another worker holds one city and does not take what falls to it. The log, the figures and `alarms` name both."""
    store = Store(database)
    seats = store.seats()
    log, port = tmp_path / "log", free_port("127.0.0.1")

    def told() -> set[str]:
        capsys.readouterr()
        main(["alarms", "--database", database, "--json", "--code", "unserved"])
        return {one["gateway"] for one in json.loads(capsys.readouterr().out)}

    def sits(condition: Callable[[], object]) -> None:
        until(lambda: seats.look(CITIES, take=False) and condition())

    try:
        assert seats.look(CITIES[:1], take=True).mine == {"4101"}
        with Center(broker, database, "--cities", "auto", "--metrics", f"127.0.0.1:{port}", log=log) as center:
            sits(lambda: "NOBODY SERVES 4104" in log.read_text())
            sits(lambda: accepts(port) and asked(port).get(("canteen_city_unserved", "4104")) == 1)
            sits(lambda: told() == {"4101", "4104"})
            assert shares(log) == ["4102", "4103"]
            seats.close()
            until(shared_out(log))
            until(lambda: told() == set())
            boxes.cease()
            boxes.all_in(database)
            assert center.stop()[0] == 0
    finally:
        seats.close()
        store.close()


def test_a_database_that_restarts_is_taken_up_again(
    broker: Broker, boxes: Boxes, database: str, postgres: Postgres, tmp_path: Path
) -> None:
    """Without it no city is said to be served; once it is back all are, and nothing is lost."""
    log = tmp_path / "log"
    with Center(broker, database, "--cities", "auto", log=log) as center:
        until(shared_out(log))
        boxes.go_on()
        postgres.stop()
        try:
            until(lambda: all(one.center[-1:] == ["down"] for one in boxes.each.values()))
        finally:
            postgres.start()
        boxes.go_on()
        boxes.cease()
        boxes.all_in(database)
        assert center.stop()[0] == 0


def test_a_center_that_serves_all_again_contradicts_what_workers_left(
    broker: Broker, boxes: Boxes, database: str, tmp_path: Path
) -> None:
    """A city's retained "down" of a worker that left stops no gateway once a center serves it without sharing."""
    for city, one in boxes.each.items():
        one.client.publish(topics.city_state(city), encode(CenterState(state="down")), qos=1, retain=True)
    until(lambda: all(one.center[-1:] == ["down"] for one in boxes.each.values()))
    with Center(broker, database, log=tmp_path / "log") as center:
        until(lambda: all(one.center[-1:] == ["up"] for one in boxes.each.values()))
        assert center.stop()[0] == 0


def test_workers_share_under_the_production_configuration(database: str, tmp_path: Path) -> None:
    """By one user on a listener of their own, which the template has ready; a gateway hears of its own city."""
    (secret := tmp_path / "secret").write_text("c\n")
    logs = [tmp_path / "one", tmp_path / "two"]
    broker = Broker({"center": "c", "4101/gw-4101": "g"})
    for_all, broker_port = (broker.home / "broker.conf"), free_port(broker.host)
    listener = for_all.read_text().partition("#listener 1884")[2].partition("\n\n")[0].replace("\n#", "\n")
    listener = f"listener {broker_port}{listener}".replace("127.0.0.1", broker.host)
    listener = listener.replace("/etc/mosquitto/center_passwords", str(broker.home / "passwords"))
    for_all.write_text(for_all.read_text() + listener.replace("/etc/mosquitto/acl", str(CONFIG / "acl")))
    more = ("--cities", "auto", "--username", "center", "--password-file", str(secret))
    at = ("--broker", f"{broker.host}:{broker_port}")
    with broker, Center(broker, database, *more, *at, log=logs[0]), Center(broker, database, *more, *at, log=logs[1]):
        until(shared_out(*logs))
        assert [len(shares(log)) for log in logs] == [2, 2]
        one = Gateway(broker, "4101/gw-4101", "g", gateway="gw-4101", state_of="4101")
        until(lambda: one.center[-1:] == ["up"])
        one.says("ev", events(event(1)))
        until(lambda: one.acked == 1)
        one.leave()
        assert not any("disconnected" in log.read_text() for log in logs)


def test_who_stands_still_in_a_transaction_keeps_nobody_from_its_rows(database: str) -> None:
    """A worker that was stopped in the midst of a commit: the server ends it, and the next can write."""
    still, other = Store(database), Store(database)
    seats, written = still.seats(), threading.Event()

    def write() -> None:
        with other.write() as tx:
            tx.put_uptime(0, 2, ["4101"])
        written.set()

    def stand_still() -> None:
        with still.write() as tx:
            tx.put_uptime(0, 1, ["4101"])
            threading.Thread(target=write, daemon=True).start()
            until(written.is_set)
            tx.put_uptime(0, 3, ["4101"])

    with pytest.raises(Unavailable):
        stand_still()
    with other.read() as reader:
        assert reader.uptime("4101") == ((0, 2),)
    seats.close()
    still.close()
    other.close()


@pytest.mark.parametrize(
    ("database_", "more", "words"),
    [
        ("center.db", (), "--cities auto needs PostgreSQL, whose locks end with the worker"),
        ("postgresql://center@/x?host=/nowhere", ("--city", "4101"), "--cities auto and --city are two ways"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], database_: str, more: tuple[str, ...], words: str
) -> None:
    """With the reason and what to do; no file is made."""
    where = database_ if "://" in database_ else str(tmp_path / database_)
    assert main(["--lang", "en", "serve", "--database", where, "--cities", "auto", *more]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_seats_are_held_once_and_shared_fairly(database: str) -> None:
    """Of any number of workers that come and go each takes at most its share; none gives up what it has."""
    random.seed(5)
    store = Store(database)
    cities = [f"41{n:02}" for n in range(18)]
    several = [store.seats()]
    for _ in range(60):
        if random.random() < 0.2 and len(several) < 6:
            several.append(store.seats())
        elif random.random() < 0.2 and len(several) > 1:
            several.pop(random.randrange(len(several))).close()
        one = random.choice(several)
        before, after = one.look(cities, take=False), one.look(cities, take=True)
        assert before.mine <= after.mine
        assert len(after.mine) <= max(len(before.mine), -(-len(cities) // len(several)))
        held_ = [seats.look(cities, take=False).mine for seats in several]
        assert sum(map(len, held_)) == len(frozenset().union(*held_))
    for one in several:
        one.look(cities, take=True)
    assert not several[0].look(cities, take=False).free
    for one in several:
        one.close()
    with pytest.raises(Unavailable):
        several[0].look(cities, take=True)
    store.close()
