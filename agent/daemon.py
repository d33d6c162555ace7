"""Wires the rooms together, starts them, stops them.

Only this file knows who needs whom. The cameras come first: what the first look does not need (discovery, questions,
MQTT) is imported while it is on its way.
"""

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from agent import limits, login_record, status, upgrade
from agent.ask.attempt import boot_ms
from agent.ask.box import clocks
from agent.ask.look import WAIT_S
from agent.clock import BoxClock
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.login_news import LoginNews
from agent.loop import Loop
from agent.model import Look
from agent.reload import Reload, hangup
from agent.rounds.look import STUCK_GRACE_S, LookTask
from agent.session import Session
from agent.settings import Settings
from agent.slot import Slot
from agent.slots import Slots
from agent.tell.journal import Journal
from agent.threads import Threads, entry
from contract.policy import Policy
from contract.stopping import on_signals

if TYPE_CHECKING:
    from agent.reporting import Reporter
    from agent.supervisor import Supervisor
    from agent.tell.uplink import Uplink

log = logging.getLogger(__name__)

STOP_S = 8.0


class Rest(NamedTuple):
    """What the first look does not need."""

    rounds: list[Loop[Any]]
    reporter: "Reporter"
    uplink: "Uplink"
    supervisor: "Supervisor"


class Daemon:
    """The running agent. `run` blocks until SIGTERM or SIGINT, then stops within ten seconds."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self._settings, self._policy = settings, policy
        folder = settings.state_dir
        self.journal = Journal(folder / "journal.db")
        self.session = Session(self.journal, boot=clocks.boot_id(), now=boot_ms)
        self._threads, tell = Threads(self.session.fault), self.session
        self._clock = BoxClock(folder / "clock.json", boot=tell.boot, anchor=tell.anchor, fault=tell.fault)
        self._learnt = LearntFile(folder / "learnt.json")
        self._slots = Slots(settings.cameras, policy=policy, session=tell, learnt=self._learnt, now=boot_ms)
        news = LoginNews(self._slots, self._clock.certain_s)
        self._door = LoginGate(
            folder / login_record.NAME, now=self._clock.certain_s, refused=news.refused, works=news.works
        )
        self._looks = {name: self._look(slot) for name, slot in self._slots.items()}
        self._stopping = threading.Event()
        self._reload = Reload(settings, self.session.fault)

    def _look(self, slot: Slot) -> Loop[Look]:
        look = self._settings.look
        task = LookTask(
            slot,
            self._slots,
            learnt=self._learnt,
            door=self._door,
            interval_s=look.interval,
            deadline_s=look.deadline,
            hurry_s=self._policy.online.confirm_after.value,
        )
        return Loop(
            f"look-{slot.name}",
            task,
            wake=slot.look_now,
            tell=self.session.fault,
            patience_s=look.deadline + STUCK_GRACE_S,
            lock=task.lock,
            longest_wait_s=WAIT_S,
        )

    def rest(self) -> Rest:
        """All that is imported while the first looks are on their way."""
        from agent import build
        from agent.reporting import Reporter
        from agent.supervisor import Supervisor

        settings, policy, session, clock, slots = self._settings, self._policy, self.session, self._clock, self._slots
        rounds = build.rounds(
            settings, policy, session=session, clock=clock, slots=slots, learnt=self._learnt, door=self._door
        )
        reporter = Reporter(
            settings,
            policy,
            session=session,
            clock=clock,
            slots=slots,
            looks=self._looks,
            door=self._door,
            reload=self._reload,
        )
        uplink = build.uplink(
            settings, journal=self.journal, session=session, clock=clock, slots=slots, reporter=reporter
        )
        rounds += build.renewal(settings, uplink, session=session, clock=clock)
        supervisor = Supervisor(
            settings,
            session=session,
            clock=clock,
            slots=slots,
            looks=self._looks,
            reporter=reporter,
            uplink=uplink,
            threads=self._threads,
            keeping=(self._learnt.save_if_changed, self._door.save_refused),
            reload=self._reload,
        )
        return Rest(rounds, reporter, uplink, supervisor)

    def run(self) -> int:
        """Watch until told to stop; the exit code."""
        limits.apply()
        on_signals(self._stopping, hangup(self._reload.asked))
        self._clock.poll()
        for look in self._looks.values():
            look.start()
        log.info("watching %d cameras as %s", len(self._slots), self._settings.gateway.id)
        rest = self.rest()
        self._reload.say()
        if (last := upgrade.last()) and last.state == "rolled_back":
            log.warning("version %s was rolled back to %s: %s", last.to, last.before, last.en)
        rest.uplink.start()
        for loop in rest.rounds:
            loop.start()
        self._threads.register(map(entry, (*self._looks.values(), *rest.rounds)))
        self._threads.register(rest.uplink.entries())
        if self._settings.metrics:
            self._serve_metrics(self._settings.metrics.port)
        rest.supervisor.run(self._stopping)
        self._stop(rest)
        return 0

    @property
    def to_begin_anew(self) -> bool:
        """Whether `run` ended for the sake of a new configuration, and for nothing else."""
        return self._reload.wanted.is_set() and not self._stopping.is_set()

    def _serve_metrics(self, port: int) -> None:
        from agent.metrics import MetricsServer

        server = MetricsServer(port, status.place(self._settings.state_dir))
        server.start()
        self._threads.register([entry(server)])

    def _stop(self, rest: Rest) -> None:
        for loop in (*rest.rounds, *self._looks.values()):
            loop.stop()
        rest.uplink.publish("hb", rest.reporter.heartbeat())
        self.session.close(rest.reporter.unsettled)
        why = "a new configuration is taken over" if self.to_begin_anew else "stopped by request"
        rest.uplink.stop(why, STOP_S)
        self.journal.close()
        self._learnt.save_if_changed()
        self._door.save_refused()
        self._clock.save()
        with contextlib.suppress(OSError):
            status.place(self._settings.state_dir).unlink(missing_ok=True)
