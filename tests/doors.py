"""Doors for tests that keep nothing: see agent/permit.py."""

from collections.abc import Collection, Iterable

from agent.model import Camera
from agent.permit import LoginMet, Which


class Open:
    """Lets the logins of these slots through (None: of all) until one is refused, and notes what they met."""

    def __init__(self, slots: Collection[str] | None = None) -> None:
        self._slots = slots
        self.told: list[tuple[str, LoginMet]] = []

    def allowed(self, cameras: Iterable[Camera], _which: Which) -> frozenset[str]:
        refused = {slot for slot, how in self.told if how.failed}
        slots = {one.slot for one in cameras} - refused
        return frozenset(slots if self._slots is None else slots.intersection(self._slots))

    def met(self, camera: Camera, _which: Which, how: LoginMet) -> None:
        self.told.append((camera.slot, how))
