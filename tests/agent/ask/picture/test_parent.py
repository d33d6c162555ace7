"""The picture check: what cameras show, and what hostile ones can do with it: cost themselves their turn, no more."""

import base64
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import msgspec
import numpy as np
import psutil
import pytest

from agent.ask.attempt import Trouble
from agent.ask.children import lines
from agent.ask.children import parent as children
from agent.ask.picture import decoder
from agent.ask.picture import parent as pictures
from agent.ask.picture.capture import Footage
from agent.ask.picture.decoder_client import PROGRAM, Decoded, Decoder
from agent.ask.picture.parent import PictureJob, PictureResult
from agent.ask.rtsp.depacketize import Take
from agent.model import Camera, Credentials, NotSeen, Picture, Seen
from agent.permit import LoginMet
from contract.reasons import Finding
from contract.vocabulary import Reason
from simulator.canteen import CameraSpec, Canteen
from simulator.kitchen.darkroom import still
from simulator.rtp import Payload, interleaved
from simulator.shot import Shot
from tests import evil
from tests.agent.ask.rtsp import players
from tests.agent.ask.rtsp.players import adds, clip, plays, rtp, says
from tests.support.enrolment import enrolled
from tests.support.waiting import PATIENCE_S

PASSWORD = "sekret"
HOSTILE, REFUSED, TIMED_OUT, MALFORMED = Reason.HOSTILE, Reason.REFUSED, Reason.TIMED_OUT, Reason.MALFORMED
SOUND = list(rtp(clip(320, 240)))


def checked(cameras: Iterable[Camera], deadline_s: float = 20.0, **more: object) -> dict[str, PictureResult]:
    """Every camera exactly once."""
    batch = list(cameras)
    given = {"log_in": {one.slot for one in batch}, "source": "sub", "measured": False, "deadline_s": deadline_s}
    told = list(pictures.check(batch, **{**given, **more}))  # type: ignore[arg-type]
    assert sorted(one.slot for one in told) == sorted(one.slot for one in batch)
    return {one.slot: one for one in told}


def check(cameras: Iterable[Camera], deadline_s: float = 20.0, **more: object) -> dict[str, Seen[Picture] | NotSeen]:
    """What was seen of every camera."""
    return {slot: one.picture for slot, one in checked(cameras, deadline_s, **more).items()}


def each(kinds: Mapping[str, evil.Behaviour], **more: object) -> tuple[dict[str, Reason | str], bytes]:
    """One batch of a camera for each behaviour: its reason or "seen", and all that the cameras were sent."""
    with ExitStack() as stack:
        servers = {slot: stack.enter_context(evil.Server(behave)) for slot, behave in kinds.items()}
        told = check([server.camera(slot=slot) for slot, server in servers.items()], **more)  # type: ignore[arg-type]
    sent = b"".join(request for server in servers.values() for request in server.requests)
    return {slot: one.reason if isinstance(one, NotSeen) else "seen" for slot, one in told.items()}, sent


def seen(observation: Seen[Picture] | NotSeen) -> Picture:
    assert isinstance(observation, Seen), observation
    return observation.value


def reason(observation: Seen[Picture] | NotSeen) -> Reason:
    assert isinstance(observation, NotSeen), observation
    return observation.reason


# ---- sound cameras ------------------------------------------------------------------------------


def simulated(canteen: Canteen, slot: str, profile: int) -> Camera:
    unit = canteen.camera(slot)
    return enrolled(unit, slot=f"{slot}-{profile}", stream_path=unit.profiles[profile].path)


@pytest.fixture(scope="module")
def canteen() -> Iterator[Canteen]:
    with Canteen([CameraSpec(slot="a", persona="hikvision-dome"), CameraSpec(slot="b", persona="media2-only")]) as one:
        one.warm(wait=True)
        yield one


def test_simulated_cameras(canteen: Canteen) -> None:
    """A keyframe, a second of what follows and the next keyframe are measured, and TEARDOWN ends every visit."""
    told = check([simulated(canteen, "a", 1), simulated(canteen, "b", 1)], measured=True)
    for one in told.values():
        assert (seen(one).width, seen(one).height, seen(one).codec) == (640, 360, "H264")
        assert seen(one).metrics["frames"] == 5
        assert 1.5 < seen(one).metrics["span_s"] < 4
        assert "still_ratio" in seen(one).metrics
    assert all(unit.sessions == 0 for unit in canteen.cameras)


