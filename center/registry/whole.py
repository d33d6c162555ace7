"""What must hold of the registry as a whole, asked of the database once the changes are in it, before they are kept."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from center.calendar import Entry, clash
from center.intervals import intersection, normal, total
from center.model import Bound, Position
from center.rate import TOO_LATE_MS, month_of, month_span
from center.registry.cells import written
from center.registry.problems import Place, Problem
from center.registry.tree import Tree
from center.store.registrar import Registrar
from contract.policy import Policy

HOUR_MS = 3_600_000
REFERENCES = (
    ("positions", "unit", "units"),
    ("bindings", "position", "positions"),
    ("exclusions", "position", "positions"),
)


def problems(registrar: Registrar, differing: set[str], policy: Policy) -> Iterator[Problem]:
    for name, column, of in REFERENCES:
        if name in differing:
            for clash_ in registrar.orphans(name, column, of):
                yield Problem(Place(clash_.sheet, clash_.line), f"no_{column}", (str(clash_.words[0]),))
    if "positions" in differing:
        for overlap in registrar.overlaps():
            position, since = overlap.words
            yield Problem(Place(overlap.sheet, overlap.line), "overlap", (str(position), written(since)))
    if differing & {"positions", "bindings"}:
        yield from _shared(registrar)
    if "calendars" in differing:
        yield from _calendars(registrar)
    if "exclusions" in differing:
        yield from _exclusions(registrar, policy)


# ---- one slot of a gateway tells of one position at a time ---------------------------------------


def _shared(registrar: Registrar) -> Iterator[Problem]:
    pairs = registrar.shared()
    if not pairs:
        return
    wanted = set(pairs)
    lines = registrar.touched("bindings")
    heard: dict[tuple[str, str], list[tuple[int, int, str, int]]] = defaultdict(list)
    for position in registrar.positions(registrar.at(pairs)):
        for bound in position.bounds:
            if (bound.gateway, bound.slot) in wanted:
                heard[bound.gateway, bound.slot] += _times(position, bound)
    for (gateway, slot), times in sorted(heard.items()):
        for one, other in pairwise(sorted(times)):
            if one[1] > other[0] and one[2] != other[2]:
                sheet, line = lines.get(other[2:], lines.get(one[2:], ("", 0)))
                words = (gateway, slot, written(other[0]), one[2], other[2])
                yield Problem(Place(sheet, line), "shared", words)
                break


def _times(position: Position, bound: Bound) -> Iterator[tuple[int, int, str, int]]:
    """(from, to, position, since when it is bound) while it is in service."""
    in_service = normal((piece.since_ms, _end(piece.until_ms)) for piece in position.pieces)
    for begin, end in intersection(in_service, ((bound.since_ms, _end(bound.until_ms)),)):
        yield begin, end, position.position, bound.since_ms


def _end(ms: int | None) -> int:
    return TOO_LATE_MS if ms is None else ms


# ---- calendars ----------------------------------------------------------------------------------


def _calendars(registrar: Registrar) -> Iterator[Problem]:
    touched = registrar.touched("calendars")
    tree, units = Tree(registrar.regions()), registrar.units()
    entries: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for scope, kind, entry in registrar.calendars():
        entries[scope, kind].append(entry)
    for (scope, kind, begin, end, _), (sheet, line) in touched.items():
        if scope not in tree and scope not in units:
            yield Problem(Place(sheet, line), "no_scope", (scope,))
        elif end < begin:
            yield Problem(Place(sheet, line), "backwards")
        else:
            found = clash(entries.pop((scope, kind), []))
            if found:
                yield Problem(Place(sheet, line), "two_rows", (scope, found[0].from_day, found[1].from_day))


# ---- exclusions ---------------------------------------------------------------------------------


def _exclusions(registrar: Registrar, policy: Policy) -> Iterator[Problem]:
    touched = registrar.touched("exclusions")
    cap_ms = policy.rate.max_excluded.value * HOUR_MS
    confirm_ms = policy.rate.confirm_force_majeure.value * HOUR_MS
    by_position: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for position, begin, end, cause, approved in registrar.exclusions({key[0] for key in touched}):
        by_position[position].append((begin, end))
        sheet, line = touched.get((position, begin), ("", 0))
        if not line or begin == end:
            continue
        if cause == "planned" and approved > begin:
            yield Problem(Place(sheet, line), "approved_late", (position, written(begin)))
        if cause == "force_majeure" and approved > begin + confirm_ms:
            yield Problem(Place(sheet, line), "confirmed_late", (position, str(confirm_ms // HOUR_MS)))
    for position, spans in by_position.items():
        sheet, line = max(touched[key] for key in touched if key[0] == position)
        for (begin, end), (then, _) in pairwise(spans):
            if end > then:
                at = touched.get((position, then), touched.get((position, begin), (sheet, line)))
                yield Problem(Place(*at), "excluded_twice", (position, written(begin), written(end)))
        for month in sorted({month_of(ms) for begin, end in spans for ms in (begin, max(begin, end - 1))}):
            left_out = total(intersection(normal(spans), (month_span(month),)))
            if left_out > cap_ms:
                words = (position, month, f"{left_out / HOUR_MS:.2f}", str(cap_ms // HOUR_MS))
                yield Problem(Place(sheet, line), "above_cap", words)
