"""onvif-zeep-async, in a virtual environment of its own: the common calls, one camera after the other or 16 at once.

Run as a child: python -m benchmarks.zeep_async AT_ONCE PORT USER BEGAN; password and addresses as lines on standard
input.
"""

import asyncio
import logging
import sys

from onvif import ONVIFCamera

from benchmarks.calls import calls
from benchmarks.cost import report


async def ask(address: str, port: int, user: str, password: str) -> None:
    camera = ONVIFCamera(address, port, user, password)
    await camera.update_xaddrs()
    services = {
        "device": await camera.create_devicemgmt_service(),
        "media": await camera.create_media_service(),
        "ptz": await camera.create_ptz_service(),
        "imaging": await camera.create_imaging_service(),
    }
    asking = calls()
    service, operation, arguments = next(asking)
    try:
        while True:
            reply = await getattr(services[service], operation)(arguments)
            service, operation, arguments = asking.send(reply)
    except StopIteration:
        await camera.close()


async def all_of(addresses: list[str], at_once: int, port: int, user: str, password: str) -> None:
    room = asyncio.Semaphore(at_once)

    async def one(address: str) -> None:
        async with room:
            await ask(address, port, user, password)

    await asyncio.gather(*map(one, addresses))


def main() -> None:
    logging.disable()
    at_once, port, user, began = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    password, *addresses = sys.stdin.read().split()
    asyncio.run(all_of(addresses, at_once, port, user, password))
    report(began)


if __name__ == "__main__":
    main()
