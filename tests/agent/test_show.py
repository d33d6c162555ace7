"""What `status` shows of a picture."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent import ask
from agent.causes import cause
from agent.show import picture_words, status, todo
from agent.status import (
    CameraStatus,
    DiscoveryStatus,
    FaultStatus,
    JournalStatus,
    LoginStatus,
    PictureStatus,
    Status,
    UplinkStatus,
)
from contract.messages import ClockHealth
from contract.reasons import Finding
from contract.text import columns
from contract.vocabulary import Availability, Reason, Rung

ASK = Path(ask.__path__[0])
AT_MS = 1_800_000_000_000  # 2027-01-15 16:00 in Shanghai


@pytest.mark.parametrize(
    ("picture", "zh", "en"),
    [
        (PictureStatus(), "-", "-"),
        (PictureStatus(sound=True, seen_ms=AT_MS), "[green]完好[/]", "[green]sound[/]"),
        (
            PictureStatus(
                sound=False,
                faults=(FaultStatus(fault="blur", since_ms=AT_MS), FaultStatus(fault="ptz", since_ms=AT_MS + 60_000)),
            ),
            "[yellow]模糊 01-15 16:00 起，云台失控 01-15 16:01 起[/]",
            "[yellow]blurred since 01-15 16:00, PTZ out of control since 01-15 16:01[/]",
        ),
    ],
)
def test_each_fault_stands_with_its_beginning(picture: PictureStatus, zh: str, en: str) -> None:
    """Sound, or every fault that lasts with the Shanghai time it began; "-" while too few visits showed a picture."""
    assert (picture_words(picture, AT_MS, "zh"), picture_words(picture, AT_MS, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("picture", "en"),
    [
        (
            PictureStatus(reason=Reason.TIMED_OUT, detail="no keyframe in time", finding=Finding.NO_KEYFRAME),
            "no picture: no keyframe in time",
        ),
        (PictureStatus(reason=Reason.UNASKED, detail="no time left for a visit"), "-"),
        (PictureStatus(sound=True, seen_ms=AT_MS - 60_000, reason=Reason.BUSY), "[green]sound[/]"),
        (
            PictureStatus(sound=True, seen_ms=AT_MS - 7_200_000, old=True, reason=Reason.BUSY),
            "no picture: busy [bright_black]sound (2 h ago)[/]",
        ),
        (PictureStatus(sound=True, seen_ms=AT_MS - 780_000, old=True), "[bright_black]sound (13 min ago)[/]"),
    ],
)
def test_a_picture_not_had_lately_is_gray_with_its_age(picture: PictureStatus, en: str) -> None:
    """Why no picture could be had stands first; one visit that shows nothing takes nothing from what is known."""
    assert picture_words(picture, AT_MS, "en") == en


def test_what_mends_a_camera_that_cannot_be_seen_stands_below() -> None:
    """Each remedy once, with all the slots that it is for: busy, and why no picture can be had."""

    def camera(slot: str, reason: Reason | None = None, finding: str = "") -> CameraStatus:
        return CameraStatus(
            slot=slot,
            name="",
            zone="",
            address="192.0.2.1",
            availability=Availability.UNKNOWN if reason else Availability.ONLINE,
            level=Rung.STREAMS,
            reason=reason,
            detail="",
            since_ms=None,
            looked_ms=None,
            late_ms=0,
            skew_s=None,
            stuck=False,
            login_paused=False,
            model="",
            verdicts=(),
            picture=PictureStatus(finding=finding),
        )

    told = [camera("a", Reason.BUSY), camera("b", finding=Finding.NO_KEYFRAME), camera("c", Reason.BUSY), camera("d")]
    busy, seldom = todo(told, "en")
    assert busy.startswith("a, c: ")
    assert "Leave one stream free for the gateway" in busy
    assert seldom.startswith("b: ")
    assert "I-frame interval" in seldom


def standing(**more: Any) -> CameraStatus:
    told: dict[str, Any] = {
        "slot": "stove",
        "name": "灶台上方",
        "zone": "",
        "address": "192.168.100.164",
        "availability": Availability.UNKNOWN,
        "level": Rung.REACHABLE,
        "reason": Reason.REFUSED,
        "detail": "RTSP answers (200), no stream path known: the ONVIF login was refused",
        "since_ms": None,
        "looked_ms": None,
        "late_ms": 0,
        "skew_s": None,
        "stuck": False,
        "login_paused": False,
        "model": "",
        "verdicts": (),
    }
    return CameraStatus(**{**told, **more})


PAUSED = LoginStatus(since_ms=AT_MS, until_ms=AT_MS + 1_800_000, attempts_left=None)


def shown(cameras: Sequence[CameraStatus], lang: str, capsys: pytest.CaptureFixture[str], age_s: float = 0.0) -> str:
    now = Status(
        pid=1,
        version="1",
        city="4101",
        gateway="box-0001",
        session="s",
        policy="henan-2021-45",
        boot="b",
        started_ms=AT_MS,
        at_ms=AT_MS,
        at_boot_ms=0,
        clock=ClockHealth(synced=True),
        host=None,
        uplink=UplinkStatus(connected=True, detail="127.0.0.1:1883", pending=0),
        journal=JournalStatus(durable=True),
        discovery=DiscoveryStatus(),
        cameras=tuple(cameras),
    )
    status(now, age_s, lang)
    return capsys.readouterr().out


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_80_columns_break_no_word(
    lang: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of no camera, whatever is the matter with it; Chinese has no spaces, and the names in it stay whole too."""
    monkeypatch.setenv("COLUMNS", "80")
    seen = PictureStatus(sound=False, faults=(FaultStatus(fault="ptz", since_ms=AT_MS),), seen_ms=AT_MS)
    cameras = [
        standing(login_refused=PAUSED, login_paused=True, identity_changed=True),
        standing(slot="wash-02", reason=Reason.UNREACHABLE, detail="No route to host at port 554", picture=seen),
        standing(slot="hall", reason=Reason.BUSY, detail="RTSP 453 Not Enough Bandwidth", finding=Finding.UDP_ONLY),
    ]
    text = shown(cameras, lang, capsys)
    assert max(map(columns, text.splitlines())) <= 80
    words = {
        "zh": "stove wash-02 192.168.100.164 --login-now inspect identity 灶台上方",
        "en": "stove wash-02 192.168.100.164 --login-now inspect identity: reachable capability configuration restart",
    }
    assert [word for word in words[lang].split() if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)] == []


