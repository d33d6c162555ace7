"""What one transaction of the intake or of the registry writes: one statement for each table, however many rows."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from center.beats import NEAR_MS, Alike, Stretch, both, joined
from center.intervals import Span, normal
from center.model import (
    AnchorRow,
    ClosingRow,
    DocumentRow,
    EventRow,
    LostRow,
    RunRow,
    SessionRow,
    Spoilt,
    StandingRow,
    TwinsRow,
)
from center.store import bulk, giving_up, rebuilt
from center.store import statements as s
from center.store.causes import Keeping
from center.store.enrolled import Enrolling
from center.store.outbox import Posting
from center.store.outside import Entering
from center.store.people import Admitting
from center.store.reader import Copy, Reader
from center.store.requests import Deciding
from center.store.schema import (
    OWN,
    anchors,
    audited,
    beats,
    closings,
    conflicts,
    documents,
    events,
    journals,
    lost,
    quarantine,
    refused,
    runs,
    sessions,
    settings,
    sightings,
    standing,
    twins,
    uptime,
)

QUARANTINE_ROWS = 1000
"""How many unreadable messages are kept per gateway, and how much of each; alarms are kept all."""
QUARANTINE_BYTES = 4096
_SEQ = ("gateway", "store", "seq")


class Writer(Reader, Entering, Keeping, Posting, Enrolling, Admitting, Deciding):
    """Writes what has arrived, within one transaction."""

    def _put(self, table: sa.Table, columns: Sequence[str], rows: Sequence[bulk.Row], then: str) -> None:
        bulk.insert(self._c, table, columns, rows, then)

    # ---- what arrives

    def add_events(self, rows: Sequence[EventRow]) -> None:
        """The same content again keeps its first receipt; another content is kept beside it."""
        self._put(events, s.EVENT, rows, s.EVENT_THEN)

    def conflicting(self, keys: Sequence[tuple[str, str, int]]) -> list[tuple[Copy, bytes, int]]:
        """Of these (gateway, store, seq) that have several contents: every copy but the first, payload and receipt."""
        columns = "t.gateway, t.store, t.seq, t.copy, t.payload, t.received_ms"
        rows = bulk.lookup(self._c, events, _SEQ, keys, columns)
        seen: dict[tuple[str, str, int], tuple[Copy, bytes, int]] = {}
        later = []
        for gateway, store, seq, copy, payload, received_ms in sorted(rows, key=lambda row: (row[5], row[4])):
            one = ((gateway, store, seq, copy), bytes(payload), received_ms)
            if seen.setdefault((gateway, store, seq), one) is not one:
                later.append(one)
        self._put(conflicts, _SEQ, list({one[0][:3]: one[0][:3] for one in later}.values()), s.NOTHING)
        return later

    def add_anchors(self, rows: Sequence[AnchorRow]) -> None:
        self._put(anchors, s.ANCHOR, rows, s.ANCHOR_THEN)

    def add_closings(self, rows: Sequence[ClosingRow]) -> None:
        self._put(closings, s.CLOSING, rows, s.CLOSING_THEN)

    def add_lost(self, rows: Sequence[LostRow]) -> None:
        once = {(*row[:4], row.seq, row.copy): row for row in sorted(rows, key=lambda row: -row.received_ms)}
        self._put(lost, s.LOST, list(once.values()), s.LOST_THEN)

    def add_twins(self, rows: Iterable[TwinsRow]) -> None:
        newest: dict[tuple[str, int], TwinsRow] = {}
        for row in rows:
            newest[row[:2]] = max(row, newest.get(row[:2], row))
        self._put(twins, s.TWINS, list(newest.values()), s.TWINS_THEN)

    def add_sightings(self, seen: Iterable[tuple[str, str]]) -> None:
        self._put(sightings, ("gateway", "slot"), sorted(set(seen)), s.NOTHING)

    def add_beats(
        self, gateways: Mapping[str, Sequence[Stretch]], remembered: Mapping[str, Stretch]
    ) -> dict[str, Stretch]:
        """In any order: those alike and near to one another become one; returns each gateway's newest.

        `remembered`: the newest as they are stored. What goes on from one of them needs no look into the database.
        """
        longer: dict[str, Stretch] = {}
        asked: dict[tuple[str, Alike], list[Stretch]] = {}
        for gateway, several in gateways.items():
            known = remembered.get(gateway)
            for one in joined(several):
                if known and known.alike == one.alike and known.first_ms <= one.first_ms <= known.last_ms + NEAR_MS:
                    known = longer[gateway] = both(known, one)
                else:
                    asked.setdefault((gateway, one.alike), []).append(one)
        newest = dict(longer)
        there = self._near(asked)
        made: list[tuple[Any, ...]] = []
        gone: list[tuple[Any, ...]] = []
        for key, several in asked.items():
            before = there.get(key, [])
            if key[0] in longer and longer[key[0]].alike == key[1]:  # the center's own clock went back
                before = [*before, longer.pop(key[0])]
            after = joined([*before, *several])
            firsts = {one.first_ms for one in after}
            gone += [(key[0], *key[1], one.first_ms) for one in before if one.first_ms not in firsts]
            made += [(key[0], *one.alike, *one[1:]) for one in after]
            latest = max(after, key=lambda one: one.last_ms)
            if key[0] not in newest or latest.last_ms >= newest[key[0]].last_ms:
                newest[key[0]] = latest
        made += [(gateway, *one.alike, *one[1:]) for gateway, one in longer.items()]
        self._drop_beats(gone)
        self._put(beats, s.BEAT, made, s.BEAT_THEN)
        return newest

    def _near(self, asked: Mapping[tuple[str, Alike], Sequence[Stretch]]) -> dict[tuple[str, Alike], list[Stretch]]:
        """What is stored alike and near to these."""
        width = len(s.BEAT_KEY)
        keys = [
            (gateway, *alike, one.first_ms - NEAR_MS, one.last_ms + NEAR_MS)
            for (gateway, alike), several in asked.items()
            for one in several
        ]
        columns = ", ".join(f"t.{name}" for name in s.BEAT)
        same = " AND ".join(f"b.{name} = k.c{i}" for i, name in enumerate(s.BEAT_KEY))
        # those alike are apart: of the earlier ones the last alone can reach so far, and the index finds it at once
        last = f"SELECT max(b.first_ms) FROM beats b WHERE {same} AND b.first_ms < k.c{width}"
        near = (
            f"t.first_ms >= COALESCE(({last}), k.c{width}) AND t.first_ms <= k.c{width + 1} AND t.last_ms >= k.c{width}"
        )
        there: dict[tuple[str, Alike], list[Stretch]] = {}
        for gateway, *rest in bulk.lookup(self._c, beats, s.BEAT_KEY, keys, f"DISTINCT {columns}", near):
            one = Stretch(Alike(*rest[: width - 1]), *rest[width - 1 :])
            there.setdefault((gateway, one.alike), []).append(one)
        return there

    def _drop_beats(self, keys: Sequence[tuple[Any, ...]]) -> None:
        names = (*s.BEAT_KEY, "first_ms")
        statement = sa.delete(beats).where(sa.and_(*(beats.c[name] == sa.bindparam(f"the_{name}") for name in names)))
        if keys:
            self._c.execute(statement, [{f"the_{n}": v for n, v in zip(names, key, strict=True)} for key in keys])

    def add_runs(self, rows: Iterable[RunRow]) -> None:
        self._put(runs, s.RUN, list(rows), s.RUN_THEN)

    def next_generation(self) -> int:
        """What comes from now on is of another one; returns the one before."""
        before = self.generation()
        row = ("generation", str(before + 1))
        self._put(settings, ("name", "value"), [row], "DO UPDATE SET value = excluded.value")
        return before

    def add_sessions(self, rows: Iterable[SessionRow]) -> None:
        self._put(sessions, s.SESSION, list(rows), s.SESSION_THEN)

    def put_standing(self, rows: Iterable[StandingRow]) -> None:
        """Of one store the higher seq is newer; of two, what came later."""
        self._put(standing, s.STANDING, list(rows), s.STANDING_THEN)

    def stand_anew(self) -> int:
        """Forgets how everything stands and makes it of what was told; returns how many rows that is."""
        return rebuilt.stand_anew(self._c)

    def keep_from(self, from_ms: int) -> None:
        """Of what lies before, facts may be gone from now on."""
        giving_up.keep_from(self._c, from_ms)

    def give_up(self, gateway: str, boots: Sequence[str], before_ms: int) -> int:
        """Forgets these boots; returns how many rows that were."""
        return giving_up.give_up(self._c, gateway, boots, before_ms)

    def put_documents(self, rows: Iterable[DocumentRow]) -> None:
        newest = {row[:2]: row for row in sorted(rows, key=lambda row: row.received_ms)}
        self._put(documents, s.DOCUMENT, list(newest.values()), s.DOCUMENT_THEN)

    def add_refused(self, gateway: str, spans: Iterable[Span]) -> None:
        """[first, last] receipts, in any order: those near to each other become one."""
        mine = refused.c.gateway == gateway
        there = self._rows(sa.select(refused.c.from_ms, refused.c.to_ms).where(mine))
        before = {(begin, end) for begin, end in there}
        after = {(b, e - NEAR_MS) for b, e in normal((b, e + NEAR_MS) for b, e in (*before, *spans))}
        for begin, _ in before - after:
            self._c.execute(sa.delete(refused).where(mine & (refused.c.from_ms == begin)))
        rows = [(gateway, begin, end) for begin, end in after - before]
        self._put(refused, ("gateway", "from_ms", "to_ms"), rows, "DO UPDATE SET to_ms = excluded.to_ms")

    def put_uptime(self, from_ms: int, to_ms: int, cities: Sequence[str] = ()) -> None:
        """`cities`: whose gateways could be heard; empty: all."""
        row = (",".join(sorted(cities)), from_ms, max(from_ms, to_ms))
        self._put(uptime, ("cities", "from_ms", "to_ms"), [row], "DO UPDATE SET to_ms = excluded.to_ms")

    def put_own_delay(self, gateway: str, from_ms: int, to_ms: int) -> None:
        """In which the center did not hear in time, through this gateway's own flood: for it, it was up (N7)."""
        row = (OWN + gateway, from_ms, max(from_ms, to_ms))
        self._put(uptime, ("cities", "from_ms", "to_ms"), [row], "DO UPDATE SET to_ms = excluded.to_ms")

    def set_aside(self, rows: Sequence[Spoilt]) -> list[Spoilt]:
        """Keeps each once, however often it comes; returns those that are new."""
        times: dict[str, tuple[Spoilt, int, int, int]] = {}
        for one in rows:
            digest = _digest(one)
            _, first, last, count = times.get(digest, (one, one.received_ms, one.received_ms, 0))
            span = (min(first, one.received_ms), max(last, one.received_ms))
            times[digest] = (one, *span, count + one.times)
        known = {d for (d,) in bulk.lookup(self._c, quarantine, ("digest",), [(d,) for d in times], "t.digest")}
        room = self._room({one.gateway for digest, (one, *_) in times.items() if digest not in known})
        kept, new = [], []
        for digest, (one, first, last, count) in times.items():
            if digest not in known:
                if not one.code and room[one.gateway] <= 0:
                    continue
                room[one.gateway] -= 0 if one.code else 1
                new.append(one)
            words = (one.gateway, one.topic, one.code, one.reason, one.store, one.seq)
            kept.append((digest, *words, one.payload[:QUARANTINE_BYTES], first, last, count))
        self._put(quarantine, s.ASIDE, kept, s.ASIDE_THEN)
        return new

    def hold_generation(self) -> int:
        """What is written in this transaction is of this one for sure: the next one waits for its end."""
        if self._c.dialect.name == "postgresql":
            self._c.exec_driver_sql("SELECT value FROM settings WHERE name = 'generation' FOR SHARE")
        return self.generation()

    def put_audited(self, gateways: Iterable[str], generation: int) -> None:
        self._put(audited, s.AUDITED, [(gateway, generation) for gateway in gateways], s.AUDITED_THEN)

    def audit_anew(self) -> None:
        """All gateways have to be gone through again."""
        self._c.execute(sa.delete(audited))

    def keep_findings(self, rows: Sequence[Spoilt], now_ms: int) -> None:
        """For ever, each once; its words and its time grow."""
        words = {_digest(one): one for one in rows}
        kept = [
            (digest, one.gateway, one.topic, one.code, one.reason, one.store, one.seq, one.payload, *two, one.times)
            for digest, one in words.items()
            for two in ((min(one.received_ms, now_ms), now_ms),)
        ]
        self._put(quarantine, s.ASIDE, kept, s.FINDING_THEN)

    def _room(self, gateways: Iterable[str]) -> dict[str, int]:
        count = sa.select(quarantine.c.gateway, sa.func.count()).where(
            quarantine.c.gateway.in_(set(gateways)) & (quarantine.c.code == "")
        )
        taken = {gateway: n for gateway, n in self._rows(count.group_by(quarantine.c.gateway))}  # noqa: C416
        return {gateway: QUARANTINE_ROWS - taken.get(gateway, 0) for gateway in gateways}

    # ---- how far a journal is known

    def acknowledge(self, acked: Mapping[tuple[str, str], int]) -> None:
        self._put(journals, s.JOURNAL, [(*key, seq) for key, seq in acked.items()], s.JOURNAL_THEN)

    def advanced(self, gateway: str, store: str, acked: int) -> int:
        """How far this seq can be moved over everything known or declared lost."""
        before = -1
        while acked > before:
            before = acked
            acked = self._onward(gateway, store, acked)
        return acked

    def _onward(self, gateway: str, store: str, acked: int) -> int:
        """How far the next 500 known seqs lead without a hole."""
        mine = (events.c.gateway == gateway) & (events.c.store == store) & (events.c.seq > acked)
        for (seq,) in self._rows(sa.select(events.c.seq).distinct().where(mine).order_by(events.c.seq).limit(500)):
            if seq > acked + 1:
                break
            acked = seq
        of = (lost.c.gateway == gateway) & (lost.c.store == store)
        bridge = sa.select(sa.func.max(lost.c.to_seq)).where(
            of & (lost.c.from_seq <= acked + 1) & (lost.c.to_seq > acked)
        )
        return self._number(bridge) or acked


def _digest(one: Spoilt) -> str:
    if one.key:
        return hashlib.sha256("\n".join((one.gateway, one.code, one.key)).encode(errors="replace")).hexdigest()
    head = "\n".join((one.gateway, one.topic, one.code, one.reason, one.store, str(one.seq)))
    return hashlib.sha256(head.encode(errors="replace") + b"\n" + one.payload).hexdigest()
