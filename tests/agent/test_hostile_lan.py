"""One hostile camera, one that refuses and one that wants Basic among thirteen sound ones, through the whole daemon.

What must not happen: delays for the others, a large daemon or child, a byte to another host, a secret or a picture
anywhere but where it belongs.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from scripts.stage import Canteen, tool
from tests import evil
from tests.agent.ask.onvif.devices import ENVELOPE, Device, Onvif, service, soap
from tests.agent.ask.rtsp import players
from tests.agent.test_daemon import states
from tests.support.waiting import PATIENCE_S, until
from tests.witness import IMAGES, Witness, contents, leaks, peak_rss

LOOK_S, CAPABILITY_S = 2.0, 15.0
ODD_PASSWORD = "c@nary/5w&rd+\u5bc6"
SOUND = list(players.rtp(players.clip(320, 240)))


def attacks_http(elsewhere: str) -> list[evil.Behaviour]:
    def reply(head: str, body: bytes = b"", status: str = "200 OK") -> evil.Behaviour:
        return evil.answers(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n\r\n".encode() + body)

    def said(content: str) -> evil.Behaviour:
        return evil.answers(*[soap(content)] * 20)

    xxe = f'<!DOCTYPE r [<!ENTITY x SYSTEM "http://{elsewhere}/x">]>' + ENVELOPE.format("<a>&x;</a>")
    many = " ".join(f'a{n}="1"' for n in range(9_000))
    return [
        said(f"<GetServicesResponse>{service('10/media', f'http://{elsewhere}/onvif/media')}</GetServicesResponse>"),
        reply(f"Location: http://{elsewhere}/", status="307 Temporary Redirect"),
        reply("", xxe.encode()),
        evil.silent,
        evil.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 1000),
        evil.endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        evil.endless(b"HTTP/1.1 200 OK\r\n", b"X-Header: more\r\n"),
        evil.endless(b"", b"\0\xff junk "),
        said("<a>" * 9_000 + "</a>" * 9_000),
        said(f"<GetSystemDateAndTimeResponse {many}/>"),
        reply('WWW-Authenticate: Basic realm="x"', status="401 Unauthorized"),
        reply("Content-Encoding: gzip", b"\x1f\x8b" + bytes(500)),
    ]


def attacks_rtsp(elsewhere: str) -> list[evil.Behaviour]:
    def reply(status: str, *heads: str) -> evil.Behaviour:
        return evil.answers("\r\n".join([f"RTSP/1.0 {status}", "CSeq: 1", *heads, "", ""]).encode("latin-1"))

    return [
        reply("302 Moved", f"Location: rtsp://{elsewhere}/x"),
        reply("401 No", 'WWW-Authenticate: Basic realm="x"'),
        reply("401 No", 'WWW-Authenticate: Digest realm="r", nonce="a\rX-Evil: 1"'),
        reply("200 OK", "Content-Length: 2000000000"),
        evil.endless(b"RTSP/1.0 200 OK\r\n", b"X: y\r\n"),
        evil.drip(b"RTSP/1.0 200 OK\r\n" * 20),
        evil.silent,
        evil.endless(b"", b"$\0\xff\xff" + b"garbage" * 9_000),
        players.plays(
            SOUND,
            description=players.sdp(control=f"rtsp://{elsewhere}/t") + f"c=IN IP4 {elsewhere}\r\n".encode(),
            changes={"DESCRIBE": players.adds(Content_Base=f"rtsp://{elsewhere}/")},
        ),
        evil.reset,
    ]


def in_turn(behaviours: list[evil.Behaviour]) -> evil.Behaviour:
    return lambda peer: behaviours[(peer.number - 1) % len(behaviours)](peer)


@contextmanager
def listening(canteen: Canteen) -> Iterator[list[bytes]]:
    """Every payload that the center would get."""
    heard: list[bytes] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="center")
    client.username_pw_set("center", canteen.passwords["center"])
    client.on_connect = lambda client, *_: client.subscribe("mclz/#", 1)
    client.on_message = lambda _, __, message: heard.append(message.topic.encode() + b" " + message.payload)
    canteen.wait_for(lambda: _connects(client, canteen.port), _Nobody(), "broker")  # type: ignore[arg-type]
    client.loop_start()
    yield heard
    client.disconnect()
    client.loop_stop()


class _Nobody:
    def poll(self) -> None: ...


def _connects(client: mqtt.Client, port: int) -> bool:
    with suppress(OSError):
        client.connect("127.0.0.1", port)
        return True
    return False


@pytest.fixture
def canteen(tmp_path: Path) -> Canteen:
    cast = [(f"slot-{i:02d}", "kitchen", "dahua-bullet") for i in range(13)]
    return Canteen(tmp_path, cast, accepted_after_s=0, look_s=LOOK_S, deadline_s=1.9, heartbeat_s=2)


def add(canteen: Canteen, slot: str, address: str, onvif: int, rtsp: int) -> None:
    entry = f"onvif_port: {onvif}, rtsp_port: {rtsp}, stream_path: /main, credentials: odd"
    with canteen.config.open("a") as file:
        file.write(f"  - {{slot: {slot}, address: {address}, {entry}}}\n")


def test_one_hostile_camera_of_sixteen(canteen: Canteen, tmp_path: Path) -> None:
    """The sound ones keep their interval, the daemon stays small, its children limited; nothing and nobody leaks."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    odd = tmp_path / "odd.password"
    odd.touch(mode=0o600)
    odd.write_text(ODD_PASSWORD)
    login = f"odd: {{user: admin, password: 'file:{odd}'}}"
    more = f"capability: {{deadline: {CAPABILITY_S}s}}\nlog: {{level: debug}}\ncredentials: {{{login}, "
    canteen.config.write_text(canteen.config.read_text().replace("credentials: {", more, 1))
    with ExitStack() as stack:
        canary = stack.enter_context(Device(Onvif()))
        elsewhere = f"{canary.address}:{canary.port}"
        http = stack.enter_context(evil.Server(in_turn(attacks_http(elsewhere))))
        rtsp = stack.enter_context(evil.Server(in_turn(attacks_rtsp(elsewhere)), address=http.address))
        refusing = stack.enter_context(Device(Onvif(login="wsse", password="another")))
        basic = stack.enter_context(evil.Server(evil.answers(*[BASIC] * 50)))
        add(canteen, "hostile", http.address, http.port, rtsp.port)
        add(canteen, "refusing", refusing.address, refusing.port, refusing.port)
        add(canteen, "basic", basic.address, basic.port, basic.port)
        stack.enter_context(canteen.process("broker", "mosquitto", "-c", str(tmp_path / "mosquitto.conf")))
        heard = stack.enter_context(listening(canteen))
        scenario = ("--scenario", str(tmp_path / "scenario.yaml"), "--control", str(canteen.control))
        stack.enter_context(
            canteen.process("simulator", tool("canteen-sim"), "run", *scenario, "--log", str(canteen.log))
        )
        until(lambda: canteen.log.exists() and len(canteen.log.read_text().splitlines()) >= 13)
        with (tmp_path / "agent.log").open("wb") as log:
            command = [tool("canteen-agent"), "run", "--config", str(canteen.config)]
            agent = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"TMPDIR": str(scratch)})
        stack.callback(agent.wait)
        stack.callback(agent.kill)
        witness = Witness(agent)
        until(lambda: [s for s, state in states(canteen).items() if state == "online"][12:])
        late, statuses = list[int](), list[str]()
        tried = min(len(attacks_http("")), len(attacks_rtsp("")))
        until(lambda: note(canteen, late, statuses) and http.connections > tried + 2 and rtsp.connections > tried + 2)
        until(lambda: any("agent.ask.picture.child" in one.words for one in witness.children.values()))
        until(lambda: note(canteen, late, statuses) and judged(statuses[-1]))
        hot = peak_rss(agent.pid)
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(timeout=PATIENCE_S) == 0
        witness.end()
        said = {"hostile": b"".join(http.requests + rtsp.requests), "basic": b"".join(basic.requests)}
        said["refusing"] = "".join(one.head + one.body for one in refusing.requests).encode()

        assert canary.connections == 0
        assert max(late) <= LOOK_S * 1000
        assert max(witness.peak_rss, hot) <= 45_000_000, max(witness.peak_rss, hot)
        lives = [one for one in witness.children.values() if "agent.ask" in one.words]
        assert {"onvif.child", "picture.child"} <= {
            part for one in lives for part in re.findall(r"agent\.ask\.(\w+\.\w+)", one.words)
        }
        assert max(one.largest_bytes for one in lives) <= 800 * 2**20
        assert all(one.limit_bytes <= 800 * 2**20 for one in lives if one.seen_s > 0.2)
        assert all(one.seen_s <= CAPABILITY_S + 0.5 + 1 for one in lives if "onvif.child" in one.words)

        secrets = [*canteen.passwords.values(), ODD_PASSWORD]
        places = contents(tmp_path / "state", scratch) | {"log": (tmp_path / "agent.log").read_bytes()}
        places |= {
            "argv and environ": witness.shown.encode(),
            "mqtt": b"\n".join(heard),
            "status": "".join(statuses).encode(),
        }
        assert b"hostile: " in places["log"]
        assert len(heard) > 10
        assert leaks(secrets, places | said) == []
        assert [where for where, text in places.items() if IMAGES.search(text)] == []
        assert b"Basic " not in said["basic"] + said["hostile"]
        assert b"X-Evil" not in said["hostile"]


