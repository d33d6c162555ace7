"""What a slot's record is made of, and what is observed of a camera beside Look, Evidence, Movement and Sighting."""

from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from agent.decide import soundness
from agent.decide.availability import Change
from agent.decide.soundness import PictureChange
from agent.model import Device, Evidence, Look, Movement, NotSeen, Picture, Seen
from contract.messages import SlotVerdicts
from contract.vocabulary import Reason

if TYPE_CHECKING:
    from agent.decide.roster import Sighting

FIRST_WAIT_MS = 60_000
"""Between two suggestions to ask a camera."""

# ---- what is observed, beside Look, Evidence and Movement ---------------------------------------


class Unwatched(Struct, frozen=True, kw_only=True):
    """Nobody could see the camera from boot ms `since` on; `reason` as in availability.stuck."""

    since: int
    reason: Reason


class Checked(Struct, frozen=True, kw_only=True):
    """One check of a camera's picture over `source` (sub, main); None = it was due and not made.

    `decodable`: whether a picture could be made of its stream; None = not told. `room`: as in availability.after_check.
    `signature`: small and gray.
    """

    picture: Seen[Picture] | NotSeen | None
    source: str = "main"
    decodable: bool | None = None
    room: bool | None = None
    signature: bytes = b""


class Provisional(Struct, frozen=True, kw_only=True):
    """Evidence whose picture is still to be decoded: shown meanwhile, and nothing is told to have changed since."""

    evidence: Evidence


Changes = tuple[Change | PictureChange, ...]
Observation: TypeAlias = "Look | Unwatched | Checked | Evidence | Provisional | Movement | Sighting"


# ---- what is known ------------------------------------------------------------------------------


class PictureState(Struct, frozen=True, kw_only=True):
    """What is known of one slot's picture. `seen_at`: boot ms of the last check that showed one.

    `last`: of the last check; None before the first.
    """

    state: soundness.State = {}
    seen_at: int | None = None
    last: Seen[Picture] | NotSeen | None = None


class Inspected(Struct, frozen=True, kw_only=True):
    """The last judgement of one slot."""

    verdicts: SlotVerdicts
    device: Device | None
    provisional: bool = False
    """Its picture was still to be decoded."""


class Checks:
    """How one slot's picture was checked, and when it is to be checked again. Times in boot ms."""

    def __init__(self) -> None:
        self.at = 0
        self.due: int | None = None
        """It is to be checked then, before the next round."""
        self.signatures: dict[str, bytes] = {}
        """Source -> small gray picture that the next check is compared with."""
        self.unusable_path = ""
        """The path of its sub-stream where that shows nothing: the main stream is checked instead."""
        self.fingerprint = 0.0
        """Of the last snapshot."""
        self.patient = False
        """Its keyframes come too seldom: the next visit is a patient one."""
        self.impatient_until = 0
        """No other patient visit is made before then."""
        self.turn = 0
        """Counts what could not show a camera without room for us, streams and witnesses: the next is tried then."""
        self.undecodable = False
        """Whether the last check that could tell found the stream undecodable."""
        self.crowded = False
        """Once there was no room for us: who else needs its streams is not to find us there every minute."""


class Asking:
    """Whether one slot is to be asked for its capabilities soon."""

    def __init__(self) -> None:
        self.wanted = False
        self.not_before, self.wait_ms = 0, FIRST_WAIT_MS
        """When a suggestion counts again (boot ms), and how long the next one waits."""
