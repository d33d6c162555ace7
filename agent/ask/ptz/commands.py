"""Child only: the commands that move one camera's head, zoom and focus (ONVIF PTZ 5.3 to 5.6, Imaging 5.1.7 to 5.1.9).

Every turn carries a timeout after which the camera stops by itself, and `stop` stops it whatever the camera implements.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from msgspec import structs

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net import device_lock
from agent.ask.net.http import Place
from agent.ask.onvif import clock as onvif_clock
from agent.ask.onvif import endpoints, media_replies, ptz_replies, soap
from agent.ask.onvif.client import OnvifClient, Question
from agent.ask.onvif.envelope import Node, text
from agent.ask.onvif.login import Login
from agent.ask.ptz.intent import Intent
from agent.model import (
    Camera,
    Capabilities,
    FocusMove,
    Profile,
    PtzStatus,
    Seen,
    Service,
    Space,
    Span,
    main_profile,
    own_profiles,
    values,
)
from agent.permit import LoginMet, Permit
from contract.vocabulary import Reason

T = TypeVar("T")

COMMAND_S = 4.0
"""For one command, its answer included."""
TIMEOUT_S = 3.0
"""A turn that is not renewed so long ends by itself (Timeout of ContinuousMove)."""
PRESET_NAME = "canteen-agent"
OPERATIONS = {
    "media": ("GetSnapshotUri",),
    "ptz": ("ContinuousMove", "Stop", "AbsoluteMove", "GetPresets", "SetPreset", "GotoPreset", "RemovePreset"),
    "imaging": ("GetImagingSettings", "SetImagingSettings", "Move", "Stop", "GetStatus"),
}
"""What soap.also has to be told."""
_UNIT = Span(low=-1.0, high=1.0)


class Motors:
    """What of a camera's declared capabilities is used to move it; everything may be missing."""

    def __init__(self, camera: Camera, told: Capabilities) -> None:
        own = own_profiles(values(told.profiles), camera.channel)
        turning = [p for p in own if p.ptz]
        self.profile = main_profile(turning or own)
        self.turns = self.profile is not None and bool(self.profile.ptz)
        spaces = [s for s in _spaces(told, self.profile.ptz if self.profile else "") if s.x.moves]
        self.pan = _first(spaces, "continuous", "pan_tilt")
        self.zoom = _first(spaces, "continuous", "zoom")
        self.positions = {s.axis: s for s in reversed(spaces) if s.kind == "absolute"}
        self.source = self.profile.source if self.profile else ""
        focus = told.focus.get(self.source)
        self.focus: FocusMove | None = focus.value if isinstance(focus, Seen) and focus.value.moves else None
        self.services = {service.name: service for service in values(told.services)}


def _spaces(told: Capabilities, token: str) -> list[Space]:
    """Of the configuration that the profile binds and of its node."""
    configuration = next((one for one in values(told.configurations) if one.token == token), None)
    if configuration is None:
        return []
    node = next((one for one in values(told.nodes) if one.token == configuration.node), None)
    return [*values(configuration.spaces), *(node.spaces if node else ())]


def _first(spaces: list[Space], kind: str, axis: str) -> Space | None:
    """The generic space where there is one: its speeds are shares of the full one."""
    fit = [space for space in spaces if (space.kind, space.axis) == (kind, axis)]
    return next((space for space in fit if "Generic" in space.uri), fit[0] if fit else None)


