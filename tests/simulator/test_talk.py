"""Sound through the backchannel and the room back to the microphone, and the makers' own ways to talk."""

import math
import random
import struct
import time
from contextlib import closing
from operator import mul

import pytest
import requests
from requests.auth import HTTPDigestAuth

from simulator.canteen import CameraSpec, Canteen
from simulator.g711 import linear_of_a_law, linear_of_mu_law, mu_law
from simulator.persona import personas
from simulator.room import RATE, Room
from simulator.unit import Unit
from tests.simulator.speak import PASSWORD, USER, Rtsp
from tests.support.waiting import PATIENCE_S

REQUIRE = {"Require": "www.onvif.org/ver20/backchannel"}
CHIRP = [round(12000 * math.sin(2 * math.pi * (400 * t + 1200 * t * t))) for t in (i / RATE for i in range(4000))]
"""Half a second from 400 Hz upward."""


def correlation(heard: list[int], sent: list[int]) -> tuple[float, float]:
    """The best normalised correlation of the sent sound with what was heard, and how late, seconds."""
    some = sent[::5]  # every fifth sample tells as much, sooner
    strength, best = math.sqrt(sum(s * s for s in some)), (0.0, 0.0)
    for late in range(min(len(heard) - len(sent), int(0.45 * RATE))):
        piece = heard[late : late + len(sent) : 5]
        loud = math.sqrt(sum(h * h for h in piece)) or 1.0
        best = max(best, (abs(sum(map(mul, piece, some))) / (loud * strength), late / RATE))
    return best


# ---- the room -----------------------------------------------------------------------------------


def test_g711_there_and_back() -> None:
    """Mu-law comes back within its step; A-law knows its ends and its zero (ITU-T G.711, tables 1a and 2a)."""
    for sample in range(-32000, 32001, 777):
        assert linear_of_mu_law[mu_law(sample)] == pytest.approx(sample, abs=max(abs(sample) / 16, 8))
    assert linear_of_mu_law[0xFF] == 0
    assert (linear_of_a_law[0xAA], linear_of_a_law[0x2A], linear_of_a_law[0xD5]) == (32256, -32256, 8)


@pytest.mark.parametrize("seed", range(5))
def test_the_room_answers_late(seed: int) -> None:
    """What is spoken comes back between 100 and 300 ms later, coloured but to be known again."""
    room, start = Room(seed), 1000.0
    for i in range(0, len(CHIRP), 160):
        room.speak(bytes(map(mu_law, CHIRP[i : i + 160])), "PCMU", start + i / RATE)
    heard = [linear_of_mu_law[b] for b in room.hear(int(start * RATE), RATE)]
    like, late = correlation(heard, CHIRP)
    assert like > 0.7
    assert 0.1 <= late <= 0.3


def test_the_room_is_quiet_without_talk() -> None:
    """Nobody talks: the fans alone, and the same before and long after a word."""
    room = Room(1)
    before = room.hear(8_000_000, 800)
    room.speak(bytes(160), "PCMU", 1001.0)
    after = room.hear(8_000_000 + 20 * RATE, 800)
    for heard in (before, after):
        assert max(abs(linear_of_mu_law[b]) for b in heard) < 1500


def test_a_flood_of_sound_is_thrown_away() -> None:
    """More sound than a second ahead is not kept."""
    room = Room(1)
    for _ in range(1000):
        room.speak(bytes(160), "PCMU", 50.0)
    assert room.talking_until < 51.5


# ---- over RTSP ----------------------------------------------------------------------------------


