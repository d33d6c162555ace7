"""The localities as a tree: what a code or a name in a sheet means, and which rows of a bulletin it counts in. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import NamedTuple

from center.registry.cells import narrow
from center.registry.problems import Wrong
from contract.regions import Regions

_CODE = re.compile(r"[0-9]+(\.0+)?")
_ENDINGS = ("市", "区", "县", "省", "示范区", "回族区")


class Region(NamedTuple):
    """`code`: 2 digits for a province, 4 for a city, else 6; `parent`: of a city, or of what the province governs
    directly, the province. `city`: the topic's segment there. `since`, `until`: local days, "" for always;
    `successor`: the code of what lies there since `until`. `place`: in the order of a bulletin, from 1.
    """

    code: str
    name: str
    name_en: str
    kind: str
    parent: str
    city: str
    since: str = ""
    until: str = ""
    successor: str = ""
    place: int = 0


def regions_of(shipped: Regions) -> Iterator[Region]:
    """The rows that a file of config/regions stands for."""
    yield Region(shipped.code, shipped.zh, shipped.en, "province", "", f"{shipped.code}00")
    for place, row in enumerate(shipped.rows, 1):
        yield Region(row.code, row.zh, row.en, row.kind, shipped.code, row.city, place=place)
    for part in shipped.counties:
        kind = "zone" if part.code[4] == "7" else "county"
        yield Region(part.code, part.zh, part.en, kind, part.code[:4], part.code[:4], part.since)
    topics = {row.code: row.city for row in shipped.rows}
    for one in shipped.former:
        topic = topics.get(one.now, one.now[:4])
        yield Region(one.code, one.zh, one.zh, "former", one.code[:4], topic, "", one.until, one.now)


class Tree:
    """Finds localities by code or name, as they are on a given day."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self._by_code: dict[str, Region] = {}
        self._by_name: dict[str, list[Region]] = defaultdict(list)
        for region in regions:
            self.add(region)

    def add(self, region: Region) -> None:
        """A code that is there already is the new one from now on."""
        before = self._by_code.get(region.code)
        self._by_code[region.code] = region
        for name in {region.name, _short(region.name), region.name_en.lower()} - {""}:
            self._by_name[name] = [one for one in self._by_name[name] if one != before] + [region]

    def __getitem__(self, code: str) -> Region:
        """Any code has one: what is not on record is a place of its own."""
        found = self._by_code.get(code)
        return found or Region(code, code, code, "unlisted", code[:2] if len(code) > 2 else "", code[:4])

    def __contains__(self, code: str) -> bool:
        return code in self._by_code

    def find(self, raw: str, on: str, *, city: str = "") -> str:
        """The code meant by a code or a name, as of the local day `on`. `city`: the topic's segment it must have.

        Raises Wrong, with what it may have been.
        """
        text = narrow(raw)
        region = self._by_code.get(text) or (self._coded(text) if _CODE.fullmatch(text) else self._named(text, city))
        if region.until and region.until <= on:
            raise Wrong("former", region.code, region.name, region.until, self._shown(region.successor))
        if city and region.city != city:
            raise Wrong("elsewhere", self._shown(region.code), city, region.city)
        return region.code

    def chain(self, code: str) -> Iterator[str]:
        """The code, and those of what it lies in, outwards."""
        while code:
            yield code
            code = self[code].parent

    def rows(self) -> list[Region]:
        """The rows of a bulletin, in its order."""
        return sorted((region for region in self._by_code.values() if region.place), key=lambda region: region.place)

    def below(self, code: str, within: str) -> str:
        """Of what lies in `within`, the part of it that the code belongs to: `within` itself where it lies in none."""
        region = self[within]
        if not region.parent:
            return self.row(code).code
        chain = list(self.chain(code))
        return next((one for one in chain if self[one].parent == within), within)

    def row(self, code: str) -> Region:
        """The row of a bulletin that counts it; for the province's own units the province."""
        region = self[code]
        while not region.place and region.parent:
            above = self[region.parent]
            if not above.parent:
                break
            region = above
        return region

    def province(self, code: str) -> Region:
        region = self[code]
        while region.parent:
            region = self[region.parent]
        return region

    def _shown(self, code: str) -> str:
        return f"{code} {self._by_code[code].name}" if code in self._by_code else code

    def _coded(self, text: str) -> Region:
        digits = text.partition(".")[0]
        code = digits
        while len(code) > 2 and code.endswith("00"):
            code = code[:-2]  # 410100 is the city 4101, 410105000000 the county 410105
        found = self._by_code.get(digits) or self._by_code.get(code)
        if found:
            return found
        provinces = [region.code for region in self._by_code.values() if region.kind == "province"]
        if provinces and not any(code.startswith(province) for province in provinces):
            raise Wrong("foreign", text[:40], "、".join(self._shown(province) for province in provinces))
        near = get_close_matches(code, [c for c in self._by_code if len(c) == len(code)], 3, 0.8)
        raise Wrong("nowhere", text[:40], "、".join(self._shown(one) for one in near) or "-")

    def _named(self, text: str, city: str) -> Region:
        if re.fullmatch(r"[0-9](\.[0-9]+)?[Ee]\+?[0-9]+", text):
            raise Wrong("power", text)
        found = self._by_name.get(text) or self._by_name.get(_short(text)) or self._by_name.get(text.lower()) or []
        here = [region for region in found if not city or region.city == city]
        exact = [region for region in here if region.name == text]
        standing = [region for region in (exact or here) if not region.until] or exact or here
        if len(standing) == 1:
            return standing[0]
        if standing:
            raise Wrong("ambiguous", text[:40], "、".join(self._shown(region.code) for region in standing[:5]))
        if found:
            raise Wrong("elsewhere", self._shown(found[0].code), city, found[0].city)
        names = [region.name for region in self._by_code.values() if not city or region.city == city]
        near = [self._by_name[name][0].code for name in get_close_matches(text, names, 3, 0.5)]
        raise Wrong("nowhere", text[:40], "、".join(self._shown(code) for code in near) or "-")


def _short(name: str) -> str:
    for ending in sorted(_ENDINGS, key=len, reverse=True):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending)
    return name
