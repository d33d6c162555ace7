"""Gives up facts that are too old: whole boots of which nothing was heard for long, never a part of one.

What is kept proves what it proved: of a kept boot every fact stays, and what shows that it is whole. Only this folder
knows SQLAlchemy; which facts may go is decided elsewhere.
"""

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.store.schema import settings

MARGIN_MS = 86_400_000
"""What was heard so shortly before the time from which facts are kept is kept as well: it bears on what follows."""
FROM = "facts_from"
_HEARD = """
SELECT gateway, boot, max(ms) FROM (
  SELECT gateway, boot, max(last_ms) AS ms FROM beats WHERE gateway IN :gateways GROUP BY gateway, boot
  UNION ALL SELECT gateway, boot, max(received_ms) FROM events WHERE gateway IN :gateways GROUP BY gateway, boot
  UNION ALL SELECT gateway, boot, max(received_ms) FROM claims WHERE gateway IN :gateways GROUP BY gateway, boot
) heard WHERE boot <> '' GROUP BY gateway, boot
"""
_NEEDED = """
 AND NOT EXISTS (SELECT 1 FROM events n WHERE n.gateway = {table}.gateway AND n.store = {table}.store
     AND n.seq = {table}.seq + 1 AND n.boot NOT IN :boots)
 AND NOT EXISTS (SELECT 1 FROM conflicts c WHERE c.gateway = {table}.gateway AND c.store = {table}.store
     AND c.seq = {table}.seq)
"""
"""The seq before the first one of a kept boot shows that nothing is missing there; of two contents the first stands."""
_GONE = """
DELETE FROM lost WHERE gateway = :gateway AND boot = '' AND received_ms < :before AND to_seq <=
  (SELECT j.acked FROM journals j WHERE j.gateway = lost.gateway AND j.store = lost.store)
"""


def old_boots(connection: Connection, gateways: Sequence[str], before_ms: int) -> dict[str, list[str]]:
    """Gateway -> boots last heard before then, UTC ms; never the one that it was heard in last."""
    asked = sa.text(_HEARD).bindparams(sa.bindparam("gateways", expanding=True))
    heard: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for gateway, boot, ms in connection.execute(asked, {"gateways": list(gateways)}):
        heard[gateway].append((ms, boot))
    found = {gateway: [boot for ms, boot in sorted(boots)[:-1] if ms < before_ms] for gateway, boots in heard.items()}
    return {gateway: boots for gateway, boots in found.items() if boots}


def give_up(connection: Connection, gateway: str, boots: Sequence[str], before_ms: int) -> int:
    """How many rows are gone."""
    gone = 0
    for table in ("anchors", "beats", "claims", "lost", "closings", "events"):
        needed = _NEEDED.format(table=table) if table in ("closings", "events") else ""
        asked = sa.text(f"DELETE FROM {table} WHERE gateway = :gateway AND boot IN :boots{needed}")
        asked = asked.bindparams(sa.bindparam("boots", expanding=True))
        gone += connection.execute(asked, {"gateway": gateway, "boots": list(boots)}).rowcount
    old = "DELETE FROM twins WHERE gateway = :gateway AND received_ms <"
    last = " (SELECT max(t.received_ms) FROM twins t WHERE t.gateway = :gateway AND t.received_ms < :before)"
    connection.execute(sa.text(old + last), {"gateway": gateway, "before": before_ms})
    return gone + connection.execute(sa.text(_GONE), {"gateway": gateway, "before": before_ms}).rowcount


def keep_from(connection: Connection, from_ms: int) -> None:
    connection.execute(sa.delete(settings).where(settings.c.name == FROM))
    connection.execute(sa.insert(settings), {"name": FROM, "value": str(from_ms)})


def kept_from(connection: Connection) -> int:
    """Since when facts are kept whole, UTC ms; 0: all are."""
    return int(connection.execute(sa.select(settings.c.value).where(settings.c.name == FROM)).scalar() or 0)


def oldest(connection: Connection) -> int | None:
    """Receipt of the oldest fact that can be read, UTC ms."""
    asked = (
        "SELECT min(ms) FROM (SELECT min(first_ms) AS ms FROM beats UNION ALL SELECT min(received_ms) FROM claims"
        " UNION ALL SELECT min(received_ms) FROM events WHERE kind <> '') a"
    )
    found: int | None = connection.execute(sa.text(asked)).scalar()
    return found
