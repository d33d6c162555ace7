"""Our RTSP client against a server that nobody here wrote: GStreamer's."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.ask.attempt import Deadline
from agent.ask.look import look
from agent.ask.rtsp import client as rtsp
from agent.ask.rtsp import sdp
from agent.ask.rtsp.client import LoginFailed, Status
from agent.ask.talk import backchannel, chirp, g711
from agent.model import Backchannel, Camera, Credentials, NotSeen, Ports, Seen
from contract.vocabulary import Reason
from tests import evil
from tests.support.waiting import PATIENCE_S

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).parents[3] / "gst_server.py"
PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


def _installed() -> bool:
    try:
        return (
            subprocess.run([PYTHON, "-c", PROBE], capture_output=True, timeout=PATIENCE_S, check=False).returncode == 0
        )
    except OSError:
        return False


pytestmark = pytest.mark.skipif(
    not _installed(), reason="GStreamer's RTSP server is missing: apt install python3-gi gir1.2-gst-rtsp-server-1.0"
)


@contextmanager
def serving(*login: str, **files: Path) -> Iterator[Camera]:
    """A GStreamer server as a camera whose enrolled login is admin / sekret; `files`: as gst_server.py names them."""
    address = evil.loopback()
    command = [PYTHON, str(SCRIPT), address, *login]
    environ = os.environ | {name: str(file) for name, file in files.items()}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environ) as process:
        assert process.stdin
        assert process.stdout
        port = int(process.stdout.readline())
        yield Camera(
            slot="s1",
            address=address,
            ports=Ports(onvif=evil.closed_port()[1], rtsp=port),
            credentials=Credentials("admin", "sekret"),
        )
        process.stdin.close()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def open_camera() -> Iterator[Camera]:
    with serving() as camera:
        yield camera


@pytest.fixture(scope="module")
def locked_camera() -> Iterator[Camera]:
    with serving("admin", "sekret") as camera:
        yield camera


def at(camera: Camera, path: str, password: str = "sekret") -> Camera:
    return Camera(
        slot="s1",
        address=camera.address,
        ports=camera.ports,
        stream_path=path,
        credentials=Credentials("admin", password),
    )


def test_describe(open_camera: Camera) -> None:
    """A description of another maker's server is read: one H.264 video."""
    description = rtsp.describe(at(open_camera, "/plain"), log_in=True, deadline=Deadline(10))
    assert [str(media) for media in sdp.parse(description)] == ["video H264"]


def test_backchannel_behind_the_require_tag(open_camera: Camera) -> None:
    """The sendonly track is found with the Require tag and absent without it."""
    seen = rtsp.backchannel(at(open_camera, "/talk"), log_in=True, deadline_s=10)
    assert isinstance(seen, Seen)
    assert seen.value == Backchannel(offered=True, codecs=("PCMU",), ignores_require=False)


def test_551_is_a_no(open_camera: Camera) -> None:
    """A mount without a backchannel answers 551, which is understood as a no."""
    camera = at(open_camera, "/plain")
    with pytest.raises(Status) as caught:
        rtsp.describe(camera, log_in=True, deadline=Deadline(10), require_backchannel=True)
    assert (caught.value.status, caught.value.reason) == (551, Reason.UNSUPPORTED)
    seen = rtsp.backchannel(camera, log_in=True, deadline_s=10)
    assert isinstance(seen, Seen)
    assert seen.value == Backchannel(offered=False)


def test_unknown_path(open_camera: Camera) -> None:
    """A path that is not there is UNSUPPORTED to a look and no evidence on a backchannel."""
    seen = look(at(open_camera, "/none"), log_in=True)
    assert isinstance(seen.stream, NotSeen)
    assert seen.stream.reason is Reason.UNSUPPORTED
    seen = rtsp.backchannel(at(open_camera, "/none"), log_in=True)
    assert isinstance(seen, NotSeen)
    assert seen.reason is Reason.UNASKED


def test_digest_is_accepted(locked_camera: Camera) -> None:
    """Our Digest logs in, for the plain question and for the backchannel's two connections."""
    seen = look(at(locked_camera, "/plain"), log_in=True, deadline_s=10)
    assert isinstance(seen.stream, Seen)
    assert (seen.stream.value.codec, seen.logins_failed) == ("H264", 0)
    seen = rtsp.backchannel(at(locked_camera, "/talk"), log_in=True, deadline_s=10)
    assert isinstance(seen, Seen)
    assert seen.value == Backchannel(offered=True, codecs=("PCMU",))


def test_wrong_password_is_refused(locked_camera: Camera) -> None:
    """A wrong password is REFUSED and counted once; a suspended login is REFUSED and not counted."""
    wrong = at(locked_camera, "/plain", "wrong")
    with pytest.raises(LoginFailed):
        rtsp.describe(wrong, log_in=True, deadline=Deadline(10))
    for log_in, failed in ((True, 1), (False, 0)):
        seen = look(wrong, log_in=log_in)
        assert isinstance(seen.stream, NotSeen)
        assert (seen.stream.reason, seen.logins_failed) == (Reason.REFUSED, failed)


def test_options_without_a_path(open_camera: Camera) -> None:
    """Without a stream path the port is seen to answer and the stream stays UNASKED."""
    seen = look(at(open_camera, ""), log_in=True)
    assert isinstance(seen.tcp, Seen)
    assert seen.tcp.value == (open_camera.ports.rtsp,)
    assert isinstance(seen.stream, NotSeen)
    assert seen.stream.reason is Reason.UNASKED
    assert "RTSP answers (200)" in seen.stream.detail


def test_setup_and_teardown_with_digest(locked_camera: Camera) -> None:
    """The backchannel's track opens and is torn down, so that it opens again at once."""
    for _ in range(2):
        seen = backchannel.setup(at(locked_camera, "/talk"), log_in=True)
        assert isinstance(seen, Seen)
        assert seen.value


def test_a_chirp_sent_into_the_backchannel_arrives(tmp_path: Path) -> None:
    """Every byte of the chirp arrives at another maker's server, in order; its own microphone plays something else."""
    file = tmp_path / "talk.ulaw"
    with serving("admin", "sekret", TALK_FILE=file) as camera:
        seen = backchannel.sound(at(camera, "/talk"), log_in=True)
    assert isinstance(seen.heard, Seen)
    assert seen.heard.value < 0.1
    arrived = file.read_bytes()
    assert len(arrived) == 8000
    assert arrived == g711.encode("PCMU", chirp.chirp())


def test_a_chirp_comes_back_through_the_room(open_camera: Camera) -> None:
    """Where the microphone hears the loudspeaker the correlation is high, through A-law both ways."""
    seen = backchannel.sound(at(open_camera, "/room"), log_in=True).heard
    assert isinstance(seen, Seen)
    assert seen.value > 0.9
