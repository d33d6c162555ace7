"""How a camera is opened with a person: which login, tried once; which certificate; what to do where it fails."""

import re
from collections.abc import Sequence
from enum import Enum

from msgspec import structs

from agent.model import Credentials, NotSeen
from agent.settings import entries, secret
from agent.setup.dialogue import Dialogue
from agent.setup.keeping import Logins
from agent.setup.looking import pin
from agent.setup.plan import Keeper, Position
from agent.setup.trying import Outcome, Trials, Tried, channels, why
from contract.problems import Told, Unfit

FEW_TRIES = 2
"""After so many refused logins at one camera a person is warned: its owner's account may lock."""

FEW_LOOKS = 3
"""After so many looks at one whose channels cannot be asked for it is left out by default."""


class Way(Enum):
    """What a person wants to do about a login."""

    ANOTHER = "another"
    NONE = "none"
    SKIP = "skip"


class Wish(Enum):
    """What a person wants to do about a camera that was asked."""

    AGAIN = "again"
    TAKE = "take"
    SKIP = "skip"


class Opening:
    """Opens one camera after the other; what has worked is kept at once."""

    def __init__(self, talk: Dialogue, trials: Trials, keeper: Keeper, logins: Logins) -> None:
        self._talk, self._trials, self._keeper, self._logins = talk, trials, keeper, logins
        only = next(iter(logins.known)) if len(logins.known) == 1 else ""
        self._last = next(reversed(logins.new), only)
        """Name of the login that worked last, or is the only one."""

    def opened(self, position: Position, *, prefer: str = "") -> tuple[Position, Tried] | None:
        """The position with a login, and a pin where it needs one, that have worked; None = left out.

        `prefer`: name of the login that is offered first.
        """
        refused: list[Credentials | None] = []
        looks = 0
        login = self._asked_login(position, refused, prefer)
        while not isinstance(login, Way) or login is Way.NONE:
            credentials = None if isinstance(login, Way) else login
            self._talk.tell("正在登录并查看…", "logging in and looking ...", indent=2)
            tried = self._trials.once(position.camera(credentials))
            match tried.outcome:
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
                    looks += 1
                    wish = self._wish(tried, looks)
                    if wish is Wish.TAKE:
                        return self._worked(position, credentials, tried)
                    if wish is Wish.SKIP:
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
        if len(refused) >= FEW_TRIES:
            times, out = len(refused), len(options)
            self._talk.tell(
                f"! 已有 {times} 次登录被拒绝，再错可能锁住摄像机的账号。不确定时请输入 {out}（跳过）。",
                f"! {times} logins were refused here: more may lock the camera's account."
                f" Unless you are sure, type {out} (leave it out).",
                indent=2,
            )
        place = self._talk.choose(
            f"用哪个账号登录 {position.address}？",
            f"which login for {position.address}?",
            options,
            # the same question has the same default each time: else what a hand types by habit, a password, is seen
            default=[*known].index(first) if first in known else len(known),
            explain=(
                "所选账号只试一次。连续试错会锁住摄像机的账号；请用只读的 ONVIF 用户。",
                "The one that you choose is tried once. Wrong ones, one after the other, lock the camera's account;"
                " use a read-only ONVIF user.",
            ),
        )
        if place < len(known):
            return [*known.values()][place]
        way = (Way.ANOTHER, Way.NONE, Way.SKIP)[place - len(known)]
        if way is not Way.ANOTHER:
            return way
        return self._typed_login() or self._asked_login(position, refused, prefer)

    def _typed_login(self) -> Credentials | None:
        """None = no user was typed: back."""
        name = self._talk.ask(
            "用户名（直接回车返回）",
            "user (Enter: back)",
            read=lambda typed: entries.one_line(typed) if typed else "",
            explain=("摄像机里添加的 ONVIF 用户。", "The ONVIF user of the camera."),
        )
        if not name:
            return None
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

    def _wish(self, tried: Tried, looks: int) -> Wish:
        """`looks`: how often it was asked by now."""
        if tried.outcome is not Outcome.OPEN:
            self._talk.line(f"✗ {tried.why}", indent=2)
            if not self._as_it_is(tried):
                return Wish.AGAIN if self._again() else Wish.SKIP
        told = channels(tried.evidence.capabilities)
        return self._uncounted(told, looks) if isinstance(told, NotSeen) else Wish.TAKE

    def _uncounted(self, told: NotSeen, looks: int) -> Wish:
        """Nobody knows how many channels it has: never one by default."""
        reason = why(told, self._talk.lang)
        self._talk.tell(
            f"✗ 没有问到它的通道：{reason}。录像机有多个通道。",
            f"✗ could not ask for its channels: {reason}. A recorder has several.",
            indent=2,
        )
        word = self._talk.word
        options = {
            Wish.AGAIN: word("再问一次", "ask again"),
            Wish.TAKE: word("它只有一个画面，照样设置", "it has one picture: set it up"),
            Wish.SKIP: word("跳过这台摄像机", "leave this camera out"),
        }
        place = self._talk.choose(
            "怎么办？",
            "what now?",
            [*options.values()],
            default=0 if looks < FEW_LOOKS else len(options) - 1,
            explain=(
                "摄像机只有一个画面；录像机请再问一次，或先检查它是否正忙。",
                "A camera has one picture. Ask a recorder again, or see first what keeps it busy.",
            ),
        )
        return [*options][place]

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


def password(typed: str) -> str:
    """A password that can be kept. Raises Unfit."""
    if not typed:
        raise Unfit("blank")
    return secret.of_text(typed)
