"""A canteen in a box: any number of simulated cameras served by one event loop in one thread.

with Canteen([CameraSpec(slot="stove", persona="hikvision-dome")]) as canteen:
canteen.camera("stove").address ...
canteen.fault("stove", "off")
"""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from simulator import replay
from simulator.addresses import random_loopback
from simulator.camera import Camera
from simulator.faults import FAULTS, NONE, Entry, Log
from simulator.persona import personas
from simulator.playing import Projector, format_of
from simulator.studio import Studio
from simulator.unit import Asked, CameraSpec, Unit

__all__ = ["CameraSpec", "Canteen"]

T = TypeVar("T")


class Unknown(ValueError):
    """A slot, fault or persona that does not exist; the text lists those that do."""


class Canteen:
    """The cameras, while the context lasts. `log`: a file that gets a line for each change of fault."""

    def __init__(self, cameras: Sequence[CameraSpec], log: Path | None = None) -> None:
        self._log = Log(log)
        self._studio = Studio()
        self._cameras: dict[str, Camera] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="canteen", daemon=True)
        self._change = asyncio.Lock()
        for spec in cameras:
            if spec.slot in self._cameras:
                raise ValueError(f"slot {spec.slot} is given twice")
            self._cameras[spec.slot] = Camera(_unit(spec), self._studio)

    def __enter__(self) -> Self:
        """Open all cameras. Raises OSError when an address or port cannot be had."""
        self._thread.start()
        try:
            self._wait(self._start())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._studio.close()

    # -- what tests and demos use -----------------------------------------------------------------

    def fault(self, slot: str, name: str) -> None:
        """Give a camera a fault; returns when it has it. Raises Unknown; OSError when it cannot open its ports."""
        self._wait(self.suffer(slot, name))

    def camera(self, slot: str) -> Unit:
        """The live state of a camera: `address`, `onvif_port`, `rtsp_port`, `fault`, `talk_bytes`... Raises Unknown."""
        return self._camera(slot).unit

    @property
    def cameras(self) -> list[Unit]:
        return [camera.unit for camera in self._cameras.values()]

    def requests(self, slot: str) -> list[Asked]:
        """Every request the camera has seen so far."""
        return list(self.camera(slot).asked)

    @property
    def log(self) -> list[Entry]:
        """Who had which fault from when, so far."""
        return list(self._log.entries)

    @property
    def films(self) -> int:
        """How many films were asked for so far: cameras of one size, rate and codec share one."""
        return self._studio.films

    @property
    def encoded(self) -> int:
        """How many pictures were encoded so far."""
        return self._studio.encoded

    def warm(self, *, wait: bool = False) -> None:
        """Draw every camera's first picture, so that nobody need wait for it; `wait`: return when that is done."""
        encoding = asyncio.run_coroutine_threadsafe(self._warm(), self._loop)
        if wait:
            encoding.result()

    # -- inside the loop --------------------------------------------------------------------------

    async def suffer(self, slot: str, name: str) -> None:
        """`fault`, for callers inside the event loop."""
        camera = self._camera(slot)
        if name not in FAULTS:
            raise Unknown(f"no fault {name!r}; there are: {', '.join(FAULTS)}")
        async with self._change:
            await camera.suffer(name)
            self._log.note(slot, name)

    def submit(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the canteen's loop and wait for it."""
        return self._wait(work)

    def _camera(self, slot: str) -> Camera:
        if slot not in self._cameras:
            raise Unknown(f"no slot {slot!r}; there are: {', '.join(self._cameras)}")
        return self._cameras[slot]

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _start(self) -> None:
        for slot, camera in self._cameras.items():
            await camera.start()
            self._log.note(slot, NONE)

    async def _stop(self) -> None:
        for camera in self._cameras.values():
            camera.stop(politely=True)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _warm(self) -> None:
        for camera in self._cameras.values():
            for profile in camera.unit.profiles:
                with suppress(Exception):  # what cannot be encoded fails when somebody watches it
                    await self._studio.parameter_sets(format_of(profile))
                    await Projector(camera.unit, self._studio, profile).next(camera.unit.clock())


def _unit(spec: CameraSpec) -> Unit:
    if spec.persona and spec.persona not in personas():
        raise Unknown(f"no persona {spec.persona!r}; there are: {', '.join(personas())}")
    persona = personas()[spec.persona] if spec.persona else None
    unit = Unit(spec, persona, replay.load(Path(spec.capture)) if spec.capture else None)
    unit.address = unit.address or random_loopback()
    return unit
