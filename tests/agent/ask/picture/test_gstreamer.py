"""The picture check against streams that nobody here encoded, packed or served: GStreamer's."""

import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from agent.ask.picture import parent as pictures
from agent.model import Seen
from tests.agent.ask.rtsp import test_gstreamer as gstreamer
from tests.support.waiting import PATIENCE_S

pytestmark = gstreamer.pytestmark
GST = "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; Gst.init(None); import sys; "
FIND = f"{GST}sys.exit(Gst.ElementFactory.find(sys.argv[1]) is None)"
ENCODE = f"""{GST}
line = Gst.parse_launch(sys.argv[1])
line.set_state(Gst.State.PLAYING)
end = line.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
sys.exit(end.type != Gst.MessageType.EOS)
"""
FILM = (
    "videotestsrc num-buffers=25 pattern=smpte ! video/x-raw,width=1920,height=1080,framerate=5/1 "
    "! {} speed-preset=ultrafast tune=zerolatency key-int-max=6 ! {} ! matroskamux ! filesink location={}"
)


def python(code: str, word: str) -> int:
    done = subprocess.run([gstreamer.PYTHON, "-c", code, word], capture_output=True, timeout=PATIENCE_S, check=False)
    return done.returncode


@pytest.mark.parametrize(
    ("path", "codec", "element", "parser"),
    [("/hd", "H264", "x264enc", "h264parse"), ("/hevc", "H265", "x265enc", "h265parse")],
)
def test_1080p_behind_a_login(tmp_path: Path, path: str, codec: str, element: str, parser: str) -> None:
    """1080p is decoded at 1920x1080, a keyframe, what follows and the next keyframe, behind a Digest login."""
    if python(FIND, element) or python(FIND, parser):
        pytest.skip(f"GStreamer has no {element} here: apt install gstreamer1.0-plugins-ugly gstreamer1.0-plugins-bad")
    film = tmp_path / "film.mkv"
    assert python(ENCODE, FILM.format(element, parser, film)) == 0
    with gstreamer.serving("admin", "sekret", **{f"{path[1:].upper()}_FILE": film}) as camera:
        batch = [structs.replace(camera, stream_path=path)]
        (told,) = pictures.check(batch, log_in={"s1"}, source="main", measured=True, deadline_s=PATIENCE_S)
    assert isinstance(told.picture, Seen), told.picture
    picture = told.picture.value
    assert (told.slot, picture.source, picture.width, picture.height) == ("s1", "main", 1920, 1080)
    assert picture.codec == codec
    assert picture.metrics["span_s"] >= 1.0
