"""A unit asks for time to be left out, or announces a stop; those who supervise it approve or refuse.

An approval is an import of one exclusion into the registry, by the person who approves: what may be left out is decided
there, as of any other sheet. A stop that is only announced, and a request that nobody approved, change no figure.
"""

import csv
import io
from typing import NamedTuple

from center.forms import guarded
from center.registry import cells
from center.registry.problems import Wrong
from center.registry.sheets import EXCLUSIONS
from center.registry.taking_over import File, Order, take_over
from center.registry.words import sentence
from center.store import Store
from center.store.registrar import Registrar
from center.store.requests import APPROVED, OPEN, REFUSED, TOLD, WITHDRAWN, Decision, Request, Wish
from contract.policy import Policy
from contract.problems import Told

PLANNED, FORCE_MAJEURE, ANNOUNCED = "planned", "force_majeure", "announced"
CAUSES = (PLANNED, FORCE_MAJEURE, ANNOUNCED)
MOST_OPEN = 20
"""Requests of one unit that nobody decided on yet."""
LONGEST_MS = 366 * 86_400_000
"""Of a stop that is only announced."""


class Refused(Told):
    """What cannot be asked for, or decided on any more."""


class By(NamedTuple):
    """Who, and when: UTC ms."""

    person: str
    now_ms: int


def ask(store: Store, wish: Wish, policy: Policy) -> int:
    """The number of the request. Raises Refused, or Unfit where it could not be approved even at once."""
    state = TOLD if wish.cause == ANNOUNCED else OPEN
    if wish.to_ms <= wish.from_ms:
        raise Refused("the end must lie after the beginning", "止须晚于起")
    if wish.cause == ANNOUNCED and not wish.asked_ms < wish.to_ms <= wish.from_ms + LONGEST_MS:
        raise Refused(
            "a stop is announced while it is to come, and for a year at most", "停机须在结束之前告知，最长一年"
        )
    if state == OPEN:
        take_over(store, [_file(wish, "-", By(wish.person, wish.asked_ms))], _order(policy, wish, keep=False))
    with store.write() as tx:
        if sum(one.state == OPEN for one in tx.requests_of(wish.unit)) >= MOST_OPEN:
            raise Refused(
                f"{MOST_OPEN} requests of this unit wait for a decision already: withdraw what is not needed",
                f"本单位已有 {MOST_OPEN} 项申请待审批：请先撤回不需要的",
            )
        return tx.add_request(wish, state)


def approve(store: Store, request: Request, by: By, answer: str, policy: Policy) -> None:
    """It is an exclusion of the registry from now on. Raises Unfit by the law for exclusions, Refused."""

    def decided(registrar: Registrar) -> None:
        _taken(registrar.decide(request.number, Decision(APPROVED, by.person, answer, by.now_ms)))

    order = Order(by.person, by.now_ms, policy)
    take_over(store, [_file(request.wish, answer, by, f"request-{request.number}")], order, also=decided)


def refuse(store: Store, request: Request, by: By, answer: str) -> None:
    """Raises Refused."""
    with store.write() as tx:
        _taken(tx.decide(request.number, Decision(REFUSED, by.person, answer, by.now_ms)))


def withdraw(store: Store, request: Request, by: By) -> None:
    """By the unit itself, as long as nobody decided. Raises Refused."""
    with store.write() as tx:
        _taken(tx.decide(request.number, Decision(WITHDRAWN, by.person, "", by.now_ms), (OPEN, TOLD)))


def _taken(was: bool) -> None:
    if not was:
        raise Refused(
            "it was decided on or withdrawn meanwhile: open the page again", "该申请已审批或撤回：请重新打开页面"
        )


def _order(policy: Policy, wish: Wish, *, keep: bool) -> Order:
    return Order(wish.person, wish.asked_ms, policy, keep=keep)


def _file(wish: Wish, answer: str, by: By, name: str = "request") -> File:
    """One row of the sheet of exclusions: what the unit wrote, who approves it, and why."""
    row = {
        "position": wish.position,
        "unit": "" if wish.position else wish.unit,
        "from": cells.written(wish.from_ms),
        "to": cells.written(wish.to_ms),
        "cause": wish.cause,
        "reason": wish.reason,
        "requested_by": wish.person,
        "approved_by": by.person,
        "approved_at": cells.written(by.now_ms),
        "evidence": answer,
    }
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow([column.name for column in EXCLUSIONS.columns])
    table.writerow([guarded(row[column.name]) for column in EXCLUSIONS.columns])
    return File(name, io.BytesIO(text.getvalue().encode()))


# ---- what a person typed --------------------------------------------------------------------------


def moment(text: str, what: tuple[str, str]) -> int:
    """UTC ms, of Asia/Shanghai. `what`: the field in Chinese and English. Raises Refused."""
    try:
        return int(cells.moment(text))
    except Wrong as wrong:
        raise _wrong(wrong, what) from wrong


def reason(text: str, what: tuple[str, str]) -> str:
    """One line. Raises Refused."""
    try:
        return str(cells.text_of(cells.MAX_NOTE, required=True)(text))
    except Wrong as wrong:
        raise _wrong(wrong, what) from wrong


def _wrong(wrong: Wrong, what: tuple[str, str]) -> Refused:
    return Refused(*(sentence(wrong.name, lang, what[lang == "en"], *wrong.words) for lang in ("en", "zh")))
