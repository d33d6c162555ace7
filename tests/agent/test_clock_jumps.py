"""The agent as a process with a clock that is wrong and jumps, a real broker and the center: no time is invented."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from agent.ask.attempt import boot_ms
from center.history import recall
from center.intervals import Intervals, difference, intersection, normal
from center.notary import judge
from center.rate import Rules
from center.store import Store
from center.testimony import Testimony as Told  # what begins with Test is a test to pytest
from center.timeline import Known
from center.zero import HELD_MS, REFINED_MS
from scripts.stage import CITY, GATEWAY, Canteen, tool
from tests.clock_shim import ClockShim
from tests.preload import needs_gcc
from tests.support.waiting import until

pytestmark = needs_gcc
DECADE_S = 10 * 365 * 86_400
EVER = (-(2**60), 2**60)
RULES = Rules()
SLACK_MS = 1_000
"""The wall clock is read in other processes than the boot clock, on a busy machine."""
LOOK_S = 4.0
"""A look's deadline: how long before a change one may have begun that meets it."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Away(NamedTuple):
    """When the camera was switched off, and on again, and when each was seen in the status. UTC ms."""

    off: int
    seen_off: int
    on: int
    seen_on: int


class Kitchen(NamedTuple):
    """One camera, its agent with a clock of our own, and what the center holds."""

    canteen: Canteen
    clock: ClockShim

    def testimony(self) -> Told:
        store = Store(str(self.canteen.database), create=False)
        try:
            with store.read() as reader:
                return recall(reader, [GATEWAY], EVER)[GATEWAY].testimony._replace(up=reader.uptime(CITY))
        finally:
            store.close()

    def known(self, testimony: Told | None = None) -> Known:
        held = testimony or self.testimony()
        return judge(held, RULES.dark_after_ms, RULES.within_ms).known.get("one", Known())

    def state(self) -> str:
        return "".join(one["availability"] for one in self.canteen.status()["cameras"])

    def doubt(self) -> str:
        return str(self.canteen.status()["clock"]["untrusted"])

    def faults(self) -> list[str]:
        """The texts of all fault events at the center, in order."""
        with sqlite3.connect(self.canteen.database) as database:
            rows = database.execute("select payload from events where kind = 'fault' order by seq").fetchall()
        return [json.loads(payload)["what"] for (payload,) in rows]

    def off_for_a_while(self) -> Away:
        """Truly switched off, known to be, and looked at several times."""
        off = now_ms()
        self.canteen.fault("one", "off")
        until(lambda: self.state() == "offline")
        seen_off = now_ms()
        until(lambda: now_ms() > seen_off + 2_000)
        on = now_ms()
        self.canteen.fault("one", "none")
        until(lambda: self.state() == "online")
        return Away(off, seen_off, on, now_ms())

    def judged(self, begin_ms: int, offs: list[Away]) -> None:
        """What the center knows is what the agent told, dated by the true clock, each moment once; and that is true.

        On a busy machine the agent may say "unknown" in between: that is neither, and parts what lies on its two sides.
        What the center's own clock dates may be late by as much as the least delayed heartbeat (docs/security.md).
        """
        testimony, zero_ms = self.testimony(), now_ms() - boot_ms()
        its = self.known(testimony)
        delay_ms = min(beat.zero_ms for beat in testimony.beats) - zero_ms
        late_ms = SLACK_MS + (delay_ms if delay_ms > REFINED_MS else 0)
        told = sorted((one.at + zero_ms, one.to) for one in testimony.held if one.slot == "one" and one.to)
        last_ms = max(beat.settled_to for beat in testimony.beats) + zero_ms
        spans = list(zip(told, [*(at for at, _ in told[1:]), last_ms], strict=True))
        for state, found in (("online", its.on), ("offline", its.off)):
            said = normal((at, end) for (at, to), end in spans if to == state)
            assert all(begin < end for begin, end in found)
            assert difference(said, widened(found, late_ms, SLACK_MS)) == ()
            assert difference(found, widened(said, SLACK_MS, late_ms)) == ()
            assert begin_ms <= found[0][0]
        assert intersection(its.on, its.off) == ()
        before_ms = round(LOOK_S * 1000)
        absent = normal((at, end) for (at, to), end in spans if to == "offline")
        away = [(one.off - before_ms, one.seen_on) for one in offs]
        assert difference(absent, normal(away)) == ()
        for one in offs:
            assert any(one.off - before_ms <= begin <= one.seen_off for begin, _ in absent)
            assert any(one.on - before_ms <= end <= one.seen_on for _, end in absent)


