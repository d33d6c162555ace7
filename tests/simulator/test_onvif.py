"""SOAP as independent clients see it: onvif-zeep as shipped, zeep in strict mode, requests, plain sockets."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from requests.auth import HTTPDigestAuth
from zeep.wsse.username import UsernameToken

from simulator.canteen import CameraSpec, Canteen
from simulator.persona import personas
from tests.simulator import speak
from tests.simulator.speak import DEVICE, MEDIA, PASSWORD, USER, ask, envelope, token
from tests.support.waiting import PATIENCE_S

STRICT = [
    "dahua-bullet",
    "tplink-typed-probe",
    "ptz-355",
    "ptz-endless",
    "no-backchannel",
    "tapo-wsse",
    "nvr-2-channels",
]
OTHERS = ["fixed-720p", "ptz-180", "hikvision-dome", "fake-ptz", "zoom-only", "low-res-640", "media2-only", "empty-ptz"]


@pytest.fixture(scope="module")
def canteen() -> Iterator[Canteen]:
    with Canteen([CameraSpec(slot=name, persona=name) for name in (*STRICT, *OTHERS)]) as canteen:
        yield canteen


@pytest.fixture(scope="module")
def wsdl() -> Path:
    return Path(import_module("onvif").__file__).parent.parent / "wsdl"


# ---- clients written by others ------------------------------------------------------------------


def test_onvif_zeep_as_shipped_understands_the_dome_that_turns(canteen: Canteen, wsdl: Path) -> None:
    """onvif-zeep, used as its README shows, reads identity, profiles and PTZ nodes."""
    unit = canteen.camera("ptz-endless")
    camera = import_module("onvif").ONVIFCamera(unit.address, unit.onvif_port, USER, PASSWORD, str(wsdl))
    assert camera.devicemgmt.GetDeviceInformation().Model == "Q6075"
    profiles = camera.create_media_service().GetProfiles()
    assert [(p.token, p.VideoEncoderConfiguration.Resolution.Width) for p in profiles] == [
        ("profile_1_h264", 1920),
        ("profile_2_h264", 640),
    ]
    (node,) = camera.create_ptz_service().GetNodes()
    first = node.SupportedPTZSpaces.AbsolutePanTiltPositionSpace[0]
    assert (first.XRange.Min, first.XRange.Max) == (float("-inf"), float("inf"))


@pytest.fixture(scope="module")
def documents(wsdl: Path) -> dict[str, Any]:
    """WSDL documents parsed once, in zeep's strict mode."""
    names = {
        "device": ("devicemgmt", "{http://www.onvif.org/ver10/device/wsdl}DeviceBinding"),
        "media": ("media", "{http://www.onvif.org/ver10/media/wsdl}MediaBinding"),
        "ptz": ("ptz", "{http://www.onvif.org/ver20/ptz/wsdl}PTZBinding"),
        "imaging": ("imaging", "{http://www.onvif.org/ver20/imaging/wsdl}ImagingBinding"),
        "deviceio": ("deviceio", "{http://www.onvif.org/ver10/deviceIO/wsdl}DeviceIOBinding"),
    }
    settings = zeep.Settings(strict=True)
    login = UsernameToken(USER, PASSWORD, use_digest=True, zulu_timestamp=True)
    return {
        name: (zeep.Client(str(wsdl / f"{file}.wsdl"), wsse=login, settings=settings), binding)
        for name, (file, binding) in names.items()
    }


QUESTIONS: dict[str, list[tuple[str, dict[str, object]]]] = {
    "device": [
        ("GetSystemDateAndTime", {}),
        ("GetDeviceInformation", {}),
        ("GetHostname", {}),
        ("GetNetworkInterfaces", {}),
        ("GetScopes", {}),
        ("GetServices", {"IncludeCapability": False}),
        ("GetCapabilities", {}),
        ("GetServiceCapabilities", {}),
    ],
    "media": [
        ("GetProfiles", {}),
        ("GetProfile", {"ProfileToken": "{profile}"}),
        ("GetVideoSources", {}),
        ("GetVideoSourceConfigurations", {}),
        ("GetVideoEncoderConfigurations", {}),
        ("GetVideoEncoderConfiguration", {"ConfigurationToken": "VideoEncoder_{profile}"}),
        ("GetVideoEncoderConfigurationOptions", {"ProfileToken": "{profile}"}),
        ("GetAudioSources", {}),
        ("GetAudioOutputConfigurations", {}),
        ("GetAudioDecoderConfigurations", {}),
        ("GetAudioDecoderConfigurationOptions", {}),
        ("GetSnapshotUri", {"ProfileToken": "{profile}"}),
    ],
    "ptz": [
        ("GetNodes", {}),
        ("GetNode", {"NodeToken": "PTZNode_1"}),
        ("GetConfigurations", {}),
        ("GetConfiguration", {"PTZConfigurationToken": "PTZConfig_1"}),
        ("GetConfigurationOptions", {"ConfigurationToken": "PTZConfig_1"}),
        ("GetStatus", {"ProfileToken": "{profile}"}),
        ("GetPresets", {"ProfileToken": "{profile}"}),
    ],
    "imaging": [
        ("GetMoveOptions", {"VideoSourceToken": "{source}"}),
        ("GetImagingSettings", {"VideoSourceToken": "{source}"}),
        ("GetOptions", {"VideoSourceToken": "{source}"}),
        ("GetStatus", {"VideoSourceToken": "{source}"}),
    ],
    "deviceio": [("GetAudioOutputs", {})],
}


