"""Who plays, which faults strike whom when, and what is true meanwhile: data alone.

The truth is what a person with a player on the camera LAN would say: the stream opens and a picture decodes, for
anyone.
It is written down here, beside each fault, and the witness holds it against what it sees.
"""

from typing import Literal, NamedTuple

from benchmarks.truth.score import OFFLINE, ONLINE, Span, Window

NET = "192.168.77"
SECONDS = 1200
"""Of the whole plan; `Plan.scaled` shortens all of it alike."""

Server = Literal["simulated", "gstreamer"]


class Actor(NamedTuple):
    """`what`: the simulator's persona, or the manners of the GStreamer server (see gst.py)."""

    slot: str
    server: Server
    what: str
    path: str
    mute_icmp: bool = False
    """Its firewall drops ping, as many a camera's does."""

    @property
    def number(self) -> int:
        return next(i for i, one in enumerate(CAST, 1) if one.slot == self.slot)

    @property
    def address(self) -> str:
        return f"{NET}.{100 + self.number}"

    @property
    def spare(self) -> str:
        """Where it moves to when its address changes."""
        return f"{NET}.{150 + self.number}"


CAST = (
    Actor("cook-1", "simulated", "hikvision-dome", "/Streaming/Channels/101"),
    Actor("cook-2", "simulated", "dahua-bullet", "/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif"),
    Actor("wash-1", "simulated", "tplink-typed-probe", "/stream1"),
    Actor("wash-2", "simulated", "fixed-720p", "/media/video1"),
    Actor("prep-1", "simulated", "hikvision-dome", "/Streaming/Channels/101"),
    Actor("prep-2", "simulated", "tplink-typed-probe", "/stream1"),
    Actor("cold-1", "simulated", "fixed-720p", "/media/video1"),
    Actor("cold-2", "simulated", "hikvision-dome", "/Streaming/Channels/101"),
    Actor("store-1", "simulated", "dahua-bullet", "/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif"),
    Actor("store-2", "simulated", "tplink-typed-probe", "/stream1"),
    Actor("serve-1", "simulated", "hikvision-dome", "/Streaming/Channels/101", mute_icmp=True),
    Actor("serve-2", "simulated", "fixed-720p", "/media/video1"),
    Actor("gate-1", "gstreamer", "", "/live"),
    Actor("gate-2", "gstreamer", "one-client", "/live"),
    Actor("gate-3", "gstreamer", "", "/live"),
)

Kind = Literal["simulator", "cable", "gstreamer", "held"]


class Strike(NamedTuple):
    """In [at_s, until_s) the camera has the fault `act`. `openable`: what a person with a player says meanwhile.

    `beats`: whether what sends the camera's own heartbeats still runs. `shown`: whether it can be seen from outside
    that nobody can open it (nobody accepts, the host is gone, or RTSP denies the stream); else an observer that takes
    nothing for granted may say "unknown" and no more, for others may be watching.
    """

    slot: str
    at_s: float
    until_s: float
    kind: Kind
    act: str
    openable: bool
    beats: bool
    about: str
    shown: bool = True


STRIKES = (
    Strike("cook-2", 640, 1170, "cable", "out", False, True, "cable out, through all cuts of our own side"),
    Strike("wash-1", 300, 390, "simulator", "off", False, False, "rebooted: ping answers, every port refuses"),
    Strike("wash-2", 120, 420, "simulator", "rtsp-closed", False, True, "RTSP is dead, ONVIF lives"),
    Strike("prep-1", 200, 640, "simulator", "onvif-closed", True, True, "ONVIF is dead, RTSP lives"),
    Strike("prep-2", 240, 480, "simulator", "hang", False, False, "accepts, never answers", False),
    Strike("cold-1", 150, 570, "simulator", "rtsp-silent", False, True, "agrees to play, sends nothing", False),
    Strike("cold-2", 90, 510, "simulator", "rtsp-undecodable", False, True, "plays what no decoder understands", False),
    Strike("store-1", 180, 600, "simulator", "black", True, True, "a black picture, which opens"),
    Strike("store-2", 210, 570, "simulator", "new-address", True, True, "another address from DHCP"),
    Strike("serve-2", 135, 155, "simulator", "off", False, False, "gone for 20 s"),
    Strike("serve-2", 345, 365, "simulator", "off", False, False, "gone for 20 s"),
    Strike("serve-2", 615, 635, "simulator", "off", False, False, "gone for 20 s"),
    Strike("gate-1", 270, 560, "gstreamer", "kill", False, False, "a foreign server killed and restarted"),
    Strike("gate-2", 180, 640, "held", "", True, True, "its only stream is held by the platform"),
    Strike(
        "gate-3",
        330,
        640,
        "gstreamer",
        "break",
        False,
        True,
        "a foreign server whose pipeline cannot start: 503",
        False,
    ),
)

Cut = Literal["uplink", "no carrier", "silent"]


class OwnCut(NamedTuple):
    """Our own side, no camera: the uplink is gone, the port has no carrier, or a carrier and a switch that is mute."""

    at_s: float
    until_s: float
    kind: Cut


CUTS = (OwnCut(700, 860, "uplink"), OwnCut(920, 980, "no carrier"), OwnCut(1040, 1120, "silent"))


class Plan(NamedTuple):
    """What is played. `look_s`: from one look of a contender to the next; `beat_s`: from heartbeat to heartbeat."""

    seconds: float
    strikes: tuple[Strike, ...]
    cuts: tuple[OwnCut, ...]
    look_s: float
    beat_s: float
    picture_s: float
    """Between the agent's picture checks."""


FULL = Plan(SECONDS, STRIKES, CUTS, 30, 60, 300)


def scaled(plan: Plan, share: float, look_s: float) -> Plan:
    """The same in less time: what strikes at 400 s strikes at 400 * `share`; intervals in proportion to the looks."""
    ratio = look_s / plan.look_s
    return Plan(
        plan.seconds * share,
        tuple(one._replace(at_s=one.at_s * share, until_s=one.until_s * share) for one in plan.strikes),
        tuple(one._replace(at_s=one.at_s * share, until_s=one.until_s * share) for one in plan.cuts),
        look_s,
        plan.beat_s * ratio,
        plan.picture_s * ratio,
    )


QUICK = scaled(FULL, 1 / 4, 10)


def truth(
    slot: str, begin: int, end: int, strikes: list[tuple[Strike, Window]], not_shown: str = OFFLINE
) -> list[Span]:
    """One camera's truth over [begin, end); each strike with the moments in UTC ms at which it began and ended.

    `not_shown`: what is said instead while it cannot be seen from outside that nobody can open the camera.
    """
    downs = sorted((when, strike.shown) for strike, when in strikes if strike.slot == slot and not strike.openable)
    spans, at = [], begin
    for (low, high), shown in downs:
        spans += [Span(at, low, ONLINE), Span(low, min(high, end), OFFLINE if shown else not_shown)]
        at = min(high, end)
    return [one for one in (*spans, Span(at, end, ONLINE)) if one.begin < one.end]
