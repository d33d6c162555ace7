"""RTP into whole pictures: every packing of NAL units, losses, odd stamps, and bytes that are none of it."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ask.picture.decoder import decode
from agent.ask.rtsp import rtp, sdp
from agent.ask.rtsp.depacketize import CODECS, Latest, Reel
from agent.ask.rtsp.rtp import Packet
from tests.agent.ask.rtsp import fields, players

START = b"\0\0\0\1"
REMARKS = (0x06, 0x4E)  # SEI of H.264 and H.265: nothing to decode, left out before the first keyframe
SPS, PPS, IDR, SLICE = b"\x67sps", b"\x68pps", b"\x65idr", b"\x41slice"


def reel(codec: str = "H264", cap: int = 10_000, head_s: float = 1.0, sets: tuple[bytes, ...] = ()) -> Reel:
    return Reel(codec, sets, cap=cap, head_s=head_s)


def feed(one: Reel, *payloads: tuple[float, bytes], first: int = 0) -> Reel:
    """Payloads with their times; each the last of its picture."""
    for seq, (at_s, payload) in enumerate(payloads, first):
        one.add(Packet(96, seq & 0xFFFF, round(at_s * 90_000) & 0xFFFFFFFF, payload, marker=True))
    one.end()
    return one


def test_pictures_begin_with_a_keyframe() -> None:
    """What comes before the first keyframe is dropped, but for the newest parameter sets, which stand before it."""
    one = feed(reel(sets=(b"\x67old", SPS)), (0, SLICE), (0.1, b"\x67new"), (0.2, PPS), (0.3, IDR), (0.4, SLICE))
    assert len(one.takes) == 1
    data, times = one.takes[0]
    assert data == START + START.join([b"\x67old", SPS, b"\x67new", PPS, IDR, SLICE])
    assert [round(at, 1) for at in times] == [0.0, 0.1]


def test_the_next_keyframe_ends_the_reel() -> None:
    """After the head only the next keyframe is kept, and what lies between costs no room."""
    between = [(1.0 + n / 100, b"\x41" + bytes(500)) for n in range(50)]
    one = feed(reel(cap=2_000), (0, SPS), (0, IDR), *between, (2, IDR), (2.1, SLICE))
    assert one.done
    assert not one.full
    head, second = one.takes
    assert (head.data, second.data) == (START + SPS + START + IDR,) * 2
    assert (head.times, second.times) == ((0.0,), (2.0,))


def test_packings_of_h264() -> None:
    """Single units, STAP-A and FU-A give the same stream; a unit of which a fragment is lost is left out."""
    stap = b"\x18" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in (SPS, PPS))
    fragments = [b"\x7c\x85i", b"\x7c\x05d", b"\x7c\x45r"]
    whole = feed(reel(), (0, stap), *((0, one) for one in fragments), (0.1, SLICE))
    assert whole.takes[0].data == START + SPS + START + PPS + START + IDR + START + SLICE
    torn = feed(reel(), (0, stap), (0, fragments[0]), (0, fragments[2]))
    assert torn.takes[0].data.endswith(b"ir")  # nothing missing: numbers follow each other
    lost = reel()
    for seq, payload in ((1, stap), (2, fragments[0]), (4, fragments[2])):
        lost.add(Packet(96, seq, 0, payload, marker=seq == 4))
    lost.end()
    assert lost.takes == ()


def test_packings_of_h265() -> None:
    """Single units, aggregation packets and fragmentation units give the same stream."""
    vps, sps, idr, trail = b"\x40\x01v", b"\x42\x01s", b"\x26\x01idr", b"\x02\x01t"
    packed = b"\x60\x01" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in (vps, sps))
    one = feed(reel("H265"), (0, packed), (0, b"\x62\x01\x93id"), (0, b"\x62\x01\x53r"), (0.1, trail))
    assert one.takes[0].data == START + START.join([vps, sps, idr, trail])


def test_slices_marked_one_by_one_are_one_picture() -> None:
    """Pictures are told apart by their timestamps; a marker on every slice does not part them."""
    assert feed(reel(), (0, IDR), (0, IDR), (0.1, SLICE), (0.1, SLICE), (0.2, SLICE)).takes[0].times == (0.0, 0.1, 0.2)


def test_timestamps_wrap_and_lie() -> None:
    """Timestamps pass 2^32 unnoticed; jumps of hours and steps back do not count as time."""
    end = 2**32 / 90_000
    wrapped = feed(reel(), (end - 0.1, IDR), (end, SLICE), (end + 0.1, SLICE), first=65_535)
    assert [round(at, 2) for at in wrapped.takes[0].times] == [0.0, 0.1, 0.2]
    assert feed(reel(), (5, IDR), (9_000, SLICE), (4, SLICE), (5.2, SLICE)).takes[0].times == (0.0, 0.0, 0.0, 0.2)


def test_a_keyframe_that_does_not_fit() -> None:
    """A keyframe larger than the cap fills the reel and leaves nothing; a later picture leaves those before it."""
    assert feed(reel(cap=100), (0, b"\x65" + bytes(200))).full
    one = feed(reel(cap=100), (0, IDR), (0.1, b"\x41" + bytes(200)), (0.2, SLICE))
    assert (one.full, len(one.takes), one.takes[0].times) == (True, 1, (0.0,))


def test_a_whole_film() -> None:
    """A real encoder's film, packed by another hand, comes out as it went in."""
    for codec in sorted(CODECS):
        clip = players.clip(64, 48, codec)
        one = reel(codec, cap=1_000_000)
        for chunk in players.rtp(clip, codec):
            for packet in packets(chunk):
                one.add(packet)
        one.end()
        first = [unit for unit in clip[0] if unit[0] not in REMARKS]
        head = [*first, *(unit for picture in clip[1:10] for unit in picture)]
        assert one.takes[0].data == START + START.join(head)
        assert one.takes[1].data.endswith(START + START.join(clip[12]))


