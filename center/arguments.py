"""What the center's command lines share: broker, policy, locality, a moment.

What a command does must not be known here.
"""

import argparse
import errno
import ipaddress
import os
import re
import time
from contextlib import suppress
from datetime import UTC, timezone
from pathlib import Path
from typing import Any, NamedTuple

from center.line import Options
from center.rate import Rules, local, moment_ms
from center.registry.problems import Wrong
from center.registry.tree import Tree
from center.registry.words import sentence
from center.store import Reader
from contract.language import Say
from contract.policy import Policy, load_policy
from contract.problems import Told, unreadable
from contract.shipped import Unshipped

POLICY = "henan-2021-45"


class Misuse(Told):
    """What the caller asked for cannot be done as asked."""


class Making(NamedTuple):
    """What a command is added with. `shared`: options of every command with a database; `bare`: of one without."""

    commands: Any
    shared: argparse.ArgumentParser
    bare: argparse.ArgumentParser
    say: Say

    def command(self, name: str, act: Any, zh: str, en: str, *, database: bool = True) -> argparse.ArgumentParser:
        summary = self.say(zh, en)
        parents = [self.shared] if database else [self.bare]
        made: argparse.ArgumentParser = self.commands.add_parser(
            name, parents=parents, help=summary, description=summary
        )
        made.set_defaults(act=act)
        return made

    def within(self, name: str, zh: str, en: str) -> "Making":
        """For the acts of a command that has several."""
        summary = self.say(zh, en)
        group = self.commands.add_parser(name, help=summary, description=summary)
        return self._replace(commands=group.add_subparsers(required=True, metavar="ACT"))

    def person(self, parser: argparse.ArgumentParser) -> None:
        who = self.say("由谁负责；默认为当前登录者", "who answers for it; default: who is logged in")
        parser.add_argument("--by", default="", metavar="PERSON", help=who)

    def forms(self, parser: argparse.ArgumentParser) -> None:
        """How the answer is printed; a table for people without either."""
        forms = parser.add_mutually_exclusive_group()
        forms.add_argument("--json", action="store_true", help=self.say("以 JSON 输出", "as JSON"))
        zh = "以 CSV 输出（带 BOM，可直接用 Excel 打开）"
        forms.add_argument("--csv", action="store_true", help=self.say(zh, "as CSV with a BOM, as Excel opens it"))

    def policy(self, parser: argparse.ArgumentParser) -> None:
        zh, en = "随程序提供的办法名，或文件", "shipped policy or a file"
        parser.add_argument("--policy", default=POLICY, metavar="NAME|FILE", help=self.say(zh, en))

    def broker(self, parser: argparse.ArgumentParser) -> None:
        say = self.say
        zh, en = (
            "消息服务器地址和端口；集群各节点以逗号分隔",
            "address and port of the broker; a cluster's nodes with commas",
        )
        parser.add_argument("--broker", default="127.0.0.1:1883", metavar="HOST:PORT", help=say(zh, en))
        own = say("每个进程使用各自的用户名，同时作为客户端标识", "one for every process: it is the client id as well")
        parser.add_argument("--username", default="", metavar="NAME", help=own)
        secret = say("口令所在文件", "the password stands in it")
        parser.add_argument("--password-file", type=Path, metavar="FILE", help=secret)
        authority = say("签发机构的证书；填写后启用 TLS", "certificate authority: switches TLS on")
        parser.add_argument("--ca", type=Path, metavar="FILE", help=authority)
        mine = say("本方证书，与 --key 同用", "own certificate, with --key")
        parser.add_argument("--cert", type=Path, metavar="FILE", help=mine)
        parser.add_argument("--key", type=Path, metavar="FILE", help=say("本方私钥", "its private key"))


# ---- values -------------------------------------------------------------------------------------


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def loaded(load: Any, name: str) -> Any:
    """A file of the configuration. Raises ConfigError with all that is wrong with it, Misuse."""
    try:
        return load(name)
    except Unshipped as error:
        raise Misuse(*error.words) from error
    except OSError as error:
        raise unreadable(name, error) from error


def policy_of(name: str) -> Policy:
    """Raises ConfigError, Misuse."""
    policy: Policy = loaded(load_policy, name)
    return policy


