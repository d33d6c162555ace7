"""What is measured of a running center: its line, its intake, and how the province stands."""

from collections.abc import Iterator

from center.cities import Cities, Serving
from center.metrics import Measure
from center.rate import Rules
from center.report import standing
from center.store import Store, Unavailable
from contract.failures import Kind

Labelled = dict[tuple[str, ...], float]
PROBLEMS = (*(str(kind) for kind in Kind), "hole")


def measures(serving: Serving, store: Store, rules: Rules, now_ms: int) -> Iterator[Measure]:
    pulse = serving.pulse
    if isinstance(serving, Cities):
        yield from _cities(serving)
    yield _one("canteen_line_up", "1: connected, and every subscription granted", pulse.line_up)
    problems: Labelled = {(one,): float(one == pulse.problem) for one in PROBLEMS}
    yield Measure("canteen_line_problem", "1: why the line to the broker does not stand", "gauge", ("kind",), problems)
    yield _one("canteen_center_hears", "1: our own echo comes back through the broker in time", pulse.hears)
    yield _one("canteen_messages_received", "Messages read from the broker", pulse.received, "counter")
    yield _one("canteen_messages_stored", "Messages committed, or set aside", pulse.stored, "counter")
    yield _one("canteen_messages_waiting", "Messages read and not committed yet", pulse.waiting)
    yield _one("canteen_bytes_waiting", "Their bytes", pulse.waiting_bytes)
    yield _one("canteen_store_trouble", "1: nothing can be stored, nothing is acknowledged", pulse.trouble)
    try:
        with store.read() as reader:
            counts = standing(reader, now_ms, rules)
            gateways = reader.boxes_alive(now_ms, now_ms - rules.dark_after_ms)
    except Unavailable:
        return  # the measures of the store are missing then, and canteen_store_trouble says why
    states: Labelled = {(name,): float(number) for name, number in counts._asdict().items() if name != "registered"}
    yield Measure("canteen_positions", "Registered positions in service", "gauge", ("state",), states)
    told: Labelled = {(name,): float(number) for name, number in gateways.items()}
    yield Measure("canteen_gateways", "Registered gateways", "gauge", ("state",), told)


def _cities(cities: Cities) -> Iterator[Measure]:
    """Those of another worker are told by that one."""
    served: Labelled = {(city,): float(hears) for city, hears in cities.served.items()}
    free: Labelled = {(city,): 1.0 for city in cities.unserved}
    text = "Cities that this worker holds; 1: its messages are heard in time"
    yield Measure("canteen_city_served", text, "gauge", ("city",), served)
    yield Measure("canteen_city_unserved", "1: no worker holds this city", "gauge", ("city",), free)


def _one(name: str, text: str, value: float, kind: str = "gauge") -> Measure:
    return Measure(name, text, kind, (), {(): float(value)})
