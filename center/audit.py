"""Goes through what gateways have told and keeps, for ever, where they contradict themselves or the center's clock.

Which time that takes from a figure must not be known here.
"""

from collections.abc import Sequence

from center.history import recall
from center.intervals import union
from center.model import Spoilt
from center.notary import judge
from center.rate import Rules, local
from center.store import Reader, Store
from center.testimony import Finding

GATEWAYS_AT_ONCE = 200


def audit(store: Store, rules: Rules, now_ms: int, gateway: str = "") -> None:
    """Of one gateway, or of all that are registered."""
    with store.read() as reader:
        cities = {name: city for name, city in reader.addresses().items() if gateway in ("", name)}
    names = sorted(cities)
    for i in range(0, len(names), GATEWAYS_AT_ONCE):
        with store.read() as reader:
            rows = _found(reader, names[i : i + GATEWAYS_AT_ONCE], cities, rules, now_ms)
        if rows:
            with store.write() as tx:
                tx.keep_findings(rows, now_ms)


def _found(reader: Reader, names: Sequence[str], cities: dict[str, str], rules: Rules, now_ms: int) -> list[Spoilt]:
    rows = []
    for name, past in recall(reader, names, (0, now_ms)).items():
        up = union(reader.uptime(cities[name]), past.testimony.up)
        judged = judge(past.testimony._replace(up=up), rules.dark_after_ms, rules.within_ms)
        rows += [finding(name, one) for one in judged.findings]
    return rows


def finding(gateway: str, one: Finding) -> Spoilt:
    """As it is kept: dated by the time that it concerns."""
    span = f"{local(one.begin):%Y-%m-%d %H:%M:%S} - {local(one.end):%Y-%m-%d %H:%M:%S}"
    return Spoilt(gateway, "", f"{one.text} ({span})", b"", one.begin, code=one.code, key=one.key)
