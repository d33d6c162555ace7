"""Spot checks: positions and instants drawn by a published seed, opened by a person, held against what was computed.

The same seed, period and registry draw the same, so anybody can repeat a draw; a box cannot know it beforehand.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from center.intervals import Intervals, Span, holding
from center.model import Piece
from center.outside.agreement import Bound, clopper_pearson
from center.outside.rows import Column, Listed, read
from center.rate import Rules, lit, state_at
from center.registry import cells, problems
from center.registry.problems import Findings, Wrong
from center.registry.tree import Tree
from center.report import When, in_service, told
from center.store import Reader, Store
from center.store.outside import Draw, Drawn
from contract.problems import Told, Words

MINUTE_MS, DAY_MS = 60_000, 86_400_000
TRIES = 1000
"""For each one that is drawn: so many hit a moment at which nothing is assessed."""
OPENED, NOT_OPENED, NOT_TRIED = "opened", "not_opened", "not_tried"
RESULTS = {
    **dict.fromkeys(("opened", "yes", "1", "能打开", "打开", "是"), OPENED),
    **dict.fromkeys(("not opened", "not_opened", "no", "0", "打不开", "否"), NOT_OPENED),
    **dict.fromkeys(("not tried", "not_tried", "未试"), NOT_TRIED),
    "": "",
}


class Refused(Told):
    """A draw that cannot be made or entered as asked."""


class Labels(NamedTuple):
    """What the parts of a draw are called where it is asked for."""

    seed: Words
    n: Words
    begin: Words
    end: Words


MOST, MOST_SEED = 10_000, 200
OPTIONS = Labels(*(Words(name, name) for name in ("--seed", "--n", "--from", "--to")))


def named(seed: str, region: str = "", label: Words = OPTIONS.seed) -> str:
    """The seed as a draw goes by it: of a region its code stands before, so that two regions may take the same.

    Raises Refused.
    """
    text = " ".join(seed.split())
    if not text or len(text) > MOST_SEED or not text.isprintable():
        raise Refused(
            f"{label.en} must be 1 to {MOST_SEED} printable characters",
            f"{label.zh} 须为 1 至 {MOST_SEED} 个可显示字符",
        )
    return f"{region} {text}".strip()


def judge(asked: Draw, labels: Labels = OPTIONS) -> None:
    """Raises Refused for a draw that cannot be."""
    _, n, begin, end = labels
    if not 1 <= asked.n <= MOST:
        raise Refused(f"{n.en} {asked.n} must be 1 to {MOST}", f"{n.zh} {asked.n} 须为 1 至 {MOST}")
    if not asked.from_ms < asked.to_ms <= asked.from_ms + 366 * DAY_MS:
        raise Refused(
            f"{begin.en} must lie before {end.en}, at most a year", f"{begin.zh} 须早于 {end.zh}，相隔不超过一年"
        )
    if asked.late:
        at = cells.written(asked.from_ms)
        raise Refused(
            f"{begin.en} {at} has passed: a draw is made and published before its period",
            f"{begin.zh} {at} 已过：抽取须在时段开始前完成并公布",
        )


def usual(at_ms: int) -> Span:
    """The period of a draw that names none: seven days from tomorrow's local midnight on."""
    midnight = (at_ms + 8 * 3_600_000) // DAY_MS * DAY_MS - 8 * 3_600_000
    return midnight + DAY_MS, midnight + 8 * DAY_MS


def make(store: Store, asked: Draw, rules: Rules) -> list[Drawn]:
    """Draws, and keeps it: a seed is used once. Raises Gap, Refused."""
    with store.read() as reader:
        rows = draw(reader, asked, rules)
    with store.write() as tx:
        if not tx.add_draw(asked, rows):
            raise Refused(
                f"the seed {asked.seed} was drawn by before: a new draw takes a new seed",
                f"种子 {asked.seed} 已抽取过：重新抽取请用新的种子",
            )
    return rows


def draw(reader: Reader, asked: Draw, rules: Rules) -> list[Drawn]:
    """Each number: a position, any of those assessed in the period (in the region), and one of its whole minutes.
    Raises Gap, Refused.

    Number i of a seed tries sha256("SEED/i/0"), "SEED/i/1" …: the first 8 bytes choose the position, by its id in
    order, the next 8 the minute, until one is assessed then.
    """
    span = (asked.from_ms, asked.to_ms)
    tree = Tree(reader.regions())
    every = (
        [part for part in its if not asked.region or asked.region in tree.chain(part[0].region)]
        for its in in_service(reader, When("", span, span[1], live=False), rules)
    )
    places = sorted((its for its in every if its), key=_id)
    if not places:
        raise Refused("nothing is assessed in that period: nothing can be drawn", "该时段没有考核的点位，无从抽取")
    return [_one(asked, number, places, span) for number in range(1, asked.n + 1)]


Place = tuple[Piece, Intervals]


def _id(its: Sequence[Place]) -> str:
    return its[0][0].position


def _one(asked: Draw, number: int, places: Sequence[Sequence[Place]], span: Span) -> Drawn:
    minutes = (span[1] - span[0]) // MINUTE_MS
    for again in range(TRIES):
        digest = hashlib.sha256(f"{asked.seed}/{number}/{again}".encode()).digest()
        its = places[int.from_bytes(digest[:8]) % len(places)]
        at_ms = span[0] + int.from_bytes(digest[8:16]) % minutes * MINUTE_MS
        for piece, assessed in its:
            if holding(assessed, at_ms):
                names = (piece.position, piece.unit, piece.unit_name, piece.region, piece.zone)
                return Drawn(asked.seed, number, *names, at_ms, "", "", "", 0)
    raise Refused(
        "hardly any time of that period is assessed: name another (--from, --to)",
        "该时段几乎不在考核之列：请另选 --from、--to",
    )


