"""The floor: the very requests that ours sent, as ready bytes over kept-alive sockets, the replies read with lxml.

Run as a child: python -m benchmarks.floor one-by-one|asyncio BEGAN; on standard input {"recorded": address, "requests":
[base64], "addresses": [...]}. Nothing is decided, checked or kept: less cannot be done with these calls in Python.
"""

import asyncio
import base64
import json
import socket
import sys
from typing import Any

from lxml import etree

from benchmarks.cost import report

PORT = 8000
_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "


def read(reply: bytes, request: bytes) -> Any:
    """The element in the Body, which is the answer: a fault only to a question asked without a login."""
    root = etree.fromstring(reply)
    answer = root[-1][0]
    assert answer.tag.endswith("Response") or b"Security>" not in request, answer.tag
    return answer


def length(head: bytes) -> int:
    start = head.index(_LENGTH) + len(_LENGTH)
    return int(head[start : head.index(b"\r\n", start)])


def ask(address: str, requests: list[bytes]) -> None:
    with socket.create_connection((address, PORT)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            sock.sendall(request)
            data = sock.recv(65536)
            while (end := data.find(_END)) < 0:
                data += sock.recv(65536)
            whole = end + 4 + length(data)
            while len(data) < whole:
                data += sock.recv(65536)
            read(data[end + 4 :], request)


async def ask_async(address: str, requests: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection(address, PORT)
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(_END)
        read(await reader.readexactly(length(head)), request)
    writer.close()


async def all_at_once(work: list[tuple[str, list[bytes]]]) -> None:
    await asyncio.gather(*(ask_async(address, requests) for address, requests in work))


def main() -> None:
    way, began = sys.argv[1], float(sys.argv[2])
    told = json.load(sys.stdin)
    recorded = [base64.b64decode(one).replace(b"Connection: close\r\n", b"") for one in told["requests"]]
    work = [
        (address, [one.replace(told["recorded"].encode(), address.encode()) for one in recorded])
        for address in told["addresses"]
    ]
    if way == "asyncio":
        asyncio.run(all_at_once(work))
    else:
        for address, requests in work:
            ask(address, requests)
    report(began)


if __name__ == "__main__":
    main()