def _filled(value: object, names: dict[str, str]) -> object:
    for name, token_ in names.items():
        value = value.replace(name, token_) if isinstance(value, str) else value
    return value


@pytest.mark.parametrize("slot", STRICT)
def test_replies_follow_the_schema(canteen: Canteen, documents: dict[str, Any], slot: str) -> None:
    """A persona without XML quirks answers every read operation so that zeep's strict reader accepts it."""
    unit, persona = canteen.camera(slot), personas()[slot]
    names = {"{profile}": unit.profiles[0].token, "{source}": unit.profiles[0].source}
    asked = 0
    for service in persona.services:
        if service not in documents:
            continue
        client, binding = documents[service]
        url = f"http://{unit.address}:{unit.onvif_port}{persona.path(service)}"
        proxy = client.create_service(binding, url)
        for operation, arguments in QUESTIONS[service]:
            getattr(proxy, operation)(**{key: _filled(value, names) for key, value in arguments.items()})
            asked += 1
    assert asked >= 20


def test_out_of_order_replies_offend_the_strict_reader(canteen: Canteen, documents: dict[str, Any]) -> None:
    """The quirk is real: zeep's strict mode refuses what our own reader has to understand."""
    unit = canteen.camera("zoom-only")
    client, binding = documents["ptz"]
    url = f"http://{unit.address}:{unit.onvif_port}{personas()['zoom-only'].path('ptz')}"
    with pytest.raises(zeep.exceptions.XMLParseError):
        client.create_service(binding, url).GetNodes()


# ---- who is let in ------------------------------------------------------------------------------


def test_the_clock_is_told_without_credentials(canteen: Canteen) -> None:
    """GetSystemDateAndTime belongs to the access class PRE_AUTH."""
    reply = ask(canteen.camera("dahua-bullet"), "GetSystemDateAndTime")
    assert reply.status == 200
    assert f"<tt:Year>{datetime.now(UTC).year}</tt:Year>".encode() in reply.body


@pytest.mark.parametrize(
    "sent",
    [
        lambda: "",
        lambda: token(password="wrong"),
        lambda: token(user="root"),
        lambda: token(age_s=900),
        lambda: token(age_s=-900),
        lambda: token().replace("#PasswordDigest", "#PasswordText"),
    ],
    ids=["nothing", "password", "user", "old", "future", "in clear"],
)
def test_a_wrong_token_is_refused(sent: Callable[[], str]) -> None:
    """A missing, wrong, stale or plain-text UsernameToken gets NotAuthorized and nothing else."""
    security = sent()
    with Canteen([CameraSpec(slot="a", persona="ptz-355")]) as canteen:
        reply = ask(canteen.camera("a"), "GetDeviceInformation", security=security)
        assert (reply.status, b"ter:NotAuthorized" in reply.body, b"Pelco" in reply.body) == (400, True, False)
        (asked,) = canteen.requests("a")
        assert (asked.operation, asked.shown, asked.authenticated) == ("GetDeviceInformation", bool(security), False)


def test_a_token_counts_once(canteen: Canteen) -> None:
    """A replayed nonce is refused, whoever sends it."""
    security, unit = token(), canteen.camera("ptz-355")
    assert ask(unit, "GetScopes", security=security).status == 200
    assert ask(unit, "GetScopes", security=security).status == 400


@pytest.mark.parametrize(("slot", "status"), [("fixed-720p", 200), ("tplink-typed-probe", 401), ("fake-ptz", 500)])
def test_refusals_come_in_the_persona_s_style(canteen: Canteen, slot: str, status: int) -> None:
    """Real cameras say NotAuthorized with HTTP 200, 400, 401 or 500."""
    reply = ask(canteen.camera(slot), "GetScopes")
    assert (reply.status, b"ter:NotAuthorized" in reply.body) == (status, True)


def test_http_digest_is_what_requests_speaks(canteen: Canteen) -> None:
    """A camera of HTTP Digest lets requests' own implementation in, and refuses a wrong password and WSSE."""
    unit = canteen.camera("ptz-180")
    url = f"http://{unit.address}:{unit.onvif_port}/onvif/device_service"
    body = envelope("GetDeviceInformation")
    assert requests.post(url, body, auth=HTTPDigestAuth(USER, PASSWORD), timeout=PATIENCE_S).status_code == 200
    assert requests.post(url, body, auth=HTTPDigestAuth(USER, "wrong"), timeout=PATIENCE_S).status_code == 401
    assert requests.post(url, envelope("GetDeviceInformation", security=token()), timeout=PATIENCE_S).status_code == 401