class Agreement(NamedTuple):
    """Of `drawn`, `entered` have a result, `tried` were tried; of those something was computed of (`decided`) `agree`.

    `not_opened`: counted online, and could not be opened; `opened`: counted offline, and could. `unknown`: nothing was
    computed of them. `bound`: of the share that agrees, None where none was decided.
    """

    drawn: int
    entered: int
    tried: int
    decided: int
    agree: int
    not_opened: int
    opened: int
    unknown: int
    bound: Bound | None


def agreement(reader: Reader, rows: Sequence[Drawn], rules: Rules) -> Agreement:
    """Of one draw, or of several together."""
    computed = states(reader, [row for row in rows if row.result], rules)
    tried = [(row.result, computed[row.position, row.at_ms]) for row in rows if row.result in (OPENED, NOT_OPENED)]
    not_opened, opened = tried.count((NOT_OPENED, "online")), tried.count((OPENED, "offline"))
    agree = tried.count((OPENED, "online")) + tried.count((NOT_OPENED, "offline"))
    decided = agree + not_opened + opened
    entered = sum(bool(row.result) for row in rows)
    bound = clopper_pearson(agree, decided) if decided else None
    numbers = (len(rows), entered, len(tried), decided, agree, not_opened, opened, len(tried) - decided)
    return Agreement(*numbers, bound)


def states(reader: Reader, rows: Sequence[Drawn], rules: Rules) -> dict[tuple[str, int], str]:
    """(position, at) -> what is counted of it then: online, offline or unknown."""
    if not rows:
        return {}
    span = (min(row.at_ms for row in rows), max(row.at_ms for row in rows) + 1)
    known = {
        position.position: lit(its, silence, rules)
        for position, its, silence in told(
            reader, When("", span, span[1], live=False), rules, sorted({row.position for row in rows})
        )
    }
    return {(row.position, row.at_ms): state_at(known[row.position], row.at_ms) for row in rows}


# ---- results --------------------------------------------------------------------------------------


def _result(raw: str) -> str:
    text = cells.narrow(raw).lower()
    if text not in RESULTS:
        raise Wrong("result")
    return RESULTS[text]


def _number(raw: str) -> int:
    text = cells.narrow(raw)
    if not text.isdecimal() or len(text) > 9:
        raise Wrong("number", repr(raw[:40]))
    return int(text)


COLUMNS = {
    "number": Column(("number", "序号", "no."), _number),
    "position": Column(("position", "点位编号", "点位"), cells.identity),
    "result": Column(("result", "结果"), _result),
    "note": Column(("note", "备注"), cells.text_of(cells.MAX_NOTE, required=False), required=False),
}


def enter(store: Store, seed: str, file: Path, person: str, now_ms: int, findings: Findings) -> tuple[int, int]:
    """(entered now, entered before). All or nothing; what is entered stays. Raises Unfit, Refused, OSError."""
    listed = read(file, COLUMNS, findings)
    findings.judge()
    now, before = enter_rows(store, seed, listed, person, now_ms, findings)
    if not now and not before:
        raise Refused(
            f"{file}: no result is filled in: write opened, not opened or not tried into its column result",
            f"{file}：没有填写任何结果，请在“结果”列填写 能打开、打不开 或 未试",
        )
    return now, before


def typed(rows: Sequence[tuple[int, str, str, str]], findings: Findings) -> list[Listed]:
    """(number, position, result, note) as a person typed them. Raises Unfit."""
    listed = []
    for number, position, result, note in rows:
        try:
            values = {"number": number, "position": position, "result": _result(result)}
            listed.append(Listed(problems.Place("", number), values | {"note": COLUMNS["note"].parse(note)}))
        except Wrong as wrong:
            findings.wrong(problems.Place("", number), wrong.name, "note", *wrong.words)
    findings.judge()
    return listed


def enter_rows(
    store: Store, seed: str, listed: Sequence[Listed], person: str, now_ms: int, findings: Findings
) -> tuple[int, int]:
    """As `enter`."""
    with store.write() as tx:
        by_number = {row.number: row for row in tx.drawn(seed)}
        if not by_number:
            raise Refused(f"--seed {seed}: nothing was drawn by it", f"--seed {seed}：没有按它抽取过")
        if any(one.late for one in tx.draws() if one.seed == seed):
            raise Refused(
                f"--seed {seed} was drawn after its period had begun, it proves nothing: draw anew, before the period",
                f"--seed {seed} 在时段开始后才抽取，不能作为证明：请在时段开始前重新抽取",
            )
        rows: dict[int, Drawn] = {}
        before = 0
        for one in listed:
            number, result = one.values["number"], one.values["result"]
            row = by_number.get(number)
            if row is None or row.position != one.values["position"]:
                findings.wrong(one.place, "not_drawn", str(number), one.values["position"])
            elif result and row.at_ms > now_ms:
                findings.wrong(one.place, "future", cells.written(row.at_ms))
            elif result and (row.result or result) != result:
                findings.wrong(one.place, "said_twice", row.position, cells.written(row.at_ms))
            elif result and row.result:
                before += 1
            elif result:
                rows[number] = row._replace(
                    result=result, note=one.values["note"] or "", person=person, entered_ms=now_ms
                )
        findings.judge()
        tx.enter(list(rows.values()))
    return len(rows), before
