"""The walk from camera to camera with a person: is it one of ours, its login, its channels, its position."""

import re
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from msgspec import structs

from agent.files import write_atomically
from agent.model import Credentials, DiscoveredDevice, VideoSource, own_profiles, values
from agent.settings import entries, secret
from agent.setup.keeping import Logins
from agent.setup.looking import known_as, pin
from agent.setup.plan import Keeper, Position, of_device
from agent.setup.trying import Outcome, Trials, Tried
from contract.messages import SLOT_PATTERN
from contract.problems import Told, Unfit

if TYPE_CHECKING:
    from pathlib import Path

    from agent.setup.dialogue import Dialogue

ZONES = (
    ("烹饪间", "cooking"),
    ("切配间", "cutting"),
    ("备餐间", "serving"),
    ("洗消间", "washing up"),
    ("仓库", "store"),
    ("就餐区", "dining"),
)
"""What kitchens have. The notice names no zones, and the center's registry takes any: a person may write another."""
FEW_TRIES = 2
"""After so many refused logins at one camera it is left out by default: its owner's account may lock."""


class Way(Enum):
    """What a person wants to do about a login."""

    ANOTHER = "another"
    NONE = "none"
    SKIP = "skip"


class Walk:
    """Asks about one device after the other; what is answered is kept at once."""

    def __init__(
        self,
        talk: "Dialogue",
        trials: Trials,
        keeper: Keeper,
        logins: Logins,
        *,
        taken: Sequence[str],
        pictures: "Path | None",
    ) -> None:
        """`taken`: slots of agent.yaml. `pictures`: the folder for a small picture of each camera, None = none."""
        self._talk, self._trials, self._keeper, self._logins = talk, trials, keeper, logins
        self._taken, self._pictures = frozenset(taken), pictures
        only = next(iter(logins.known)) if len(logins.known) == 1 else ""
        self._last = next(reversed(logins.new), only)
        """Name of the login that worked last, or is the only one."""

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
            opened = self.opened(of_device(device, f"setup-{device.address}")) if wanted else None
            self._keeper.add(self._positions(*opened) if opened else (), device.address)

    # ---- login ----------------------------------------------------------------------------------

    def opened(self, position: Position, *, prefer: str = "") -> tuple[Position, Tried] | None:
        """The position with a login, and a pin where it needs one, that have worked; None = left out.

        `prefer`: name of the login that is offered first.
        """
        refused: list[Credentials | None] = []
        login = self._asked_login(position, refused, prefer)
        while not isinstance(login, Way) or login is Way.NONE:
            credentials = None if isinstance(login, Way) else login
            self._talk.tell("正在登录并查看…", "logging in and looking ...", indent=2)
            tried = self._trials.once(position.camera(credentials))
            match tried.outcome:
                case Outcome.OPEN:
                    return self._worked(position, credentials, tried)
                case Outcome.TLS:
                    if not (pinned := self._pinned(position)):
                        return None
                    position = pinned
                    continue
                case Outcome.REFUSED:
                    self._talk.line(f"✗ {tried.why}", indent=2)
                    refused.append(credentials)
                    login = self._asked_login(position, refused, prefer)
                case _:
                    self._talk.line(f"✗ {tried.why}", indent=2)
                    if self._as_it_is(tried):
                        return self._worked(position, credentials, tried)
                    if not self._again():
                        return None
        return None

    def _worked(self, position: Position, credentials: Credentials | None, tried: Tried) -> tuple[Position, Tried]:
        name = self._logins.keep(credentials) if credentials else ""
        self._last = name or self._last
        self._keeper.set(logins=self._logins.new)
        learnt = self._logins.learnt(position, name, tried.evidence)
        if tried.outcome is Outcome.OPEN:
            self._talk.tell(f"✓ 可以打开  {learnt.what}", f"✓ it can be opened  {learnt.what}", indent=2)
        return learnt, tried

    def _asked_login(self, position: Position, refused: Sequence[Credentials | None], prefer: str) -> Credentials | Way:
        known = {name: one for name, one in self._logins.known.items() if one not in refused}
        word = self._talk.word
        options = [f"{one.user} ({name})" for name, one in known.items()]
        options += [
            word("另一个用户和密码", "another user and password"),
            word("不登录", "no login"),
            word("跳过这台摄像机", "leave this camera out"),
        ]
        first = prefer if prefer in known else self._last
        default = [*known].index(first) if first in known else len(known)
        if len(refused) >= FEW_TRIES:
            default = len(options) - 1
        place = self._talk.choose(
            f"用哪个账号登录 {position.address}？",
            f"which login for {position.address}?",
            options,
            default=default,
            explain=(
                "所选账号只试一次。连续试错会锁住摄像机的账号；请用只读的 ONVIF 用户。",
                "The one that you choose is tried once. Wrong ones, one after the other, lock the camera's account;"
                " use a read-only ONVIF user.",
            ),
        )
        if place < len(known):
            return [*known.values()][place]
        way = (Way.ANOTHER, Way.NONE, Way.SKIP)[place - len(known)]
        return self._typed_login() if way is Way.ANOTHER else way

    def _typed_login(self) -> Credentials:
        def user(typed: str) -> str:
            if not typed:
                raise Unfit("blank")
            return entries.one_line(typed)

        name = self._talk.ask(
            "用户名", "user", read=user, explain=("摄像机里添加的 ONVIF 用户。", "The ONVIF user of the camera.")
        )
        word = self._talk.secret("密码（不显示）", "password (not shown)", read=password)
        return Credentials(name, word)

    def _pinned(self, position: Position) -> Position | None:
        try:
            port, fingerprint = pin(position.camera(None))
        except Told as told:
            self._talk.line(f"✗ {told.text('zh' if self._talk.lang == 'zh' else 'en')}", indent=2)
            return None
        self._talk.tell(
            "这台摄像机只用 HTTPS。证书指纹（SHA-256）：", "this camera speaks HTTPS only. SHA-256 of its certificate:"
        )
        for part in re.findall(".{32}", fingerprint):
            self._talk.line(part, indent=4)
        agreed = self._talk.agrees(
            "以后只认这个证书吗？",
            "trust this certificate, and no other, from now on?",
            explain=(
                "可与摄像机网页上显示的证书指纹核对。证书变了就不再登录。",
                "Compare it with what the camera's own web page shows. If it ever changes no login is sent.",
            ),
        )
        return structs.replace(position, onvif_port=port, tls_pin=fingerprint) if agreed else None

    def _as_it_is(self, tried: Tried) -> bool:
        if tried.outcome is not Outcome.ODD:
            return False
        return self._talk.agrees(
            "它有应答，但取不到视频。仍然设置吗？",
            "it answers, and its video cannot be had. Set it up all the same?",
            default=False,
            explain=(
                "是：照样写入配置，网关会继续尝试，并说明原因。",
                "y: it is written down; the gateway goes on asking and says why it fails.",
            ),
        )

    def _again(self) -> bool:
        return self._talk.agrees(
            "再试一次吗？",
            "look once more?",
            explain=("先检查网线和电源。否：跳过。", "Check cable and power first. n: it is left out."),
        )

    # ---- positions ------------------------------------------------------------------------------

    def _positions(self, position: Position, tried: Tried) -> list[Position]:
        sources = values(tried.evidence.capabilities.sources)
        if len(sources) < 2:
            self._picture(position, tried)
            return [self._placed(position, ())]
        positions: list[Position] = []
        for source in self._channels(sources, tried):
            channel = structs.replace(position, channel=source.token)
            name = self._logins.known.get(position.login)
            seen = self._trials.once(channel.camera(name, slot=f"{position.slot}-{source.token}"[:64]))
            self._talk.line(
                f"{'✓' if seen.outcome is Outcome.OPEN else '✗'} {source.token} {seen.why}".rstrip(), indent=2
            )
            self._picture(channel, seen)
            positions.append(self._placed(self._logins.learnt(channel, position.login, seen.evidence), positions))
        return positions

    def _channels(self, sources: Sequence[VideoSource], tried: Tried) -> list[VideoSource]:
        self._talk.tell(f"这台设备有 {len(sources)} 个通道：", f"this device has {len(sources)} channels:")
        profiles = values(tried.evidence.capabilities.profiles)
        for number, source in enumerate(sources, 1):
            names = ", ".join(dict.fromkeys(one.name for one in own_profiles(profiles, source.token) if one.name))
            self._talk.line(f"{number}) {source.token}  {names}", indent=2)

        def read(typed: str) -> list[VideoSource]:
            numbers = re.findall(r"\d+", typed)
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
        for number, (zh, en) in enumerate(ZONES, 1):
            self._talk.line(f"{number}) {self._talk.word(zh, f'{zh} {en}')}", indent=2)
        zone = self._talk.ask(
            "部位（数字，或直接写）",
            "zone (a number, or your own words)",
            read=lambda typed: (
                ZONES[int(typed) - 1][0] if typed in "123456" and len(typed) == 1 else entries.one_line(typed)
            ),
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
                file = self._pictures / f"{name}.jpg"
                self._pictures.mkdir(mode=0o700, exist_ok=True)
                write_atomically(file, result.thumbnail)
                self._talk.line(f"{self._talk.word('画面', 'picture')}: {file}", indent=2)


def password(typed: str) -> str:
    """A password that can be kept. Raises Unfit."""
    if not typed:
        raise Unfit("blank")
    return secret.of_text(typed)
