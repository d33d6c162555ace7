"""What a door is: it sends one message, within a bounded time, and says what became of it. It never raises.

`said` is a code with at most one word more ("http_status 503"): never an address, an answer's text or a secret.
"""

from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """`key`: the same at every try. `body`: JSON. `uncertain`: times that it may have arrived before."""

    key: str
    subject: str
    text: str
    body: str
    created_ms: int
    uncertain: int = 0


class Delivered(NamedTuple):
    """The other side has taken it."""

    said: str = ""


class Refused(NamedTuple):
    """It never will: trying again changes nothing."""

    said: str


class Failed(NamedTuple):
    """It may be tried again, not before `wait_s`. `uncertain`: it may have arrived in spite."""

    said: str
    uncertain: bool = False
    wait_s: float = 0.0


Outcome = Delivered | Refused | Failed


class Door(Protocol):
    """`per_minute`: messages that the other side takes in a minute, 0: any number."""

    per_minute: int

    def send(self, message: Message) -> Outcome: ...
