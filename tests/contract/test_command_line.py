"""Argparse's own words, in Chinese."""

import argparse

import pytest

from contract.command_line import Chinese, parser_of


def parser() -> argparse.ArgumentParser:
    made = parser_of("prog", "zh", "程序", "program")
    one = made.add_mutually_exclusive_group(required=True)
    one.add_argument("--json", action="store_true")
    one.add_argument("--csv", action="store_true")
    made.add_argument("--count", type=int)
    made.add_argument("--share", type=float)
    made.add_argument("--level", choices=("city", "county"))
    made.add_argument("--number")
    made.add_argument("--names", nargs="+")
    made.add_argument("word")
    return made


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json"], "缺少 word"),
        (["w"], "须填写其中之一：--json --csv"),
        (["w", "--json", "--csv"], "--csv：不能与 --json 同用"),
        (["w", "--json", "--other"], "不认识的参数：--other"),
        (["w", "--json", "--n", "1"], "--n 不明确，可能是 --number, --names"),
        (["w", "--json", "--count", "many"], "--count：'many' 不是数字"),
        (["w", "--json", "--share", "half"], "--share：'half' 不是数字"),
        (["w", "--json", "--level", "street"], "--level：没有 'street'，可选："),
        (["w", "--json", "--number"], "--number：缺少一个值"),
        (["w", "--json", "--names"], "--names：至少填写一个值"),
        (["w", "--json=1"], "--json：不带值，却填写了 '1'"),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    """The usage, then one line: what is wrong."""
    with pytest.raises(SystemExit) as left:
        parser().parse_args(arguments)
    assert left.value.code == 2
    *usage, told = capsys.readouterr().err.splitlines()
    assert usage[0].startswith("用法：")
    assert told.startswith(f"prog：{said}")


def test_what_is_not_known_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Chinese(prog="prog").error("something new")
    assert capsys.readouterr().err.splitlines()[-1] == "prog：something new"
