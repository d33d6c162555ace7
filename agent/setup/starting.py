"""The service is started, and the center's acknowledgement is waited for: both are seen in the agent's status file."""

import shutil
import subprocess
import time
from pathlib import Path

from agent import settings, status
from agent.command_line import DEFAULT_CONFIG
from agent.setup.dialogue import Dialogue
from agent.status import Status
from agent.tell.failures import ADVICE, Kind
from contract.messages import BROKEN_JSON
from contract.problems import Told

SYSTEMD = Path("/run/systemd/system")
SERVICE = "canteen-agent"
EVERY_S = 0.5
START_S = 120.0


def is_service(config: Path) -> bool:
    """Whether systemd would run the agent with this file."""
    return config == DEFAULT_CONFIG and SYSTEMD.is_dir() and shutil.which("systemctl") is not None


def how(config: Path, *, again: bool) -> str:
    """The command that starts the agent with this file; `again`: it may run already."""
    if config != DEFAULT_CONFIG:
        return f"canteen-agent run --config {config}"
    return f"sudo systemctl {'restart' if again else 'enable --now'} {SERVICE}"


class Start:
    """Made before the agent is started, so that its next session is known from the one before."""

    def __init__(self, config: Path, talk: Dialogue) -> None:
        self._config, self._talk = config, talk
        loaded = settings.load(config, secrets=False)
        self._state_dir, self._slots = loaded.state_dir, {one.slot for one in loaded.cameras}
        before = self._read()
        self._before = before.session if before else ""

    def begin(self) -> None:
        """Start the service, or say how the agent is started. Raises Told."""
        if not is_service(self._config):
            word = f"canteen-agent run --config {self._config}"
            self._talk.tell(
                f"这里没有 systemd 服务，请另开一个窗口启动：{word}",
                f"there is no systemd service here; start it in another window: {word}",
            )
            return
        self._talk.tell("正在启动服务…", "starting the service ...")
        for words in (("enable", SERVICE), ("restart", SERVICE)):
            try:
                done = subprocess.run(["systemctl", *words], capture_output=True, timeout=START_S, check=False)
                failed = done.returncode != 0
            except subprocess.TimeoutExpired:
                failed = True
            if failed:
                raise Told(
                    f"the service does not start: journalctl -u {SERVICE} -n 30 --no-pager; then: canteen-agent setup"
                    " --resume",
                    f"服务无法启动：journalctl -u {SERVICE} -n 30 --no-pager；处理后执行：canteen-agent setup --resume",
                )

    def acknowledged(self, seconds: float) -> bool:
        """Whether the center has everything that the agent has told since, within so many seconds."""
        self._talk.tell(
            f"等待中心确认，最多 {seconds:g} 秒（按 Ctrl-C 不再等待）…",
            f"waiting until the center has acknowledged, {seconds:g} s at most (Ctrl-C: do not wait) ...",
        )
        end, said = time.monotonic() + seconds, ""
        while True:
            now = self._read()
            now = None if now and now.session == self._before else now
            if now and self._is_done(now):
                self._talk.tell("✓ 中心已确认", "✓ the center has acknowledged")
                return True
            if (words := self._words(now)) != said:
                said = words
                self._talk.line(words, indent=2)
            if time.monotonic() >= end:
                self._late(now)
                return False
            time.sleep(EVERY_S)

    def _is_done(self, now: Status) -> bool:
        looked = {one.slot for one in now.cameras if one.looked_ms is not None}
        return now.uplink.connected and now.uplink.pending == 0 and looked == self._slots and not now.config

    def _words(self, now: Status | None) -> str:
        word = self._talk.word
        if not now:
            return word("代理尚未运行", "the agent does not run yet")
        if not now.uplink.connected:
            return word("尚未连上中心", "not connected yet") + (
                f" ({now.uplink.problem})" if now.uplink.problem else ""
            )
        if any(one.looked_ms is None for one in now.cameras):
            return word("已连接，正在查看摄像机", "connected, looking at the cameras")
        return word("已连接，事件待确认", "connected, events are not acknowledged yet")

    def _late(self, now: Status | None) -> None:
        self._talk.tell("✗ 中心还没有确认。", "✗ the center has not acknowledged yet.")
        if now and now.uplink.problem in list(Kind):
            self._talk.line(ADVICE[Kind(now.uplink.problem)][self._talk.lang], indent=2)
        self._talk.tell(
            "配置已写好，网关会继续值守并重连，事件不会丢。稍后查看：canteen-agent status；"
            "再等一次：canteen-agent setup --resume",
            "The configuration stands; the gateway watches, keeps its events and goes on trying. Later: canteen-agent"
            " status; to wait once more: canteen-agent setup --resume",
        )

    def _read(self) -> Status | None:
        try:
            return status.read(status.place(self._state_dir))  # which the first start of the service decides
        except (OSError, *BROKEN_JSON):
            return None
