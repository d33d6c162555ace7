-- On ∩ E and Off ∩ E of the positions whose spans are at hand, in ms, camera-days and spot instants; and their outages.
-- Reads: settings, days, served, hours, assessed_days, spans. Adds to: online, outages. Once for each part of the spans.

-- dark visible: time in which the gateway was silent is not proven online; local: its later word is taken.
INSERT INTO online
WITH lived AS (
    SELECT s.position, v.piece, v.alike, h.day, s.state <> 'off' AS is_on,
           greatest(s.from_ms, h.from_ms) AS from_ms, least(s.to_ms, h.to_ms) AS to_ms
    FROM spans s
    JOIN served v ON v.position = s.position
    JOIN hours h ON h.alike = v.alike AND h.day = s.day AND h.from_ms < s.to_ms AND h.to_ms > s.from_ms
    WHERE s.state IN ('on', 'off') OR (s.state = 'dark' AND (SELECT dark_local FROM settings))
), by_day AS (
    SELECT l.position, l.piece, l.alike, l.day,
           coalesce(sum(l.to_ms - l.from_ms) FILTER (l.is_on), 0) AS on_ms,
           coalesce(sum(l.to_ms - l.from_ms) FILTER (NOT l.is_on), 0) AS off_ms,
           coalesce(sum(instants(l.from_ms, l.to_ms, d.from_ms, t.step_ms)) FILTER (l.is_on), 0) AS spots
    FROM settings t, lived l JOIN days d ON d.day = l.day
    GROUP BY l.position, l.piece, l.alike, l.day
)
SELECT b.position, b.piece, sum(b.on_ms), sum(b.off_ms),
       count(*) FILTER (b.on_ms * t.theta_of >= t.theta * a.ms), sum(b.spots)
FROM settings t, by_day b JOIN assessed_days a ON a.alike = b.alike AND a.day = b.day
GROUP BY b.position, b.piece;

-- An outage is told offline without a break, over midnight and over nights that are not assessed; only E counts of it.
INSERT INTO outages
WITH told AS (
    SELECT position, from_ms, to_ms,
           from_ms IS DISTINCT FROM lag(to_ms) OVER (PARTITION BY position ORDER BY from_ms) AS begins
    FROM spans WHERE state = 'off'
), numbered AS (
    SELECT position, from_ms, to_ms,
           sum(CAST(begins AS INTEGER)) OVER (PARTITION BY position ORDER BY from_ms) AS number
    FROM told
), one AS (
    SELECT n.position, v.piece, n.number, sum(least(n.to_ms, h.to_ms) - greatest(n.from_ms, h.from_ms)) AS ms
    FROM numbered n
    JOIN served v ON v.position = n.position
    JOIN hours h ON h.alike = v.alike AND h.from_ms < n.to_ms AND h.to_ms > n.from_ms
    GROUP BY n.position, v.piece, n.number
), ends AS (
    SELECT position, number, max(to_ms) AS to_ms FROM numbered GROUP BY position, number
)
SELECT o.position, o.piece, count(*), sum(o.ms), max(o.ms),
       count(*) FILTER (e.to_ms < t.until_ms), coalesce(sum(o.ms) FILTER (e.to_ms < t.until_ms), 0)
FROM settings t, one o JOIN ends e ON e.position = o.position AND e.number = o.number
GROUP BY o.position, o.piece;
