"""RTSP as FFmpeg (PyAV) sees it, and by hand where FFmpeg cannot ask."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import av
import pytest

from simulator.canteen import CameraSpec, Canteen
from simulator.unit import Unit
from tests.simulator.speak import PASSWORD, USER, Rtsp, rtp
from tests.support.waiting import PATIENCE_S, until

REQUIRE = {"Require": "www.onvif.org/ver20/backchannel"}
QUICK = {"rtsp_transport": "tcp", "analyzeduration": "0", "fpsprobesize": "0", "timeout": "8000000"}
NAMES = [
    "ptz-endless",
    "hikvision-dome",
    "media2-only",
    "no-backchannel",
    "tplink-typed-probe",
    "fake-ptz",
    "nvr-2-channels",
]


@pytest.fixture(scope="module")
def canteen() -> Iterator[Canteen]:
    with Canteen([CameraSpec(slot=name, persona=name) for name in NAMES]) as canteen:
        yield canteen


def watch(unit: Unit, profile: int, pictures: int) -> tuple[str, list[tuple[int, int]], list[float]]:
    """Codec, sizes and times of the first pictures FFmpeg decodes."""
    url = f"rtsp://{USER}:{PASSWORD}@{unit.address}:{unit.rtsp_port}{unit.profiles[profile].path}"
    with av.open(url, options=QUICK) as stream:
        frames = [frame for _, frame in zip(range(pictures), stream.decode(video=0), strict=False)]
        codec = stream.streams.video[0].codec_context.name
    return codec, [(f.width, f.height) for f in frames], [f.time for f in frames if f.time is not None]


@pytest.mark.parametrize(
    ("slot", "profile", "codec", "size"),
    [
        ("ptz-endless", 0, "h264", (1920, 1080)),
        ("hikvision-dome", 1, "h264", (640, 360)),
        ("media2-only", 0, "hevc", (1920, 1080)),
    ],
)
def test_ffmpeg_decodes_what_is_declared(
    canteen: Canteen, slot: str, profile: int, codec: str, size: tuple[int, int]
) -> None:
    """FFmpeg sees every picture whole, in the declared size, at the declared rate of 10 a second."""
    seen, sizes, times = watch(canteen.camera(slot), profile, 6)
    assert seen == codec
    assert sizes == [size] * 6
    assert [round(b - a, 3) for a, b in pairwise(times)] == [0.1] * (len(times) - 1)


def test_the_film_runs_on_past_its_loop_without_a_jump(canteen: Canteen) -> None:
    """Pictures beyond the two seconds that were encoded carry on in time, in real time, without decoding errors."""
    began = time.monotonic()
    _, sizes, times = watch(canteen.camera("hikvision-dome"), 1, 24)
    assert 2.0 < time.monotonic() - began < 6.0
    assert len(sizes) == 24
    assert times == sorted(times)
    assert times[-1] == pytest.approx(2.3, abs=0.05)


def test_a_wrong_password_is_refused(canteen: Canteen) -> None:
    """Digest with another password gets 401 again, and the sight of the stream is denied."""
    unit = canteen.camera("ptz-endless")
    with closing(Rtsp(unit, "wrong")) as client:
        reply = client.say("DESCRIBE", unit.profiles[0].path)
        assert (reply.status, b"m=video" in reply.body) == (401, False)


def test_the_sdp_is_open_where_the_camera_asks_no_login(canteen: Canteen) -> None:
    """A camera without RTSP authentication describes its stream to anybody."""
    unit = canteen.camera("fake-ptz")
    with closing(Rtsp(unit, "")) as client:
        reply = client.say("DESCRIBE", unit.profiles[0].path)
        assert (reply.status, b"H264/90000" in reply.body) == (200, True)


def test_a_path_without_a_stream_is_not_found(canteen: Canteen) -> None:
    """DESCRIBE of an unknown path gets 404."""
    with closing(Rtsp(canteen.camera("ptz-endless"))) as client:
        assert client.say("DESCRIBE", "/nothing").status == 404


def test_the_backchannel_shows_only_to_who_requires_it(canteen: Canteen) -> None:
    """a=sendonly appears with the Require header and not without."""
    unit = canteen.camera("ptz-endless")
    with closing(Rtsp(unit)) as client:
        plain = client.say("DESCRIBE", unit.profiles[0].path)
        asked = client.say("DESCRIBE", unit.profiles[0].path, **REQUIRE)
    assert b"a=sendonly" not in plain.body
    assert asked.body.count(b"a=sendonly") == 1
    assert b"PCMU/8000" in asked.body.partition(b"m=audio")[2]


def test_other_manners_of_the_backchannel(canteen: Canteen) -> None:
    """551 where it is refused, 200 without a track where Require is ignored, always there where it is always there."""
    refuses, ignores, always = (canteen.camera(n) for n in ("no-backchannel", "tplink-typed-probe", "nvr-2-channels"))
    with closing(Rtsp(refuses)) as client:
        reply = client.say("DESCRIBE", refuses.profiles[0].path, **REQUIRE)
        assert (reply.status, reply.header("Unsupported")) == (551, "www.onvif.org/ver20/backchannel")
    with closing(Rtsp(ignores)) as client:
        reply = client.say("DESCRIBE", ignores.profiles[0].path, **REQUIRE)
        assert (reply.status, b"a=sendonly" in reply.body) == (200, False)
    with closing(Rtsp(always)) as client:
        assert b"a=sendonly" in client.say("DESCRIBE", always.profiles[0].path).body


def test_a_camera_that_hangs_on_require_says_nothing(canteen: Canteen) -> None:
    """DESCRIBE with Require gets no answer from a camera of that kind, plain DESCRIBE does."""
    unit = canteen.camera("fake-ptz")
    with closing(Rtsp(unit, "")) as client:
        client.wire.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.say("DESCRIBE", unit.profiles[0].path, **REQUIRE)


def test_talk_is_heard_and_only_one_may_talk() -> None:
    """RTP on the backchannel is counted; a second talker gets 453 until the first has torn down."""
    with Canteen([CameraSpec(slot="a", persona="hikvision-dome")]) as canteen:
        unit = canteen.camera("a")
        path = unit.profiles[1].path
        with closing(Rtsp(unit)) as first, closing(Rtsp(unit)) as second:
            transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=4-5", **REQUIRE}
            setup = first.say("SETUP", f"{path}/trackID=2", **transport)
            assert (setup.status, "interleaved=4-5" in setup.header("Transport")) == (200, True)
            assert second.say("SETUP", f"{path}/trackID=2", **transport).status == 453
            session = setup.header("Session").partition(";")[0]
            assert first.say("PLAY", path, Session=session, **REQUIRE).status == 200
            first.wire.sendall(rtp(4, b"\xd5" * 160) * 5 + rtp(6, b"\xd5" * 160))
            assert first.say("TEARDOWN", path, Session=session).status == 200
            assert unit.talk_bytes == 5 * 160
            assert second.say("SETUP", f"{path}/trackID=2", **transport).status == 200


def test_a_foreign_session_cannot_play(canteen: Canteen) -> None:
    """PLAY with another's session id gets 454; UDP transport gets 461."""
    unit = canteen.camera("tplink-typed-probe")
    path = unit.profiles[1].path
    with closing(Rtsp(unit)) as client:
        udp = client.say("SETUP", f"{path}/trackID=0", Transport="RTP/AVP;unicast;client_port=6000-6001")
        assert udp.status == 461
        setup = client.say("SETUP", f"{path}/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        assert setup.status == 200
        assert client.say("PLAY", path, Session="stolen").status == 454


def test_sessions_are_limited_and_cool_down() -> None:
    """Beyond max_sessions a camera answers 453; some go on for seconds after a TEARDOWN."""
    with Canteen(
        [CameraSpec(slot="a", persona="tapo-wsse"), CameraSpec(slot="b", persona="no-backchannel")]
    ) as canteen:
        unit = canteen.camera("a")
        path, transport = unit.profiles[1].path, {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
        clients = [Rtsp(unit) for _ in range(3)]
        assert [c.say("SETUP", f"{path}/trackID=0", **transport).status for c in clients] == [200, 200, 453]
        clients[0].close()
        until(lambda: clients[2].say("SETUP", f"{path}/trackID=0", **transport).status == 200, every_s=0.02)
        for client in clients:
            client.close()
        unit = canteen.camera("b")
        with closing(Rtsp(unit)) as client:
            assert client.say("DESCRIBE", unit.profiles[1].path).status == 200
            assert client.say("TEARDOWN", unit.profiles[1].path).status == 200
            assert client.say("DESCRIBE", unit.profiles[1].path).status == 453


def test_viewers_share_one_encoding() -> None:
    """Six cameras of one size, rate and codec watched at once cost one run of the encoder."""
    with Canteen([CameraSpec(slot=str(i), persona="hikvision-dome") for i in range(6)]) as canteen:
        done: list[int] = []
        threads = [threading.Thread(target=lambda u=u: done.append(len(watch(u, 1, 3)[1]))) for u in canteen.cameras]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert done == [3] * 6
        assert canteen.films == 1
