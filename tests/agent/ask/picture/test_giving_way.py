"""A visit for a picture and a look that waits for the same camera."""

import threading
import time

import pytest

from agent.ask.attempt import Deadline, ask
from agent.ask.look import lock_device, look
from agent.ask.picture import capture
from agent.ask.picture.capture import Footage, film
from agent.model import Camera, NotSeen, Seen
from contract.reasons import Finding
from contract.vocabulary import Reason
from tests import evil
from tests.agent.ask.rtsp.players import clip, plays, rtp
from tests.support.waiting import until


class Visit(threading.Thread):
    """A visit on a thread of its own; `answer` once it has ended."""

    def __init__(self, camera: Camera, seconds: float, *, brief: bool = True) -> None:
        super().__init__(daemon=True)
        self._camera, self._deadline, self._brief = camera, Deadline(seconds), brief
        self.answer: Seen[Footage] | NotSeen | None = None

    def run(self) -> None:
        self.answer = ask(self._film, deadline=self._deadline)

    def _film(self) -> Footage:
        return film(self._camera, log_in=True, deadline=self._deadline, brief=self._brief)


def test_a_camera_that_hangs_keeps_no_look_waiting() -> None:
    """A visit that was not answered at all lets a look in long before its own time is up, and then tries again."""
    with evil.Server(evil.silent) as server:
        camera = server.camera()
        visit = Visit(camera, 120.0)
        visit.start()
        until(lambda: server.connections)
        began = time.monotonic()
        with lock_device(camera):
            assert time.monotonic() - began < 30.0
            assert visit.answer is None
        until(lambda: server.connections == 2)


def test_a_slow_camera_is_visited_again_after_the_look() -> None:
    """One that needs long for its first answer shows its picture all the same."""
    playing, slowly = plays(rtp(clip(320, 240))), threading.Event()

    def behave(peer: evil.Peer) -> None:
        if peer.number == 1:
            slowly.wait()
        playing(peer)

    with evil.Server(behave) as server:
        visit = Visit(server.camera(), 120.0)
        visit.start()
        until(lambda: server.connections)
        with lock_device(server.camera()):
            slowly.set()
        visit.join()
        assert isinstance(visit.answer, Seen), visit.answer


def test_a_camera_that_falls_silent_after_play_keeps_no_look_waiting() -> None:
    """A visit that was granted and is sent nothing lets a look in, and then tries again."""
    with evil.Server(plays([], then=evil.silent)) as server:
        visit = Visit(server.camera(), 120.0)
        visit.start()
        until(lambda: any(request.startswith(b"PLAY") for request in server.requests))
        with lock_device(server.camera()):
            assert visit.answer is None
        until(lambda: sum(request.startswith(b"PLAY") for request in server.requests) == 2)


def test_a_film_that_does_not_go_on_ends_where_a_look_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen by then is enough."""
    monkeypatch.setattr(capture, "SECOND_S", 120.0)
    with evil.Server(plays(list(rtp(clip(320, 240)))[:6], then=evil.silent)) as server:
        visit = Visit(server.camera(), 120.0, brief=False)
        visit.start()
        until(lambda: any(request.startswith(b"PLAY") for request in server.requests))
        with lock_device(server.camera()):
            until(lambda: visit.answer)
        assert isinstance(visit.answer, Seen), visit.answer
        assert visit.answer.took_s < 60.0


def test_a_setup_that_is_not_answered_is_told_so_to_a_look_that_waits_too() -> None:
    """What was described and is not granted is known by nobody but the visit, which says so before the look."""

    def behave(peer: evil.Peer) -> None:
        plays([], changes={"SETUP": lambda *_: peer.wait() or ("", {}, b"")})(peer)

    with evil.Server(behave) as server:
        visit = Visit(server.camera(), 120.0)
        visit.start()
        until(lambda: any(request.startswith(b"SETUP") for request in server.requests))
        with lock_device(server.camera()):
            until(lambda: visit.answer)
        assert isinstance(visit.answer, NotSeen)
        assert visit.answer.finding == Finding.SETUP_FAILED


def test_looks_and_visits_alternate_where_nobody_answers() -> None:
    """Look after look is told that the camera hangs, as if no visit were going on."""
    with evil.Server(evil.silent) as server:
        camera = server.camera()
        visit = Visit(camera, 120.0)
        visit.start()
        until(lambda: server.connections)
        for _ in range(2):
            seen = look(camera, log_in=False, deadline_s=1.0)
            assert isinstance(seen.stream, NotSeen)
            assert seen.stream.reason is Reason.TIMED_OUT
        assert visit.answer is None
