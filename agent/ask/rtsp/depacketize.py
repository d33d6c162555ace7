"""Video out of RTP: H.264 (RFC 6184) and H.265 (RFC 7798) payloads into an Annex B stream that begins with a keyframe.

Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from agent.ask.rtsp import nal
from agent.ask.rtsp.rtp import Packet

CLOCK_HZ = 90_000
"""RTP clock of both codecs (RFC 6184, 8.2.1; RFC 7798, 7.1)."""
MAX_STEP_S = 10.0
"""A timestamp that jumps further from one picture to the next is not believed."""
MAX_SETS = 16
MAX_RECOVERY = 300
PLAIN_INTRA_S = 3.0
"""After so long without a keyframe a picture that merely refers to no other is begun with."""
_START = b"\0\0\0\1"


class _Codec(NamedTuple):
    """How NAL units travel. `name`: H264 or H265.

    `head`: bytes of a unit's header; `shift`, `mask`: where in its first byte the type is.

    `aggregate`, `fragment`: types that carry several units, or a part of one. `slices`: types below are pictures.
    `leads`: types that stand before the slices of a picture, never behind them. `remarks`: the type of SEI.
    """

    name: str
    head: int
    shift: int
    mask: int
    aggregate: int
    fragment: int
    slices: int
    sets: frozenset[int]
    keys: frozenset[int]
    leads: frozenset[int]
    remarks: int

    def kind(self, unit: bytes) -> int:
        return unit[0] >> self.shift & self.mask

    def stream_of(self, sets: Iterable[bytes]) -> bytes:
        """Parameter sets as Annex B, each behind those that it refers to: descriptions name them in any order."""
        return _annex_b(sorted(sets, key=self.kind))

    def header(self, indicator: bytes, fragment: int) -> bytes:
        """The header of the unit that came in fragments: the indicator with the type of the fragment's own header."""
        kept = indicator[0] & ~(self.mask << self.shift)
        return bytes([kept | (fragment & self.mask) << self.shift]) + indicator[1:]


_CODECS = {
    "H264": _Codec(
        "H264",
        head=1,
        shift=0,
        mask=0x1F,
        aggregate=24,
        fragment=28,
        slices=6,
        sets=frozenset({7, 8}),
        keys=frozenset({5}),
        leads=frozenset({6, 7, 8, 9, *range(15, 19)}),
        remarks=6,
    ),
    "H265": _Codec(
        "H265",
        head=2,
        shift=1,
        mask=0x3F,
        aggregate=48,
        fragment=49,
        slices=32,
        sets=frozenset({32, 33, 34}),
        keys=frozenset(range(16, 22)),
        leads=frozenset({32, 33, 34, 35, 39, *range(41, 45)}),
        remarks=39,
    ),
}
"""STAP-A and FU-A (RFC 6184, 5.2), AP and FU (RFC 7798, 4.4); the other forms need an interleaving nobody offers.
Keyframes: IDR (H.264, table 7-1), IRAP (H.265, table 7-1). What leads a picture: H.264, 7.4.1.2.3; H.265,
7.4.2.4.4; not the prefix (14) that scalable H.264 puts before each slice."""
CODECS = frozenset(_CODECS)


class Take(NamedTuple):
    """Pictures that follow one another, from a keyframe on. `data`: Annex B, to be decoded alone.

    `times`: when each was taken, seconds after the visit's first.
    """

    data: bytes
    times: tuple[float, ...]


