"""Child only, run as `python -m agent.ask.ptz.child`: one camera moved, watched and put back; or put back alone.

What stood before is on disk before the first command. Who started us, and what the results mean, must not be known
here.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
from msgspec import structs

from agent.ask.attempt import Deadline, Trouble, boot_ms
from agent.ask.children.child import Tell, serve
from agent.ask.net.snapshot import Snapshots
from agent.ask.ptz import intent as intents
from agent.ask.ptz import pan_sweep, registration, restore
from agent.ask.ptz.commands import Motors, PtzClient, prepare
from agent.ask.ptz.intent import Intent, Order, Report
from agent.ask.ptz.live import LiveStream
from agent.ask.ptz.registration import Match
from agent.ask.ptz.settle import Faults, steadily
from agent.ask.ptz.viewfinder import PICTURE_S, Source, TimedFrame, Viewfinder
from agent.ask.ptz.zoom_focus import focus, zoom
from agent.model import Camera, Movement, NotSeen, Seen
from agent.permit import Permit
from contract.text import tidy
from contract.vocabulary import Reason

T = TypeVar("T")

PREPARE_S = 20.0
"""For all that comes before the first move."""
RETURN_S = 20.0
"""Kept of the time away for coming back."""
WATCH_S = 2.0
"""How long a camera is watched for movements of its own before it is moved."""
WATCHES = 3
"""So often at most, while it is somewhere else and not on a straight way: steam and people do that, and a slow head."""
DRIFT = 0.012
"""Widths in WATCH_S: half a degree a second and more."""

_clients: list[PtzClient] = []
"""What is to be stopped when the parent dies."""


def work(lines: list[bytes], tell: Tell) -> None:
    """Carry out the one order and tell its report."""
    order = intents.decode_order(lines[0])
    cv2.setNumThreads(1)
    prepare()
    if order.put_back:
        movement = Movement(restored=restore.put_back(order.camera, order.put_back, order.max_away_s, _clients.append))
    else:
        movement = Visit(order).movement()
    tell(intents.encode_report(Report(slot=order.camera.slot, movement=movement, login=_clients[0].met)))


def part() -> None:
    """The parent has died: the head stops, and what remains to be put back is on disk."""
    for ptz in _clients:
        ptz.emergency_stop()


class Visit:
    """One camera, from the view before to the view after."""

    def __init__(self, order: Order) -> None:
        self._camera, self._told = order.camera, order.capabilities
        self._file, self._away_s = Path(order.intent_file), order.max_away_s
        self._prepare = Deadline(PREPARE_S)
        self._motors = Motors(order.camera, order.capabilities)
        self._ptz = PtzClient(order.camera, self._motors, auth=order.capabilities.auth, deadline=self._prepare)
        self._finders: list[Viewfinder] = []
        self._live: LiveStream | None = None
        self._faults = Faults()
        _clients.append(self._ptz)

    def movement(self) -> Movement:
        """Everything that may be tried, and the view restored. A camera that was not moved counts as restored."""
        try:
            return self._visit()
        except Trouble as trouble:
            return _nothing(trouble.reason, trouble.detail)
        finally:
            for finder in self._finders:
                finder.close()
            self._ptz.close()

    def _visit(self) -> Movement:
        if not (self._motors.pan or self._motors.zoom or self._motors.focus):
            return Movement()
        self._ptz.set_clock()
        finder, fine = self._opened(self._sub()), self._opened(self._main())
        before = self._watched(finder)
        if self._faults:
            told = _nothing(Reason.UNASKED, "not moved: it moves by itself")
            return structs.replace(told, faults=tuple(self._faults))
        if finder.frozen:
            return _nothing(Reason.MALFORMED, "not moved: the picture is frozen")
        intent = self._written_down()
        found, restored = Movement(), False
        whole, away = Deadline(self._away_s), Deadline(max(self._away_s - RETURN_S, self._away_s / 2))
        self._ptz.deadline = finder.deadline = fine.deadline = whole
        ways = restore.RestorePath(finder, self._ptz, before, intent, self._faults)
        try:
            found = self._moved(found, finder, fine, ways, away)
        finally:
            restored = ways.back()
            if restored:
                ways.forget()
                intents.erase(self._file, self._camera.slot)
        return structs.replace(found, restored=restored, faults=tuple(sorted(self._faults)))

    def _moved(
        self, found: Movement, finder: Viewfinder, fine: Viewfinder, ways: restore.RestorePath, away: Deadline
    ) -> Movement:
        """Focus, zoom, turn, as far as there are motors and a way back; the longest last."""
        ptz, faults = self._ptz, self._faults
        no_way = NotSeen(reason=Reason.UNASKED, detail="not moved: nothing is known to come back to")
        if self._motors.focus:
            blur = partial(focus, finder, ptz, ways.focus, away)
            found = structs.replace(found, focus=_seen(blur) if ways.focus.known else no_way)
        if self._motors.zoom:
            enlarge = partial(zoom, finder, fine, ptz, faults, away)
            found = structs.replace(found, zoom=_seen(enlarge) if ways.known else no_way)
            ways.back()
        if self._motors.pan:
            turn = partial(pan_sweep.rotate, finder, ptz, faults, away)
            found = structs.replace(found, rotation=_seen(turn) if ways.known else no_way)
        return found

    # ---- before ---------------------------------------------------------------------------------

    def _sub(self) -> str:
        """The profile looked at: small, for it is looked at often."""
        uri = self._told.sub_stream_uri
        return uri.value.profile if isinstance(uri, Seen) else self._main()

    def _main(self) -> str:
        return self._motors.profile.token if self._motors.profile else ""

    def _opened(self, profile: str) -> Viewfinder:
        finder = Viewfinder(self._source(profile), self._prepare)
        self._finders.append(finder)
        return finder

    def _source(self, profile: str) -> Source:
        """Its snapshots; where it has none, the stream, which is watched in one size alone."""
        if self._live:
            return self._live
        try:
            snapshots = Snapshots(self._camera, self._ptz.snapshot_place(profile), log_in=self._ptz.snapshots)
            snapshots.take(self._prepare.within(PICTURE_S))
        except Trouble:
            if (watched := self._streaming()) is None:
                raise
            same = watched.stream_credentials == watched.credentials  # the only login whose refusal is told
            self._live = LiveStream(watched, log_in=self._ptz.snapshots if same else Permit(False))
            return self._live
        return snapshots

    def _streaming(self) -> Camera | None:
        """The camera with its smallest stream; None where none is known."""
        known = [one for one in (self._told.sub_stream_uri, self._told.stream_uri) if isinstance(one, Seen)]
        if self._camera.stream_path or not known:
            return self._camera if self._camera.stream_path else None
        uri = known[0].value
        ports = structs.replace(self._camera.ports, rtsp=uri.port)
        return structs.replace(self._camera, stream_path=uri.path, ports=ports)

    def _watched(self, finder: Viewfinder) -> TimedFrame:
        """The view before anything is done; "drifts" is noted when it changes steadily by itself."""
        first = last = finder.look()
        if registration.match(first.view, first.view) is None:
            raise Trouble(Reason.UNASKED, "not moved: too little in the picture to measure by")
        steps, since_s = list[Match | None](), time.monotonic()  # a late picture shows what is there when it comes
        for turn in range(1, WATCHES + 1):
            while last.at_s < since_s + turn * WATCH_S:
                now = finder.look()
                steps.append(finder.overlay.match(last.view, now.view))
                last = now
            whole = finder.overlay.match(first.view, last.view)
            if whole and whole.covered >= registration.MOST and whole.shifted <= DRIFT:
                break
            way = sum(step.shifted for step in steps if step)
            gone = steadily(steps) if whole is None else whole.whole and whole.shifted > max(DRIFT, 0.6 * way)
            if gone:
                self._faults.add("drifts")
                break
        return last

    def _written_down(self) -> Intent:
        """What stands, on disk: once before a temporary preset is made, and once with it. Raises Trouble."""
        motors, ptz = self._motors, self._ptz
        intent = Intent(
            slot=self._camera.slot,
            at=boot_ms(),
            services=tuple(motors.services.values()),
            auth=ptz.way or self._told.auth,
            profile=self._main() if motors.turns else "",
            position=ptz.status() if motors.positions else None,
            source=motors.source if motors.focus else "",
            autofocus=ptz.autofocus() if motors.focus else "",
            focus=ptz.focus_position() if motors.focus else None,
        )
        try:
            intents.write(self._file, intent)
            if motors.pan or motors.zoom:
                intent = structs.replace(intent, preset=ptz.set_preset())
                intents.write(self._file, intent)
        except OSError as error:
            raise Trouble(Reason.AGENT_FAULT, f"not moved: cannot write down what stands: {error.strerror}") from None
        return intent


def _seen(manoeuvre: Callable[[], T | NotSeen]) -> Seen[T] | NotSeen:
    at, began = boot_ms(), time.monotonic()
    found: T | NotSeen
    try:
        found = manoeuvre()
    except Trouble as trouble:
        found = NotSeen(reason=trouble.reason, detail=tidy(trouble.detail))
    took_s = round(time.monotonic() - began, 3)
    if isinstance(found, NotSeen):
        return structs.replace(found, at=at, took_s=took_s)
    return Seen(value=found, at=at, took_s=took_s)


def _nothing(reason: Reason, detail: str) -> Movement:
    missing = NotSeen(reason=reason, detail=tidy(detail), at=boot_ms())
    return Movement(rotation=missing, zoom=missing, focus=missing)


if __name__ == "__main__":
    serve(work, on_parent_death=part)
