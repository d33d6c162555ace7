"""The capability questions put to cameras that are sound, strange, or real, over real sockets."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.model import NotSeen, Resolution, Seen
from contract.vocabulary import Reason
from tests.agent.ask.onvif.devices import (
    ANSWERS,
    PASSWORD,
    Answer,
    Device,
    Onvif,
    Request,
    fault,
    http,
    service,
    soap,
)
from tests.agent.ask.onvif.questioned import by_child, interviewed, reason

HOUR = 3600


# ---- a sound camera -----------------------------------------------------------------------------


def test_all_that_a_camera_declares_arrives() -> None:
    """Every question is asked once over one connection, and its answer arrives in the evidence through the child."""
    with Device(Onvif(login="wsse", skew_s=-50 * 365 * 24 * HOUR)) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
    assert isinstance(told.device, Seen)
    assert (told.device.value.manufacturer, told.device.value.mac) == ("Maker", "aa:bb:cc:00:11:22")
    assert isinstance(told.profiles, Seen)
    assert told.profiles.value[0].resolution == Resolution(width=1920, height=1080)
    assert isinstance(told.nodes, Seen)
    assert isinstance(told.configurations, Seen)
    assert isinstance(told.configurations.value[0].spaces, Seen)
    assert isinstance(told.status, Seen)
    assert isinstance(told.focus["src1"], Seen)
    assert told.audio_outputs == Seen(value=(), at=told.audio_outputs.at, took_s=told.audio_outputs.took_s)
    assert isinstance(told.stream_uri, Seen)
    assert (told.stream_uri.value.path, told.stream_uri.value.foreign_host) == ("/live?a=1&b=2", "192.0.2.9")
    assert (told.auth, told.logins_failed) == ("wsse", 0)
    assert any(note.startswith("clock_skew -157") for note in told.notes)
    assert "XAddr names another host: 192.0.2.9" in told.notes


def test_a_question_that_fails_costs_no_other() -> None:
    """An empty 500, broken XML and a fault cost their own questions; empty answers are seen, "no" is UNSUPPORTED."""
    odd = {
        "GetNodes": http("", 500),
        "GetVideoSources": soap("<broken"),
        "GetAudioSources": fault("ActionNotSupported"),
        "GetAudioOutputs": fault("Action", "Action failed", 500),
    }
    with Device(Onvif(**odd)) as device:
        told = interviewed(device.camera())
    assert reason(told.nodes) is Reason.MALFORMED
    assert reason(told.sources) is Reason.MALFORMED
    assert reason(told.audio_sources) is Reason.UNSUPPORTED
    assert reason(told.audio_outputs) is Reason.MALFORMED
    assert told.audio_decoders == Seen(value=(), at=told.audio_decoders.at, took_s=told.audio_decoders.took_s)
    assert isinstance(told.configurations, Seen)
    assert "src1" in told.focus  # the profile knows the source


def test_a_service_that_both_lists_omit_is_absent() -> None:
    """PTZ is UNSUPPORTED, and not asked, only when GetServices and GetCapabilities both answered and omit it."""
    without = {"GetServices": service("10/media", "http://192.0.2.9/onvif/media_service")}
    with Device(Onvif(**without)) as device:
        told = interviewed(device.camera())
        assert "GetNodes" not in device.operations
    assert reason(told.nodes) is Reason.UNSUPPORTED
    with Device(Onvif(**without, GetCapabilities=http("", 500), GetNodes=http("", 500))) as device:
        told = interviewed(device.camera())
        assert "GetNodes" in device.operations
    assert reason(told.nodes) is Reason.MALFORMED


def test_media2_and_deviceio_are_asked_where_claimed() -> None:
    """What Media2 and DeviceIO know is added to what the first media service says; a "yes" of any one is a yes."""
    services = ANSWERS["GetServices"] + service("20/media", "http://x/onvif/media2_service")
    services += service("10/deviceIO", "http://x/onvif/deviceIO_service")

    class Both(Onvif):
        def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
            if request.path == "/onvif/deviceIO_service":
                return soap("<GetAudioOutputsResponse><Token>speaker</Token></GetAudioOutputsResponse>")
            if request.media2 and request.operation == "GetProfiles":
                encoder = '<VideoEncoder token="e2"><Encoding>H265</Encoding></VideoEncoder>'
                profile = f'<Profiles token="m2"><Configurations>{encoder}</Configurations></Profiles>'
                return soap(f"<GetProfilesResponse>{profile}</GetProfilesResponse>")
            return fault("ActionNotSupported") if request.media2 else super().__call__(request)

    with Device(Both(GetServices=services)) as device:
        told = interviewed(device.camera())
    assert isinstance(told.profiles, Seen)
    assert [(one.token, one.media) for one in told.profiles.value] == [("main", "media"), ("m2", "media2")]
    assert isinstance(told.audio_outputs, Seen)
    assert told.audio_outputs.value == ("speaker",)


def test_an_empty_list_does_not_speak_for_a_service_that_was_not_understood() -> None:
    """No audio output in one service and no answer from another is not "has none"."""
    services = ANSWERS["GetServices"] + service("10/deviceIO", "http://x/onvif/deviceIO_service")

    class Broken(Onvif):
        def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
            return http("", 500) if "deviceIO" in request.path else super().__call__(request)

    with Device(Broken(GetServices=services)) as device:
        assert reason(interviewed(device.camera()).audio_outputs) is Reason.MALFORMED
    with Device(Broken(GetServices=services, GetAudioOutputs=fault("AudioOutputNotSupported"))) as device:
        assert reason(interviewed(device.camera()).audio_outputs) is Reason.UNSUPPORTED


def test_a_dead_path_is_replaced_by_a_usual_one() -> None:
    """Where the claimed path answers 404, the usual paths are tried once, and the one that answers is kept."""

    class Moved(Onvif):
        def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
            return http("", 404) if request.path == "/onvif/ptz_service" else super().__call__(request)

    with Device(Moved()) as device:
        told = interviewed(device.camera())
        paths = [request.path for request in device.requests if request.operation in ("GetNodes", "GetStatus")]
    assert isinstance(told.nodes, Seen)
    assert paths == ["/onvif/ptz_service", "/onvif/PTZ", "/onvif/PTZ"]


@pytest.mark.parametrize("home", ["/onvif/PTZ", "nowhere"])
def test_a_no_where_the_device_service_lives_is_not_the_last_word(home: str) -> None:
    """PTZ claimed at the device service's path, which does not know it: the usual paths are asked before it is absent,
    and a head that answers at one of them is there."""
    elsewhere = service("20/ptz", "http://x/onvif/device_service")
    services = ANSWERS["GetServices"].replace(service("20/ptz", "http://192.0.2.9/onvif/ptz_service"), elsewhere)

    class Misplaced(Onvif):
        def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
            if request.operation in ("GetNodes", "GetConfigurations", "GetStatus") and request.path != home:
                return fault("ActionNotSupported")
            return super().__call__(request)

    with Device(Misplaced(GetServices=services)) as device:
        told = interviewed(device.camera())
        asked = {request.path for request in device.requests if request.operation == "GetNodes"}
    assert {"/onvif/device_service", "/onvif/PTZ"} <= asked
    if home == "nowhere":
        assert isinstance(told.nodes, NotSeen)
    else:
        assert isinstance(told.nodes, Seen)
        assert told.nodes.value


def test_a_no_at_a_guessed_path_is_no_evidence() -> None:
    """A guessed path may belong to another service, so its ActionNotSupported is MALFORMED: not known."""

    class Elsewhere(Onvif):
        def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
            if request.operation == "GetMoveOptions":
                return http("", 404) if request.path == "/onvif/imaging_service" else fault("ActionNotSupported")
            return super().__call__(request)

    with Device(Elsewhere()) as device:
        assert reason(interviewed(device.camera()).focus["src1"]) is Reason.MALFORMED


def recorder(channels: int, padding: int) -> dict[str, str]:
    """Answers of a recorder with three profiles and a PTZ node for each channel, each `padding` bytes longer."""
    filler = "<tt:Parameters/>" * (padding // 16)
    analytics = f'<tt:VideoAnalyticsConfiguration token="a">{filler}</tt:VideoAnalyticsConfiguration>'
    sizes = ((1920, 1080), (640, 360), (352, 288))
    profiles = "".join(
        f'<Profiles token="p{n}-{w}"><tt:VideoSourceConfiguration><tt:SourceToken>s{n}</tt:SourceToken>'
        f'</tt:VideoSourceConfiguration><tt:VideoEncoderConfiguration token="e{n}-{w}"><tt:Encoding>H264</tt:Encoding>'
        f"<tt:Resolution><tt:Width>{w}</tt:Width><tt:Height>{h}</tt:Height></tt:Resolution>"
        f"</tt:VideoEncoderConfiguration>{analytics}</Profiles>"
        for n in range(channels)
        for w, h in sizes
    )
    return {
        "GetProfiles": profiles,
        "GetVideoSources": "".join(f'<VideoSources token="s{n}"/>' for n in range(channels)),
        "GetNodes": "".join(f'<PTZNode token="n{n}">{filler}</PTZNode>' for n in range(channels)),
    }


@pytest.mark.parametrize(("channels", "padding"), [(64, 0), (64, 5_000), (100, 1_000)])
def test_a_recorder_of_many_channels_is_read_to_its_last(channels: int, padding: int) -> None:
    """200 and more profiles in replies of a megabyte are honest: each channel's own are found, none is HOSTILE."""
    with Device(Onvif(**recorder(channels, padding))) as device:  # type: ignore[arg-type]
        slots = [device.camera(f"c{n}", channel=f"s{n}") for n in (0, channels // 2, channels - 1)]
        told = by_child(*slots)
    for camera in slots:
        found = told[camera.slot]
        assert isinstance(found.profiles, Seen)
        assert isinstance(found.sources, Seen)
        assert isinstance(found.nodes, Seen)
        assert (len(found.profiles.value), len(found.nodes.value)) == (3 * channels, channels)
        assert isinstance(found.stream_uri, Seen)
        assert found.stream_uri.value.profile == f"p{camera.channel[1:]}-1920"


def test_a_recorder_is_asked_once_for_what_its_channels_share() -> None:
    """Three slots of one recorder: its lists are fetched once, and each channel's own stream is asked for."""
    with Device(Onvif(login="wsse", **recorder(3, 0))) as device:  # type: ignore[arg-type]
        told = by_child(*(device.camera(f"c{n}", PASSWORD, channel=f"s{n}") for n in range(3)))
        asked = device.operations
    assert [one.auth for one in told.values()] == ["wsse"] * 3
    assert all(asked.count(once) == 1 for once in ("GetProfiles", "GetServices", "GetNodes"))
    assert asked.count("GetDeviceInformation") == 2, "without login first"
    assert asked.count("GetStreamUri") == 6, "a main and a smaller stream each"


def test_the_channel_chooses_what_is_asked() -> None:
    """A slot that is one channel of many gets the stream, focus and PTZ status of its own channel."""
    profile = (
        '<Profiles token="p{0}"><VideoSourceConfiguration><SourceToken>s{0}</SourceToken></VideoSourceConfiguration>'
    )
    profiles = "".join(f'{profile.format(n)}<PTZConfiguration token="z{n}"/></Profiles>' for n in (1, 2))
    with Device(Onvif(GetProfiles=profiles)) as device:
        told = interviewed(device.camera(channel="s2"))
        lost = interviewed(device.camera(channel="s3"))
    assert isinstance(told.stream_uri, Seen)
    assert told.stream_uri.value.profile == "p2"
    assert list(told.focus) == ["s2"]
    assert isinstance(told.status, Seen)
    assert told.status.value.profile == "p2"
    assert reason(lost.stream_uri) is Reason.UNASKED


def test_the_main_stream_is_the_largest_moving_one() -> None:
    """The profile with most pixels is the main one, though a JPEG profile be larger and a sub-stream come first."""
    encoder = '<VideoEncoderConfiguration token="{0}"><Encoding>{1}</Encoding><Resolution><Width>{2}</Width>'
    encoder += "<Height>{2}</Height></Resolution></VideoEncoderConfiguration>"
    listed = (("sub", "H264", 640), ("main", "H264", 1920), ("still", "JPEG", 5000))
    profiles = "".join(f'<Profiles token="{one[0]}">{encoder.format(*one)}</Profiles>' for one in listed)
    with Device(Onvif(GetProfiles=profiles)) as device:
        uri = interviewed(device.camera()).stream_uri
    assert isinstance(uri, Seen)
    assert uri.value.profile == "main"


# ---- real cameras -------------------------------------------------------------------------------


def replay(file: Path) -> Answer:
    """A device that says what a real one said, and HTTP 500 without a body to what that one was never asked."""
    exchanges = json.loads(file.read_text())["exchanges"]

    def answer(request: Request) -> bytes:
        fitting = [
            one
            for one in exchanges
            if one["operation"] == request.operation and request.media2 == ("ver20/media" in (one["namespace"] or ""))
        ]
        exact = [one for one in fitting if all(token in request.body for token in one["tokens"])]
        best = next(iter((*exact, *fitting)), None)
        return http(best["response"], best["status"]) if best else http("", 500)

    return answer


def test_real_cameras(captures: Path) -> None:
    """Replies of real cameras give what a person would read in them, and no question that was not put is a "no"."""
    with contextlib.ExitStack() as stack:
        devices = {file.stem: Device(replay(file)) for file in captures.glob("*.json")}
        told = by_child(*(stack.enter_context(one).camera(name, PASSWORD) for name, one in devices.items()))
    dome, reolink, axis = told["hikvision_ds-2df7276"], told["reolink_e1-zoom"], told["axis_p3818-pve"]
    assert isinstance(dome.configurations, Seen)
    assert isinstance(dome.configurations.value[0].spaces, Seen)
    assert reason(dome.focus["VideoSource_1"]) is Reason.MALFORMED
    assert isinstance(reolink.status, Seen)
    assert reolink.status.value.pan is None
    assert reason(reolink.nodes) is Reason.MALFORMED
    assert reason(axis.nodes) is Reason.UNSUPPORTED
    assert reason(axis.audio_outputs) is Reason.UNSUPPORTED
    assert isinstance(axis.stream_uri, Seen)
    assert axis.stream_uri.value.profile == "profile_1_h264"
    wrong = told["axis_wrong-password"]
    assert {reason(one) for one in (wrong.device, wrong.services, wrong.profiles, wrong.nodes)} == {Reason.REFUSED}
    assert (wrong.logins_failed, wrong.auth) == (1, "")
