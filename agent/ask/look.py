"""One look at one camera: TCP, the SOAP clock, RTSP DESCRIBE, all within one wall-clock deadline."""

from collections.abc import Callable
from typing import TypeVar

from agent.ask.attempt import Deadline, Trouble, ask, boot_ms
from agent.ask.box import route
from agent.ask.net import device_lock
from agent.ask.net.connection import NoConnection
from agent.ask.onvif import clock as onvif_clock
from agent.ask.rtsp import sdp
from agent.ask.rtsp.client import NO_ROOM, UNAVAILABLE, Rtsp, Status
from agent.model import Camera, Look, NotSeen, Seen, Stream
from agent.permit import Permit, permit
from contract.reasons import Finding
from contract.vocabulary import Reason

T = TypeVar("T")
LOGIN_REFUSED = NotSeen(reason=Reason.REFUSED, detail="the ONVIF login was refused")
"""Why no stream path is known."""
_CLOCK_SHARE = 0.4
"""Of the deadline, at most, for the clock: ONVIF daemons die and hang while RTSP lives."""


def look(camera: Camera, *, log_in: bool | Permit, deadline_s: float = 5.0, pathless: NotSeen | None = None) -> Look:
    """Look once; never raises, never takes longer than `deadline_s` beyond waiting for the device (see `lock_device`).

    The clock is asked without credentials, the stream with them when the camera wants a login and `log_in` allows it.
    DESCRIBE without OPTIONS before it: it proves more, RFC 2326 does not ask for it, and some cameras close after it.
    Without a stream path RTSP is asked for its OPTIONS only: the port is in `tcp`, `stream` stays UNASKED, or has the
    reason of `pathless`: why the path could not be asked for.
    UNREACHABLE means that our own side had a way to the camera: see box/route.
    """
    with device_lock.acquire_for_look(camera):
        return route.weighed(camera, _Visit(camera, permit(log_in), deadline_s, pathless).look())


lock_device = device_lock.acquire_for_look
"""What a look waits for: whoever holds the device's lock may look at once."""
WAIT_S = device_lock.LOOK_S
"""How long that may take."""


class _Visit:
    def __init__(self, camera: Camera, login: Permit, deadline_s: float, pathless: NotSeen | None) -> None:
        self._camera = camera
        self._login = login
        self._pathless = pathless
        self._at = boot_ms()
        self._deadline = Deadline(deadline_s)
        self._for_clock = self._deadline.within(_CLOCK_SHARE * deadline_s)
        self._accepted: set[int] = set()

    def look(self) -> Look:
        camera, deadline = self._camera, self._for_clock
        clock = ask(
            self._at_port(camera.ports.onvif, lambda: onvif_clock.clock(camera, deadline=deadline)), deadline=deadline
        )
        question = self._describe if camera.stream_path else self._options
        stream = ask(self._at_port(camera.ports.rtsp, question), deadline=self._deadline)
        took_s = round((boot_ms() - self._at) / 1000, 3)
        return Look(
            at=self._at,
            took_s=took_s,
            tcp=self._tcp(clock, stream, took_s),
            clock=clock,
            stream=stream,
            logins_failed=self._login.met.failed,
            attempts_left=self._login.met.attempts_left,
            logged_in=self._login.met.worked,
        )

    def _at_port(self, port: int, question: Callable[[], T]) -> Callable[[], T]:
        """The question, which notes that the port accepted: so it did unless the question ended in NoConnection."""

        def asked() -> T:
            try:
                value = question()
            except (NoConnection, device_lock.DeviceLocked):
                raise
            except Trouble:
                self._accepted.add(port)
                raise
            self._accepted.add(port)
            return value

        return asked

    def _describe(self) -> Stream:
        with Rtsp(self._camera, self._deadline, log_in=self._login, shared=True) as client:
            try:
                description = client.describe(self._camera.stream_path)
            except Status as status:
                raise _room_or_stream(client, status) from None
        return _stream(self._camera.stream_path, description)

    def _options(self) -> Stream:
        with Rtsp(self._camera, self._deadline, log_in=False) as client:
            status = client.options().status
        if (why := self._pathless) is None:
            raise Trouble(Reason.UNASKED, f"RTSP answers ({status}), no stream path known yet")
        raise Trouble(why.reason, f"RTSP answers ({status}), no stream path known: {why.detail}")

    def _tcp(
        self, clock: Seen[T] | NotSeen, stream: Seen[Stream] | NotSeen, took_s: float
    ) -> Seen[tuple[int, ...]] | NotSeen:
        if self._accepted:
            return Seen(value=tuple(sorted(self._accepted)), at=self._at, took_s=took_s)
        missed = [one for one in (stream, clock) if isinstance(one, NotSeen)]
        ours = next((one for one in missed if one.reason is Reason.AGENT_FAULT), missed[0])
        return NotSeen(reason=ours.reason, detail=ours.detail, at=self._at, took_s=took_s, attempts=ours.attempts)


def _room_or_stream(client: Rtsp, status: Status) -> Trouble:
    """What 503 to DESCRIBE is about: where OPTIONS is answered on the same connection there is room for us, and it is
    the stream that cannot be had: a pipeline that does not start says so, a camera full of viewers may.
    """
    if status.status != UNAVAILABLE:
        return status
    try:
        answered = client.options().status
    except Trouble:
        return status
    if answered in NO_ROOM:
        return status
    return Trouble(status.reason, f"{status.detail} to DESCRIBE, {answered} to OPTIONS", Finding.STREAM_UNAVAILABLE)


def _stream(path: str, description: bytes) -> Stream:
    """What a description offers. Raises Trouble(UNSUPPORTED) when it has media but no video, MALFORMED without any."""
    media = sdp.outline(description)
    if not media:
        raise Trouble(Reason.MALFORMED, "description without media")
    videos = [one for one in media if one.kind == "video"]
    if not videos:
        raise Trouble(Reason.UNSUPPORTED, "no video in SDP")
    return Stream(path=path, media=tuple(map(str, media)), codec="".join(videos[0].codecs[:1]))
