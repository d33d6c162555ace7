"""Logins of commands that a person runs: the record they share with the agent, and what is said of a pause."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from agent import clock, login_gate, show
from agent.ask.box.clocks import boot_id
from agent.login_gate import LoginGate, Refusal
from agent.model import Camera


class HandLogins:
    """The gate of one command, and what it has to tell the person who runs it; see `announce` and `conclude`.

    The record is the running agent's where its folder can be written: then neither tries what the other was refused,
    and the pause holds for both. Else it is the user's own (XDG Base Directory Specification: state), beside what can
    be read of the agent's; so repeated runs lock no camera, whoever runs them.
    """

    def __init__(self, state_dir: Path | None, *, forced: bool, lang: str) -> None:
        files, own = _files(state_dir)
        self._lang = lang
        self._told: set[str] = set()
        self._refused: dict[str, tuple[Camera, Refusal]] = {}
        kept, boot = (files[0].parent if files else Path()) / "clock.json", boot_id()
        self._now: Callable[[], float] = partial(clock.certain_s, kept, boot)
        self.gate = LoginGate(*files, now=self._now, refused=self._take, forced=forced)
        if state_dir and state_dir.is_dir() and not os.access(state_dir, os.R_OK | os.X_OK):
            show.say(show.unshared(state_dir, own, lang))

    def _take(self, camera: Camera, refusal: Refusal) -> None:
        self._refused.setdefault(camera.address, (camera, refusal))

    def announce(self, cameras: Sequence[Camera]) -> None:
        """Before anything is sent: whose login is paused, since when, until when, and how to end it."""
        for camera in cameras:
            refusal = self.gate.refusal(camera)
            if refusal and refusal.paused and camera.address not in self._told:
                self._told.add(camera.address)
                show.say(show.paused(camera, self._since(refusal), self._lang))

    def conclude(self) -> None:
        """Afterwards: who refused a login just now."""
        for address, (camera, refusal) in self._refused.items():
            if address not in self._told:
                show.say(show.refused(camera, self._since(refusal), self._lang))

    def _since(self, refusal: Refusal) -> show.Pause:
        now_s = self._now()
        return show.Pause(now_s - refusal.since_s, refusal.until_s - now_s, refusal.attempts_left)


def _files(state_dir: Path | None) -> tuple[list[Path], Path | None]:
    """The records, and the user's own one if it is among them."""
    shared = [state_dir / login_gate.NAME] if state_dir and os.access(state_dir, os.R_OK | os.X_OK) else []
    if shared and state_dir and os.access(state_dir, os.W_OK):
        return shared, None
    own = _own()
    return [*([own / login_gate.NAME] if own else []), *shared], own


def _own() -> Path | None:
    """The user's own folder for state, made where it is missing; None where there can be none."""
    try:
        home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        folder = Path(home) / "canteen-agent"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder
