"""Session descriptions of real cameras, with their faults."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.ask.rtsp.sdp import Format, Media, parse

ONVIF = b"""v=0\r
o=- 1001 1 IN IP4 192.168.0.12\r
s=VCP IPC Realtime stream\r
a=control:rtsp://192.168.0.12/media/video1/video\r
m=video 0 RTP/AVP 105\r
c=IN IP4 0.0.0.0\r
a=control:rtsp://192.168.0.12/media/video1/video\r
a=rtpmap:105 H264/90000\r
a=recvonly\r
m=audio 0 RTP/AVP 0\r
a=recvonly\r
m=audio 0 RTP/AVP 0 8 97\r
a=control:rtsp://192.168.0.12/media/video1/backchannel\r
a=rtpmap:97 mpeg4-generic/16000/1\r
a=sendonly\r
m=application 0 RTP/AVP 107\r
a=rtpmap:107 vnd.onvif.metadata/90000\r
"""


def test_onvif_example() -> None:
    """Each m= line is one medium with its codecs, its direction and its control."""
    assert tuple(replace(media, formats=()) for media in parse(ONVIF)) == (
        Media(kind="video", codecs=("H264",), direction="recvonly", control="rtsp://192.168.0.12/media/video1/video"),
        Media(kind="audio", codecs=("PCMU",), direction="recvonly"),
        Media(
            kind="audio",
            codecs=("PCMU", "PCMA", "MPEG4-GENERIC"),
            direction="sendonly",
            control="rtsp://192.168.0.12/media/video1/backchannel",
        ),
        Media(kind="application", codecs=("VND.ONVIF.METADATA",)),
    )
    assert [str(media) for media in parse(ONVIF)][:2] == ["video H264", "audio PCMU"]


def test_formats() -> None:
    """Each payload type of an m= line comes with its codec and clock rate; one that RTP cannot carry is left out."""
    assert parse(ONVIF)[2].formats == (
        Format(number=0, codec="PCMU", rate=0),
        Format(number=8, codec="PCMA", rate=0),
        Format(number=97, codec="MPEG4-GENERIC", rate=16000),
    )
    odd = b"m=audio 0 RTP/AVP 0 128 99999 98 8\na=rtpmap:0 PCMU/16000\na=rtpmap:128 PCMA/8000\na=rtpmap:98 PCMA"
    assert parse(odd)[0].formats == (
        Format(number=0, codec="PCMU", rate=16000),
        Format(number=98, codec="PCMA", rate=0),
        Format(number=8, codec="PCMA", rate=0),
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b"\r\r\n", b"\n\n"])
def test_line_ends(end: bytes) -> None:
    """Lines may end in any way."""
    assert parse(ONVIF.replace(b"\r\n", end)) == parse(ONVIF)


@pytest.mark.parametrize(
    ("description", "media"),
    [
        (b"m=video 0 RTP/AVP 26", Media(kind="video", codecs=("JPEG",))),
        (b"v=0\na=sendonly\nm=audio 0 RTP/AVP 8", Media(kind="audio", codecs=("PCMA",), direction="sendonly")),
        (b"a=sendonly\nm=audio 0 RTP/AVP 8\na=RecvOnly", Media(kind="audio", codecs=("PCMA",), direction="recvonly")),
        (b"m=video 0 RTP/AVP 96\na=rtpmap:97 h265/90000", Media(kind="video", codecs=("H265",))),
        (b"M=video\nm= Video 0 RTP/AVP 96\n a=rtpmap: 96 H264", Media(kind="video", codecs=("H264",))),
        (b"m=application/TP-LINK 0 RTP/AVP smart/1/90000", Media(kind="application/tp-link")),
        (b"s=a\ns=b\nc=\no=\nm=video 0 RTP/AVP 33", Media(kind="video", codecs=("MP2T",))),
        (b"m=", Media(kind="")),
        (b"m=video\na=", Media(kind="video")),
        (b"m=vi\x1b[31mdeo 0 RTP/AVP 0", Media(kind="vi [31mdeo", codecs=("PCMU",))),
    ],
)
def test_broken_descriptions(description: bytes, media: Media) -> None:
    """Broken lines cost themselves alone, and nothing a terminal would obey is kept."""
    assert [replace(one, formats=()) for one in parse(description)] == [media]


@pytest.mark.parametrize(
    ("attributes", "codec", "sets"),
    [
        ("a=rtpmap:96 HEVC/90000", "H265", ()),
        ("a=rtpmap:96 h.264/90000", "H264", ()),
        ('a=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets="Z0I=,aM4=";x=1', "H264", (b"gB", b"h\xce")),
        ("a=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets= Z0I=, aM4= ; x=1", "H264", (b"gB", b"h\xce")),
        ("a=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets=Z0I=\r\n ,aM4=", "H264", (b"gB", b"h\xce")),
        ("a=rtpmap:96 H265/90000\r\n a=fmtp:96 sprop-sps=Z0I= sprop-pps=aM4=", "H265", (b"gB", b"h\xce")),
    ],
)
def test_codecs_and_parameter_sets_as_cameras_write_them(attributes: str, codec: str, sets: tuple[bytes, ...]) -> None:
    """Other names of the two codecs; parameter sets in quotes, with spaces, on a line that goes on below."""
    (video,) = parse(f"v=0\r\nm=video 0 RTP/AVP 96\r\n{attributes}\r\na=control:trackID=1\r\n".encode())
    assert (video.codecs, video.parameter_sets, video.control) == ((codec,), sets, "trackID=1")


def test_no_media() -> None:
    """A description without m= lines has no media; an m= within a line is none."""
    assert parse(b"") == parse(b"v=0\r\ns=x m=video 0 RTP/AVP 96\r\n") == ()


def test_media_are_bounded() -> None:
    """A flood of m= lines is cut."""
    assert len(parse(b"m=video 0 RTP/AVP 96\n" * 3000)) == 32


@given(st.binary(max_size=400) | st.lists(st.sampled_from(ONVIF.split(b"\r\n"))).map(b"\n".join))
def test_any_bytes_are_parsed(description: bytes) -> None:
    """No description raises, and all text is printable."""
    for media in parse(description):
        assert all(word.isprintable() for word in (media.kind, media.control, *media.codecs))


def test_no_description_takes_long() -> None:
    """64 kB of payload types and rtpmaps are read in a breath: looks run in the daemon itself."""
    listed = b"m=video 0 RTP/AVP " + b"1 " * 16_000 + b"\r\n"
    began = time.process_time()
    (media,) = parse(listed + b"a=rtpmap:9 a\n" * 2_500)
    assert media.formats == ()
    assert time.process_time() - began < 0.2
