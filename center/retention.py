"""Which facts may be given up: those older than the policy's months, once each of these months is final and whole.

How rows are found and deleted must not be known here.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from center.days.final import hashed, newest
from center.rate import local
from center.store import Store
from center.store.giving_up import MARGIN_MS
from contract.problems import Told

AT_ONCE = 200


class Unfit(Told):
    """A month whose facts are still needed."""


def first_kept(now_ms: int, months: int) -> str:
    """The first of the last `months` whole months before the running one, "YYYY-MM"."""
    today = local(now_ms)
    number = today.year * 12 + today.month - 1 - months
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def months_before(oldest_ms: int, first: str) -> Iterator[str]:
    """Every month from that of the oldest fact on, up to but without the first one that is kept."""
    day = local(oldest_ms).date().replace(day=1)
    while f"{day:%Y-%m}" < first:
        yield f"{day:%Y-%m}"
        day = date(day.year + day.month // 12, day.month % 12 + 1, 1)


def check(folder: Path, months: list[str]) -> None:
    """Raises Unfit for a month that is not final, or whose files are not those that it was made final of."""
    for month in months:
        final = newest(folder / month)
        if final is None:
            raise Unfit(
                f"{month} is not final in {folder}: days build, then days freeze --month {month}",
                f"{month} 在 {folder} 中尚未定稿：请先 days build，再 days freeze --month {month}",
            )
        if hashed(folder / month / f"final-{final.number}") != final.hashes:
            raise Unfit(
                f"{folder / month}: the files of revision {final.number} are not those that it was made of",
                f"{folder / month}：第 {final.number} 次修订的文件与定稿时不同",
            )


def give_up(store: Store, from_ms: int, *, margin_ms: int = MARGIN_MS) -> tuple[int, int]:
    """(boots, rows) given up: of each gateway in a transaction of its own. From then on older months are refused.

    Not a ms that is known from `from_ms` on changes.
    """
    with store.write() as tx:
        tx.keep_from(max(from_ms, tx.kept_from()))
    boots = rows = 0
    for gateway, its_boots in old(store, from_ms - margin_ms):
        with store.write() as tx:
            rows += tx.give_up(gateway, its_boots, from_ms - margin_ms)
            boots += len(its_boots)
    return boots, rows


def old(store: Store, before_ms: int) -> Iterator[tuple[str, list[str]]]:
    """Each gateway with its boots that may go."""
    with store.read() as reader:
        gateways = reader.heard_of()
    for i in range(0, len(gateways), AT_ONCE):
        with store.read() as reader:
            found = reader.old_boots(gateways[i : i + AT_ONCE], before_ms)
        yield from found.items()
