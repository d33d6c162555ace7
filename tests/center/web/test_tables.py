"""A table as the URL asks for it: searched, sorted, paged; the export is the same rows, of all pages."""

import pytest

from center.web import cells
from center.web.exports import safe
from center.web.tables import PAGE, Cell, Column, Unasked, asked_of, shown

COLUMNS = [Column("name", "name"), Column("n", "n", figure=True)]
ROWS = [[Cell(f"Unit {number % 7}-{number}"), Cell(f"{number} x", number)] for number in range(2 * PAGE + 5)]


def names(found) -> list[str]:
    return [row[0].text for row in found]


def test_pages_follow_one_another_without_loss() -> None:
    """Every row once, in the order given; a page beyond the last one is the last; all rows are at hand."""
    pages = [shown(COLUMNS, ROWS, asked_of({"page": str(page)})) for page in (1, 2, 3)]
    assert [row for page in pages for row in page.rows] == ROWS
    beyond = shown(COLUMNS, ROWS, asked_of({"page": "99"}))
    assert (beyond.page, beyond.pages, beyond.rows) == (3, 3, pages[2].rows)
    assert beyond.every == ROWS


def test_numbers_are_sorted_as_numbers_either_way() -> None:
    """By what a cell is worth, not by its text; those that are equal stay in their order."""
    up, down = (shown(COLUMNS, ROWS[::-1], asked_of({"sort": sort})) for sort in ("n", "-n"))
    assert up.every == ROWS
    assert down.every == ROWS[::-1]
    mixed = [[Cell("a"), Cell("-")], [Cell("b"), Cell("1", 1)]]
    assert names(shown(COLUMNS, mixed, asked_of({"sort": "n"})).every) == ["b", "a"]


def test_a_search_is_of_all_cells_and_all_pages() -> None:
    """Whatever its case; nothing found is an empty first page."""
    found = shown(COLUMNS, ROWS, asked_of({"q": "unit 3-", "page": "2"}))
    assert names(found.every) == [row[0].text for row in ROWS if "Unit 3-" in row[0].text]
    assert (found.page, found.pages) == (1, 1)
    nothing = shown(COLUMNS, ROWS, asked_of({"q": "none of them"}))
    assert (nothing.rows, nothing.page, nothing.pages) == ([], 1, 1)


@pytest.mark.parametrize("params", [{"sort": "other"}, {"page": "0"}, {"page": "x"}, {"page": "²"}, {"page": "-1"}])
def test_what_there_is_not_is_refused(params: dict[str, str]) -> None:
    """A column of another table, a page that is no number."""
    with pytest.raises(Unasked):
        shown(COLUMNS, ROWS, asked_of(params))


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("41-2026-11-city", "41-2026-11-city"),
        ("../../etc/passwd", "etc-passwd"),
        ("学校", "export"),
        ('a"; x=\r\ny', "a-x-y"),
        ("", "export"),
        ("x" * 300, "x" * 80),
    ],
)
def test_a_file_has_a_safe_name(name: str, file: str) -> None:
    """No separator, quote, line end or letter that some system does not know."""
    assert safe(name) == file


def test_a_change_is_the_difference_of_what_is_printed() -> None:
    """As the bulletin has it; what is short of all by little is 99.99 %."""
    for now, before, told in (
        ((99_999, 100_000), (1, 1), "-0.01"),
        ((42_293, 42_489), (42_293, 42_489), "0.00"),
        ((1, 1), (42_293, 42_489), "+0.46"),
        ((1, 1), (0, 0), "无"),
    ):
        assert cells.change(now, before, "zh").text == told
