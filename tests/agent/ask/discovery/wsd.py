"""WS-Discovery responders for the tests, written apart from the agent's own code; also a program for a namespace."""

import re
import socket
import sys
import threading
import uuid
from collections.abc import Callable

GROUP, PORT = "239.255.255.250", 3702
ONVIF_SCOPES = "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Kitchen%201"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"


def envelope(body: str, relates_to: str | None) -> str:
    related = "" if relates_to is None else f"<wsa:RelatesTo>{relates_to}</wsa:RelatesTo>"
    return (
        '<?xml version="1.0" encoding="utf-8"?><SOAP-ENV:Envelope '
        f'xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="{ADDRESSING}" xmlns:d="{DISCOVERY}" '
        'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header>'
        f"<wsa:MessageID>urn:uuid:{uuid.uuid4()}</wsa:MessageID>{related}"
        f"<wsa:To>{ADDRESSING}/role/anonymous</wsa:To></SOAP-ENV:Header><SOAP-ENV:Body>{body}"
        "</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )


def one(name: str, xaddrs: str | None, epr: str, types: str = "dn:NetworkVideoTransmitter", scopes: str = ONVIF_SCOPES):
    listed = "" if xaddrs is None else f"<d:XAddrs>{xaddrs}</d:XAddrs>"
    return (
        f"<d:{name}><wsa:EndpointReference><wsa:Address>{epr}</wsa:Address></wsa:EndpointReference>"
        f"<d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes>{listed}<d:MetadataVersion>1</d:MetadataVersion>"
        f"</d:{name}>"
    )


def probe_matches(*matches: str, relates_to: str | None = None) -> bytes:
    return envelope(f"<d:ProbeMatches>{''.join(matches)}</d:ProbeMatches>", relates_to).encode()


def camera(address: str, epr: str, *, port: int = 80) -> Callable[[str, str], bytes]:
    """Answers every probe with itself."""
    xaddr = f"http://{address}:{port}/onvif/device_service"
    return lambda _probe, message_id: probe_matches(one("ProbeMatch", xaddr, epr), relates_to=message_id)


class Responder:
    """Hears probes at `address` (by multicast, unicast or both) and sends what `answer(probe, message_id)` returns.

    `answer` may return bytes, a list of them, or None for silence. `ephemeral`: replies leave from a random port.
    """

    def __init__(
        self,
        address: str,
        answer: Callable[[str, str], bytes | list[bytes] | None],
        *,
        multicast: bool = True,
        unicast: bool = True,
        ephemeral: bool = False,
    ) -> None:
        self.address, self._answer = address, answer
        self.heard: list[tuple[str, tuple[str, int]]] = []
        self._sockets = []
        if unicast:
            self._sockets.append(self._open((address, PORT)))
        if multicast:
            group = self._open((GROUP, PORT))
            group.setsockopt(
                socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(address)
            )
            self._sockets.append(group)
        self._mouth = self._sockets[0] if unicast and not ephemeral else self._open((address, 0))
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._serve, args=(sock,), daemon=True) for sock in self._sockets]

    def __enter__(self) -> "Responder":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for sock in {*self._sockets, self._mouth}:
            sock.close()

    def _open(self, place: tuple[str, int]) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)
        sock.settimeout(0.05)
        return sock

    def _serve(self, sock: socket.socket) -> None:
        while not self._stop.is_set():
            try:
                data, sender = sock.recvfrom(65536)
            except TimeoutError:
                continue
            text = data.decode("utf-8", "replace")
            message_id = re.search(r"MessageID>([^<]*)<", text)
            if message_id is None or not re.search(r"<(\w+:)?Probe[ />]", text):
                continue
            self.heard.append((text, sender))
            answer = self._answer(text, message_id[1])
            for reply in [answer] if isinstance(answer, bytes) else answer or []:
                self._mouth.sendto(reply, sender)


if __name__ == "__main__":
    with Responder(sys.argv[1], camera(sys.argv[1], sys.argv[2])):
        print("ready", flush=True)
        sys.stdin.read()
