"""The strict reader: what a document may say, and what is said of one that may not."""

import enum
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from contract import strict_yaml
from contract.problems import MAX_PROBLEMS
from contract.strict_yaml import ConfigError, Duration, Words, form, leaf
from tests.support.waiting import PATIENCE_S


class Side(enum.Enum):
    LEFT = "left"
    RIGHT = "right"


class Inner(Struct, frozen=True, kw_only=True):
    port: Annotated[int, Meta(ge=1, le=65535)] = 80
    wait: Annotated[Duration, Meta(ge=1, le=90)] = 3.0
    mode: Literal["off", "on"] = "off"
    count: Literal[1, 2] = 1


class Outer(Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(pattern="^[a-z]+$", min_length=2, max_length=5)] = "abc"
    word: str = ""
    number: float = 0.0
    share: Annotated[float, Meta(gt=0, lt=1, multiple_of=0.25)] = 0.5
    flag: bool = False
    side: Side = Side.LEFT
    maybe: int | None = 0
    either: int | str | bool = 0
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    named: dict[Annotated[str, Meta(pattern="^[a-z]+$"), form(Words("letters", "字母"))], Inner] = {}
    words: Annotated[list[str], Meta(max_length=2)] = []
    renamed: str = field(name="from", default="")
    upper: Annotated[str, leaf(str.upper, Words("a word", "单词"))] = ""


def load(text: str | bytes, **limits: Any) -> Outer:
    return strict_yaml.load(text, Outer, source="x.yaml", **limits)


def told(text: str | bytes, **limits: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, **limits)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(problem) for problem in caught.value.problems]


# ---- what may be said ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("number: 0123", Outer(number=123)),
        ("number: 0o17", Outer(number=15)),
        ("number: 0xFF", Outer(number=255)),
        ("number: -1.5e3", Outer(number=-1500)),
        ("number: .5", Outer(number=0.5)),
        ("word: 0123", Outer(word="0123")),
        ("word: no", Outer(word="no")),
        ("word: 12:34:56", Outer(word="12:34:56")),
        ("word: 1_000", Outer(word="1_000")),
        ("word: true", Outer(word="true")),
        ("word: 2021-12-31", Outer(word="2021-12-31")),
        ("word: '~'", Outer(word="~")),
        ("word: ''", Outer(word="")),
        ("word: =", Outer(word="=")),
        ("word: '<<'", Outer(word="<<")),
        ('word: "\\u660e\\t\\x41"', Outer(word="明\tA")),
        ("word: |\n  a\n  b\n", Outer(word="a\nb\n")),
        ("word: 烹饪间", Outer(word="烹饪间")),
        ("flag: true", Outer(flag=True)),
        ("flag: FALSE", Outer(flag=False)),
        ("side: right", Outer(side=Side.RIGHT)),
        ("maybe: ~", Outer(maybe=None)),
        ("maybe:", Outer(maybe=None)),
        ("maybe: 7", Outer(maybe=7)),
        ("either: 7", Outer(either=7)),
        ("either: '7'", Outer(either="7")),
        ("either: 07:30", Outer(either="07:30")),
        ("either: true", Outer(either=True)),
        ("inner: {wait: 1.5m, mode: on, count: 2}", Outer(inner=Inner(wait=90, mode="on", count=2))),
        ("inners:\n- port: 1\n-  {}\n", Outer(inners=(Inner(port=1), Inner()))),
        ("named: {a: {port: 2}, no: {}}", Outer(named={"a": Inner(port=2), "no": Inner()})),
        ("words: [on, 'off']", Outer(words=["on", "off"])),
        ("from: here", Outer(renamed="here")),
        ("upper: abc", Outer(upper="ABC")),
        ("---\nword: a\n...\n", Outer(word="a")),
        (b"\xef\xbb\xbfword: a\r\nflag: true\r\n", Outer(word="a", flag=True)),
        ("{}", Outer()),
    ],
)
def test_values_mean_what_they_look_like(written: str | bytes, meant: Outer) -> None:
    """YAML 1.2's core schema where a number is asked for, the text as written where a text is."""
    assert load(written) == meant


