"""canteen-center gateway: who is enrolled, bundles for boxes, revocation, renewal.

What they do stands in center/enrolment/command.py, and is loaded only then: `cryptography` takes its time.
"""

import argparse
from pathlib import Path

from center.arguments import Making
from center.commands.ca import authority

DAYS = 365
RECOVERY_PORT = 8884


def add(making: Making) -> None:
    say = making.say
    making = making.within(
        "gateway", "网关的证书：发放、吊销、续期", "certificates of gateways: given, revoked, renewed"
    )
    zh, en = "为网关发放证书，每台一个 .canteen 文件", "give gateways certificates: one .canteen file for each box"
    give = making.command("enroll", _enroll, zh, en)
    give.add_argument("gateways", nargs="*", metavar="GATEWAY", help=say("登记表中的编号", "its id in the registry"))
    zh, en = "登记表中所有尚未发放的网关", "every registered gateway that has none yet"
    give.add_argument("--from-registry", action="store_true", help=say(zh, en))
    zh, en = "只为该市、县的网关（代码或名称）", "only those of this city or county (code or name)"
    give.add_argument("--county", default="", metavar="CODE|NAME", help=say(zh, en))
    zh, en = "网关连接的地址和端口（TLS）", "where gateways find the broker (TLS)"
    give.add_argument("--broker", required=True, metavar="HOST:PORT", help=say(zh, en))
    zh, en = "恢复端口；0 为不设", "the broker's port for those whose certificate ran out; 0: none"
    give.add_argument("--recovery-port", type=int, default=RECOVERY_PORT, metavar="PORT", help=say(zh, en))
    zh, en = "消息服务器证书的签发机构；默认为本机构", "who signed the broker's certificate; default: this authority"
    give.add_argument("--broker-ca", type=Path, metavar="FILE", help=say(zh, en))
    give.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help=say("写到哪里", "where bundles are written")
    )
    zh, en = "重新发放，并吊销以前的证书", "give another, and revoke the ones before"
    give.add_argument("--again", action="store_true", help=say(zh, en))
    _days(give, making)
    take = making.command("revoke", _revoke, "吊销网关的证书", "revoke the certificates of gateways")
    take.add_argument("gateways", nargs="+", metavar="GATEWAY", help=say("网关编号", "its id"))
    take.add_argument("--reason", required=True, metavar="TEXT", help=say("原因", "why"))
    for act in (give, take):
        making.person(act)
        authority(act, making)
        zh = "消息服务器的文件写到哪里；默认为签发机构下的 broker"
        en = "where the broker's files are written; default: the folder broker of the authority's"
        act.add_argument("--broker-files", type=Path, metavar="DIR", help=say(zh, en))
        zh, en = "通知该进程重新读取（mosquitto 的 pid_file）", "tell this mosquitto to read them (its pid_file)"
        act.add_argument("--pid-file", type=Path, metavar="FILE", help=say(zh, en))
    zh, en = "各网关的证书：到期、吊销、待续期", "every gateway's certificate: until when, revoked, renewal due"
    making.forms(making.command("list", _list, zh, en))
    zh, en = (
        "签发网关自行申请的续期证书（常驻进程）",
        "answer gateways that ask for their next certificate; runs until stopped",
    )
    serve = making.command("answer", _answer, zh, en)
    making.broker(serve)
    authority(serve, making)
    _days(serve, making)


def _days(parser: argparse.ArgumentParser, making: Making) -> None:
    days = making.say(f"证书有效天数；默认 {DAYS}", f"how long a certificate lasts; default: {DAYS}")
    parser.add_argument("--days", type=int, default=DAYS, metavar="N", help=days)


def _enroll(options: argparse.Namespace) -> int:
    from center.enrolment import command

    return command.enrolled(options)


def _revoke(options: argparse.Namespace) -> int:
    from center.enrolment import command

    return command.revoked(options)


def _list(options: argparse.Namespace) -> int:
    from center.enrolment import command

    return command.shown(options)


def _answer(options: argparse.Namespace) -> int:
    from center.enrolment import command

    return command.answering(options)
