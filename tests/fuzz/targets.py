"""One target for each parser of ours: bytes in, nothing out but what its contract allows.

A target swallows the exceptions that its parser documents and asserts what must hold of a result; anything else that
leaves it is a finding. How inputs are made must not be known here.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import msgspec

from agent import status
from agent.ask import (
    arp,
    digest,
    envelope,
    g711,
    intent,
    jobs,
    motion_replies,
    places,
    probe_match,
    reach,
    replies,
    rtp,
    rtsp,
    sdp,
    xaddr,
)
from agent.ask.asking import Deadline, Trouble
from agent.ask.footage import film, photograph
from agent.ask.http import post
from agent.ask.rtsp_session import Session
from agent.ask.video import CODECS, Reel
from agent.memory import Memory
from agent.settings import checks, entries
from center import registry
from center.decode import Incoming, Poison, apart, decode, origin, same, single
from contract import strict_yaml
from contract.messages import BROKEN_JSON
from contract.policy import Policy
from contract.strict_yaml import ConfigError
from tests.fuzz import seeds
from tests.fuzz.downward import receive
from tests.fuzz.network import CAMERA, PASSWORD, camera_says, file

DEADLINE_S = 5.0
_URL_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")


class Target(NamedTuple):
    """`run` tries one input; `seeds` make inputs that are understood, to begin from. `native`: a C parser is inside."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    max_bytes: int = 1_024
    native: bool = False


def _clean(value: Any) -> None:
    """Every text is one bounded, printable line, whatever the camera wrote."""
    if isinstance(value, str):
        assert value.isprintable(), repr(value)
        assert len(value) <= 512, len(value)
    elif isinstance(value, dict):
        for item in (*value, *value.values()):
            _clean(item)
    elif isinstance(value, list | tuple | frozenset):
        for item in value:
            _clean(item)
    elif isinstance(value, msgspec.Struct):
        _clean(msgspec.to_builtins(value))


def _nothing_leaks(asked: bytes) -> None:
    """No password in clear or Base64, no Basic login, and no request line that we did not write ourselves."""
    assert PASSWORD.encode() not in asked
    assert b"Basic " not in asked
    for line in asked.split(b"\r\n"):
        assert b"\n" not in line, line
        assert b"\r" not in line, line


# ---- discovery ----------------------------------------------------------------------------------


def _probe_match(data: bytes) -> None:
    found = probe_match.parse(data)
    if isinstance(found, probe_match.Reply):
        _clean(found.matches)
        for match in found.matches:
            _clean(probe_match.scope_value(match.scopes, "name"))


def _xaddr(data: bytes) -> None:
    texts = data.decode("latin-1").split("\n")[:4]
    sender = "192.168.1.64"
    found = xaddr.endpoint(texts, sender, ipaddress.IPv4Network("192.168.1.0/24"))
    assert found.port in xaddr.PORTS
    assert _URL_PATH.fullmatch(found.path)
    _clean(found.notes)
    assert not any(re.search(r"//(?!\*\*\*@)[^/]*@", xaddr.shown(text)) for text in texts)
    for text in texts:
        with suppress(Trouble):
            stream = places.stream(CAMERA, "p", text)
            assert 0 < stream.port < 65536
            assert _URL_PATH.fullmatch(stream.path), stream.path
            _clean(stream)
        with suppress(Trouble):
            assert 0 < places.snapshot(CAMERA, text).port < 65536
        for service in places.services(CAMERA, [("GetServices", (replies.Claim("media", text),))]):
            for place in places.candidates(CAMERA, "media", service):
                assert place.port in (*xaddr.PORTS, CAMERA.ports.onvif)
                assert _URL_PATH.fullmatch(place.path), place.path


def _neighbours(data: bytes) -> None:
    arp.parse(data.decode("ascii", "replace"))


# ---- SOAP and HTTP ------------------------------------------------------------------------------


def _clock(data: bytes) -> None:
    with suppress(Trouble):
        reach.parse_clock(data, 1_700_000_000.0)


