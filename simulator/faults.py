"""The faults a camera can be told to have, and the log of who had which when.

What a fault does to a connection lives where connections are served; here is only its name, meaning and truth.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from contract.vocabulary import Availability
from simulator.shot import SCENES


class Fault(NamedTuple):
    """`truth`: what an honest observer can say of a camera in this state.

    Offline where it cannot be opened and shows it; unknown where it lives but nobody can find out.
    """

    about: str
    truth: Availability


NONE = "none"
_ON, _OFF, _UNKNOWN = Availability.ONLINE, Availability.OFFLINE, Availability.UNKNOWN

REFUSALS = ("404", "453", "461", "500", "503", "close", "reset", "hang")
"""What a camera may do at SETUP or PLAY of a stream that it describes: a status, or how it breaks off."""

FAULTS: dict[str, Fault] = {
    NONE: Fault("back to normal", _ON),
    "off": Fault("power cut: all ports closed, no discovery answer", _OFF),
    "freeze": Fault("the picture stands still, the clock in it goes on", _ON),
    "freeze-all": Fault("picture and clock stand still", _ON),
    "black": Fault("the picture is black", _ON),
    "blue": Fault("a blue screen: no signal", _ON),
    "dark": Fault("the picture is much too dark", _ON),
    "overbright": Fault("the picture is much too bright", _ON),
    "blur": Fault("out of focus", _ON),
    "noise": Fault("snow all over the picture", _ON),
    "streak": Fault("stripes across the picture", _ON),
    "chroma": Fault("a colour cast", _ON),
    "cover": Fault("a cloth hangs over most of the lens", _ON),
    "jitter": Fault("the camera shakes", _ON),
    "turned-away": Fault("somebody turned the camera away", _ON),
    **{name: Fault(about, _ON) for name, about in SCENES.items()},
    "hang": Fault("accepts connections and never answers", _UNKNOWN),
    "drip": Fault("answers one byte each half second", _UNKNOWN),
    "garbage": Fault("answers random bytes", _UNKNOWN),
    "tenmegabytes": Fault("answers ten megabytes", _UNKNOWN),
    "redirect": Fault("redirects every request to a foreign host", _UNKNOWN),
    "foreign-xaddr": Fault("names a foreign host in every address it gives", _ON),
    "wrong-password": Fault("somebody changed the camera's password", _UNKNOWN),
    "lockout": Fault("refuses every login, the right one too", _UNKNOWN),
    "new-address": Fault("moved to another address, and can be opened there", _ON),
    "wrong-clock": Fault("the camera's clock is back in 2010", _ON),
    "busy": Fault("no room for another RTSP session (453)", _ON),
    "rtsp-closed": Fault("RTSP port closed while ONVIF answers", _OFF),
    "onvif-closed": Fault("ONVIF port closed while RTSP streams", _ON),
    "no-snapshot": Fault("nothing is where its snapshots should be (404); it streams", _ON),
    "rtsp-redirect": Fault("RTSP alone redirects to a foreign host", _UNKNOWN),
    "rtsp-basic": Fault("RTSP wants the password in clear (Basic)", _UNKNOWN),
    "rtsp-drip": Fault("RTSP answers one byte each half second", _UNKNOWN),
    "rtsp-huge-length": Fault("RTSP announces a description of two gigabytes and begins to send it", _UNKNOWN),
    "rtsp-huge-frame": Fault("RTSP plays pictures of 8192x8192", _ON),
    "rtsp-undecodable": Fault("RTSP plays pictures that no decoder makes anything of", _UNKNOWN),
    "rtsp-silent": Fault("RTSP agrees to play and sends nothing", _UNKNOWN),
    **{
        f"rtsp-{method}-{how}": Fault(f"RTSP describes its stream and says {how} to {method.upper()}", _UNKNOWN)
        for method in ("setup", "play")
        for how in REFUSALS
    },
}


class Entry(Struct, frozen=True):
    """One line of the log: from `utc_ms` (Unix time, milliseconds) on, `slot` has `fault`."""

    utc_ms: int
    slot: str
    fault: str


class Log:
    """Appends entries to a JSON Lines file as they happen, and keeps them."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Entry] = []
        self._path = path

    def note(self, slot: str, fault: str) -> None:
        entry = Entry(time.time_ns() // 1_000_000, slot, fault)
        self.entries.append(entry)
        if self._path:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(entry) + b"\n")


def read_log(lines: Iterable[str]) -> list[Entry]:
    """Entries of a log file's lines. Raises msgspec.DecodeError on a line that is none."""
    return [msgspec.json.decode(line, type=Entry) for line in lines if line.strip()]