def packets(chunk: bytes) -> list[Packet]:
    found = []
    while chunk:
        end = 4 + int.from_bytes(chunk[2:4], "big")
        packet = rtp.parse(chunk[4:end])
        assert packet
        found.append(packet)
        chunk = chunk[end:]
    return found


def test_parameter_sets_in_descriptions() -> None:
    """Parameter sets are read from H.264's and H.265's format lines; what is no base64 is passed over."""
    for names in (
        "sprop-parameter-sets={0},{1}",
        "sprop-sps={0}; sprop-pps={1}",
        "x=1;sprop-parameter-sets={0},a,{1}",
    ):
        text = names.format(*(base64.b64encode(one).decode() for one in (SPS, PPS)))
        (media,) = sdp.parse(f"m=video 0 RTP/AVP 96\r\na=fmtp:96 {text}\r\n".encode())
        assert media.parameter_sets == (SPS, PPS)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(CODECS)),
    st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 2**32 - 1), st.booleans()), max_size=40),
)
def test_any_bytes(codec: str, given_: list[tuple[bytes, int, bool]]) -> None:
    """Whatever the payloads and stamps are: no error, no more than the cap, as many times as pictures, in order."""
    one = reel(codec, cap=300)
    for seq, (payload, stamp, marker) in enumerate(given_):
        one.add(Packet(96, seq, stamp, payload, marker))
    one.end()
    times = [at for take in one.takes for at in take.times]
    assert times == sorted(times)
    assert len(one.takes) < 3
    assert sum(len(take.data) for take in one.takes) <= 2 * 300 + 4 * 40


# ---- streams that only players understand -----------------------------------------------------------


def fragments(pictures: list[list[bytes]], *, stamps: bool = True, marks: bool = True, mtu: int = 1200) -> list[Packet]:
    """H.264 as FU-A fragments without an end bit, 10 pictures a second."""
    found: list[Packet] = []
    for number, picture in enumerate(pictures):
        stamp = number * 9_000 if stamps else 0
        for unit in picture:
            parts = [unit[1:][at : at + mtu] for at in range(0, max(len(unit) - 1, 1), mtu)]
            for n, part in enumerate(parts):
                head = bytes([unit[0] & 0xE0 | 28, (0x80 if n == 0 else 0) | unit[0] & 0x1F])
                last = marks and unit is picture[-1] and n == len(parts) - 1
                found.append(Packet(96, len(found) & 0xFFFF, stamp, head + part, marker=last))
    return found


def shown(pictures: list[list[bytes]], **how: bool) -> Reel:
    one = reel(cap=4_000_000)
    for number, packet in enumerate(fragments(pictures, **how)):
        one.add(packet, 100.0 + number / 10)
    one.end()
    return one


def test_the_latest_picture_is_kept_with_all_since_its_keyframe() -> None:
    """Each whole picture is news; the next keyframe begins anew; what outgrows the room is dropped until then."""
    pictures = [list(picture) for picture in players.clip(320, 240)]  # keyframes: 0 and 12
    packets = fragments(pictures)
    newest = Latest("H264", (), cap=4_000_000)
    grown = [len(newest.data) for packet in packets if newest.add(packet)]
    assert len(grown) == len(pictures)
    assert grown[:12] == sorted(grown[:12])
    assert grown[12] < grown[11]
    small = Latest("H264", (), cap=max(grown[0], grown[12]) + 1)
    assert 2 <= sum(small.add(packet) for packet in packets) < len(pictures)


