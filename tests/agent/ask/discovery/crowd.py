"""Many honest cameras that answer every probe, all at once and in the same order: crowd.py NETWORK NUMBER."""

import socket
import sys
import uuid
from contextlib import ExitStack

from tests.agent.ask.discovery.wsd import Responder, camera

if __name__ == "__main__":
    network, count = sys.argv[1], int(sys.argv[2])
    addresses = [f"{network}.{number}" for number in range(1, count + 1)]
    with ExitStack() as stack:
        mouths = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in addresses]
        for address, mouth in zip(addresses, mouths, strict=True):
            mouth.bind((address, 0))
        whole = [camera(address, f"urn:uuid:{uuid.uuid4()}") for address in addresses]

        def answer(text: str, message_id: str) -> None:
            for number, mouth in enumerate(mouths):
                said = whole[number](text, message_id)
                wide = said.decode().replace("utf-8", "utf-16").encode("utf-16") if number % 10 == 0 else said
                mouth.sendto(wide, responder.heard[-1][1])

        responder = stack.enter_context(Responder(addresses[0], answer))
        print("ready", flush=True)
        sys.stdin.read()
