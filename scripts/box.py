"""A bare Debian in a folder, made by debootstrap and started as a machine of its own: systemd is its process 1.

What is typed there is typed by `electrician`, a user with sudo. Needs root.
"""

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

BOOT = Path(__file__).with_name("boot-box")
USER = "electrician"
_MARK = "\x1eNOW IN "
_START_S, _STOP_S = 60, 30
_OWN = ("proc", "sys", "dev", "run", "tmp", ".outside")
"""Of the running machine, or in memory: not on its disk."""


class Typed(NamedTuple):
    """What a command did. `said`: both its outputs, as on a screen."""

    code: int
    said: str


def debootstrap(suite: str, kept: Path) -> Path:
    """The archive of a bare system, made once and kept. Raises CalledProcessError."""
    archive = kept / f"{suite}.tar"
    if not archive.exists():
        folder = kept / f"{suite}.new"
        shutil.rmtree(folder, ignore_errors=True)
        packages = "--include=systemd,systemd-sysv,dbus,sudo,ca-certificates"
        command = ["debootstrap", "--variant=minbase", packages, suite, str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["tar", "-C", str(folder), "-cf", f"{archive}.new", "."], check=True)
        shutil.rmtree(folder)
        Path(f"{archive}.new").rename(archive)
    return archive


class Box:
    """A machine in the network namespace `network`; `start` it, `type` at it, `stop` it."""

    def __init__(self, root: Path, network: str) -> None:
        self.root, self._network = root, network
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._cwd = f"/home/{USER}"

    def furnish(self, archive: Path, hosts: dict[str, str]) -> None:
        """The bare system, a user, and what this machine needs itself to reach the registries."""
        self.root.mkdir(parents=True)
        subprocess.run(["tar", "-C", str(self.root), "-xf", str(archive)], check=True)
        names = "".join(f"{address} {name}\n" for name, address in hosts.items())
        (self.root / "etc/hostname").write_text("box\n")
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost box\n{names}")
        (self.root / "etc/sudoers.d/user").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
        command = ["chroot", str(self.root), "useradd", "--create-home", "--shell", "/bin/bash", USER]
        subprocess.run(command, check=True)
        for file in ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"):
            shutil.copy(f"/{file}", self.root / file)
        (self.root / "etc/pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")

    def start(self) -> None:
        """Blocks until systemd there is done with starting. Raises RuntimeError."""
        apart = ["unshare", "-m", "-p", "-f", "-u", "-i", "-C", "--kill-child", str(BOOT), str(self.root)]
        self._process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self._network}", *apart],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            self._pid = self._pid or _only_child(self._process.pid)
            if self._pid and self.run("systemctl", "is-system-running", "--wait").strip() in ("running", "degraded"):
                return
            time.sleep(0.5)
        raise RuntimeError("the box did not start")

    def stop(self) -> None:
        """Everything in it ends with its process 1."""
        if self._pid:
            try:
                os.kill(self._pid, signal.SIGKILL)
            except ProcessLookupError:
                self._pid = 0
        if self._process:
            self._process.wait(_STOP_S)
        self._pid = 0

    def run(self, *command: str) -> str:
        """Both outputs of a command that root runs there."""
        inside = [
            "nsenter",
            "-t",
            str(self._pid),
            "-m",
            "-p",
            "-u",
            "-i",
            "-n",
            "-C",
            "env",
            "-i",
            "PATH=/usr/local/bin:/usr/sbin:/usr/bin",
        ]
        done = subprocess.run([*inside, *command], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def type(self, command: str, answer: str = "", *, uplink: bool = False) -> Typed:
        """What the user types, in the folder where the last command left him. `answer`: what he types when asked.

        With `uplink` the command has this machine's own network, for what it downloads; else the box's.
        """
        inside = ["nsenter", "-t", str(self._pid), "-m", "-p", "-u", "-i", "-C", *([] if uplink else ["-n"])]
        script = f"cd {self._cwd}\n{command}\nleft=$?\nprintf '%s%s\\n' '{_MARK}' \"$PWD\"\nexit $left\n"
        done = subprocess.run(
            [*inside, "env", "-i", "TERM=dumb", "COLUMNS=160", "su", "-l", USER, "-w", "COLUMNS", "-c", script],
            input=answer,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said, _, cwd = done.stdout.rpartition(_MARK)
        self._cwd = cwd.strip() or self._cwd
        return Typed(done.returncode, said)

    def files(self) -> dict[str, str]:
        """Path on its disk -> kind, mode, owner and a digest of the content."""
        found = {}
        for folder, names, files in os.walk(self.root):
            names[:] = [name for name in names if Path(folder) != self.root or name not in _OWN]
            for name in (*names, *files):
                path = Path(folder, name)
                found[str(path.relative_to(self.root))] = _described(path)
        return found

    def size_mb(self, folder: str = ".") -> float:
        """What a folder on its disk holds, without what is in memory."""
        done = subprocess.run(["du", "-xsk", str(self.root / folder)], capture_output=True, text=True, check=False)
        return int(done.stdout.split()[0]) / 1024


def _described(path: Path) -> str:
    status = path.lstat()
    words = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if path.is_symlink():
        return f"{words} -> {path.readlink()}"
    return f"{words} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}" if path.is_file() else words


def _only_child(pid: int) -> int:
    """The process that `unshare -f` made: 1 in there."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return int(children[0]) if children else 0
