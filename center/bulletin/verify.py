"""Whether a bulletin is what its data says, by the shipped SQL in a stock DuckDB; or what the facts say, by our own.

SQL that lies in the folder is compared, and never run: it may say anything.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from center.bulletin import papers
from center.bulletin.make import BULLETIN, POLICY, SQL, STATED, SUMS, about, recompute, sums
from center.days.build import build
from center.days.engine import Failed, run_stock
from center.days.final import hashed
from center.rate import Rules, month_span
from center.store import Store
from contract.plain import read_plain
from contract.policy import Policy


class Checked(NamedTuple):
    """`what`: a file of the folder; `wrong`: the name of the word that says what is wrong with it."""

    what: str
    wrong: str


def verify(folder: Path) -> list[Checked]:
    """What is not as it must be; nothing where every figure is recomputed to the byte."""
    return list(_differing(folder))


def _differing(folder: Path) -> Iterator[Checked]:
    stated = about(folder)
    if stated is None:
        yield Checked(BULLETIN, "no_bulletin")
        return
    try:
        span = month_span(str(stated.get("month")))
        policy = msgspec.json.decode(read_plain(folder / POLICY), type=Policy)
        lines = read_plain(folder / SUMS).decode().splitlines()
        text = read_plain(folder / SQL).decode()
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        yield Checked(str(error), "damaged")
        return
    found, listed = sums(folder), {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    yield from (Checked(name, "altered") for name in sorted({*listed, *found}) if listed.get(name) != found.get(name))
    if text != recompute(folder, span):
        yield Checked(SQL, "other_sql")
    with TemporaryDirectory(prefix="canteen-verify-") as home:
        again = Path(home, BULLETIN)
        try:
            run_stock(recompute(folder, span, str(again)), folder)
        except Failed as failed:
            yield Checked(str(failed), "damaged")
            return
        if again.read_bytes() != (folder / BULLETIN).read_bytes():
            yield Checked(BULLETIN, "other_figures")
            return
        yield from _papers(folder, Path(home), again.read_bytes(), policy)


def _papers(folder: Path, home: Path, bulletin: bytes, policy: Policy) -> Iterator[Checked]:
    """A letter need not be there; one that is must be the bulletin's. A PDF is known by its hash alone."""
    try:
        made = papers.write(home, bulletin, policy)
    except (KeyError, ValueError, TypeError) as error:  # what is stated in data/ is not what a bulletin states
        yield Checked(str(error), "damaged")
        return
    for name in made:
        there = folder / name
        if name == papers.LETTER and not there.exists():
            continue
        if not there.exists() or (home / name).read_bytes() != there.read_bytes():
            yield Checked(name, "other_sheet")
    if papers.LETTER not in made and (folder / papers.LETTER).exists():
        yield Checked(papers.LETTER, "no_docx")


def from_facts(folder: Path, store: Store, rules: Rules) -> list[Checked]:
    """Which of its data the facts that are held now do not say."""
    stated = about(folder) or {}
    span = month_span(str(stated.get("month")))
    with TemporaryDirectory(prefix="canteen-verify-") as home:
        build(store, Path(home), span, rules, whole=True)
        wanted = hashed(Path(home))
    found = {name: digest for name, digest in hashed(folder / "data").items() if Path(name).stem not in STATED}
    names = sorted({*wanted, *found})
    return [Checked(f"data/{name}", "other_facts") for name in names if wanted.get(name) != found.get(name)]
