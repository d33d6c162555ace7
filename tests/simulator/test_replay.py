"""A real camera's file played back."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import pytest

from simulator.canteen import CameraSpec, Canteen
from tests.simulator.speak import MEDIA, Rtsp, ask

MADE_UP = {
    "device": "made up",
    "exchanges": [
        {
            "operation": "GetStreamUri",
            "namespace": MEDIA,
            "tokens": ["RTP-Unicast", "RTSP", token],
            "status": 200,
            "response": f"<x:Uri xmlns:x='u'>rtsp://10.0.0.9/{token}?a=1&amp;b=http://c/</x:Uri>",
        }
        for token in ("one", "two")
    ]
    + [
        {
            "operation": "GetServices",
            "namespace": "http://www.onvif.org/ver10/device/wsdl",
            "tokens": ["true"],
            "status": 200,
            "response": "<N>http://www.onvif.org/ver10/device/wsdl</N><XAddr>http://10.0.0.9:85/onvif/x</XAddr>",
        },
        {
            "operation": "GetProfiles",
            "namespace": MEDIA,
            "tokens": [],
            "status": 200,
            "response": "<R><Profiles token='two'><VideoEncoderConfiguration><Resolution><Width> 320 </Width>"
            "<Height>240</Height></Resolution></VideoEncoderConfiguration></Profiles></R>",
        },
        {"operation": "GetAudioOutputs", "namespace": "", "tokens": [], "status": 400, "response": "<Fault/>"},
    ],
}


@pytest.fixture
def canteen(tmp_path: Path) -> Iterator[Canteen]:
    file = tmp_path / "made-up.json"
    file.write_text(json.dumps(MADE_UP))
    with Canteen([CameraSpec(slot="a", capture=file)]) as canteen:
        yield canteen


def test_the_token_chooses_among_recorded_replies(canteen: Canteen) -> None:
    """Of several replies to one operation, the one recorded for the asked token is sent."""
    unit = canteen.camera("a")
    for token in ("one", "two"):
        reply = ask(unit, "GetStreamUri", MEDIA, inside=f"<ProfileToken>{token}</ProfileToken>")
        assert f"rtsp://{unit.address}:{unit.rtsp_port}/{token}?a=1&amp;b=http://c/".encode() in reply.body


def test_what_was_never_asked_is_not_invented(canteen: Canteen) -> None:
    """An operation or token the file does not hold gets HTTP 500 without a body, never ActionNotSupported."""
    unit = canteen.camera("a")
    never = [
        ask(unit, "GetStreamUri", MEDIA, inside="<ProfileToken>three</ProfileToken>"),
        ask(unit, "GetNodes", "http://www.onvif.org/ver20/ptz/wsdl"),
        ask(unit, "GetProfiles", "http://www.onvif.org/ver20/media/wsdl"),
    ]
    assert [(reply.status, reply.body) for reply in never] == [(500, b"")] * 3


def test_settings_in_a_request_do_not_matter(canteen: Canteen) -> None:
    """GetServices recorded with IncludeCapability=true answers the question with false; the port becomes ours."""
    unit = canteen.camera("a")
    reply = ask(unit, "GetServices", inside="<IncludeCapability>false</IncludeCapability>")
    assert f"<XAddr>http://{unit.address}:{unit.onvif_port}/onvif/x</XAddr>".encode() in reply.body
    assert b"<N>http://www.onvif.org/ver10/device/wsdl</N>" in reply.body


def test_a_reply_recorded_without_a_namespace_still_counts(canteen: Canteen) -> None:
    """A fault recorded without its namespace answers the operation of that name."""
    reply = ask(canteen.camera("a"), "GetAudioOutputs", MEDIA)
    assert (reply.status, reply.body) == (400, b"<Fault/>")


def test_the_recorded_stream_is_served_in_its_recorded_size(canteen: Canteen) -> None:
    """The stream URI of the file works on our port; its backchannel can neither be affirmed nor denied (503)."""
    unit = canteen.camera("a")
    assert {p.path: p.size for p in unit.profiles}["/two?a=1&b=http://c/"] == "320x240"
    with closing(Rtsp(unit, "")) as client:
        reply = client.say("DESCRIBE", "/two?a=1&b=http://c/")
        assert (reply.status, b"H264/90000" in reply.body) == (200, True)
        asked = client.say("DESCRIBE", "/two?a=1&b=http://c/", Require="www.onvif.org/ver20/backchannel")
        assert asked.status == 503


def test_every_recorded_reply_comes_back_as_it_was(captures: Path) -> None:
    """Asked as it was asked then, a replayed camera answers what the real one did, but for host and port of URLs."""
    files = sorted(captures.glob("*.json"))
    with Canteen([CameraSpec(slot=file.stem, capture=file) for file in files]) as canteen:
        for file in files:
            unit = canteen.camera(file.stem)
            for exchange in json.loads(file.read_bytes())["exchanges"]:
                if not exchange["namespace"]:
                    continue
                inside = "".join(f"<t>{token}</t>" for token in exchange["tokens"])
                reply = ask(unit, exchange["operation"], exchange["namespace"], inside=inside)
                assert (reply.status, hostless(reply.body.decode())) in same(file, exchange)
                for host in re.findall(r"XAddr>\s*http://([^/<]*)", reply.body.decode()):
                    assert host == f"{unit.address}:{unit.onvif_port}"


def hostless(body: str) -> str:
    return re.sub(r"(http|rtsp)://[^/<\s\"]*", r"\1://", body)


def same(file: Path, exchange: dict[str, Any]) -> set[tuple[int, str]]:
    """What the camera answered whenever it was asked exactly this (a clock answers another thing each time)."""
    keys = "operation", "namespace", "tokens"
    recorded = json.loads(file.read_bytes())["exchanges"]
    return {(e["status"], hostless(e["response"])) for e in recorded if all(e[k] == exchange[k] for k in keys)}


def test_every_recorded_stream_can_be_described(captures: Path) -> None:
    """Each stream URI of each file leads to a description, unless that camera let nobody in."""
    files = sorted(captures.glob("*.json"))
    described = 0
    with Canteen([CameraSpec(slot=file.stem, capture=file) for file in files]) as canteen:
        for unit in canteen.cameras:
            for profile in unit.profiles[:1]:
                with closing(Rtsp(unit, "")) as client:
                    assert client.say("DESCRIBE", unescape(profile.path)).status == 200
                    described += 1
        with closing(Rtsp(canteen.camera("axis_wrong-password"), "")) as client:
            assert client.say("DESCRIBE", "/").status == 401
    assert described >= 6
