"""The door to every password: what it lets through, and how several processes share what it knows."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from agent.login_gate import SPACED_S, LoginGate, Refusal
from agent.model import Camera, Credentials
from agent.permit import LoginMet, onvif_login, stream_login
from tests.support.waiting import PATIENCE_S

RIGHT, WRONG = Credentials("admin", "canary-right"), Credentials("admin", "canary-wrong")
CAMERA = Camera(slot="one", address="127.0.0.9", credentials=WRONG)
CORRECTED = replace(CAMERA, credentials=RIGHT)
REFUSED, WORKED = LoginMet(failed=1), LoginMet(worked=True)
START_S = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now_s = START_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def gate(folder: Path, clock: Clock, **options: Any) -> LoginGate:
    return LoginGate(folder / "logins.json", now=clock, **options)


def may(door: LoginGate, camera: Camera = CAMERA) -> bool:
    return door.may(camera, onvif_login)


def refuse(door: LoginGate, camera: Camera = CAMERA, how: LoginMet = REFUSED) -> None:
    assert may(door, camera)
    door.met(camera, onvif_login, how)


def test_a_refused_login_pauses_these_credentials_alone_and_over_a_restart(tmp_path: Path, clock: Clock) -> None:
    """Other credentials, and other addresses, may be tried at once; the pause is kept on disk without the password."""
    door = gate(tmp_path, clock)
    refuse(door)
    for known in (door, gate(tmp_path, clock)):
        assert not may(known)
        assert may(known, CORRECTED)
        assert may(known, replace(CAMERA, address="127.0.0.10"))
    text = (tmp_path / "logins.json").read_text()
    assert "canary" not in text
    assert (tmp_path / "logins.json").stat().st_mode & 0o777 == 0o600


def test_after_the_pause_one_attempt_is_let_through(tmp_path: Path, clock: Clock) -> None:
    """Whoever asks first may try; nobody else, in this process or another, until it was told how that went."""
    door, other = gate(tmp_path, clock), gate(tmp_path, clock)
    refuse(door)
    clock.now_s += 1801
    assert may(door)
    assert not may(door)
    assert not may(other)
    door.met(CAMERA, onvif_login, LoginMet())  # the camera did not answer: nothing was refused
    assert may(other)
    other.met(CAMERA, onvif_login, WORKED)
    assert may(door)
    assert may(door)


def test_an_attempt_of_a_process_that_died_counts_as_refused(tmp_path: Path, clock: Clock) -> None:
    """A process killed between its login and the answer cannot have told it; the account may be nearer to its lock."""
    program = (
        "import os, signal, sys; from pathlib import Path; from tests.agent.test_login_gate import *\n"
        "clock = Clock(); clock.now_s += 1801; assert may(gate(Path(sys.argv[1]), clock))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    refuse(gate(tmp_path, clock))
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    door = gate(tmp_path, clock)
    clock.now_s += 1802
    assert not may(door)
    clock.now_s += 600
    assert not may(door)
    refusal = door.refusal(CAMERA)
    assert refusal
    assert refusal.paused
    assert refusal.until_s > clock.now_s + 1800  # the second refusal: an hour


def test_no_process_loses_the_refusals_of_another(tmp_path: Path) -> None:
    """Eight processes that are refused at the same time, by cameras of their own, leave eight pauses."""
    program = (
        "import sys; from pathlib import Path; from tests.agent.test_login_gate import *\n"
        "clock, folder, n = Clock(), Path(sys.argv[1]), int(sys.argv[2])\n"
        "door = gate(folder, clock); sys.stdin.readline()\n"
        "for i in range(5): refuse(door, replace(CAMERA, address=f'127.0.{n}.{i}'))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(n)], stdin=subprocess.PIPE, text=True)
        for n in range(8)
    ]
    for process in started:
        process.communicate("go\n")
    assert {process.returncode for process in started} == {0}
    door = gate(tmp_path, Clock())
    assert not any(may(door, replace(CAMERA, address=f"127.0.{n}.{i}")) for n in range(8) for i in range(5))
    assert len(json.loads((tmp_path / "logins.json").read_text())["guards"]) == 40


def test_a_folder_that_takes_nothing_is_named_once_and_nothing_forgotten(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusals are minded all the same, and written, beside what others wrote, once the folder takes something."""
    monkeypatch.setattr("agent.login_record.RETRY_S", 0.0)
    folder = tmp_path / "gone"
    door = gate(folder, clock)
    refuse(door)
    other = replace(CAMERA, address="127.0.0.10")
    refuse(door, other)
    assert not may(door)
    assert sum("cannot write" in record.message for record in caplog.records) == 1
    folder.mkdir()
    third = replace(CAMERA, address="127.0.0.11")
    refuse(gate(folder, clock), third)
    door.save_refused()
    for known in (door, gate(folder, clock)):
        assert not any(may(known, one) for one in (CAMERA, other, third))


