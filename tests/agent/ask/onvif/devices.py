"""Devices for tests: HTTP servers on a loopback address of their own that say what they are told to, and remember."""

import base64
import contextlib
import hashlib
import random
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from agent.model import Camera, Credentials, Ports

ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:tt="http://www.onvif.org/ver10/schema"><s:Body>{}</s:Body></s:Envelope>'
)
FAULT = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:{}</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en">{}</s:Text></s:Reason></s:Fault>'
)


class Request(NamedTuple):
    path: str
    head: str
    body: str

    @property
    def operation(self) -> str:
        match = re.search(r"<(?:[\w-]+:)?Body[^>]*>\s*<(?:[\w-]+:)?(\w+)", self.body)
        return match[1] if match else ""

    @property
    def media2(self) -> bool:
        return "ver20/media" in self.body

    @property
    def token(self) -> bool:
        """Whether a WSSE login is in it."""
        return "UsernameToken" in self.body

    @property
    def digest(self) -> bool:
        """Whether an HTTP Digest login is in it."""
        return "\r\nauthorization: digest" in self.head.lower()


Answer = Callable[[Request], bytes | Iterator[bytes] | None]
"""Bytes to send (b"": hang up), pieces of them one after the other, or None: say nothing until the client goes."""


def http(body: str | bytes, status: int = 200, headers: str = "") -> bytes:
    data = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n{headers}\r\n".encode() + data


def soap(content: str, status: int = 200, headers: str = "") -> bytes:
    return http(ENVELOPE.format(content), status, headers)


def fault(code: str, text: str = "", status: int = 400, headers: str = "") -> bytes:
    return soap(FAULT.format(code, text), status, headers)


