"""Everything that a person reads is there in Chinese and in English."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import cli as agent
from center import cli as center
from contract.handbook import commands
from contract.language import default_lang

ROOT = Path(__file__).resolve().parent.parent
CHINESE, ENGLISH = re.compile("[\u4e00-\u9fff]"), re.compile(r"[a-z]{2,} [a-z]{2,}")
FIELD = {"在线率", "互联网+明厨亮灶"}
"""Words of the trade that stand in English texts as well."""

PARSERS = (agent.command_line, center.command_line)


@pytest.mark.parametrize("made", PARSERS, ids=["agent", "center"])
def test_every_help_text_is_in_both_languages(made) -> None:
    """Of each command and each argument: in Chinese with Chinese words, in English without; none is missing."""
    both = zip(commands(made("zh")), commands(made("en")), strict=True)
    for zh, en in both:
        arguments = zip(zh.arguments, en.arguments, strict=True)
        texts = [(one.help, other.help) for one, other in arguments] + [(zh.parser.description, en.parser.description)]
        for chinese, english in texts:
            assert CHINESE.search(chinese or ""), (zh.words, chinese)
            assert english, (en.words, chinese)
            assert not CHINESE.search(re.sub("|".join(map(re.escape, FIELD)), "", english)), (en.words, english)


# ---- sentences in the code ----------------------------------------------------------------------

COMMAND = re.compile("(ip|sudo|chmod|pip) ")
"""Such a sentence is the same in every language."""
PAIRS = {"Words"}
"""Calls of two texts, English first; with every class of mistakes that is told to people (Told and its children)."""
SPOKEN = {"print", "tell", "out", "err", "say", "line"}
"""What a person reads directly."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for package in ("agent", "center", "contract"):
        for file in sorted((ROOT / package).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text("utf-8"))


def told(every: list[tuple[str, ast.Module]]) -> set[str]:
    """Names of the classes whose mistakes are told, found by their bases."""
    bases = {
        node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for _, tree in every
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and not any(isinstance(one, ast.FunctionDef) and one.name == "__init__" for one in node.body)
    }
    found, before = {"Told"}, set[str]()
    while found != before:
        before = set(found)
        found |= {name for name, its in bases.items() if its & found}
    return found


def text(node: ast.AST) -> str:
    """The literal words of an expression, without what is filled in."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(map(text, values))
        case ast.BinOp(left=left, right=right):
            return text(left) + text(right)
        case ast.Call(func=ast.Attribute(value=value, attr="format")):
            return text(value)
    return ""


def lopsided(tree: ast.Module, pairs: set[str]) -> Iterator[tuple[int, str]]:
    """Line and words of each sentence that stands in one language alone."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        said = [text(one) for one in node.args]
        if not all(said):
            continue  # what is not written here is read where it is
        if name in pairs and len(said) == 2:
            if ENGLISH.search(said[0]) and not CHINESE.search(said[1]) and not COMMAND.match(said[0]):
                yield node.lineno, f"{name}: {said[0]}"
        elif name in SPOKEN and not any(map(CHINESE.search, said)):
            yield from ((node.lineno, f"{name}: {one}") for one in said if ENGLISH.search(one))
    for node in ast.walk(tree):
        match node:
            case ast.Dict(keys=keys, values=values) if {text(key) for key in keys if key} == {"zh", "en"}:
                by = {text(key): text(value) for key, value in zip(keys, values, strict=True) if key}
                if by["en"] and by["zh"] and ENGLISH.search(by["en"]) and not CHINESE.search(by["zh"]):
                    yield node.lineno, by["en"]


def test_no_sentence_stands_in_one_language_alone() -> None:
    """In the code of agent, center and contract: what is raised, printed or kept in a table has its other half."""
    every = list(trees())
    pairs = PAIRS | told(every)
    found = [f"{file}:{line}: {words}" for file, tree in every for line, words in lopsided(tree, pairs)]
    assert not found, "\n".join(found)


def test_what_has_lost_its_other_half_is_found() -> None:
    """So that the test above is one."""
    bad = (
        'Words("not at all", "not at all")',
        'Told(f"no {x} is there", f"no {x} is there")',
        'print("it is done")',
        "tell('no such thing')",
    )
    good = ('Words("not at all", "全无")', 'print(f"{a}: {b}")', 'say("无", "none of them")', "Told(*words)")
    for code in (*bad, *good):
        assert bool(list(lopsided(ast.parse(code), PAIRS | {"Told"}))) is (code in bad), code


def test_signs_are_those_of_one_table() -> None:
    """No check mark or cross but those of MARKS stands in a text of ours."""
    others = re.compile("[\u221a\u2714\u2705\u2611\u2716\u2718\u274c\u2612\u25b2]")
    found = [
        f"{file}:{node.lineno}"
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and others.search(node.value)
    ]
    assert not found, found


# ---- the locale ---------------------------------------------------------------------------------

LOCALES = [
    ({"LANG": "en_US.UTF-8"}, "en"),
    ({"LANG": "zh_CN.UTF-8"}, "zh"),
    ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
    ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, "zh"),
    ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
    ({"LANG": "C.UTF-8"}, "zh"),
    ({}, "zh"),
]


@pytest.mark.parametrize(("locale", "lang"), LOCALES)
def test_the_locale_decides(locale: dict[str, str], lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """LC_ALL before LC_MESSAGES before LANG, as POSIX has it; Chinese where none of them says English."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    assert default_lang() == lang


@pytest.mark.parametrize(
    ("locale", "said"),
    [(LOCALES[0][0], "must be at least"), (LOCALES[1][0], "不得小于"), (LOCALES[2][0], "must be at least")],
)
def test_scripts_run_speaks_the_language_of_the_locale(locale: dict[str, str], said: str) -> None:
    """What prepares its surroundings leaves the language to who calls."""
    known = {name: value for name, value in os.environ.items() if name not in ("LC_ALL", "LC_MESSAGES", "LANG")}
    done = subprocess.run(
        [ROOT / "scripts" / "run", "--seconds", "1"], capture_output=True, text=True, env=known | locale, check=False
    )
    assert done.returncode == 2
    assert said in done.stderr
