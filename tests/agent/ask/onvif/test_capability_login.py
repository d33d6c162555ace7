"""Logins at cameras: every way is learnt, none is tried too often, and none at all where it may not."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from agent.ask.onvif.login import Login
from agent.model import NotSeen, Ports, Seen
from contract.reasons import Finding
from contract.vocabulary import Reason
from tests import evil
from tests.agent.ask.onvif.devices import (
    PASSWORD,
    Device,
    Onvif,
    Request,
    fault,
    http,
)
from tests.agent.ask.onvif.questioned import by_child, interviewed, reason

HOUR = 3600


@pytest.mark.parametrize("login", ["wsse", "digest"])
@pytest.mark.parametrize("auth", ["", "wsse", "digest"])
def test_the_way_to_log_in_is_learnt(login: str, auth: str) -> None:
    """Each way is found whatever was learnt before, without a bad login at a camera that wants a token."""
    with Device(Onvif(login=login)) as device:
        known = Login(auth)
        told = interviewed(device.camera(password=PASSWORD), login=known)
    assert isinstance(told.device, Seen)
    assert isinstance(told.stream_uri, Seen)
    assert (known.way, known.failed) == (login, 0)


@pytest.mark.parametrize(("login", "tries"), [("wsse", ["wsse"]), ("digest", ["digest"])])
def test_a_wrong_password_is_tried_once_each_way(login: str, tries: list[str]) -> None:
    """After the refusal no login is sent any more: all other questions are REFUSED without being asked."""
    camera = Onvif(login=login, password="another")
    with Device(camera) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
        assert camera.tries == tries
    assert reason(told.device) is Reason.REFUSED
    assert reason(told.profiles) is Reason.REFUSED
    assert isinstance(told.profiles, NotSeen)
    assert told.profiles.detail.startswith("not asked")
    assert isinstance(told.services, Seen)  # asked without login
    assert (told.auth, told.logins_failed) == ("", 1)


def test_attempts_left_are_heeded() -> None:
    """A camera that is about to lock gets no second try, and what it said is handed on."""
    camera = Onvif(login="wsse", password="another", skew_s=8 * HOUR, said="You still have 3 attempt(s)")
    with Device(camera) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
    assert camera.tries == ["wsse"]
    assert told.attempts_left == 3


def test_local_time_in_the_clock_is_seen_through() -> None:
    """A camera with local time in UTCDateTime that checks logins against UTC is logged in to at the second try."""
    camera = Onvif(login="wsse", skew_s=8 * HOUR, box_time=True)
    with Device(camera) as device:
        known = Login()
        told = interviewed(device.camera(password=PASSWORD), login=known)
        assert camera.tries == ["wsse"]
        again = Login(known.way)
        interviewed(device.camera(password=PASSWORD), login=again)
        assert camera.tries == ["wsse"]
    assert isinstance(told.device, Seen)
    assert (known.failed, again.way) == (0, "wsse-box-time")


def test_paused_logins_send_no_credentials() -> None:
    """With logins paused only questions that need none are sent; the others are REFUSED and say why."""
    camera = Onvif(login="wsse")
    with Device(camera) as device:
        told = by_child(device.camera(password=PASSWORD), log_in=False)["a"]
        assert not any(request.token or request.digest for request in device.requests)
    assert isinstance(told.services, Seen)
    assert isinstance(told.device, NotSeen)
    assert (told.device.reason, told.device.detail) == (Reason.REFUSED, "login paused")


def test_without_credentials_everything_is_asked_openly() -> None:
    """A camera enrolled without credentials is asked all questions, and its refusals are no failed logins."""
    with Device(Onvif()) as device:
        assert isinstance(interviewed(device.camera()).stream_uri, Seen)
    with Device(Onvif(login="wsse")) as device:
        told = by_child(device.camera())["a"]
        assert not any(request.token for request in device.requests)
    assert reason(told.device) is Reason.REFUSED
    assert told.logins_failed == 0


def test_a_camera_that_hangs_up_on_logins_is_not_asked_again_and_again() -> None:
    """A connection closed at the login counts as its refusal: nothing repeats it."""

    class HangUp(Onvif):
        def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
            return b"" if request.token else super().__call__(request)

    with Device(HangUp(login="wsse")) as device:
        told = interviewed(device.camera(password=PASSWORD))
        assert sum(request.token for request in device.requests) == 1
    assert reason(told.device) is Reason.REFUSED


def test_slots_of_one_device_share_the_refusal() -> None:
    """Two slots of a recorder with one password try it once together, one after the other."""
    camera = Onvif(login="wsse", password="another")
    with Device(camera) as device:
        told = by_child(device.camera("one", PASSWORD, channel="1"), device.camera("two", PASSWORD, channel="2"))
    assert camera.tries == ["wsse"]
    assert sorted(one.logins_failed for one in told.values()) == [0, 1]
    assert all(reason(one.device) is Reason.REFUSED for one in told.values())


class Unanswering(Onvif):
    """Answers logins of these kinds by nothing: "wsse" (in SOAP 1.2 with its action), "wsse-any", "digest"."""

    def __init__(self, *kinds: str, reply: bytes = http("", 500), **more: str) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self._kinds, self._reply, self.sent = kinds, reply, list[str]()

    def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
        kind = "digest" if request.digest else "wsse" if request.token else ""
        if not kind:
            return super().__call__(request)
        dialect = "soap11" if "schemas.xmlsoap.org/soap/envelope" in request.body else ""
        dialect = dialect or ("" if "action=" in request.head else "no-action")
        self.sent.append(f"{kind} {dialect}".strip())
        mute = f"{kind}-any" in self._kinds or (kind in self._kinds and not dialect)
        return self._reply if mute else super().__call__(request)


@pytest.mark.parametrize(
    ("login", "kinds", "tried"),
    [
        ("wsse", ("wsse-any",), ["wsse", "wsse soap11", "wsse no-action"]),
        ("digest", ("digest", "wsse-any"), ["digest", "wsse", "wsse soap11", "wsse no-action"]),
    ],
)
@pytest.mark.parametrize("reply", [http("", 500), http("", 200), fault("x").replace(b"ter:x", b"s:MustUnderstand")])
def test_neither_yes_nor_no_leads_to_the_next_way(
    login: str, kinds: tuple[str, ...], tried: list[str], reply: bytes
) -> None:
    """Each way is tried once; then none is any more, and the cause is named, not "refused"."""
    camera = Unanswering(*kinds, reply=reply, login=login)
    with Device(camera) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
    assert camera.sent == tried
    assert isinstance(told.audio_sources, NotSeen)
    assert told.audio_sources.reason is Reason.MALFORMED
    assert "answered neither way" in told.audio_sources.detail
    assert told.logins_failed == 0


def test_a_token_that_is_swallowed_leads_to_another_dialect() -> None:
    """A firmware that understands the token in SOAP 1.1 alone is logged in to at the second try, and stays so."""
    camera = Unanswering("wsse", login="wsse")
    with Device(camera) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
    assert isinstance(told.stream_uri, Seen)
    assert told.auth == "wsse-soap11"
    assert camera.sent.count("wsse") == 1


@pytest.mark.parametrize("nothing", [http("", 200), b""], ids=["empty", "hangs up"])
@pytest.mark.parametrize("spoken", ["1.1", "no action"])
def test_a_dialect_is_found_without_a_login(spoken: str, nothing: bytes) -> None:
    """A camera that answers SOAP 1.2, or its action, with nothing is asked in the one it speaks; no login is spent.

    One question that it answers with nothing in that one, too, does not unlearn it.
    """

    class Deaf(Onvif):
        def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
            soap11, action = "schemas.xmlsoap.org" in request.body, "action" in request.head.lower()
            understood = soap11 if spoken == "1.1" else not (soap11 or action)
            return super().__call__(request) if understood else nothing

    camera = Deaf(login="wsse")
    with Device(camera) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
        assert sum(request.token for request in device.requests) < len(device.requests)
    assert isinstance(told.stream_uri, Seen)
    assert (told.auth, camera.tries) == ("wsse", [])
    with Device(Deaf(GetDeviceInformation=http("", 500))) as device:
        assert isinstance(by_child(device.camera())["a"].stream_uri, Seen)


def test_a_camera_that_wants_no_login_is_shown_none() -> None:
    """Credentials are configured, the camera asks for none: none is sent, whatever it thinks of Security headers."""
    with Device(Onvif()) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
        assert not any(request.token or request.digest for request in device.requests)
    assert isinstance(told.stream_uri, Seen)
    assert told.auth == "none"


def test_open_operations_prove_no_login() -> None:
    """A camera that tells who it is to anybody and refuses our password for the rest: refused, not "worked"."""
    camera = Onvif(login="wsse", password="another")
    camera.open_to_all |= {"GetDeviceInformation", "GetNetworkInterfaces"}
    with Device(camera) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
    assert isinstance(told.device, Seen)
    assert reason(told.profiles) is Reason.REFUSED
    assert (told.auth, told.logins_failed, camera.tries) == ("", 1, ["wsse"])


@pytest.mark.parametrize("skew_s", [HOUR, -HOUR])
def test_summer_time_in_the_clock_is_seen_through(skew_s: float) -> None:
    """A clock one hour off by summer time, logins checked against UTC: the second try is signed in ours."""
    camera = Onvif(login="wsse", skew_s=skew_s, box_time=True)
    with Device(camera) as device:
        told = interviewed(device.camera(password=PASSWORD))
    assert isinstance(told.stream_uri, Seen)
    assert camera.tries == ["wsse"]


def test_a_clock_that_tells_local_time_alone_is_signed_in() -> None:
    """LocalDateTime without UTCDateTime: where the box's time is refused, the token is signed in that local time."""
    now = datetime.now(UTC) + timedelta(hours=8)
    parts = (("Time", (("Hour", now.hour), ("Minute", now.minute), ("Second", now.second))),)
    parts += (("Date", (("Year", now.year), ("Month", now.month), ("Day", now.day))),)
    inner = "".join(f"<tt:{n}>{''.join(f'<tt:{k}>{v}</tt:{k}>' for k, v in each)}</tt:{n}>" for n, each in parts)
    clock = f"<SystemDateAndTime><tt:LocalDateTime>{inner}</tt:LocalDateTime></SystemDateAndTime>"
    camera = Onvif(login="wsse", skew_s=8 * HOUR, GetSystemDateAndTime=clock)
    with Device(camera) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
    assert isinstance(told.stream_uri, Seen)
    assert (told.auth, camera.tries) == ("wsse-local-time", ["wsse"])


