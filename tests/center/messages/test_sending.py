"""From the outbox to the receivers: nothing lost and nothing doubled by its id, whenever the process is killed."""

import email
import email.policy
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from center.arguments import now_ms
from center.cli import main
from center.messages.doors.door import Delivered, Failed, Message, Outcome, Refused
from center.messages.engine import TRIES
from center.messages.sender import Sender
from center.messages.service import Service
from center.store import Store, Taken
from tests.center.messages.servers import Answering, Request, Smtp, Web, plain
from tests.center.messages.world import BOXES, DAY, HOUR, MINUTE, World, acts
from tests.support.postgres import Postgres
from tests.support.waiting import until

SECRET = "k3y-that-nobody-sees"


class Told:
    """A door of the test's own: gives `outcome`, or what it is told to do first."""

    def __init__(self, outcome: Outcome | None = None, per_minute: int = 0) -> None:
        self.outcome, self.per_minute = outcome or Delivered("x"), per_minute
        self.got: list[Message] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def send(self, message: Message) -> Outcome:
        self.got.append(message)
        self.go_on.wait(60)
        return self.outcome


@pytest.fixture
def world(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("S", SECRET)
    made = World(url, tmp_path)
    yield made
    made.close()


def steps(sender: Sender, now: int) -> None:
    """Until nothing of this moment is left to do."""
    until(lambda: not sender.step(now), every_s=0.01)


def test_a_receiver_that_hangs_holds_up_nobody_else(world: World) -> None:
    """Its own next message waits, for the order of its messages stays."""
    world.dark.update((BOXES[0], BOXES[7]))
    world.go(6 * MINUTE)
    doors = {name: Told() for name in ("one", "two", "city", "school", "operator")}
    doors["one"].go_on.clear()
    sender = Sender(world.store, doors)
    until(lambda: sender.step(world.now) and doors["two"].got and doors["school"].got, every_s=0.01)
    world.dark.clear()
    world.go(MINUTE)
    until(lambda: sender.step(world.now) and len(doors["two"].got) == 2, every_s=0.01)
    assert len(doors["one"].got) == 1
    doors["one"].go_on.set()
    steps(sender, world.now)
    assert [door.got[-1].subject.count("已恢复") for name, door in doors.items() if door.got] == [1, 1, 1]
    assert {post.state for post in world.posts()} == {"delivered"}
    sender.close()


def test_tried_again_with_pauses_then_given_up_and_said_to_the_operator(world: World) -> None:
    """A last word in the log; no reminder and no end are sent where the beginning did not arrive."""
    world.dark.add(BOXES[7])
    world.go(6 * MINUTE)
    doors = {"two": Told(Failed("http_status 500")), "operator": Told()}
    sender = Sender(world.store, doors)
    for _ in range(TRIES):
        steps(sender, world.now)
        steps(sender, world.now)
        world.go(5 * HOUR, 5 * HOUR)
    first = next(post for post in world.posts() if post.act == "first" and post.receiver == "two")
    assert (first.state, first.tries, first.said) == ("given_up", TRIES, "http_status 500")
    assert len({message.key for message in doors["two"].got}) == 1
    steps(sender, world.now)
    assert [message.subject for message in doors["operator"].got] == ["明厨亮灶 消息无法送达 two"]
    world.dark.clear()
    assert [one for one in acts(world.go(5 * MINUTE)) if one[0] == "two"] == []
    doors["two"].outcome = Delivered("http_status 200")
    world.dark.add(BOXES[6])
    world.go(6 * MINUTE)
    steps(sender, world.now)
    assert ("operator", "recovery") in acts(world.go(MINUTE))
    sender.close()


def test_what_is_refused_is_not_tried_again(world: World) -> None:
    world.dark.add(BOXES[7])
    world.go(6 * MINUTE)
    doors = {"two": Told(Refused("http_status 404"))}
    sender = Sender(world.store, doors)
    steps(sender, world.now)
    steps(sender, world.now + DAY)
    assert len(doors["two"].got) == 1
    assert [(post.state, post.said) for post in world.posts()] == [("refused", "http_status 404")]
    sender.close()


def test_no_more_in_a_minute_than_the_other_side_takes(world: World) -> None:
    """Counted over restarts, from the log itself."""
    for number in range(4):
        world.dark.add(BOXES[5 + number])
        world.go(12 * MINUTE)
    door = Told(per_minute=2)
    for wanted in (2, 4):
        sender = Sender(world.store, {"two": door})
        steps(sender, world.now)
        steps(sender, world.now)
        assert len(door.got) == wanted
        sender.close()
        world.now += MINUTE + 1


def test_a_fault_of_ours_is_a_failure_of_that_message_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Named by its kind: what it says may hold a secret."""

    class Broken(Told):
        def send(self, message: Message) -> Outcome:
            raise KeyError(SECRET)

    world.dark.add(BOXES[7])
    world.go(6 * MINUTE)
    sender = Sender(world.store, {"two": Broken()})
    steps(sender, world.now)
    assert [(post.state, post.said) for post in world.posts()] == [("waiting", "fault")]
    assert "KeyError" in caplog.text
    assert SECRET not in caplog.text
    sender.close()


def test_one_sender_for_a_database(world: World) -> None:
    """A second one is told so; the lock ends with who holds it."""
    sole = world.store.sole()
    other = Store(world.database)
    with pytest.raises(Taken):
        other.sole()
    sole.check()
    sole.close()
    with other.sole() as mine:
        mine.check()
    other.close()


def test_a_database_that_goes_while_a_message_is_on_its_way(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once and waited for; what was delivered meanwhile is written down then, and sent once."""
    monkeypatch.setenv("S", SECRET)
    world = World(postgres.create(), tmp_path)
    world.dark.add(BOXES[7])
    world.go(6 * MINUTE)
    door, stop = Told(), threading.Event()
    door.go_on.clear()
    service = Service(world.store, world.round, Sender(world.store, {"two": door}), lambda: world.now, 0.1)
    running = threading.Thread(target=service.run, args=(stop,))
    running.start()
    try:
        until(lambda: door.got)
        postgres.stop()
        door.go_on.set()
        until(lambda: "cannot be used" in caplog.text)
    finally:
        postgres.start()
    until(lambda: [post.state for post in world.posts()] == ["delivered"])
    stop.set()
    running.join()
    assert len(door.got) == 1
    assert [post.uncertain for post in world.posts()] == [0]
    world.close()


# ---- the process --------------------------------------------------------------------------------

PROCESS_RULES = """
receivers:
  - {{name: two, role: county, regions: [410103], allow_local: true, {door}}}
"""


class Process:
    """`canteen-center messages run` on a world in which one gateway has been dark for twenty minutes."""

    def __init__(self, database: str, folder: Path, rules: str) -> None:
        world = World(database, folder, rules, now_ms() - 20 * MINUTE)
        world.dark.add(BOXES[7])
        world.now = now_ms() + HOUR  # the others are alive for as long as the test takes
        world.beat()
        world.close()
        self.database, self._rules, self._log = database, folder / "messages.yaml", folder / "log"

    def start(self) -> subprocess.Popen[bytes]:
        words = (
            "messages",
            "run",
            "--database",
            self.database,
            "--rules",
            str(self._rules),
            "--every",
            "1",
            "--lang",
            "en",
        )
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "center.entry", *words]
            return subprocess.Popen(command, stderr=log, stdout=log, env=os.environ | {"S": SECRET})

    @property
    def log(self) -> str:
        return self._log.read_text()

    def posts(self) -> list[Any]:
        store = Store(self.database)
        with store.read() as reader:
            found = reader.log(0, "", 1000)
        store.close()
        return found


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def killed_once(process: Process, seen: Callable[[], int], go_on: Callable[[], object]) -> None:
    """Killed after the request and before the answer, then begun anew: it is sent once more."""
    first = process.start()
    until(lambda: seen() == 1)
    kill(first)
    go_on()
    second = process.start()
    until(lambda: [post.state for post in process.posts()] == ["delivered"])
    second.terminate()
    assert second.wait() == 0
    (post,) = process.posts()
    assert (post.tries, post.uncertain, seen()) == (2, 1, 2)
    assert SECRET not in process.log


