"""Command lines in the language of who types them: help and argparse's own words, in Chinese or English."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, NoReturn

from contract import handbook
from contract.answering import for_programs
from contract.language import LANGUAGES, default_lang, saying
from contract.problems import Told
from contract.text import lines, visible

MOST = 500
"""Characters of a text that is typed."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Commands to a terminal; and halves of characters, which stand for bytes that are no UTF-8."""
_EMPTY = "must not be empty"
ERRORS = [
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        (r"the following arguments are required: (.*)", "缺少 {0}"),
        (r"one of the arguments (.*) is required", "须填写其中之一：{0}"),
        (r"unrecognized arguments: (.*)", "不认识的参数：{0}"),
        (r"ambiguous option: (.*) could match (.*)", "{0} 不明确，可能是 {1}"),
        (r"argument (.*?): invalid choice: (.*) \(choose from (.*)\)", "{0}：没有 {1}，可选：{2}"),
        (r"argument (.*?): invalid (?:int|float) value: (.*)", "{0}：{1} 不是数字"),
        (rf"argument (.*?): {_EMPTY}", "{0}：不能为空"),
        (r"argument (.*?): expected one argument", "{0}：缺少一个值"),
        (r"argument (.*?): expected at least one argument", "{0}：至少填写一个值"),
        (r"argument (.*?): not allowed with argument (.*)", "{0}：不能与 {1} 同用"),
        (r"argument (.*?): ignored explicit argument (.*)", "{0}：不带值，却填写了 {1}"),
    )
]
"""What argparse says of Python 3.11 to 3.13; anything else stays as it is."""


def wanted_lang(arguments: Sequence[str] | None) -> Literal["zh", "en"]:
    """What `--lang` says, else the locale: help is printed before arguments are understood."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    early.add_argument("--lang")
    found = argparse.Namespace(lang="")  # keeps what was understood before a mistake
    with suppress(argparse.ArgumentError, SystemExit):
        early.parse_known_args(arguments, found)
    return "zh" if found.lang == "zh" else "en" if found.lang == "en" else default_lang()


def parser_of(program: str, lang: str, zh: str, en: str) -> argparse.ArgumentParser:
    """The parser of a program, in the wanted language."""
    kind = Chinese if lang == "zh" else Parser
    made = kind(prog=program, description=saying(lang)(zh, en))
    language(made, lang, lang)
    return made


def language(parser: argparse.ArgumentParser, lang: str, default: Any = argparse.SUPPRESS) -> None:
    zh, en = "显示语言；默认按系统语言环境（LANG）", "language of what is shown; default: by the locale (LANG)"
    parser.add_argument("--lang", choices=LANGUAGES, default=default, help=saying(lang)(zh, en))


def papers(parser: argparse.ArgumentParser, lang: str, version: str) -> None:
    """Options that print what else is made of the parser: its version, a manual page, completion for the shell."""
    say = saying(lang)
    for option, text, zh, en in (
        ("--version", lambda: f"{parser.prog} {version}\n", "显示版本并退出", "show the version and exit"),
        ("--manual", lambda: handbook.manual(parser, lang, version), "输出手册页（man）", "print a page for man"),
        ("--completion", lambda: handbook.completion(parser), "输出 bash 的命令补全", "print completion for bash"),
    ):
        parser.add_argument(option, action=_Printed, text=text, help=say(zh, en))


class _Printed(argparse.Action):
    """Prints a text and ends."""

    def __init__(self, option_strings: Sequence[str], dest: str, text: Callable[[], str], help: str) -> None:  # noqa: A002
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)
        self._text = text

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        for_programs(self._text())
        parser.exit()


class Parser(argparse.ArgumentParser):
    """Shows what was typed as it is, and not as commands to the terminal."""

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """An option that was typed and says nothing is a mistake: an empty variable of a script, for one.

        So is a text that is no line of text: it would be kept, and shown to others.
        """
        if action.option_strings and not all(text.strip() for text in arg_strings):
            raise argparse.ArgumentError(action, _EMPTY)
        unfit = next(filter(_unfit, arg_strings), "") if action.type is None and action.nargs != argparse.PARSER else ""
        if unfit:
            name = action.option_strings[-1] if action.option_strings else action.metavar or action.dest
            shown = visible(unfit[:MOST])
            raise Told(
                f"{name}: must be one line of at most {MOST} characters, in UTF-8, without control characters: {shown}",
                f"{name}：应为一行 UTF-8 文本，最多 {MOST} 个字符，不含控制字符：{shown}",
            )
        return super()._get_values(action, arg_strings)


def _unfit(text: str) -> bool:
    return len(text) > MOST or bool(_CONTROL.search(text))


class Chinese(Parser):
    """Says argparse's own words in Chinese."""

    def __init__(self, *, add_help: bool = True, **more: Any) -> None:
        super().__init__(add_help=False, formatter_class=_ChineseHelp, **more)
        if add_help:
            self.add_argument("-h", "--help", action="help", default=argparse.SUPPRESS, help="显示本说明并退出")

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}：{visible(in_chinese(message))}\n")


def in_chinese(message: str) -> str:
    """One of argparse's own errors."""
    for pattern, chinese in ERRORS:
        if found := pattern.fullmatch(message):
            return chinese.format(*found.groups())
    return message


class _ChineseHelp(argparse.HelpFormatter):
    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "用法：" if prefix is None else prefix)

    def start_section(self, heading: str | None) -> None:
        super().start_section({"options": "选项", "positional arguments": "参数"}.get(heading or "", heading))

    def _split_lines(self, text: str, width: int) -> list[str]:
        return list(lines(text, width))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in lines(text, width - len(indent)))
