"""What every task needs, as the daemon has it: slots, a journal, what was learnt, a door; and what was recorded."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from agent.ask.attempt import boot_ms
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.model import Camera, Look, NotSeen, Seen, Stream
from agent.session import Session
from agent.slots import Slots
from agent.tell.journal import Journal
from contract.messages import Event
from contract.policy import load_policy
from contract.vocabulary import Reason

POLICY = load_policy("henan-2021-45")
E = TypeVar("E", bound=Event)


class House:
    """`now()` is boot milliseconds for slots and session alike."""

    def __init__(self, folder: Path, cameras: Iterable[Camera], now: Callable[[], int] = boot_ms) -> None:
        self.journal = Journal(folder / "journal.db")
        self.session = Session(self.journal, boot="b", now=now)
        self.learnt = LearntFile(folder / "learnt.json")
        self.slots = Slots(cameras, policy=POLICY, session=self.session, learnt=self.learnt, now=now)
        self.door = LoginGate(folder / "logins.json", now=time.time)

    def told(self, kind: type[E]) -> list[E]:
        """The events of that kind in this session, oldest first."""
        mine = self.session.id
        return [event for event in self._events() if isinstance(event, kind) and event.session == mine]

    def _events(self) -> Iterator[Event]:
        for store, _, _ in self.journal.undelivered():
            after = 0
            while rows := self.journal.batch(store, after, 10**9):
                yield from (msgspec.json.decode(row.body, type=Event) for row in rows)
                after = rows[-1].seq

    def stream(self, *names: str, at: int | None = None) -> None:
        """A look, now or begun at boot ms `at`, saw these stream."""
        for name in names or tuple(self.slots):
            self.slots[name].apply(_look(Seen(value=Stream(path="/", media=())), at))

    def hide(self, name: str, reason: Reason = Reason.TIMED_OUT) -> None:
        """A look did not see this one stream."""
        self.slots[name].apply(_look(NotSeen(reason=reason)))

    def close(self) -> None:
        self.journal.close()


def _look(stream: Seen[Stream] | NotSeen, at: int | None = None) -> Look:
    return Look(at=boot_ms() if at is None else at, took_s=0.0, tcp=Seen(value=(80, 554)), stream=stream)