class _Fields:
    """Tells the two fields of an interlaced frame, which H.264 may send as pictures of their own, from two frames.

    `half`: the first field of a frame whose other one has not come yet.
    """

    def __init__(self, codec: _Codec) -> None:
        self.half: nal.Field | None = None
        self._codec = codec
        self._sequence: nal.Sequence | None = None

    def learn(self, units: Iterable[bytes]) -> None:
        """Parameter sets are among these units."""
        if self._codec.name == "H264":
            for unit in units:
                self._sequence = nal.sequence(unit) or self._sequence

    def completed_by(self, units: Sequence[bytes]) -> bool:
        """Whether the picture of these units is the other field of the frame that was begun."""
        before, self.half = self.half, self._of(units)
        if not (before and self.half and before == self.half._replace(parity=1 - self.half.parity)):
            return False
        self.half = None
        return True

    def _of(self, units: Sequence[bytes]) -> nal.Field | None:
        slices = (unit for unit in units if 0 < self._codec.kind(unit) < self._codec.slices)
        if not self._sequence or not self._sequence.has_fields or not (first := next(slices, b"")):
            return None
        return nal.field(first, self._sequence)


class Reel:
    """Whole pictures of one track: those of `head_s` seconds from the first keyframe on, then the next keyframe.

    A keyframe codes everything anew, so the two can be compared whatever lies between and need not be decoded. Streams
    without any begin at a recovery point (open groups, intra refresh). `full`: a further picture would have exceeded
    `cap` bytes.
    """

    def __init__(self, codec: str, parameter_sets: Iterable[bytes], *, cap: int, head_s: float) -> None:
        self.full = False
        self._codec = _CODECS[codec]
        self._units = _Units(self._codec)
        self._room = cap
        self._head_s = head_s
        self._sets = dict.fromkeys(unit for unit in parameter_sets if unit)
        self._fields = _Fields(self._codec)
        self._fields.learn(self._sets)
        self._head: list[bytes] = []
        self._times: list[float] = []
        self._second: Take | None = None
        self._open: list[bytes] = []
        self._whole = False
        self._stamp = self._first_stamp = self._kept_stamp = 0
        self._now_s = 0.0
        self._arrived_s = self._first_arrival_s = 0.0
        self._since_s: float | None = None
        self._recovers_after = 0
        """Pictures that the head needs beyond its first until all of them is right."""

    @property
    def begun(self) -> bool:
        """Whether there is a whole picture."""
        return self._frames > self._recovers_after

    @property
    def _frames(self) -> int:
        """Pictures of the head; not the last one where its other field has not come."""
        return len(self._head) - (self._second is None and self._fields.half is not None)

    @property
    def done(self) -> bool:
        """Whether nothing more is wanted."""
        return self.full or (self._second is not None and not self._fields.half)

    @property
    def takes(self) -> tuple[Take, ...]:
        """The head, and the keyframe after it if it came; none before the first whole picture."""
        if not self._head:
            return ()
        whole = max(self._frames, 1)
        head = Take(b"".join(self._head[:whole]), tuple(self._times[:whole]))
        return (head, self._second) if self._second and not self._fields.half else (head,)

    def add(self, packet: Packet, at_s: float = 0.0) -> None:
        """The next packet of the track, arrived at `at_s` of any clock.

        A picture is whole when the next begins: some cameras mark every slice, some stamp them all alike.
        """
        if self._since_s is None:
            self._since_s = at_s
        self._take_all(self._units.ended_by(packet))
        if packet.stamp != self._stamp:
            self._close()
        self._stamp, self._whole, self._arrived_s = packet.stamp, packet.marker, at_s
        self._take_all(self._units.of(packet))

    def _take_all(self, units: Iterable[bytes]) -> None:
        for unit in (part for whole in units for part in nal.parted(whole)):
            if self._opens(unit):
                self._close()
            if not self.done:
                self._take(unit)

    def _opens(self, unit: bytes) -> bool:
        """Whether a picture begins with this unit while one is open."""
        kind = self._codec.kind(unit)
        if not any(self._codec.kind(one) < self._codec.slices for one in self._open):
            return False
        slice_ = kind < self._codec.slices
        return kind in self._codec.leads or (slice_ and nal.begins_picture(self._codec.name, unit))

    def end(self) -> None:
        """No more packets come."""
        if self._whole:
            self._take_all(self._units.rest())
            self._close()

    def _take(self, unit: bytes) -> None:
        kind = self._codec.kind(unit)
        if kind in self._codec.sets:
            self._remember(unit)
        if not (self._head or self._open or self._may_begin(unit, kind)):
            return
        self._open.append(unit)
        self._room -= len(_START) + len(unit)
        if self._room < 0:
            self.full, self._open = True, []

    def _may_begin(self, unit: bytes, kind: int) -> bool:
        """Whether a decoder may begin with what this unit belongs to."""
        if kind in self._codec.keys:
            return True
        if kind == self._codec.remarks:
            return nal.recovery(self._codec.name, unit) is not None
        waited_s = self._arrived_s - (self._since_s or 0.0)
        plain = self._codec.name == "H264" and kind == 1 and nal.begins_picture("H264", unit)
        return plain and waited_s >= PLAIN_INTRA_S and nal.is_intra(unit)

    def _recovery(self) -> int | None:
        """Of the open picture: after how many more it is right. 0 = at once; None = never by itself."""
        if any(self._codec.kind(unit) in self._codec.keys for unit in self._open):
            return 0
        name = self._codec.name
        remarks = (nal.recovery(name, unit) for unit in self._open if self._codec.kind(unit) == self._codec.remarks)
        return next((after for after in remarks if after is not None), None)

    def _remember(self, unit: bytes) -> None:
        """The newest last, for it replaces an older set of the same number."""
        self._fields.learn([unit])
        self._sets.pop(unit, None)
        self._sets[unit] = None
        if len(self._sets) > MAX_SETS:
            del self._sets[next(iter(self._sets))]

    def _close(self) -> None:
        """Keep the open picture, or drop it. Parameter sets and remarks alone are none."""
        units, recovery, begun, self._open = self._open, self._recovery(), self.begun, []
        picture = _annex_b(units)
        if self.done or not any(self._codec.kind(unit) < self._codec.slices for unit in units):
            return
        if self._fields.completed_by(units):
            self._join(picture)
            return
        if self._second:  # its other field was lost
            self._fields.half = None
            return
        self._pass_time()
        if not self._head:
            picture = self._codec.stream_of(self._sets) + picture
            self._recovers_after = min(recovery or 0, MAX_RECOVERY)
        if not begun or self._now_s < self._head_s:
            self._head.append(picture)
            self._times.append(self._now_s)
        elif recovery == 0:
            self._second = Take(self._codec.stream_of(self._sets) + picture, (self._now_s,))
        else:
            self._room += len(picture)
            self._fields.half = None

    def _join(self, field: bytes) -> None:
        """The other field of the picture that was kept last."""
        if self._second:
            self._second = self._second._replace(data=self._second.data + field)
        else:
            self._head[-1] += field

    def _pass_time(self) -> None:
        """Timestamps wrap around, and go back and forth where pictures are sent in another order than shown.

        Where they stand still it is the time of arrival that passes.
        """
        if not self._head:
            self._first_stamp, self._first_arrival_s = self._stamp, self._arrived_s
        after_s = ((self._stamp - self._first_stamp) & 0xFFFFFFFF) / CLOCK_HZ
        if self._head and self._stamp == self._kept_stamp:
            after_s = self._arrived_s - self._first_arrival_s
        self._kept_stamp = self._stamp
        if self._now_s < after_s <= self._now_s + MAX_STEP_S:
            self._now_s = round(after_s, 3)