def test_a_lock_that_is_never_let_go_of_stops_nobody(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process stopped while it writes holds the lock: others mind what they know, and write later."""
    import fcntl

    monkeypatch.setattr("agent.login_record.LOCK_S", 0.1)
    monkeypatch.setattr("agent.login_record.RETRY_S", 0.0)
    with (tmp_path / ".logins.json.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        door = gate(tmp_path, clock)
        refuse(door)
        assert not may(door)
        assert not (tmp_path / "logins.json").exists()
    door.save_refused()
    assert not may(gate(tmp_path, clock))


def test_slots_of_one_device_are_let_through_together(tmp_path: Path, clock: Clock) -> None:
    """Whoever asks a recorder for all its slots asks them one after the other: they share one attempt."""
    door = gate(tmp_path, clock)
    slots = [replace(CAMERA, slot=slot) for slot in ("one", "two", "three")]
    refuse(door)
    assert door.allowed(slots, onvif_login) == frozenset()
    clock.now_s += 1801
    door.bar("three")
    assert door.allowed(slots, onvif_login) == {"one", "two"}
    assert not may(door, slots[1])


def test_a_wrong_password_is_first_shown_once_however_many_ask(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32 slots of a recorder begin at once: the first shows the login, the others wait for what becomes of it."""
    monkeypatch.setattr("agent.login_gate.FIRST_S", PATIENCE_S)
    door, shown = gate(tmp_path, clock), list[str]()

    def look(slot: str) -> None:
        one = replace(CAMERA, slot=slot)
        if may(door, one):
            shown.append(slot)
            time.sleep(0.1)
            door.met(one, onvif_login, REFUSED)

    looks = [threading.Thread(target=look, args=(str(n),)) for n in range(32)]
    for one in looks:
        one.start()
    for one in looks:
        one.join()
    assert len(shown) == 1


def test_who_waits_for_a_first_login_does_not_wait_long(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that does not answer costs the others FIRST_S; one goes beside the first; once one is back all may."""
    monkeypatch.setattr("agent.login_gate.FIRST_S", 0.2)
    door = gate(tmp_path, clock, patience_s=0.2)
    assert may(door)
    assert may(door)
    assert not may(door)
    assert not may(gate(tmp_path, clock, patience_s=0.2))
    door.met(CAMERA, onvif_login, LoginMet())
    monkeypatch.setattr("agent.login_gate.FIRST_S", 60.0)
    assert may(door)
    assert may(door)


def test_a_refusal_right_after_an_accepted_login_is_no_wrong_password(tmp_path: Path, clock: Clock) -> None:
    """Some domes answer 401 for seconds after a session; a minute later a refusal counts again."""
    door = gate(tmp_path, clock)
    door.met(CAMERA, onvif_login, WORKED)
    clock.now_s += 4
    refuse(door)
    clock.now_s += SPACED_S
    assert may(door)
    door.met(CAMERA, onvif_login, WORKED)
    clock.now_s += 90
    refuse(door)
    assert not may(door)


def test_a_password_changed_at_the_camera_is_shown_twice(tmp_path: Path, clock: Clock) -> None:
    """Soon after an accepted login one refusal is excused, and the next login spaced; if that is refused both count."""
    door = gate(tmp_path, clock, patience_s=0.0)
    door.met(CAMERA, onvif_login, WORKED)
    clock.now_s += 5
    refuse(door)
    assert not may(door)
    assert door.refusal(CAMERA) is None
    clock.now_s += SPACED_S
    refuse(door)
    assert not may(door)
    refusal = door.refusal(CAMERA)
    assert refusal
    assert refusal.until_s == clock.now_s + 3600


def test_who_has_patience_waits_after_an_excused_refusal(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command goes on by itself; what it asks next is not told as paused."""
    door = gate(tmp_path, clock, patience_s=PATIENCE_S)
    door.met(CAMERA, onvif_login, WORKED)
    refuse(door)
    waiting = threading.Timer(0.2, lambda: setattr(clock, "now_s", clock.now_s + SPACED_S))
    waiting.start()
    assert may(door)
    assert clock.now_s == START_S + SPACED_S
    waiting.join()


def test_what_onvif_takes_excuses_rtsp_once(tmp_path: Path, clock: Clock) -> None:
    """Where both have users of their own an accepted ONVIF login does not begin the count of RTSP anew."""
    door, shown = gate(tmp_path, clock, patience_s=0.0), 0
    for _ in range(60):
        if may(door):
            door.met(CAMERA, onvif_login, WORKED)
        if door.may(CAMERA, stream_login):
            door.met(CAMERA, stream_login, REFUSED)
            shown += 1
        clock.now_s += 30
    assert shown == 2


def test_an_excuse_holds_for_all_processes(tmp_path: Path, clock: Clock) -> None:
    """A command soon after the agent's excused refusal has none of its own, and waits as the agent does."""
    agent, command = gate(tmp_path, clock, patience_s=0.0), gate(tmp_path, clock, patience_s=0.0)
    for door in (agent, command):
        door.met(CAMERA, onvif_login, WORKED)
    refuse(agent)
    assert not may(command)
    clock.now_s += SPACED_S
    refuse(command)
    assert not may(agent)


def test_no_camera_counts_three_within_half_an_hour(tmp_path: Path, clock: Clock) -> None:
    """However looks, questions and a command are mixed, and two of them under way when the password changes."""
    doors = [gate(tmp_path, clock, patience_s=0.0) for _ in range(2)]
    shown: list[float] = []
    for step in range(480):
        for door in doors:
            ways = [way for way in (stream_login, onvif_login) if door.may(CAMERA, way)]
            shown += [clock.now_s] * len(ways)
            for way in ways:
                door.met(CAMERA, way, WORKED if step == 0 else REFUSED)
        clock.now_s += 15
    wrong = shown[next(n for n, at in enumerate(shown) if at > START_S) :]
    assert len(wrong) >= 3
    assert all(third - first >= 1800 for first, third in zip(wrong, wrong[2:], strict=False))


def test_after_an_excused_refusal_logins_go_one_by_one(tmp_path: Path, clock: Clock) -> None:
    """A look, a picture and a question at the same moment would show a camera three wrong passwords at once."""
    door = gate(tmp_path, clock, patience_s=PATIENCE_S)
    door.met(CAMERA, onvif_login, WORKED)
    refuse(door)
    clock.now_s += SPACED_S
    assert may(door)
    let = []
    other = threading.Thread(target=lambda: let.append(may(door)))
    other.start()
    time.sleep(0.2)
    assert let == []
    door.met(CAMERA, onvif_login, REFUSED)
    other.join(PATIENCE_S)
    assert let == [False]


def test_of_several_processes_one_shows_a_password_for_the_first_time(tmp_path: Path, clock: Clock) -> None:
    """The others wait for its end, and see that it was refused. Each record is opened as by a process of its own."""
    first, let = gate(tmp_path, clock), []
    others = [gate(tmp_path, clock, patience_s=PATIENCE_S) for _ in range(5)]
    assert may(first)
    threads = [threading.Thread(target=lambda one=one: let.append(may(one))) for one in others]
    for thread in threads:
        thread.start()
    assert may(others[0], replace(CAMERA, address="127.0.0.10"))  # who waits keeps nobody else
    assert let == []
    first.met(CAMERA, onvif_login, REFUSED)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert let == [False] * 5


def test_who_dies_over_its_first_login_lets_the_next_one_go(tmp_path: Path, clock: Clock) -> None:
    """The kernel lets go of its lock."""
    program = (
        "import os, signal, sys; from pathlib import Path; from tests.agent.test_login_gate import *\n"
        "door = gate(Path(sys.argv[1]), Clock()); assert may(door); print('sent', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "sent\n"
        let: list[bool] = []
        thread = threading.Thread(target=lambda: let.append(may(gate(tmp_path, clock, patience_s=PATIENCE_S))))
        thread.start()
        time.sleep(0.2)
        assert let == []
        other.kill()
        thread.join(PATIENCE_S)
    assert let == [True]


def test_a_camera_that_counts_down_is_believed_at_once(tmp_path: Path, clock: Clock) -> None:
    """However soon after an accepted login: one try after a minute, and the last three attempts are the owner's."""
    door = gate(tmp_path, clock)
    door.met(CAMERA, onvif_login, WORKED)
    clock.now_s += 5
    refuse(door, how=LoginMet(failed=1, attempts_left=4))
    assert not may(door)
    clock.now_s += 61
    refuse(door, how=LoginMet(failed=1, attempts_left=3))
    clock.now_s += 86_000
    assert not may(door)


def test_a_login_that_works_for_another_process_ends_the_pause_here(tmp_path: Path, clock: Clock) -> None:
    """A person tried it by hand: the agent goes on at once, and asks what it could not ask meanwhile."""
    works = list[Camera]()
    door = LoginGate(tmp_path / "logins.json", now=clock, works=works.append)
    refuse(door)
    by_hand = gate(tmp_path, clock, forced=True)
    assert may(by_hand)
    by_hand.met(CAMERA, onvif_login, WORKED)
    assert may(door)
    door.met(CAMERA, onvif_login, WORKED)
    assert works == [CAMERA]


def test_begin_and_end_of_a_refusal_are_told_once(tmp_path: Path, clock: Clock) -> None:
    """However often a refused login is asked for, by whichever slot, one call says so; one says that it works again."""
    told, works = list[tuple[Camera, Refusal]](), list[Camera]()

    def door() -> LoginGate:
        return LoginGate(tmp_path / "logins.json", now=clock, refused=lambda *one: told.append(one), works=works.append)

    first = door()
    refuse(first)
    assert not any(may(first) for _ in range(3))
    assert [(camera.slot, one.since_s, one.until_s, one.paused) for camera, one in told] == [
        ("one", START_S, START_S + 1800, True)
    ]
    after_restart = door()
    assert not may(after_restart)
    assert len(told) == 2
    clock.now_s += 1801
    assert may(after_restart)
    after_restart.met(CAMERA, onvif_login, WORKED)
    assert works == [CAMERA]
    assert after_restart.refusal(CAMERA) is None


def test_forced_is_one_login_more(tmp_path: Path, clock: Clock) -> None:
    """A person may have a paused login tried; once that is refused too it is over for this run and for all others."""
    refuse(gate(tmp_path, clock))
    forced = gate(tmp_path, clock, forced=True)
    refuse(forced)
    assert not may(forced)
    refusal = gate(tmp_path, clock).refusal(CAMERA)
    assert refusal
    assert refusal.until_s == START_S + 3600


def test_a_barred_slot_is_let_through_by_nobody(tmp_path: Path, clock: Clock) -> None:
    """Where another device stands no login is sent, forced or not, restart or not, until the right one is back."""
    gate(tmp_path, clock).bar("one")
    door = gate(tmp_path, clock, forced=True)
    assert door.is_barred("one")
    assert not may(door)
    door.lift("one")
    assert may(gate(tmp_path, clock))


def test_two_logins_of_one_camera_stand_for_themselves(tmp_path: Path, clock: Clock) -> None:
    """A refused RTSP login pauses no ONVIF login with other credentials; asked for both, the longer pause is named."""
    door = gate(tmp_path, clock)
    both = replace(CAMERA, rtsp_credentials=RIGHT)
    door.met(both, stream_login, REFUSED)
    assert not door.may(both, stream_login)
    assert may(door, both)
    assert door.refusal(both, onvif_login) is None
    assert door.refusal(both) == door.refusal(both, stream_login)


def test_the_record_of_an_earlier_version_is_taken_over(tmp_path: Path, clock: Clock) -> None:
    """Pauses and barred slots that stood beside what was learnt hold on."""
    refuse(gate(tmp_path, clock))
    old = json.loads((tmp_path / "logins.json").read_text())
    (tmp_path / "logins.json").unlink()
    (tmp_path / "learnt.json").write_bytes(msgspec.json.encode({**old, "barred": ["two"], "learnt": {}}))
    door = gate(tmp_path, clock)
    (tmp_path / "learnt.json").unlink()
    for known in (door, gate(tmp_path, clock)):
        assert not may(known)
        assert known.is_barred("two")


@pytest.mark.parametrize("content", [b"\x00garbage", b'{"salt":"\xff"}', b'{"salt":' + b"[" * 100_000])
def test_an_unreadable_record_is_said_and_replaced(
    tmp_path: Path, clock: Clock, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage in the file stops nobody, and the next refusal stands in a sound one."""
    (tmp_path / "logins.json").write_bytes(content)
    door = gate(tmp_path, clock)
    refuse(door)
    assert "cannot be used" in caplog.text
    assert not may(gate(tmp_path, clock))


def test_a_link_in_place_of_the_record_is_not_followed(tmp_path: Path, clock: Clock) -> None:
    """Neither is what it names read, nor written to."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    (tmp_path / "logins.json").symlink_to(elsewhere)
    (tmp_path / ".logins.json.lock").symlink_to(elsewhere)
    refuse(gate(tmp_path, clock))
    assert elsewhere.read_text() == "precious"


def test_asking_costs_nothing_where_nothing_was_refused(tmp_path: Path, clock: Clock) -> None:
    """The gate is asked at every look: without a refusal it hashes no password and reads no file again."""
    door = gate(tmp_path, clock)
    cameras = [replace(CAMERA, slot=str(n), credentials=Credentials("u", str(n))) for n in range(1000)]
    began = time.process_time()
    assert len(door.allowed(cameras, onvif_login)) == 1000
    assert time.process_time() - began < 1.0  # 1,000 fingerprints take ten times as long
