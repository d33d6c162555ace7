"""How all stands is read once for many who look, and never older than it says."""

import threading

from center.arguments import POLICY, now_ms, policy_of, rules_of
from center.rate import Count
from center.report import standing
from center.store import Store
from center.web.moment import Moments, causes
from tests.center.test_lists import Province


def test_those_who_look_at_once_get_one_reading(url: str) -> None:
    """Many threads at the same time: one object; with no time to be fresh, one for each look."""
    Province(url)
    store = Store(url)
    rules = rules_of(policy_of(POLICY))
    shared = Moments(store, rules, now_ms, 60_000)
    found = []
    threads = [threading.Thread(target=lambda: found.append(shared.now())) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({id(one) for one in found}) == 1
    assert len(found) == 8
    anew = Moments(store, rules, now_ms, 0)
    assert anew.now() is not anew.now()
    store.close()


def test_the_counts_of_the_parts_are_those_of_the_whole(url: str) -> None:
    """Counties add up to their city, cities to the province; the whole is what `serve` prints, whose words for those
    that are not online are its own.
    """
    Province(url)
    store = Store(url)
    rules = rules_of(policy_of(POLICY))
    at = now_ms()
    now = Moments(store, rules, lambda: at, 0).now()
    with store.read() as reader:
        whole = standing(reader, at, rules)
    store.close()
    province = now.standing("41")
    assert (province.registered, province.online, province.offline) == (whole.registered, whole.online, whole.offline)
    parts = [now.standing(code) for code in ("410105", "410103", "410221")]
    added = Count()
    for part in parts:
        added = added.plus(part)
    assert added == province
    assert [one.unit for one in now.units_in("410105")] == ["U1"]
    assert now.absent_at("U1") == now.absent_in("410105")
    assert now.standing("410106") == Count()
    lines = causes(now.absent)
    assert sum(len(line.positions) for line in lines) == len(now.absent)
