"""The registry's import: a CSV of required camera positions, checked whole, then taken over in one transaction or not.

What a gateway reports must not be known here: a slot is registered because a person registered it.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import msgspec

from center.model import Kind, Slot
from center.rate import SHANGHAI, local, moment_ms
from center.store import Store
from contract.messages import CITY_PATTERN, GATEWAY_PATTERN, SLOT_PATTERN

COLUMNS = ("city", "county", "unit", "kind", "zone", "slot", "gateway", "accepted_at")
OPTIONAL = ("ended_at",)
PLACE = ("city", "county", "unit", "kind")
"""Where a position counts. To change it is to move its past as well."""
KINDS: dict[str, Kind] = {
    "canteen": "canteen",
    "caterer": "caterer",
    "学校食堂": "canteen",
    "校外供餐单位": "caterer",
}
MAX_BYTES = 64_000_000
MAX_TEXT = 200
FIRST_CJK = "\u2e80"
_SLASHED = re.compile(r"([0-9]{4})[/.]([0-9]{1,2})[/.]([0-9]{1,2})(?:[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?")
Key = tuple[str, str, int]
"""(gateway, slot, accepted_ms)."""
_ISO = "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}"


class Problem(NamedTuple):
    """`line` of the file, beginning with 1; 0 for the file as a whole. `name`: of a sentence, and the `words` in it."""

    line: int
    name: str
    words: tuple[str, ...] = ()


class Unfit(Exception):
    """A file that cannot be taken over, with all its problems."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = sorted(problems, key=lambda problem: problem.line)


class Diff(NamedTuple):
    """`changed`: (before, after). `absent`: registered, not in the file, and left as they are."""

    added: tuple[Slot, ...]
    changed: tuple[tuple[Slot, Slot], ...]
    unchanged: int
    absent: int

    @property
    def ended(self) -> tuple[Slot, ...]:
        """Those whose service the file ends, among added and changed."""
        ended = [after for before, after in self.changed if after.ended_ms is not None and before.ended_ms is None]
        return tuple(ended)


# ---- reading ------------------------------------------------------------------------------------


def read(data: bytes) -> list[tuple[int, Slot]]:
    """(line, slot) of a CSV in UTF-8 (with or without BOM) or GB 18030. Raises Unfit with every problem."""
    if len(data) > MAX_BYTES:
        raise Unfit([Problem(0, "csv_large", (str(MAX_BYTES),))])
    problems: list[Problem] = []
    slots: dict[Key, tuple[int, Slot]] = {}
    for line, fields in _records(_text(data), problems):
        slot = _slot(fields, line, problems)
        if slot is None:
            continue
        first, _ = slots.setdefault(_key(slot), (line, slot))
        if first != line:
            problems.append(Problem(line, "csv_again", (slot.gateway, slot.slot, str(first))))
    problems += _cities(slots.values())
    if problems:
        raise Unfit(problems)
    return list(slots.values())


def _key(slot: Slot) -> Key:
    """What makes it the same time of service of the same position."""
    return slot.gateway, slot.slot, slot.accepted_ms


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
    if sum(char >= FIRST_CJK for char in before) > 1:  # GB 18030 would hardly be UTF-8 so far, and garble the rest
        raise Unfit([Problem(before.count("\n") + 1, "csv_damaged")])
    try:
        return data.decode("gb18030")
    except UnicodeDecodeError:
        raise Unfit([Problem(0, "csv_encoding")]) from None


def _records(text: str, problems: list[Problem]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, column -> value) of every row that has as many fields as the header."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        problems += _header(header)
        if problems:
            return
        for row in reader:
            fields = [field.strip() for field in row]
            if len(fields) == len(header):
                yield reader.line_num, dict(zip(header, fields, strict=True))
            elif any(fields):
                problems.append(Problem(reader.line_num, "csv_fields", (str(len(fields)), str(len(header)))))
    except csv.Error as error:
        problems.append(Problem(reader.line_num, "csv_none", (str(error),)))


def _header(names: list[str]) -> Iterator[Problem]:
    yield from (Problem(1, "csv_missing", (name,)) for name in COLUMNS if name not in names)
    yield from (Problem(1, "csv_unknown", (repr(name),)) for name in names if name not in COLUMNS + OPTIONAL)
    yield from (Problem(1, "csv_twice", (name,)) for name in set(names) if names.count(name) > 1)


def _slot(fields: dict[str, str], line: int, problems: list[Problem]) -> Slot | None:
    """The row as a slot; None, and its problems noted, if anything is wrong with it."""
    if not any(fields.values()):
        return None
    wrong: list[Problem] = []
    for name, pattern in (("city", CITY_PATTERN), ("gateway", GATEWAY_PATTERN), ("slot", SLOT_PATTERN)):
        if not re.fullmatch(pattern.strip("^$"), fields[name]):
            wrong.append(Problem(line, "csv_pattern", (name, repr(fields[name][:MAX_TEXT]), pattern)))
    for name in ("county", "unit", "zone"):
        if not fields[name] or len(fields[name]) > MAX_TEXT or not fields[name].isprintable():
            wrong.append(Problem(line, "csv_text", (name, str(MAX_TEXT))))
    kind = KINDS.get(fields["kind"])
    if kind is None:
        wrong.append(Problem(line, "csv_kind", (repr(fields["kind"][:MAX_TEXT]), ", ".join(KINDS))))
    accepted_ms = _moment(line, "accepted_at", fields["accepted_at"], wrong)
    ended = fields.get("ended_at", "")
    ended_ms = _moment(line, "ended_at", ended, wrong) if ended else None
    if ended_ms is not None and accepted_ms is not None and ended_ms < accepted_ms:
        wrong.append(Problem(line, "csv_ended"))
    problems += wrong
    if wrong or kind is None or accepted_ms is None:
        return None
    places = (fields["city"], fields["county"], fields["unit"], kind, fields["zone"])
    return Slot(fields["gateway"], fields["slot"], *places, accepted_ms, ended_ms)


