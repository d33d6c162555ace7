"""What an account may see: a region with all that lies in it, or one unit. Pure."""

from typing import NamedTuple

from center.registry.tree import Tree

ROLES = {
    "province": ("省级", "province"),
    "city": ("市级", "city"),
    "county": ("县级", "county"),
    "unit": ("单位", "unit"),
    "engineer": ("运维", "engineer"),
}
"""What an account is for -> its name."""


class Scope(NamedTuple):
    """`region`: a code, or `unit`: an id; the other is ""."""

    region: str = ""
    unit: str = ""

    @classmethod
    def read(cls, text: str) -> "Scope":
        """As an account keeps it. What is neither sees nothing."""
        kind, _, key = text.partition(":")
        return cls(**{kind: key}) if kind in cls._fields and key else cls()

    @property
    def text(self) -> str:
        return f"region:{self.region}" if self.region else f"unit:{self.unit}"

    def region_seen(self, tree: Tree, code: str) -> bool:
        return bool(self.region) and code in tree and self.region in tree.chain(code)

    def unit_seen(self, tree: Tree, unit: str, region: str) -> bool:
        """`region`: where the unit lies now."""
        return (bool(self.unit) and unit == self.unit) or (bool(self.region) and self.region in tree.chain(region))
