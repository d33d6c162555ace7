"""How bytes leave a camera: at once, or in the manner of the fault it has."""

import asyncio
import os
from asyncio import StreamWriter

DRIP_PAUSE_S = 0.5
TEN_MEGABYTES = 10 * 1024 * 1024


class HangUp(Exception):
    """The connection ends here."""


async def say(fault: str, writer: StreamWriter, reply: bytes) -> None:
    """Send a reply as the fault has it. Raises HangUp when nothing more will come."""
    match fault:
        case "hang":
            await asyncio.Event().wait()  # until the connection is killed
        case "drip":
            await _drip(writer, reply)
        case "garbage":
            writer.write(os.urandom(400))
            await writer.drain()
            raise HangUp
        case _:
            writer.write(reply)
            await writer.drain()


async def _drip(writer: StreamWriter, reply: bytes) -> None:
    for i in range(len(reply)):
        writer.write(reply[i : i + 1])
        await writer.drain()
        await asyncio.sleep(DRIP_PAUSE_S)
