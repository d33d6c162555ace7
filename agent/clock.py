"""Keeps the box's clock honest: anchors, the last certain time on disk, and the state clock_untrusted, each told once.

What may be believed is decided elsewhere.
"""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from agent import files
from agent.ask.attempt import boot_ms
from agent.ask.box import clocks
from agent.decide import clock as deciding
from agent.decide.clock import Anchoring, Clock, Floor, Reading
from contract.messages import BROKEN_JSON, ClockHealth
from contract.vocabulary import name

log = logging.getLogger(__name__)

SAVE_EVERY_MS = 600_000
"""The file is written only so often, with each disciplined anchor and at the stop: it is on a memory card."""


class BoxClock:
    """How far the box's own clock is believed.

    `poll` is called by one thread, again and again; all else by any. `anchor` and `fault` journal an event.
    """

    def __init__(
        self, file: Path, *, boot: str, anchor: Callable[[Anchoring], None], fault: Callable[[str], None]
    ) -> None:
        self._file, self._boot = file, boot
        self._anchor, self._fault = anchor, fault
        self._clock = Clock(floor=deciding.floor(_kept(file), boot))
        self._health = ClockHealth(synced=False)
        self._saved_at = boot_ms()
        self._center: int | None = None

    def witness(self, utc_ms: int) -> None:
        """Take note of the center's clock: it says `utc_ms` at this moment."""
        self._center = utc_ms - boot_ms()

    def poll(self) -> bool:
        """Read both clocks; journal an anchor, and the beginning or end of distrust, where there is one.

        Whether any of it was news.
        """
        health, (at, utc_ms) = clocks.clock(), clocks.both_ms()
        before = self._clock
        now = Reading(at=at, utc_ms=utc_ms, synced=health.synced, err_ms=health.err_ms or 0, center=self._center)
        self._clock, anchoring = deciding.step(before, now)
        doubt = self._clock.doubt
        self._health = msgspec.structs.replace(health, untrusted=doubt or "")
        if anchoring:
            self._anchor(anchoring)
            log.info("boot %s is tied to UTC by the %s clock", self._boot, anchoring.source)
        if doubt and not before.doubt:
            self._say(f"clock_untrusted: {doubt}: {name(doubt, 'en')}")
        elif before.doubt and not doubt:
            self._say("the clock is trusted again")
        if (anchoring and now.synced) or at - self._saved_at >= SAVE_EVERY_MS:
            self.save()
        return anchoring is not None or doubt is not before.doubt

    def _say(self, what: str) -> None:
        log.warning("%s", what)
        self._fault(what)

    def save(self) -> None:
        """Write down the last certain time. A file that cannot be written is said, not fatal."""
        self._saved_at = boot_ms()
        try:
            files.write_atomically(self._file, msgspec.json.encode(self._certain()), durable=True)
        except OSError as error:
            log.warning("cannot write %s: %s", self._file, error.strerror or error)

    def _certain(self) -> Floor:
        at = boot_ms()
        return Floor(boot=self._boot, at=at, utc_ms=self._clock.floor.by(at))

    # ---- for the others -----------------------------------------------------------------------

    @property
    def health(self) -> ClockHealth:
        return self._health

    def utc_ms(self, at: int | None = None) -> int:
        """Best guess of UTC ms at boot ms `at` (None: now); does not jump with the wall clock."""
        return self._clock.utc_ms(boot_ms() if at is None else at)

    def trusted_s(self) -> float | None:
        """UTC seconds while the kernel vouches for the clock and nothing speaks against it."""
        return self.utc_ms() / 1000 if self._health.synced and not self._health.untrusted else None

    def certain_s(self) -> float:
        """UTC seconds that have certainly come: goes on with boot time, forward only with a disciplined clock."""
        return self._certain().utc_ms / 1000

    def passed(self, utc_ms: int) -> bool:
        """Whether this moment is over; unless a disciplined clock said the time, only what is certain counts."""
        clock, now = self._clock, boot_ms()
        return utc_ms < (clock.utc_ms(now) if clock.sure else clock.floor.by(now))


class CertainTime:
    """BoxClock.certain_s for a command beside the agent, in seconds: goes on from command to command.

    By the latest of what these files say, which the agent or an earlier command wrote; never before `since_s`, a moment
    that has certainly come. Kept in the first of the files where that is the command's `own`.
    """

    def __init__(self, *kept: Path, boot: str, since_s: float = 0.0, own: bool) -> None:
        at = boot_ms()
        floors = [deciding.floor(_kept(file), boot) for file in kept] or [deciding.floor(None, boot)]
        self._floor = max(floors, key=lambda one: one.by(at))
        missing_ms = round(since_s * 1000) - self._floor.by(at)
        if 0 < missing_ms < deciding.FAR_MS:  # further is a damaged record
            self._floor = Floor(boot=boot, at=at, utc_ms=round(since_s * 1000))
        if own:
            with contextlib.suppress(OSError):
                files.write_atomically(kept[0], msgspec.json.encode(self._now()), durable=True)

    def __call__(self) -> float:
        return self._now().by(boot_ms()) / 1000

    def _now(self) -> Floor:
        health, (at, utc_ms) = clocks.clock(), clocks.both_ms()
        now = Reading(at=at, utc_ms=utc_ms, synced=health.synced, err_ms=health.err_ms or 0)
        return deciding.step(Clock(floor=self._floor), now)[0].floor


def _kept(file: Path) -> Floor | None:
    try:
        return msgspec.json.decode(files.read(file), type=Floor)
    except FileNotFoundError:
        return None
    except (OSError, *BROKEN_JSON) as error:
        why = getattr(error, "strerror", "") or error
        log.warning("%s cannot be used (%s): the last certain time is that of the program", file, why)
        return None
