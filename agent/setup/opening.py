"""How a camera is opened with a person: which login, tried once; which certificate; what to do where it fails."""

import re
from collections.abc import Sequence
from enum import Enum

from msgspec import structs

from agent.model import Credentials
from agent.settings import entries, secret
from agent.setup.dialogue import Dialogue
from agent.setup.keeping import Logins
from agent.setup.looking import pin
from agent.setup.plan import Keeper, Position
from agent.setup.trying import Outcome, Trials, Tried
from contract.problems import Told, Unfit

FEW_TRIES = 2
"""After so many refused logins at one camera it is left out by default: its owner's account may lock."""


class Way(Enum):
    """What a person wants to do about a login."""

    ANOTHER = "another"
    NONE = "none"
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


def password(typed: str) -> str:
    """A password that can be kept. Raises Unfit."""
    if not typed:
        raise Unfit("blank")
    return secret.of_text(typed)
