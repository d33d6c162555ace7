"""canteen-center: the command line. Exit codes: 0 fine, 1 problem found, 2 misuse."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from center.arguments import Making
from center.commands import (
    FINE,
    alarms,
    assessment,
    broker,
    bulletin,
    ca,
    copies,
    gateway,
    gateways,
    messages,
    offline,
    opinion,
    order,
    quarantine,
    rate,
    rebuild,
    retention,
    serve,
    spot_check,
    standing,
    user,
    web,
)
from center.days import command as days
from center.registry import command as registry
from contract import __version__
from contract.answering import ended
from contract.command_line import language, papers, parser_of, wanted_lang
from contract.language import saying
from contract.problems import Language

COMMANDS = (
    serve,
    offline,
    gateways,
    alarms,
    messages,
    rate,
    assessment,
    bulletin,
    opinion,
    spot_check,
    standing,
    order,
    quarantine,
    registry,
    broker,
    ca,
    gateway,
    days,
    copies,
    rebuild,
    retention,
    web,
    user,
)
"""In the order of the help."""


def main(arguments: Sequence[str] | None = None) -> int:
    lang = wanted_lang(arguments)
    return ended("canteen-center", partial(_typed, arguments, lang), lang, unread=FINE)


def _typed(arguments: Sequence[str] | None, lang: Language) -> int:
    options = command_line(lang).parse_args(arguments)
    return int(options.act(options))


def command_line(lang: str = "zh") -> argparse.ArgumentParser:
    """All commands and their options."""
    say = saying(lang)
    parser = parser_of(
        "canteen-center", lang, "canteen-agent 的中心：接收与在线率", "Center of canteen-agent: intake and 在线率"
    )
    papers(parser, lang, __version__)
    parser.epilog = say(
        "退出码：0 正常；1 发现问题；2 用法错误；130 被 Ctrl-C 中断",
        "exit codes: 0 fine; 1 a problem was found; 2 misuse; 130 ended by Ctrl-C",
    )
    bare = argparse.ArgumentParser(add_help=False)
    language(bare, lang)
    shared = argparse.ArgumentParser(add_help=False, parents=[bare])
    where = say("SQLite 文件，或数据库 URL", "SQLite file, or a database URL")
    shared.add_argument("--database", required=True, metavar="PATH", help=where)
    making = Making(parser.add_subparsers(required=True, metavar="COMMAND"), shared, bare, say)
    for command in COMMANDS:
        command.add(making)
    return parser


if __name__ == "__main__":
    sys.exit(main())
