"""What can be typed, told elsewhere than in the help: a manual page and completion for bash, made of the parser.

What a command does must not be known here.
"""

import argparse
import re
from collections.abc import Iterator
from typing import NamedTuple

from contract.language import saying

HEADS = {
    "name": ("名称", "NAME"),
    "synopsis": ("概要", "SYNOPSIS"),
    "options": ("选项", "OPTIONS"),
    "commands": ("命令", "COMMANDS"),
    "ends": ("退出码", "EXIT STATUS"),
}


_BETWEEN = re.compile("([\u3001-\u9fff\uff00-\uffef])(?=[\u4e00-\u9fff])")
"""Where a line of Chinese may end: roff knows blanks alone."""


class Command(NamedTuple):
    """`words`: as it is typed behind the program; () is the program itself."""

    words: tuple[str, ...]
    parser: argparse.ArgumentParser

    @property
    def acts(self) -> bool:
        """Whether something is done by it; else another word must follow."""
        return self.parser.get_default("act") is not None

    @property
    def arguments(self) -> list[argparse.Action]:
        """Its options and what stands without one, but for further commands."""
        return [one for one in self.parser._actions if not isinstance(one, argparse._SubParsersAction)]

    @property
    def exclusive(self) -> list[list[argparse.Action]]:
        """Of each of these one may be given."""
        return [group._group_actions for group in self.parser._mutually_exclusive_groups]

    @property
    def further(self) -> dict[str, argparse.ArgumentParser]:
        """The commands below it."""
        groups = (one for one in self.parser._actions if isinstance(one, argparse._SubParsersAction))
        return {name: parser for group in groups for name, parser in group.choices.items()}


def commands(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[Command]:
    """All that the parser knows, in the order of the help; the program itself first."""
    command = Command(words, parser)
    yield command
    for name, below in command.further.items():
        yield from commands(below, (*words, name))


# ---- manual page --------------------------------------------------------------------------------


def manual(parser: argparse.ArgumentParser, lang: str, version: str) -> str:
    """Source for man(1)."""
    say = saying(lang)
    program, *others = commands(parser)
    name = parser.prog
    lines = [f'.TH {name.upper()} 1 "" "{name} {version}"', ".nh"]
    lines += [f".SH {say(*HEADS['name'])}", rf"{_roff(name)} \- {_roff(parser.description or '')}"]
    lines += [f".SH {say(*HEADS['synopsis'])}", _usage(parser)]
    lines += [f".SH {say(*HEADS['options'])}", *_arguments(program)]
    lines += [f".SH {say(*HEADS['commands'])}"]
    for command in others:
        lines += [f'.SS "{_roff(" ".join(command.words))}"', _roff(command.parser.description or "")]
        if command.acts:
            lines += [".PP", _usage(command.parser), *_arguments(command)]
    lines += [f".SH {say(*HEADS['ends'])}", _roff(parser.epilog or "")]
    return "\n".join(lines) + "\n"


def _usage(parser: argparse.ArgumentParser) -> str:
    formatter = parser._get_formatter()
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
    return _roff(" ".join(formatter.format_help().split()))


def _arguments(command: Command) -> Iterator[str]:
    formatter = command.parser._get_formatter()
    for one in command.arguments:
        if one.help != argparse.SUPPRESS:
            yield ".TP"
            yield rf"\fB{_roff(formatter._format_action_invocation(one))}\fR"
            yield _roff(formatter._expand_help(one) if one.help else "")


def _roff(text: str) -> str:
    """Text that roff takes for text."""
    plain = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    plain = _BETWEEN.sub(r"\1\:", plain)
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain


# ---- completion ---------------------------------------------------------------------------------


def completion(parser: argparse.ArgumentParser) -> str:
    """A script for bash; zsh takes it after bashcompinit."""
    every = list(commands(parser))
    name = parser.prog
    function = f"_{name.replace('-', '_')}"
    paths = " | ".join(f'"{_path(command)}"' for command in every if command.words)
    return f"""# {name}: completion for bash. In zsh first: autoload -U +X bashcompinit && bashcompinit
{function}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} path= words= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${{COMP_WORDS[i]}}" in
        {paths}) path="$path ${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$path $before" in
{_lines(_values(every))}
    *)
        case $path in
{_lines(_words(every), "    ")}
        esac
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}}
complete -o bashdefault -o default -F {function} {name}
"""


def _path(command: Command) -> str:
    return "".join(f" {word}" for word in command.words)


def _lines(cases: Iterator[tuple[str, str]], indent: str = "") -> str:
    return "\n".join(f"    {indent}{pattern}) words={words!r} ;;" for pattern, words in cases)


def _values(every: list[Command]) -> Iterator[tuple[str, str]]:
    """Behind an option that takes a value: its choices; none is whatever the shell offers, files for one."""
    for command in every:
        free = []
        for one in command.arguments:
            patterns = [f'"{_path(command)} {option}"' for option in one.option_strings if one.nargs != 0]
            if patterns and one.choices:
                yield " | ".join(patterns), " ".join(map(str, one.choices))
            else:
                free += patterns
        if free:
            yield " | ".join(free), ""


def _words(every: list[Command]) -> Iterator[tuple[str, str]]:
    """Further commands and options of each command."""
    for command in every:
        options = [option for one in command.arguments for option in one.option_strings]
        yield f'"{_path(command)}"', " ".join([*command.further, *options])