def conversation(unit: Unit) -> list[int]:
    """Speak the chirp through the backchannel and take a second of the microphone's sound from then on."""
    path, heard = unit.profiles[1].path, b""
    with closing(Rtsp(unit)) as client:
        client.say("DESCRIBE", path, **REQUIRE)
        for track, channel in ((2, 4), (1, 2)):
            transport = {"Transport": f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}", **REQUIRE}
            setup = client.say("SETUP", f"{path}/trackID={track}", **transport)
            assert setup.status in {200, 404}
        session = setup.header("Session").partition(";")[0] if setup.status == 200 else ""
        assert client.say("PLAY", path, Session=session, **REQUIRE).status == 200
        time.sleep(0.1)
        began, ssrc, sent = time.monotonic(), random.getrandbits(31), 0
        wire = client.wire.makefile("rb")
        while len(heard) < RATE:
            while sent < len(CHIRP) and time.monotonic() - began >= sent / RATE:
                packet = struct.pack("!BBHII", 0x80, 0, sent // 160, sent, ssrc)
                packet += bytes(map(mu_law, CHIRP[sent : sent + 160]))
                client.wire.sendall(struct.pack("!BBH", 0x24, 4, len(packet)) + packet)
                sent += 160
            head = wire.read(4)
            packet = wire.read(int.from_bytes(head[2:], "big"))
            if head[1] == 2 and time.monotonic() - began > 0.02:
                heard += packet[12:]
    return [linear_of_mu_law[b] for b in heard]


def test_the_microphone_hears_the_backchannel() -> None:
    """The chirp is heard where speaker and microphone work at once, and not where it is half duplex or mute."""
    names = ("hikvision-dome", "talk-half-duplex", "talk-mute")
    with Canteen([CameraSpec(slot=name, persona=name) for name in names]) as canteen:
        for name in names:
            heard = conversation(canteen.camera(name))
            assert (correlation(heard, CHIRP)[0] > 0.5) == (personas()[name].expect_talk == "heard"), name
            assert (heard[800:4000] == [0] * 3200) == (personas()[name].expect_talk == "muted"), name
            assert canteen.camera(name).talk_bytes == len(CHIRP)


def test_a_deaf_camera_has_no_microphone() -> None:
    """Without a microphone the description has the talk track alone, and SETUP of the other finds nothing."""
    with Canteen([CameraSpec(slot="a", persona="talk-deaf")]) as canteen:
        unit = canteen.camera("a")
        with closing(Rtsp(unit)) as client:
            body = client.say("DESCRIBE", unit.profiles[0].path, **REQUIRE).body
            assert (body.count(b"m=audio"), body.count(b"a=sendonly")) == (1, 1)
            transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
            assert client.say("SETUP", f"{unit.profiles[0].path}/trackID=1", **transport).status == 404


def test_a_talk_track_may_be_described_and_missing() -> None:
    """DESCRIBE offers the backchannel, SETUP of its track gets 404."""
    with Canteen([CameraSpec(slot="a", persona="talk-no-setup")]) as canteen:
        unit = canteen.camera("a")
        with closing(Rtsp(unit)) as client:
            assert b"a=sendonly" in client.say("DESCRIBE", unit.profiles[0].path, **REQUIRE).body
            transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1", **REQUIRE}
            assert client.say("SETUP", f"{unit.profiles[0].path}/trackID=2", **transport).status == 404


# ---- the makers' own ways -----------------------------------------------------------------------


def test_isapi_lists_channels_to_who_may_ask() -> None:
    """ISAPI's talk channels: 401 Digest, then a list; not found on cameras of other makers."""
    with Canteen([CameraSpec(slot=n, persona=n) for n in ("talk-isapi", "dahua-bullet")]) as canteen:
        urls = {
            u.spec.slot: f"http://{u.address}:{u.onvif_port}/ISAPI/System/TwoWayAudio/channels" for u in canteen.cameras
        }
        refused = requests.get(urls["talk-isapi"], timeout=PATIENCE_S)
        assert (refused.status_code, refused.headers["WWW-Authenticate"][:7]) == (401, "Digest ")
        listed = requests.get(urls["talk-isapi"], auth=HTTPDigestAuth(USER, PASSWORD), timeout=PATIENCE_S)
        assert (listed.status_code, b"<TwoWayAudioChannel " in listed.content) == (200, True)
        assert requests.get(urls["dahua-bullet"], timeout=PATIENCE_S).status_code == 404


def test_multitrans_is_challenged() -> None:
    """MULTITRANS: 401 Digest and a session with the password; other cameras know no such method, nor any nonsense."""
    with Canteen([CameraSpec(slot=n, persona=n) for n in ("talk-multitrans", "dahua-bullet")]) as canteen:
        with closing(Rtsp(canteen.camera("talk-multitrans"), "")) as client:
            refused = client.say("MULTITRANS", "/multitrans")
            assert (refused.status, refused.header("WWW-Authenticate")[:7]) == (401, "Digest ")
            assert client.say("UNICORN", "/").status == 405
        with closing(Rtsp(canteen.camera("talk-multitrans"))) as client:
            opened = client.say("MULTITRANS", "/multitrans")
            assert (opened.status, bool(opened.header("Session"))) == (200, True)
        with closing(Rtsp(canteen.camera("dahua-bullet"), "")) as client:
            assert client.say("MULTITRANS", "/multitrans").status == 405
