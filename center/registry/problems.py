"""What is wrong with a sheet, and where: a name of a sentence and the words in it. Pure."""

from typing import NamedTuple

from contract.text import excerpt

LONGEST = 400
"""Of a word in a sentence: lists of what would do are longer than any cell that is quoted."""
MOST = 100
"""So many problems are listed; the rest is counted."""


class Place(NamedTuple):
    """`sheet`: of a workbook, else the file. `line`: beginning with 1; 0 for the sheet as a whole. `column`: "C"."""

    sheet: str = ""
    line: int = 0
    column: str = ""


class Problem(NamedTuple):
    """One thing that is wrong with a registry file; `name`: of the sentence, `words`: what is filled in."""

    place: Place
    name: str
    words: tuple[str, ...] = ()


class Unfit(Exception):
    """Sheets that cannot be taken over, with their problems in order; `more`: so many are not listed."""

    def __init__(self, problems: list[Problem], more: int = 0) -> None:
        super().__init__(f"{len(problems) + more} problems")
        self.problems = sorted(problems, key=lambda problem: problem.place)
        self.more = more


class Wrong(Exception):
    """A cell that does not say what its column asks for; the caller knows where it stands."""

    def __init__(self, name: str, *words: str) -> None:
        super().__init__(name)
        self.name, self.words = name, words


class Findings:
    """Problems and warnings as they are found."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.more = 0
        self.warnings: list[Problem] = []

    def wrong(self, place: Place, name: str, *words: str) -> None:
        if len(self.problems) < MOST:
            self.problems.append(_problem(place, name, words))
        else:
            self.more += 1

    def warn(self, place: Place, name: str, *words: str) -> None:
        if len(self.warnings) < MOST:
            self.warnings.append(_problem(place, name, words))

    def take(self, unfit: Unfit) -> None:
        """What another has found."""
        self.more += unfit.more
        for problem in unfit.problems:
            self.wrong(problem.place, problem.name, *problem.words)

    def judge(self) -> None:
        """Raises Unfit if anything is wrong."""
        if self.problems:
            raise Unfit(self.problems, self.more)


def _problem(place: Place, name: str, words: tuple[str, ...]) -> Problem:
    """Words of a sheet go to a terminal."""
    return Problem(place, name, tuple(excerpt(word, LONGEST) for word in words))


def letters(index: int) -> str:
    """A column's letters as a spreadsheet shows them: 0 is A, 26 is AA."""
    name = ""
    while index >= 0:
        name = chr(ord("A") + index % 26) + name
        index = index // 26 - 1
    return name
