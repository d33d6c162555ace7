"""A hostile host for the tests, run in a namespace: floods whoever sends the first probe it hears.

usage: flood.py ADDRESS NETWORK PACKETS IMPERSONATED
NETWORK = where the forged senders live (or one address), IMPERSONATED = a sender forged more often ("-" = none).
"""

import ipaddress
import os
import random
import socket
import struct
import sys
import uuid

from tests.agent.ask.discovery.wsd import Responder, one, probe_matches


def payload(number: int, source: str, message_id: str) -> bytes:
    """By turns a perfect reply, a reply to another's probe, angle brackets, and random bytes."""
    match number % 4:
        case 0 | 1:
            found = one("ProbeMatch", f"http://{source}/onvif/device_service", f"urn:uuid:{uuid.uuid4()}")
            return probe_matches(found, relates_to=message_id if number % 4 == 0 else "urn:uuid:other")
        case 2:
            return b"<" * 600
    return os.urandom(600)


def packet(source: str, victim: tuple[str, int], data: bytes) -> bytes:
    """IPv4 and UDP headers by hand, so that any sender can be named; the kernel completes length and checksum."""
    header = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0)
    ports = struct.pack("!HHHH", 3702, victim[1], 8 + len(data), 0)
    return header + socket.inet_aton(source) + socket.inet_aton(victim[0]) + ports + data


def flood(network: ipaddress.IPv4Network, count: int, impersonated: str, victim: tuple[str, int], to: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number in range(count):
            source = str(network[random.randrange(network.num_addresses)])
            if impersonated != "-" and number % 8 == 0:
                source = impersonated
            raw.sendto(packet(source, victim, payload(number, source, to)), victim)


def main(address: str, network: str, packets: str, impersonated: str) -> None:
    victims: list[str] = []

    def answer(_text: str, message_id: str) -> None:
        if not victims:
            victims.append(message_id)
            flood(ipaddress.IPv4Network(network), int(packets), impersonated, responder.heard[-1][1], message_id)

    with Responder(address, answer, unicast=False) as responder:
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
