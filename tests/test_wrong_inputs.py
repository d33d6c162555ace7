"""Wrong inputs to every command of agent and center: each is refused in a sentence that names it; nothing breaks."""

import argparse
import contextlib
import io
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest

from agent import cli as agent
from center import cli as center
from contract.handbook import commands
from contract.text import visible

PROGRAMS: dict[str, tuple[Callable[[list[str]], int], argparse.ArgumentParser]] = {
    "canteen-agent": (agent.main, agent.command_line("en")),
    "canteen-center": (center.main, center.command_line("en")),
}
COMMANDS = {
    f"{program} {' '.join(command.words)}": command
    for program, (_, parser) in PROGRAMS.items()
    for command in commands(parser)
    if command.acts
}
LEAST = 20
"""Tried of each command, spread over all that are wrong; with EVERY_WRONG_INPUT=1 in the environment it is all."""
PATIENCE_S = 120
"""What runs for so long was not refused."""
CODES = {"canteen-agent run": {2, 78}, "canteen-agent doctor": {1, 2}, "canteen-agent setup": {1, 2}}
"""Of a wrong input, where it is not 2 alone; as the help of both programs says."""

DB = "--database={db}"
RIGHT = {
    "canteen-agent run": "--config={config}",
    "canteen-agent setup": "--config={tmp}/new.yaml",
    "canteen-agent check-config": "config={config}",
    "canteen-agent credential": "name=camera --config={config}",
    "canteen-agent discover": "--interface=nosuch0 --timeout=1",
    "canteen-agent doctor": "--config={config}",
    "canteen-agent inspect": "--address=127.201.3.9:9 --rtsp-port=9 --username=u --password-file={secret} --timeout=1",
    "canteen-agent status": "--config={config}",
    "canteen-center serve": f"{DB} --broker=127.0.0.1:1 --username=c",
    "canteen-center offline": DB,
    "canteen-center standing": DB,
    "canteen-center gateways": DB,
    "canteen-center alarms": DB,
    "canteen-center messages run": f"{DB} --rules={{rules}}",
    "canteen-center messages list": DB,
    "canteen-center messages log": DB,
    "canteen-center messages acknowledge": f"number=1 {DB}",
    "canteen-center messages check": "file={rules}",
    "canteen-center messages test": "receiver=operator --rules={rules}",
    "canteen-center rate": DB,
    "canteen-center assessment": DB,
    "canteen-center bulletin": f"{DB} --month=2026-10 --out={{tmp}}/bulletin",
    "canteen-center bulletin verify": f"folder={{tmp}}/bulletin {DB}",
    "canteen-center opinion import": f"file={{sheet}} {DB}",
    "canteen-center opinion show": DB,
    "canteen-center spot-check draw": f"{DB} --n=1 --seed=t",
    "canteen-center spot-check enter": f"file={{sheet}} {DB} --seed=s",
    "canteen-center spot-check show": f"{DB} --seed=s",
    "canteen-center command": f"{DB} --gateway=zz-0001 --verb=look --broker=127.0.0.1:1 --username=c",
    "canteen-center quarantine": DB,
    "canteen-center registry template": "out={tmp}/t.xlsx",
    "canteen-center registry check": f"file={{sheet}} {DB}",
    "canteen-center registry import": f"file={{sheet}} {DB}",
    "canteen-center registry export": f"out={{tmp}}/all.xlsx {DB}",
    "canteen-center registry log": DB,
    "canteen-center broker users": f"{DB} --for=nats --passwords={{secret}} --out={{tmp}}/users",
    "canteen-center broker check": "--nats=127.0.0.1:1",
    "canteen-center ca init": "--out={tmp}/new",
    "canteen-center ca broker": "--host=h --authority={authority} --out={tmp}/certs",
    "canteen-center gateway enroll": (
        f"gateways=zz-0001 {DB} --broker=h:8883 --authority={{authority}} --out={{tmp}}/given"
    ),
    "canteen-center gateway revoke": f"gateways=zz-0001 {DB} --authority={{authority}} --reason=r",
    "canteen-center gateway list": DB,
    "canteen-center gateway answer": f"{DB} --authority={{authority}} --broker=127.0.0.1:1 --username=c",
    "canteen-center days build": f"{DB} --out={{tmp}}/days --month=2026-10",
    "canteen-center days freeze": "--out={tmp}/days --month=2026-10",
    "canteen-center days show": "--out={tmp}/days --month=2026-10",
    "canteen-center backup": f"{DB} --out={{tmp}}/copy.db",
    "canteen-center restore": "backup={tmp}/copy.db --database={tmp}/back.db",
    "canteen-center rebuild": DB,
    "canteen-center retention": f"{DB} --out={{tmp}}/days",
    "canteen-center web": f"{DB} --listen=127.0.0.1:18080",
    "canteen-center user add": f"name=wang {DB} --role=county --region=410105 --password-file={{secret}}",
    "canteen-center user password": f"name=wang {DB} --password-file={{secret}}",
    "canteen-center user disable": f"name=wang {DB}",
    "canteen-center user link": f"name=wang {DB}",
    "canteen-center user token": f"name=wang {DB}",
    "canteen-center user list": DB,
    "canteen-center user log": DB,
}
"""A line of each command into which one wrong thing is put at a time."""

