"""Logins of commands that a person runs: the record they share with the agent, and what is said of a pause."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent import clock, login_record, show
from agent.ask.box.clocks import boot_id
from agent.login_gate import LoginGate, Refusal
from agent.model import Camera, Credentials

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of ours there must be ours: see _make
"""A disk in memory, where every user may make folders (tmpfs(5))."""
PATIENCE_S = 30.0
"""A person's command waits so long for another one, or the agent, to show a camera a login for the first time."""
_Logins = tuple[str, Credentials | None, Credentials | None]
"""A camera's address and logins. Of slots that share all three only one is named."""


class HandLogins:
    """The gate of one command, and what it has to tell the person who runs it; see `announce` and `conclude`.

    The record is the running agent's where that can be written: then neither tries what the other was refused, and the
    pause holds for both. Else it is the user's own (XDG Base Directory Specification: state; in memory where that disk
    is full too), beside what can be read of the agent's; so repeated runs lock no camera, whoever runs them. Where a
    refusal cannot be written down anywhere no login is sent unless it is `forced`.
    """

    def __init__(self, state_dir: Path | None, *, forced: bool, lang: str) -> None:
        self._lang = lang
        self._told: set[_Logins] = set()
        self._refused: dict[_Logins, tuple[Camera, Refusal]] = {}
        files, own, keeps = _files(state_dir)
        # the agent's refusals are of the agent's time, which a clock that nobody disciplines does not tell
        times = [file.with_name("clock.json") for file in files]
        newest_s = login_record.newest_s(*files)
        self._now = clock.CertainTime(*times, boot=boot_id(), since_s=newest_s, own=own is not None)
        self.gate = LoginGate(
            *files, now=self._now, refused=self._take, forced=forced, shut=not keeps, patience_s=PATIENCE_S
        )
        if state_dir and state_dir.is_dir() and not os.access(state_dir, os.R_OK | os.X_OK):
            show.say(show.unshared(state_dir, own, lang))
        if not keeps and not forced:
            show.say(show.unkept(lang))

    def _take(self, camera: Camera, refusal: Refusal) -> None:
        self._refused.setdefault(_logins(camera), (camera, refusal))

    def announce(self, cameras: Sequence[Camera]) -> None:
        """Before anything is sent: whose login is paused, since when, until when, and how to end it."""
        for camera in cameras:
            refusal = self.gate.refusal(camera)
            if refusal and refusal.paused and _logins(camera) not in self._told:
                self._told.add(_logins(camera))
                show.say(show.paused(camera, self._since(refusal), self._lang))

    def conclude(self) -> None:
        """Afterwards: who refused a login just now."""
        for logins, (camera, refusal) in self._refused.items():
            if logins not in self._told:
                show.say(show.refused(camera, self._since(refusal), self._lang))

    def _since(self, refusal: Refusal) -> show.Pause:
        now_s = self._now()
        return show.Pause(now_s - refusal.since_s, refusal.until_s - now_s, refusal.attempts_left)


def _logins(camera: Camera) -> _Logins:
    return camera.address, camera.credentials, camera.rtsp_credentials


def _files(state_dir: Path | None) -> tuple[list[Path], Path | None, bool]:
    """The records; the user's own folder where one of them is in it; whether a refusal can be written down."""
    shared = [state_dir / login_record.NAME] if state_dir and os.access(state_dir, os.R_OK | os.X_OK) else []
    if shared and state_dir and os.access(state_dir, os.W_OK) and login_record.can_keep(*shared):
        return shared, None, True
    for place in _own_places():
        with contextlib.suppress(OSError):
            own = _make(place)
            if login_record.can_keep(own / login_record.NAME):
                return [own / login_record.NAME, *shared], own, True
    return shared, None, False


def _own_places() -> Iterator[Path]:
    """The user's own folders for state, best first: on disk, and in memory until the box is switched off."""
    with contextlib.suppress(RuntimeError):  # a user without a home
        yield Path(os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")) / "canteen-agent"
    yield MEMORY / f"canteen-agent-{os.geteuid()}"


def _make(folder: Path) -> Path:
    """Make the folder where it is missing. Raises OSError, in MEMORY also where another user has made it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if folder.parent == MEMORY and (not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid()):
        raise PermissionError(errno.EPERM, "it is another user's", str(folder))
    return folder
