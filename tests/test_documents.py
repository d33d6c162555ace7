"""What the documents have a person type and click: commands that the parsers take, links that lead somewhere."""

import argparse
import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from agent import cli as agent
from agent.settings import reference
from center import cli as center
from simulator import cli as simulator

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs" / "benchmarks").glob("*.md"),
        *ROOT.glob("README*.md"),
        ROOT / "CONTRIBUTING.md",
    ]
)
ROLES = ("installing", "school", "county", "province", "operator", "developer")
PARSERS = {
    "canteen-agent": agent.command_line("en"),
    "canteen-center": center.command_line("en"),
    "canteen-sim": simulator.command_line(),
}
OURS = re.compile(r"^(?:sudo )?(?:\S*/)?(canteen-(?:agent|center|sim)) ([^\s|&<>].*)$")
SCRIPT = re.compile(r"(?<![\w/])\./(scripts/[\w-]+)")
UNFINISHED = ("the following arguments are required", "one of the arguments")


def snippets(text: str) -> Iterator[tuple[str, bool]]:
    """Code in a page; True: a line of a block, to be typed; False: words within a sentence."""
    block, fence, before = "", False, ""
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fence = not fence
        elif fence or (line.startswith("    ") and (block or not before.strip())):
            block += line
            if line.endswith("\\"):
                block = block[:-1]
                continue
            yield block.strip(), True
            block = " " if not fence else ""
        else:
            block = ""
            yield from ((span, False) for span in re.findall(r"`([^`]+)`", line))
        before = line
        if not line.strip():
            block = ""


def typed(code: str) -> Iterator[str]:
    """The commands of ours on a line of code, without comment, redirection and what stands behind a pipe."""
    for part in re.split(r" && | \|\| ", re.sub(r"\s#\s.*$|（.*$", "", code)):
        if found := OURS.search(part):
            yield f"{found[1]} {re.split(r' [|<>] ?', found[2])[0]}"


def ways(command: str) -> list[str]:
    """With all that stands in [brackets], and without; of words that may be chosen from the first."""
    chosen = re.sub(r"(?<=\w)\|[\w|-]+", "", command.replace("…", "").replace("...", ""))
    return [chosen.replace("[", "").replace("]", ""), re.sub(r"\[[^\]]*\]", "", chosen)]


def refused(command: str) -> str:
    """What the parser says against it; "" = nothing."""
    program, *words = shlex.split(command)
    said, nowhere = io.StringIO(), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(nowhere):
        try:
            PARSERS[program].parse_args(words)
        except SystemExit as left:
            return said.getvalue().strip().splitlines()[-1] if left.code else ""
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_can_be_typed(page: Path) -> None:
    """In a block as it stands; in a sentence it may be the begin of one. Of scripts, there is one of that name."""
    wrong = []
    for code, whole in snippets(page.read_text("utf-8")):
        for command in typed(code):
            for way in ways(command):
                told = refused(way)
                unfinished = any(words in told for words in UNFINISHED) and (not whole or "|" in code)
                if told and not unfinished:
                    wrong.append(f"{way}: {told}")
        wrong += [f"{name}: no such script" for name in SCRIPT.findall(code) if not (ROOT / name).is_file()]
    assert not wrong, "\n".join(wrong)


def test_what_cannot_be_typed_is_found() -> None:
    """So that the test above is one."""
    text = "`canteen-agent nosuch`\n\n    canteen-center rate --database x --no 1   # no\n    canteen-center offline\n"
    commands = [(command, whole) for code, whole in snippets(text) for command in typed(code)]
    assert [whole for _, whole in commands] == [False, True, True]
    assert all(refused(command) for command, _ in commands)
    assert len(list(typed("sudo /opt/x/bin/canteen-agent status && canteen-center gateways --database c > a"))) == 2


def anchors(text: str) -> set[str]:
    """Of the headings, as the places where pages are read make them."""
    heads = re.findall(r"^#+ +(.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading in it."""
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / unquote(file)).resolve() if file else page
        if not target.exists() or (anchor and unquote(anchor) not in anchors(target.read_text("utf-8"))):
            wrong.append(link)
    assert not wrong, wrong


def test_each_role_has_one_page_in_chinese() -> None:
    """Of two sides at most; the first page names them all."""
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    for role in ROLES:
        page = ROOT / "docs" / f"{role}.zh-CN.md"
        assert f"({page.name})" in index
        assert len(page.read_text("utf-8").splitlines()) < 110


def test_the_configuration_reference_is_current() -> None:
    """Every key with its bounds, its default and its meaning in both languages, as the definitions have it."""
    assert reference.FILE.read_text("utf-8") == reference.document()


def test_help_of_every_program_names_its_exit_codes() -> None:
    """They are the same in the help and in the manual page."""
    for parser in (PARSERS["canteen-agent"], PARSERS["canteen-center"]):
        assert isinstance(parser, argparse.ArgumentParser)
        assert "exit codes: 0 fine" in " ".join(parser.format_help().split())
