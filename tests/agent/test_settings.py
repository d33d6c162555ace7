"""The configuration: what is accepted, what every bad file is told, and that no secret is."""

import logging
import os
import re
import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from agent import settings
from agent.ask.onvif import xaddr
from agent.model import ONVIF_PORTS, Credentials
from agent.settings import Secret, entries
from contract.problems import MESSAGES
from contract.strict_yaml import ConfigError

BAD = Path(__file__).parent / "bad_configs"
EXAMPLE = Path(__file__).parents[2] / "config" / "agent.example.yaml"
LEAST = """
gateway: {id: zz-no7, city: 4101}
broker: [{host: 127.0.0.1}]
cameras: []
"""


def write(path: Path, content: bytes | str, mode: int = 0o600) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def config(folder: Path, content: bytes | str = LEAST, mode: int = 0o600) -> Path:
    return write(folder / "agent.yaml", content, mode)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of every kind that a configuration can name."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("SET_BUT_EMPTY", "")
    write(tmp_path / "good.secret", "hunter2\n", 0o400)
    write(tmp_path / "empty.secret", "\n")
    write(tmp_path / "open.secret", "hunter2\n", 0o644)
    write(tmp_path / "two_lines.secret", "hunter2\nhunter3\n")
    write(tmp_path / "huge.secret", "hunter2" * 1000)
    write(tmp_path / "foreign.secret", "hunter2\n")
    if os.geteuid() == 0:
        os.chown(tmp_path / "foreign.secret", 12345, 12345)
    os.mkfifo(tmp_path / "fifo.secret", 0o600)
    write(tmp_path / "ca.pem", "")
    return tmp_path


# ---- bad files and what they are told -----------------------------------------------------------


def told(folder: Path, content: bytes) -> str:
    """All that is said of a file: in English, an empty line, in Chinese."""
    mode = re.match(rb"# mode ([0-7]{4})\n", content)
    path = config(folder, content, int(mode[1], 8) if mode else 0o600)
    english, chinese = settings.check(path, "en"), settings.check(path, "zh")
    return "\n".join([*english, "", *chinese, ""]).replace(f"{path}:", f"{path.name}:").replace(str(folder), "{folder}")


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_each_bad_file_gets_its_exact_messages(name: str, folder: Path) -> None:
    """A bad configuration is refused with all its problems, word for word, in English and in Chinese."""
    if name == "secrets_missing" and os.geteuid() != 0:
        pytest.skip("giving a file to another user needs root")
    expected = (BAD / f"{name}.txt").read_text()
    assert expected.strip()
    assert told(folder, (BAD / f"{name}.yaml").read_bytes()) == expected


def test_each_expectation_has_its_file() -> None:
    """No expectation outlives its configuration, and no configuration stands without its expectation."""
    assert {path.stem for path in BAD.glob("*.txt")} == {path.stem for path in BAD.glob("*.yaml")}
    assert len(list(BAD.glob("*.yaml"))) >= 25


def test_no_message_shows_a_password() -> None:
    """The passwords of the bad files (hunter2, hunter3) are in none of the messages."""
    assert not [path.name for path in BAD.glob("*.txt") if "hunter" in path.read_text()]


def test_every_message_speaks_both_languages() -> None:
    """English and Chinese fill in the same things."""
    for code, words in MESSAGES.items():
        assert set(re.findall(r"{\w+", words.en)) == set(re.findall(r"{\w+", words.zh)), code
        assert not re.search("[\u4e00-\u9fff]", words.en), code
        assert re.search("[\u3000-\u9fff]", words.zh), code


# ---- good files ---------------------------------------------------------------------------------


def test_the_least_configuration_has_sound_defaults(folder: Path) -> None:
    """Who the box is, where the broker is and which cameras there are is all that must be written."""
    loaded = settings.load(config(folder))
    assert loaded.broker == (settings.Broker(host="127.0.0.1", port=8883, username="4101/zz-no7"),)
    assert (loaded.look.interval, loaded.look.deadline, loaded.heartbeat, loaded.keepalive) == (30, 5, 60, 60)
    assert (loaded.capability.interval, loaded.capability.deadline) == (86400, 60)
    assert loaded.state_dir == Path("/var/lib/canteen-agent")
    assert (loaded.policy, loaded.log.level, loaded.cameras) == ("henan-2021-45", "info", ())