class Latest:
    """What a decoder needs for the newest picture of one track: all since the last keyframe.

    `data`: that as an Annex B stream, b"" before the first keyframe. More than `cap` bytes of it are not kept: then
    there is none until the next one.
    """

    def __init__(self, codec: str, parameter_sets: Iterable[bytes], *, cap: int) -> None:
        self._codec, self._cap = _CODECS[codec], cap
        self._units = _Units(self._codec)
        self._sets = dict.fromkeys(unit for unit in parameter_sets if unit)
        self._fields = _Fields(self._codec)
        self._fields.learn(self._sets)
        self._open: list[bytes] = []
        self._stamp = 0
        self.data = b""

    def add(self, packet: Packet) -> bool:
        """The next packet of the track; whether `data` has a newer picture."""
        self._open += self._units.ended_by(packet)
        newer = packet.stamp != self._stamp and self._close()
        self._stamp = packet.stamp
        self._open += self._units.of(packet)
        if packet.marker:
            self._open += self._units.rest()
            newer = self._close() or newer
        return newer

    def _close(self) -> bool:
        units, self._open = [part for whole in self._open for part in nal.parted(whole)], []
        kinds = {self._codec.kind(unit) for unit in units}
        self._fields.learn(units)
        self._sets.update(dict.fromkeys(unit for unit in units if self._codec.kind(unit) in self._codec.sets))
        while len(self._sets) > MAX_SETS:
            del self._sets[next(iter(self._sets))]
        if not any(kind < self._codec.slices for kind in kinds):
            return False
        if self._fields.completed_by(units) or not kinds & self._codec.keys:
            self.data += _annex_b(units) if self.data else b""
        else:
            self.data = self._codec.stream_of(self._sets) + _annex_b(units)
        self.data = self.data if len(self.data) <= self._cap else b""
        return bool(self.data) and not self._fields.half


