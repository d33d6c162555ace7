"""Inputs that each target understands, for its first steps; written here or taken from the tests beside.

What a target does with them must not be known here.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from agent.ask.onvif.jobs import Answer, encode_answer
from agent.ask.rtsp import rtp as packets
from agent.model import Capabilities, Device, Seen
from contract.messages import Ack, Birth, CenterState, ClockHealth, Command, Coverage, Events, Gap, Heartbeat, Inventory
from tests.agent.ask.discovery.wsd import one, probe_matches
from tests.agent.ask.onvif.devices import ANSWERS, ENVELOPE, FAULT, Onvif, Request

ROOT = Path(__file__).parents[2]
_DESCRIPTION = (
    b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\na=recvonly\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    b"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAH5WoFAFuQA==,aM48gA==\r\na=control:trackID=0\r\n"
    b"m=audio 0 RTP/AVP 0 8\r\na=sendonly\r\na=rtpmap:8 PCMA/8000\r\na=control:rtsp://10.0.0.9/trackID=1\r\n"
)
_OTHER = "<Options><Encoding>H264</Encoding></Options><Preset token='1'><Name>a</Name></Preset>"


def probe_match() -> Iterator[bytes]:
    match = one("ProbeMatch", "http://192.168.1.64:80/onvif/device_service", "urn:uuid:1")
    yield probe_matches(match, match, relates_to="urn:uuid:2")
    yield probe_matches(one("Hello", None, "urn:uuid:3"))
    yield probe_matches(match)[:-40]


def xaddr() -> Iterator[bytes]:
    yield b"http://192.168.1.64/onvif/device_service\nhttps://10.0.0.9:8443/x?a=b\nrtsp://u:p@192.168.1.64:554/live?a=1"
    yield b"http://[fe80::1]:80/x\nhttp://192.168.1.64:8106:8106/onvif\nurn:x\nrtsp://192.168.1.64:0/&amp;%zz"


def arp() -> Iterator[bytes]:
    head = b"IP address       HW type     Flags       HW address            Mask     Device\n"
    yield head + b"192.168.1.64     0x1         0x2         aa:bb:cc:00:11:22     *        eth0\n"


def clock() -> Iterator[bytes]:
    said = Onvif()(Request("/", "", "<s:Body><GetSystemDateAndTime/>"))
    assert isinstance(said, bytes)
    yield said.partition(b"\r\n\r\n")[2]
    yield ENVELOPE.format(FAULT.format("NotAuthorized", "no")).encode()


def soap() -> Iterator[bytes]:
    from tests.fuzz.cameras import READERS

    for number, (operation, _) in enumerate(READERS):
        content = ANSWERS.get(
            operation, "<Options><Encoding>H264</Encoding></Options><Preset token='1'><Name>a</Name></Preset>"
        )
        envelope = ENVELOPE.format(f"<{operation}Response>{content}</{operation}Response>")
        yield bytes((number, 0)) + envelope.encode()
    yield b"\x00\x01" + ENVELOPE.format(FAULT.format("ActionNotSupported", "no such operation")).encode()


def http() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: 4\r\n\r\nbody"
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\nTrailer: x\r\n\r\n"
    yield b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 401 No\r\n" + b"WWW-Authenticate: " + next(digest()) + b"\r\n\r\n"
    yield b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.9/\r\nConnection: close\r\n\r\n"


def digest() -> Iterator[bytes]:
    yield b'Digest realm="cam", nonce="5a1d", qop="auth,auth-int", algorithm=SHA-256, opaque="x", stale=true'
    yield b'Basic realm="cam"\nDigest realm="a\\"b", nonce="1", algorithm=MD5-sess\nNegotiate'
    yield b'Digest realm="cam", nonce="n" You still have 29 attempt(s)'


def _reply(status: bytes, body: bytes = b"", *headers: bytes) -> bytes:
    lines = [b"RTSP/1.0 " + status, b"CSeq: 1", *headers, b"Content-Length: %d" % len(body), b"", b""]
    return b"\r\n".join(lines) + body


def rtsp() -> Iterator[bytes]:
    yield _reply(b"200 OK", _DESCRIPTION)
    yield _reply(b"401 No", b"", b"WWW-Authenticate: " + next(digest())) + _reply(b"200 OK", _DESCRIPTION)
    yield b"junk\r\n\r\n" + _reply(b"302 Moved", b"", b"Location: rtsp://10.0.0.9/")


def _media() -> Iterator[bytes]:
    units = (b"\x67sps", b"\x68pps", b"\x65idr", b"\x7c\x85i", b"\x7c\x45r", b"\x18\x00\x02\x67s\x00\x02\x68p")
    for seq, unit in enumerate(units):
        yield packets.pack(packets.Packet(96, seq, 9_000 * (seq // 3), unit, marker=seq % 3 == 2), 7)


def rtsp_session() -> Iterator[bytes]:
    setup = _reply(b"200 OK", b"", b"Session: 77;timeout=60", b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
    described = _reply(b"200 OK", _DESCRIPTION, b"Content-Base: rtsp://127.0.0.1/main/")
    frames = b"".join(packets.frame(0, packet) for packet in _media())
    yield described + setup + setup + _reply(b"200 OK") + frames
    yield described + setup + _reply(b"200 OK") + frames


def sdp() -> Iterator[bytes]:
    yield _DESCRIPTION


def rtp() -> Iterator[bytes]:
    yield b"".join(bytes((len(packet),)) + packet for packet in _media())
    hevc = [
        packets.pack(packets.Packet(96, n, 0, bytes((kind << 1, 1)) + b"x", marker=True), 7)
        for n, kind in enumerate((32, 33, 34, 19, 48, 49))
    ]
    yield b"".join(bytes((len(packet),)) + packet for packet in hevc)


def g711() -> Iterator[bytes]:
    yield bytes(range(256))


def config() -> Iterator[bytes]:
    yield (ROOT / "config" / "agent.example.yaml").read_bytes()[:4096]
    yield b"gateway: {id: box-0001, city: '4101'}\nbroker: [{host: 127.0.0.1, port: 9}]\ncameras: []\n"
    for file in sorted((ROOT / "tests" / "agent" / "bad_configs").glob("*.yaml")):
        yield file.read_bytes()[:2048]


def policy() -> Iterator[bytes]:
    whole = (ROOT / "config" / "policy" / "henan-2021-45.yaml").read_bytes()
    yield whole[:4096]
    yield whole


def downward() -> Iterator[bytes]:
    yield b"\x00" + msgspec.json.encode(Ack(store="s1", seq=0))
    yield b"\x01" + msgspec.json.encode(Command(id="1", not_after=2**52, verb="look", slot="a"))
    yield b"\x01" + msgspec.json.encode(Command(id="1", not_after=2**52, verb="rebirth"))
    yield b"\x02" + msgspec.json.encode(CenterState(state="up"))


def upward() -> Iterator[bytes]:
    where = b"mclz/v1/4101/box-0001/up/%s\n"
    run = {"boot": "b", "session": "s", "store": "st"}
    yield where % b"hb" + msgspec.json.encode(
        Heartbeat(**run, at=5, watching_since=1, settled_to=4, seq_high=2, n=1)  # type: ignore[arg-type]
    )
    birth = Birth(gateway="box-0001", **run, version="1", clock=ClockHealth(synced=True), inventory_hash="x", oldest=1)  # type: ignore[arg-type]
    yield where % b"state" + msgspec.json.encode(birth)
    events = (
        Coverage(seq=1, boot="b", session="s", at=9, from_=1, to=8, seq_high=0),
        Gap(seq=9, boot="b", session="s", at=9, from_seq=2, to_seq=3, from_=1, to=2, why="full"),
    )
    yield where % b"ev" + msgspec.json.encode(Events(store="st", events=events))
    yield where % b"inv" + msgspec.json.encode(Inventory(gateway="box-0001", slots=()))


def files() -> Iterator[bytes]:
    yield b'l{"salt":"x","learnt":{"s1":{"address":"127.0.0.1","stream_port":554,"stream_path":"/a"}}}'
    yield b'g{"salt":"x","guards":{"127.0.0.1 ab":{"refused_at":[1e9],"in_a_row":1,"wait_s":60.0}},"barred":["s1"]}'
    yield b'i{"s1":{"slot":"s1","at":1,"preset":"p"}}'
    yield (
        b's{"pid":1,"version":"1","city":"4101","gateway":"box","session":"s","policy":"p","started_ms":1,"at_ms":1,'
        b'"clock":{"synced":true},"host":null,"uplink":{"connected":true,"detail":"","pending":0},"discovery":{},'
        b'"cameras":[]}'
    )
    header = struct.pack(">6I", 0x377F0682, 3_007_000, 64, 0, 7, 9)  # its sums follow, and a frame that ends a commit
    yield b"w" + header + bytes.fromhex("5bc703135c9edab8") + struct.pack(">6I", 1, 1, 7, 9, 0, 0) + bytes(64)


def child() -> Iterator[bytes]:
    yield encode_answer(Answer(slot="s1", capabilities=Capabilities(device=Seen(value=Device(model="x")))))
    yield b'{"slot":"s1","movement":{"restored":true}}'


def registry() -> Iterable[bytes]:
    flat = b"city,county,unit,kind,zone,slot,gateway,accepted_at\n"
    yield flat + b"4101,410102,school,canteen,wash,a,box-0001,2026-09-01T08:00:00+08:00\n"
    yield flat + b'"4101",x,y'
    yield "题名\n单位编号*,单位名称,区划代码,类别\nu1,一小,金水区,canteen\n".encode("gb18030")
    yield b"position,unit,zone,accepted_at,ended_at\np1,u1,wash,2026/9/1 8:05,45000\n"
    yield b"scope,from_day,to_day,weekdays,hours\n41,2026-09-01,2027-01-20,1-5,06:30-19:00\n"
    yield b"PK\x03\x04"