def test_values_keep_the_meaning_they_have_on_paper(folder: Path) -> None:
    """0123, no, on, 1_000, 12:34 and numbers are texts where a text is asked for, and 0123 is 123 where a number is."""
    text = """
gateway: {id: 123, city: 0371}
broker: [{host: 127.0.0.1, port: 0123, username: no}]
credentials:
  a: {user: on, password: 0123}
  b: {user: 1_000, password: 12:34:56}
  no: {user: "yes", password: no}
cameras:
  - {slot: 101, address: 127.0.0.1, name: 1e3, zone: 0x1F, credentials: a, identity: {mac: 12:34:56:00:11:22}}
  - {slot: 0o17, address: 127.0.0.2, name: true, credentials: b}
  - {slot: 1.50, address: 127.0.0.3, name: .nan, zone: 2024-01-01, credentials: no}
"""
    loaded = settings.load(config(folder, text))
    one, two, three = loaded.cameras
    assert (loaded.gateway.id, loaded.gateway.city) == ("123", "0371")
    assert (loaded.broker[0].port, loaded.broker[0].username) == (123, "no")
    assert (one.slot, one.name, one.zone, one.identity.mac) == ("101", "1e3", "0x1F", "12:34:56:00:11:22")
    assert (two.slot, two.name, three.slot, three.name, three.zone) == ("0o17", "true", "1.50", ".nan", "2024-01-01")
    assert one.credentials == Credentials("on", "0123")
    assert two.credentials == Credentials("1_000", "12:34:56")
    assert three.credentials == Credentials("yes", "no")


def test_secrets_come_from_where_they_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """env:, file: (counted from the configuration's folder), credential: and, in a private file, clear text."""
    monkeypatch.setenv("CAMERA_PASSWORD", "from env")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder / "credentials"))
    (folder / "credentials").mkdir()
    write(folder / "credentials" / "mqtt-password", "from systemd", 0o444)
    write(folder / "crlf.secret", "\ufefffrom windows\r\n")
    text = f"""
gateway: {{id: zz-no7, city: 4101}}
broker: [{{host: 127.0.0.1, password: credential:mqtt-password}}, {{host: 127.0.0.2}}]
credentials:
  a: {{user: admin, password: env:CAMERA_PASSWORD}}
  b: {{user: admin, password: file:good.secret}}
  c: {{user: admin, password: 'file:{folder}/crlf.secret'}}
  d: {{user: admin, password: " in: clear "}}
  e: {{user: admin, password: ""}}
cameras:
""" + "".join(f"  - {{slot: {c}, address: 127.0.0.1, channel: {c}, credentials: {c}}}\n" for c in "abcde")
    loaded = settings.load(config(folder, text))
    passwords = [camera.credentials.reveal() for camera in loaded.cameras if camera.credentials]
    assert passwords == ["from env", "hunter2", "from windows", " in: clear ", ""]
    assert [broker.password.reveal() for broker in loaded.broker if broker.password] == ["from systemd"] * 2


CREDENTIAL = """
gateway: {id: zz-no7, city: 4101}
broker: [{host: mqtt.example.org, tls: {ca: ca.pem, cert: ca.pem, key: credential:own.key}, password: credential:mqtt}]
cameras: []
"""