READERS: tuple[tuple[str, Callable[[envelope.Node], Any]], ...] = (
    ("GetServices", replies.services),
    ("GetCapabilities", replies.capabilities),
    ("GetDeviceInformation", replies.device),
    ("GetNetworkInterfaces", replies.mac),
    ("GetVideoSources", replies.sources),
    ("GetProfiles", replies.profiles),
    ("GetProfiles", replies.profiles2),
    ("GetVideoEncoderConfigurationOptions", partial(replies.encoder_options, token="t")),
    ("GetVideoEncoderConfigurationOptions", partial(replies.encoder_options2, token="t")),
    ("GetStreamUri", replies.stream_uri),
    ("GetAudioSources", replies.audio_sources),
    ("GetAudioOutputs", replies.audio_outputs),
    ("GetAudioOutputs", replies.device_outputs),
    ("GetAudioOutputConfigurations", replies.output_configurations),
    ("GetAudioDecoderConfigurations", replies.decoders),
    ("GetAudioDecoderConfigurationOptions", replies.decodings),
    ("GetAudioDecoderConfigurationOptions", replies.decodings2),
    ("GetNodes", motion_replies.nodes),
    ("GetConfigurations", motion_replies.configurations),
    ("GetConfigurationOptions", motion_replies.configuration_options),
    ("GetStatus", partial(motion_replies.status, profile="p")),
    ("GetPresets", motion_replies.presets),
    ("GetMoveOptions", partial(motion_replies.focus_move, source="s")),
    ("GetImagingSettings", motion_replies.autofocus),
    ("GetStatus", motion_replies.focus_position),
)
STATUSES = (200, 400, 401, 404, 500, 503)


def _soap(data: bytes) -> None:
    """The first byte names the reader, the second the HTTP status, the rest is the body."""
    if len(data) < 2:
        return
    operation, reader = READERS[data[0] % len(READERS)]
    with suppress(Trouble):
        try:
            found = reader(envelope.read(STATUSES[data[1] % len(STATUSES)], data[2:], operation))
        except Trouble as trouble:
            _clean(trouble.detail)
            raise
        _clean(found)
        msgspec.json.encode(found)


def _http(data: bytes) -> None:
    with camera_says(data) as line:
        with suppress(Trouble):
            reply = post(CAMERA, 80, "/onvif/device_service", b"<q/>", deadline=Deadline(DEADLINE_S), cap=4_096)
            assert len(reply.body) <= 4_096
            assert not 300 <= reply.status < 400
        with suppress(Trouble):
            photograph(CAMERA, "/snap", log_in=True, deadline=Deadline(DEADLINE_S))
        _nothing_leaks(line.asked())


def _digest(data: bytes) -> None:
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


def _rtsp(data: bytes) -> None:
    with camera_says(data) as line:
        with suppress(Trouble):
            description = rtsp.describe(CAMERA, log_in=True, deadline=Deadline(DEADLINE_S))
            assert len(description) <= rtsp.CAP
            sdp.parse(description)
        _nothing_leaks(line.asked())


def _rtsp_session(data: bytes) -> None:
    with camera_says(data) as line:
        with suppress(Trouble), Session(CAMERA, Deadline(DEADLINE_S), log_in=True) as session:
            for channel, track in enumerate(session.open()[:4]):
                session.setup(track, 2 * channel)
            session.play()
            while session.receive(1.0):
                pass
        _nothing_leaks(line.asked())


def _film(data: bytes) -> None:
    with camera_says(data) as line:
        with suppress(Trouble):
            film(CAMERA, log_in=True, deadline=Deadline(DEADLINE_S))
        _nothing_leaks(line.asked())


def _sdp(data: bytes) -> None:
    found = sdp.parse(data)
    assert len(found) <= sdp.MAX_MEDIA
    for media in found:
        _clean((media.kind, media.codecs, media.control, media.direction))
        assert all(0 <= one.number <= 127 for one in media.formats)


