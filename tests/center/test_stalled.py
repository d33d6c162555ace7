"""A center that reads a sixth of what comes, for twenty minutes, charges no gateway for it."""

from collections import deque

from center import testimony
from center.beats import Stretch, joined, stretch
from center.echo import EVERY_S, Echo
from center.intervals import Intervals, difference, normal
from center.notary import judge
from center.rate import Rules, dark
from center.timeline import AnchorPoint, Held
from contract.messages import Heartbeat
from tests.center.letters import T0

GATEWAYS, STALL_FROM_S, STALL_S, END_S = 60, 1_800, 1_200, 5_400
SHARE = 6
RULES = Rules()


class Stalled:
    """One broker's queue in virtual seconds: every gateway's heartbeat of a minute, and the center's own echoes."""

    def __init__(self) -> None:
        self.queue: deque[tuple[int, int]] = deque()
        self.beats: dict[int, list[Stretch]] = {g: [] for g in range(GATEWAYS)}
        self.up: list[tuple[int, int]] = []
        self.longest_s = 0
        self._echo, self._room = Echo(), 0.0

    def run(self) -> Intervals:
        for now_s in range(END_S):
            self.queue += ((g, now_s) for g in range(GATEWAYS) if (now_s - g) % 60 == 0)
            if now_s % int(EVERY_S) == 0:
                self._echo.sent(str(now_s), now_s, T0 + now_s * 1000)
                self.queue.append((-1, now_s))
            self._read(now_s)
            if now_s % 10 == 9:
                since, until = self._echo.up_since_ms, self._echo.up_to_ms(now_s, T0 + now_s * 1000)
                if since is not None and until is not None and self._echo.up_since_ms is not None:
                    self.up.append((since, until))
        return normal(self.up)

    def _read(self, now_s: int) -> None:
        """All that waits; while it is stalled a sixth of what comes, afterwards three times as much."""
        stalled = STALL_FROM_S <= now_s < STALL_FROM_S + STALL_S
        behind = len(self.queue) > 3 * GATEWAYS // 60
        self._room += (GATEWAYS / 60 + 1 / EVERY_S) * (1 / SHARE if stalled else 3 if behind else 100)
        while self.queue and self._room >= 1:
            self._room -= 1
            g, sent_s = self.queue.popleft()
            self.longest_s = max(self.longest_s, now_s - sent_s)
            if g < 0:
                self._echo.heard(str(sent_s), now_s, T0 + now_s * 1000)
            else:
                at = sent_s * 1000
                told = {"watching_since": 0, "settled_to": at, "seq_high": 2, "n": 1}
                beat = Heartbeat(boot="b", session="s", store="j", at=at, **told)
                self.beats[g].append(stretch(beat, T0 + now_s * 1000 + 40))
        self._room = min(self._room, 1.0)


def test_a_center_that_reads_a_sixth_for_twenty_minutes_charges_no_gateway() -> None:
    """Heartbeats come ten minutes late and more: no silence is told of any gateway, and no online time is lost."""
    center = Stalled()
    up = center.run()
    assert center.longest_s > 600
    for g, beats in center.beats.items():
        move = Held("j", 2, "s", "b", "k1", 0, "online", T0 + 500)
        held = (Held("j", 1, "s", "b", received_ms=T0 + 500), move)
        anchors = (AnchorPoint("b", 0, T0, T0 + 500),)
        judged = judge(
            testimony.Testimony(held, beats=tuple(joined(beats)), anchors=anchors, up=up),
            RULES.dark_after_ms,
            RULES.within_ms,
        )
        told_to = max(s.settled_to for s in beats) + T0
        on = difference(judged.known["k1"].on, dark(judged.life, up, RULES))
        assert on == ((T0, told_to),), g
        assert judged.findings == ()
        assert dark(judged.life, ((T0, T0 + END_S * 1000),), RULES), (
            "what a center would charge that did not judge itself"
        )