def test_a_credential_is_found_by_hand_as_by_the_service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One name means one file: beside agent.yaml by hand, and under systemd what it loaded from that folder."""
    path = config(folder, CREDENTIAL)
    (folder / "credentials").mkdir()
    write(folder / "credentials" / "mqtt", "hunter2\n")
    write(folder / "credentials" / "own.key", "KEY")
    (by_hand,) = settings.load(path).broker
    loaded = folder / "run"
    loaded.mkdir()
    write(loaded / "canteen_mqtt", "hunter2\n", 0o444)
    write(loaded / "canteen_own.key", "KEY", 0o440)
    (folder / "credentials").rename(folder / "credentials.away")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(loaded))
    (by_service,) = settings.load(path).broker
    assert by_hand.password == by_service.password == Secret("hunter2")
    assert (by_hand.key, by_service.key) == (f"{folder}/credentials/own.key", f"{loaded}/canteen_own.key")


def test_a_missing_credential_is_told_with_its_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand and under systemd the message names the file that a person has to write."""
    path = config(folder, CREDENTIAL)
    by_hand = settings.check(path, "en")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert settings.check(path, "en") == by_hand
    for name, line in zip(("mqtt", "own.key"), by_hand, strict=True):
        assert f"there is no file {folder}/credentials/{name}. Run: canteen-agent credential {name};" in line


def test_a_credential_that_others_can_read_is_refused_by_hand(folder: Path) -> None:
    """In the folder of a person the mode counts, as for any file."""
    (folder / "credentials").mkdir()
    write(folder / "credentials" / "mqtt", "hunter2\n", 0o644)
    write(folder / "credentials" / "own.key", "KEY")
    (said,) = settings.check(config(folder, CREDENTIAL), "en")
    assert "others can read" in said


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_password_in_clear_needs_a_private_file(folder: Path, mode: int) -> None:
    """The same file is refused when anybody else can read it, and accepted with mode 0600 or 0400."""
    text = LEAST + "credentials: {a: {user: admin, password: hunter2}}"
    (said,) = settings.check(config(folder, text, mode), "en")
    assert said.startswith(f"{folder}/agent.yaml:5: credentials.a.password: a password in clear")
    for private in (0o600, 0o400):
        assert settings.check(config(folder, text, private), "en") == []
    assert settings.check(config(folder, LEAST, mode), "en") == []


def test_a_password_in_clear_needs_an_owner_we_trust(folder: Path) -> None:
    """A file of another user is refused: whoever owns it can read it."""
    if os.geteuid() != 0:
        pytest.skip("giving a file to another user needs root")
    path = config(folder, LEAST + "credentials: {a: {user: admin, password: hunter2}}")
    os.chown(path, 12345, 12345)
    (said,) = settings.check(path, "en")
    assert "belongs to another user (uid 12345)" in said


def test_without_secrets_nothing_secret_is_touched(folder: Path) -> None:
    """`secrets=False` reads a configuration whose passwords and certificates are out of reach."""
    text = """
gateway: {id: zz-no7, city: 4101}
broker: [{host: mqtt.example.org, tls: {ca: 'credential:ca'}, password: credential:mqtt}]
credentials: {a: {user: admin, password: env:NOT_SET}}
cameras: [{slot: cook-1, address: 127.0.0.1, credentials: a}]
state_dir: state
"""
    path = config(folder, text, 0o644)
    assert len(settings.check(path, "en")) == 3
    loaded = settings.load(path, secrets=False)
    assert loaded.state_dir == folder / "state"
    assert (loaded.broker[0].password, loaded.cameras[0].credentials) == (None, None)


def test_tls_files_count_from_the_configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths start at the folder of agent.yaml, not where the agent was started; credential: is a path too."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    text = """
gateway: {id: zz-no7, city: 4101}
broker: [{host: mqtt.example.org, tls: {ca: ca.pem, cert: ca.pem, key: credential:good.secret}}]
cameras: []
"""
    (broker,) = settings.load(config(folder, text)).broker
    assert (broker.ca, broker.cert, broker.key) == (
        f"{folder}/ca.pem",
        f"{folder}/ca.pem",
        f"{folder}/good.secret",
    )


def test_a_policy_beside_the_configuration(folder: Path) -> None:
    """A path names a policy of one's own; what is wrong in it is listed with the rest."""
    shipped = EXAMPLE.parent / "policy" / "henan-2021-45.yaml"
    shutil.copy(shipped, folder / "ours.yaml")
    path = config(folder, LEAST + "policy: ours.yaml\n")
    assert settings.load(path).policy == f"{folder}/ours.yaml"
    write(folder / "ours.yaml", "nonsense: 1\n")
    assert any("nonsense: unknown key" in line for line in settings.check(path, "en"))


