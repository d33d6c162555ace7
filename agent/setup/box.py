"""What every way of setting up shares: agent.yaml as it is, the bundle, the plan; how it is written, started, ended."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from agent.model import Camera, Credentials
from agent.setup import bundle as bundles
from agent.setup import existing, writing
from agent.setup.answers import Looking
from agent.setup.bundle import Bundle
from agent.setup.dialogue import Dialogue
from agent.setup.keeping import Logins
from agent.setup.plan import Keeper, Plan, Position, recall
from agent.setup.starting import Start, how
from agent.setup.trying import Trials
from contract.policy import Policy, load_policy
from contract.problems import Told, why

DEFAULT_POLICY = "henan-2021-45"
PICTURES = "setup-pictures"


class Box:
    """One box under setup. Making it reads everything and changes nothing but the folder for its state."""

    def __init__(
        self, config: Path, talk: Dialogue, *, bundle: Path | None = None, again: bool = False, resume: bool = False
    ) -> None:
        """`again`: the bundle may be another gateway's than the enrolled one. Raises Told, ConfigError."""
        self.config, self.talk, self._again = config, talk, again
        self._check_place()
        self.before = existing.read(config)
        self.state_dir = existing.state_dir(config, self.before)
        self._make_state_dir()
        self.unfinished = recall(self.state_dir, config)
        self.keeper = Keeper(self.state_dir, Plan(config=str(config)))
        if not bundle and not self.before and self.unfinished and self.unfinished.bundle:
            bundle = Path(self.unfinished.bundle)
        self.bundle = self._read_bundle(bundle) if bundle else None
        self.resumed = False
        if self.unfinished and self.bundle and self.unfinished.gateway not in ("", self.bundle.gateway):
            self.unfinished = None
        if resume:
            self.resume()
        if not self.bundle and not self.before:
            raise Told(
                f"there is no {config} yet: give the file that the center made for this gateway: canteen-agent setup"
                " NAME.canteen",
                f"还没有 {config}：请给出中心为本网关发放的文件：canteen-agent setup 文件名.canteen",
            )
        self.policy: Policy = load_policy(self.before.policy if self.before else DEFAULT_POLICY)
        self.trials = Trials(self.state_dir, talk.lang)

    def resume(self) -> None:
        """Go on where an earlier setup was broken off, if one was. Raises Told."""
        if not self.unfinished:
            self.talk.tell("没有未完成的设置，从头开始。", "no setup was broken off: this begins anew.")
            return
        self.resumed = True
        self.keeper.plan = self._without_written(self.unfinished)
        if self.unfinished.bundle and not self.bundle and self.unfinished.step != "written":
            self.bundle = self._read_bundle(Path(self.unfinished.bundle))

    def _without_written(self, plan: Plan) -> Plan:
        """A cut may have come just after agent.yaml was written, before that was kept."""
        there = {(one.slot, one.address) for one in self.before.file.cameras} if self.before else set()
        left = tuple(one for one in plan.positions if (one.slot, one.address) not in there)
        is_written = bool(plan.positions) and not left
        return structs.replace(plan, positions=left, step="written" if is_written else plan.step)

    def logins(self, *, at_once: bool) -> Logins:
        """Those of agent.yaml and of the plan. `at_once`: a password that has worked is kept before agent.yaml is."""
        known = self.before.logins if self.before else {}
        reserved = self.before.file.credentials if self.before else {}
        return Logins(self.config.parent, known, self.keeper.plan.logins, reserved, at_once=at_once)

    @property
    def gateway(self) -> str:
        return self.bundle.gateway if self.bundle else self.before.file.gateway.id if self.before else ""

    @property
    def taken(self) -> list[str]:
        """Slots of agent.yaml."""
        return [one.slot for one in self.before.file.cameras] if self.before else []

    def remember(self) -> None:
        """Which bundle this is about."""
        self.keeper.set(gateway=self.gateway)
        if not self.keeper.kept:
            self.talk.tell(
                f"! {self.state_dir} 无法写入：中断后须从头开始",
                f"! {self.state_dir} cannot be written: after a cut everything is asked again",
            )

    # ---- what is there --------------------------------------------------------------------------

    def _check_place(self) -> None:
        folder = self.config.parent
        if not folder.is_dir():
            raise Told(
                f"{folder} is not there: install the program first (sudo ./scripts/install)",
                f"没有目录 {folder}：请先安装程序（sudo ./scripts/install）",
            )
        if not os.access(folder, os.W_OK):
            raise Told(
                f"{folder} cannot be written: sudo canteen-agent setup ...",
                f"无法写入 {folder}：请用 sudo canteen-agent setup …",
            )

    def _make_state_dir(self) -> None:
        try:
            self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            reason = why(error)
            raise Told(
                f"state_dir {self.state_dir} cannot be made: {reason.en}",
                f"无法建立状态目录 {self.state_dir}：{reason.zh}",
            ) from None

    def _read_bundle(self, path: Path) -> Bundle:
        read = bundles.read(path)
        enrolled = self.before.file.gateway if self.before else None
        if enrolled and (enrolled.id, enrolled.city) != (read.gateway, read.city) and not self._again:
            raise Told(
                f"{path} is for gateway {read.city}/{read.gateway}, and this box is enrolled as"
                f" {enrolled.city}/{enrolled.id}. Is it the right file? To enrol the box anew add --again",
                f"{path} 属于网关 {read.city}/{read.gateway}，而本机已登记为 {enrolled.city}/{enrolled.id}。"
                "文件拿错了吗？确要重新登记，请加 --again",
            )
        self.keeper.plan = structs.replace(self.keeper.plan, bundle=str(path.absolute()))
        return read

    # ---- what is made ---------------------------------------------------------------------------

    def compose(self, looking: Looking) -> tuple[str, list[writing.Beside]]:
        """agent.yaml as it is to be, and the files beside it. Raises Told."""
        files = writing.identity(self.config.parent, self.bundle) if self.bundle else None
        state = "state" if self.state_dir == self.config.parent / "state" else str(self.state_dir)
        text = writing.composed(self.before, self.keeper.plan, self.bundle, files, looking, state)
        if self.before:
            writing.unharmed(self.before, text, self.config)
        return text, files.files if files else []

    def show(self, text: str) -> bool:
        """Say what changes in agent.yaml; whether anything does."""
        self.talk.line("")
        if not self.before:
            lines = writing.essence(text)
            self.talk.tell(f"新建 {self.config}：", f"new {self.config}:")
        elif lines := writing.changes(self.before.text, text):
            self.talk.tell(f"{self.config} 的改动：", f"changes of {self.config}:")
        else:
            self.talk.tell(f"{self.config} 无须改动。", f"{self.config} needs no change.")
        for line in lines:
            self.talk.line(line, indent=2)
        return bool(lines)

    def write(self, text: str, beside: Sequence[writing.Beside]) -> None:
        """Raises Told, ConfigError; then nothing has changed."""
        if existing.text_of(self.config) != (self.before.text if self.before else None):
            raise Told(
                f"somebody changed {self.config} meanwhile; nothing was changed. Go on: canteen-agent setup --resume",
                f"{self.config} 刚才被别人改过，未做任何改动。继续：canteen-agent setup --resume",
            )
        backup = writing.commit(self.config, text, beside)
        self.keeper.set(step="written")
        self.talk.tell(f"✓ 已写入 {self.config}", f"✓ {self.config} is written")
        if backup:
            self.talk.tell(f"原文件保存为 {backup}", f"the one before is kept as {backup}")

    def finish(self, *, start: bool, wait_s: float) -> int:
        """Start the service and wait for the center; exit code."""
        if start:
            waiting = Start(self.config, self.talk)
            waiting.begin()
            if wait_s and not waiting.acknowledged(wait_s):
                return 1
        else:
            word = how(self.config, again=self.before is not None)
            self.talk.tell(f"启动：{word}", f"to start it: {word}")
        self.keeper.end()
        shutil.rmtree(self.state_dir / PICTURES, ignore_errors=True)
        self.talk.tell("完成。随时查看：sudo canteen-agent status", "Done. At any time: sudo canteen-agent status")
        return 0

    def cameras(self, logins: Logins, positions: Sequence[Position]) -> list[Camera]:
        """The positions as they are asked."""
        return [one.camera(self._credentials(logins, one)) for one in positions]

    @staticmethod
    def _credentials(logins: Logins, position: Position) -> Credentials | None:
        if position.login and position.login not in logins.known:
            raise Told(
                f"the password of {position.login} is not kept any more: start again without --resume",
                f"{position.login} 的密码已不在：请不带 --resume 重新开始",
            )
        return logins.known.get(position.login)
