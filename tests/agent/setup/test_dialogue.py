"""Questions on a terminal: defaults, help, widths, and what happens when nobody answers any more."""

import io
from collections.abc import Callable

import pytest

from agent.settings import entries
from agent.setup.dialogue import Dialogue
from contract.problems import Told, Unfit
from contract.text import columns

HELP = ("这里是说明，写得长一点，好让它在四十列的终端上换行，看看会不会超出。", "This is the help.")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def number(text: str) -> int:
    if not text.isdecimal():
        raise Unfit("blank")
    return int(text)


def test_enter_means_the_default(typed: Callable[[str], None]) -> None:
    typed("\n\n\n")
    talk = Dialogue("zh")
    assert talk.ask("数", "number", read=number, default="7", explain=HELP) == 7
    assert talk.agrees("好吗？", "ok?", explain=HELP) is True
    assert talk.choose("哪个？", "which?", ["a", "b"], default=1, explain=HELP) == 1


@pytest.mark.parametrize(("lang", "word"), [("zh", "不能为空"), ("en", "must not be empty")])
def test_what_does_not_fit_is_asked_again(
    lang: str, word: str, typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong answer and a question mark cost a line each, in the language that is spoken."""
    typed("?\nx\n？\n3\n")
    assert Dialogue(lang).ask("数", "number", read=number, explain=HELP) == 3
    said = capsys.readouterr().out
    assert said.count("✗") == 1
    assert word in said
    assert "help" in said or "说明" in said


def test_numbers_out_of_range_and_words_are_no_choice(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(f"0\n3\nb\n-1\n{'9' * 5000}\n2\nmaybe\nN\n")
    talk = Dialogue("en")
    assert talk.choose("哪个？", "which?", ["a", "b"], explain=HELP) == 1
    assert talk.agrees("好吗？", "ok?", explain=HELP) is False
    assert capsys.readouterr().out.count("✗") == 6


@pytest.mark.parametrize(("screen", "most"), [("30", 39), ("40", 39), ("63", 62), ("200", 79)])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_line_is_wider_than_the_terminal(
    screen: str,
    most: int,
    lang: str,
    typed: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """40 columns at least, 80 at most, also in Chinese, whose characters take two."""
    monkeypatch.setenv("COLUMNS", screen)
    typed("?\n\n")
    long = (
        "如果录像机在另一网段，请输入它的地址 192.168.100.200：" * 3,
        "where the recorder stands elsewhere, type it " * 4,
    )
    Dialogue(lang).ask(*long, read=str, default="192.168.1.1", explain=HELP)
    assert max(columns(line) for line in capsys.readouterr().out.replace("> ", "\n").splitlines()) <= most


def test_the_end_of_the_input_says_how_to_go_on(typed: Callable[[str], None]) -> None:
    typed("")
    with pytest.raises(Told, match=r"setup --resume"):
        Dialogue("en").ask("数", "number", read=number, explain=HELP)
    with pytest.raises(Told, match=r"setup --resume"):
        Dialogue("en").secret("密码", "password", read=str)


def test_bytes_that_are_no_text_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a terminal of another encoding sends them."""
    raw = io.BytesIO(b"\xff\xfe\n5\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape"))
    assert Dialogue("en").ask("数", "number", read=entries.one_line, explain=HELP) == "5"
