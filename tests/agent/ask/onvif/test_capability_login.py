"""Logins at cameras: every way is learnt, none is tried too often, and none at all where it may not."""

from collections.abc import Iterator

import pytest

from agent.ask.onvif.login import Login
from agent.model import NotSeen, Seen
from contract.vocabulary import Reason
from tests.agent.ask.onvif.devices import (
    PASSWORD,
    Device,
    Onvif,
    Request,
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


@pytest.mark.parametrize(("login", "tries"), [("wsse", ["wsse"]), ("digest", ["wsse", "digest"])])
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


@pytest.mark.parametrize("login", ["wsse", "digest"])
def test_logins_that_are_answered_neither_way_stop(login: str) -> None:
    """A camera that answers logins with an empty HTTP 500 may be counting them: after four there are no more."""

    class Mute(Onvif):
        def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
            return http("", 500) if request.token or request.digest else super().__call__(request)

    with Device(Mute(login=login)) as device:
        told = interviewed(device.camera(password=PASSWORD))
        assert sum(request.token or request.digest for request in device.requests) == 4
    assert reason(told.device) is Reason.MALFORMED
    assert reason(told.audio_sources) is Reason.REFUSED