# ---- what is wrong as what ----------------------------------------------------------------------

LINE = ["a\nb", "\x1b[31mred", "\udcff", "x" * 5000]
READ = [
    *("{tmp}/none", "{tmp}/folder", "{tmp}/pipe", "/dev/zero", "{tmp}/binary/below", "{tmp}/loop", "{tmp}/huge"),
    *("{tmp}/" + "x" * 300, "{tmp}/\x1b[31m\n\udcff"),
]
TEXT = [*READ, "{tmp}/binary"]
PEM = [one for one in TEXT if one != "{tmp}/huge"]  # OpenSSL's to read: it does so to the end
YAML = [*TEXT, "{tmp}/alias.yaml", "{tmp}/laughs.yaml", "{tmp}/empty.yaml", "{tmp}/deep.yaml", "{tmp}/two.yaml"]
SHIPPED = [*(one if "/" in one else f"./{one}" for one in YAML), "nosuch", "../henan-2021-45", "HENAN", "\x1b[31m"]
WRITE = ["{tmp}/folder", "{tmp}/none/below", "{tmp}/binary/below", "/proc/nosuch", "{tmp}/" + "x" * 300]
FOLDER = ["{tmp}/binary", "{tmp}/binary/below", "/proc/nosuch/x", "{tmp}/" + "x" * 300]
THERE = [*FOLDER, "{tmp}/none", "{tmp}/folder", "{tmp}/pipe"]
DATABASE = [
    *("{tmp}", "{tmp}/binary", "{tmp}/pipe", "{tmp}/binary/below", "/dev/zero", "{tmp}/huge", "{tmp}/" + "x" * 300),
    *("oracle://c/d", "postgresql://a:b@c/d", "postgresql://u@h:abc/d", "x://\x1b[31m"),
]
PLACE = ["nowhere", "999999", "4101050", "../x", *LINE]
NAME = ["nosuch", "../x", "-", *LINE]
ADDRESS = [
    *("x", ":1883", "h", "h:", "h:0", "h:65536", "h:-1", "h:1e3", "a..b:1", "mqtt://h:1883", "h:1:1883", "h:１８８３"),
    *("u@h:1883", "h/p:1883", "h :1883", "\x1b[31m:1883", "x" * 300 + ":1883"),
]
MONTH = ["2026-13", "2026-00", "26-11", "2026-1", "2026-11-01", "２０２６-11", "0000-01", "9999-12", "2026/11", "now"]
TIME = ["noon", "2026-02-30", "2026-01-01T25:00", "2026-01-01T00:00+99:00", "9999-12-31T20:00:00Z", "0001-01-01"]
TIME += ["2026-01-01T00:00 Mars/Base", "1767225600", "２０２６-01-01"]
WHOLE = ["many", "1.5", "nan", "-1", "1e999", "9" * 30, "0x10", "١٢x"]
SECONDS = ["many", "nan", "inf", "-1", "1e999", "-0.5", "1s"]

