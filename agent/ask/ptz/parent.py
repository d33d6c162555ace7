"""The parent's side of movement: a child moves one camera; whatever becomes of the child, the camera is put back.

cv2, numpy and zeep never enter this process.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import structs

from agent.ask.attempt import Trouble, boot_ms
from agent.ask.children import parent as children
from agent.ask.ptz import intent as intents
from agent.ask.ptz.intent import Intent, Order
from agent.model import Camera, Capabilities, Movement, NotSeen
from agent.permit import LoginMet
from contract.text import tidy
from contract.vocabulary import Reason

CHILD = "agent.ask.ptz.child"
MEMORY_MB = 800
"""Address space of the child: cv2 and its libraries alone map half of that."""
STARTING_S = 25.0
"""What the child may take beyond the time away: loading, and watching the camera before it is moved."""
PUT_BACK_S = 45.0
_one_at_a_time = threading.Lock()


Met = Callable[[Camera, LoginMet], None]


def move(
    camera: Camera,
    capabilities: Capabilities,
    *,
    max_away_s: float,
    intent_file: Path,
    met: Met = lambda _camera, _how: None,
) -> Movement:
    """Turn, zoom and focus the camera as far as it declares motors, watch the picture, put everything back.

    Blocks for up to `max_away_s` + STARTING_S (+ PUT_BACK_S where the child had to be killed); the camera is away from
    its view for at most `max_away_s`. One camera at a time, also among processes that keep their intents in the same
    folder. `met` is told how the logins went. `restored` False: say so.
    """
    try:
        with _turn(intent_file):
            return _moved(camera, capabilities, max_away_s, intent_file, met)
    except OSError as error:
        return _nothing(Trouble(Reason.AGENT_FAULT, f"not moved: {intent_file.parent}: {error.strerror}"))


@contextmanager
def _turn(intent_file: Path) -> Iterator[None]:
    """Nobody else moves a camera meanwhile. Raises OSError where the folder cannot be locked."""
    with _one_at_a_time:
        folder = os.open(intent_file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)  # and with it the lock, as when the process dies


def _moved(camera: Camera, capabilities: Capabilities, max_away_s: float, intent_file: Path, met: Met) -> Movement:
    if camera.credentials and not capabilities.auth:
        return _nothing(Trouble(Reason.REFUSED, "not moved: no login has worked"))
    left = intents.read(intent_file).get(camera.slot)
    if left and not _put_back(camera, left, intent_file, met):
        told = _nothing(Trouble(Reason.AGENT_FAULT, "not moved: still to be put back from an earlier time"))
        return structs.replace(told, restored=False)
    order = Order(camera=camera, capabilities=capabilities, max_away_s=max_away_s, intent_file=str(intent_file))
    movement = _reported(order, max_away_s + STARTING_S, met)
    if left := intents.read(intent_file).get(camera.slot):
        back = _put_back(camera, left, intent_file, met)
        if isinstance(movement, Trouble):  # the child was killed, or died, with the camera on its way
            return structs.replace(_nothing(movement), restored=back)
    return _nothing(movement) if isinstance(movement, Trouble) else movement


def put_back(
    intent_file: Path,
    camera_of: Callable[[str], Camera | None],
    *,
    allowed: Callable[[str], bool] = lambda _slot: True,
    met: Met = lambda _camera, _how: None,
) -> list[str]:
    """Put back what an agent that died left in the middle of a movement; the slots put back, to be told.

    `met` is told how each login that was `allowed` went.

    A camera that does not answer, or that may not be logged in to now (`allowed`), keeps its intent for the next time;
    one that is no longer enrolled is forgotten. Raises OSError where the folder cannot be locked.
    """
    if not intents.read(intent_file):
        return []
    with _turn(intent_file):
        done = []
        for slot, left in intents.read(intent_file).items():
            camera = camera_of(slot)
            if camera is None:
                intents.erase(intent_file, slot)
            elif allowed(slot) and _put_back(camera, left, intent_file, met):
                done.append(slot)
        return done


def away(intent_file: Path) -> set[str]:
    """The slots whose camera is still to be put back."""
    return set(intents.read(intent_file))


def _put_back(camera: Camera, left: Intent, intent_file: Path, met: Met) -> bool:
    movement = _reported(Order(camera=camera, max_away_s=PUT_BACK_S, put_back=left), PUT_BACK_S + STARTING_S, met)
    if isinstance(movement, Trouble) or not movement.restored:
        return False
    intents.erase(intent_file, camera.slot)
    return True


def _reported(order: Order, deadline_s: float, met: Met) -> Movement | Trouble:
    results = children.run(CHILD, [intents.encode_order(order)], deadline_s=deadline_s, memory_mb=MEMORY_MB)
    try:
        while True:
            try:
                report = intents.decode_report(next(results))
            except msgspec.DecodeError:
                continue
            met(order.camera, report.login)
            return report.movement
    except StopIteration as end:
        trouble: Trouble = end.value
        return trouble
    finally:
        results.close()


def _nothing(trouble: Trouble) -> Movement:
    missing = NotSeen(reason=trouble.reason, detail=tidy(trouble.detail), at=boot_ms())
    return Movement(rotation=missing, zoom=missing, focus=missing)