# ---- what may not -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("name: a", "name: must have at least 2 characters."),
        ("name: abcdef", "name: must have at most 5 characters."),
        ("name: ABC", "name: must be ^[a-z]+$."),
        ('name: "abc\\n"', "name: must be ^[a-z]+$."),
        ("words: [a, b, c]", "words: must have at most 2 entries."),
        ("share: 0", "share: must be greater than 0, found 0."),
        ("share: 1.0", "share: must be less than 1, found 1.0."),
        ("share: 0.3", "share: must be a multiple of 0.25, found 0.3."),
        ("number: .inf", "number: expected number, found text '.inf'."),
        ("number: .nan", "number: expected number, found text '.nan'."),
        ("number: 1e999", "number: expected number, found text '1e999'."),
        ("number: '5'", "number: expected number, found text '5'. Write it without quotes."),
        ("flag: yes", "flag: expected true or false, found text 'yes'."),
        ("flag: 1", "flag: expected true or false, found integer 1."),
        ("side: up", "side: expected one of left, right; found text 'up'."),
        ("maybe: 1.0", "maybe: expected integer, found number 1.0."),
        ("maybe: " + "9" * 5000, f"maybe: expected integer, found text '{'9' * 40}…'."),
        ("either: 1.5", "either: expected integer or text or true or false, found number 1.5."),
        ("inner: {count: '1'}", "inner.count: expected one of 1, 2; found text '1'."),
        ("inner: {wait: 5}", "inner.wait: the unit is missing. Write 5s if seconds are meant (also ms, m, h, d)."),
        ("inner: {wait: 500ms}", "inner.wait: must be 1s or more, found 500ms."),
        ("inner: {wait: 2m}", "inner.wait: must be 90s or less, found 2m."),
        ("inners: [{}, {prot: 1}]", "inners[1].prot: unknown key. Did you mean port?"),
        ("named: {A: {}}", "named.A: must be letters."),
        ("named: {~: {}}", "named: a key must be a text. Put it between quotes."),
        ("renamed: x", "renamed: unknown key. Did you mean named?"),
        ("words: {}", "words: expected a list, found a mapping. Begin each entry with '- '."),
        (
            'word: "a\x1b[31mb"',
            "control character U+001B. Delete it; in a text write it as \\u001B between double quotes.",
        ),
        ('"a\\e[31mb": 1', "a?[31mb: unknown key. "),
        ("&a word: x", "anchors (&name) are not allowed. Delete it; a text that begins with '&' needs quotes."),
        ("word: ! x", "word: tags (!name) are not allowed. Delete it; a text that begins with '!' needs quotes."),
        ('word: "\\q"', "not valid YAML here or on the line above: unknown \\ escape; use single quotes."),
    ],
)
def test_each_misfit_is_told_with_line_and_key(written: str, message: str) -> None:
    """One sentence with its place: what is wrong, what was found, what to do."""
    (said,) = told(written)
    assert said.startswith(f"x.yaml:1: {message}")
    assert message.endswith(" ") or said == f"x.yaml:1: {message}"


def test_all_problems_are_told_at_once_in_order() -> None:
    """Nothing hides behind the first mistake, and the lines ascend."""
    text = (
        "side: up\ninners:\n  - port: 0\n    mode: x\n  - []\nnamed:\n  a: {wait: 1}\nflag: 1\nflog: 1\nword: [\n  ]\n"
    )
    places = [said.split(": ")[0] + " " + said.split(": ")[1] for said in told(text)]
    assert places == [
        "x.yaml:1 side",
        "x.yaml:3 inners[0].port",
        "x.yaml:4 inners[0].mode",
        "x.yaml:5 inners[1]",
        "x.yaml:7 named.a.wait",
        "x.yaml:8 flag",
        "x.yaml:9 flog",
        "x.yaml:10 word",
    ]


def test_at_most_a_hundred_problems_are_listed_and_the_rest_counted() -> None:
    """A wrong file does not flood the terminal."""
    said = told("\n".join(f"k{n}: 1" for n in range(250)))
    assert len(said) == MAX_PROBLEMS + 1
    assert said[-1] == "x.yaml: and 150 more problems."


