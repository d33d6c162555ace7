"""Answers requests for certificates as they come from the broker. A process of its own: it alone reads the authority's
key, and no testimony passes through it.
"""

import logging
import time
from collections.abc import Callable

import msgspec

from center.enrolment.answers import Rules, answer
from center.enrolment.authority import Authority
from center.line import Line, Options
from center.store import Store, Unavailable
from contract.topics import CERT, down, parse_request

log = logging.getLogger(__name__)
REQUESTS = "mclz/v1/+/+/up/csr"
SPACING_S = 5.0
"""A gateway's next request is looked at only after so long: a flood of them costs a comparison each."""
MOST_GATEWAYS = 100_000


class Renewing:
    """`start()`, then `stop()`. A request that is not answered comes again: nothing is kept for later."""

    def __init__(
        self,
        store: Store,
        authority: Authority,
        options: Options,
        rules: Rules,
        clock_ms: Callable[[], int],
        *,
        spacing_s: float = SPACING_S,
    ) -> None:
        self._store, self._authority, self._rules, self._clock_ms = store, authority, rules, clock_ms
        self._spacing_s = spacing_s
        self._looked: dict[str, float] = {}
        self._line = Line(options, [REQUESTS], self._take)

    def start(self) -> None:
        """Returns at once; connects, and reconnects for ever, in the background."""
        self._line.start()

    def stop(self) -> None:
        self._line.stop()

    def tend(self) -> None:
        """To be called about once a second."""
        self._line.end_if_deaf()

    @property
    def ready(self) -> bool:
        return self._line.ready.is_set()

    # ---- the line's thread

    def _take(self, topic: str, payload: bytes, retained: bool) -> bool:
        origin = parse_request(topic)
        if origin is None or retained or not self._due(topic):
            return True
        try:
            said = answer(self._store, self._authority, origin, payload, self._rules, self._clock_ms())
        except Unavailable as trouble:
            log.error("%s asks for a certificate and is not answered: %s", origin.gateway, trouble)
            return True
        except Exception:  # a bug must not end the line: others ask too
            log.exception("the request of %s could not be worked", origin.gateway)
            return True
        if said is None:
            log.warning("%s asks for a certificate, and none is given to it", origin.gateway)
            return True
        log.info("%s: %s", origin.gateway, said.refused or "a certificate is given")
        self._line.publish(down(origin.city, origin.gateway, CERT), msgspec.json.encode(said), retain=False)
        return True

    def _due(self, topic: str) -> bool:
        now = time.monotonic()
        if now - self._looked.get(topic, -self._spacing_s) < self._spacing_s:
            return False
        if len(self._looked) >= MOST_GATEWAYS:
            self._looked.clear()
        self._looked[topic] = now
        return True
