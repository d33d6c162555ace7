"""Where pictures are made: films of what stands still, encoded once for all who watch, and live pictures of what moves.

The heavy libraries are loaded in the studio's own threads, at the first picture somebody asks for.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from simulator.rtp import Payload, payloads
from simulator.shot import Shot

if TYPE_CHECKING:
    from simulator.video import Encoder

T = TypeVar("T")
KEPT = 24
"""How many films are kept: one of each view, that of the last minute."""


class Format(NamedTuple):
    """`codec`: H264 or H265; pixels, pictures a second."""

    width: int
    height: int
    fps: int
    codec: str

    @property
    def loop(self) -> int:
        """Pictures in a film, which is two seconds long."""
        return 2 * self.fps


class Studio:
    """Shared by all cameras of a canteen; used from its event loop only."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, "studio")
        self._films: OrderedDict[tuple[Format, Shot], tuple[str, Film]] = OrderedDict()
        self._sets: dict[Format, asyncio.Future[tuple[bytes, ...]]] = {}
        self._views: set[tuple[Format, Shot]] = set()
        self.encoded = 0
        """Pictures encoded so far."""

    def film(self, format_: Format, shot: Shot) -> "Film":
        """The film of a shot in which nothing but cooks and clock moves."""
        key = (format_, shot._replace(stamp=""))
        stamp, film = self._films.get(key, ("", None))
        if film is None or stamp != shot.stamp:
            film = Film(self, format_, shot)
        self._films[key] = shot.stamp, film
        self._films.move_to_end(key)
        self._views.add(key)
        while len(self._films) > KEPT:
            self._films.popitem(last=False)
        return film

    def live(self, format_: Format) -> "Live":
        """A film that is never the same twice."""
        return Live(self, format_)

    async def parameter_sets(self, format_: Format) -> tuple[bytes, ...]:
        """For the description: the same for every film of a format."""
        if format_ not in self._sets:
            self._sets[format_] = asyncio.ensure_future(self.do(_parameter_sets, format_))
        return await asyncio.shield(self._sets[format_])

    async def jpeg(self, width: int, height: int, shot: Shot, phase: float) -> bytes:
        return await self.do(_jpeg, width, height, shot, phase)

    @property
    def films(self) -> int:
        """How many different views were filmed so far; the minute in the picture does not count."""
        return len(self._views)

    async def do(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Live:
    """Pictures one after the other, the first a key picture."""

    def __init__(self, studio: Studio, format_: Format) -> None:
        self._studio, self._format = studio, format_
        self._encoder: Encoder | None = None

    async def picture(self, shot: Shot, phase: float) -> list[Payload]:
        """The next picture's RTP payloads."""
        return await self._studio.do(self._make, shot, phase)

    def _make(self, shot: Shot, phase: float) -> list[Payload]:
        from simulator.video import Encoder

        self._encoder = self._encoder or Encoder(*self._format)
        self._studio.encoded += 1
        return payloads(self._format.codec, self._encoder.picture(shot, phase))


class Film:
    """A loop that is encoded as far as somebody has watched it."""

    def __init__(self, studio: Studio, format_: Format, shot: Shot) -> None:
        self._live: Live | None = studio.live(format_)
        self._length, self._shot = format_.loop, shot
        self._pictures: list[list[Payload]] = []
        self._next: asyncio.Task[None] | None = None

    async def picture(self, number: int) -> list[Payload]:
        """RTP payloads of picture `number`; 0 is the key picture, to begin with."""
        while len(self._pictures) <= number:
            self._next = self._next or asyncio.create_task(self._make())
            await asyncio.shield(self._next)  # others may be waiting for it too
        return self._pictures[number]

    async def _make(self) -> None:
        assert self._live  # noqa: S101 - an encoder lives until its film is whole
        try:
            phase = len(self._pictures) / self._length
            self._pictures.append(await self._live.picture(self._shot, phase))
        finally:
            self._next = None
        if len(self._pictures) == self._length:
            self._live = None


def _parameter_sets(format_: Format) -> tuple[bytes, ...]:
    from simulator.video import Encoder

    return Encoder(*format_).parameter_sets()


def _jpeg(width: int, height: int, shot: Shot, phase: float) -> bytes:
    from simulator.kitchen.darkroom import still

    return still(shot, width, height, phase)
