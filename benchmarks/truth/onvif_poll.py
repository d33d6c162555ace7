"""onvif-zeep-async as Home Assistant keeps it: one client a camera, GetDeviceInformation each time.

Run as benchmarks.truth.poll is, in the library's own environment: python -m benchmarks.truth.onvif_poll SPEC OUT.
"""

import asyncio
import logging
import sys

from onvif import ONVIFCamera
from zeep.exceptions import Fault

from benchmarks.truth.poll import OFFLINE, ONLINE, TIMEOUT_S, UNKNOWN, Notes, Target, poll, read, until_told

FIRST_S = 30.0
"""A client's first question reads its WSDL; nobody would count that against it."""
clients: dict[str, ONVIFCamera] = {}


async def ask(target: Target) -> str:
    """A fault is an answer too: some cameras want HTTP Digest, which it does not speak.

    Whatever else fails makes the next question begin anew, so that nothing of a dead connection is kept.
    """
    if not target.onvif_port:
        return UNKNOWN
    try:
        await asyncio.wait_for(_device_information(target), TIMEOUT_S if target.slot in clients else FIRST_S)
    except Fault:
        return ONLINE
    except Exception:
        old = clients.pop(target.slot, None)
        if old:
            try:
                await asyncio.wait_for(old.close(), 1)
            except Exception:
                return OFFLINE
        return OFFLINE
    return ONLINE


async def _device_information(target: Target) -> None:
    client = clients.get(target.slot)
    if client is None:
        client = ONVIFCamera(target.address, target.onvif_port, target.user, target.password)
        clients[target.slot] = client
        await client.update_xaddrs()
    service = await client.create_devicemgmt_service()
    await service.GetDeviceInformation()


def main() -> None:
    logging.disable()
    until_told(poll(read(sys.argv[1]), ask, Notes(sys.argv[2])))


if __name__ == "__main__":
    main()
