"""Replies opened and read: what real cameras sent, and what hostile ones may send."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ask.attempt import Trouble
from agent.ask.onvif import envelope, media_replies, ptz_replies
from agent.ask.onvif.envelope import Node, NotHere
from agent.model import FocusMove, Resolution, Span
from contract.vocabulary import Reason
from tests.agent.ask.onvif.devices import ENVELOPE, FAULT

GENERIC = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/PositionGenericSpace"
DEGREES = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/SphericalPositionSpaceDegrees"


def answer(content: str) -> str:
    return ENVELOPE.format(f"<GetXResponse>{content}</GetXResponse>")


def opened(content: str) -> Node:
    """The response element of an answer with this content."""
    return envelope.read(200, answer(content).encode(), "GetX")


def trouble(status: int, body: str | bytes, operation: str = "GetX") -> Trouble:
    with pytest.raises(Trouble) as raised:
        envelope.read(status, body.encode() if isinstance(body, str) else body, operation)
    return raised.value


# ---- opening ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "\ufeff" + answer("<Model>M</Model>"),
        "HTTP/1.1 junk\r\n\0" + answer("<Model>M</Model>") + "\n\0\0",
        answer("<tds:Model>M</tds:Model>"),
        answer("<ttp:/><tds:1x/><x:y:/><tds:Model>M</tds:Model>"),
        answer("<Model>M\x0b</Model>"),
        "<Envelope><Body><GetXResponse><Model>M</Model></GetXResponse></Body></Envelope>",
        answer("<Model>M</Model>").replace("utf-8", "utf-16"),
    ],
)
def test_what_cameras_get_wrong_is_forgiven(body: str) -> None:
    """Byte order marks, junk around, NULs, undeclared prefixes, control characters, a wrong encoding hide no answer."""
    assert envelope.text(envelope.read(200, body.encode(), "GetX"), "Model") == "M"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "gbk"])
def test_chinese_names_are_read_whatever_is_declared(encoding: str) -> None:
    """GBK bytes under a UTF-8 declaration are Chinese names, not broken XML."""
    body = answer("<Model>后厨球机</Model>").encode(encoding)
    assert envelope.text(envelope.read(200, body, "GetX"), "Model") == "后厨球机"


@pytest.mark.parametrize(
    "doctype", ['<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>', "<!doctype x SYSTEM 'http://192.0.2.1/x'>"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_doctype_is_hostile_in_any_disguise(doctype: str, encoding: str) -> None:
    """A document type beside an envelope is refused before anything is parsed."""
    body = answer("&a;").replace("?>", f"?>{doctype}", 1).encode(encoding)
    assert trouble(200, body).reason is Reason.HOSTILE


@pytest.mark.parametrize(
    "body",
    [
        answer("<a/>")[:-20],
        answer("<a>"),
        "<html>a camera's start page</html>",
        "",
        ENVELOPE.format(""),
        ENVELOPE.format("<GetYResponse/>"),
        answer("<broken"),
        answer("<x>" * 5000 + "</x>" * 5000),
        "<Envelope>" * 3 + "</Envelope>" * 3,
    ],
)
def test_an_answer_that_is_not_whole_is_malformed(body: str) -> None:
    """Truncated, empty, foreign or hopelessly broken answers are MALFORMED, never an empty success."""
    assert trouble(200, body).reason is Reason.MALFORMED


URIS = {
    "rtsp://h/a?x=1&stream=0.sdp": "rtsp://h/a?x=1&stream=0.sdp",
    "rtsp://h/a?x=1&copy=2&amp;y=3": "rtsp://h/a?x=1&copy=2&y=3",
    "rtsp://h/a?x=1&nbsp;2&lt;": "rtsp://h/a?x=1&nbsp;2<",
    "rtsp://h/a?x=1&#0;2": "rtsp://h/a?x=1 2",
    "rtsp://h/a\x01b&c": "rtsp://h/a b&c",
    "rtsp://h/a?n<5&b=1": "rtsp://h/a?n<5&b=1",
    "<![CDATA[rtsp://h/a?x=1&y=2]]>": "rtsp://h/a?x=1&y=2",
    "<![CDATA[rtsp://h/a?x=1&y=2]]>&z": "rtsp://h/a?x=1&y=2&z",
}


@pytest.mark.parametrize("written", URIS)
def test_nothing_of_a_uri_is_lost_to_what_xml_forbids(written: str) -> None:
    """Bare ampersands, entities nobody declared, forbidden characters and brackets are mended before reading."""
    body = f"<GetStreamUriResponse><MediaUri><tt:Uri>{written}</tt:Uri></MediaUri></GetStreamUriResponse>"
    found = envelope.read(200, ENVELOPE.format(body).encode(), "GetStreamUri")
    assert media_replies.stream_uri(found) == URIS[written]


def test_half_a_uri_is_none() -> None:
    """A Uri that a stray tag breaks off is MALFORMED, not the half before it."""
    body = "<GetStreamUriResponse><MediaUri><Uri>rtsp://h/a<b=1&c</Uri></MediaUri></GetStreamUriResponse>"
    with pytest.raises(Trouble) as caught:
        media_replies.stream_uri(envelope.read(200, ENVELOPE.format(body).encode(), "GetStreamUri"))
    assert caught.value.reason is Reason.MALFORMED


def test_many_attributes_cost_no_time() -> None:
    """24,000 attributes within the cap of profile lists are opened and read in well under a second."""
    attributes = " ".join(f'a{i}="1"' for i in range(24_000))
    began = time.process_time()
    assert media_replies.profiles(opened(f'<Profiles token="t" {attributes}/>'))[0].token == "t"
    assert time.process_time() - began < 1


@pytest.mark.parametrize("status", [404, 405, 410, 501])
def test_a_wrong_path_is_told_apart(status: int) -> None:
    """HTTP 404, 405, 410 and 501 without SOAP mean that another path may serve; in the end they are MALFORMED."""
    found = trouble(status, "<!DOCTYPE html><html>Not Found</html>")
    assert isinstance(found, NotHere)
    assert found.reason is Reason.MALFORMED


# ---- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("ActionNotSupported", "", Reason.UNSUPPORTED),
        ("OptionalActionNotImplemented", "", Reason.UNSUPPORTED),
        ("NoSuchService", "", Reason.UNSUPPORTED),
        ("NoImagingForSource", "", Reason.UNSUPPORTED),
        ("AudioOutputNotSupported", "", Reason.UNSUPPORTED),
        ("Action", "No audio output support", Reason.UNSUPPORTED),
        ("Action", "Action failed", Reason.MALFORMED),
        ("InvalidArgVal", "the parameter value is illegal", Reason.MALFORMED),
        ("NoProfile", "", Reason.MALFORMED),
        ("VersionMismatch", "SOAP version not supported", Reason.MALFORMED),
        ("NotAuthorized", "Sender not authorized", Reason.REFUSED),
        ("FailedAuthentication", "", Reason.REFUSED),
        ("OperationProhibited", "", Reason.REFUSED),
        ("Action", "Authority failure: wrong password", Reason.REFUSED),
        ("Action", "The account is locked", Reason.REFUSED),
    ],
)
def test_only_a_clear_no_is_unsupported(status: int, code: str, text: str, reason: Reason) -> None:
    """A fault is UNSUPPORTED only when the device says that it has no such thing, whatever HTTP status carries it."""
    assert trouble(status, ENVELOPE.format(FAULT.format(code, text))).reason is reason


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, "", Reason.REFUSED),
        (403, "<html/>", Reason.REFUSED),
        (401, ENVELOPE.format(FAULT.format("ActionNotSupported", "")), Reason.REFUSED),
        (500, "", Reason.MALFORMED),
        (500, "<html/>", Reason.MALFORMED),
        (400, "<html/>", Reason.MALFORMED),
        (500, answer("<a/>"), Reason.MALFORMED),
        (503, "", Reason.BUSY),
        (429, "", Reason.BUSY),
    ],
)
def test_http_status_without_a_fault(status: int, body: str, reason: Reason) -> None:
    """Without a fault the HTTP status tells: an empty 500 is "could not ask", never "has none"."""
    assert trouble(status, body).reason is reason


def test_soap_11_faults_are_read_too() -> None:
    """A fault in the older dialect, with its code in faultcode, is understood."""
    body = ENVELOPE.format("<Fault><faultcode>ter:NotAuthorized</faultcode><faultstring>no</faultstring></Fault>")
    assert trouble(500, body).reason is Reason.REFUSED


def test_what_a_fault_says_is_tidied() -> None:
    """Control characters and length of a fault's text do not reach the detail."""
    detail = trouble(500, ENVELOPE.format(FAULT.format("Action", "a\nb\u202e" + "c" * 900))).detail
    assert detail.isprintable()
    assert len(detail) <= 200