BASIC = b'RTSP/1.0 401 No\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'


def note(canteen: Canteen, late: list[int], statuses: list[str]) -> bool:
    with suppress(OSError):
        text = (canteen.folder / "state" / "status.json").read_text()
        if text and text not in statuses[-1:]:
            statuses.append(text)
            late += [one["late_ms"] for one in canteen.status()["cameras"] if one["slot"].startswith("slot-")]
    return bool(statuses)


def judged(status: str) -> bool:
    return status.count('"verdicts":[{') >= 13


OPENED = re.compile(r'(?:open|openat|creat)\((?:AT_FDCWD, )?"([^"]*)", ([A-Z_|]+)[^)]*\) += \d')
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")
HARMLESS = re.compile(r"/dev/null|/proc/.*|.*/__pycache__/.*")


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_an_inspection_writes_its_report_and_nothing_else(tmp_path: Path) -> None:
    """Traced with all its children, `inspect` opens no file for writing but the report and its own record of
    refused logins and of the time; pictures it decodes in memory.

    Neither what it prints, nor the report, nor any argv or environment holds the password.
    """
    canteen = Canteen(tmp_path, [("one", "kitchen", "dahua-bullet")], accepted_after_s=0)
    scenario = ("--scenario", str(tmp_path / "scenario.yaml"), "--control", str(canteen.control))
    report, trace = tmp_path / "report", tmp_path / "trace"
    with canteen.process("simulator", tool("canteen-sim"), "run", *scenario, "--log", str(canteen.log)):
        until(lambda: canteen.log.exists() and canteen.log.read_text())
        traced = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=open,openat,creat", "-o", str(trace)]
        asked = [
            tool("canteen-agent"),
            "inspect",
            "--address",
            f"{canteen.cast[0].address}:8000",
            "--rtsp-port",
            "8554",
        ]
        asked += ["--username", "admin", "--password-file", str(tmp_path / "camera.password"), "--json"]
        asked += ["--timeout", "240", "--report", str(report)]
        own = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
        for _ in range(6):  # so that one of them decodes the picture on a busy machine, too
            shutil.rmtree(report, ignore_errors=True)
            with (tmp_path / "out").open("wb") as out:
                inspecting = subprocess.Popen([*traced, *asked], stdout=out, stderr=subprocess.STDOUT, env=own)
                witness = Witness(inspecting)
                assert inspecting.wait(timeout=PATIENCE_S) in (0, 1)
                witness.end()
            if decoded := b'"source": "main"' in (tmp_path / "out").read_bytes():
                break
    assert decoded
    written = {name for name, how in OPENED.findall(trace.read_text()) if WRITES.search(how)}
    written = {name for name in written if not HARMLESS.fullmatch(name)}
    records = {name for name in written if Path(name).name.startswith((".logins.json.", ".clock.json."))}
    assert written - records == {str(file) for file in report.rglob("*.html")}
    assert {Path(name).parent for name in records} <= {tmp_path / "state" / "canteen-agent"}
    assert any("agent.ask.picture.decoder" in one.words for one in witness.children.values())
    places = contents(report) | {"out": (tmp_path / "out").read_bytes(), "argv and environ": witness.shown.encode()}
    assert len(places) > 2
    assert leaks([canteen.passwords["camera"]], places) == []
    assert [where for where, text in places.items() if IMAGES.search(text)] == []