def rules_of(policy: Policy) -> Rules:
    kinds = frozenset(kind.id for kind in policy.kinds if kind.counts)
    rate = policy.rate
    dark = (rate.dark.value, round(rate.dark_after.value * 1000), round(rate.testimony_within.value * 1000))
    return Rules(*dark, kinds, rate.windows.value == "calendar")


def rules(name: str) -> Rules:
    """Of the policy of this name, or in this file. Raises ConfigError, Misuse."""
    return rules_of(policy_of(name))


def still_there(reader: Reader, month: str, begin_ms: int) -> None:
    """Raises Misuse for a month whose facts were given up."""
    if begin_ms < (kept_ms := reader.kept_from()):
        kept = f"{local(kept_ms):%Y-%m}"
        raise Misuse(
            f"the facts of {month} were given up (kept from {kept} on): days show has its final figures",
            f"{month} 的原始记录已删除（现保留 {kept} 起的）：定稿数字见 days show",
        )


def broker_options(options: argparse.Namespace, client_id: str) -> Options:
    (host, port), *others = (host_and_port("--broker", node) for node in options.broker.split(","))
    for file in (options.password_file, options.ca, options.cert, options.key):
        if file and not file.is_file():
            code = errno.EISDIR if file.exists() else errno.ENOENT
            raise unreadable(str(file), OSError(code, os.strerror(code)))
    for one, other in (("password_file", "username"), ("cert", "key"), ("key", "cert"), ("cert", "ca")):
        if getattr(options, one) and not getattr(options, other):
            names = f"--{one}".replace("_", "-"), f"--{other}"
            raise Misuse("{} goes with {}: give both".format(*names), "{} 须与 {} 同用".format(*names))
    tls = {"ca": options.ca, "certificate": options.cert, "key": options.key}
    return Options(host, port, client_id, options.username, options.password_file, **tls, others=tuple(others))


def host_and_port(option: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536 or not _can_be_asked(host):
        raise Misuse(
            f"{option} {text!r} is not HOST:PORT, such as 127.0.0.1:1883",
            f"{option} {text!r} 不是“主机:端口”，例如 127.0.0.1:1883",
        )
    return host, int(port)


_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*(?![0-9]+$){_LABEL}\.?")


def _can_be_asked(host: str) -> bool:
    """Whether it is an address or a name; one that ends in a number would be an address to a resolver."""
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        with suppress(UnicodeError):  # an empty label, or one of more than 63 characters
            return bool(_NAME.fullmatch(host.encode("idna").decode("ascii")))
    return False


def no_month(text: object) -> Misuse:
    return Misuse(f"--month {text} is not YYYY-MM, such as 2026-11", f"--month {text} 不是“年-月”，例如 2026-11")


def moment(text: str, option: str = "--at", zone: timezone = UTC) -> int:
    """UTC ms of an option; `zone`: of a time that names none."""
    try:
        return moment_ms(text, zone)
    except ValueError as error:
        raise Misuse(
            f"{option} {text!r} is no time of 1970 to 2099 in ISO 8601, such as 2026-09-30T16:00:00Z",
            f"{option} {text!r} 不是 1970 至 2099 年的 ISO 8601 时间，例如 2026-09-30T16:00:00Z",
        ) from error


def known_gateway(reader: Reader, gateway: str) -> None:
    """Raises Misuse for one that is neither registered nor was ever heard; "" is none."""
    if not gateway or gateway in reader.addresses() or gateway in reader.heard_of() or reader.aside(gateway):
        return
    raise Misuse(
        f"--gateway {gateway}: not in the registry, and never heard: canteen-center gateways lists them",
        f"--gateway {gateway}：未登记，也从未上报；已有的见 canteen-center gateways",
    )


def locality(tree: Tree, option: str, text: str, now_ms: int) -> str:
    """The code of the locality that an option names by code or name."""
    try:
        return tree.find(text, f"{local(now_ms):%Y-%m-%d}")
    except Wrong as wrong:
        raise Misuse(*(sentence(wrong.name, lang, option, *wrong.words) for lang in ("en", "zh"))) from wrong