# ---- readers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "span"),
    [
        ("-1", "1", Span(low=-1, high=1)),
        ("-1.8E+02", "1.8e+02", Span(low=-180, high=180)),
        ("-INF", "INF", Span(low=None, high=None)),
        ("-inf", "+INF", Span(low=None, high=None)),
        ("0", "INF", Span(low=0, high=None)),
        (".5", "5.", Span(low=0.5, high=5)),
        ("INF", "-INF", None),
        ("NaN", "1", None),
        ("", "1", None),
        ("-1", "", None),
        ("1_0", "2", None),
        ("1e999", "2", None),
        ("0x10", "2", None),
    ],
)
def test_ranges(low: str, high: str, span: Span | None) -> None:
    """Exponents and INF are read as meant; an end that cannot be read never passes for an unbounded one."""
    node = opened(f"<XRange><Max>{high}</Max><Min>{low}</Min></XRange>")
    assert ptz_replies.span(envelope.kid(node, "XRange")) == span


def test_order_and_extensions_do_not_matter() -> None:
    """Elements out of schema order and inside nested Extension elements are found."""
    node = opened(
        '<Profiles token="t"><Extension><Extension><AudioOutputConfiguration token="out"/></Extension>'
        '<AudioDecoderConfiguration token="dec"/></Extension><PTZConfiguration token="ptz"/>'
        "<VideoEncoderConfiguration token='e'><Resolution><Height>2</Height><Width>3</Width></Resolution>"
        "<Encoding>h265</Encoding></VideoEncoderConfiguration><Name>n</Name></Profiles>"
    )
    (profile,) = media_replies.profiles(node)
    assert (profile.audio_output, profile.audio_decoder, profile.ptz) == ("out", "dec", "ptz")
    assert (profile.encoding, profile.resolution, profile.name) == ("H265", Resolution(width=3, height=2), "n")