KINDS: dict[str, list[str]] = {
    # ---- by command and option, where the same word means something else
    "canteen-center restore --database": ["{tmp}", "{tmp}/binary/below", "postgresql://u@h/d"],
    "canteen-center restore backup": [*TEXT, "{sheet}"],
    "canteen-center registry template out": [*WRITE, "{sheet}"],
    "canteen-center registry export out": ["{tmp}/none/below.xlsx", "{tmp}/binary/below", "/proc/nosuch", "{sheet}"],
    "canteen-center backup --out": [*WRITE, "{tmp}/pipe"],
    "canteen-center broker users --out": [*WRITE, "{tmp}/pipe", "{sheet}"],
    "canteen-center bulletin --out": [*FOLDER, "{tmp}/full"],
    "canteen-center bulletin --previous": THERE,
    "canteen-center bulletin verify folder": THERE,
    "canteen-center bulletin verify --database": [],  # asked for with --from-facts alone
    "canteen-center rebuild --out": [*FOLDER, "{tmp}/none"],
    "canteen-center retention --out": [one for one in FOLDER if "/proc" not in one],  # it may come to be
    "canteen-center days freeze --out": THERE,
    "canteen-center days show --out": THERE,
    "canteen-center alarms --code": NAME,
    "canteen-center serve --city": ["x", "41", "4101,4102", "41010", "４１０１", "\x1b[31m"],
    "canteen-center serve --client-id": LINE,
    "canteen-center serve --metrics": [*ADDRESS, "0.0.0.0:9417", "192.0.2.1:9417"],
    "canteen-center web --listen": [*ADDRESS, "192.0.2.1:8080"],
    "canteen-center web --days": [one for one in FOLDER if "/proc" not in one],  # it may come to be
    "canteen-center ca init --host": ["a b", "a..b", "mqtt://h", "h:1", "-h", "999.1.1.1", "h/p", *LINE],
    "canteen-center ca broker --host": ["a b", "a..b", "mqtt://h", "h:1", "999.1.1.1", "h/p", *LINE],
    "canteen-center user link --site": ["x", "ftp://h", "https://", "https://h/p?q", "https://a b", *LINE],
    "canteen-center user add --unit": NAME,
    "canteen-center user add name": ["w", "a b", "../w", "-w", *LINE],
    "canteen-center registry log --id": NAME,
    "canteen-center messages check file": YAML,
    "canteen-center messages log --receiver": LINE,
    "canteen-center gateway enroll --broker-ca": [*TEXT, "{sheet}"],
    "canteen-center gateway revoke --reason": LINE[:3],
    "canteen-center ca init --name": LINE,
    "canteen-agent credential --config": [f"{one}/x" for one in (*FOLDER, "{tmp}/none")],  # beside it
    "canteen-agent credential name": ["../camera", "a b", "", *LINE],
    "canteen-agent inspect --config": [],  # of no need where --address is given
    "canteen-agent inspect --path": ["x", "/ä", "/a b", "rtsp://h/", *LINE],
    "canteen-agent inspect --address": [
        "camera.local",
        "1.2.3",
        "127.0.0.9:70000",
        "0x7f.1",
        "224.0.0.1",
        "::1",
        *LINE,
    ],
    "canteen-agent inspect --tls-pin": ["xx", "a" * 64, *LINE],
    "canteen-agent inspect --report": FOLDER,
    "canteen-agent doctor --config": ["{tmp}/none", "{tmp}/alias.yaml"],  # all else is examined as well
    "canteen-agent doctor --bundle": [*WRITE, "{sheet}", "{tmp}/pipe"],
    "canteen-agent setup words": [*TEXT, "{tmp}/huge"],
    "canteen-agent setup --interface": ["a b", *LINE],
    "canteen-agent discover --interface": LINE,
    # ---- by option
    "--config": YAML,
    "--answers": YAML,
    "config": YAML,
    "--rules": YAML,
    "--policy": SHIPPED,
    "--regions": SHIPPED,
    "--database": DATABASE,
    "--password-file": TEXT,
    "--passwords": [*TEXT, "{sheet}"],
    "--ca": PEM,
    "--cert": PEM,
    "--key": PEM,
    "--pid-file": [],  # what was asked for is done by then; its own test says what is told
    "--authority": [*FOLDER, "{tmp}/none", "{tmp}/folder"],
    "--broker-files": FOLDER,
    "--out": FOLDER,
    "--days": [*FOLDER],
    "--broker": ADDRESS,
    "--nats": ADDRESS,
    "--subnet": ["10.0.0.0/40", "10.0.0.0/8", "x", "224.0.0.0/24", "fe80::/64", "1.2.3", *LINE],
    "--county": PLACE,
    "--region": PLACE,
    "--gateway": NAME,
    "--slot": NAME,
    "--username": LINE[:3],
    "--by": LINE,
    "--reason": LINE,
    "--note": LINE,
    "--seed": LINE,
    "--name": NAME,
    "--month": MONTH,
    "--year": ["26", "20261", "year", "-2026", "9999", "２０２６", "2026-10"],
    "--at": TIME,
    "--from": TIME,
    "--to": TIME,
    "--until": TIME,
    "gateways": NAME,
    "name": NAME,
    "receiver": NAME,
    "file": [*TEXT, "{tmp}/empty.yaml"],
}


class Wrong(NamedTuple):
    """`names`: one of them is in what is said."""

    words: list[str]
    names: tuple[str, ...]


