"""What the intake writes: for each table its columns, and what becomes of a row that is there already.

Every one may be said again, in any order, in any batch: the outcome is that of the set.
"""

from center.store.bulk import newest, oldest

EVENT = ("gateway", "store", "seq", "copy", "session", "boot", "kind", "slot", "state", "at", "received_ms", "payload")
EVENT_THEN = f"DO UPDATE SET {oldest('events', 'received_ms')}"
ANCHOR = ("gateway", "store", "seq", "copy", "boot", "at", "utc_ms", "err_ms", "received_ms")
ANCHOR_THEN = f"DO UPDATE SET {oldest('anchors', 'received_ms')}"
CLOSING = (
    *("gateway", "store", "seq", "copy", "session", "boot"),
    *("watching_since", "settled_to", "seq_high", "received_ms"),
)
CLOSING_THEN = f"DO UPDATE SET {oldest('closings', 'received_ms')}"
LOST = ("gateway", "store", "from_seq", "to_seq", "boot", "from_at", "to_at", "why", "seq", "received_ms", "copy")
LOST_THEN = f"DO UPDATE SET {oldest('lost', 'received_ms')}"
BEAT_KEY = (
    *("gateway", "store", "session", "boot", "watching_since", "seq_high"),
    *("offline", "unknown", "late", "lag"),
)
BEAT = (*BEAT_KEY, "first_ms", "last_ms", "at_lo", "at_hi", "settled_to", "zero_ms")
BEAT_THEN = f"DO UPDATE SET {newest('beats', 'last_ms', 'at_hi', 'settled_to')}, {oldest('beats', 'at_lo', 'zero_ms')}"
RUN = ("gateway", "store", "session", "boot", "from_ms", "to_ms", "seq_lo", "seq_hi", "generation")
RUN_THEN = f"DO UPDATE SET {oldest('runs', 'from_ms', 'seq_lo')}, {newest('runs', 'to_ms', 'seq_hi', 'generation')}"
AUDITED = ("gateway", "generation")
AUDITED_THEN = f"DO UPDATE SET {newest('audited', 'generation')}"
TWINS = ("gateway", "received_ms", "slots", "generation")
TWINS_THEN = f"DO UPDATE SET {newest('twins', 'slots', 'generation')}"
"""Of two in one millisecond the greater text: one that names slots before one that names none."""
SESSION = ("gateway", "session", "heard_ms", "born_ms", "left_ms", "lost_ms", "version", "store", "boot", "why")
SESSION_THEN = "DO UPDATE SET " + ", ".join(
    (
        newest("sessions", "heard_ms"),
        *(
            f"{name} = CASE WHEN sessions.{name} IS NULL OR excluded.{name} > sessions.{name}"
            f" THEN coalesce(excluded.{name}, sessions.{name}) ELSE sessions.{name} END"
            for name in ("born_ms", "left_ms", "lost_ms")
        ),
        *(
            f"{name} = CASE WHEN excluded.{name} <> '' THEN excluded.{name} ELSE sessions.{name} END"
            for name in ("version", "store", "boot", "why")
        ),
    )
)
DOCUMENT = ("gateway", "kind", "received_ms", "payload")
DOCUMENT_THEN = (
    "DO UPDATE SET received_ms = excluded.received_ms, payload = excluded.payload"
    " WHERE excluded.received_ms >= documents.received_ms"
)
JOURNAL = ("gateway", "store", "acked")
JOURNAL_THEN = f"DO UPDATE SET {newest('journals', 'acked')}"
ASIDE = ("digest", "gateway", "topic", "code", "reason", "store", "seq", "payload", "first_ms", "last_ms", "count")
ASIDE_THEN = (
    f"DO UPDATE SET {oldest('quarantine', 'first_ms')}, {newest('quarantine', 'last_ms')},"
    " count = quarantine.count + excluded.count"
)
FINDING_THEN = f"DO UPDATE SET reason = excluded.reason, {oldest('quarantine', 'first_ms')}"
STANDING = ("gateway", "slot", "session", "store", "seq", "state", "reason", "level", "at", "received_ms")
STANDING_THEN = (
    "DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in STANDING[2:])
    + " WHERE (excluded.store = standing.store AND excluded.seq > standing.seq)"
    " OR ((excluded.store <> standing.store OR excluded.seq = 0) AND excluded.received_ms >= standing.received_ms)"
)
NOTHING = "DO NOTHING"
