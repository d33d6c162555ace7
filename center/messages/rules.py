"""The rules file: who is told what, through which door, when. YAML -> Rules, or everything that is wrong with it.

Secrets are named, never written: `file:PATH`, `env:NAME`, or `credential:NAME` of systemd. What a message says must not
be known here.
"""

import os
import re
import stat
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from msgspec import Meta

from center.messages.engine import Pace
from contract.leaves import seconds
from contract.plain import open_plain, read_plain
from contract.policy import Strict
from contract.problems import Unfit, why
from contract.strict_yaml import Found, Words, find, leaf

MAX_BYTES = 4 * 1024 * 1024
"""A province may name thousands of schools."""
Kind = Literal["camera", "gateway", "county", "alarm", "center", "undelivered"]
Role = Literal["unit", "county", "city", "province", "operator"]
KINDS: dict[str, tuple[Kind, ...]] = {
    "unit": ("camera", "gateway", "county"),
    "county": ("camera", "gateway", "county"),
    "city": ("county",),
    "province": ("county",),
    "operator": ("alarm", "center", "undelivered"),
}
"""What each role is told unless the file says otherwise."""
OPERATORS = ("center", "undelivered")
"""The platform's own troubles, which are no school's."""
ROBOT = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"

# ---- single values ------------------------------------------------------------------------------

_DURATION = Words("a duration such as 5m", "时长，例如 5m")


def _ms(text: str) -> int:
    return round(seconds(text) * 1000)


Span = Annotated[int, leaf(_ms, _DURATION)]
_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


def _quiet(text: str) -> str:
    match = _DAY.fullmatch(text)
    if not match or match.groups()[:2] == match.groups()[2:]:
        raise Unfit("window", least=1)
    return text


def minutes(quiet: str) -> tuple[int, int]:
    """From, to, in minutes of the day."""
    begin, end = ([int(one) for one in half.split(":")] for half in quiet.split("-"))
    return begin[0] * 60 + begin[1], end[0] * 60 + end[1]


Quiet = Annotated[str, leaf(_quiet, Words("hours such as 22:00-07:00", "时段，例如 22:00-07:00"))]
_SECRET = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+|credential:[A-Za-z0-9][A-Za-z0-9._-]*")


def _reference(text: str) -> str:
    if not _SECRET.fullmatch(text):
        raise Unfit(
            "said",
            text=Words(
                "a secret stands in no rules file: write file:PATH, env:NAME or credential:NAME",
                "规则文件中不得写明密钥：请写 file:路径、env:名称 或 credential:名称",
            ),
        )
    return text


Reference = Annotated[str, leaf(_reference, Words("file:PATH or env:NAME", "file:路径 或 env:名称"))]


def _url(text: str) -> str:
    """What was written is not repeated: its query may be a key."""
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("https", "http") and parts.hostname and (parts.port or 443)
        fits = fits and parts.username is None and not parts.fragment
    except ValueError:
        fits = False
    if not fits or not text.isascii() or not text.isprintable() or " " in text:
        raise Unfit(
            "said",
            text=Words(
                "not an address such as https://host/path, without user, password and #",
                "不是 https://主机/路径 这样的地址（不含用户名、口令和 #）",
            ),
        )
    return text


Url = Annotated[str, leaf(_url, Words("an address such as https://host/path", "地址，例如 https://主机/路径"))]
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,250}")


def _mailbox(text: str) -> str:
    if not _MAIL.fullmatch(text):
        raise Unfit("said", text=Words("not a mail address such as a@b.cn", "不是邮件地址，例如 a@b.cn"))
    return text


Mailbox = Annotated[str, leaf(_mailbox, Words("a mail address", "邮件地址"))]
_SERVER = re.compile(r"[A-Za-z0-9.-]{1,253}:[0-9]{1,5}")


def _server(text: str) -> str:
    if not _SERVER.fullmatch(text) or not 0 < int(text.rpartition(":")[2]) < 65536:
        raise Unfit("said", text=Words("not HOST:PORT such as smtp.b.cn:587", "不是“主机:端口”，例如 smtp.b.cn:587"))
    return text