@pytest.mark.parametrize("limit", [100, 64 * 1024])
def test_size_is_bounded(limit: int) -> None:
    """A file of exactly the limit is read, one byte more is not; bytes count, not characters."""
    text = "word: " + "é" * ((limit - 7) // 2)
    text += "x" * (limit - len(text.encode()))
    assert load(text, max_bytes=limit).word.startswith("é")
    assert told(text + "x", max_bytes=limit) == [
        f"x.yaml: the file is larger than {limit} bytes. Is it the right file?"
    ]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{"])
def test_depth_is_bounded(opening: str) -> None:
    """Nesting beyond 20 levels is refused at once, never by running out of stack."""
    began = time.perf_counter()
    (said,) = told(opening * (60_000 // len(opening)))
    assert said == "x.yaml:1: nested deeper than 20 levels."
    assert time.perf_counter() - began < 1.0


def test_an_alias_bomb_costs_nothing() -> None:
    """Aliases are not expanded, only refused."""
    bomb = "words: &a [x, x]\n" + "".join(f"w{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]\n" for n in range(1, 30))
    began = time.process_time()
    assert len(told(bomb.replace("*b0", "*a"))) == 30
    assert time.process_time() - began < 1.0


def test_a_check_of_the_types_own_is_a_problem_like_any_other() -> None:
    """ValueError from __post_init__ is told at the section's key."""

    class Range(Struct):
        low: int
        high: int

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is above high")

    with pytest.raises(ConfigError, match=r"x.yaml:2: \[1\]: low is above high.$"):
        strict_yaml.load("- {low: 1, high: 2}\n- {low: 3, high: 2}", list[Range], source="x.yaml")


def test_a_caller_can_check_more_before_the_verdict() -> None:
    """`find` keeps what fits, so that problems of several keys together are listed with the others."""
    found = strict_yaml.find("inners:\n- {port: 7}\n- {port: x, wait: 2s}\n", Outer, source="x.yaml")
    parts = dict(found.parts(Inner))
    assert parts["inners[0]"] == {"port": 7, "wait": 3.0, "mode": "off", "count": 1}
    assert parts["inners[1]"] == {"wait": 2.0, "mode": "off", "count": 1}
    found.report("inners[1].wait", "said", text="too long")
    with pytest.raises(ConfigError) as caught:
        found.result()
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (3, "inners[1].port"),
        (3, "inners[1].wait"),
    ]


def test_an_unsupported_type_is_the_programmers_mistake() -> None:
    """A type without a rule raises TypeError, not ConfigError."""
    with pytest.raises(TypeError):
        strict_yaml.load("[1]", tuple[int, str], source="x.yaml")


def test_without_libyaml_everything_is_the_same() -> None:
    """Where PyYAML comes without its C library, every message of every bad configuration is still the same."""
    script = (
        "import sys; sys.modules['yaml._yaml'] = None\n"
        "import yaml, pytest; assert not yaml.__with_libyaml__\n"
        "sys.exit(pytest.main(['-q', '-p', 'no:xdist', '-p', 'no:cacheprovider', '-k', 'exact_messages',"
        " 'tests/agent/test_settings.py']))"
    )
    root = Path(__file__).parents[2]
    child = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=root, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert child.returncode == 0, child.stdout


WORDS = "name word number flag side maybe inner inners named words a 0 1 -1 1.5 30s on ~ - ---"
SIGNS = list("'\"&*!|>%@`#{}[],:?\\\n\t\r\x85\ufeff\U0001f4f7明")
PIECES = st.sampled_from(
    [*WORDS.split(), *SIGNS, ": ", "\n  ", "\n- ", "\n  - ", "- ", "? ", "&a ", "*a ", "!t ", "<<: "]
)


@settings(max_examples=1000, deadline=None)
@given(st.one_of(st.text(), st.binary(), st.lists(PIECES, max_size=60).map("".join)))
@example("\ud800")
@example("%TAG ! tag:x,2000: \n---\n!x 1")
@example("a: !<tag:yaml.org,2002:str> x")
@example("!!")
@example("? ? ? ?")
@example('"\\ud800": "\\U00110000"')
def test_anything_is_a_value_or_a_config_error(text: str | bytes) -> None:
    """Whatever the input, the reader returns a value of the type or raises ConfigError, nothing else."""
    try:
        assert isinstance(load(text), Outer)
    except ConfigError as error:
        told_in_both = [problem.text("en") + problem.text("zh") for problem in error.problems]
        assert all(line.isprintable() for line in told_in_both)
        assert told_in_both