def test_media2_profiles_and_options() -> None:
    """Media2 holds configurations apart and one Options element per encoding; a bare profile is a profile too."""
    first, second = media_replies.profiles2(
        opened(
            '<Profiles token="1"><Configurations><VideoSource token="c"><SourceToken>s</SourceToken></VideoSource>'
            '<VideoEncoder token="e"><Encoding>H265</Encoding></VideoEncoder><AudioDecoder token="d"/></Configurations>'
            '</Profiles><Profiles token="2"/>'
        )
    )
    assert (first.source, first.encoder, first.encoding, first.audio_decoder) == ("s", "e", "H265", "d")
    assert second.encoder == ""
    size = "<ResolutionsAvailable><Width>4</Width><Height>3</Height></ResolutionsAvailable>"
    options = media_replies.encoder_options2(
        opened(f"<Options>{size}{size}<Encoding>H264</Encoding></Options><Options><Encoding>H265</Encoding></Options>"),
        "e",
    )
    assert [(one.encoding, len(one.resolutions)) for one in options] == [("H264", 1), ("H265", 0)]


def test_an_empty_list_is_empty() -> None:
    """A complete reply without entries gives an empty tuple."""
    for reader in (
        media_replies.profiles,
        media_replies.audio_outputs,
        media_replies.decoders,
        ptz_replies.nodes,
        media_replies.services,
    ):
        assert reader(opened("")) == ()


def test_lists_are_capped() -> None:
    """A device that lists a thousand profiles is believed the first 512."""
    assert len(media_replies.profiles(opened('<Profiles token="x"/>' * 1000))) == 512


def test_junk_numbers_and_addresses_are_nothing() -> None:
    """A side that no picture can have and a MAC that is none are not handed on."""
    size = "<Resolution><Width>1701606738</Width><Height>1080</Height></Resolution>"
    assert media_replies.sources(opened(f'<VideoSources token="a">{size}</VideoSources>'))[0].resolution is None
    macs = "".join(
        f"<NetworkInterfaces><Info><HwAddress>{mac}</HwAddress></Info></NetworkInterfaces>"
        for mac in ("5792c4:5792c5:5792c6", "00:00:00:00:00:00", "00-12-34-56-78-9A")
    )
    assert media_replies.mac(opened(macs)) == "00:12:34:56:78:9a"


@pytest.mark.parametrize("content", ["", "<MoveOptions/>", "<MoveOptions><Absolute/></MoveOptions>"])
def test_empty_move_options_are_a_successful_none(content: str) -> None:
    """An empty answer to GetMoveOptions means that focus cannot be moved (ONVIF Imaging)."""
    assert ptz_replies.focus_move(opened(content), "s") == FocusMove(source="s")


def test_a_status_without_position_is_a_status() -> None:
    """GetStatus without Position is seen, with nothing in it."""
    status = ptz_replies.status(opened("<PTZStatus><MoveStatus/></PTZStatus>"), "p")
    assert (status.pan, status.tilt, status.zoom) == (None, None, None)


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: answer(text).encode()))
def test_no_answer_raises_anything_but_trouble(body: bytes) -> None:
    """Whatever bytes arrive, opening and reading them ends in a value or in Trouble."""
    for reader in (
        media_replies.capabilities,
        media_replies.profiles,
        media_replies.device,
        media_replies.stream_uri,
        ptz_replies.nodes,
    ):
        try:
            reader(envelope.read(200, body, "GetX"))
        except Trouble:
            continue


# ---- real cameras -------------------------------------------------------------------------------


