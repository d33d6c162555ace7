"""Talking through the backchannel: opened, heard, always torn down."""

import contextlib
import time

import pytest

from agent.ask.rtsp.session import HOLD_S, track_path
from agent.ask.talk import backchannel
from agent.model import UNASKED, Camera, NotSeen, Ports, Seen, Talk
from contract.vocabulary import Reason
from tests import evil
from tests.agent.ask.talk.talking import SDP, Room, Talker
from tests.support.waiting import PATIENCE_S

REQUIRE = "Require: www.onvif.org/ver20/backchannel\r\n"
DIGEST = 'WWW-Authenticate: Digest realm="IP Camera", nonce="n1", qop="auth"'


def status(line: str, *heads: str) -> bytes:
    return "\r\n".join([f"RTSP/1.0 {line}", "CSeq: 1", *heads, "", ""]).encode()


def setup(camera: Talker, deadline_s: float = 2.0, **fields: object) -> Seen[bool] | NotSeen:
    with evil.Server(camera) as server:
        return backchannel.setup(server.camera(**fields), log_in=True, deadline_s=deadline_s)


def sound(camera: Talker, deadline_s: float = 5.0) -> Talk:
    with evil.Server(camera) as server:
        seen = backchannel.sound(server.camera(), log_in=True, deadline_s=deadline_s)
        camera.torn_down.wait(1.0 if "PLAY" in camera.methods and not camera.hangs else 0.0)
        return seen


# ---- SETUP --------------------------------------------------------------------------------------


def test_setup_is_torn_down_at_once() -> None:
    """DESCRIBE, SETUP of the sendonly track alone, TEARDOWN of that session; the tag is required in each."""
    camera = Talker()
    seen = setup(camera)
    assert isinstance(seen, Seen)
    assert seen.value
    assert camera.methods == ["DESCRIBE", "SETUP", "TEARDOWN"]
    assert camera.urls[1].endswith("/main/track3")
    assert all(REQUIRE in head for head in camera.heads)
    assert "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n" in camera.heads[1]
    assert "Session: 12345678\r\n" in camera.heads[2]
    assert not camera.talked
    assert camera.held_s < 0.5


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("404 Not Found", Reason.UNSUPPORTED),
        ("461 Unsupported Transport", Reason.UNSUPPORTED),
        ("453 Not Enough Bandwidth", Reason.BUSY),
        ("302 Moved", Reason.HOSTILE),
        ("500 Internal Server Error", Reason.BUSY),
        ("403 Forbidden", Reason.REFUSED),
    ],
)
def test_setup_refused(line: str, reason: Reason) -> None:
    """A SETUP that is refused says why, begins nothing to tear down, and leads nowhere else; recorders answer 500 to it
    once all their sessions are taken."""
    with evil.Server(evil.silent) as other:
        camera = Talker(instead={"SETUP": status(line, f"Location: rtsp://{other.address}:{other.port}/main")})
        seen = setup(camera)
        assert isinstance(seen, NotSeen)
        assert seen.reason is reason
        assert camera.methods == ["DESCRIBE", "SETUP"]
        assert other.connections == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, Reason.TIMED_OUT),
        (status("200 OK", "Session: a\tb"), Reason.MALFORMED),
        (status("200 OK", "Session: 1", "Transport: RTP/AVP;unicast;client_port=5-6"), Reason.MALFORMED),
        (status("200 OK", "Session: 1", "Transport: RTP/AVP/TCP;interleaved=300-301"), Reason.MALFORMED),
        (b"\0" * 9000, Reason.MALFORMED),
        (b"$\x00\xff\xff" + b"\0" * 10, Reason.TIMED_OUT),
    ],
)
def test_what_may_have_begun_is_torn_down(answer: bytes | None, reason: Reason) -> None:
    """After silence, junk or a half answer to SETUP a TEARDOWN follows all the same, and within the deadline."""
    began = time.monotonic()
    camera = Talker(instead={"SETUP": answer})
    with evil.Server(camera) as server:
        seen = backchannel.setup(server.camera(), log_in=True, deadline_s=0.9)
        assert isinstance(seen, NotSeen)
        assert seen.reason is reason
        assert time.monotonic() - began < 1.4
        if answer is not None:
            assert camera.torn_down.wait(PATIENCE_S)
            assert camera.methods == ["DESCRIBE", "SETUP", "TEARDOWN"]


