"""A table as the server sorts, filters and pages it: the URL holds all of it, so that page, export and print agree.

What its rows mean is not known here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, overload

from contract.text import tidy

PAGE = 50
MOST_PAGES = 10_000


class Cell(NamedTuple):
    """`by`: what it is sorted by, None: its text. `mark`: a class of the style sheet, always beside words that say the
    same. `link`: where it leads.
    """

    text: str
    by: Any = None
    link: str = ""
    mark: str = ""


class Column(NamedTuple):
    """`about`: its definition's name; `figure`: stands to the right."""

    key: str
    title: str
    about: str = ""
    figure: bool = False


class Asked(NamedTuple):
    """As the URL holds it. `sort`: a column's key, with "-" before it: the greatest first; "": as the rows come."""

    query: str = ""
    sort: str = ""
    page: int = 1


class Shown(NamedTuple):
    """`rows`: of this page; `every`: all that were found, in their order, for an export."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    every: Sequence[Sequence[Cell]]
    page: int
    pages: int
    asked: Asked


class Rows(Sequence[Sequence[Cell]]):
    """A row for each of `things`, made when it is looked at: of ten thousands a page shows fifty."""

    def __init__(self, things: Sequence[Any], make: Callable[[Any], Sequence[Cell]]) -> None:
        self._things = things
        self._make = make

    def __len__(self) -> int:
        return len(self._things)

    @overload
    def __getitem__(self, at: int) -> Sequence[Cell]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Sequence[Cell]]: ...
    def __getitem__(self, at: int | slice) -> Sequence[Cell] | Sequence[Sequence[Cell]]:
        if isinstance(at, slice):
            return [self._make(one) for one in self._things[at]]
        return self._make(self._things[at])


class Unasked(ValueError):
    """A column or a page that there is not."""


def asked_of(params: Mapping[str, str]) -> Asked:
    """Raises Unasked."""
    page = params.get("page", "1")
    if not (page.isascii() and page.isdecimal() and 1 <= len(page) <= 5 and 0 < int(page) <= MOST_PAGES):
        raise Unasked("page")
    return Asked(tidy(params.get("q", ""), 60), params.get("sort", ""), int(page))


def shown(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], asked: Asked, size: int = PAGE) -> Shown:
    """A page beyond the last one is the last. Raises Unasked."""
    found = [row for row in rows if _holds(row, asked.query.casefold())] if asked.query else rows
    if asked.sort:
        key = asked.sort.removeprefix("-")
        place = next((n for n, column in enumerate(columns) if column.key == key), None)
        if place is None:
            raise Unasked("sort")
        found = sorted(found, key=_by(place), reverse=asked.sort.startswith("-"))
    pages = max(1, -(-len(found) // size))
    page = min(asked.page, pages)
    return Shown(columns, found[(page - 1) * size : page * size], found, page, pages, asked._replace(page=page))


def _holds(row: Sequence[Cell], query: str) -> bool:
    return any(query in cell.text.casefold() for cell in row)


def _by(place: int) -> Callable[[Sequence[Cell]], tuple[bool, Any]]:
    """Numbers before texts, so that the two are never compared."""

    def key(row: Sequence[Cell]) -> tuple[bool, Any]:
        cell = row[place]
        return (cell.by is None, cell.text if cell.by is None else cell.by)

    return key
