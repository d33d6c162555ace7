"""The file for support: nothing is replaced, and no secret leaves the box, wherever it was."""

import base64
import os
import socket
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from agent.cli import main
from agent.doctor import bundle
from agent.doctor.examination import examine
from agent.doctor.redaction import Redactor, known
from agent.status import UplinkStatus
from scripts.stage import tool
from tests.agent.doctor.box import box, secret
from tests.agent.doctor.status_of import status
from tests.agent.doctor.test_cameras import BASE
from tests.support.authority import Authority, GuardedBroker

RECOVERY = "canary-recovery"
CLEAR, KEPT, FILED, VARIED = "canary-clear", "canary-kept", 'canary & "filed"/é+', "canary-varied"
COMMENT, URL, LOGIN, OLD = "canary-comment", "canary-url", "canary-userinfo", "canary-of-old"


def members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        return {one.name: held.read() for one in tar.getmembers() if (held := tar.extractfile(one))}


def forms(text: str) -> Iterator[bytes]:
    yield text.encode()
    yield quote(text, safe="").encode()
    yield msgspec.json.encode(text)[1:-1]
    yield text.encode().hex().encode()
    for before in ("", "viewer:"):
        yield base64.b64encode((before + text).encode()).rstrip(b"=")


@contextmanager
def echo(words: str) -> Iterator[int]:
    """A camera that says to whoever asks what it was told in confidence."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def answer() -> None:
            while not over.is_set():
                try:
                    asked, _ = server.accept()
                except OSError:
                    continue
                with asked:
                    asked.recv(4096)
                    asked.sendall(f"RTSP/1.0 480 {words}\r\nCSeq: 1\r\n\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


def logs(folder: Path, words: str) -> None:
    """A journalctl that has these words."""
    folder.mkdir()
    (folder / "journalctl").write_text(f"#!/bin/sh\necho '{words}'\n")
    (folder / "journalctl").chmod(0o755)


def planted(folder: Path, authority: Authority, at: GuardedBroker, port: int) -> tuple[Path, list[str]]:
    """A box with a secret in each place, and all of them."""
    certificate, key = authority.issue("4101/box-0001")
    credentials = folder / "credentials"
    credentials.mkdir(mode=0o700)
    secret(credentials, "mqtt", KEPT)
    secret(credentials, "gateway.key", key.read_text())
    secret(credentials, "of-old", OLD)
    camera = f"address: 127.0.0.1, onvif_port: 9, rtsp_port: {port}, stream_path: '/s?user=a&password={URL}'"
    config = box(
        folder,
        broker=f"{{host: {at.host}, port: {at.guarded}, password: credential:mqtt, tls: {{ca: {authority.ca},"
        f" cert: {certificate}, key: credential:gateway.key}}}}",
        credentials=f"{{a: {{user: viewer, password: {CLEAR}}}, b: {{user: viewer, password: 'env:CANARY'}},"
        f" c: {{user: viewer, password: 'file:{secret(folder, 'filed', FILED)}'}}}}",
        cameras=[
            f"{{slot: one, name: 'rtsp://a:{LOGIN}@10.0.0.1/', credentials: a, {camera}}}",
            f"{{slot: two, credentials: b, {camera}, channel: '2'}}",
        ],
        more=f"# the password before: {COMMENT}\n",
    )
    lines = [line for line in key.read_text().splitlines() if not line.startswith("-----")]
    return config, [CLEAR, KEPT, FILED, VARIED, COMMENT, URL, LOGIN, OLD, *lines]


def test_no_secret_is_in_bundle_output_or_argv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nine places, a camera's echo and the log among them: in no form, nowhere in the bundle, nor in argv."""
    monkeypatch.setenv("CANARY", VARIED)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    logs(tmp_path / "bin", f"a camera said {CLEAR}, {VARIED}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    authority, file, seen = Authority(tmp_path / "pki"), tmp_path / "support.tar.gz", set[bytes]()
    with GuardedBroker(authority) as at, echo(f"{CLEAR} {VARIED}") as port:
        config, canaries = planted(tmp_path, authority, at, port)
        said = "".join(row.said.en for row in examine(config, "en").rows)
        assert CLEAR in said  # the camera has said it: the rows had it before anything was taken out
        assert VARIED in said
        words = [tool("canteen-agent"), "doctor", "--bundle", str(file), "--config", str(config)]
        running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while running.poll() is None:
            for one in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(one.read_bytes())
                except OSError:
                    continue
        output = running.communicate()[0]
    parts = members(file)
    assert {Path(name).name for name in parts} == {
        *("doctor.json", "doctor.zh.txt", "doctor.en.txt", "versions.json", "agent.json", "log.txt")
    }
    assert b"RTSP 480 ***" in parts["canteen-doctor/doctor.json"]
    assert b"a camera said ***, ***" in parts["canteen-doctor/log.txt"]
    assert b'"address": "127.0.0.1"' in parts["canteen-doctor/agent.json"]
    everything = b"".join([*parts.values(), output, *seen])
    left = {canary for canary in canaries for form in forms(canary) if form in everything}
    assert not left


def test_status_and_configuration_are_redacted_too(tmp_path: Path) -> None:
    """What the running agent has written of a camera's words; of a password only that there is one."""
    config = box(tmp_path, credentials=f"{{a: {{user: viewer, password: {CLEAR}}}}}")
    now = status(
        uplink=UplinkStatus(connected=False, detail=f"mqtt://me:{LOGIN}@host refused", pending=1),
        cameras=(msgspec.structs.replace(BASE, detail=f"RTSP 480 {CLEAR}"),),
    )
    with bundle.opened(tmp_path / "b") as file:
        bundle.write(file, [], config=config, now=now, redactor=Redactor(known(config)))
    parts = members(tmp_path / "b")
    assert CLEAR.encode() not in b"".join(parts.values())
    assert LOGIN.encode() not in b"".join(parts.values())
    assert b"RTSP 480 ***" in parts["canteen-doctor/status.json"]
    told = msgspec.json.decode(parts["canteen-doctor/agent.json"])
    assert told["credentials.a"] == {"user": "viewer", "password": "***"}
    assert told["gateway"]["id"] == "box-0001"


@pytest.mark.parametrize("text", ["\tnot: [yaml", "gateway: {id: x}\nbroker: canary-clear\n"])
def test_of_a_broken_configuration_nothing_is_copied(tmp_path: Path, text: str) -> None:
    """Where a key cannot be told from a value, a password may stand anywhere."""
    config = secret(tmp_path, "agent.yaml", f"{text}\n# {CLEAR}\npasword: {CLEAR}\n")
    assert CLEAR not in msgspec.json.encode(bundle.configuration(config)).decode()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("rtsp://admin:s3cret@10.0.0.1/x", "rtsp://***@10.0.0.1/x"),
        ("GET /a?user=a&pwd=s3cret&x=1", "GET /a?user=a&pwd=***&x=1"),
        ("Authorization: Basic czNjcmV0", "Authorization: Basic ***"),
        ("-----BEGIN EC PRIVATE KEY-----\ns3cret\n-----END EC PRIVATE KEY-----\nafter", "***\nafter"),
        ("at 10:12 the pin 12 of 121", "at 10:*** the pin *** of 121"),
    ],
)
def test_what_looks_like_a_secret(text: str, clean: str) -> None:
    """Known or not; a short one only where it stands alone."""
    assert Redactor(["12"]).text(text) == clean