@pytest.mark.parametrize(
    ("control", "path"),
    [
        ("track3", "/main/track3"),
        ("/track3", "/main/track3"),
        ("*", "/main"),
        ("rtsp://192.168.1.64:554/Streaming/3?x=1", "/Streaming/3?x=1"),
        ("rtsp://rtsp://192.168.1.64/a", "/a"),
        ("http://192.168.1.64", "/"),
        ("//192.168.1.64/a", "/main//192.168.1.64/a"),
    ],
)
def test_control_urls(control: str, path: str) -> None:
    """The path of a control URL is kept, whatever host it names; a relative one stands behind our own path."""
    assert track_path("/main", control) == path
    camera = Talker(control=control)
    with evil.Server(camera) as server:
        backchannel.setup(server.camera(), log_in=True)
    assert camera.urls[1] == f"rtsp://{server.address}:{server.port}{path}"


def test_a_control_url_of_another_host_is_not_followed() -> None:
    """Not a byte, not even a connection reaches the host that a control URL or Content-Base names."""
    with evil.Server(evil.silent) as other:
        foreign = f"rtsp://{other.address}:{other.port}"
        sdp = SDP.replace("{control}", f"{foreign}/track3")
        describe = status("200 OK", f"Content-Base: {foreign}/else/", f"Content-Length: {len(sdp)}") + sdp.encode()
        camera = Talker(
            sdp=sdp, instead={"DESCRIBE": describe.replace(b"{mic}", b"00000").replace(b"{talk}", b"000000")}
        )
        assert isinstance(setup(camera), Seen)
        assert other.connections == 0
    assert all(other.address not in line for line in camera.asked)
    assert camera.urls[2].endswith("/else/"), "the path is kept, on the enrolled host"


def test_content_base_of_the_camera_itself_is_used() -> None:
    """Content-Base is where relative controls stand, when it names the camera we asked."""
    camera = Talker()
    with evil.Server(camera) as server:
        sdp = SDP.format(mic=0, talk=0, control="track3").encode()
        base = f"Content-Base: rtsp://{server.address}:554/other/path/"
        camera.instead["DESCRIBE"] = status("200 OK", base, f"Content-Length: {len(sdp)}") + sdp
        assert isinstance(backchannel.setup(server.camera(), log_in=True), Seen)
    assert [url.partition(str(server.port))[2] for url in camera.urls[1:]] == ["/other/path/track3", "/other/path/"]


@pytest.mark.parametrize(
    ("sdp", "instead", "path", "detail"),
    [
        (SDP.replace("sendonly", "recvonly"), {}, "/main", "no audio sendonly"),
        (SDP, {"DESCRIBE": status("551 Option not supported")}, "/main", "DESCRIBE: RTSP 551"),
        (SDP, {"DESCRIBE": status("404 Not Found")}, "/main", "DESCRIBE: RTSP 404"),
        (SDP, {}, "", "no stream path"),
    ],
)
def test_what_was_not_asked_is_no_evidence(sdp: str, instead: dict[str, bytes | None], path: str, detail: str) -> None:
    """Only SETUP itself may say no; an offer that is gone, or a path that is not there, comes back as UNASKED."""
    seen = setup(Talker(sdp=sdp, instead=instead), stream_path=path)
    assert isinstance(seen, NotSeen)
    assert seen.reason is Reason.UNASKED
    assert detail in seen.detail


def test_one_login_serves_the_whole_session() -> None:
    """The challenge answered for DESCRIBE is answered in advance for SETUP and TEARDOWN, with a rising count."""
    camera = Talker()
    asked: list[str] = []

    def behave(peer: evil.Peer) -> None:
        asked.append(peer.read().decode())
        peer.send(status("401 Unauthorized", DIGEST))
        camera(peer)

    with evil.Server(behave) as server:
        assert isinstance(backchannel.setup(server.camera(), log_in=True), Seen)
    assert "Authorization" not in asked[0]
    assert [head.count("Authorization: Digest ") for head in camera.heads] == [1, 1, 1]
    assert [f"nc=0000000{n}" in head for n, head in enumerate(camera.heads, 1)] == [True, True, True]


def test_a_login_refused_at_setup_is_not_sent_again() -> None:
    """Where SETUP refuses a login that DESCRIBE accepted, its challenge is answered once more, and that is all."""
    camera = Talker(instead={"SETUP": status("401 Unauthorized", DIGEST)})

    def behave(peer: evil.Peer) -> None:
        peer.read()
        peer.send(status("401 Unauthorized", DIGEST))
        camera(peer)

    with evil.Server(behave) as server:
        seen = backchannel.setup(server.camera(), log_in=True)
    assert isinstance(seen, NotSeen)
    assert seen.reason is Reason.REFUSED
    assert camera.methods == ["DESCRIBE", "SETUP", "SETUP"]


