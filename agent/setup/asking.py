"""The walk from camera to camera with a person: is it one of ours, its login, its channels, its position."""

import re
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from agent.files import write_atomically
from agent.model import DiscoveredDevice, NotSeen, own_profiles, values
from agent.settings import entries
from agent.setup.dialogue import Dialogue
from agent.setup.keeping import Logins
from agent.setup.looking import known_as
from agent.setup.opening import Opening
from agent.setup.plan import Keeper, Position, of_device
from agent.setup.trying import Outcome, Trials, Tried, channels
from contract.messages import SLOT_PATTERN
from contract.problems import Told, why

ZONES = (
    ("烹饪间", "cooking"),
    ("切配间", "cutting"),
    ("备餐间", "serving"),
    ("洗消间", "washing up"),
    ("仓库", "store"),
    ("就餐区", "dining"),
)
"""What kitchens have. The notice names no zones, and the center's registry takes any: a person may write another."""


class Walk:
    """Asks about one device after the other; what is answered is kept at once."""

    def __init__(
        self,
        talk: Dialogue,
        trials: Trials,
        keeper: Keeper,
        logins: Logins,
        *,
        taken: Sequence[str],
        pictures: Path | None,
    ) -> None:
        """`taken`: slots of agent.yaml. `pictures`: the folder for a small picture of each camera, None = none."""
        self._talk, self._trials, self._keeper, self._logins = talk, trials, keeper, logins
        self._taken, self._pictures = frozenset(taken), pictures
        self._opening = Opening(talk, trials, keeper, logins)

    def through(self, devices: Sequence[DiscoveredDevice]) -> None:
        """Ask about each; the keeper has the positions afterwards."""
        todo = [one for one in devices if one.address not in self._keeper.plan.done]
        for number, device in enumerate(todo, 1):
            self._talk.line("")
            self._talk.line(f"[{number}/{len(todo)}] {known_as(device)}")
            wanted = self._talk.agrees(
                "设置这台摄像机吗？",
                "set this camera up?",
                explain=(
                    "是：试一次登录，然后给它编点位。否：跳过，不会向它发送任何密码。",
                    "y: its login is tried once, then it gets its position. n: it is left out, and sees no password.",
                ),
            )
            opened = self._opening.opened(of_device(device, f"setup-{device.address}")) if wanted else None
            self._keeper.add(self._positions(*opened) if opened else (), device.address)

    # ---- positions ------------------------------------------------------------------------------

    def _positions(self, position: Position, tried: Tried) -> list[Position]:
        sources = channels(tried.evidence.capabilities)
        if isinstance(sources, NotSeen) or len(sources) < 2:
            self._picture(position, tried)
            return [self._placed(position, ())]
        positions: list[Position] = []
        for source in self._channels(sources, tried):
            channel = structs.replace(position, channel=source)
            name = self._logins.known.get(position.login)
            seen = self._trials.once(channel.camera(name, slot=f"{position.slot}-{source}"[:64]))
            self._talk.line(f"{'✓' if seen.outcome is Outcome.OPEN else '✗'} {source} {seen.why}".rstrip(), indent=2)
            self._picture(channel, seen)
            positions.append(self._placed(self._logins.learnt(channel, position.login, seen.evidence), positions))
        return positions

    def _channels(self, sources: Sequence[str], tried: Tried) -> list[str]:
        self._talk.tell(f"这台设备有 {len(sources)} 个通道：", f"this device has {len(sources)} channels:")
        profiles = values(tried.evidence.capabilities.profiles)
        for number, source in enumerate(sources, 1):
            names = ", ".join(dict.fromkeys(one.name for one in own_profiles(profiles, source) if one.name))
            self._talk.line(f"{number}) {source}  {names}", indent=2)

        def read(typed: str) -> list[str]:
            numbers = re.findall(r"\d{1,9}", typed)
            if typed.strip().lower() in ("all", "全部"):
                return list(sources)
            if not numbers or not all(1 <= int(one) <= len(sources) for one in numbers):
                raise Told(
                    f"type all, or numbers up to {len(sources)} such as 1,3",
                    f"请输入 all，或不超过 {len(sources)} 的数字，例如 1,3",
                )
            return [sources[int(one) - 1] for one in dict.fromkeys(numbers)]

        return self._talk.ask(
            "哪些通道对应点位？",
            "which of them are positions?",
            read=read,
            default="all",
            explain=("录像机的每个通道是一个点位。", "Each channel of a recorder is a position of its own."),
        )

    def _placed(self, position: Position, beside: Sequence[Position]) -> Position:
        taken = {*self._taken, *(one.slot for one in (*self._keeper.plan.positions, *beside))}

        def slot(typed: str) -> str:
            if not re.fullmatch(SLOT_PATTERN, typed):
                raise Told(
                    "letters, digits, '.', '_' or '-', at most 64", "只能用字母、数字、“.”、“_”、“-”，最多 64 个"
                )
            if typed in taken:
                raise Told(f"{typed} is taken", f"{typed} 已被使用")
            return typed

        free = next(name for number in range(1, 1000) if (name := f"cam-{number}") not in taken)
        named = self._talk.ask(
            "点位编号",
            "position id",
            read=slot,
            default=free,
            explain=(
                "须与中心登记的点位编号一致；不知道时请问中心。",
                "It has to be the id in the center's registry; ask the center where you do not know it.",
            ),
        )
        numbered = {str(number): zh for number, (zh, _) in enumerate(ZONES, 1)}
        for number, (zh, en) in enumerate(ZONES, 1):
            self._talk.line(f"{number}) {self._talk.word(zh, f'{zh} {en}')}", indent=2)
        zone = self._talk.ask(
            "部位（数字，或直接写）",
            "zone (a number, or your own words)",
            read=lambda typed: numbered.get(typed) or entries.one_line(typed),
            default="1",
            explain=("它拍的是哪里。", "Which part of the kitchen it shows."),
        )
        name = self._talk.ask(
            "名称",
            "name",
            read=entries.one_line,
            default=zone,
            explain=("给人看的名称，例如“烹饪间 1 号”。", "For people, such as “stove, left”."),
        )
        return structs.replace(position, slot=named, zone=zone, name=name)

    def _picture(self, position: Position, tried: Tried) -> None:
        """A small picture in a file, by which a person can tell which camera it is."""
        if not self._pictures or tried.outcome is not Outcome.OPEN:
            return
        from agent.examine import decode

        camera = position.camera(self._logins.known.get(position.login), slot=tried.evidence.slot)
        gate = self._trials.logins.gate
        for result in decode([(camera, tried.evidence)], door=gate, thumbnails=True):
            if result.thumbnail:
                name = re.sub("[^A-Za-z0-9.-]", "-", f"{position.address}-{position.channel}".strip("-"))
                self._save(self._pictures / f"{name}.jpg", result.thumbnail)

    def _save(self, file: Path, jpeg: bytes) -> None:
        """A disk that takes no picture costs the picture alone."""
        try:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomically(file, jpeg)
        except OSError as error:
            reason = why(error)
            self._talk.tell(f"! 画面未保存：{reason.zh}", f"! the picture was not saved: {reason.en}", indent=2)
            return
        self._talk.line(f"{self._talk.word('画面', 'picture')}: {file}", indent=2)