class PtzClient:
    """Sends PTZ and Imaging commands to one camera until `deadline`. They raise Trouble; none is repeated by itself."""

    def __init__(self, camera: Camera, motors: Motors, *, auth: str, deadline: Deadline) -> None:
        self.motors = motors
        self._camera = camera
        self._login = Login(auth)
        self.deadline = deadline
        self._client = self._new_client(motors.services)
        self._lock = threading.Lock()
        self._over = False
        self._timeouts = True
        self.moved = False
        """Whether head or zoom was told to move since it was last seen to be back."""
        self.snapshots = Permit()
        """Leave to log in for snapshots: one for all that are fetched during this movement."""

    def _new_client(self, services: Mapping[str, Service]) -> OnvifClient:
        client = OnvifClient(self._camera, self._login, log_in=True)
        client.services = dict(services)
        return client

    def set_clock(self) -> None:
        """Learn the camera's time, for signing; a camera that does not tell it is signed to in ours."""
        try:
            reading = onvif_clock.clock(self._camera, deadline=self.deadline.within(COMMAND_S))
        except Trouble:
            return
        self._client.skew_s = reading.skew_s or 0.0

    def close(self) -> None:
        self._client.close()

    def _do(self, service: str, operation: str, arguments: Mapping[str, Any], read: Callable[[Node], T]) -> T:
        with self._lock:
            if self._over:
                raise Trouble(Reason.AGENT_FAULT, "the agent has gone")
            within = self.deadline.within(COMMAND_S)
            return self._client.put(Question(service, operation, arguments), read, within)

    def _order(self, service: str, operation: str, arguments: Mapping[str, Any]) -> None:
        self._do(service, operation, arguments, _nothing)

    @property
    def _token(self) -> str:
        return self.motors.profile.token if self.motors.profile else ""

    # ---- head and zoom --------------------------------------------------------------------------

    def pan(self, share: float) -> None:
        """Pan at a share (-1..1) of the full speed, for TIMEOUT_S unless renewed; tilt and zoom stay."""
        x = _part(self.motors.pan.x if self.motors.pan else _UNIT, share)
        self._move({"PanTilt": {"x": x, "y": 0.0}})

    def zoom(self, share: float) -> None:
        """Zoom at a share (-1..1) of the full speed, likewise."""
        self._move({"Zoom": {"x": _part(self.motors.zoom.x if self.motors.zoom else _UNIT, share)}})

    def _move(self, velocity: Mapping[str, Any]) -> None:
        arguments = {"ProfileToken": self._token, "Velocity": velocity}
        self.moved = True
        if self._timeouts:
            try:
                self._order("ptz", "ContinuousMove", {**arguments, "Timeout": timedelta(seconds=TIMEOUT_S)})
            except Trouble as trouble:
                if "imeout" not in trouble.detail or trouble.reason is Reason.TIMED_OUT:
                    raise
                self._timeouts = False  # refuses the timeout itself; the emergency stop remains
            else:
                return
        self._order("ptz", "ContinuousMove", arguments)

    def stop(self) -> None:
        """Stop; where the camera knows no Stop, zero velocity (what it turned before decides which). Raises Trouble."""
        try:
            self._order("ptz", "Stop", {"ProfileToken": self._token, "PanTilt": True, "Zoom": True})
        except Trouble:
            self.zero_velocity()

    def zero_velocity(self) -> None:
        """ContinuousMove with no velocity on every axis there is."""
        for velocity in self._zeros():
            self._order("ptz", "ContinuousMove", {"ProfileToken": self._token, "Velocity": velocity})

    def _zeros(self) -> list[dict[str, Any]]:
        zeros: list[dict[str, Any]] = [{"PanTilt": {"x": 0.0, "y": 0.0}}] if self.motors.pan else []
        return zeros + ([{"Zoom": {"x": 0.0}}] if self.motors.zoom else [])

    def emergency_stop(self) -> None:
        """The parent has died: no command may follow, and the head is stopped over a connection of its own.

        It does not wait for the device's lock: the visit that it belongs to holds it.
        """
        device_lock.join(self._camera)
        self._lock.acquire(timeout=COMMAND_S)
        self._over = True
        client, within = self._new_client(self.motors.services), Deadline(COMMAND_S)
        client.skew_s = self._client.skew_s
        arguments = {"ProfileToken": self._token, "PanTilt": True, "Zoom": True}
        try:
            client.put(Question("ptz", "Stop", arguments), _nothing, within)
        except Trouble:
            for velocity in self._zeros():
                still = {"ProfileToken": self._token, "Velocity": velocity}
                client.put(Question("ptz", "ContinuousMove", still), _nothing, within)

    def status(self) -> PtzStatus | None:
        """Where GetStatus says that the head is; None where it does not say."""
        question = partial(ptz_replies.status, profile=self._token)
        try:
            found = self._do("ptz", "GetStatus", {"ProfileToken": self._token}, question)
        except Trouble:
            return None
        return found if found.pan is not None or found.zoom is not None else None

    def set_preset(self) -> str:
        """Keep the present place as a temporary preset, our own of an earlier time overwritten; "" where that fails."""
        try:
            presets = self._do("ptz", "GetPresets", {"ProfileToken": self._token}, ptz_replies.presets)
            ours = next((token for token, name in presets if name == PRESET_NAME), "")
            arguments = {"ProfileToken": self._token, "PresetName": PRESET_NAME}
            if ours:
                arguments["PresetToken"] = ours
            return self._do("ptz", "SetPreset", arguments, lambda reply: text(reply, "PresetToken")) or ours
        except Trouble:
            return ""

    def goto_preset(self, preset: str) -> None:
        self._order("ptz", "GotoPreset", {"ProfileToken": self._token, "PresetToken": preset})

    def remove_preset(self, preset: str) -> None:
        self._order("ptz", "RemovePreset", {"ProfileToken": self._token, "PresetToken": preset})

    def absolute_move(self, place: PtzStatus) -> None:
        """AbsoluteMove to what GetStatus said once."""
        position: dict[str, Any] = {}
        if place.pan is not None:
            position["PanTilt"] = {"x": place.pan, "y": place.tilt or 0.0}
            if place.space:
                position["PanTilt"]["space"] = place.space
        if place.zoom is not None:
            position["Zoom"] = {"x": place.zoom}
        self._order("ptz", "AbsoluteMove", {"ProfileToken": self._token, "Position": position})

    # ---- focus ----------------------------------------------------------------------------------

    def autofocus(self) -> str:
        """AUTO or MANUAL, "" where the camera does not say."""
        try:
            return self._do("imaging", "GetImagingSettings", self._imaging(), ptz_replies.autofocus)
        except Trouble:
            return ""

    def set_autofocus(self, mode: str) -> None:
        settings = {"Focus": {"AutoFocusMode": mode}}
        self._order("imaging", "SetImagingSettings", {**self._imaging(), "ImagingSettings": settings})

    def focus_position(self) -> float | None:
        """Where the focus motor says it stands."""
        try:
            return self._do("imaging", "GetStatus", self._imaging(), ptz_replies.focus_position)
        except Trouble:
            return None

    def focus(self, **move: Mapping[str, float]) -> None:
        """One of Absolute=, Relative=, Continuous= as the Imaging service's Move wants it."""
        self._order("imaging", "Move", {**self._imaging(), "Focus": move})

    def stop_focus(self) -> None:
        self._order("imaging", "Stop", self._imaging())

    def _imaging(self) -> dict[str, Any]:
        return {"VideoSourceToken": self.motors.source}

    # ---- pictures -------------------------------------------------------------------------------

    def snapshot_place(self, profile: str) -> Place:
        """Where snapshots of a media profile are fetched. Raises Trouble."""
        media2 = "media" not in self.motors.services and "media2" in self.motors.services
        uri = self._do(
            "media2" if media2 else "media", "GetSnapshotUri", {"ProfileToken": profile}, media_replies.stream_uri
        )
        return endpoints.snapshot(self._camera, uri)

    @property
    def met(self) -> LoginMet:
        """How our logins went, those for snapshots included."""
        ours, theirs = self._login.met(), self.snapshots.met
        last = theirs if theirs.failed else ours
        return structs.replace(last, failed=ours.failed + theirs.failed, worked=ours.worked or theirs.worked)

    @property
    def way(self) -> str:
        """The way of logging in that works."""
        return self._login.way


def motors_of(intent: Intent) -> Motors:
    """The motors that an intent names: enough to put a camera back with nothing else known."""
    motors = Motors(Camera(slot=intent.slot, address="0.0.0.0"), Capabilities())
    motors.profile = Profile(token=intent.profile, media="media", source=intent.source)
    motors.turns, motors.source = bool(intent.profile), intent.source
    motors.services = {service.name: service for service in intent.services}
    return motors


def prepare() -> None:
    """Load the library with all that is needed here. Raises Trouble(AGENT_FAULT)."""
    soap.also(OPERATIONS)
    soap.load()


def _part(span: Span, share: float) -> float:
    """The share of a range's end on that side; where the range is unbounded, of 1."""
    end = span.high if share > 0 else span.low
    return round(abs(share) * (end if end is not None else (1.0 if share > 0 else -1.0)), 4)


def _nothing(_reply: Node) -> None:
    return None