def _rtp(data: bytes) -> None:
    """Packets after their length in one byte, to both readers of video."""
    reels = [Reel(codec, (), cap=4_096, head_s=1.0) for codec in CODECS]
    while data:
        size, piece = data[0], data[1 : 1 + data[0]]
        data = data[1 + size :]
        packet = rtp.parse(piece)
        if packet is None:
            continue
        assert packet.payload in piece
        for reel in reels:
            reel.add(packet)
    for reel in reels:
        reel.end()
        # what is not a keyframe's picture is dropped; parameter sets may come on top of the room there is
        assert sum(len(take.data) for take in reel.takes) <= 4_096 + 2 * 17 * 260


def _g711(data: bytes) -> None:
    for codec in g711.CODECS:
        samples = g711.decode(codec, data)
        assert len(samples) == len(data)
        again = g711.decode(codec, g711.encode(codec, samples))
        assert again == samples


# ---- files and messages -------------------------------------------------------------------------


def _yaml(kind: type[Any], data: bytes) -> None:
    try:
        found = strict_yaml.find(data, kind, source="x.yaml")
        if kind is entries.File:
            for check in checks.ALL:
                check(found)
        found.result()
    except ConfigError as error:
        for problem in error.problems:
            assert problem.text("en").isprintable(), problem.text("en")
            assert problem.text("zh").isprintable(), problem.text("zh")


def _upward(data: bytes) -> None:
    """The first line is the topic, the rest the payload."""
    topic, _, payload = data.partition(b"\n")
    source = origin(topic.decode("utf-8", "replace"))
    if source is None:
        return
    message = decode(source, payload)
    if not isinstance(message, Poison):
        same(payload, payload)
        msgspec.json.encode(message)
    for part in apart(Incoming(topic.decode(), payload, False, 1)):
        single(source, part.payload)


def _files(data: bytes) -> None:
    """The first byte names the file, the rest is what stands in it."""
    kind, content = data[:1], data[1:]
    with file(content) as path:
        if kind == b"s":
            with suppress(*BROKEN_JSON):
                status.read(path)
        elif kind == b"l":
            memory = Memory(path)
            _clean(memory.recall(CAMERA).stream_path)
        else:
            intent.read(path)


def _child(data: bytes) -> None:
    """What a child process answers: a camera may have taken it over."""
    with suppress(*BROKEN_JSON):
        jobs.decode_answer(data)
    with suppress(*BROKEN_JSON):
        intent.decode_report(data)


def _registry(data: bytes) -> None:
    with suppress(registry.Unfit):
        registry.read(data)


TARGETS: dict[str, Target] = {
    "probe_match": Target(_probe_match, seeds.probe_match, 2_048),
    "xaddr": Target(_xaddr, seeds.xaddr, 512),
    "arp": Target(_neighbours, seeds.arp, 512),
    "clock": Target(_clock, seeds.clock, 1_024, native=True),
    "soap": Target(_soap, seeds.soap, native=True),
    "http": Target(_http, seeds.http),
    "digest": Target(_digest, seeds.digest, 512),
    "rtsp": Target(_rtsp, seeds.rtsp),
    "rtsp_session": Target(_rtsp_session, seeds.rtsp_session, 1_536),
    "film": Target(_film, seeds.rtsp_session, 1_536),
    "sdp": Target(_sdp, seeds.sdp),
    "rtp": Target(_rtp, seeds.rtp, 512),
    "g711": Target(_g711, seeds.g711, 256),
    "config": Target(partial(_yaml, entries.File), seeds.config, 2_048, native=True),
    "policy": Target(partial(_yaml, Policy), seeds.policy, 2_048, native=True),
    "downward": Target(receive, seeds.downward, 512, native=True),
    "upward": Target(_upward, seeds.upward, 1_024, native=True),
    "files": Target(_files, seeds.files, 512, native=True),
    "child": Target(_child, seeds.child, 1_536, native=True),
    "registry": Target(_registry, seeds.registry, 512),
}
"""Name -> target."""