def said_as(text: str) -> str:
    """How a value is found again in a message: the begin of it, as it is shown."""
    return visible(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))[:12]


class Line:
    """A right line of a command, of which one part can be left out or be another."""

    def __init__(self, name: str, files: dict[str, str]) -> None:
        self.name, self.command, self._files = name, COMMANDS[name], files
        pairs = (part.partition("=")[::2] for part in shlex.split(RIGHT[name]))
        self.parts = {key: self.filled(value) for key, value in pairs}

    def filled(self, text: str) -> str:
        for name, file in self._files.items():
            text = text.replace(f"{{{name}}}", file)
        return text

    def words(self, *more: str, without: str = "") -> list[str]:
        parts = {key: value for key, value in self.parts.items() if key != without}
        positional = [value for key, value in parts.items() if not key.startswith("-")]
        options = [word for key, value in parts.items() if key.startswith("-") for word in (key, value)]
        return [*self.command.words, *positional, *options, *more]

    def wrong(self) -> Iterator[Wrong]:
        """Every wrong input."""
        yield Wrong(self.words("--nonsense"), ("--nonsense",))
        yield Wrong(self.words("--nonsense=1"), ("--nonsense",))
        yield Wrong(self.words("--lang", "fr"), ("--lang",))
        yield Wrong(self.words("--lang"), ("--lang",))
        takes = [one for one in self.command.arguments if not one.option_strings]
        if not any(one.nargs in ("*", "+") for one in takes):
            yield Wrong(
                self.words("surplus", *(["surplus"] if any(one.nargs == "?" for one in takes) else [])), ("surplus",)
            )
        for one in self.command.arguments:
            yield from self._of(one)
        for group in self.command.exclusive:
            first, second = (
                [one.option_strings[0], *([self._any(one)] if one.nargs != 0 else [])] for one in group[:2]
            )
            words = self.words(without=first[0]) if first[0] in self.parts else self.words()
            yield Wrong([*words, *first, *second], (second[0],))

    def _any(self, one: argparse.Action) -> str:
        return str(next(iter(one.choices))) if one.choices else "2026"

    def _of(self, one: argparse.Action) -> Iterator[Wrong]:
        option = one.option_strings[-1] if one.option_strings else ""
        key = option or one.dest
        if one.help == argparse.SUPPRESS or option in ("--help", "--lang"):
            return
        if one.required and (option or one.nargs in (None, "+")):
            yield Wrong(self.words(without=key), (key, str(one.metavar)))
        if option and one.nargs == 0:
            yield Wrong(self.words(f"{option}=1"), (option,))
            return
        if option:
            yield Wrong(self.words(option, without=option), (option,))
            for empty in ("", " "):
                yield Wrong(self.words(option, empty, without=option), (option,))
        for value in map(self.filled, self.values(one, key)):
            words = [option, value] if option else []
            made = self.words(*words, without=option) if option else self._instead(key, value)
            yield Wrong(made, (key, said_as(value), said_as(value.rpartition("/")[2]), str(one.metavar)))

    def _instead(self, key: str, value: str) -> list[str]:
        before = self.parts
        self.parts = before | {key: value}
        made = self.words()
        self.parts = before
        return made

    def values(self, one: argparse.Action, key: str) -> list[str]:
        if one.choices:
            return ["nosuch", "\x1b[31m", str(next(iter(one.choices))).upper() + "?"]
        if one.type in (int, float):
            return WHOLE if one.type is int else SECONDS
        named = f"{self.name} {key}"
        assert named in KINDS or key in KINDS, f"say in KINDS what is wrong as {named}"
        return KINDS.get(named, KINDS.get(key, []))


# ---- the test -----------------------------------------------------------------------------------