def test_the_file_is_private_and_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Mode 600 whatever the umask; one that is there, a link too, stays as it is, and nothing was examined for it."""
    config, file = box(tmp_path), tmp_path / "support.tar.gz"
    before = os.umask(0)
    try:
        main(["doctor", "--bundle", str(file), "--config", str(config)])
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    for taken in (file, link):
        capsys.readouterr()
        assert main(["--lang", "en", "doctor", "--bundle", str(taken), "--config", str(config)]) == 2
        said = capsys.readouterr()
        assert (said.out, "is there already, and is not replaced" in said.err) == ("", True)
    assert file.read_bytes() == content
    assert not (tmp_path / "target").exists()


def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No folder; a configuration that is not there: one line, exit code 2, no file."""
    config = box(tmp_path)
    for file, named in ((tmp_path / "no" / "b", config), (tmp_path / "b", tmp_path / "nothing.yaml")):
        assert main(["--lang", "en", "doctor", "--bundle", str(file), "--config", str(named)]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
        assert not file.exists()


def test_a_full_disk_takes_no_half_bundle(tmp_path: Path) -> None:
    """What failed on the way is away again."""
    with pytest.raises(Exception, match="disk is full"), bundle.opened(tmp_path / "b"):
        raise OSError(28, "No space left on device")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("filed", [True, False])
def test_the_secret_of_recovery_is_one_wherever_it_stands(tmp_path: Path, *, filed: bool) -> None:
    password = f"'file:{secret(tmp_path, 'recovery', RECOVERY)}'" if filed else RECOVERY
    authority = Authority(tmp_path / "pki")
    config = box(
        tmp_path, broker=f"{{host: b, tls: {{ca: {authority.ca}}}, recovery: {{port: 8885, password: {password}}}}}"
    )
    assert RECOVERY in known(config)
    told = bundle.configuration(config)
    assert {"port": 8885, "password": "***"} in told.values()
    assert RECOVERY not in str(told)
