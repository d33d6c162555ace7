"""scripts/field-test: docs/installing.zh-CN.md typed as it stands at a bare box, up to what the center says of it.

The cameras are simulated; broker, center, systemd, pip and Debian's packages are real. Downloads go by this machine's
own uplink.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from scripts import broken, page
from scripts.box import USER, Box, Typed, debootstrap
from scripts.site import UPLINK, Site
from scripts.surroundings import BROKER, CAMERAS, GATEWAY, Surroundings

ROOT = Path(__file__).parents[1]
PATIENCE_S = 300
TRIAL_S = 60
"""Of the upgrade that fails, instead of 15 minutes."""
MAY_FIND = ("canteen-agent inspect", "canteen-agent status", "canteen-agent doctor")
"""Commands that end with 1 when they found something to say; it is looked at, not their code."""
RESIDUE = re.compile(
    r"(var/log|var/cache/(apt|debconf|ldconfig)|var/lib/(apt|dpkg|systemd)|home)(/.*)?"
    r"|etc/((passwd|group|shadow|gshadow|subuid|subgid)-|ld\.so\.cache|\.pwd\.lock)"
    r"|var/tmp/systemd-private-[0-9a-f]+-systemd-logind\.service-\w+(/tmp)?"
)
"""What Debian's own tools leave of anything (logs, lists, backups), logind's folder of a boot, the user's own files."""


class Failed(Exception):
    """The page could not be followed; the message says where it ended."""


def main() -> int:
    """Exit code 0 only when everything on the page worked."""
    parser = argparse.ArgumentParser(prog="field-test", description=__doc__)
    parser.add_argument("--suite", default="bookworm", help="Debian suite (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the folder of the box")
    parser.add_argument(
        "--cut", type=int, default=0, metavar="S", help="first end the installation so, after S seconds"
    )
    parser.add_argument("--deb", type=Path, metavar="FILE", help="install what scripts/deb made instead")
    parser.add_argument(
        "--offline", type=Path, metavar="FILE", help="install what scripts/bundle made, without network"
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="field-", dir="/var/tmp"))
    try:
        Trial(folder, options.suite, cut_s=options.cut, deb=options.deb, offline=options.offline).run()
    except (Failed, RuntimeError) as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


