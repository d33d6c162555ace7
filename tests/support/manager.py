"""`systemctl` for one service where systemd does not run: the words of scripts/upgrade.py, on real processes.

python manager.py FOLDER WORDS...      what runs is FOLDER/command, its log FOLDER/log, its state FOLDER/state
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def installed(folder: Path, command: list[str]) -> Path:
    """A folder for PATH with a `systemctl` for this command in it."""
    (folder / "command").write_text(json.dumps(command))
    tool = folder / "bin" / "systemctl"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -I {Path(__file__).resolve()} {folder} "$@"\n')
    tool.chmod(0o755)
    return tool.parent


def alive(pid: int) -> bool:
    try:
        return bool(pid) and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Manager:
    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "state"
        self.pid, self.ends = json.loads(self._file.read_text()) if self._file.exists() else (0, 0)

    def start(self, ends: int = 0) -> None:
        with (self._folder / "log").open("ab") as log:
            command = json.loads((self._folder / "command").read_text())
            made = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.pid, self.ends = made.pid, ends
        self._file.write_text(json.dumps([self.pid, self.ends]))

    def stop(self) -> None:
        if alive(self.pid):
            os.kill(self.pid, signal.SIGTERM)
        while alive(self.pid):
            time.sleep(0.02)
        self.pid = 0
        self._file.write_text(json.dumps([0, 0]))

    def act(self, words: list[str]) -> None:
        match words[0]:
            case "restart" | "try-restart" if words[-1] == "canteen-agent.service":
                if words[0] == "restart" or self.pid:
                    self.stop()
                    self.start()
            case "stop":
                self.stop()
            case "show":
                if self.pid and not alive(self.pid):  # Restart=always
                    self.start(self.ends + 1)
                print(f"MainPID={self.pid}\nNRestarts={self.ends}\nActiveState={'active' if self.pid else 'inactive'}")


if __name__ == "__main__":
    Manager(Path(sys.argv[1])).act(sys.argv[2:])