def captured(captures: Path, device: str, operation: str, reader: str = "") -> Node:
    """The opened reply of a real camera to an operation; `reader` picks the namespace ending."""
    for exchange in json.loads((captures / f"{device}.json").read_text())["exchanges"]:
        if exchange["operation"] == operation and reader in (exchange["namespace"] or ""):
            return envelope.read(exchange["status"], exchange["response"].encode(), operation)
    raise LookupError(operation)


def test_every_captured_reply_opens(captures: Path) -> None:
    """Each reply of a real camera opens, or is a fault with a reason; none is MALFORMED for want of understanding."""
    told: dict[str, int] = {}
    for file in captures.glob("*.json"):
        for exchange in json.loads(file.read_text())["exchanges"]:
            try:
                envelope.read(exchange["status"], exchange["response"].encode(), exchange["operation"])
                outcome = "answer"
            except Trouble as found:
                outcome = str(found.reason)
            told[outcome] = told.get(outcome, 0) + 1
    assert told["answer"] > 200
    assert told["REFUSED"] == 21
    assert told["UNSUPPORTED"] > 10
    assert told["MALFORMED"] <= 3


def test_a_dome_that_declares_degrees(captures: Path) -> None:
    """Exponent notation and several spaces of one kind, as a real dome declares them."""
    (node,) = ptz_replies.nodes(captured(captures, "pelco_d6230l", "GetNodes"))
    pans = {space.uri: space.x for space in node.spaces if (space.kind, space.axis) == ("absolute", "pan_tilt")}
    assert pans == {GENERIC: Span(low=-1, high=1), DEGREES: Span(low=-180, high=180)}
    (found,) = ptz_replies.configurations(captured(captures, "pelco_d6230l", "GetConfigurations"))
    assert (found.token, found.node) == ("0", "PTZID-0")
    assert [(limit.axis, limit.x.high) for limit in found.limits] == [("pan_tilt", 1), ("zoom", 0.08)]


def test_status_of_real_cameras(captures: Path) -> None:
    """A position as one camera gives it, none as another does."""
    assert ptz_replies.status(captured(captures, "hikvision_ds-2df7276", "GetStatus"), "p").pan == 0.333167
    assert ptz_replies.status(captured(captures, "reolink_e1-zoom", "GetStatus"), "p").pan is None


def test_focus_of_real_cameras(captures: Path) -> None:
    """A motorised focus has a span, a fixed one an empty answer."""
    motorised = ptz_replies.focus_move(captured(captures, "bosch_flexidome-8000i", "GetMoveOptions"), "1")
    assert motorised.absolute == Span(low=0, high=2011)
    fixed = ptz_replies.focus_move(captured(captures, "reolink_e1-zoom", "GetMoveOptions"), "1")
    assert fixed == FocusMove(source="1")


def test_resolutions_of_real_cameras(captures: Path) -> None:
    """What is set and what could be set, each encoding once although an Extension repeats it."""
    profiles = media_replies.profiles(captured(captures, "bosch_flexidome-8000i", "GetProfiles"))
    assert profiles[0].resolution == Resolution(width=1536, height=864)
    options = media_replies.encoder_options(
        captured(captures, "bosch_flexidome-8000i", "GetVideoEncoderConfigurationOptions"), "t"
    )
    assert [(one.encoding, one.resolutions[0]) for one in options] == [("H264", Resolution(width=3264, height=1840))]


def test_audio_that_hides_in_extensions(captures: Path) -> None:
    """Output and decoder that a real camera binds in a profile's Extension are read."""
    profile = media_replies.profiles(captured(captures, "enp1a14-ir-25x", "GetProfiles", "ver10"))[0]
    assert (profile.audio_output, profile.audio_decoder) == ("AudioOutputConfigToken", "AudioDecoderConfigToken")


def test_services_of_real_cameras(captures: Path) -> None:
    """Services of both lists, DeviceIO out of the Extension, vendors' own left out."""
    listed = {claim.name for claim in media_replies.services(captured(captures, "pelco_d6230l", "GetServices"))}
    assert {"device", "media", "imaging", "ptz"} <= listed
    claims = dict(media_replies.capabilities(captured(captures, "pelco_d6230l", "GetCapabilities")))
    assert claims["deviceio"] == "http://10.10.1.66/onvif/device_service"
    assert claims["ptz"] == "http://10.10.1.66/onvif/ptz_service"


def test_identity_of_real_cameras(captures: Path) -> None:
    """Maker, model and MAC as the device gives them."""
    device = media_replies.device(captured(captures, "reolink_e1-zoom", "GetDeviceInformation"))
    assert (device.manufacturer, device.model, device.hardware) == ("REOLINK", "E1 Zoom", "IPC")
    assert media_replies.mac(captured(captures, "reolink_e1-zoom", "GetNetworkInterfaces")) == "42:80:49:16:4b:68"
