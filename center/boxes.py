"""How the gateways themselves stand: heard last, version, clock, disk, journal. Those that need somebody first."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from center.rate import Rules, local
from center.registry.tree import Region
from center.store import Reader
from center.store.lists import GatewayRow
from contract.messages import BROKEN_JSON, ClockHealth, ConfigHealth, HostHealth, ProgramHealth, UpgradeHealth
from contract.text import lasted, tidy
from contract.vocabulary import ClockDoubt, name

STATES = ("silent", "left", "never_seen", "alive", "revoked")
"""The order of the list."""
FULL = 0.95
"""A disk so full has no room for the journal before long."""


class Box(NamedTuple):
    """`heard_ms`: its last sign of life, UTC, 0 for never. `waiting`: events that it has told of and the center lacks.

    `clock`, `host`, `program`: what it told of itself last; None for never.
    """

    gateway: str
    city: str
    place: str
    state: str
    heard_ms: int
    version: str
    waiting: int
    clock: ClockHealth | None
    host: HostHealth | None
    program: ProgramHealth | None

    @property
    def mistaken(self) -> ConfigHealth | None:
        """The configuration that it cannot use, in place of which its last good one runs."""
        return self.program.config if self.program and self.program.config.mistakes else None

    @property
    def upgrade(self) -> UpgradeHealth | None:
        """The last one, as long as it speaks of the version that runs there now."""
        last = self.program.upgrade if self.program else None
        speaks_of = last and (last.before if last.state == "rolled_back" else last.to)
        return last if speaks_of == self.version else None

    @property
    def is_sound(self) -> bool:
        """Nobody has to see to it: it is alive and complains of nothing, or it is revoked."""
        if self.state != "alive":
            return self.state == "revoked"
        rolled_back = self.upgrade and self.upgrade.state == "rolled_back"
        ill = self.host and (self.host.journal or self.host.disk_ratio >= FULL)
        return not (self.mistaken or rolled_back or ill or (self.clock and self.clock.untrusted))


def boxes(reader: Reader, now_ms: int, rules: Rules) -> list[Box]:
    """Every registered gateway: silent and stopped ones first, the longest first of all; of live ones the ill first."""
    names = _places(reader.regions())
    found = [_box(row, names.get(row.city, row.city), now_ms, rules) for row in reader.boxes(now_ms)]
    return sorted(found, key=lambda box: (STATES.index(box.state), box.is_sound, box.heard_ms, box.gateway))


def _places(regions: Iterable[Region]) -> dict[str, str]:
    """What the city of a topic is called: what a province governs directly shares one."""
    names: dict[str, str] = {}
    for region in regions:
        if region.kind in ("province", "city"):
            names[region.city] = region.name
        elif region.place:
            names.setdefault(region.city, "省直管")
    return names


def _box(row: GatewayRow, place: str, now_ms: int, rules: Rules) -> Box:
    waiting = max(0, (row.seq_high or 0) - row.acked)
    state = _state(row, now_ms, rules)
    told = (row.clock, ClockHealth), (row.host, HostHealth), (row.program, ProgramHealth)
    health = (_read(payload, kind) for payload, kind in told)
    return Box(row.gateway, row.city, place, state, row.heard_ms, row.version, waiting, *health)


def _state(row: GatewayRow, now_ms: int, rules: Rules) -> str:
    if row.revoked_ms is not None and row.revoked_ms <= now_ms:
        return "revoked"
    if not row.heard_ms:
        return "never_seen"
    if row.gone == "left":
        return "left"
    return "silent" if row.heard_ms < now_ms - rules.dark_after_ms else "alive"


def _read(payload: bytes | None, type_: Any) -> Any:
    try:
        return None if payload is None else msgspec.json.decode(payload, type=type_)
    except BROKEN_JSON:  # of another version of this program
        return None


# ---- for people and programs --------------------------------------------------------------------


def clock_words(clock: ClockHealth | None, lang: str) -> str:
    if clock is None:
        return "-"
    if clock.untrusted:
        return name(ClockDoubt(clock.untrusted), lang) if clock.untrusted in set(ClockDoubt) else clock.untrusted
    if not clock.synced:
        return "未校时" if lang == "zh" else "not disciplined"
    return "±" + (f"{clock.err_ms} ms" if clock.err_ms is not None else "?")


def disk_words(host: HostHealth | None) -> str:
    return "-" if host is None else f"{host.disk_ratio:.0%}"


def journal_words(box: Box, lang: str) -> str:
    """What is wrong with it, else how much waits in it."""
    if box.host and box.host.journal:
        return box.host.journal
    if box.waiting:
        return f"待收 {box.waiting}" if lang == "zh" else f"{box.waiting} to come"
    return "-" if box.state == "never_seen" else "正常" if lang == "zh" else "fine"


def config_words(config: ConfigHealth, now_ms: int, lang: str) -> str:
    """What is wrong with the new one and where, and how long the last good one has been in force."""
    more = config.mistakes - 1
    if lang == "zh":
        age = f"，已生效 {lasted(now_ms - config.since_ms, lang)}" if config.since_ms else ""
        return f"新配置不可用，按上一份运行{age}：{tidy(config.zh)}" + (f"（另有 {more} 处）" if more else "")
    age = f", in force for {lasted(now_ms - config.since_ms, lang)}" if config.since_ms else ""
    return f"new configuration not used, the last good one runs{age}: {tidy(config.en)}" + (
        f" ({more} more)" if more else ""
    )


def as_json(found: Sequence[Box]) -> list[dict[str, Any]]:
    """[{gateway, city, place, state, heard (ISO 8601 or null), version, waiting, clock, host, program}]."""
    listed = []
    for box in found:
        told = box._asdict()
        heard_ms = told.pop("heard_ms")
        heard = local(heard_ms).isoformat() if heard_ms else None
        health = {kind: msgspec.to_builtins(told[kind]) for kind in ("clock", "host", "program")}
        listed.append(told | {"heard": heard} | health)
    return listed
