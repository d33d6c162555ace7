"""Targets for all that a camera says: discovery, SOAP over HTTP, RTSP, descriptions, media and sound.

What files, the broker and a person say is in targets.py.
"""

import ipaddress
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from agent.ask.attempt import Deadline, Trouble
from agent.ask.box import neighbours
from agent.ask.discovery import messages
from agent.ask.net import digest, http
from agent.ask.net.http import post
from agent.ask.net.message import read_whole
from agent.ask.onvif import clock as onvif_clock
from agent.ask.onvif import endpoints, envelope, media_replies, ptz_replies, xaddr
from agent.ask.picture.capture import film, photograph
from agent.ask.rtsp import client as rtsp
from agent.ask.rtsp import rtp, sdp
from agent.ask.rtsp.depacketize import CODECS, Latest, Reel
from agent.ask.rtsp.session import RtspSession
from agent.ask.talk import g711
from tests.fuzz.network import CAMERA, PASSWORD, camera_says

DEADLINE_S = 5.0
_URL_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")


def clean(value: Any) -> None:
    """Every text is one bounded, printable line, whatever the camera wrote."""
    if isinstance(value, str):
        assert value.isprintable(), repr(value)
        assert len(value) <= 512, len(value)
    elif isinstance(value, dict):
        for item in (*value, *value.values()):
            clean(item)
    elif isinstance(value, list | tuple | frozenset):
        for item in value:
            clean(item)
    elif isinstance(value, msgspec.Struct):
        clean(msgspec.to_builtins(value))


def _nothing_leaks(asked: bytes) -> None:
    """No password in clear or Base64, no Basic login, and no request line that we did not write ourselves."""
    assert PASSWORD.encode() not in asked
    assert b"Basic " not in asked
    for line in asked.split(b"\r\n"):
        assert b"\n" not in line, line
        assert b"\r" not in line, line


# ---- discovery ----------------------------------------------------------------------------------


def try_probe_match(data: bytes) -> None:
    found = messages.parse(data)
    if isinstance(found, messages.Reply):
        clean(found.matches)
        for match in found.matches:
            clean(messages.scope_value(match.scopes, "name"))


def try_xaddr(data: bytes) -> None:
    texts = data.decode("latin-1").split("\n")[:4]
    sender = "192.168.1.64"
    found = xaddr.endpoint(texts, sender, ipaddress.IPv4Network("192.168.1.0/24"))
    assert 0 < found.port < 65536
    assert xaddr.may_be_asked(found.port) or any("at which no camera is asked" in note for note in found.notes)
    assert _URL_PATH.fullmatch(found.path)
    clean(found.notes)
    assert not any(re.search(r"//(?!\*\*\*@)[^/]*@", xaddr.shown(text)) for text in texts)
    for text in texts:
        with suppress(Trouble):
            stream = endpoints.stream(CAMERA, "p", text)
            assert 0 < stream.port < 65536
            assert _URL_PATH.fullmatch(stream.path), stream.path
            clean(stream)
        with suppress(Trouble):
            assert 0 < endpoints.snapshot(CAMERA, text).port < 65536
        for service in endpoints.services(CAMERA, [("GetServices", (media_replies.Claim("media", text),))]):
            for place in endpoints.candidates(CAMERA, "media", service):
                assert xaddr.may_be_asked(place.port) or place.port == CAMERA.ports.onvif
                assert _URL_PATH.fullmatch(place.path), place.path


def try_neighbours(data: bytes) -> None:
    neighbours.parse(data.decode("ascii", "replace"))


# ---- SOAP and HTTP ------------------------------------------------------------------------------


def try_clock(data: bytes) -> None:
    with suppress(Trouble):
        onvif_clock.parse_clock(data, 1_700_000_000.0)


READERS: tuple[tuple[str, Callable[[envelope.Node], Any]], ...] = (
    ("GetServices", media_replies.services),
    ("GetCapabilities", media_replies.capabilities),
    ("GetDeviceInformation", media_replies.device),
    ("GetNetworkInterfaces", media_replies.mac),
    ("GetVideoSources", media_replies.sources),
    ("GetProfiles", media_replies.profiles),
    ("GetProfiles", media_replies.profiles2),
    ("GetVideoEncoderConfigurationOptions", partial(media_replies.encoder_options, token="t")),
    ("GetVideoEncoderConfigurationOptions", partial(media_replies.encoder_options2, token="t")),
    ("GetStreamUri", media_replies.stream_uri),
    ("GetAudioSources", media_replies.audio_sources),
    ("GetAudioOutputs", media_replies.audio_outputs),
    ("GetAudioOutputs", media_replies.device_outputs),
    ("GetAudioOutputConfigurations", media_replies.output_configurations),
    ("GetAudioDecoderConfigurations", media_replies.decoders),
    ("GetAudioDecoderConfigurationOptions", media_replies.decodings),
    ("GetAudioDecoderConfigurationOptions", media_replies.decodings2),
    ("GetNodes", ptz_replies.nodes),
    ("GetConfigurations", ptz_replies.configurations),
    ("GetConfigurationOptions", ptz_replies.configuration_options),
    ("GetStatus", partial(ptz_replies.status, profile="p")),
    ("GetPresets", ptz_replies.presets),
    ("GetMoveOptions", partial(ptz_replies.focus_move, source="s")),
    ("GetImagingSettings", ptz_replies.autofocus),
    ("GetStatus", ptz_replies.focus_position),
)
STATUSES = (200, 400, 401, 404, 500, 503)


