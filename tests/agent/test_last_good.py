"""A bad new configuration stops nothing: the last good one runs, and what is wrong is told."""

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
from pathlib import Path

import msgspec
import pytest

from agent import settings, status
from agent.settings import last_good
from contract.strict_yaml import ConfigError
from scripts.stage import tool
from tests.agent.test_settings import EXAMPLE, write
from tests.support.waiting import PATIENCE_S, until

GOOD = """
gateway: {id: zz-no7, city: 4101}
broker: [{host: 127.0.0.1, port: 9, password: credential:mqtt, tls: {ca: ca.pem, cert: own.pem, key: credential:key}}]
state_dir: state
policy: ours.yaml
credentials: {a: {user: viewer, password: file:a.secret}, b: {user: viewer, password: credential:b}}
cameras:
  - {slot: cook-1, address: 127.0.0.1, credentials: a, rtsp_credentials: b}
"""
SECRETS = ("pw-mqtt", "pw-a", "pw-b")


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """agent.yaml that names a file of every kind, all there."""
    for name in ("CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "credentials").mkdir()
    write(tmp_path / "credentials" / "mqtt", "pw-mqtt\n")
    write(tmp_path / "credentials" / "b", "pw-b")
    write(tmp_path / "credentials" / "key", "KEY")
    write(tmp_path / "a.secret", "pw-a\n")
    write(tmp_path / "ca.pem", "CA")
    write(tmp_path / "own.pem", "OWN")
    shutil.copy(EXAMPLE.parent / "policy" / "henan-2021-45.yaml", tmp_path / "ours.yaml")
    write(tmp_path / "agent.yaml", GOOD)
    return tmp_path / "agent.yaml"


def used(loaded: settings.Settings) -> dict[str, object]:
    """All that a configuration makes the agent use, read where it says; None for what it cannot have."""
    broker, camera = loaded.broker[0], loaded.cameras[0]
    files = {"ca.pem": broker.ca, "own.pem": broker.cert, "credentials/key": broker.key, "ours.yaml": loaded.policy}
    return {
        "credentials/mqtt": broker.password.reveal() if broker.password else None,
        "a.secret": camera.credentials.reveal() if camera.credentials else None,
        "credentials/b": camera.rtsp_credentials.reveal() if camera.rtsp_credentials else None,
        **{name: Path(file).read_text() if file and Path(file).exists() else None for name, file in files.items()},
    }


BAD = {
    "no YAML": "gateway: {id: zz-no7\n  nonsense",
    "a key that does not exist": GOOD + "lokk: 3\n",
    "no text": b"\xff\xfe\x00",
    "another state_dir, and wrong": GOOD.replace("state_dir: state", "state_dir: elsewhere\nkeepalive: soon"),
    "empty": "",
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_file_is_replaced_by_the_last_good_one(box: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with the file, the settings are the last good ones, with what is wrong and its line."""
    good = settings.load_or_last_good(box)
    assert good.problems == ()
    monkeypatch.setenv("STATE_DIRECTORY", str(good.state_dir))
    write(box, BAD[how])
    with pytest.raises(ConfigError) as caught:
        settings.load(box)
    again = settings.load_or_last_good(box)
    assert again.problems == tuple(caught.value.problems)
    assert msgspec.structs.replace(again, problems=()) == good


@pytest.mark.parametrize("gone", ["ca.pem", "own.pem"])
def test_the_certificates_of_the_last_good_one_are_kept_with_it(box: Path, gone: str) -> None:
    """A certificate that can no longer be read is a problem with its line, and the kept one is used."""
    before = used(settings.load_or_last_good(box))
    (box.parent / gone).unlink()
    after = settings.load_or_last_good(box)
    assert [problem.line for problem in after.problems] == [3]
    assert used(after) == before


@pytest.mark.parametrize("gone", ["a.secret", "credentials/mqtt", "credentials/b", "credentials/key"])
def test_a_secret_that_is_gone_costs_its_login_and_nothing_else(box: Path, gone: str) -> None:
    """No secret is kept: without it the rest runs as before, and the problem is told with its line."""
    before = used(settings.load_or_last_good(box))
    (box.parent / gone).unlink()
    after = settings.load_or_last_good(box)
    lines = {"a.secret": 6, "credentials/b": 6}
    assert [problem.line for problem in after.problems] == [lines.get(gone, 3)]
    assert used(after) == before | {gone: None}


@pytest.mark.parametrize("clear", ["hunter2", "' env:X y'"])
def test_a_password_in_clear_is_copied_nowhere(box: Path, clear: str, caplog: pytest.LogCaptureFixture) -> None:
    """A configuration with a password in it is used and not kept, and the log says that it is not."""
    write(box, GOOD.replace("file:a.secret", clear))
    if clear == "hunter2":
        with caplog.at_level("INFO"):
            assert settings.load_or_last_good(box).problems == ()
        assert "a password stands in clear" in caplog.text
    else:
        with pytest.raises(ConfigError):  # neither a reference nor a password
            settings.load_or_last_good(box)
    assert not (box.parent / "state").exists()


def test_a_policy_of_ones_own_is_kept_with_it(box: Path) -> None:
    """A policy file that became bad is told with its line, and judging goes on by the kept one."""
    before = used(settings.load_or_last_good(box))
    write(box.parent / "ours.yaml", "nonsense: 1\n")
    after = settings.load_or_last_good(box)
    assert any("nonsense" in str(problem) for problem in after.problems)
    assert used(after) == before


def test_a_new_password_is_used_by_the_last_good_one(box: Path) -> None:
    """A reference that can be read is read: a password changed beside a bad file is the one that counts."""
    settings.load_or_last_good(box)
    write(box.parent / "a.secret", "pw-new\n")
    write(box, GOOD + "lokk: 3\n")
    again = settings.load_or_last_good(box)
    assert again.cameras[0].credentials
    assert again.cameras[0].credentials.reveal() == "pw-new"


@pytest.mark.parametrize("how", ["no YAML", "gone"])
def test_it_is_found_where_the_file_no_longer_tells_of_state_dir(
    box: Path, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A syntax error hides it from the reader, not from a search; of a file that is gone systemd's folder knows."""
    if how == "gone":
        (tmp_path / "lib").mkdir()
        monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "lib"))
    write(box, GOOD.replace("state_dir: state", f"state_dir: '{tmp_path}/elsewhere'  # ours"))
    before = used(settings.load_or_last_good(box))
    if how == "gone":
        box.unlink()
    else:
        write(box, box.read_text() + "  - {slot: x\n")
    after = settings.load_or_last_good(box)
    assert after.problems
    assert used(after) == before


def test_without_a_last_good_one_the_file_is_refused(box: Path) -> None:
    """Never a good one, a spoilt one, or that of another agent.yaml: ConfigError with all problems."""
    settings.load_or_last_good(box)
    kept = box.parent / "state" / "last-good.json"
    whole = kept.read_bytes()
    write(box, GOOD + "lokk: 3\n")
    for content in (b"", whole[:-20], whole.replace(b"/agent.yaml", b"/other.yaml")):
        kept.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            settings.load_or_last_good(box)
        assert [problem.key for problem in caught.value.problems] == ["lokk"]


def test_what_is_kept_is_private_and_holds_no_secret(box: Path) -> None:
    """Only we can read what is kept; no password and no private key is in it, nor in what is said."""
    write(box.parent / "own.pem", "-----BEGIN EC PRIVATE KEY-----\npw-key")
    write(box.parent / "credentials" / "key", "pw-key")
    settings.load_or_last_good(box)
    kept = box.parent / "state" / "last-good.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    before = kept.stat().st_mtime_ns, kept.stat().st_ino
    settings.load_or_last_good(box)
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == before
    (box.parent / "a.secret").unlink()
    again = settings.load_or_last_good(box)
    inside = msgspec.json.decode(kept.read_bytes(), type=last_good.LastGood)
    assert set(inside.files) == {"broker[0].tls.ca"}
    words = [repr(again), *(problem.text(lang) for problem in again.problems for lang in ("en", "zh"))]
    held = [inside.text.decode(), *(pem.decode() for pem in inside.files.values()), kept.read_text()]
    assert not any(secret in text for secret in (*SECRETS, "pw-key") for text in (*words, *held))


def test_a_disk_that_takes_nothing_stops_nothing(box: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the configuration cannot be kept it is used all the same, and the log says why it is not kept."""
    (box.parent / "state").symlink_to("/proc/no/such")
    assert settings.load_or_last_good(box).problems == ()
    assert "cannot be kept" in caplog.text


def test_the_status_file_of_the_service_is_in_memory(tmp_path: Path) -> None:
    """Under the unit it lies in /run for the group; any other agent has it beside its journal."""
    assert status.place(tmp_path) == tmp_path / "status.json"
    assert status.place(status.STATE, tmp_path) == tmp_path / "status.json"
    assert status.place(status.STATE, tmp_path / "not-there") == status.STATE / "status.json"


def _run(box: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        command = [tool("canteen-agent"), "run", "--config", str(box)]
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)


def _until_status(agent: subprocess.Popen[bytes], file: Path, log: Path) -> None:
    until(lambda: file.exists() or agent.poll() is not None, "a status")
    assert agent.poll() is None, log.read_text()


def test_the_agent_runs_on_and_tells_log_status_and_center(box: Path) -> None:
    """A bad file at a restart: an event, the log and `status` say it with its line, and show no secret."""
    state, log = box.parent / "state", box.parent / "log"
    agent = _run(box, log)
    try:
        _until_status(agent, state / "status.json", log)
    finally:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(timeout=PATIENCE_S) == 0
    write(box, GOOD + "lokk: pw-new\n")
    agent = _run(box, log)
    try:
        _until_status(agent, state / "status.json", log)
        words = [tool("canteen-agent"), "--lang", "zh", "status", "--config", str(box)]
        environment = os.environ | {"COLUMNS": "200"}
        shown = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        assert shown.returncode == 1
        assert "正按上一份可用的配置运行" in shown.stdout
        assert "agent.yaml:9: lokk" in shown.stdout
        assert json.loads((state / "status.json").read_bytes())["gateway"] == "zz-no7"
    finally:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(timeout=PATIENCE_S) == 0
    assert "agent.yaml:9: lokk" in log.read_text()
    with sqlite3.connect(state / "journal.db") as journal:
        told = "\n".join(str(row) for row in journal.execute("select body from event"))
    assert f"the new configuration is not used: {box}:9: lokk" in told
    assert not any(secret in text for text in (told, log.read_text()) for secret in (*SECRETS, "pw-new"))