def test_snapshots(canteen: Canteen) -> None:
    """A snapshot behind a Digest login is seen at its true size, though it is decoded at half of it."""
    camera = simulated(canteen, "a", 0)
    paths = {camera.slot: "/onvif/snapshot?profile=Profile_1"}
    shot = seen(check([camera], source="snapshot", snapshot_path=paths)[camera.slot])
    assert (shot.source, shot.width, shot.height, shot.codec) == ("snapshot", 1920, 1080, "JPEG")
    assert shot.metrics["frames"] == 1


def test_a_login_is_answered_with_digest_alone() -> None:
    """The password never crosses the wire, neither in clear nor in Basic's disguise; Digest opens the stream."""
    with evil.Server(plays(SOUND, login=players.CHALLENGE)) as server:
        assert seen(check([server.camera()])["s1"]).width == 320
    sent = b"".join(server.requests)
    assert b"Authorization: Digest" in sent
    assert PASSWORD.encode() not in sent
    assert base64.b64encode(b"admin:sekret").rstrip(b"=") not in sent


def test_each_picture_is_compared_with_the_one_given() -> None:
    """Its own small gray picture is handed up for that; without an earlier one nothing is compared."""
    with evil.Server(plays(SOUND)) as server:
        first = checked([server.camera()], measured=True)["s1"]
        second = seen(check([server.camera()], signatures={"s1": first.signature}, measured=True)["s1"])
    assert "view_match" not in seen(first.picture).metrics
    assert second.metrics["view_match"] > 0.9


def test_a_decoder_names_no_fault() -> None:
    """Numbers come up, no words: what they mean is decided where no picture can reach."""
    with evil.Server(plays(SOUND)) as server:
        dark = seen(check([server.camera()], measured=True)["s1"])
    assert dark.metrics
    assert dark.faults == ()
    assert "faults" not in Decoded.__struct_fields__


