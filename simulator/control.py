"""The control socket: faults on command while the canteen runs. One JSON line in, one JSON line out."""

import asyncio
import os
import socket
from asyncio import Server, StreamReader, StreamWriter
from pathlib import Path

import msgspec
from msgspec import Struct

from simulator.canteen import Canteen

MAX_LINE = 4096


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """One order to a running canteen: give this camera this fault."""

    slot: str
    fault: str


class Done(Struct, frozen=True):
    """`error` "" = done."""

    error: str = ""


def default_path() -> Path:
    """Where `run` and `fault` meet unless told otherwise: one place per user."""
    folder = os.environ.get("XDG_RUNTIME_DIR")
    return Path(folder or "/tmp") / (f"canteen-sim-{os.getuid()}.sock")  # noqa: S108 - the socket itself is mode 0600


async def listen(canteen: Canteen, path: Path) -> Server:
    """Serve orders at a unix socket only its owner may use. Raises OSError, also when another canteen listens there."""

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            writer.write(msgspec.json.encode(await _obey(canteen, await reader.readline())) + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    _clear(path)
    mask = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(serve, path, limit=MAX_LINE)
    finally:
        os.umask(mask)


async def _obey(canteen: Canteen, line: bytes) -> Done:
    try:
        order = msgspec.json.decode(line, type=Order)
        await canteen.suffer(order.slot, order.fault)
    except (msgspec.DecodeError, ValueError, OSError) as error:
        return Done(str(error))
    return Done()


def _clear(path: Path) -> None:
    """Remove a socket nobody listens at any more. Raises OSError when somebody does."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as knock:
        try:
            knock.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise FileExistsError(f"another canteen listens at {path}")


def order(path: Path, slot: str, fault: str) -> str:
    """Ask a running canteen for a fault. Returns "" or what is wrong. Raises OSError when nobody listens."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(10.0)
        wire.connect(str(path))
        wire.sendall(msgspec.json.encode(Order(slot, fault)) + b"\n")
        return msgspec.json.decode(wire.makefile("rb").readline(MAX_LINE), type=Done).error
