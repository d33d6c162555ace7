"""`setup` as a person walks through it at a terminal."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from agent import settings
from contract.text import columns
from simulator.persona import personas
from tests.agent.setup.house import PASSWORD, House, house, spec
from tests.agent.setup.terminal import Rule, Terminal

WRONG = "canary-wrong"


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    with house(tmp_path, spec("stove"), spec("sink", "dahua-bullet")) as built:
        yield built


def words(built: House, *more: str, lang: str = "en") -> list[str]:
    return ["--lang", lang, "setup", "--config", str(built.config), "--interface", "lo", "--loopback", *more]


def rules(built: House, *first: Rule) -> list[Rule]:
    """Whoever else simulates cameras on this machine meanwhile: only those of the house are set up."""
    stove, sink = (re.escape(built.canteen.camera(slot).address) for slot in ("stove", "sink"))
    return [
        *first,
        (rf"(?s){stove}\D.*set this camera up", "y"),
        (rf"(?s){sink}\D.*set this camera up", "y"),
        ("set this camera up", "n"),
        ("camera missing", ""),
        ("folder for the acceptance", "-"),
        ("start the service", "n"),
    ]


LOGIN: list[Rule] = [(r"\nuser ", "admin"), ("password \\(not shown\\)", PASSWORD)]


def test_a_walk_on_a_phone(two: House) -> None:
    """40 columns: both cameras, one password typed once, names in one's own words; the help of each question."""
    named: list[Rule] = [("position id", "cook-1"), ("zone \\(", "洗消间 东"), (r"\nname ", "水池边")]
    asked: set[str] = set()
    with Terminal(*words(two, str(two.bundle)), columns=40, XDG_STATE_HOME=os.environ["XDG_STATE_HOME"]) as terminal:
        place, before = 0, ""
        while (question := terminal.question()) is not None:
            last = question.strip().splitlines()[-2] if "\n" in question.strip() else question
            if "(?)" in question and last not in asked:
                asked.add(last)
                before = question
                terminal.type("?\n")
                continue
            question, before = before + question, ""
            known = [*(named if place == 0 else []), *rules(two, *LOGIN)]
            typed = next((answer for pattern, answer in known if re.search(pattern, question)), "") or ""
            place += bool(re.search(r"\nname ", question))
            terminal.type(typed + "\n")
        said = terminal.said
        assert terminal.process.wait() == 0, said
    loaded = settings.load(two.config)
    assert {one.address for one in loaded.cameras} == {one.address for one in two.canteen.cameras}
    assert (loaded.cameras[0].slot, loaded.cameras[0].zone, loaded.cameras[0].name) == ("cook-1", "洗消间 东", "水池边")
    assert loaded.cameras[1].slot == "cam-1"
    assert loaded.cameras[0].credentials == loaded.cameras[1].credentials
    assert said.count("password (not shown)") == 1
    assert PASSWORD not in said
    assert (two.refused("stove"), two.refused("sink")) == (0, 0)
    shown = [line for line in said.replace("\r", "\n").splitlines() if "/" not in line]
    assert max(map(columns, shown)) <= 40, max(shown, key=columns)
    assert len(asked) >= 6


def test_a_refused_login_is_asked_about_again(tmp_path: Path) -> None:
    """Each password is shown to this camera alone and once; the person is told what it says, and types again."""
    with house(tmp_path, spec("stove", "dahua-bullet"), spec("sink", "hikvision-dome")) as built:
        passwords = iter([WRONG, WRONG, PASSWORD])
        with Terminal(*words(built, str(built.bundle)), XDG_STATE_HOME=str(tmp_path / "own")) as terminal:
            address = re.escape(built.canteen.camera("sink").address)
            while (question := terminal.question()) is not None:
                first: list[Rule] = [
                    (rf"(?s){address}\D.*set this camera up", "n"),
                    (r"\nuser ", "admin"),
                    ("password \\(not shown\\)", next(passwords, "?") if "password (not shown)" in question else ""),
                ]
                if "which login for" in question and "refuses" in question:
                    number = re.findall(r"(\d)\) another user", question)
                    first.insert(0, ("which login", number[-1]))
                typed = next((one for pattern, one in rules(built, *first) if re.search(pattern, question)), "") or ""
                terminal.type(typed + "\n")
            said = terminal.said
        assert said.count("the camera refuses the login") == 2, said
        assert "✓ it can be opened" in said
        assert 1 <= built.refused("stove") <= 2
        assert built.logins("sink") == 0
        assert settings.load(built.config).cameras[0].credentials
        state = "".join(one.read_text() for one in built.state.iterdir() if one.is_file())
        assert WRONG not in state + said
        assert PASSWORD not in state + said


