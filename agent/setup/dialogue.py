"""Questions to the person at the terminal: one at a time, each with a default and help, on a phone's width too.

What is asked about must not be known here.
"""

import getpass
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from contract.language import saying
from contract.problems import Problem, Told, Unfit
from contract.text import lines, visible

T = TypeVar("T")
WIDTHS = 40, 80
"""Of a line, at least and at most."""
HELP = ("?", "？")


class Dialogue:
    """Says and asks in one language. What is typed comes from standard input, passwords from the terminal unseen."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.word = saying(lang)
        """(Chinese, English) -> the one that is spoken."""

    def tell(self, zh: str, en: str, *, indent: int = 0) -> None:
        """A paragraph, broken between words."""
        self.line(self.word(zh, en), indent=indent)

    def line(self, text: str, *, indent: int = 0) -> None:
        least, most = WIDTHS
        width = min(max(shutil.get_terminal_size().columns, least), most) - 1
        for line in lines(visible(text), width - indent):
            self._write(" " * indent + line + "\n")

    def ask(self, zh: str, en: str, *, read: Callable[[str], T], default: str = "", explain: tuple[str, str]) -> T:
        """What was typed, as `read` understands it; an Unfit or Told of it is said, and the question asked again.

        An empty line means `default`; "?" shows what `explain` says, Chinese and English.
        """
        while True:
            hint = f" [{visible(default)}]" if default else ""
            self.line(f"{self.word(zh, en)}{hint} (?)")
            typed = self._read()
            if typed in HELP:
                self.tell(*explain, indent=2)
                continue
            try:
                return read(typed or default)
            except Unfit as unfit:
                problem = Problem(source="", line=0, code=unfit.code, params=unfit.params)
                self.line(f"✗ {problem.words('zh' if self.lang == 'zh' else 'en')}", indent=2)
            except Told as told:
                self.line(f"✗ {told.text('zh' if self.lang == 'zh' else 'en')}", indent=2)

    def agrees(self, zh: str, en: str, *, default: bool = True, explain: tuple[str, str]) -> bool:
        """Yes or no."""
        yes, no = ("y", "yes", "是", "好", "Y"), ("n", "no", "否", "不", "N")

        def read(typed: str) -> bool:
            if typed.lower() not in (*yes, *no):
                raise Told("type y or n", "请输入 y 或 n")
            return typed.lower() in yes

        return self.ask(zh, en, read=read, default="y" if default else "n", explain=explain)

    def choose(self, zh: str, en: str, options: Sequence[str], *, default: int = 0, explain: tuple[str, str]) -> int:
        """The place of one of the options; they are shown with numbers from 1."""
        for number, option in enumerate(options, 1):
            self.line(f"{number}) {option}", indent=2)

        def read(typed: str) -> int:
            if not typed.isdecimal() or len(typed) > 9 or not 1 <= int(typed) <= len(options):
                raise Told(f"type a number from 1 to {len(options)}", f"请输入 1 至 {len(options)} 的数字")
            return int(typed) - 1

        return self.ask(zh, en, read=read, default=str(default + 1), explain=explain)

    def secret(self, zh: str, en: str, *, read: Callable[[str], T]) -> T:
        """What is typed unseen."""
        while True:
            try:
                return read(self._unseen(self.word(zh, en)))
            except Unfit as unfit:
                problem = Problem(source="", line=0, code=unfit.code, params=unfit.params)
                self.line(f"✗ {problem.words('zh' if self.lang == 'zh' else 'en')}", indent=2)

    def _unseen(self, question: str) -> str:
        if sys.stdin is None or not sys.stdin.isatty():
            self.line(question)
            return self._read(strip=False)
        try:
            return getpass.getpass(f"{question}\n> ")
        except EOFError:
            raise _closed() from None
        except UnicodeDecodeError:
            raise Unfit("not_utf8") from None

    def _read(self, *, strip: bool = True) -> str:
        self._write("> ")
        sys.stdout.flush()
        try:
            typed = sys.stdin.readline() if sys.stdin else ""
        except UnicodeDecodeError:
            return "\x00"  # fits nothing, so it is asked again
        except OSError:  # the terminal is gone
            raise _closed() from None
        if not typed:
            raise _closed()
        return typed.strip() if strip else typed.rstrip("\r\n")

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)


def _closed() -> Told:
    return Told(
        "there is nobody to answer (the input has ended). What was answered is kept: canteen-agent setup --resume",
        "输入已结束，无人应答。已回答的内容已保存，继续请执行：canteen-agent setup --resume",
    )
