"""A camera that writes terminal commands, line breaks, bidi marks and whole pages into every text it has."""

import json
import os
import re
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.stage import tool
from tests import evil
from tests.agent.ask.discovery.test_round import new_address
from tests.agent.ask.discovery.wsd import Responder, one, probe_matches
from tests.agent.ask.onvif.devices import ANSWERS, Device, Onvif, fault
from tests.agent.tell.test_uplink import Ear
from tests.agent.test_identity import running, settings
from tests.support.broker import Broker
from tests.support.waiting import until

EVIL = "evil\u202e\u2066\u200b\u009b2J\u0085\nERROR agent: forged\r\u2028[red]m[/red] &lt;script&gt;" + "A" * 5_000
WIRE = "evil \x1b[2J\x1b]0;owned\x07\x9b\b\b INFO forged"
NAMED = "onvif://www.onvif.org/name/evil%1B%5B2J%E2%80%AE%0AERROR%20forged" + "A" * 3_000
PROFILE = f'<Profiles token="{EVIL}"><tt:Name>{EVIL}</tt:Name><tt:VideoSourceConfiguration><tt:SourceToken>{EVIL}'
WHO = ("Manufacturer", "Model", "FirmwareVersion", "SerialNumber", "HardwareId")
CHANGES = {
    "GetDeviceInformation": "".join(f"<{name}>{EVIL}</{name}>" for name in WHO),
    "GetProfiles": f"{PROFILE}</tt:SourceToken></tt:VideoSourceConfiguration></Profiles>",
    "GetVideoSources": f'<VideoSources token="{EVIL}"/>',
    "GetServices": ANSWERS["GetServices"].replace("192.0.2.9", EVIL),
    "GetNodes": fault("ActionNotSupported", EVIL),
    "GetConfigurations": fault(EVIL[:60], EVIL),
    "GetAudioOutputs": f"<AudioOutputs token='{EVIL}'/>",
}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in (*value, *value.values()):
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def unclean(text: str) -> list[str]:
    """Characters that command a terminal, turn the direction of writing, or break a line."""
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") and c != "\n"]


def clean(value: Any) -> None:
    for text in texts(value):
        assert unclean(text) == []
        assert "\n" not in text
        assert len(text) <= 1_000


@pytest.fixture
def devil() -> Iterator[Device]:
    with Device(Onvif(**CHANGES)) as device:  # type: ignore[arg-type]
        yield device


def answer(status: str) -> bytes:
    return f"RTSP/1.0 {status} {WIRE}\r\nCSeq: 1\r\nServer: {WIRE}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_inspection_shows_one_line_of_plain_text(devil: Device, tmp_path: Path, lang: str) -> None:
    """Table, JSON and report hold no control or bidi character, no line of the camera's making, and no long text."""
    with evil.Server(evil.answers(*[answer("404")] * 20), address=devil.address) as rtsp:
        where = ["--address", f"{devil.address}:{devil.port}", "--rtsp-port", str(rtsp.port), "--timeout", "10"]
        words = [tool("canteen-agent"), "--lang", lang, "inspect", *where]
        table = subprocess.run(words, capture_output=True, check=False, env=os.environ | {"COLUMNS": "200"})
        words += ["--json", "--report", str(tmp_path)]
        record = subprocess.run(words, capture_output=True, check=False)
    for shown in (table.stdout, table.stderr, record.stderr):
        assert unclean(shown.decode()) == []
        assert not re.search(r"^\s*ERROR", shown.decode(), re.MULTILINE)
    assert "evil" in table.stdout.decode()
    assert "[red]" in table.stdout.decode()  # shown, not obeyed
    assert table.stdout.count(b"A" * 300) == 0
    read = json.loads(record.stdout)
    clean(read)
    assert read["identity"]["model"].startswith("evil")
    (page,) = tmp_path.glob("*.html")
    assert unclean(page.read_text()) == []
    assert "<script" not in page.read_text()


def test_daemon_log_status_and_messages_stay_plain(devil: Device, tmp_path: Path) -> None:
    """Log, status file, `status` and every MQTT message hold no control or bidi character and no forged line."""
    stranger = new_address()
    reply = one("ProbeMatch", f"http://{stranger}/{EVIL[:500]}", f"urn:uuid:{EVIL[:300]}", scopes=NAMED)
    entry = f"{{slot: one, address: {devil.address}, onvif_port: {devil.port}, rtsp_port: %d, stream_path: /main}}"
    with (
        Broker() as broker,
        evil.Server(evil.answers(*[answer("404")] * 20), address=devil.address) as rtsp,
        Responder(stranger, lambda _, to: probe_matches(reply, relates_to=to)),
    ):
        ear = Ear(broker)
        file = settings(tmp_path, broker, entry % rtsp.port)
        with running(tmp_path, file) as status:
            until(lambda: status()["model"] and status()["verdicts"])
            until(lambda: any(stranger in json.dumps(one) for one in ear.of("inv")))
            until(lambda: "404" in status()["detail"])
            whole = json.loads((tmp_path / "status.json").read_text())
            command = [tool("canteen-agent"), "--lang", "en", "status", "--config", str(file)]
            shown = subprocess.run(command, capture_output=True, check=False)
        ear.client.disconnect()
        ear.client.loop_stop()
    clean(whole)
    clean([payload for _, payload, _ in ear.heard])
    found = [device for one in ear.of("inv") for device in one.get("unregistered", []) if device["address"] == stranger]
    assert found[0]["name"].startswith("evil")
    for text in (shown.stdout.decode(), (tmp_path / "log").read_text()):
        assert unclean(text) == []
        assert not re.search(r"^\s*ERROR", text, re.MULTILINE)
    assert all(re.match(r"(INFO|WARNING) agent\.", line) for line in (tmp_path / "log").read_text().splitlines())