Server = Annotated[str, leaf(_server, Words("HOST:PORT", "主机:端口"))]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def _code(text: str) -> str:
    if not re.fullmatch(r"[0-9]{2}([0-9]{2}([0-9]{2})?)?", text):
        raise Unfit("said", text=Words("not a code such as 41, 4101 or 410105", "不是区划代码，例如 41、4101、410105"))
    return text


Code = Annotated[str, leaf(_code, Words("a code such as 410105", "区划代码，例如 410105"))]

# ---- the file -----------------------------------------------------------------------------------


class Webhook(Strict, frozen=True, kw_only=True):
    """`secret`: of the signature. `ca`: of an authority of one's own."""

    url: Url
    secret: Reference
    ca: str = ""


class Robot(Strict, frozen=True, kw_only=True):
    """企业微信群机器人. `key`: what stands behind `key=` in the address that 企业微信 shows."""

    key: Reference
    url: Url = ROBOT
    ca: str = ""


class Mail(Strict, frozen=True, kw_only=True):
    server: Server
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Reference | None = None
    sender: Mailbox
    to: Annotated[tuple[Mailbox, ...], Meta(min_length=1, max_length=50)]
    ca: str = ""


class Receiver(Strict, frozen=True, kw_only=True):
    """One door of one person or group. `regions`: codes, all below them included. `allow_local`: its address may be on
    this machine, and without TLS.
    """

    name: Name
    role: Role
    regions: tuple[Code, ...] = ()
    units: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] | None = None
    language: Literal["zh", "en"] | None = None
    quiet: Quiet | None = None
    allow_local: bool = False
    webhook: Webhook | None = None
    wecom: Robot | None = None
    mail: Mail | None = None

    @property
    def door(self) -> Webhook | Robot | Mail | None:
        return self.webhook or self.wecom or self.mail

    @property
    def told(self) -> tuple[Kind, ...]:
        return KINDS[self.role] if self.kinds is None else self.kinds


class Together(Strict, frozen=True, kw_only=True):
    """Gateways of one county that fell silent within `window`: from `least` of them on one message."""

    window: Span = 600_000
    least: Annotated[int, Meta(ge=2, le=1000)] = 3


class Rules(Strict, frozen=True, kw_only=True):
    """As it stands in the file; times in ms. `urgent`: kinds that no quiet hours keep back."""

    base_url: Url | None = None
    language: Literal["zh", "en"] = "zh"
    delay: Span = 300_000
    together: Together = Together()
    reminders: Annotated[tuple[Span, ...], Meta(max_length=10)] = (3_600_000, 86_400_000)
    quiet: Quiet | None = None
    urgent: tuple[Kind, ...] = ()
    receivers: Annotated[tuple[Receiver, ...], Meta(min_length=1)]

    def pace(self, settled_ms: int) -> Pace:
        """`settled_ms`: after so long all gateways that fell silent together are seen to be."""
        window = (self.together.window, self.together.least)
        return Pace(self.delay, *window, self.reminders, max(self.delay, settled_ms))

    def quiet_of(self, receiver: Receiver) -> tuple[int, int] | None:
        hours = receiver.quiet or self.quiet
        return minutes(hours) if hours else None

    def language_of(self, receiver: Receiver) -> Literal["zh", "en"]:
        return receiver.language or self.language


class Loaded(NamedTuple):
    """`secrets`: reference -> its text."""

    rules: Rules
    secrets: "Secrets"


class Secrets(dict[str, str]):
    """Never shown."""

    def __repr__(self) -> str:
        return "***"


