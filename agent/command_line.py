"""What can be typed behind `canteen-agent`: commands, options, help in Chinese or English. Acts are the caller's."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent import __version__
from contract.command_line import language, papers, parser_of
from contract.language import Say, saying

COMMANDS = ("run", "setup", "check-config", "credential", "discover", "doctor", "inspect", "status")
DEFAULT_CONFIG = Path("/etc/canteen-agent/agent.yaml")
Act = Callable[[argparse.Namespace], int]


def parser(lang: str, acts: Mapping[str, Act]) -> argparse.ArgumentParser:
    """`acts`: what each of COMMANDS does; it stands in `act` of what was parsed."""
    say = saying(lang)
    made = parser_of("canteen-agent", lang, "互联网+明厨亮灶边缘代理", "互联网+明厨亮灶 edge agent")
    shared = argparse.ArgumentParser(add_help=False)  # the same option behind the command, without a default of its own
    language(shared, lang)
    papers(made, lang, __version__)
    made.epilog = say(
        "退出码：0 正常；1 发现问题；2 用法错误、配置不可用，或有未能检查的；130 被 Ctrl-C 中断；"
        "run 遇到不可用的配置：78",
        "exit codes: 0 fine; 1 a problem was found; 2 misuse, an unusable configuration, or not all could be checked;"
        " 130 ended by Ctrl-C; of run with an unusable configuration: 78",
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(word: str, zh: str, en: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = commands.add_parser(
            word, help=say(zh, en), description=say(zh, en), parents=[shared]
        )
        added.set_defaults(act=acts[word])
        return added

    _config(command("run", "值守：监视摄像机并上报中心", "watch the cameras and tell the center"), say)
    _setup(command("setup", "逐步设置本网关：登记、摄像机、启动", "set this box up: enrolment, cameras, service"), say)
    check = command("check-config", "列出配置文件的全部错误", "list every mistake of a configuration")
    check.add_argument("config", type=Path, nargs="?", default=DEFAULT_CONFIG, metavar="FILE", help=_of(say))
    keep = command(
        "credential", "保存 credential:名称 的密码；会提示输入", "keep a password for credential:NAME; asks for it"
    )
    keep.add_argument("name", metavar="NAME", help=say("名称", "the name"))
    _config(keep, say)
    _discover(command("discover", "发现网络中的 ONVIF 摄像机", "list the ONVIF cameras on the network"), say)
    _doctor(command("doctor", "检查本机的一切：有问题的在前", "check everything on this box, what fails first"), say)
    _inspect(command("inspect", "检测摄像机的能力并判定", "ask cameras what they can do and judge it"), say)
    status = command("status", "查看运行中的代理所知道的情况", "show what the running agent knows")
    _config(status, say)
    _json(status, say)
    return made


def _of(say: Say) -> str:
    return say(f"配置文件；默认 {DEFAULT_CONFIG}", f"the configuration; default: {DEFAULT_CONFIG}")


def _config(command: argparse.ArgumentParser, say: Say) -> None:
    command.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=_of(say))


def _json(command: argparse.ArgumentParser, say: Say) -> None:
    command.add_argument("--json", action="store_true", help=say("以 JSON 输出", "as JSON"))


def _setup(setup: argparse.ArgumentParser, say: Say) -> None:
    words = say(
        "中心发放的文件（.canteen）；或 replace 点位编号：该点位换了摄像机",
        "the file that the center made (.canteen); or replace SLOT: another camera stands there",
    )
    setup.add_argument("words", nargs="*", metavar="BUNDLE | replace SLOT", help=words)
    answers = say("不提问，按此文件设置", "ask nothing: everything stands in this file")
    setup.add_argument("--answers", type=Path, metavar="FILE", help=answers)
    resume = say("继续上次中断的设置", "go on with a setup that was broken off")
    setup.add_argument("--resume", action="store_true", help=resume)
    again = say("允许改登记为另一个网关", "the box may become another gateway")
    setup.add_argument("--again", action="store_true", help=again)
    _where(setup, say)
    _config(setup, say)


def _where(command: argparse.ArgumentParser, say: Say) -> None:
    """Where cameras are looked for."""
    where = say("网卡名或地址；默认为所有合适的", "interface or address; default: every suitable one")
    command.add_argument("--interface", action="append", default=[], metavar="NAME", help=where)
    each = say("并逐个询问该网段的地址", "also ask each address of it")
    command.add_argument("--subnet", action="append", default=[], metavar="CIDR", help=each)
    loopback = say("也探测回环网卡（模拟器）", "probe the loopback interface too (simulator)")
    command.add_argument("--loopback", action="store_true", help=loopback)


def _discover(find: argparse.ArgumentParser, say: Say) -> None:
    _where(find, say)
    seconds = say("收听秒数，1 至 60", "seconds to listen, 1 to 60")
    find.add_argument("--timeout", type=float, default=4.5, metavar="S", help=seconds)
    _json(find, say)


def _doctor(doctor: argparse.ArgumentParser, say: Say) -> None:
    _config(doctor, say)
    kept = say("另存给技术支持的 tar.gz，不含密码和密钥", "also a tar.gz for support, without passwords and keys")
    doctor.add_argument("--bundle", type=Path, metavar="FILE", help=kept)
    _json(doctor, say)


def _inspect(inspect: argparse.ArgumentParser, say: Say) -> None:
    def option(name: str, zh: str, en: str, **more: Any) -> None:
        inspect.add_argument(name, help=say(zh, en), **more)

    option(
        "--address",
        "只检测一台；不填则检测配置中的全部",
        "one camera; without it, all of the configuration",
        metavar="HOST[:PORT]",
    )
    option("--username", "用户名", "its user", metavar="NAME")
    option("--password-file", "密码所在文件", "the password stands in it", type=Path, metavar="FILE")
    option("--rtsp-port", "RTSP 端口；默认 554", "its port; default: 554", type=int, default=554, metavar="PORT")
    option("--tls", "ONVIF 是否用 TLS", "how ONVIF is spoken", choices=("off", "verify", "pin"), default="off")
    option(
        "--tls-pin",
        "证书的 SHA-256；不填则显示",
        "SHA-256 of the certificate; without: it is shown",
        default="",
        metavar="HEX",
    )
    path = "/onvif/device_service"
    option("--path", f"ONVIF 服务的路径；默认 {path}", f"of the ONVIF device service; default: {path}", default=path)
    _config(inspect, say)
    option(
        "--policy",
        "随程序提供的政策名，或文件；默认按配置，否则 henan-2021-45",
        "a shipped policy or a file; default: the configuration's, else henan-2021-45",
        metavar="NAME|FILE",
    )
    option(
        "--timeout",
        "全部摄像机合计的秒数",
        "seconds for all cameras together",
        type=float,
        default=60.0,
        metavar="S",
    )
    option("--report", "另存可打印的检测报告", "also write a page to print there", type=Path, metavar="DIR")
    option(
        "--with-pictures",
        "报告中附各摄像机的小幅画面",
        "put a small picture of each camera into the report",
        action="store_true",
    )
    option(
        "--move",
        "转动、变焦、聚焦每台摄像机，再复位",
        "turn, zoom and focus each camera, and put it back",
        action="store_true",
    )
    option("--sound", "播放一秒测试音并收听", "play one second of a test tone and listen", action="store_true")
    option(
        "--login-now",
        "无视登录暂停，立即试一次（可能锁定账号）",
        "try a refused login although it is paused; it may lock the account",
        action="store_true",
    )
    _json(inspect, say)