class _Units:
    """NAL units out of the payloads of one track."""

    def __init__(self, codec: _Codec) -> None:
        self._codec = codec
        self._parts: list[bytes] = []
        self._seq = self._stamp = 0

    def of(self, packet: Packet) -> Iterable[bytes]:
        """The units that this packet completes. A unit of which a part is missing is lost."""
        payload, codec = packet.payload, self._codec
        if len(payload) <= codec.head:
            return ()
        kind = codec.kind(payload)
        if kind == codec.fragment:
            return self._joined(packet)
        self._parts = []
        if kind == codec.aggregate:
            return _split(payload[codec.head :])
        return (payload,) if kind < codec.aggregate else ()

    def ended_by(self, packet: Packet) -> Iterable[bytes]:
        """The unit whose last fragment was not marked as such, where this packet follows it and is no part of it."""
        head = self._codec.head
        if not self._parts or packet.seq != (self._seq + 1) & 0xFFFF or len(packet.payload) <= head:
            return ()
        more = self._codec.kind(packet.payload) == self._codec.fragment and not packet.payload[head] & 0x80
        return () if more and packet.stamp == self._stamp else self.rest()

    def rest(self) -> Iterable[bytes]:
        """What has come of a unit that nothing more follows."""
        unit, self._parts = b"".join(self._parts), []
        return (unit,) if unit else ()

    def _joined(self, packet: Packet) -> Iterable[bytes]:
        """Bits of a fragment's header: 0x80 the first, 0x40 the last of its unit."""
        payload, head = packet.payload, self._codec.head
        follows = packet.seq == (self._seq + 1) & 0xFFFF
        self._seq, self._stamp = packet.seq, packet.stamp
        if payload[head] & 0x80:
            self._parts = [self._codec.header(payload[:head], payload[head])]
        elif not self._parts or not follows:
            self._parts = []
            return ()
        self._parts.append(payload[head + 1 :])
        if not payload[head] & 0x40:
            return ()
        unit, self._parts = b"".join(self._parts), []
        return (unit,)


def _split(payload: bytes) -> Iterator[bytes]:
    """Units of an aggregation packet, each after its size in two bytes."""
    while len(payload) > 2:
        end = 2 + int.from_bytes(payload[:2], "big")
        if 2 < end <= len(payload):
            yield payload[2:end]
        payload = payload[end:]


def _annex_b(units: Iterable[bytes]) -> bytes:
    return b"".join(_START + unit for unit in units)