def test_a_small_picture_leaves_the_decoder_only_when_asked_for(canteen: Canteen) -> None:
    """Asked for, it is a JPEG of the camera's view, 480 wide and of at most 36 kB; else no answer holds one."""
    camera = simulated(canteen, "a", 0)
    shown = checked([camera], source="main", thumbnails=True)[camera.slot]
    assert seen(shown.picture).width == 1920
    small = cv2.imdecode(np.frombuffer(shown.thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert small.shape == (270, 480, 3)
    assert float(small.std()) > 15.0
    assert len(shown.thumbnail) <= decoder.THUMBNAIL_BYTES
    job = PictureJob(
        camera=camera,
        log_in=True,
        source="main",
        snapshot_path="",
        measured=False,
        reference=b"",
        deadline_s=8.0,
    )
    results = children.run(pictures.CHILD, [lines.in_clear(job)], deadline_s=12.0, memory_mb=pictures.MEMORY_MB)
    assert [msgspec.json.decode(line, type=pictures.PictureResult).thumbnail for line in results] == [b""]


def test_a_thumbnail_fits_whatever_the_picture_shows() -> None:
    """Noise, which no JPEG makes small, comes at a lower quality; a picture smaller than a thumbnail stays so."""
    noise = np.random.default_rng(1).integers(0, 256, (2160, 3840, 3), np.uint8)
    for frame in (noise, np.ascontiguousarray(noise[:480, :480])):
        assert 0 < len(decoder.thumbnail(frame)) <= decoder.THUMBNAIL_BYTES
    assert decoder.jpeg_size(decoder.thumbnail(noise[:90, :160])) == (160, 90)


def test_slots_of_one_device_show_a_refused_login_once() -> None:
    """A wrong password is shown once, whatever number of slots the device carries, and the refusal is told."""
    challenge = f'{players.CHALLENGE}, Basic realm="You still have 4 attempts"'
    with evil.Server(plays(SOUND, login=challenge)) as server:
        wrong = Credentials("admin", "wrong")
        cameras = [server.camera(slot=slot, credentials=wrong, stream_path=f"/{slot}") for slot in ("s1", "s2", "s3")]
        told = checked(cameras)
    assert {reason(one.picture) for one in told.values()} == {REFUSED}
    assert [one.login for one in told.values()] == [LoginMet(failed=1, attempts_left=4), LoginMet(), LoginMet()]
    assert sum(b"Authorization" in request for request in server.requests) == 1


def test_without_leave_no_login_is_sent() -> None:
    """A slot that may not log in is REFUSED without its credentials having been shown."""
    with evil.Server(plays(SOUND, login=players.CHALLENGE)) as server:
        assert reason(check([server.camera()], log_in=set())["s1"]) is REFUSED
    assert not any(b"Authorization" in request for request in server.requests)


def test_parameter_sets_from_the_description() -> None:
    """A stream whose parameter sets stand only in the description is decoded."""
    clipped = clip(320, 240)
    sets = [unit for unit in clipped[0] if unit[0] & 0x1F in (7, 8)]
    bare = [[unit for unit in picture if unit[0] & 0x1F not in (7, 8)] for picture in clipped]
    fmtp = "packetization-mode=1;sprop-parameter-sets=" + ",".join(base64.b64encode(one).decode() for one in sets)
    with evil.Server(plays(rtp(bare), description=players.sdp(fmtp=fmtp))) as server:
        assert seen(check([server.camera()])["s1"]).height == 240


CONTROLS = [
    ("/main", "", "a=control:*", "trackID=0", "/main/trackID=0", "/main"),
    ("/main", "rtsp://192.0.2.9:8086/live/", "", "trackID=0", "/live/trackID=0", "/live/"),
    ("/main", "rtsp://192.0.2.9/live/", "a=control:rtsp://192.0.2.9/all?x=1", "/t/0", "/live/t/0", "/all?x=1"),
    ("/main", "", "a=control:whole", "rtsp://192.0.2.9:554/t?x=1", "/t?x=1", "/main/whole"),
    ("/main", "192.0.2.9/", "", "", "/main", "/main"),
]


@pytest.mark.parametrize(("path", "base", "whole", "control", "setup", "play"), CONTROLS)
def test_controls_are_resolved_as_the_standard_says(
    path: str, base: str, whole: str, control: str, setup: str, play: str
) -> None:
    """RFC 2326, C.1.1: session and media controls, absolute or on Content-Base; the path is kept, the host forced."""
    description = players.sdp(control=control).replace(b"t=0 0\r\n", f"t=0 0\r\n{whole}\r\n".encode())
    changes = {"DESCRIBE": adds(Content_Base=base)} if base else {}
    with evil.Server(plays(SOUND, description=description, changes=changes)) as server:
        assert seen(check([server.camera(stream_path=path)])["s1"]).width == 320
        lines = [request.split(b" ")[:2] for request in server.requests]
    here = f"rtsp://{server.address}:{server.port}"
    assert [b"SETUP", f"{here}{setup}".encode()] in lines
    assert [b"PLAY", f"{here}{play}".encode()] in lines


def test_a_path_that_is_unknown_there_is_tried_on_the_enrolled_one() -> None:
    """A base that leads nowhere: SETUP and PLAY are sent once more at the path that was described."""
    nowhere = says("404 Not Found")

    def setup(status: str, headers: dict[str, str], body: bytes) -> tuple[str, dict[str, str], bytes]:
        return (status, headers, body) if b"/main/trackID=0" in server.requests[-1] else nowhere(status, headers, body)

    changes = {"DESCRIBE": adds(Content_Base="rtsp://192.0.2.9/wrong/"), "SETUP": setup}
    with evil.Server(plays(SOUND, changes=changes)) as server:
        assert seen(check([server.camera()])["s1"]).width == 320


def test_what_cameras_leave_out_or_send_early_costs_nothing() -> None:
    """No Session header, another channel than announced, media before the reply to PLAY: the picture is seen."""

    def bare(status: str, headers: dict[str, str], body: bytes) -> tuple[str, dict[str, str], bytes]:
        return status, {name: value for name, value in headers.items() if name != "Session"}, body

    other = [chunk.replace(b"$\0", b"$\2") if chunk.count(b"$\0") == 1 else chunk for chunk in SOUND]
    early = adds()

    def at_once(peer: evil.Peer) -> None:
        plays(SOUND, changes={"PLAY": early})(_Early(peer, b"".join(SOUND[:13])))

    with evil.Server(plays(SOUND, changes={"SETUP": bare})) as one, evil.Server(plays(other)) as two:
        told = check([one.camera(), two.camera(slot="s2")])
    assert [seen(told[slot]).width for slot in ("s1", "s2")] == [320, 320]
    with evil.Server(at_once) as three:
        assert seen(check([three.camera()])["s1"]).width == 320


class _Early(evil.Peer):
    """A peer that is sent media before the reply to PLAY, and none after it."""

    def __init__(self, peer: evil.Peer, media: bytes) -> None:
        super().__init__(peer.sock, peer.number, peer.heard, peer.stop)
        self._media, self._played = media, False

    def read(self) -> bytes:
        request = super().read()
        if request.startswith(b"PLAY"):
            self.sock.sendall(self._media)
            self._played = True
        return request

    def send(self, data: bytes) -> None:
        if not self._played or data.startswith(b"RTSP"):
            super().send(data)


def test_the_largest_of_two_video_tracks_is_shown() -> None:
    """A small track listed before the main one is passed over, as far as the description tells their sizes."""
    small, large = clip(320, 240), clip(1920, 1080)
    sets = [
        ",".join(base64.b64encode(unit).decode().rstrip("=") for unit in one[0] if unit[0] & 0x1F in (7, 8))
        for one in (small, large)
    ]
    first = players.sdp(control="trackID=0", fmtp=f"sprop-parameter-sets={sets[0]}")
    second = players.sdp(control="trackID=1", fmtp=f"sprop-parameter-sets={sets[1]}").partition(b"m=")
    with evil.Server(plays(rtp(large), description=first + b"m=" + second[2])) as server:
        assert seen(check([server.camera()])["s1"]).height == 1080
        assert any(b"SETUP" in request and b"trackID=1" in request for request in server.requests)


def test_1080_lines_are_not_1088() -> None:
    """The coded height 1088 of 1080p is cropped, and a picture on its side stays so."""
    with evil.Server(plays(rtp(clip(1920, 1080)))) as wide, evil.Server(plays(rtp(clip(1080, 1920)))) as tall:
        told = check([wide.camera(), tall.camera(slot="s2")])
    assert (seen(told["s1"]).width, seen(told["s1"]).height) == (1920, 1080)
    assert (seen(told["s2"]).width, seen(told["s2"]).height) == (1080, 1920)


# ---- hostile cameras ----------------------------------------------------------------------------


@contextmanager
def elsewhere() -> Iterator[tuple[str, list[bytes]]]:
    """An address that nobody should ever call, and all that arrives there, connections without a byte included."""
    heard: list[bytes] = []

    def listen(peer: evil.Peer) -> None:
        heard.append(b"")
        heard.append(peer.read())

    with evil.Server(listen) as server:
        yield f"{server.address}:{server.port}", heard


HTTP = "http://{}/x"
RTSP = "rtsp://{}/x"


def test_redirects_lead_nowhere() -> None:
    """A redirect is HOSTILE at every step, also of a server that behaved when it was asked first; nobody goes there."""
    with elsewhere() as (other, heard):
        kinds = {
            f"{method} {url}": plays(SOUND, login=players.CHALLENGE, changes={method: says("302 Moved", Location=url)})
            for method in ("DESCRIBE", "SETUP", "PLAY")
            for url in (RTSP.format(other), HTTP.format(other))
        }
        reasons, _ = each(kinds)
        assert reasons == dict.fromkeys(kinds, HOSTILE)
        assert heard == []


def test_a_server_may_turn_hostile_at_its_second_connection() -> None:
    """Whoever behaves for a look and redirects the visit after it gains nothing by it."""
    with elsewhere() as (other, heard):
        good, bad = plays(SOUND), plays(SOUND, changes={"DESCRIBE": says("301 Gone", Location=RTSP.format(other))})
        with evil.Server(lambda peer: (good if peer.number == 1 else bad)(peer)) as server:
            assert seen(check([server.camera()])["s1"]).width == 320
            assert reason(check([server.camera()])["s1"]) is HOSTILE
        assert heard == []


def test_addresses_in_descriptions_are_not_followed() -> None:
    """Content-Base, control URLs, RTP-Info and a REDIRECT amid the media may name whom they like."""
    with elsewhere() as (other, heard):
        redirect = f"REDIRECT rtsp://{other}/x RTSP/1.0\r\nCSeq: 1\r\nLocation: rtsp://{other}/x\r\n\r\n".encode()
        base, media = RTSP.format(other), [SOUND[0], redirect, *SOUND[1:]]
        changes = {"DESCRIBE": adds(Content_Base=f"{base}/"), "PLAY": adds(RTP_Info=f"url={base};seq=1")}
        description = players.sdp(control=f"{base}/trackID=0") + f"a=control:{base}\r\nc=IN IP4 {other}\r\n".encode()
        with evil.Server(plays(media, description=description, changes=changes)) as server:
            assert seen(check([server.camera()])["s1"]).width == 320
        assert heard == []
    assert all(f"rtsp://{server.address}:{server.port}/".encode() in line.split(b"\r\n")[0] for line in server.requests)


def test_basic_is_never_answered() -> None:
    """A camera that wants Basic, from the start or after a Digest, is REFUSED and sees no password."""
    basic = says("401 Unauthorized", WWW_Authenticate='Basic realm="camera"')
    kinds = {step: plays(SOUND, login=players.CHALLENGE, changes={step: basic}) for step in ("SETUP", "PLAY")}
    kinds["DESCRIBE"] = plays(SOUND, login='Basic realm="camera"')
    reasons, sent = each(kinds)
    assert reasons == dict.fromkeys(kinds, REFUSED)
    assert b"Basic" not in sent
    assert PASSWORD.encode() not in sent


def test_paths_with_control_characters_are_not_sent() -> None:
    """A path that would break the request line is refused before anything is sent."""
    paths = {"crlf": "/a\r\nInjected: yes", "space": "/a HTTP/1.1", "lf": "/a\nX: y", "url": "rtsp://192.0.2.1/a"}
    with evil.Server(plays(SOUND)) as server:
        told = check([server.camera(slot=slot, stream_path=path) for slot, path in paths.items()])
        stills = check([server.camera(slot=slot) for slot in paths], source="snapshot", snapshot_path=paths)
    assert {reason(one) for one in (*told.values(), *stills.values())} == {MALFORMED}
    assert server.requests == []


def test_two_gigabytes_are_not_read() -> None:
    """A body announced with 2 GB is HOSTILE, as description and as snapshot."""
    size = str(2**31)
    told, _ = each({"film": plays(SOUND, changes={"DESCRIBE": adds(Content_Length=size)})})
    assert told == {"film": HOSTILE}
    huge = {"still": evil.answers(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())}
    told, _ = each(huge, source="snapshot", snapshot_path={"still": "/s"})
    assert told == {"still": HOSTILE}


def test_a_stream_that_never_sends_is_named() -> None:
    """PLAY granted and nothing sent, or the session closed after it: no picture, as with one nobody can decode."""
    with evil.Server(plays([], then=evil.silent)) as mute, evil.Server(plays([])) as closing:
        told = checked([mute.camera(), closing.camera(slot="s2")])
    for one in told.values():
        assert isinstance(one.picture, NotSeen)
        assert (one.picture.reason, one.picture.finding, one.undecodable) == (TIMED_OUT, Finding.NO_MEDIA, True)


def test_a_stream_without_keyframes_is_not_silent() -> None:
    """Video that comes without a keyframe in time: the camera sends, so nothing is denied, and the cause is named."""
    late = rtp(picture for picture in clip(320, 240, pictures=40, gop=40)[1:])
    with evil.Server(plays(late, then=evil.silent)) as server:
        (told,) = checked([server.camera()]).values()
    assert isinstance(told.picture, NotSeen)
    assert (told.picture.finding, told.undecodable) == (Finding.NO_KEYFRAME, False)


@pytest.mark.parametrize(
    ("line", "finding"),
    [("26", Finding.MJPEG_ONLY), ("96\r\na=rtpmap:96 SVAC/90000", Finding.NO_DECODER), ("96", Finding.NO_DECODER)],
)
def test_video_that_cannot_be_decoded_here_is_seen_to_come(line: str, finding: Finding) -> None:
    """Another codec is named where its video comes; where none does, that is the cause."""
    description = f"v=0\r\nm=video 0 RTP/AVP {line}\r\na=control:trackID=0\r\n".encode()
    packet = interleaved(0, int(line[:2]), Payload(marker=True, data=b"x" * 900), 1, 1, 1)
    comes = plays([packet] * 3, description=description, then=evil.silent)
    with evil.Server(comes) as server, evil.Server(plays([], description=description, then=evil.silent)) as mute:
        told = check([server.camera(), mute.camera(slot="s2")])
    found = [(one.reason, one.finding) for one in map(told.get, ("s1", "s2")) if isinstance(one, NotSeen)]
    assert found == [(Reason.UNASKED, finding), (TIMED_OUT, Finding.NO_MEDIA)]


def test_a_payload_type_that_the_description_does_not_list() -> None:
    """On the track's own channel it is taken as the listed one, unless that comes first; RTCP and others are not."""
    pictures = list(rtp(clip(320, 240)))
    with evil.Server(plays(_with_type(pictures, 98))) as server:
        assert seen(check([server.camera()])["s1"]).height == 240
    beside = [chunk for pair in zip(pictures, _with_type(pictures, 99), strict=True) for chunk in pair]
    with evil.Server(plays(beside)) as server:
        assert seen(check([server.camera()])["s1"]).height == 240


def _with_type(chunks: Iterable[bytes], kind: int) -> list[bytes]:
    """The same packets with another payload type."""
    found = []
    for chunk in chunks:
        packets, at = bytearray(chunk), 0
        while at < len(packets):
            packets[at + 5] = packets[at + 5] & 0x80 | kind
            at += 4 + int.from_bytes(packets[at + 2 : at + 4], "big")
        found.append(bytes(packets))
    return found


def test_a_recorder_that_says_500_to_setup_is_busy() -> None:
    """It has just described the stream: it lives, and has no room."""
    with evil.Server(plays([], changes={"SETUP": says("500 Internal Server Error")})) as server:
        assert reason(check([server.camera()])["s1"]) is Reason.BUSY


def test_a_camera_that_ends_its_description_by_closing_is_set_up_over_another_connection() -> None:
    """No Content-Length: the end of the connection is the end of the description, and no refusal."""
    described = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n\r\n" + players.sdp()

    def behave(peer: evil.Peer) -> None:
        if peer.number > 1:
            plays(SOUND)(peer)
        elif peer.read():
            peer.send(described)

    with evil.Server(behave) as server:
        assert seen(check([server.camera()])["s1"]).height == 240
        assert server.connections == 2


@pytest.mark.parametrize(("udp", "finding"), [(True, Finding.UDP_ONLY), (False, Finding.SETUP_FAILED)])
def test_a_stream_that_goes_over_udp_only_is_no_refusal(udp: bool, finding: Finding) -> None:
    """461 to SETUP over the connection: where SETUP for UDP is granted others can see it; nothing is played."""
    granted = "RTP/AVP;unicast;client_port=50000-50001;server_port=6970-6971"
    answers = iter([says("461 Unsupported Transport"), says("200 OK", Transport=granted) if udp else says("461 No")])

    def setup(status: str, headers: dict[str, str], body: bytes) -> tuple[str, dict[str, str], bytes]:
        return next(answers)(status, headers, body)

    with evil.Server(plays([], changes={"SETUP": setup})) as server:
        (told,) = checked([server.camera()]).values()
        sent = b"".join(server.requests)
    assert isinstance(told.picture, NotSeen)
    assert (told.picture.reason, told.picture.finding) == (Reason.UNSUPPORTED, finding)
    assert told.undecodable is not udp
    assert b"PLAY" not in sent
    assert (b"TEARDOWN" in sent) is udp


def test_a_patient_visit_waits_for_a_keyframe_that_comes_late() -> None:
    """Longer than any other visit; the picture that it had says that key frames come too seldom."""
    coded = clip(320, 240, pictures=40, gop=40)
    late = [*rtp(coded[1:]), *rtp(coded[:12])]
    with evil.Server(plays(late, pace_s=0.2)) as server:
        told = check([server.camera()], patient=True, deadline_s=pictures.PATIENT_BATCH_S)
    assert seen(told["s1"]).finding == Finding.NO_KEYFRAME


def test_a_flood_of_media_ends() -> None:
    """Media without end and without a picture is HOSTILE after 12 MB, not a full memory."""
    packet = interleaved(0, 96, Payload(marker=False, data=b"\x41" * 1400), 1, 1, 1)

    def flood(peer: evil.Peer) -> None:
        while True:
            peer.send(packet * 200)

    with evil.Server(plays([], then=flood)) as server:
        assert reason(check([server.camera()])["s1"]) is HOSTILE


def test_hostile_cameras_cost_nobody_else_a_turn() -> None:
    """A bomb of 67 megapixels, silence, a drip and garbage are each named, and all sound cameras of the batch seen."""
    garbage = [[bytes([kind]) + os.urandom(900) for kind in (0x67, 0x68, 0x65)] for _ in range(2)]
    kinds = {
        "bomb": plays(rtp(players.bomb())),
        "silent": evil.silent,
        "drip": evil.drip(b"RTSP/1.0 200 OK\r\n" * 100),
        "quiet": plays([], then=evil.silent),
        "garbage": plays(rtp(garbage)),
        "sound-1": plays(SOUND),
        "sound-2": plays(rtp(clip(320, 240, "H265"), "H265"), description=players.sdp("H265")),
    }
    began = time.monotonic()
    told, _ = each(kinds, deadline_s=5.0)
    assert time.monotonic() - began < 6.0
    assert told == {
        "bomb": HOSTILE,
        "silent": TIMED_OUT,
        "drip": TIMED_OUT,
        "quiet": TIMED_OUT,
        "garbage": MALFORMED,
        "sound-1": "seen",
        "sound-2": "seen",
    }


def test_a_batch_ends_in_time() -> None:
    """Cameras that would not be reached before the deadline are UNASKED, which says nothing of them."""
    with evil.Server(evil.silent) as server:
        began = time.monotonic()
        told = check([server.camera(slot=f"s{n}", stream_path=f"/{n}") for n in range(4)], deadline_s=1.5)
        assert time.monotonic() - began < 2.5
    assert sorted(reason(one) for one in told.values()) == [TIMED_OUT, *[Reason.UNASKED] * 3]


def test_nobody_is_left_behind() -> None:
    """Who stops listening after the first picture leaves neither visitor nor decoder behind."""
    with evil.Server(plays(SOUND)) as good, evil.Server(evil.silent) as bad:
        batch = [good.camera(), bad.camera(slot="s2")]
        told = pictures.check(batch, log_in=(), source="sub", measured=False, deadline_s=20.0)
        assert next(told).slot == "s1"
        left = [one for one in psutil.Process().children(recursive=True) if "agent.ask" in " ".join(one.cmdline())]
        assert len(left) == 2
        told.close()  # type: ignore[attr-defined]
        assert psutil.wait_procs(left, timeout=PATIENCE_S)[1] == []


def test_a_password_stands_in_no_process_list() -> None:
    """While a camera is visited, neither argv nor environment of any process of ours holds the password."""
    found: list[str] = []

    def spy(peer: evil.Peer) -> None:
        for process in psutil.Process().children(recursive=True):
            for name in ("cmdline", "environ"):
                text = Path(f"/proc/{process.pid}/{name}").read_bytes()
                found.append(f"{process.pid}")
                assert PASSWORD.encode() not in text
        plays(SOUND, login=players.CHALLENGE)(peer)

    with evil.Server(spy) as server:
        assert seen(check([server.camera()])["s1"]).width == 320
    assert len(set(found)) == 2  # who visits and who decodes


def test_the_daemon_loads_no_decoder() -> None:
    """The parent's side imports neither cv2 nor numpy, and so does who visits the cameras."""
    loaded = "import sys, agent.ask.picture.parent, agent.ask.picture.child"
    code = f"{loaded}; sys.exit(len({{'cv2', 'numpy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- snapshots ----------------------------------------------------------------------------------


def jpeg(width: int, height: int) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes())


def http(status: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""]).encode() + body


