"""What tests read in an answer: rows of a file, figures of a page, and whatever in it would act."""

import csv
import io
import re
from html.parser import HTMLParser

from tests.center.web.served import Answer


def rows(got: Answer) -> list[dict[str, str]]:
    """Of a CSV, without the apostrophes before what would be computed."""
    assert got.status == 200, got.text
    return list(csv.DictReader(io.StringIO(got.body.decode("utf-8-sig"))))


def cards(got: Answer) -> dict[str, str]:
    """Title -> figure."""
    found = re.findall(
        r'<div class="card[^"]*"><a [^>]*>(.*?)</a>\s*<strong>(?:<a [^>]*>)?(.*?)(?:</a>)?</strong>', got.text
    )
    return dict(found)


# ---- what would act -----------------------------------------------------------------------------

EVIL = "<script>alert(1)</script>\"' onerror=x \u202egnp.exe"
"""A name with markup, quotes, a handler and a mark that turns the direction round."""
TAGS = frozenset(
    re.findall(
        r"\w+",
        "html head meta title link body header nav div main h1 h2 p a b small span strong form input label button"
        " select option table thead tbody tr th td section dl dt dd code ul li details summary svg defs pattern rect"
        " circle path text",
    )
)


class Looking(HTMLParser):
    """What is wrong with a page: a tag or an attribute that acts, a link that leads elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.wrong += [] if tag in TAGS else [tag]
        for name, value in attrs:
            leads = name in ("href", "src", "action") and not re.match(r"/(?!/)|#|tel:[+0-9]+$", value or "")
            acts = (
                name.startswith("on")
                or name == "style"
                or (name == "fill" and "url(" in (value or "") and "url(#" not in value)
            )
            self.wrong += [f"{tag} {name}={value}"] if leads or acts else []


def harmless(got: Answer) -> None:
    assert got.status == 200
    assert Looking(got.text).wrong == []
    assert not re.search(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]", got.text)
