"""One simulated camera with its sockets: it opens and closes them as its faults demand."""

import asyncio
import secrets
from asyncio import Server, StreamReader, StreamWriter
from collections.abc import Awaitable, Callable

from simulator import http, rtsp
from simulator.addresses import another_loopback
from simulator.discovery import Responder
from simulator.faults import NONE
from simulator.studio import Studio
from simulator.unit import Unit

_DEAD = {"off"}
_ONVIF_CLOSED = _DEAD | {"onvif-closed"}
_RTSP_CLOSED = _DEAD | {"rtsp-closed"}
_SPOILS_CONNECTIONS = {"hang", "drip", "garbage", "tenmegabytes", "redirect", "rtsp-drip", "rtsp-huge-length"}

_Serve = Callable[[Unit, Studio, StreamReader, StreamWriter], Awaitable[None]]


class _Port:
    """A listening TCP port and the connections it has accepted."""

    def __init__(self, camera: "Camera", serve: _Serve) -> None:
        self._camera = camera
        self._serve = serve
        self._server: Server | None = None
        self._open: dict[asyncio.Task[None], StreamWriter] = {}

    async def open(self, address: str, port: int) -> int:
        """Listen; port 0 = any free one. Returns the port."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, address, port, limit=http.MAX_HEAD)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._server:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        for task, writer in self._open.items():
            writer.transport.abort()
            task.cancel()

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in one
        self._open[task] = writer
        try:
            await self._serve(self._camera.unit, self._camera.studio, reader, writer)
        except asyncio.CancelledError:
            pass  # cut by `cut`; a cancelled callback would be logged as an error
        finally:
            del self._open[task]
            writer.close()


class Camera:
    """`unit` is what it is; `suffer` gives it a fault."""

    def __init__(self, unit: Unit, studio: Studio) -> None:
        self.unit = unit
        self.studio = studio
        self._onvif = _Port(self, http.serve)
        self._rtsp = _Port(self, rtsp.serve)
        self._responder: Responder | None = None
        self._home = unit.address

    async def start(self) -> None:
        """Open the ports. Raises OSError when an address or port cannot be had."""
        unit = self.unit
        if unit.fault not in _ONVIF_CLOSED:
            unit.onvif_port = await self._onvif.open(unit.address, unit.onvif_port)
        if unit.fault not in _RTSP_CLOSED:
            unit.rtsp_port = await self._rtsp.open(unit.address, unit.rtsp_port)
        if unit.fault not in _DEAD and self._responder is None:
            self._responder = Responder(unit)
            await self._responder.start()

    def stop(self, *, politely: bool = False) -> None:
        """Close everything, at once. `politely`: with a Bye."""
        self._onvif.close()
        self._rtsp.close()
        if self._responder:
            self._responder.stop(politely=politely)
            self._responder = None

    async def suffer(self, fault: str) -> None:
        """Take on a fault in place of the one before."""
        unit, before = self.unit, self.unit.fault
        address = self._address(fault)
        if fault in _DEAD or address != unit.address:
            self.stop()
        if fault in _ONVIF_CLOSED:
            self._onvif.close()
        if fault in _RTSP_CLOSED:
            self._rtsp.close()
        unit.suffer(fault)
        unit.address = address
        if before in _SPOILS_CONNECTIONS:
            self._onvif.cut()
            self._rtsp.cut()
        self._change_locks(fault)
        await self.start()

    def _address(self, fault: str) -> str:
        if fault != "new-address":
            return self._home
        return self.unit.spec.spare_address or another_loopback(self._home)

    def _change_locks(self, fault: str) -> None:
        door = self.unit.door
        door.password = secrets.token_hex(8) if fault == "wrong-password" else self.unit.spec.password
        if fault == NONE:
            door.forgive()
        door.locked = fault == "lockout"