CSV = "city,county,unit,kind,zone,slot,gateway,accepted_at\n4101,金水区,一小,canteen,灶台,k1,zz-0001,2026-01-01\n"
CONFIG = "gateway: {id: box-0001, city: '4101'}\nbroker: [{host: 127.0.0.1, port: 9}]\nstate_dir: state\ncameras: []\n"
RULES = "receivers:\n- {name: operator, role: operator, webhook: {url: 'https://127.0.0.1:1/', secret: 'env:SECRET'}}\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the lines name."""
    tmp = tmp_path_factory.mktemp("wrong")
    os.environ["SECRET"] = "x" * 32
    made = {
        "config": (tmp / "agent.yaml", CONFIG),
        "sheet": (tmp / "registry.csv", CSV),
        "rules": (tmp / "messages.yaml", RULES),
        "secret": (tmp / "secret", "4101/zz-0001:Str0ng-enough-pass\n"),
    }
    for file, text in made.values():
        file.write_text(text, "utf-8")
        file.chmod(0o600)
    (tmp / "folder").mkdir()
    (tmp / "full").mkdir()
    (tmp / "full" / "thesis.txt").touch()
    os.mkfifo(tmp / "pipe")
    (tmp / "loop").symlink_to("loop")
    (tmp / "binary").write_bytes(b"\xf7\x00\xff" * 99)
    (tmp / "alias.yaml").write_text("&a [*a]\n")
    (tmp / "laughs.yaml").write_text(
        "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True))
    )
    (tmp / "empty.yaml").touch()
    (tmp / "deep.yaml").write_text("[" * 9999)
    (tmp / "two.yaml").write_text("{}\n---\n{}\n")
    with (tmp / "huge").open("wb") as huge:
        huge.truncate(1 << 30)
    db, authority = str(tmp / "center.db"), str(tmp / "authority")
    with contextlib.redirect_stdout(io.StringIO()):
        assert center.main(["registry", "import", str(tmp / "registry.csv"), "--database", db]) == 0
        assert center.main(["ca", "init", "--host", "h", "--out", authority]) == 0
        assert center.main(["spot-check", "draw", "--n", "1", "--seed", "s", "--database", db]) == 0
        assert center.main(["backup", "--out", str(tmp / "copy.db"), "--database", db]) == 0
        assert center.main(["days", "build", "--month", "2026-10", "--out", str(tmp / "days"), "--database", db]) == 0
    return {"tmp": str(tmp), "db": db, "authority": authority} | {name: str(file) for name, (file, _) in made.items()}


class NotRefused(BaseException):
    """It runs. No error that a program knows how to tell of, or it would pass for a refusal."""


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """What was not refused, and serves now, does not serve for ever."""

    def over(number: int, frame: FrameType | None) -> None:
        raise NotRefused

    before = signal.signal(signal.SIGALRM, over)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def typed(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    """Exit code, and what is said."""
    capsys.readouterr()
    signal.alarm(PATIENCE_S)
    try:
        code: Any = PROGRAMS[name.partition(" ")[0]][0](words)
    except SystemExit as left:
        code = left.code
    except BaseException as error:
        raise AssertionError(f"{words}: {error!r}") from error
    return code, "".join(reversed(capsys.readouterr()))


def test_every_command_has_a_line() -> None:
    """A new command is not forgotten, and each line is right, so that it is refused for what is put into it alone."""
    assert set(RIGHT) == set(COMMANDS)
    for name in RIGHT:
        line = Line(name, dict.fromkeys(("tmp", "db", "config", "sheet", "rules", "secret", "authority"), "x"))
        PROGRAMS[name.partition(" ")[0]][1].parse_args(line.words())


@pytest.mark.parametrize("name", RIGHT)
def test_a_wrong_input_is_refused_in_a_sentence_that_names_it(
    name: str, files: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is that of misuse; Chinese and English take turns; nothing in it commands the terminal."""
    monkeypatch.chdir(files["tmp"])
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\n" * 1000))
    every, failures = list(Line(name, files).wrong()), []
    assert len(every) >= LEAST
    chosen = every if os.environ.get("EVERY_WRONG_INPUT") else [every[n * len(every) // LEAST] for n in range(LEAST)]
    for number, (words, names) in enumerate(chosen):
        lang = ("zh", "en")[number % 2]
        code, said = typed(name, ["--lang", lang, *words], capsys)
        last = "\n".join(line for line in said.splitlines() if not line.startswith((" ", "usage:", "用法：")))
        right = (
            code in CODES.get(name, {2})
            and any(part in said for part in names)
            and bool(re.search("[\u4e00-\u9fff]", last)) is (lang == "zh")
            and not re.search(r"Traceback|Errno|\x1b|\udcff", said)
        )
        if not right:
            failures.append(f"{code} {words} {said[-300:]!r}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_that_cannot_be_written_is_one_line(
    program: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every command: on a full disk why, and exit code 2; closed output takes everything."""
    _, parser = PROGRAMS[program]
    for command in commands(parser):
        for words, out, code, said in (
            ("--help", "/dev/full", 2, f"{program}: the output cannot be written: the disk is full\n"),
            ("--help", None, 0, ""),
        ):
            with contextlib.ExitStack() as stack:
                stream = stack.enter_context(Path(out).open("w")) if out else None
                monkeypatch.setattr(sys, "stdout", stream)
                got = typed(f"{program} ", ["--lang", "en", *command.words, words], capsys)
            assert got == (code, said), command.words