def _moment(line: int, name: str, text: str, wrong: list[Problem]) -> int | None:
    """UTC ms of ISO 8601, or of a date with slashes as spreadsheets write it; without an offset Asia/Shanghai."""
    slashed = _SLASHED.fullmatch(text)
    iso = _ISO.format(*(int(part or 0) for part in slashed.groups())) if slashed else text
    try:
        return moment_ms(iso, SHANGHAI)
    except ValueError:
        wrong.append(Problem(line, "csv_time", (name, repr(text[:40]))))
        return None


def _cities(rows: Iterable[tuple[int, Slot]]) -> Iterator[Problem]:
    """A gateway's id stands in its topic after the city: it cannot be in two."""
    first: dict[str, Slot] = {}
    for line, slot in rows:
        city = first.setdefault(slot.gateway, slot).city
        if city != slot.city:
            yield Problem(line, "csv_cities", (slot.gateway, slot.city, city))


# ---- taking over --------------------------------------------------------------------------------


def take_over(store: Store, data: bytes, source: str, now_ms: int, *, correct: bool = False) -> Diff:
    """Registers what the file says, every change on record; the same file again changes nothing. Raises Unfit.

    `correct`: where it puts a position that is registered elsewhere, the registry was wrong, of the past too.
    """
    wanted = read(data)
    with store.write() as tx:
        tx.change_registry()
        there = {_key(slot): slot for slot in tx.slots()}
        rows = [(line, _kept_end(there.get(_key(slot)), slot)) for line, slot in wanted]
        problems = list(_conflicts(there, rows)) + ([] if correct else list(_moves(there, rows)))
        if problems:
            raise Unfit(problems)
        diff = compare(there, [slot for _, slot in rows])
        if diff.added or diff.changed:
            counts = (len(diff.added), len(diff.changed), diff.unchanged)
            number = tx.add_import(now_ms, source, hashlib.sha256(data).hexdigest(), counts)
            pairs = [(None, slot) for slot in diff.added] + list(diff.changed)
            tx.add_changes([_change(number, before, after) for before, after in pairs])
            tx.put_slots(after for _, after in pairs)
    return diff


def compare(there: dict[Key, Slot], wanted: list[Slot]) -> Diff:
    pairs = [(there.get(_key(slot)), slot) for slot in wanted]
    return Diff(
        added=tuple(after for before, after in pairs if before is None),
        changed=tuple((before, after) for before, after in pairs if before is not None and before != after),
        unchanged=sum(before == after for before, after in pairs),
        absent=len(there) - sum(before is not None for before, _ in pairs),
    )


def _kept_end(before: Slot | None, after: Slot) -> Slot:
    """An empty ended_at leaves an end that is registered as it is."""
    return after._replace(ended_ms=before.ended_ms) if before and after.ended_ms is None else after


def _conflicts(there: dict[Key, Slot], rows: list[tuple[int, Slot]]) -> Iterator[Problem]:
    """Of the file with what is registered: a gateway in two cities, a position in service twice at a time."""
    whole = {key: (0, slot) for key, slot in there.items()} | {_key(slot): (line, slot) for line, slot in rows}
    yield from _cities(sorted(whole.values()))
    ordered = sorted(whole.values(), key=lambda row: _key(row[1]))
    for (line, one), (next_line, following) in pairwise(ordered):
        same = (one.gateway, one.slot) == (following.gateway, following.slot)
        if same and (one.ended_ms is None or one.ended_ms > following.accepted_ms):
            words = (one.gateway, one.slot, local(one.accepted_ms).isoformat())
            yield Problem(max(line, next_line), "csv_overlap", words)


def _moves(there: dict[Key, Slot], rows: list[tuple[int, Slot]]) -> Iterator[Problem]:
    for line, after in rows:
        before = there.get(_key(after), after)
        for name in PLACE:
            was, now = getattr(before, name), getattr(after, name)
            if was != now:
                yield Problem(line, "csv_moved", (name, was, now))


def _change(number: int, before: Slot | None, after: Slot) -> dict[str, object]:
    record = {"import_id": number} | dict(zip(("gateway", "slot", "accepted_ms"), _key(after), strict=True))
    was = msgspec.json.encode(before._asdict()).decode() if before else ""
    return record | {"before": was, "after": msgspec.json.encode(after._asdict()).decode()}


def lines(diff: Diff) -> Iterator[str]:
    """The diff for a person: + added, ~ changed with the fields that differ."""
    for slot in diff.added:
        yield f"+ {slot.gateway}/{slot.slot}  {slot.unit} {slot.zone}"
    for before, after in diff.changed:
        differing = (name for name in Slot._fields if getattr(before, name) != getattr(after, name))
        fields = ", ".join(
            f"{name.replace('_ms', '_at')}: {_shown(before, name)} -> {_shown(after, name)}" for name in differing
        )
        yield f"~ {after.gateway}/{after.slot}  {fields}"


def _shown(slot: Slot, name: str) -> str:
    value = getattr(slot, name)
    if value is None:
        return "-"
    return local(value).isoformat() if name.endswith("_ms") else str(value)