def test_a_nonce_that_is_good_once_costs_one_refusal() -> None:
    """A camera that refuses a second answer to one nonce without stale=true is asked for a fresh one each time."""

    class Once(Onvif):
        def __init__(self) -> None:
            super().__init__(login="digest")
            self.used: set[str] = set()
            self.counted = 0

        def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
            nonce = re.search(r'nonce="(n\d+)"', request.head)
            if request.digest and nonce:
                if nonce[1] in self.used:
                    self.counted += 1
                    return self._refusal()
                self.used.add(nonce[1])
            return super().__call__(request)

    camera = Once()
    with Device(camera) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
    assert isinstance(told.stream_uri, Seen)
    assert (told.auth, camera.counted, camera.tries) == ("digest", 1, [])


def test_after_a_hostile_answer_nothing_more_is_sent() -> None:
    """A redirect in answer to the first question: no login and no further question, and the target is named."""
    redirect = http("", 302, "Location: https://192.0.2.9/onvif/device_service\r\n")
    with Device(Onvif(login="wsse", GetSystemDateAndTime=redirect)) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
        assert len(device.requests) == 1
    assert isinstance(told.profiles, NotSeen)
    assert (told.profiles.reason, told.profiles.finding) == (Reason.HOSTILE, Finding.USE_TLS)
    assert "https://192.0.2.9/" in told.profiles.detail


