"""The center's commands: what each one sets going."""

from agent.slots import Slots
from contract.messages import Command, Result


class Commands:
    """Obeys on any thread; what was set going is not waited for."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def obey(self, command: Command) -> Result:
        """What the center is answered."""
        names = [command.slot] if command.slot else list(self._slots)
        if any(name not in self._slots for name in names):
            return Result(id=command.id, outcome="refused", detail="no such slot here")
        match command.verb:
            case "look":
                for name in names:
                    self._slots[name].look_now.set()
            case "inspect":
                self._slots.ask(names)
            case "discover":
                self._slots.discover_now.set()
            case "rebirth":
                pass  # the uplink greets again
            case _:
                return Result(id=command.id, outcome="unsupported")
        return Result(id=command.id, outcome="done")