def test_what_fails_comes_first_with_since_when_and_how_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline, unknown, online with a bad picture, online: each with its sign, and 80 columns hold it."""
    monkeypatch.setenv("COLUMNS", "80")
    good = {"availability": Availability.ONLINE, "reason": None, "detail": ""}
    cameras = [
        standing(slot="sound", **good, picture=PictureStatus(sound=True)),
        standing(slot="faulty", **good, picture=PictureStatus(sound=False)),
        standing(slot="paused"),
        standing(slot="gone", availability=Availability.OFFLINE, since_ms=AT_MS - 90_000_000),
    ]
    for lang in ("zh", "en"):
        lines = shown(cameras, lang, capsys).splitlines()
        rows = [line for line in lines if line.startswith(("sound ", "faulty ", "paused ", "gone "))]
        assert [row.split()[0] for row in rows] == ["gone", "paused", "faulty", "sound"]
        assert [sign for row in rows for sign in "✗?△✓" if sign in row] == list("✗?△✓")
        assert ("01-14 15:00 1天1小时" if lang == "zh" else "01-14 15:00") in rows[0]


def test_what_is_old_is_gray(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No colour says that a camera is online while nobody knows."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    camera = standing(availability=Availability.ONLINE, reason=None, detail="")
    green, gray = "\x1b[32m", "\x1b[90m"
    assert green in shown([camera], "zh", capsys)
    old = shown([camera], "zh", capsys, age_s=60.0)
    assert green not in old
    assert gray in old


def test_a_pause_is_the_cause_while_it_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    """A look without login meets other things; what ends the pause stands there in both languages."""
    paused = standing(
        reason=Reason.UNASKED, detail="RTSP answers (200), no stream path known yet", login_refused=PAUSED
    )
    zh, en = shown([paused], "zh", capsys), shown([paused], "en", capsys)
    assert "RTSP" not in zh + en
    assert "登录被拒" in zh
    assert "重启" in zh
    assert "restart" in en


def test_causes_are_in_the_language_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """What a program says is translated; what a camera says, in codes of a protocol, stays as it is."""
    cameras = [
        standing(slot="a"),
        standing(slot="b", detail="no answer to the connection attempt at port 80"),
        standing(slot="c", detail="RTSP 404 Not Found"),
        standing(slot="d", detail="something that nobody translated"),
    ]
    text = shown(cameras, "zh", capsys)
    assert "RTSP 有应答（200），ONVIF 登录被拒，无法得知取流地址" in text
    assert "端口 80 没有应答连接请求" in text
    assert "RTSP 404 Not Found" in text
    assert "nobody" not in text


def test_what_the_head_says_is_in_the_language_asked_for() -> None:
    """The line's state and the journal's trouble: each kind that there is."""
    from agent.show import JOURNAL_KINDS
    from agent.tell.database import Kind

    assert set(JOURNAL_KINDS) == set(map(str, Kind))


def causes_said() -> Iterator[str]:
    """Every text that the rooms behind looks and pictures raise as a cause, with 7 for what is filled in."""
    files = [
        ASK / "look.py",
        ASK / "attempt.py",
        *(file for room in ("net", "rtsp", "picture") for file in (ASK / room).glob("*.py")),
    ]
    raised = {"Trouble", "NoConnection", "HungUp", "LoginFailed", "TooLarge"}
    for file in files:
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in raised:
                for said in [*call.args, *(one.value for one in call.keywords if one.arg == "detail")]:
                    if isinstance(said, ast.Constant) and isinstance(said.value, str):
                        yield said.value
                    if isinstance(said, ast.JoinedStr):
                        yield "".join(
                            str(getattr(part, "value", 7)) if isinstance(part, ast.Constant) else "7"
                            for part in said.values
                        )


def test_every_cause_of_a_look_or_a_picture_is_known_in_chinese() -> None:
    """A text that a room begins to raise is to be translated, unless it is a protocol's own."""
    said = set(causes_said()) - {"7: 7"}  # an exception of ours, and what it says
    assert len(said) > 40
    assert [one for one in sorted(said) if not cause(one, "zh")] == []
