"""The command line as a person meets it."""

import io
import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent import show
from agent.cli import main
from contract.language import default_lang
from tests import evil
from tests.agent.ask.onvif.devices import ENVELOPE, FAULT, http


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("inspect --address camera.local", "--address must be an IPv4 address"),
        ("inspect --address 127.0.0.9:70000", "--address must be an IPv4 address"),
        ("inspect --address 2130706433", "--address must be an IPv4 address"),
        ("inspect --address 127.0.0.9:", "--address must be an IPv4 address"),
        ("inspect --address 0.0.0.0", "--address must be an IPv4 address of a camera"),
        ("inspect --address 224.0.0.1", "--address must be an IPv4 address of a camera"),
        ("inspect --address 255.255.255.255:80", "--address must be an IPv4 address of a camera"),
        ("inspect --address 127.0.0.9 --rtsp-port 0", "--rtsp-port must be 1 to 65535, not 0"),
        (
            "inspect --address 127.0.0.9 --username ad\x07min --password-file /nowhere",
            "--username: must be one line of",
        ),
        ("inspect --address 127.0.0.9 --username admin", "--username and --password-file go together"),
        ("inspect --address 127.0.0.9 --username a --password-file /nowhere", "/nowhere: cannot be read: there is no"),
        ("inspect --address 127.0.0.9 --policy mars", "no policy named 'mars'; shipped: henan-2021-45"),
        (
            "inspect --address 127.0.0.9 --policy /nowhere/p.yaml",
            "/nowhere/p.yaml: cannot be read: there is no such file",
        ),
        ("inspect --address 127.0.0.9 --policy /tmp/", "/tmp/: cannot be read: it is not a regular file"),
        ("inspect --address 127.0.0.9 --username a --password-file /tmp", "/tmp: cannot be read: it is not a regular"),
        (
            "inspect --address 127.0.0.9 --username a --password-file /dev/null",
            "/dev/null: cannot be read: it is not a regular file",
        ),
        (
            "inspect --address 127.0.0.9 --username a --password-file /dev/null/x",
            "a file stands where its folder should",
        ),
        ("inspect --address 127.0.0.9 --with-pictures", "give --report DIR too"),
        (
            "inspect --address 127.0.0.9 --report /dev/null",
            "cannot write the report: /dev/null: there is a file of this",
        ),
        ("inspect --address 127.0.0.9 --timeout nan", "--timeout must be 1 to 3600 seconds, not nan"),
        ("inspect --address 127.0.0.9 --timeout -1", "--timeout must be 1 to 3600 seconds, not -1"),
        ("inspect --address 127.0.0.9 --path x", "--path: must begin with '/'"),
        ("inspect --address 127.0.0.9 --path /\u00e4", "--path: must begin with '/' and hold only characters of a URL"),
        ("inspect --address 127.0.0.9 --tls pin --tls-pin xx", "--tls-pin: not a SHA-256 fingerprint"),
        ("inspect --address 127.0.0.9 --tls-pin " + 64 * "a", "tls_pin has no effect with tls: off"),
        ("discover --subnet 10.0.0.0/40", "--subnet must be a network such as 192.168.2.0/24"),
        ("discover --subnet 10.0.0.0/16", "--subnet: 65536 addresses, more than the 4096 of a /20"),
        ("discover --subnet 10.0.0.0/8", "--subnet: 16777216 addresses, more than the 4096 of a /20"),
        ("discover --subnet 10.0.0.0/21 --subnet 10.1.0.0/20", "--subnet: 6144 addresses"),
        ("discover --subnet 224.0.0.0/24", "--subnet must be a network such as"),
        ("discover --timeout 0", "--timeout must be 1 to 60 seconds"),
    ],
)
def test_misuse_is_named_with_its_remedy(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong word ends with code 2 and one sentence that says what to write instead, in the language asked for."""
    assert main(["--lang", "en", *words.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert main(["--lang", "zh", *words.split()]) == 2
    error = capsys.readouterr().err
    assert re.search("[\u4e00-\u9fff]{3}", error)
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "缺少 COMMAND"),
        ("inspect --tls no", "--tls：没有 'no'，可选："),
        ("inspect --timeout soon", "--timeout：'soon' 不是数字"),
        ("credential", "缺少 NAME"),
        ("status --all", "不认识的参数：--all"),
    ],
)
def test_misuse_that_argparse_finds_is_told_in_chinese_too(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The usage, and one line of what is wrong."""
    with pytest.raises(SystemExit) as left:
        main(["--lang", "zh", *words.split()])
    assert left.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "--address"],
        ["inspect", "--address", "127.0.0.9", "--policy"],
        ["inspect", "--address", "127.0.0.9", "--report"],
        ["inspect", "--address", "127.0.0.9", "--tls-pin"],
        ["inspect", "--config"],
        ["discover", "--interface"],
        ["discover", "--subnet"],
        ["status", "--config"],
    ],
)
@pytest.mark.parametrize("empty", ["", " "])
def test_an_option_that_says_nothing_is_refused(
    words: list[str], empty: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty value is no default: it is named with its option."""
    for lang, said in (("zh", "：不能为空"), ("en", ": must not be empty")):
        with pytest.raises(SystemExit) as left:
            main(["--lang", lang, *words, empty])
        assert left.value.code == 2
        assert f"{words[-1]}{said}" in capsys.readouterr().err.splitlines()[-1]


def test_what_discovery_notes_is_in_the_language_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the addresses and names in it."""
    main(["--lang", "zh", "discover", "--timeout", "1", "--interface", "nosuch0"])
    assert capsys.readouterr().err == "! nosuch0 未探测：没有这个带 IPv4 地址的网卡\n! 没有可用的网卡\n"


def test_a_long_discovery_says_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, before it begins; a short one says nothing."""
    with show.asking(4096, 25.0, "en"):
        assert "asking 4096 addresses one by one, for about 25 s" in capsys.readouterr().err
    with show.asking(256, 5.0, "zh"):
        assert capsys.readouterr().err == ""


def test_the_service_is_started_without_the_parser(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the unit says it: what parses the commands of people stays out of the daemon; the answer is the same."""
    words = ["run", "--config", str(tmp_path / "nowhere.yaml")]
    program = f"import sys; from agent.cli import main; code = main({words!r}); print(code, 'argparse' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "78 False\n"
    assert main([*words, "--lang", default_lang()]) == 78
    assert capsys.readouterr().err == done.stderr != ""


def test_a_camera_that_is_not_there_is_unknown_in_every_capability(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is concluded of a camera that cannot be reached; offline is the only thing that was seen."""
    assert main(["inspect", "--json", "--address", "127.201.3.9:9", "--rtsp-port", "9"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert set(record) == {"camera", "identity", "look", "evidence", "verdicts"}
    standings = {one["clause"]: (one["standing"], one["reason"]) for one in record["verdicts"]}
    assert standings.pop("online") == ("NOT_MET", "UNREACHABLE")
    assert set(standings.values()) == {("UNKNOWN", "UNREACHABLE")}


@pytest.mark.parametrize(("lang", "word"), [("zh", "未知"), ("en", "unknown")])
def test_a_person_reads_every_word_of_the_explanation(lang: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The table is in the language asked for, and nothing in it is cut off."""
    main(["--lang", lang, "inspect", "--address", "127.201.3.9:9", "--rtsp-port", "9"])
    shown = capsys.readouterr().out
    assert word in shown
    assert "…" not in shown


def test_no_interface_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Discovery without a suitable interface says so, finds nothing, and ends with 1."""
    assert main(["--lang", "en", "discover", "--timeout", "1", "--interface", "nosuch0", "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == []
    assert "no interface to probe from" in captured.err


def test_a_password_file_in_another_encoding_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A password file that is no UTF-8 is refused without showing its content."""
    file = tmp_path / "password"
    file.write_bytes(b"secret\xff\n")
    words = ["--lang", "en", "inspect", "--address", "127.0.0.9", "--username", "a", "--password-file", str(file)]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert f"{file} cannot be read: it is not UTF-8 text" in error
    assert "secret" not in error


def test_a_credential_is_asked_for_and_kept_private(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret is read from the person, never an argument; one file, for its owner alone; nothing shows it."""
    file = str(tmp_path / "agent.yaml")
    for typed in ("hunter2\n", "hunter3\r\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert main(["credential", "camera", "--config", file]) == 0
    kept = tmp_path / "credentials" / "camera"
    assert kept.read_text() == "hunter3"
    assert [stat.S_IMODE(one.stat().st_mode) for one in (kept.parent, kept)] == [0o700, 0o600]
    assert [one.name for one in kept.parent.iterdir()] == ["camera"]
    assert "hunter" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("../camera", "x\n", "not a name of a credential"),
        ("", "x\n", "not a name of a credential"),
        ("camera", "\n", "must not be empty"),
        ("camera", "a\x07b\n", "a password must be one line"),
        ("camera", "x" * 300, "a password must be one line of at most 256 characters"),
    ],
)
def test_a_credential_that_cannot_be_kept_is_named(
    tmp_path: Path,
    name: str,
    typed: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A wrong name or secret ends with 2 and one sentence without the secret; what was kept before stays."""
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main(["--lang", "en", "credential", name, "--config", str(tmp_path / "agent.yaml")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_credential_without_its_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no configuration folder, or it may not be written, the path is named."""
    monkeypatch.setattr("sys.stdin", io.StringIO("x\n"))
    assert main(["--lang", "zh", "credential", "camera", "--config", str(tmp_path / "no" / "agent.yaml")]) == 2
    place = tmp_path / "no" / "credentials"
    assert capsys.readouterr().err == f"canteen-agent: 密码无法保存到 {place}：文件不存在\n"


@pytest.mark.parametrize(
    ("lang", "said"), [("zh", "是其他版本的文件，或已损坏"), ("en", "is of another version, or damaged")]
)
def test_a_status_file_that_is_none_is_named(
    lang: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of the parser's own words is shown."""
    config = tmp_path / "agent.yaml"
    config.write_text(
        f"gateway: {{id: box-0001, city: '4101'}}\nbroker: [{{host: 127.0.0.1, port: 9}}]\nstate_dir: {tmp_path}\n"
        "cameras: []\n"
    )
    file = tmp_path / "status.json"
    file.write_text('{"pid": "x"}')
    assert main(["--lang", lang, "status", "--config", str(config)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert str(file) in told
    assert "Expected" not in told


def test_a_camera_behind_tls_is_inspected_and_its_pin_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--tls pin` without a pin prints the certificate's and asks at `--path`; a wrong pin is hostile."""
    files = evil.certificate(tmp_path)
    fault = http(ENVELOPE.format(FAULT.format("ActionNotSupported", "no")), 500)
    with evil.Server(evil.over_tls(files, evil.answers(fault))) as server:
        words = ["inspect", "--json", "--address", f"{server.address}:{server.port}", "--rtsp-port", str(server.port)]
        main([*words, "--tls", "pin", "--path", "/here"])
        told = capsys.readouterr()
        pin = told.err.partition("tls_pin: ")[2].strip()
        assert pin == evil.pin(files)
        assert json.loads(told.out)["evidence"]["capabilities"]["services"]["reason"] == "UNSUPPORTED"
        assert any(request.startswith(b"POST /here ") for request in server.requests)
        main([*words, "--tls", "pin", "--tls-pin", "00" * 32])
        assert json.loads(capsys.readouterr().out)["evidence"]["capabilities"]["profiles"]["reason"] == "HOSTILE"


def test_tls_where_nobody_speaks_it_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A pin that cannot be had is a misuse that names address and port."""
    address, port = evil.closed_port(evil.loopback())
    assert main(["--lang", "en", "inspect", "--address", f"{address}:{port}", "--tls", "pin"]) == 2
    assert f"nobody speaks TLS at {address} port {port}" in capsys.readouterr().err
