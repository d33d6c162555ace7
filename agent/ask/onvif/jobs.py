"""What goes to the capability child for one camera and what comes back: the two lines both sides must agree on."""

import msgspec
from msgspec import structs

from agent.ask.attempt import Trouble, boot_ms
from agent.ask.children import lines
from agent.model import UNASKED, Camera, Capabilities, NotSeen
from agent.permit import LoginMet
from contract.text import tidy


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One camera to be asked. `auth`: the learnt way to log in. `deadline_s`: when the whole batch has to be done."""

    camera: Camera
    log_in: bool
    auth: str = ""
    deadline_s: float = 60.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt of one slot, and how its login went."""

    slot: str
    capabilities: Capabilities
    login: LoginMet | None = None
    """None: the child ended before it told."""


def encode_job(job: Job) -> bytes:
    """One line without its end, passwords in clear."""
    return lines.in_clear(job)


def decode_job(line: bytes) -> Job:
    """The job again. Raises msgspec.DecodeError, which quotes no value."""
    return lines.sealed(line, Job)


def encode_answer(answer: Answer) -> bytes:
    return msgspec.json.encode(answer)


def decode_answer(line: bytes) -> Answer:
    """Raises msgspec.DecodeError for anything a sound child would not write."""
    return msgspec.json.decode(line, type=Answer)


def unanswered(trouble: Trouble) -> Capabilities:
    """Nothing was learnt, and why: the same reason for every question."""
    missing = NotSeen(reason=trouble.reason, detail=tidy(trouble.detail), at=boot_ms())
    return structs.replace(Capabilities(), **dict.fromkeys(_QUESTIONS, missing))


_QUESTIONS = tuple(name for name in Capabilities.__struct_fields__ if getattr(Capabilities(), name) is UNASKED)