class Trial:
    """One box from bare to bare again."""

    def __init__(
        self, folder: Path, suite: str, *, cut_s: int = 0, deb: Path | None = None, offline: Path | None = None
    ) -> None:
        self.folder, self.suite, self.cut_s, self.deb, self.offline = folder, suite, cut_s, deb, offline
        self.site = Site(tuple(CAMERAS))
        self.box = Box(folder / "box", self.site.box)
        self.around = Surroundings(folder, self.site)

    def run(self) -> None:
        """Raises Failed."""
        kept = ROOT / "var" / "field"
        kept.mkdir(parents=True, exist_ok=True)
        _say(f"a bare Debian {self.suite}")
        archive = debootstrap(self.suite, kept)
        with ExitStack() as stack:
            stack.enter_context(self.site.up())
            self.around.make_authority()
            self.box.furnish(archive, {BROKER: UPLINK})
            self._hand_out()
            self.around.start(stack)
            stack.callback(self.box.stop)
            self.box.start()
            before, bare = self.box.files(), self.box.size_mb()
            self._follow(before, bare)

    def _follow(self, before: dict[str, str], bare: float) -> None:
        install, uninstall = self._commands()
        began = time.monotonic()
        for command in install:
            if self.cut_s and "scripts/install" in command:
                cut = f"sudo timeout -s KILL {self.cut_s} ./scripts/install"
                _say(f"$ {cut}   # not on the page")
                print(self.box.type(cut, uplink=True).said)
            self._type(command)
            if "scripts/install" in command:
                _say(f"{time.monotonic() - began:.0f} s since the first command; {self._sizes(bare)}")
            if command.endswith("canteen-agent status"):
                self._acknowledged()
                _say(f"ACKNOWLEDGED after {(time.monotonic() - began) / 60:.1f} minutes of commands")
                self._running()
        self._survives_a_bad_file()
        if not self.offline:  # its wheel is the one that was bundled
            self._survives_a_bad_version()
        if not self.deb:
            self._install_again()
        for command in uninstall:
            self._type(command)
        self._nothing_left(before)

    def _commands(self) -> tuple[list[str], list[str]]:
        """Those of the page, and for another way of installing what stands in its place."""
        *install, uninstall = page.commands(page.PAGE.read_text(encoding="utf-8"))
        get = "sudo apt-get -q install -y"
        back = "sudo apt-get -q purge -y --auto-remove"
        if self.deb:
            first = next(number for number, one in enumerate(install) if "canteen-agent setup" in one)
            return ["sudo apt-get update", f"{get} ~/canteen-agent.deb", *install[first:]], [f"{back} canteen-agent"]
        if self.offline:
            python = "python3 python3-venv"
            return ["sudo apt-get update", f"{get} {python}", *install], [uninstall, f"{back} {python}"]
        return install, [uninstall]

    def _sizes(self, bare: float) -> str:
        program, lists = self.box.size_mb("opt"), self.box.size_mb("var/lib/apt/lists")
        whole = self.box.size_mb() - bare
        return f"{whole:.0f} MB more: the program {program:.0f}, Debian's lists {lists:.0f}, its packages and the rest"

    def _hand_out(self) -> None:
        """What the center gives the electrician, in the home folder."""
        home = self.box.root / "home" / USER
        shutil.copy(self.folder / "ca.pem", home / "ca.pem")
        shutil.copy(self.folder / f"{GATEWAY}.canteen", home)
        if self.deb:
            shutil.copy(self.deb, home / "canteen-agent.deb")
            return
        if self.offline:
            shutil.copy(self.offline, home / "canteen-agent.tar.gz")
            return
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        pack = [
            "tar",
            "-C",
            str(ROOT),
            "--transform",
            "s,^,canteen-agent/,",
            "-czf",
            str(home / "canteen-agent.tar.gz"),
        ]
        subprocess.run([*pack, "--null", "-T", "-"], input=files, check=True)

    # ---- the page -------------------------------------------------------------------------------

    def _type(self, command: str) -> Typed:
        _say(f"$ {command}")
        done = self.box.type(command, self._answers(command), uplink=self._downloads(command))
        print(done.said.rstrip(), flush=True)
        if done.code and not (done.code == 1 and any(one in command for one in MAY_FIND)):
            raise Failed(f"{command!r} ended with {done.code}")
        if any(word in done.said for word in self.around.passwords.values()):
            raise Failed(f"{command!r} shows a password")
        return done

    def _answers(self, command: str) -> str:
        """What is typed when it asks; an empty line is Enter."""
        passwords = self.around.passwords
        if command.endswith(".canteen"):
            login = ["", "viewer", passwords["camera"]]
            cameras = [
                ["", *(login if not number else [""]), slot, zone, ""]
                for number, (slot, zone, _) in enumerate(CAMERAS.values())
            ]
            return "\n".join(["", "", *(word for camera in cameras for word in camera), "", "", "", ""])
        if "canteen-agent setup" in command:
            return "\n" * 10
        return "".join(f"{word}\n" for who, word in passwords.items() if command.endswith(f"credential {who}"))

    def _downloads(self, command: str) -> bool:
        return "apt-get" in command or ("scripts/install" in command and not self.offline)

    def _acknowledged(self) -> None:
        """As the page says: online, connected, nothing unacknowledged; and the center agrees."""
        end, done = time.monotonic() + PATIENCE_S, Typed(1, "")
        while time.monotonic() < end:
            done = self.box.type("sudo canteen-agent status")
            if not done.code and "待确认事件 0" in done.said and self.around.agrees():
                print(done.said)
                return
            time.sleep(2)
        raise Failed(f"not acknowledged: {done.said}\n{self.box.run('journalctl', '-u', 'canteen-agent', '-n', '40')}")

    def _running(self) -> None:
        """The unit as systemd runs it: who it is, what its files may, and that the group can ask."""
        pid = self._pid()
        status = self.box.run("cat", f"/proc/{pid}/status")
        memory = re.search(r"VmRSS:\s+(\d+)", status)
        _say(f"the service: pid {pid}, {int(memory[1]) // 1024 if memory else 0} MB resident")
        loaded = self.box.run("ls", "-l", "/run/credentials/canteen-agent.service")
        if "canteen_gateway.key" not in loaded or "canteen_camera" not in loaded:
            raise Failed(f"credentials were not loaded: {loaded}")
        asked = self.box.run(
            "setpriv", "--reuid=nobody", "--regid=canteen-agent", "--clear-groups", "canteen-agent", "status"
        )
        strangers = self.box.run(
            "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "canteen-agent", "status"
        )
        if "cook-1" not in asked or "cook-1" in strangers:
            raise Failed(f"the status is for the group alone: {asked}\n{strangers}")
        verified = self.box.run("systemd-analyze", "verify", "canteen-agent.service").strip()
        if "canteen-agent" in verified:
            raise Failed(f"systemd-analyze verify: {verified}")
        _say(self.box.run("systemd-analyze", "security", "--no-pager", "canteen-agent").strip().splitlines()[-1])

    def _survives_a_bad_file(self) -> None:
        """Not on the page as commands, but promised there: a bad file stops nothing and is told with its line."""
        self._type("echo 'lokk: 3' | sudo tee -a /etc/canteen-agent/agent.yaml >/dev/null")
        self._type("sudo systemctl reload canteen-agent")
        self._until(lambda: "agent.yaml:9: lokk" in self._status(), "the status tells of the bad file")
        self._type("sudo systemctl restart canteen-agent")
        self._type("sudo systemctl is-active canteen-agent")
        if "agent.yaml:9: lokk" not in self._type("sudo canteen-agent status").said:
            raise Failed("the status does not tell of the bad file")
        pid = self._pid()
        self._type("sudo sed -i '$d' /etc/canteen-agent/agent.yaml && sudo systemctl reload canteen-agent")
        self._until(
            lambda: "lokk" not in self._status() and "待确认事件 0" in self._status(), "the good file is taken over"
        )
        if self._pid() != pid:
            raise Failed("a reload has changed the PID")

    def _survives_a_bad_version(self) -> None:
        """Nor this: a version that sees no camera is rolled back by itself, over a power cut, and says why."""
        before, began = self.box.run("readlink", "/opt/canteen-agent/current"), time.monotonic()
        self._type(self._bad_version())
        self._until(lambda: "试运行" in self._status(), "the status tells of the trial")
        _say("power off, power on")
        self.box.stop()
        self.box.start()
        why = "升级前在线，现在不在线：cook-1"
        self._until(lambda: why in self._status().replace("\n", ""), "the version before is back")
        self._acknowledged()
        if self.box.run("readlink", "/opt/canteen-agent/current") != before:
            raise Failed("another version runs than before")
        _say(f"ROLLED BACK after {(time.monotonic() - began) / 60:.1f} minutes")
        told = self.around.versions()
        if [(one["gateway"], one["to"], why in one["zh"]) for one in told["rolled_back"]] != [
            (GATEWAY, broken.NEXT, True)
        ]:
            raise Failed(f"the center does not say that it was rolled back, and why: {told}")
        print(self.box.run("journalctl", "-u", "canteen-agent-upgrade", "--no-pager", "-n", "12"))

    def _bad_version(self) -> str:
        """The command that installs it."""
        home = self.box.root / "home" / USER
        if self.deb:
            shutil.move(broken.package(self.deb, self.folder), home / "broken.deb")
            return f"sudo CANTEEN_TRIAL_S={TRIAL_S} apt-get -q install -y ~/broken.deb"
        shutil.copytree(home / "canteen-agent", home / "broken", symlinks=True)
        broken.spoil(home / "broken")
        return f"cd ~/broken && sudo CANTEEN_TRIAL_S={TRIAL_S} ./scripts/install"

    def _pid(self) -> str:
        return self.box.run("systemctl", "show", "canteen-agent", "-P", "MainPID").strip()

    def _status(self) -> str:
        return self.box.type("sudo canteen-agent status").said

    def _until(self, seen: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not seen():
            if time.monotonic() > end:
                raise Failed(f"not seen: {what}: {self._status()}\n{self.box.run('journalctl', '-n', '40')}")
            time.sleep(2)

    def _install_again(self) -> None:
        began = time.monotonic()
        self._type(f"cd /home/{USER}/canteen-agent && sudo ./scripts/install")
        _say(f"again: {time.monotonic() - began:.1f} s")

    def _nothing_left(self, before: dict[str, str]) -> None:
        after = self.box.files()
        left = {path for path in after.keys() - before.keys() if not RESIDUE.fullmatch(path)}
        gone = {path for path in before.keys() - after.keys() if not RESIDUE.fullmatch(path)}
        gone.discard("opt")  # dpkg takes a folder that it finds empty
        changed = {path for path in before.keys() & after.keys() if before[path] != after[path]}
        changed = {path for path in changed if not RESIDUE.fullmatch(path)}
        if left or gone or changed:
            raise Failed(f"left: {sorted(left)[:40]}\ngone: {sorted(gone)[:40]}\nchanged: {sorted(changed)[:40]}")
        _say(f"nothing is left: {len(after)} paths compared")


def _say(text: str) -> None:
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