def holding(release: threading.Event) -> Answering:
    def answer(request: Request, handler: Any) -> None:
        release.wait(60)
        plain(200, b'{"errcode": 0}')(request, handler)

    return answer


@pytest.mark.parametrize("door", ["webhook: {{url: '{url}', secret: env:S}}", "wecom: {{url: '{url}', key: env:S}}"])
def test_killed_between_request_and_answer(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    """A webhook sees one id twice; a group sees that the second may be a repeat."""
    monkeypatch.setenv("S", SECRET)
    release = threading.Event()
    with Web(holding(release)) as web:
        process = Process(url, tmp_path, PROCESS_RULES.format(door=door.format(url=web.url)))
        killed_once(process, lambda: len(web.got), release.set)
        first, second = web.got
    if "webhook" in door:
        assert first.headers["X-Canteen-Id"] == second.headers["X-Canteen-Id"]
        assert first.body == second.body
    else:
        texts = [one.document["markdown"]["content"] for one in (first, second)]
        assert ["可能重复" in one for one in texts] == [False, True]


def test_killed_between_a_mail_and_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have one Message-ID."""
    monkeypatch.setenv("S", SECRET)
    with Smtp() as server:
        server.go_on.clear()
        door = f"mail: {{server: '127.0.0.1:{server.port}', tls: none, sender: a@b.example, to: [c@d.example]}}"
        process = Process(str(tmp_path / "center.db"), tmp_path, PROCESS_RULES.format(door=door))
        killed_once(process, lambda: len(server.mails), server.go_on.set)
    ids = {email.message_from_bytes(raw, policy=email.policy.default)["Message-ID"] for raw in server.mails}
    assert len(ids) == 1


def test_killed_again_and_again_nobody_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty receivers of one cause, a process killed after every few messages: thirty ids, each delivered."""
    monkeypatch.setenv("S", SECRET)
    with Web() as web:
        door = f"allow_local: true, webhook: {{url: '{web.url}', secret: env:S}}"
        rows = [f"  - {{name: r{number}, role: county, regions: [410103], {door}}}" for number in range(30)]
        process = Process(str(tmp_path / "center.db"), tmp_path, "receivers:\n" + "\n".join(rows))
        for wanted in (1, 9, 17, 25):
            running = process.start()
            until(lambda wanted=wanted: len(web.got) >= wanted)
            kill(running)
        running = process.start()
        until(lambda: {post.state for post in process.posts()} == {"delivered"}, progress=lambda: len(web.got))
        running.terminate()
        running.wait()
    posts = process.posts()
    assert len(posts) == 30
    assert {one.headers["X-Canteen-Id"] for one in web.got} == {post.key for post in posts}


def test_a_second_process_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do; the first goes on."""
    monkeypatch.setenv("S", SECRET)
    with Web() as web:
        door = f"webhook: {{url: '{web.url}', secret: env:S}}"
        process = Process(str(tmp_path / "center.db"), tmp_path, PROCESS_RULES.format(door=door))
        first = process.start()
        until(lambda: web.got)
        second = process.start()
        assert second.wait() == 2
        assert "messages run is at work on this database already" in process.log
        assert first.poll() is None
        first.terminate()
        assert first.wait() == 0


def test_what_was_sent_is_listed_and_a_door_can_be_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`list` while something stands wrong and `log` of what was sent; `test` says what became of it; no secret."""
    monkeypatch.setenv("S", SECRET)
    rules = tmp_path / "messages.yaml"
    with Web() as web:
        database = str(tmp_path / "center.db")
        door = f"webhook: {{url: '{web.url}?token=hidden', secret: env:S}}"
        process = Process(database, tmp_path, PROCESS_RULES.format(door=door))
        running = process.start()
        until(lambda: [post.state for post in process.posts()] == ["delivered"])
        running.terminate()
        running.wait()
        assert main(["messages", "test", "two", "--rules", str(rules)]) == 0
        assert web.got[-1].document["act"] == "test"
        web.answer = plain(500)
        assert main(["messages", "test", "two", "--rules", str(rules), "--lang", "en"]) == 1
        assert main(["messages", "test", "three", "--rules", str(rules)]) == 2
    assert main(["messages", "list", "--database", database]) == 1
    assert main(["messages", "log", "--database", database]) == 0
    words = ("messages", "acknowledge", "1", "--by", "王芳", "--note", "停电", "--database", database)
    assert main([*words, "--until", "2001-01-01"]) == 2
    assert main(["messages", "acknowledge", "9" * 20, "--database", database]) == 2
    assert main([*words, "--until", "2090-01-01"]) == 0
    assert main(["messages", "list", "--json", "--database", database]) == 1
    told = capsys.readouterr()
    assert "第7小学食堂 zz-0007：网关失联" in told.out
    assert "HTTP 500" in told.err
    assert '"ack_by": "王芳"' in told.out
    for hidden in (SECRET, "hidden", "/hook"):
        assert hidden not in told.out + told.err + process.log