def test_two_challenges_stand_in_two_headers(canteen: Canteen) -> None:
    """A firmware with MD5 and SHA-256 sends both, and accepts either."""
    reply = ask(canteen.camera("hikvision-dome"), "GetScopes")
    assert reply.head.count("WWW-Authenticate: Digest") == 2
    assert ("algorithm=MD5" in reply.head, "algorithm=SHA-256" in reply.head) == (True, True)


def test_logins_are_counted_down_to_the_lock() -> None:
    """After five wrong logins, each told, the right one is refused too; RTSP shares the count."""
    with Canteen([CameraSpec(slot="a", persona="dahua-bullet")]) as canteen:
        unit = canteen.camera("a")
        for left in (4, 3, 2):
            reply = ask(unit, "GetScopes", security=token(password="wrong"))
            assert f"You still have {left} attempt(s)".encode() in reply.body
        rtsp = speak.Rtsp(unit, "wrong")
        assert b"You still have 1 attempt(s)" in rtsp.say("DESCRIBE", unit.profiles[0].path).body
        rtsp.close()
        assert b"You still have 0 attempt(s)" in ask(unit, "GetScopes", security=token(password="wrong")).body
        assert ask(unit, "GetScopes", security=token()).status == 400


def test_a_success_clears_the_count() -> None:
    """A right login before the lock starts the count anew."""
    with Canteen([CameraSpec(slot="a", persona="dahua-bullet")]) as canteen:
        unit = canteen.camera("a")
        for _ in range(2):
            assert b"have 4 attempt" in ask(unit, "GetScopes", security=token(password="wrong")).body
            assert ask(unit, "GetScopes", security=token()).status == 200


# ---- what is answered ---------------------------------------------------------------------------


def test_an_unknown_operation_is_a_fault(canteen: Canteen) -> None:
    """An operation that does not exist gets ActionNotSupported, not silence."""
    reply = ask(canteen.camera("dahua-bullet"), "GetUnicorns", security=token())
    assert (reply.status, b"ter:ActionNotSupported" in reply.body) == (500, True)


def test_a_service_the_camera_lacks_is_a_fault(canteen: Canteen) -> None:
    """A camera with Media2 alone refuses the questions of the first media service."""
    reply = ask(canteen.camera("media2-only"), "GetProfiles", MEDIA, security=token())
    assert b"ter:ActionNotSupported" in reply.body


def test_media2_says_h265(canteen: Canteen) -> None:
    """Media2 names the codec the first media service cannot."""
    inside = '<t:Type xmlns:t="http://www.onvif.org/ver20/media/wsdl">All</t:Type>'
    path = personas()["media2-only"].path("media2")
    namespace = "http://www.onvif.org/ver20/media/wsdl"
    reply = ask(canteen.camera("media2-only"), "GetProfiles", namespace, inside=inside, security=token(), path=path)
    assert b"<tt:Encoding>H265</tt:Encoding>" in reply.body


def test_names_in_gbk_are_no_utf8(canteen: Canteen) -> None:
    """The quirk is real: Chinese names arrive in GBK under a UTF-8 declaration."""
    reply = ask(canteen.camera("empty-ptz"), "GetProfiles", MEDIA, path="/onvif/media_service")
    assert "主码流".encode("gbk") in reply.body
    with pytest.raises(UnicodeDecodeError):
        reply.body.decode("utf-8")


def test_a_path_nobody_serves_is_not_found(canteen: Canteen) -> None:
    """SOAP is answered on the camera's own paths only."""
    assert ask(canteen.camera("dahua-bullet"), "GetSystemDateAndTime", path="/onvif/nowhere").status == 404


def test_rubbish_is_a_bad_request(canteen: Canteen) -> None:
    """A body that is no envelope gets HTTP 400."""
    unit = canteen.camera("dahua-bullet")
    url = f"http://{unit.address}:{unit.onvif_port}/onvif/device_service"
    assert requests.post(url, b"<nonsense", timeout=PATIENCE_S).status_code == 400


def test_the_snapshot_is_a_jpeg_behind_digest(canteen: Canteen) -> None:
    """GET of the snapshot URI needs Digest and gives a JPEG in the profile's size."""
    unit = canteen.camera("dahua-bullet")
    url = f"http://{unit.address}:{unit.onvif_port}/onvif/snapshot?profile=MediaProfile001"
    assert requests.get(url, timeout=PATIENCE_S).status_code == 401
    reply = requests.get(url, auth=HTTPDigestAuth(USER, PASSWORD), timeout=PATIENCE_S)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "image/jpeg")
    assert reply.content[:3] == b"\xff\xd8\xff"
    assert (704).to_bytes(2, "big") in reply.content[:700]


def test_each_camera_is_somebody_else() -> None:
    """Two cameras of one persona differ in serial number, MAC address and endpoint reference."""
    with Canteen([CameraSpec(slot=slot, persona="fixed-720p") for slot in ("a", "b")]) as canteen:
        a, b = canteen.cameras
        assert a.serial != b.serial
        assert a.mac != b.mac
        assert a.epr != b.epr
        reply = ask(a, "GetDeviceInformation", DEVICE, security=token())
        assert a.serial.encode() in reply.body