def test_a_hand_that_types_by_habit_shows_no_password(tmp_path: Path) -> None:
    """Enter, user, password, four times: each password goes where it is not seen; then nothing typed is the way out."""
    with house(tmp_path, spec("stove", "dahua-bullet")) as built:
        typed = iter([word for number in range(4) for word in ("", "admin", f"{WRONG}-{number}")])
        address = re.escape(built.canteen.camera("stove").address)
        with Terminal(*words(built, str(built.bundle)), XDG_STATE_HOME=str(tmp_path / "own")) as terminal:
            while (question := terminal.question()) is not None:
                leaves = next((number for number in re.findall(r"(\d)\) leave this camera out", question)), "")
                habit = re.search(r"which login|\nuser |password \(not shown\)", question)
                answer = next(typed, leaves) if habit else ""
                if not habit:
                    answer = "y" if re.search(rf"(?s){address}\D.*set this camera up", question) else "n"
                    answer = "" if "camera missing" in question else answer
                terminal.type(answer + "\n")
            said = terminal.said
        assert said.count("the camera refuses the login") == 4, said
        assert "4 logins were refused here" in " ".join(said.split())
        assert WRONG not in said


def test_a_recorder_whose_channels_do_not_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is said, and they are asked for again; it is never one camera because of it."""
    nvr = personas()["nvr-2-channels"]
    refuses = dict.fromkeys(("media.GetVideoSources", "media.GetProfiles"), "close")
    monkeypatch.setitem(personas(), "nvr-mute", structs.replace(nvr, refuses=refuses))
    with house(tmp_path, spec("nvr", "nvr-mute")) as built:
        address = re.escape(built.canteen.camera("nvr").address)
        first: list[Rule] = [
            (rf"(?s){address}\D.*set this camera up", "y"),
            ("set this camera up", "n"),
            ("camera missing", ""),
            ("video cannot be had", "y"),
            *LOGIN,
        ]
        with Terminal(*words(built, str(built.bundle)), XDG_STATE_HOME=str(tmp_path / "own")) as terminal:
            assert terminal.answer(first) == 1
            said = " ".join(terminal.said.split())
        assert said.count("could not ask for its channels: busy") == 3, said
        assert "position id" not in said
        assert not built.config.exists()


STOPS = [
    "camera missing",
    "set this camera up",
    "which login",
    "position id",
    r"\nname ",
    "acceptance report",
    "write it",
    "start the",
]


def test_killed_at_every_step_it_goes_on(two: House) -> None:
    """Power cut at each question in turn: what was answered is not asked again, and there is never half a file."""
    state = {"XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]}
    sink = re.escape(two.canteen.camera("sink").address)
    only: Rule = (rf"(?s){sink}\D.*set this camera up", "n")
    asked = 0
    for number, stop in enumerate(STOPS):
        more = ["--resume"] if number else [str(two.bundle)]
        stove = rf"(?s){re.escape(two.canteen.camera('stove').address)}\D.*set this camera up"
        kill: Rule = (stove if stop == "set this camera up" else stop, None)
        with Terminal(*words(two, *more), **state) as terminal:
            assert terminal.answer(rules(two, kill, only, *LOGIN)) == -9, terminal.said
            asked += terminal.said.count("password (not shown)")
        if two.config.exists():
            assert stop == "start the"
            assert settings.check(two.config, "en") == []
        kept = (two.state / "setup.json").read_text()
        assert PASSWORD not in kept
    with Terminal(*words(two, "--resume"), **state) as terminal:
        assert terminal.answer(rules(two)) == 0
        assert "set this camera up" not in terminal.said
    assert asked == 1
    assert [one.slot for one in settings.load(two.config).cameras] == ["cam-1"]
    assert not (two.state / "setup.json").exists()
    assert two.refused("stove") == 0


def test_channels_of_a_recorder_and_their_pictures(tmp_path: Path) -> None:
    """Each channel that is chosen becomes a position, and is shown on request; the pictures are gone at the end."""
    with house(tmp_path, spec("nvr", "nvr-2-channels")) as built:
        address = re.escape(built.canteen.camera("nvr").address)
        seen: list[bytes] = []
        first: list[Rule] = [
            ("small picture", "y"),
            ("folder for the acceptance", str(tmp_path)),
            ("which of them", "2"),
        ]
        known = [*first, (rf"(?s){address}\D.*set this camera up", "y"), ("set this camera up", "n"), *LOGIN]
        with Terminal(*words(built, str(built.bundle)), XDG_STATE_HOME=str(tmp_path / "own")) as terminal:
            while (question := terminal.question()) is not None:
                if "position id" in question:
                    folder = built.state / "setup-pictures"
                    assert folder.is_dir(), terminal.said
                    seen += [one.read_bytes() for one in folder.iterdir()]
                    assert all(one.stat().st_mode & 0o777 == 0o600 for one in folder.iterdir())
                typed = next((answer for pattern, answer in known if re.search(pattern, question)), "") or ""
                terminal.type(("n" if "start the service" in question else typed) + "\n")
            assert terminal.process.wait() == 0, terminal.said
        assert [one.startswith(b"\xff\xd8\xff") for one in seen] == [True]
        assert not (built.state / "setup-pictures").exists()
        (camera,) = settings.load(built.config).cameras
        assert camera.channel.endswith("002")
        (report,) = tmp_path.glob("inspection-gw-0001-*.html")
        assert "cam-1" in report.read_text()
        assert built.refused("nvr") == 0


def test_a_camera_that_vanished_in_between(two: House) -> None:
    """It is named at the last look; once it is back that is all, and what was answered counts."""
    unit = two.canteen.camera("stove")
    sink = re.escape(two.canteen.camera("sink").address)
    with Terminal(*words(two, str(two.bundle)), XDG_STATE_HOME=os.environ["XDG_STATE_HOME"]) as terminal:
        while (question := terminal.question()) is not None:
            if re.search(r"\nname ", question):
                two.canteen.fault("stove", "off")
            if "What now?" in question:
                two.canteen.fault("stove", "none")
            known = rules(two, (rf"(?s){sink}\D.*set this camera up", "n"), *LOGIN)
            typed = next((answer for pattern, answer in known if re.search(pattern, question)), "") or ""
            terminal.type(typed + "\n")
        assert terminal.process.wait() == 0, terminal.said
        assert terminal.said.count("What now?") == 1
        assert "HIKVISION" in terminal.said
    assert [one.address for one in settings.load(two.config).cameras] == [unit.address]
    assert two.refused("stove") == 0


def test_a_terminal_that_closes_and_a_hand_on_ctrl_c(two: House) -> None:
    """Each ends with a sentence that says how to go on; nothing is written."""
    with Terminal(*words(two, str(two.bundle)), XDG_STATE_HOME=os.environ["XDG_STATE_HOME"]) as terminal:
        assert terminal.question()
        terminal.type("\x04")  # the end of the input
        assert terminal.answer([]) == 2
        assert "setup --resume" in terminal.said
    with Terminal(*words(two, "--resume"), XDG_STATE_HOME=os.environ["XDG_STATE_HOME"]) as terminal:
        assert terminal.question()
        terminal.interrupt()
        assert terminal.answer([]) == 130
        assert "setup --resume" in terminal.said
    assert not two.config.exists()
