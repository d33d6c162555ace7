-- Coverage (覆盖率), 三.3: obligated units of which every required zone has a position in service that was seen once before the
-- cut-off, of all obligated units. What is obligated, required and in service says the registry, never what was seen.
-- Reads: settings, places, units, heard. Makes: obligated, required, coverage.

-- At the cut-off (the month's end; of a running month now). A unit counts where it lies then; its first place also holds before.
CREATE OR REPLACE TEMP TABLE obligated AS
WITH cut_off AS (
    SELECT *, strftime(DATE '1970-01-01' + CAST((until_ms - 1 + 28800000) // 86400000 AS INTEGER), '%Y-%m-%d') AS day
    FROM settings
), at_last AS (
    SELECT u.* FROM units u, cut_off s
    QUALIFY row_number() OVER (PARTITION BY u.unit
        ORDER BY CASE WHEN u.since_ms < s.until_ms THEN u.since_ms ELSE -1 - u.since_ms END DESC) = 1
), began AS (
    SELECT unit, min(since_ms) AS from_ms FROM places WHERE until_ms IS NULL OR since_ms < until_ms GROUP BY unit
)
-- Without a first day a unit is obligated from its first position on; one that never had any, always. Only a last day ends it.
SELECT a.* FROM cut_off s, at_last a LEFT JOIN began b ON b.unit = a.unit
WHERE (len(s.kinds) = 0 OR list_contains(s.kinds, a.kind))
  AND CASE WHEN a.obligated_from = '' THEN coalesce(b.from_ms, 0) < s.until_ms ELSE a.obligated_from <= s.day END
  AND (a.obligated_to = '' OR a.obligated_to >= s.day);

-- A unit that names no zones requires one position, wherever it is.
CREATE OR REPLACE TEMP TABLE required AS
WITH there AS (
    SELECT p.unit, p.zone, p.position, coalesce(h.seen_ms < s.until_ms, false) AS seen
    FROM settings s, places p LEFT JOIN heard h ON h.position = p.position
    WHERE p.since_ms < s.until_ms AND (p.until_ms IS NULL OR (p.until_ms >= s.until_ms AND p.until_ms > p.since_ms))
), zones AS (
    SELECT unit, unnest(string_split(zones, '、')) AS zone FROM obligated
)
SELECT z.unit, z.zone, count(t.position) AS positions, coalesce(bool_or(t.seen), false) AS seen
FROM zones z LEFT JOIN there t ON t.unit = z.unit AND (z.zone = '' OR t.zone = z.zone)
GROUP BY z.unit, z.zone;

CREATE OR REPLACE TEMP TABLE coverage AS
SELECT o.*, r.covered
FROM obligated o JOIN (SELECT unit, bool_and(seen) AS covered FROM required GROUP BY unit) r ON r.unit = o.unit;