class Device:
    """A server at `address`:`port`; `requests` holds what arrived, `connections` how many were made."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.socket()
        self.address = f"127.{random.randint(1, 250)}.{random.randint(0, 250)}.{random.randint(1, 250)}"
        self._listener.bind((self.address, 0))
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[Request] = []
        self.connections = 0
        self._open: list[socket.socket] = []

    def camera(self, slot: str = "a", password: str = "", **changes: object) -> Camera:
        credentials = Credentials("admin", password) if password else None
        ports = Ports(onvif=self.port, rtsp=self.port)
        return Camera(slot=slot, address=self.address, ports=ports, credentials=credentials, **changes)  # type: ignore[arg-type]

    @property
    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    def __enter__(self) -> "Device":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as incoming:
            while request := _request(incoming):
                self.requests.append(request)
                answer = self._answer(request)
                if answer is None:
                    incoming.read()
                    return
                if not answer:
                    return
                for piece in (answer,) if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)


def _request(incoming: object) -> Request | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = incoming.readline()  # type: ignore[attr-defined]
        if not line:
            return None
        head += line
    text = head.decode()
    length = re.search(r"content-length: (\d+)", text, re.IGNORECASE)
    body = incoming.read(int(length[1]) if length else 0)  # type: ignore[attr-defined]
    return Request(text.split(" ")[1], text, body.decode())


# ---- a camera that speaks ONVIF -----------------------------------------------------------------

PASSWORD = "canary-5w0rd"
WSDL = "http://www.onvif.org/ver{}/wsdl"
_RANGE = "<tt:{0}Range><tt:Min>{1}</tt:Min><tt:Max>{2}</tt:Max></tt:{0}Range>"
_PAN = (
    "<tt:AbsolutePanTiltPositionSpace><tt:URI>http://www.onvif.org/ver10/tptz/PanTiltSpaces/PositionGenericSpace"
    f"</tt:URI>{_RANGE.format('X', -1, 1)}{_RANGE.format('Y', -1, 1)}</tt:AbsolutePanTiltPositionSpace>"
)
_ENCODER = (
    '<tt:VideoEncoderConfiguration token="enc1"><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>1920</tt:Width>'
    "<tt:Height>1080</tt:Height></tt:Resolution></tt:VideoEncoderConfiguration>"
)


def service(name: str, xaddr: str) -> str:
    return f"<Service><Namespace>{WSDL.format(name)}</Namespace><XAddr>{xaddr}</XAddr></Service>"


ANSWERS: Mapping[str, str] = {
    "GetServices": "".join(
        service(name, f"http://192.0.2.9/onvif/{name.rpartition('/')[2]}_service")
        for name in ("10/device", "10/media", "20/ptz", "20/imaging")
    ),
    "GetCapabilities": "<Capabilities><tt:Media><tt:XAddr>http://192.0.2.9/onvif/media_service</tt:XAddr></tt:Media></Capabilities>",
    "GetDeviceInformation": "<Manufacturer>Maker</Manufacturer><Model>Dome</Model><SerialNumber>1</SerialNumber>",
    "GetNetworkInterfaces": "<NetworkInterfaces><tt:Info><tt:HwAddress>AA-BB-CC-00-11-22</tt:HwAddress></tt:Info>"
    "</NetworkInterfaces>",
    "GetProfiles": '<Profiles token="main"><tt:VideoSourceConfiguration><tt:SourceToken>src1</tt:SourceToken>'
    f'</tt:VideoSourceConfiguration>{_ENCODER}<tt:PTZConfiguration token="ptz1"/></Profiles>',
    "GetVideoSources": '<VideoSources token="src1"/>',
    "GetVideoEncoderConfigurationOptions": "<Options/>",
    "GetAudioSources": "",
    "GetAudioOutputs": "",
    "GetAudioDecoderConfigurations": "",
    "GetNodes": f'<PTZNode token="node1"><tt:SupportedPTZSpaces>{_PAN}</tt:SupportedPTZSpaces></PTZNode>',
    "GetConfigurations": '<PTZConfiguration token="ptz1"><tt:NodeToken>node1</tt:NodeToken></PTZConfiguration>',
    "GetConfigurationOptions": f"<PTZConfigurationOptions><tt:Spaces>{_PAN}</tt:Spaces></PTZConfigurationOptions>",
    "GetStatus": "<PTZStatus/>",
    "GetMoveOptions": "<MoveOptions/>",
    "GetStreamUri": "<MediaUri><tt:Uri>rtsp://192.0.2.9:554/live?a=1&amp;b=2</tt:Uri></MediaUri>",
}
"""Content of the response element of each operation."""


class Onvif:
    """Answers like a camera whose clock is `skew_s` ahead; `changes` replace single answers (bytes: the whole reply).

    `login`: "" (none wanted), "wsse" (checked in the camera's time, with `box_time` in the box's), "digest". `tries`
    holds the logins that were refused. `open_to_all`: operations answered without login.
    """

    def __init__(
        self,
        *,
        login: str = "",
        password: str = PASSWORD,
        skew_s: float = 0,
        box_time: bool = False,
        said: str = "Sender not authorized",
        **changes: str | bytes | None,
    ) -> None:
        self._login = login
        self._password = password
        self._skew = timedelta(seconds=skew_s)
        self._box_time = box_time
        self._said = said
        self._changes = changes
        self.tries: list[str] = []
        self.nonces: list[str] = []
        self.open_to_all = {"GetSystemDateAndTime", "GetServices", "GetCapabilities"}

    def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
        operation = request.operation
        if operation == "GetSystemDateAndTime" and operation not in self._changes:
            return soap(self._clock())
        if self._login and operation not in self.open_to_all and not self._admits(request):
            if request.token or request.digest:
                self.tries.append("digest" if request.digest else "wsse")
            return self._refusal()
        answer = self._changes.get(operation, ANSWERS.get(operation))
        if answer is None and operation not in self._changes:
            return fault("ActionNotSupported", "no such operation")
        return soap(f"<{operation}Response>{answer}</{operation}Response>") if isinstance(answer, str) else answer

    def _clock(self) -> str:
        now = datetime.now(UTC) + self._skew
        return (
            f"<GetSystemDateAndTimeResponse><SystemDateAndTime><tt:UTCDateTime><tt:Time><tt:Hour>{now.hour}</tt:Hour>"
            f"<tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}"
            f"</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date></tt:UTCDateTime>"
            "</SystemDateAndTime></GetSystemDateAndTimeResponse>"
        )

    def _refusal(self) -> bytes:
        if self._login == "wsse":
            return fault("NotAuthorized", self._said)
        nonce = f"n{len(self.nonces)}"
        self.nonces.append(nonce)
        challenge = f'WWW-Authenticate: Digest realm="cam", qop="auth", nonce="{nonce}", algorithm=MD5\r\n'
        return http("<html>Unauthorized</html>", 401, challenge)

    def _admits(self, request: Request) -> bool:
        return self._admits_token(request.body) if self._login == "wsse" else self._admits_digest(request.head)

    def _admits_token(self, body: str) -> bool:
        """PasswordDigest = Base64(SHA-1(nonce + created + password)), WSS UsernameToken Profile 1.1."""
        found = [re.search(rf"<ws(?:se|u):{name}[^>]*>([^<]*)<", body) for name in ("Nonce", "Created", "Password")]
        if not all(found):
            return False
        nonce, created, digest = (match[1] for match in found if match)
        right = hashlib.sha1(base64.b64decode(nonce) + created.encode() + self._password.encode()).digest()
        at = datetime.fromisoformat(created)
        late = abs(datetime.now(UTC) + (timedelta() if self._box_time else self._skew) - at)
        return created.endswith("Z") and late < timedelta(seconds=5) and base64.b64encode(right).decode() == digest

    def _admits_digest(self, head: str) -> bool:
        given = dict(
            re.findall(r'(\w+)="?([^",\r]*)"?', head.partition("Authorization: Digest ")[2].partition("\r")[0])
        )
        if given.get("nonce") not in self.nonces:
            return False
        md5 = lambda text: hashlib.md5(text.encode()).hexdigest()  # noqa: E731
        ha1, ha2 = md5(f"admin:cam:{self._password}"), md5(f"POST:{given['uri']}")
        return given["response"] == md5(f"{ha1}:{given['nonce']}:{given['nc']}:{given['cnonce']}:auth:{ha2}")