BOMB = jpeg(64, 64).replace(struct.pack(">HH", 64, 64), struct.pack(">HH", 65_000, 65_000))
DIGEST = http("401 Unauthorized", WWW_Authenticate=players.CHALLENGE)
BASIC = http("401 Unauthorized", WWW_Authenticate='Basic realm="camera"')


REPLIES = {
    "redirect": ([http("302 Found", Location="http://192.0.2.1/x")], HOSTILE),
    "encoded": ([http("200 OK", jpeg(64, 64), Content_Encoding="gzip")], HOSTILE),
    "bomb": ([http("200 OK", BOMB)], HOSTILE),
    "page": ([http("200 OK", b"<html>")], MALFORMED),
    "empty": ([http("200 OK", b"\xff\xd8" + bytes(500))], MALFORMED),
    "absent": ([http("404 Not Found")], Reason.UNSUPPORTED),
    "busy": ([http("503 Busy")], Reason.BUSY),
    "basic": ([BASIC], REFUSED),
    "turned basic": ([DIGEST, BASIC], REFUSED),
    "turned redirect": ([DIGEST, http("302 Found", Location="http://192.0.2.1/x")], HOSTILE),
}


def test_hostile_snapshots() -> None:
    """Each way in which a snapshot can be none has its reason, and no password is shown in clear."""
    kinds = {slot: evil.answers(*replies) for slot, (replies, _) in REPLIES.items()}
    told, sent = each(kinds, source="snapshot", snapshot_path=dict.fromkeys(kinds, "/snap"))
    assert told == {slot: why for slot, (_, why) in REPLIES.items()}
    assert PASSWORD.encode() not in sent
    assert b"Basic" not in sent