def test_fragments_without_an_end_are_ended_by_what_follows() -> None:
    """A camera that never marks the last fragment of a unit shows the same pictures."""
    pictures = [list(picture) for picture in players.clip(320, 240)]
    assert len(shown(pictures).takes[0].times) >= 10
    told = shown(pictures).takes[0]
    assert told.data.count(START) >= sum(map(len, pictures[: len(told.times)])) - 1, "a remark before the first"


def test_pictures_that_are_all_stamped_alike_are_told_apart() -> None:
    """Timestamps that stand still: pictures begin with their first slice, and time is that of arrival."""
    pictures = [list(picture) for picture in players.clip(320, 240)]
    alike = shown(pictures, stamps=False)
    assert len(alike.takes) == 2
    assert alike.takes[0].data[:2000] == shown(pictures).takes[0].data[:2000]
    assert alike.takes[1].times[0] > alike.takes[0].times[-1] > 0


def test_units_in_annex_b_inside_rtp_are_read() -> None:
    """Parameter sets and slices sent as one unit with start codes between are what they would be apart."""
    pictures = [list(picture) for picture in players.clip(320, 240)]
    glued = [[START.join(picture)] for picture in pictures]
    assert shown(glued).takes[0].data[-500:] == shown(pictures).takes[0].data[-500:]


@pytest.mark.parametrize("after_s", [0.0, 0.02])
def test_the_two_fields_of_a_frame_are_one_picture(after_s: float) -> None:
    """Sent as pictures of their own, of one time or two: none is shown, or counted, without the other."""
    sent = [
        ((number // 2) / 10 + number % 2 * after_s, unit)
        for number, field in enumerate(fields.film(frames=14, gop=12))
        for unit in field
    ]
    first_half = feed(reel(cap=1_000_000), *sent[:3])
    assert not first_half.begun
    assert feed(reel(cap=1_000_000), *sent[:4]).begun
    whole = feed(reel(cap=1_000_000), *sent)
    assert [round(at, 1) for at in whole.takes[0].times] == [n / 10 for n in range(10)]
    assert whole.takes[0].data.count(START) == 2 + 2 * 10
    assert whole.takes[1].data.count(START) == 2 + 2 + 2
    newest = Latest("H264", (), cap=1_000_000)
    news = [newest.add(Packet(96, n, round(at * 90_000), unit, marker=True)) for n, (at, unit) in enumerate(sent)]
    assert sum(news) == 14
    assert decode("H264", whole.takes[0].data, 10).indices == [0, 3, 6, 9]
    assert decode("H264", whole.takes[1].data, 1).first.shape[:2] == (fields.HEIGHT, fields.WIDTH)


def test_a_prefix_before_each_slice_parts_no_picture() -> None:
    """Scalable H.264 has one (14) before every slice of the base layer."""
    prefix, later = b"\x6e\x80\x00\x07", b"\x41\x40later"  # a slice that is not the first of its picture
    one = feed(reel(), *((0, unit) for unit in (SPS, prefix, b"\x65\x80idr", prefix, later)), (0.1, b"\x41\x80next"))
    assert one.takes[0].times == (0.0, 0.1)


def test_parameter_sets_of_a_description_are_put_in_their_order() -> None:
    """Whatever order it names them in: a decoder must know what each refers to."""
    vps, sps, pps, idr = b"\x40\x01v", b"\x42\x01s", b"\x44\x01p", b"\x26\x01idr"
    one = feed(reel("H265", sets=(pps, vps, sps)), (0, idr))
    assert one.takes[0].data == START + START.join([vps, sps, pps, idr])


def test_h265_begins_at_a_recovery_point() -> None:
    """Gradual refresh has no keyframe after the first: it is right so many pictures after the SEI that says so."""
    remark, trail = b"\x4e\x01\x06\x01\x4c\x80", b"\x02\x01\x80t"  # recovery_poc_cnt 1
    pictures = [(at / 10, unit) for at in range(4) for unit in ((remark, trail) if at == 1 else (trail,))]
    assert not feed(reel("H265"), *pictures[:3]).begun
    whole = feed(reel("H265"), *pictures)
    assert whole.begun
    assert len(whole.takes[0].times) == 3
