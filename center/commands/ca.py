"""canteen-center ca: the authority that signs gateways' certificates, and the broker's certificate."""

import argparse
import ipaddress
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from center.arguments import Making, Misuse, now_ms
from center.commands import FINE
from center.forms import out
from center.placing import beside, fresh, make_folder, placed

DEFAULT_NAME = "canteen-center"
BROKER_DAYS = 3650
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*(?![0-9]+$){_LABEL}")


def add(making: Making) -> None:
    say = making.say
    making = making.within("ca", "网关证书的签发机构", "the authority that signs gateways' certificates")
    zh, en = "建立签发机构：证书和私钥", "make the authority: its certificate and its key"
    init = making.command("init", _init, zh, en, database=False)
    zh = "消息服务器的主机名或地址，可重复；机构只能为这些名称签发服务器证书"
    en = "name or address of the broker, may be repeated; of other servers the authority can sign nothing"
    init.add_argument("--host", action="append", default=[], metavar="HOST", help=say(zh, en))
    zh, en = "机构名称", "what the authority is called"
    init.add_argument("--name", default=DEFAULT_NAME, metavar="TEXT", help=say(zh, en))
    init.add_argument("--out", type=Path, required=True, metavar="DIR", help=say("新文件夹", "a new folder"))
    zh, en = "签发消息服务器的证书", "sign the broker's certificate"
    broker = making.command("broker", _broker, zh, en, database=False)
    zh, en = "主机名或地址，可重复", "its name or address, may be repeated"
    broker.add_argument("--host", action="append", required=True, metavar="HOST", help=say(zh, en))
    authority(broker, making)
    zh, en = "证书和私钥写到哪里", "where certificate and key are written"
    broker.add_argument("--out", type=Path, required=True, metavar="DIR", help=say(zh, en))


def authority(parser: argparse.ArgumentParser, making: Making) -> None:
    """The option by which every command names the authority's folder."""
    folder = making.say("ca init 建立的文件夹", "the folder that ca init made")
    parser.add_argument("--authority", type=Path, required=True, metavar="DIR", help=folder)


def _init(options: argparse.Namespace) -> int:
    from center.enrolment import authority as authorities  # `cryptography` takes its time

    hosts = _hosts(options.host)
    if not options.name.isprintable() or not 0 < len(options.name) <= 64:
        raise Misuse("--name: 1 to 64 visible characters", "--name：应为 1 至 64 个可见字符")
    certificate, key = authorities.make(options.name, hosts, now_ms())
    _written(options.out, {authorities.CERTIFICATE: certificate, authorities.KEY: key})
    key_file = authorities.KEY
    zh = f"{options.out}：已建立。{key_file} 只有本人可读：请离线备份，切勿外传"
    en = f"{options.out}: made. {key_file} is readable by its owner alone: keep a copy off line, give it to nobody"
    out(zh if options.lang == "zh" else en)
    return FINE


def _broker(options: argparse.Namespace) -> int:
    from center.enrolment import authority as authorities

    authority, hosts = authorities.load(options.authority), _hosts(options.host)
    for host in hosts:
        spoken_for(authority.speaks_for(host), "--host", host)
    made = authority.broker(hosts, now_ms(), BROKER_DAYS)
    _written(options.out, {"broker.pem": made.certificate, "broker.key": made.key})
    out(f"{options.out}: broker.pem, broker.key")
    return FINE


def spoken_for(fits: bool, option: str, host: str) -> None:
    """Raises Misuse for a server of which the authority can sign nothing: every gateway would refuse it."""
    if not fits:
        raise Misuse(
            f"{option} {host}: the authority was not made for it: gateways would refuse this broker; ca init --host",
            f"{option} {host}：建立签发机构时未写此名称（ca init --host），网关会拒绝该消息服务器",
        )


def _hosts(texts: Sequence[str]) -> list[str]:
    for text in texts:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            if not _NAME.fullmatch(text):
                said = f"--host {text!r}"
                raise Misuse(f"{said} is no host name or address", f"{said} 不是主机名或地址") from None
    return list(texts)


def _written(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Over nothing that is there. Keys are their owner's alone."""
    make_folder(folder, "--out")
    for name in contents:
        fresh(folder / name)
    for name, content in contents.items():
        with placed(folder, "--out"), beside(folder / name, private=True) as part:
            part.write_bytes(content)
            part.chmod(0o600 if name.endswith(".key") else 0o644)
