"""Workers on one PostgreSQL share the cities: each serves those that it holds, and takes over those that nobody does.

For each city an intake of its own, with a session of its own at the broker, which belongs to the city and not to the
worker: whoever takes the city over finds there what waits. What an intake does must not be known here.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from center.intake import Intake, Pulse
from center.line import Options
from center.store import Seating, Seats, Store, Unavailable

log = logging.getLogger(__name__)
ROUND_S = 2.0
SETTLE_S = 5.0
"""After its start a worker takes nothing for so long: workers that start together then share fairly."""
REGISTRY_S = 30.0
"""So often the registry is asked which cities there are."""


class Serving(Protocol):
    """What takes messages in: one intake, or one for each of several cities."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    @property
    def alive(self) -> bool: ...

    @property
    def pulse(self) -> Pulse: ...


class Cities:
    """`start()`, then `stop()`. `settle_s`: see SETTLE_S."""

    def __init__(
        self, store: Store, options: Options, clock_ms: Callable[[], int], *, settle_s: float = SETTLE_S
    ) -> None:
        self._store, self._options, self._clock_ms = store, options, clock_ms
        self._settled = time.monotonic() + settle_s
        self._seats: Seats | None = None
        self._intakes: dict[str, Intake] = {}
        self._leaving: frozenset[str] = frozenset()
        self._registered: frozenset[str] = frozenset()
        self._asked: float | None = None
        self._gone = [0, 0]
        """Messages received and stored by intakes that have ended."""
        self._trouble = False
        self._said = ""
        self._stopping = threading.Event()
        self._rounds = threading.Thread(target=self._go_round, name="cities")
        self.unserved: frozenset[str] = frozenset()
        """Cities that no worker holds, as far as is known."""

    def start(self) -> None:
        """Returns at once; takes cities in the background, as they are free."""
        self._rounds.start()

    def stop(self) -> None:
        """Every city's intake leaves in order; only then the cities are free."""
        self._stopping.set()
        self._rounds.join()
        self._leave(self._intakes)
        if self._seats:
            self._seats.close()

    @property
    def alive(self) -> bool:
        staying = [intake for city, intake in list(self._intakes.items()) if city not in self._leaving]
        return self._rounds.is_alive() and all(intake.alive for intake in staying)

    @property
    def pulse(self) -> Pulse:
        """Of all its cities together: what one of them lacks, it lacks."""
        each = [intake.pulse for intake in list(self._intakes.values())]
        problem = next((one.problem for one in each if one.problem), "")
        received = self._gone[0] + sum(one.received for one in each)
        stored = self._gone[1] + sum(one.stored for one in each)
        waiting, its_bytes = sum(one.waiting for one in each), sum(one.waiting_bytes for one in each)
        trouble = self._trouble or any(one.trouble for one in each)
        up, hears = all(one.line_up for one in each), all(one.hears for one in each)
        return Pulse(up, problem, hears, received, stored, waiting, its_bytes, trouble)

    @property
    def served(self) -> dict[str, bool]:
        """Each city that this worker holds, and whether its messages are heard in time."""
        return {city: intake.pulse.hears for city, intake in list(self._intakes.items())}

    # ---- the rounds

    def _go_round(self) -> None:
        while not self._stopping.is_set():
            try:
                self._round()
                self._trouble = False
            except Unavailable as trouble:
                self._let_go(trouble)
            self._stopping.wait(ROUND_S)

    def _round(self) -> None:
        if self._seats is None:
            self._seats = self._store.seats()
        take = time.monotonic() >= self._settled
        seating = self._seats.look(self._cities(), take=take)
        for city in sorted(seating.mine - self._intakes.keys()):
            self._serve(city)
        self._leave(self._intakes.keys() - seating.mine)
        self.unserved = seating.free
        if take:
            self._tell(seating)

    def _cities(self) -> frozenset[str]:
        """Of the registered gateways that are not revoked; asked now and then."""
        now = time.monotonic()
        if self._asked is None or now - self._asked >= REGISTRY_S:
            with self._store.read() as reader:
                revoked = reader.revoked()
                addresses = reader.addresses()
            self._registered = frozenset(city for gateway, city in addresses.items() if gateway not in revoked)
            self._asked = now
        return self._registered

    def _serve(self, city: str) -> None:
        client_id = f"{self._options.client_id}-{city}"
        options = self._options._replace(client_id=client_id, cities=(city,))
        intake = Intake(self._store, options, self._clock_ms, alone=False)
        intake.start()
        self._intakes[city] = intake
        log.info("serves city %s", city)

    def _leave(self, cities: Iterable[str]) -> None:
        """All at once, since each may take seconds for what waits and for its goodbye."""
        self._leaving = frozenset(cities)
        if self._leaving:
            with ThreadPoolExecutor(len(self._leaving)) as several:
                list(several.map(Intake.stop, [self._intakes[city] for city in self._leaving]))
        for city in self._leaving:
            pulse = self._intakes.pop(city).pulse
            self._gone = [self._gone[0] + pulse.received, self._gone[1] + pulse.stored]

    def _let_go(self, trouble: Unavailable) -> None:
        """Without the session that holds them the cities may be another's by now."""
        if not self._trouble:
            log.error("the database cannot be used, no city is served from here: %s", trouble)
        self._trouble = True
        if self._seats:
            self._seats.close()
        self._seats = None
        self._leave(self._intakes)

    def _tell(self, seating: Seating) -> None:
        """Once, not at every round."""
        free, mine = (",".join(sorted(cities)) for cities in (seating.free, seating.mine))
        said = (
            f"{len(seating.mine)} of {len(self._registered)} cities are served here ({mine}); {seating.workers} workers"
        )
        said += f"; NOBODY SERVES {free}" if free else ""
        if said != self._said:
            self._said = said
            log.log(logging.WARNING if free else logging.INFO, "%s", said)
