"""The page for the electrician, and what scripts/install refuses. The page itself is typed by scripts/field-test."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from agent import settings
from agent.cli import command_line
from scripts import page

ROOT = Path(__file__).parents[1]
INSTALL = ROOT / "scripts" / "install"
UNIT = (ROOT / "systemd" / "canteen-agent.service").read_text().splitlines()
CHINESE = page.PAGE.read_text(encoding="utf-8")
ENGLISH = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")


# ---- the page -----------------------------------------------------------------------------------


def test_both_pages_have_the_same_commands() -> None:
    """docs/installing.md agrees with the page in Chinese, command by command and in the same order."""
    plain = re.sub(r"^   ", "", ENGLISH, flags=re.MULTILINE)
    assert page.commands(plain) == page.commands(CHINESE)


def test_the_page_is_one_page() -> None:
    """What the electrician has in hand fits on two sides."""
    assert len(CHINESE.splitlines()) < 110


def test_the_configuration_of_the_page_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied as it stands, with ca.pem and the two passwords where the page has put them, it has no mistake."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    file = tmp_path / "agent.yaml"
    file.write_text(page.configuration(CHINESE))
    (tmp_path / "ca.pem").touch()
    (tmp_path / "credentials").mkdir()
    for command in page.commands(CHINESE):
        if match := re.fullmatch(r"sudo canteen-agent credential (\w+)", command):
            secret = tmp_path / "credentials" / match[1]
            secret.touch(mode=0o600)
            secret.write_text("x")
    assert settings.check(file, "en") == []


def test_every_command_of_ours_on_the_page_exists() -> None:
    """The parser knows each `canteen-agent ...` that the page has typed."""
    ours = [one.removeprefix("sudo canteen-agent ") for one in page.commands(CHINESE) if "sudo canteen-agent" in one]
    assert len(ours) >= 6
    for words in ours:
        assert command_line().parse_args(shlex.split(words)).act


def test_the_page_and_the_unit_mean_the_same_places() -> None:
    """What scripts/install makes, what the unit starts and what the program looks for are the same folders."""
    made = INSTALL.read_text()
    assert "opt=/opt/canteen-agent etc=/etc/canteen-agent" in made
    assert "LoadCredential=canteen:/etc/canteen-agent/credentials/" in UNIT
    assert "ExecStart=/opt/canteen-agent/current/bin/canteen-agent run --config /etc/canteen-agent/agent.yaml" in UNIT
    assert {"User=canteen-agent", "Group=canteen-agent", "StateDirectory=canteen-agent"} <= set(UNIT)
    assert {"RuntimeDirectory=canteen-agent", "RuntimeDirectoryMode=0750", "StateDirectoryMode=0700"} <= set(UNIT)


# ---- what is refused ----------------------------------------------------------------------------

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mount and network namespaces need root")
dpkg = pytest.mark.skipif(shutil.which("dpkg") is None, reason="needs Debian or Ubuntu")


def installed(*before: str, system: str = "", arguments: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit code and words of scripts/install, where `before` is put before it and /etc/os-release is `system`."""
    done = subprocess.run(
        [*before, str(INSTALL), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | ({"OS_RELEASE": system} if system else {}),
    )
    return done.returncode, done.stdout + done.stderr


def release(folder: Path, name: str, version: str) -> str:
    file = folder / "os-release"
    file.write_text(f'ID={name}\nVERSION_ID="{version}"\n')
    return str(file)


@pytest.mark.root
@needs_root
@dpkg
@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("fedora", "42", "unsupported system: fedora 42. Use Debian 12, Debian 13 or Ubuntu 24.04."),
        ("debian", "11", "unsupported system: debian 11."),
        ("ubuntu", "22.04", "Ubuntu 22.04 has Python 3.10 and systemd 249: both too old. First upgrade"),
    ],
)
def test_a_system_that_does_not_serve_is_refused(tmp_path: Path, name: str, version: str, words: str) -> None:
    """Another system, or an old one: refused before anything is done, with what to do, in both languages."""
    code, said = installed(system=release(tmp_path, name, version))
    assert code == 2
    assert words in said
    assert re.search("[\u4e00-\u9fff]", said)


@pytest.mark.root
@needs_root
@dpkg
def test_no_root_is_refused() -> None:
    """Without root it says how to run it."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is for its owner alone
        Path(folder).chmod(0o755)
        script = shutil.copy(INSTALL, Path(folder) / "install")
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", script],
            capture_output=True,
            text=True,
            check=False,
        )
    code, said = done.returncode, done.stdout + done.stderr
    assert code == 2
    assert "sudo ./scripts/install" in said


@pytest.mark.root
@needs_root
@dpkg
def test_an_unknown_argument_is_refused() -> None:
    """A mistyped option is named, and nothing begins."""
    code, said = installed(arguments=("--weels", "/tmp"))
    assert code == 2
    assert "unknown argument --weels" in said


@pytest.mark.parametrize("script", ["install", "uninstall"])
def test_help_is_no_unknown_argument(script: str) -> None:
    """It is printed to whoever asks, root or not, and nothing begins."""
    done = subprocess.run([ROOT / "scripts" / script, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"sudo {'./scripts/install' if script == 'install' else '/opt/canteen-agent/uninstall'}" in done.stdout
    assert "安装" in done.stdout or "卸载" in done.stdout


def apart(tmp_path: Path, *, opt_mb: int, network: bool) -> list[str]:
    """Words before a command: /opt is a disk in memory of that size, and maybe there is no network."""
    others = " && ".join(f"mount -t tmpfs tmpfs {folder}" for folder in ("/var/cache", "/run/lock"))
    mounts = f"mount -t tmpfs -o size={opt_mb}m tmpfs /opt && {others}"
    script = tmp_path / "apart"
    script.write_text(
        f'#!/bin/sh\n{mounts} || exit 99\nls /opt /var/cache >/dev/null\n"$@"\nleft=$?\nfind /opt\nexit $left\n'
    )
    script.chmod(0o755)
    return ["unshare", "-m", *([] if network else ["-n"]), str(script)]


@pytest.mark.root
@needs_root
@dpkg
def test_a_full_disk_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    """Too little space: it says where, how much there is and how much is needed, and writes nothing."""
    code, said = installed(*apart(tmp_path, opt_mb=40, network=True), system=release(tmp_path, "debian", "12"))
    assert code == 2
    assert re.search("/opt has (39|40) MB left, and 600 MB are needed", said)
    assert said.splitlines()[0] == "/opt"
    assert not re.search("^/opt/", said, flags=re.MULTILINE)


@pytest.mark.root
@needs_root
@dpkg
def test_no_network_is_told_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    """A download that fails: the network is named, a second run goes on, and no half environment stays behind."""
    code, said = installed(*apart(tmp_path, opt_mb=1000, network=False), system=release(tmp_path, "debian", "12"))
    assert code == 2
    assert "a download failed. Check the network, then run this again" in said
    assert "venv-" not in said
