"""What is said and done when a camera refuses a login, and when it takes it again."""

import logging
import math
from collections.abc import Callable

from agent.login_gate import Refusal
from agent.model import Camera
from agent.slots import Slots
from contract.vocabulary import Reason

log = logging.getLogger(__name__)


class LoginNews:
    """What LoginGate calls when a login is refused or works again. `certain_s()`: the gate's clock."""

    def __init__(self, slots: Slots, certain_s: Callable[[], float]) -> None:
        self._slots, self._certain_s = slots, certain_s

    def refused(self, camera: Camera, refusal: Refusal) -> None:
        """Said once; the status file shows it as long as it lasts."""
        left = f"; it leaves {refusal.attempts_left} attempts" if refusal.attempts_left is not None else ""
        log.warning(
            "%s: the camera at %s refuses our login%s. The next one is tried in %d min, so that it does not lock the"
            " account; a corrected user or password in the configuration is tried at once after a restart",
            camera.slot,
            camera.address,
            left,
            math.ceil((refusal.until_s - self._certain_s()) / 60),
            extra={"slot": camera.slot, "reason": Reason.REFUSED},
        )
        self._slots.changed.set()

    def works(self, camera: Camera) -> None:
        """What could not be asked meanwhile is asked now, of all slots at that address."""
        log.info("%s: the login that was refused works again", camera.slot, extra={"slot": camera.slot})
        self._slots.ask(slot.name for slot in self._slots.at(camera.address))
        self._slots.changed.set()