# ---- the decoder --------------------------------------------------------------------------------

FILM = Footage("H264", (Take(b"".join(b"\0\0\0\1" + unit for p in clip(320, 240) for unit in p), (0.0, 0.1, 0.2)),))


@contextmanager
def started(patience_s: float = 8.0) -> Iterator[tuple[Decoder, psutil.Process]]:
    """A decoder that has decoded a film, and its process."""
    one = Decoder(patience_s)
    try:
        assert one.decode(FILM, b"", measured=False).width == 320
        yield one, next(p for p in psutil.Process().children() if PROGRAM in p.cmdline())
    finally:
        one.close()


def test_the_decoder_can_open_nothing() -> None:
    """Once it works, the decoder can open neither file nor socket, and its memory ends where its parent's does."""
    with started() as (_, process):
        limits = Path(f"/proc/{process.pid}/limits").read_text()
    assert "Max open files            0                    0" in limits


def test_a_decoder_that_dies_is_replaced() -> None:
    """A decoder that crashes costs the picture that it was busy with, named as our fault; the next is decoded."""
    with started() as (one, process):
        process.suspend()
        for delay_s, sign in ((0.2, signal.SIGSEGV), (0.4, signal.SIGCONT)):
            threading.Timer(delay_s, process.send_signal, (sign,)).start()
        with pytest.raises(Trouble) as caught:
            one.decode(FILM, b"", measured=False)
        assert caught.value.reason is Reason.AGENT_FAULT
        assert str(-signal.SIGSEGV) in caught.value.detail
        assert one.decode(FILM, b"", measured=False).width == 320