def test_a_file_that_is_not_there_is_a_problem_like_any_other(folder: Path) -> None:
    """No configuration, a folder or a pipe in its place: one line, no traceback, no waiting."""
    none, pipe = folder / "agent.yaml", folder / "fifo.secret"
    assert settings.check(none, "en") == [f"{none}: cannot be read: there is no such file."]
    assert settings.check(folder, "zh") == [f"{folder}: 无法读取：不是普通文件。"]
    assert settings.check(pipe, "en") == [f"{pipe}: cannot be read: it is not a regular file."]


def test_a_secret_shows_in_nothing_that_is_printed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not in repr, str, format, a log line or an encoded message."""
    text = """
gateway: {id: zz-no7, city: 4101}
broker: [{host: 127.0.0.1, password: hunter2}]
credentials: {a: {user: admin, password: hunter2}}
cameras: [{slot: cook-1, address: 127.0.0.1, credentials: a}]
"""
    loaded = settings.load(config(folder, text))
    secret = loaded.broker[0].password
    assert secret is not None
    assert secret.reveal() == "hunter2"
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").info("%s %r %s", loaded, secret, secret)
    assert "hunter2" not in caplog.text + repr(loaded) + str(secret) + f"{secret}"
    with pytest.raises(TypeError):
        msgspec.json.encode(loaded.broker[0])
    with pytest.raises(TypeError):
        msgspec.json.encode(loaded.cameras[0])


def test_the_ports_by_default_are_those_that_discovery_knows() -> None:
    """One list of usual ONVIF ports."""
    assert set(ONVIF_PORTS) == xaddr.PORTS


# ---- the example --------------------------------------------------------------------------------


def keys(struct: type) -> set[str]:
    """Every key below a section, by name."""
    found = set()
    for field in msgspec.structs.fields(struct):
        found.add(field.encode_name)
        for name in re.findall(r"\w+Entry", str(field.type)):
            found |= keys(getattr(entries, name))
    return found


def test_the_example_is_complete_and_loads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """config/agent.example.yaml shows every key there is, and is a usable configuration once its secrets exist."""
    text = EXAMPLE.read_text()
    missing = {key for key in keys(entries.File) if not re.search(rf"(^|[\s{{-]){key}:( |$)", text, re.MULTILINE)}
    assert not missing
    (folder / "tls").mkdir()
    for name in ("tls/ca.pem", "tls/gateway.pem", "tls/gateway.key", "mqtt-password", "camera-password", "recovery"):
        write(folder / name, "x")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    monkeypatch.setenv("RECORDER_PASSWORD", "x")
    loaded = settings.load(config(folder, text, 0o644))
    assert [camera.slot for camera in loaded.cameras] == ["cook-1", "wash-1"]


# ---- whatever is written ------------------------------------------------------------------------

WORDS = [*sorted(keys(entries.File)), "zz-no7", "4101", "127.0.0.1", "30s", "on", "~", "'", '"', "&a", "*a", "!t", "<<"]
PIECES = st.sampled_from(
    [*WORDS, ": ", "\n", "\n  ", "\n- ", "\n  - ", "- ", ", ", "{", "}", "[", "]", "#", "|\n", "\t"]
)


@given(st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=60).map("".join), st.binary(max_size=300)))
@limits(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_else_is_a_config_error(tmp_path: Path, content: str | bytes) -> None:
    """Whatever else stands in the file: a ConfigError with messages in both languages, nothing else."""
    path = config(tmp_path, content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError) as caught:
        settings.load(path)
    assert caught.value.problems
    assert all(problem.text("en") and problem.text("zh") for problem in caught.value.problems)