def load(path: Path) -> Loaded:
    """Raises ConfigError with all that is wrong, OSError."""
    found = find(read_plain(path), Rules, source=str(path), max_bytes=MAX_BYTES)
    secrets = Secrets()
    seen: dict[str, str] = {}
    for key, fields in found.parts(Receiver):
        name = fields.get("name", "")
        if first := seen.get(name):
            _say(found, f"{key}.name", f"the name stands twice, first at {first}", f"名称重复，首次见 {first}")
        seen.setdefault(name, key)
        _check_receiver(found, key, fields)
    for type_, key_name in ((Webhook, "secret"), (Robot, "key"), (Mail, "password")):
        for key, fields in found.parts(type_):
            if reference := fields.get(key_name):
                _secret(found, f"{key}.{key_name}", reference, path.parent, secrets)
            if (ca := fields.get("ca", "")) and not (path.parent / ca).is_file():
                _say(found, f"{key}.ca", "there is no such file", "没有这个文件")
    return Loaded(found.result(), secrets)


def _say(found: Found[Rules], key: str, en: str, zh: str) -> None:
    found.report(key, "said", text=Words(en, zh))


def _check_receiver(found: Found[Rules], key: str, fields: dict[str, object]) -> None:
    doors = [name for name in ("webhook", "wecom", "mail") if found.written(f"{key}.{name}")]
    if len(doors) != 1:
        _say(found, key, "name one door: webhook, wecom or mail", "请写一个且只写一个：webhook、wecom 或 mail")
    role, kinds = fields.get("role"), fields.get("kinds")
    if role == "unit" and not fields.get("units"):
        _say(found, f"{key}.units", "which units? role unit needs units: [ID]", "role: unit 须写 units: [单位编号]")
    if role in ("county", "city", "province") and not fields.get("regions"):
        en, zh = f"which? role {role} needs regions: [CODE]", f"role: {role} 须写 regions: [区划代码]"
        _say(found, f"{key}.regions", en, zh)
    if role != "operator" and isinstance(kinds, tuple) and (own := [one for one in kinds if one in OPERATORS]):
        en, zh = "is the platform's own trouble: for role operator alone", "属平台自身问题，只发给 operator"
        _say(found, f"{key}.kinds", f"{own[0]} {en}", f"{own[0]} {zh}")
    if fields.get("allow_local"):
        return
    for door in (fields.get("webhook"), fields.get("wecom")):
        if isinstance(door, Webhook | Robot) and not door.url.startswith("https://"):
            place = f"{key}.{'wecom' if isinstance(door, Robot) else 'webhook'}.url"
            _say(found, place, "only https:// (or allow_local: true)", "只可用 https://（或写 allow_local: true）")
    mail = fields.get("mail")
    if isinstance(mail, Mail) and mail.tls == "none":
        _say(found, f"{key}.mail.tls", "without TLS only with allow_local: true", "不加密须写 allow_local: true")


MOST_SECRET = 4096
CREDENTIAL = "messages_"
"""systemd names the files of `LoadCredential=messages:FOLDER` so."""


def _secret(found: Found[Rules], key: str, reference: str, folder: Path, secrets: Secrets) -> None:
    """Adds its text, or what is wrong with it; the text itself is never told."""
    kind, _, name = reference.partition(":")
    if kind == "env" and name not in os.environ:
        found.report(key, "no_variable", name=name)
        return
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")  # systemd guards its own folder
    path = Path(given or "credentials") / f"{CREDENTIAL}{name}" if kind == "credential" else folder / name
    try:
        text = os.environ[name] if kind == "env" else _content(path, private=not (given and kind == "credential"))
    except (OSError, ValueError) as error:
        found.report(key, "file", path=str(path), why=why(error))
    except _TooOpen:
        found.report(key, "too_open", path=str(path))
    else:
        if text and text.isascii() and text.isprintable() and len(text) <= MOST_SECRET:
            secrets[reference] = text
        else:
            found.report(key, "said", text=_UNFIT)


class _TooOpen(Exception):
    """Others can read it."""


def _content(path: Path, *, private: bool) -> str:
    with open_plain(path) as file:
        if private and os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _TooOpen
        return file.read(MOST_SECRET + 1).decode().strip()


_UNFIT = Words("the secret must be one line of ASCII text", "密钥应为一行 ASCII 文本")