def test_a_port_that_speaks_tls_alone_says_so(tmp_path: Path) -> None:
    """TLS on the port that is asked in clear: every question says "use tls", and no login goes out."""
    with evil.Server(evil.over_tls(evil.certificate(tmp_path), evil.answers(b"welcome\n"))) as server:
        camera = structs.replace(server.camera(), ports=Ports(onvif=server.port, rtsp=server.port))
        told = by_child(camera)["s1"]
    assert isinstance(told.profiles, NotSeen)
    assert told.profiles.finding == Finding.USE_TLS
    assert f"port {server.port}" in told.profiles.detail


@pytest.mark.parametrize("wrong", ["too long", "none, kept open"])
def test_a_wrong_length_costs_nothing(wrong: str) -> None:
    """A Content-Length beyond the body, or none on a connection that stays open: the envelope tells its own end."""

    class Loose(Onvif):
        def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
            answer = super().__call__(request)
            assert isinstance(answer, bytes)
            head, _, body = answer.partition(b"\r\n\r\n")
            status = head.split(b"\r\n")[0]
            if wrong == "too long":
                return b"%s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body) + 12, body)
            return status + b"\r\n\r\n" + body

    with Device(Loose(login="wsse")) as device:
        told = by_child(device.camera(password=PASSWORD))["a"]
    assert isinstance(told.stream_uri, Seen)
    assert told.auth == "wsse"