def widened(spans: Intervals, before_ms: int, after_ms: int) -> Intervals:
    return normal((begin - before_ms, end + after_ms) for begin, end in spans)


def kitchen(folder: Path, stack: ExitStack, prepare: Callable[[ClockShim], None]) -> Kitchen:
    clock = ClockShim(folder)
    prepare(clock)
    canteen = Canteen(
        folder,
        [("one", "kitchen", "dahua-bullet")],
        accepted_after_s=0,
        look_s=LOOK_S + 0.5,
        deadline_s=LOOK_S,
        heartbeat_s=1,
    )
    canteen.start(stack, before_agent=clock.words)
    made = Kitchen(canteen, clock)
    until(lambda: made.state() == "online")
    return made


def test_a_boot_in_1970_is_dated_when_the_clock_is_set(tmp_path: Path) -> None:
    """Undated and unknown at first, said once; the first disciplined word dates all of the boot, the past included."""
    began = now_ms()
    with ExitStack() as stack:
        box = kitchen(tmp_path, stack, ClockShim.to_1970)
        assert box.doubt() == "behind"
        off = box.off_for_a_while()
        until(lambda: box.faults() == ["clock_untrusted: behind: before a time that was certain"])
        held = box.testimony()
        heard_ms = max(beat.last_ms for beat in held.beats) - min(beat.first_ms for beat in held.beats)
        assert box.known(held) == Known() or heard_ms >= HELD_MS  # from then on the center's own clock dates it
        assert box.canteen.rate()["point_in_time"]["online"] == 1
        box.clock.set(0, synced=True)
        until(lambda: box.doubt() == "")
        until(lambda: box.known().on and box.known().on[0][0] < off.off)
        until(lambda: box.faults()[1:] == ["the clock is trusted again"])
        box.judged(began, [off])


def test_jumps_of_ten_years_invent_no_time_and_lose_none(tmp_path: Path) -> None:
    """Ten years forth, back, to 1970, with the kernel's word and without: all that was watched is known, once."""
    began, offs = now_ms(), []
    with ExitStack() as stack:
        box = kitchen(tmp_path, stack, lambda clock: clock.set(0, synced=True))
        for offset_s, synced in ((DECADE_S, False), (-DECADE_S, False), (DECADE_S, True), (-DECADE_S, True)):
            box.clock.set(offset_s, synced=synced)
            said = "ahead" if offset_s > 0 else "behind"  # of the center's clock, which its acknowledgements tell
            until(lambda said=said: box.doubt() == said)
            offs.append(box.off_for_a_while())
            shown = subprocess.run([tool("canteen-agent"), "status", "--config", str(box.canteen.config)], check=False)
            assert shown.returncode == 0  # by the wall clock the file would be ten years old
            box.clock.set(0, synced=True)
            until(lambda: box.doubt() == "")
        box.clock.to_1970()
        until(lambda: box.doubt() == "behind")
        stopped = now_ms()
        until(lambda: box.known().on[-1][1] > stopped)
        box.judged(began, offs)
        assert len(box.faults()) == 9  # five doubts, four ends of one
        stack.close()
        floor = json.loads((tmp_path / "state" / "clock.json").read_text())
        assert stopped <= floor["utc_ms"] <= now_ms() + SLACK_MS