def test_a_decoder_that_hangs_is_killed() -> None:
    """A decoder that hangs is killed after its time, named as our fault; the next picture is decoded."""
    with started(8.0) as (one, process):
        process.suspend()
        with pytest.raises(Trouble) as caught:
            one.decode(FILM, b"", measured=False)
        assert (caught.value.reason, "8 s" in caught.value.detail) == (Reason.AGENT_FAULT, True)
        assert one.decode(FILM, b"", measured=False).width == 320


def test_a_crash_costs_one_camera_its_turn() -> None:
    """The decoder is killed while one camera of a batch is visited: at most that one is lost, and all are answered."""

    def murder(peer: evil.Peer) -> None:
        for process in psutil.Process().children(recursive=True):
            if PROGRAM in process.cmdline():
                process.kill()
        plays(SOUND)(peer)

    with evil.Server(murder) as bad, evil.Server(plays(SOUND)) as good:
        told = check([bad.camera(slot="bad"), *(good.camera(slot=f"s{n}", stream_path=f"/{n}") for n in range(3))])
    assert sum(isinstance(one, Seen) for one in told.values()) >= 3


def test_large_pictures_within_the_limit_of_memory() -> None:
    """A still picture in 4K and a film of it are decoded within 800 MB of address space."""
    shows = evil.answers(http("200 OK", jpeg(3840, 2160)))
    with evil.Server(plays(rtp(clip(3840, 2160, pictures=3)))) as film, evil.Server(shows) as one:
        assert seen(check([film.camera()])["s1"]).width == 3840
        shot = check([one.camera()], source="snapshot", snapshot_path={"s1": "/snap"})
    assert seen(shot["s1"]).height == 2160


# ---- enlarged pictures --------------------------------------------------------------------------


@pytest.mark.parametrize("scene", ["day", "white-tiles"])
def test_enlarged_pictures(scene: str) -> None:
    """A kitchen taken in 1080p is not enlarged; one taken at half the width and enlarged is, coded as JPEG or not."""
    for width, expected in ((1920, False), (960, True)):
        jpg = still(Shot(scene=scene), width, width * 9 // 16, 0.3)
        taken = cv2.imdecode(np.frombuffer(jpg, np.uint8), cv2.IMREAD_COLOR)
        shown = cv2.resize(taken, (1920, 1080), interpolation=cv2.INTER_CUBIC)
        coded = cv2.imdecode(cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR)
        assert decoder.enlarged(np.asarray(shown, np.uint8)) is expected
        assert decoder.enlarged(np.asarray(coded, np.uint8)) is expected


def test_nothing_to_see_is_not_enlarged() -> None:
    """A black picture, an even one and one too small to tell are not called enlarged."""
    for shape in ((1080, 1920, 3), (360, 640, 3)):
        assert not decoder.enlarged(np.zeros(shape, np.uint8))
        assert not decoder.enlarged(np.full(shape, 128, np.uint8))