def try_soap(data: bytes) -> None:
    """The first byte names the reader, the second the HTTP status, the rest is the body."""
    if len(data) < 2:
        return
    operation, reader = READERS[data[0] % len(READERS)]
    with suppress(Trouble):
        try:
            found = reader(envelope.read(STATUSES[data[1] % len(STATUSES)], data[2:], operation))
        except Trouble as trouble:
            clean(trouble.detail)
            raise
        clean(found)
        msgspec.json.encode(found)


def try_http(data: bytes) -> None:
    """As bytes alone, then over a connection with our logins."""
    with suppress(Trouble):
        reply, _ = read_whole(data, lambda inbox: http.read_reply(inbox, 4_096))
        assert len(reply.body) <= 4_096
    with camera_says(data) as line:
        with suppress(Trouble):
            reply = post(CAMERA, 80, "/onvif/device_service", b"<q/>", deadline=Deadline(DEADLINE_S), cap=4_096)
            assert len(reply.body) <= 4_096
            assert not 300 <= reply.status < 400
        with suppress(Trouble):
            photograph(CAMERA, "/snap", log_in=True, deadline=Deadline(DEADLINE_S))
        _nothing_leaks(line.asked())


def try_digest(data: bytes) -> None:
    headers = data.decode("latin-1").split("\n")
    found = digest.challenges(headers)
    digest.attempts_left(data.decode("latin-1"))
    for basic in (False, True):
        with suppress(Trouble):
            chosen = digest.choose(headers, allow_basic=basic)
            login = CAMERA.credentials
            assert login is not None
            assert chosen in found
            text = digest.authorization(chosen, login, "GET", "/x", b"body")
            assert not re.search(r"[\x00-\x1f\x7f]", text), text
            text.encode("latin-1")
            assert PASSWORD not in text
            assert basic or not text.startswith("Basic")


# ---- RTSP ---------------------------------------------------------------------------------------


def try_rtsp(data: bytes) -> None:
    """As bytes alone, then over a connection with our logins."""
    with suppress(Trouble):
        assert len(read_whole(data, rtsp.read_reply).body) <= rtsp.CAP
    with camera_says(data) as line:
        with suppress(Trouble):
            description = rtsp.describe(CAMERA, log_in=True, deadline=Deadline(DEADLINE_S))
            assert len(description) <= rtsp.CAP
            sdp.outline(description)
        _nothing_leaks(line.asked())


def try_rtsp_session(data: bytes) -> None:
    with camera_says(data) as line:
        with suppress(Trouble), RtspSession(CAMERA, Deadline(DEADLINE_S), log_in=True) as session:
            for channel, track in enumerate(session.open()[:4]):
                session.setup(track, 2 * channel)
            session.play()
            while session.receive(1.0):
                pass
        _nothing_leaks(line.asked())


def try_film(data: bytes) -> None:
    with camera_says(data) as line:
        with suppress(Trouble):
            film(CAMERA, log_in=True, deadline=Deadline(DEADLINE_S))
        _nothing_leaks(line.asked())


def try_sdp(data: bytes) -> None:
    found = sdp.parse(data)
    assert len(found) <= sdp.MAX_MEDIA
    assert [(one.kind, one.codecs) for one in sdp.outline(data)] == [(one.kind, one.codecs) for one in found]
    for media in found:
        clean((media.kind, media.codecs, media.control, media.direction))
        assert all(0 <= one.number <= 127 for one in media.formats)


def try_rtp(data: bytes) -> None:
    """Packets after their length in one byte, to both readers of video."""
    reels = [Reel(codec, (), cap=4_096, head_s=1.0) for codec in CODECS]
    newest = [Latest(codec, (), cap=4_096) for codec in CODECS]
    while data:
        size, piece = data[0], data[1 : 1 + data[0]]
        data = data[1 + size :]
        packet = rtp.parse(piece)
        if packet is None:
            continue
        assert packet.payload in piece
        for reel in reels:
            reel.add(packet)
        assert all(len(one.data) <= 4_096 for one in newest if one.add(packet))
    for reel in reels:
        reel.end()
        # what is not a keyframe's picture is dropped; parameter sets may come on top of the room there is
        assert sum(len(take.data) for take in reel.takes) <= 4_096 + 2 * 17 * 260


def try_g711(data: bytes) -> None:
    for codec in g711.CODECS:
        samples = g711.decode(codec, data)
        assert len(samples) == len(data)
        again = g711.decode(codec, g711.encode(codec, samples))
        assert again == samples
