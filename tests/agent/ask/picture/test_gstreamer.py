"""The picture check against streams that nobody here encoded, packed or served: GStreamer's."""

import subprocess
from collections.abc import Iterator

import pytest
from msgspec import structs

from agent.ask.picture import parent as pictures
from agent.model import Camera, Seen
from tests.agent.ask.rtsp import test_gstreamer as gstreamer

pytestmark = gstreamer.pytestmark
FIND = "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; Gst.init(None); import sys; "


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    with gstreamer.serving("admin", "sekret") as one:
        yield one


@pytest.mark.parametrize(("path", "codec", "element"), [("/hd", "H264", "x264enc"), ("/hevc", "H265", "x265enc")])
def test_1080p_behind_a_login(camera: Camera, path: str, codec: str, element: str) -> None:
    """1080p is decoded at 1920x1080, a keyframe, what follows and the next keyframe, behind a Digest login."""
    found = f"{FIND}sys.exit(Gst.ElementFactory.find('{element}') is None)"
    if subprocess.run([gstreamer.PYTHON, "-c", found], capture_output=True, check=False).returncode:
        pytest.skip(f"GStreamer has no {element} here: apt install gstreamer1.0-plugins-ugly gstreamer1.0-plugins-bad")
    batch = [structs.replace(camera, stream_path=path)]
    for _ in range(6):  # an encoder in software may need longer than a visit lasts, on a machine that does more
        told = list(pictures.check(batch, log_in={"s1"}, source="main", measured=True, deadline_s=15.0))
        if isinstance(shown := told[0].picture, Seen) and shown.value.metrics["span_s"] >= 1.0:
            break
    assert len(told) == 1
    slot, observation = told[0].slot, told[0].picture
    assert isinstance(observation, Seen), observation
    picture = observation.value
    assert (slot, picture.source, picture.width, picture.height, picture.codec) == ("s1", "main", 1920, 1080, codec)
    assert picture.metrics["span_s"] >= 1.0