# ---- the chirp ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("room", "codec", "channels", "heard", "half_duplex"),
    [
        ("echo", "PCMU", (), (0.5, 1.0), False),
        ("echo", "PCMA", ("7", "9", "11"), (0.5, 1.0), False),
        ("deaf", "PCMU", (), (0.0, 0.1), False),
        ("half duplex", "PCMA", (), (0.0, 0.1), True),
    ],
)
def test_loopback(
    room: Room, codec: str, channels: tuple[str, ...], heard: tuple[float, float], half_duplex: bool
) -> None:
    """A second of chirp arrives whole on the channel the camera chose; what its microphone heard of it is measured."""
    for _ in range(5):  # a machine that does more plays the chirp with pauses, and it is heard less well
        camera = Talker(room, codec=codec, channels=channels)
        seen = sound(camera)
        assert isinstance(seen.setup, Seen)
        assert isinstance(seen.heard, Seen)
        if seen.heard.value >= heard[0]:
            break
    assert heard[0] <= seen.heard.value <= heard[1]
    assert seen.half_duplex is half_duplex
    assert (len(camera.talked), camera.strays) == (8000, 0)
    assert camera.methods == ["DESCRIBE", "SETUP", "SETUP", "SETUP", "PLAY", "TEARDOWN"]
    assert camera.held_s < 4.0  # 3 s, and what a busy machine adds


def endless(frame: bytes) -> Talker:
    def flood(peer: evil.Peer) -> None:
        with contextlib.suppress(OSError):
            while not peer.stop.is_set():
                peer.send(frame * 10)

    return Talker(after_play=flood)


@pytest.mark.parametrize(
    ("camera", "reason"),
    [
        (Talker("dead"), Reason.TIMED_OUT),
        (Talker(sdp=SDP.replace("recvonly", "inactive")), Reason.UNSUPPORTED),
        (Talker(codec="97"), Reason.UNASKED),
        (Talker(sdp=SDP.replace("{mic}", "97\r\na=rtpmap:97 MPEG4-GENERIC/16000")), Reason.UNASKED),
        (Talker(sdp=SDP.replace("{talk}", "0\r\na=rtpmap:0 PCMU/16000")), Reason.UNASKED),
        (Talker(instead={"PLAY": status("454 Session Not Found")}), Reason.MALFORMED),
        (Talker(instead={"PLAY": status("453 Not Enough Bandwidth")}), Reason.BUSY),
        (Talker(instead={"PLAY": None}), Reason.TIMED_OUT),
        (endless(b"junk" * 2000), Reason.MALFORMED),
        (endless(status("200 OK")), Reason.MALFORMED),
        (Talker(after_play=lambda peer: peer.send(b"$\x02\xff\xffcut off")), Reason.TIMED_OUT),
    ],
)
def test_could_not_be_heard(camera: Talker, reason: Reason) -> None:
    """Whatever keeps us from hearing is told with its reason; the track was opened all the same, and is torn down."""
    began = time.monotonic()
    seen = sound(camera)
    assert isinstance(seen.setup, Seen)
    assert isinstance(seen.heard, NotSeen)
    assert (seen.heard.reason, seen.half_duplex) == (reason, False)
    assert "TEARDOWN" in camera.methods or camera.hangs
    assert time.monotonic() - began < HOLD_S + 1.5
    assert camera.held_s < 4.0  # 3 s, and what a busy machine adds


@pytest.mark.parametrize(
    "frame", [b"$\x02\x00\x0c\x80" + b"\0" * 11, b"$\x02\xff\xff" + b"\0" * 65535, b"$\xc8\x40\x00" + b"\0" * 16384]
)
def test_a_flood_is_no_sound(frame: bytes) -> None:
    """Packets that hold no sound end in silence, or beyond the bound where the machine reads that fast."""
    seen = sound(endless(frame))
    assert isinstance(seen.heard, NotSeen)
    assert seen.heard.reason in (Reason.TIMED_OUT, Reason.HOSTILE)


def test_a_camera_in_use_makes_no_sound() -> None:
    """Where the backchannel is taken nothing is played, and the talk says so."""
    camera = Talker(instead={"SETUP": status("453 Not Enough Bandwidth")})
    seen = sound(camera)
    assert isinstance(seen.setup, NotSeen)
    assert seen.setup.reason is Reason.BUSY
    assert (camera.methods, len(camera.talked)) == (["DESCRIBE", "SETUP"], 0)


def test_a_camera_that_is_gone() -> None:
    """A camera that is not there is a value, not an exception, and nothing was listened for."""
    address, port = evil.closed_port()
    gone = Camera(slot="s1", address=address, ports=Ports(rtsp=port), stream_path="/main")
    seen = backchannel.sound(gone, log_in=True, deadline_s=1.0)
    assert isinstance(seen.setup, NotSeen)
    assert seen.setup.reason is Reason.UNREACHABLE
    assert seen.heard == UNASKED
