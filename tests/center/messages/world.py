"""A small province whose gateways and cameras stand as a test wants, and a process that may end anywhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from center.arguments import rules as policy_rules
from center.cli import main
from center.messages.round import Round
from center.messages.rules import load
from center.model import StandingRow
from center.store import Store
from center.store.outbox import Post
from tests.center.filled import filled

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOON = 1_793_462_400_000 + 12 * HOUR
"""2026-11-01 12:00 in Shanghai."""
COUNTIES = ("410105", "410103")
EACH = 5
"""Gateways of a county, each with a unit of its own and two positions."""
BOXES = [f"zz-{number:04}" for number in range(EACH * len(COUNTIES))]
HOOK = 'allow_local: true, webhook: {url: "http://127.0.0.1:9/", secret: env:S}'
RULES = f"""
receivers:
  - {{name: one, role: county, regions: [410105], {HOOK}}}
  - {{name: two, role: county, regions: [410103], {HOOK}}}
  - {{name: city, role: city, regions: [4101], {HOOK}}}
  - {{name: school, role: unit, units: [U0], {HOOK}}}
  - {{name: operator, role: operator, {HOOK}}}
"""


def registered(database: str, folder: Path) -> None:
    sheets = {
        "units": ["unit,name,region,kind,contact,telephone"],
        "gateways": ["gateway,city"],
        "positions": ["position,unit,zone,accepted_at,gateway,slot"],
    }
    for number, box in enumerate(BOXES):
        unit = f"U{number}"
        sheets["units"].append(
            f"{unit},第{number}小学食堂,{COUNTIES[number // EACH]},canteen,王芳,0371-6550000{number}"
        )
        sheets["gateways"].append(f"{box},4101")
        for slot in ("k1", "k2"):
            sheets["positions"].append(f"P{number}{slot},{unit},烹饪间{slot},2024-01-01,{box},{slot}")
    for name, rows in sheets.items():
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", "utf-8")
    files = [str(folder / f"{name}.csv") for name in sheets]
    assert main(["registry", "import", *files, "--database", database]) == 0


class World:
    """All is well at `now`; the center has heard for an hour. `beat` tells of every gateway but those in `dark`."""

    def __init__(self, database: str, folder: Path, rules: str = RULES, now: int = NOON) -> None:
        self.database, self.now = filled(registered, database), now
        self.dark: set[str] = set()
        self.down = False
        self._began, self._seq = now - HOUR, 0
        self._rules = folder / "messages.yaml"
        self._rules.write_text(rules)
        self.rate = policy_rules("henan-2021-45")
        self.store = Store(database)
        for box in BOXES:
            for slot in ("k1", "k2"):
                self.told(box, slot, "online")
        self.restart()
        self.beat()

    def restart(self) -> None:
        """As after a kill: nothing is left but the database."""
        self.store.close()
        self.store = Store(self.database)
        self.round = Round(self.store, load(self._rules).rules, self.rate)
        self.round.begin(self.now)

    @property
    def quiet(self) -> str:
        return self._rules.read_text()

    def rules(self, text: str) -> None:
        self._rules.write_text(text)
        self.restart()

    def told(self, box: str, slot: str, state: str, reason: str = "") -> None:
        self._seq += 1
        with self.store.write() as tx:
            tx.put_standing([StandingRow(box, slot, "s1", "j1", self._seq, state, reason, "", 0, self.now)])

    def left(self, box: str) -> None:
        self.dark.add(box)
        with self.store.write() as tx:
            tx.put_standing([StandingRow(box, "", "s1", "", 0, "left", "", "", 0, self.now)])

    def beat(self) -> None:
        rows = [StandingRow(box, "", "s1", "", 0, "", "", "", 0, self.now) for box in BOXES if box not in self.dark]
        with self.store.write() as tx:
            if not self.down:
                tx.put_standing(rows)
                tx.put_uptime(self._began, self.now)

    def up_again(self) -> None:
        self.down, self._began = False, self.now

    def go(self, ms: int, step: int = MINUTE) -> list[Post]:
        """So much time passes; returns what was written meanwhile, the oldest first."""
        before = len(self.posts())
        end = self.now + ms
        while self.now < end:
            self.now = min(end, self.now + step)
            self.beat()
            self.round.go(self.now)
        return self.posts()[before:]

    def posts(self) -> list[Post]:
        with self.store.read() as reader:
            return list(reversed(reader.log(0, "", 100_000)))

    def close(self) -> None:
        self.store.close()


def acts(posts: Sequence[Post]) -> list[tuple[str, str]]:
    return [(post.receiver, post.act) for post in posts]


def cases(post: Post) -> list[dict[str, Any]]:
    return json.loads(post.body)["cases"]
