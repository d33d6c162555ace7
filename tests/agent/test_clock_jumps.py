"""The agent as a process with a clock that is wrong and jumps, a real broker and the center: no time is invented."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from center.history import recall
from center.intervals import intersection, total
from center.notary import judge
from center.rate import Rules
from center.store import Store
from center.timeline import Known
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
LOOKED_MS = 8_000
"""A change is met by the next look: 1 s later, or as the machine allows."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Kitchen(NamedTuple):
    """One camera, its agent with a clock of our own, and what the center holds."""

    canteen: Canteen
    clock: ClockShim

    def known(self) -> Known:
        store = Store(str(self.canteen.database), create=False)
        try:
            with store.read() as reader:
                testimony = recall(reader, [GATEWAY], EVER)[GATEWAY].testimony._replace(up=reader.uptime(CITY))
                return judge(testimony, RULES.dark_after_ms, RULES.within_ms).known.get("one", Known())
        finally:
            store.close()

    def state(self) -> str:
        return "".join(one["availability"] for one in self.canteen.status()["cameras"])

    def doubt(self) -> str:
        return str(self.canteen.status()["clock"]["untrusted"])

    def faults(self) -> list[str]:
        """The texts of all fault events at the center, in order."""
        with sqlite3.connect(self.canteen.database) as database:
            rows = database.execute("select payload from events where kind = 'fault' order by seq").fetchall()
        return [json.loads(payload)["what"] for (payload,) in rows]

    def off_for_a_while(self) -> tuple[int, int]:
        """UTC ms between which the camera was truly switched off, and known to be."""
        self.canteen.fault("one", "off")
        begin = now_ms()
        until(lambda: self.state() == "offline")
        time.sleep(2)
        end = now_ms()
        self.canteen.fault("one", "none")
        until(lambda: self.state() == "online")
        return begin, end

    def judged(self, begin_ms: int, offs: list[tuple[int, int]]) -> None:
        """Every moment that the center knows lies in the run, is known once, and says what was true."""
        its = self.known()
        run = ((begin_ms, now_ms() + SLACK_MS),)
        assert all(begin < end for begin, end in (*its.on, *its.off))
        assert intersection(its.on, its.off) == ()
        assert intersection(its.on, run) == its.on
        assert intersection(its.off, run) == its.off
        assert len(its.off) == len(offs)
        for (begin, end), (off, on) in zip(its.off, offs, strict=True):
            assert off - 2_000 <= begin <= off + LOOKED_MS
            assert on - SLACK_MS <= end <= on + LOOKED_MS


def kitchen(folder: Path, stack: ExitStack, prepare: Callable[[ClockShim], None]) -> Kitchen:
    clock = ClockShim(folder)
    prepare(clock)
    canteen = Canteen(
        folder, [("one", "kitchen", "dahua-bullet")], accepted_after_s=0, look_s=1, deadline_s=0.9, heartbeat_s=1
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
        assert box.known() == Known()
        assert box.canteen.rate()["point_in_time"]["online"] == 1
        box.clock.set(0, synced=True)
        until(lambda: box.doubt() == "")
        until(lambda: total(box.known().on) > off[0] - began)
        until(lambda: box.faults()[1:] == ["the clock is trusted again"])
        box.judged(began, [off])


def test_jumps_of_ten_years_invent_no_time_and_lose_none(tmp_path: Path) -> None:
    """Ten years forth, back, to 1970, with the kernel's word and without: all that was watched is known, once."""
    began, offs = now_ms(), []
    with ExitStack() as stack:
        box = kitchen(tmp_path, stack, lambda clock: clock.set(0, synced=True))
        online = now_ms()
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
        its = box.known()
        assert total(its.on) + total(its.off) >= stopped - online
        assert len(box.faults()) == 9  # five doubts, four ends of one
        stack.close()
        floor = json.loads((tmp_path / "state" / "clock.json").read_text())
        assert stopped <= floor["utc_ms"] <= now_ms() + SLACK_MS
