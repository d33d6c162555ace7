"""What is written down before a camera is moved, so that it can be put back whatever happens; and the mover's job."""

import contextlib
import logging
from pathlib import Path

import msgspec
from msgspec import Struct

from agent import files
from agent.ask.children import lines
from agent.model import Camera, Capabilities, Movement, PtzStatus, Service
from agent.permit import LoginMet
from contract.messages import BROKEN_JSON

log = logging.getLogger(__name__)


class Intent(Struct, frozen=True, kw_only=True):
    """One camera that is being moved, as it was before.

    `profile`: the media profile whose head moves; `position`: where GetStatus said it was; `preset`: the temporary one
    that keeps the place. `source`: the video source whose focus moves;
    `autofocus`: AUTO or MANUAL, "" = unknown; `focus`: position of the focus motor. No password, no picture.
    """

    slot: str
    at: int
    """Boot ms."""
    services: tuple[Service, ...] = ()
    auth: str = ""
    profile: str = ""
    position: PtzStatus | None = None
    preset: str = ""
    source: str = ""
    autofocus: str = ""
    focus: float | None = None


class Order(Struct, frozen=True, kw_only=True):
    """What the moving child is told: to move the camera and look, or (with `put_back`) only to undo that."""

    camera: Camera
    capabilities: Capabilities = Capabilities()
    max_away_s: float = 60.0
    intent_file: str = ""
    put_back: Intent | None = None


class Report(Struct, frozen=True, kw_only=True):
    """What the moving child answers, and how its logins went."""

    slot: str
    movement: Movement = Movement()
    login: LoginMet = LoginMet()


def encode_order(order: Order) -> bytes:
    """One line without its end, passwords in clear: for the child's standard input alone."""
    return lines.in_clear(order)


def decode_order(line: bytes) -> Order:
    """Raises msgspec.DecodeError."""
    return lines.sealed(line, Order)


def encode_report(report: Report) -> bytes:
    return msgspec.json.encode(report)


def decode_report(line: bytes) -> Report:
    """Raises msgspec.DecodeError for anything a sound child would not write."""
    return msgspec.json.decode(line, type=Report)


def read(file: Path) -> dict[str, Intent]:
    """What was written, by slot; what cannot be read is set aside and counts as nothing."""
    try:
        return msgspec.json.decode(files.read(file), type=dict[str, Intent])
    except FileNotFoundError:
        return {}
    except (OSError, *BROKEN_JSON) as error:
        log.warning("%s cannot be used (%s): set aside as %s.unreadable", file, error, file.name)
        with contextlib.suppress(OSError):
            file.replace(file.with_name(file.name + ".unreadable"))
        return {}


def write(file: Path, intent: Intent) -> None:
    """Have it on disk, beside those of other slots, power cut or not. Raises OSError."""
    files.write_atomically(file, msgspec.json.encode({**read(file), intent.slot: intent}), durable=True)


def erase(file: Path, slot: str) -> None:
    """The camera is as it was, or will never be."""
    left = {name: intent for name, intent in read(file).items() if name != slot}
    with contextlib.suppress(OSError):
        if left:
            files.write_atomically(file, msgspec.json.encode(left), durable=True)
        else:
            file.unlink(missing_ok=True)
