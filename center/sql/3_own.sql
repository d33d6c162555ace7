-- What was known of E while the center itself could not hear; whose word was withdrawn; where the platform says otherwise; who
-- is offline for long or to the end, and until when anything was known.
-- Reads: settings, lived, served, heard, away, spans, opinions, off, ids. Adds to: heard_away, withdrawn, disputed, outlasting,
-- last_known. Once for each part, after 3_online.

INSERT INTO heard_away
SELECT l.service, sum(least(l.to_ms, a.to_ms) - greatest(l.from_ms, a.from_ms))
FROM lived l
JOIN served v ON v.service = l.service
JOIN heard h ON h.position = v.position
JOIN away a ON a.city = h.city AND a.from_ms < l.to_ms AND a.to_ms > l.from_ms
GROUP BY l.service;

-- A gateway that contradicted itself: what it told online of that time does not count (spans of state withdrawn).
INSERT INTO withdrawn
SELECT position, sum(to_ms - from_ms) FROM spans WHERE state = 'withdrawn' GROUP BY position;

-- Second opinion: counted online while the platform could not open it (cannot_ms), and the reverse (opens_ms).
INSERT INTO disputed
SELECT service, coalesce(sum(ms) FILTER (is_on AND NOT online), 0), coalesce(sum(ms) FILTER (NOT is_on AND online), 0)
FROM (
    SELECT l.service, l.outage = 0 AS is_on, o.online, least(l.to_ms, o.to_ms) - greatest(l.from_ms, o.from_ms) AS ms
    FROM lived l
    JOIN served v ON v.service = l.service
    JOIN opinions o ON o.position = v.position AND o.from_ms < l.to_ms AND o.to_ms > l.from_ms
) GROUP BY service;

-- Outages of more than seven days without a break, by the clock and not by E alone; and all that last at the end.
INSERT INTO outlasting
SELECT i.position, min(o.from_ms), max(o.to_ms)
FROM off o JOIN ids i ON i.id = o.id
GROUP BY i.position, o.outage
HAVING max(o.to_ms) >= (SELECT until_ms FROM settings) OR max(o.to_ms) - min(o.from_ms) > 7 * 86400000;

INSERT INTO last_known SELECT position, max(to_ms) FROM spans WHERE state IN ('on', 'off') GROUP BY position;
