"""The registry: which camera positions are required, where, since when, and at which gateway they are heard.

What a gateway reports must not be known here: a position is registered because a person registered it.
"""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from center.registry.taking_over import Summary
    from center.store import Store

POLICY, REGIONS = "henan-2021-45", "henan"


def take_over(
    store: "Store", data: bytes, source: str, now_ms: int, *, by: str = "", correct: bool = False
) -> "Summary":
    """One file's bytes, by the shipped policy; an empty database gets the shipped regions. Raises problems.Unfit."""
    from center.registry import taking_over
    from contract.policy import load_policy
    from contract.regions import load_regions

    with store.read() as reader:
        regions = None if reader.regions() else load_regions(REGIONS)
    order = taking_over.Order(by, now_ms, load_policy(POLICY), regions, correct)
    return taking_over.take_over(store, [taking_over.File(source, io.BytesIO(data))], order)
