-- On ∩ E and Off ∩ E of the positions whose spans are at hand, in ms, camera-days and spot instants; and their outages.
-- Reads: settings, days, ids, served, hours, assessed_days, spans. Adds to: online, outages. Once for each part of the spans.

-- dark visible: time in which the gateway was silent is not proven online; local: its later word is taken.
CREATE OR REPLACE TEMP TABLE told AS
SELECT i.id, s.state = 'off' AS is_off, s.day, s.from_ms, s.to_ms FROM spans s JOIN ids i ON i.position = s.position
WHERE s.state IN ('on', 'off') OR (s.state = 'dark' AND (SELECT dark_local FROM settings));

-- An outage is told offline without a break, over midnight and over nights that are not assessed; only E counts of it.
CREATE OR REPLACE TEMP TABLE off AS
WITH marked AS (
    SELECT id, day, from_ms, to_ms,
           from_ms IS DISTINCT FROM lag(to_ms) OVER (PARTITION BY id ORDER BY from_ms) AS begins
    FROM told WHERE is_off
)
SELECT id, day, from_ms, to_ms,
       CAST(sum(CAST(begins AS INTEGER)) OVER (PARTITION BY id ORDER BY from_ms) AS INTEGER) AS outage
FROM marked;

CREATE OR REPLACE TEMP TABLE lived AS
WITH every AS (
    SELECT id, day, from_ms, to_ms, 0 AS outage FROM told WHERE NOT is_off
    UNION ALL
    SELECT id, day, from_ms, to_ms, outage FROM off
)
SELECT v.service, v.id, v.alike, h.day, e.outage,
       greatest(e.from_ms, h.from_ms) AS from_ms, least(e.to_ms, h.to_ms) AS to_ms
FROM every e
JOIN served v ON v.id = e.id
JOIN hours h ON h.alike = v.alike AND h.day = e.day AND h.from_ms < e.to_ms AND h.to_ms > e.from_ms;

INSERT INTO online
WITH by_day AS (
    SELECT l.service, l.alike, l.day,
           sum(CASE WHEN l.outage = 0 THEN l.to_ms - l.from_ms ELSE 0 END) AS on_ms,
           sum(CASE WHEN l.outage = 0 THEN 0 ELSE l.to_ms - l.from_ms END) AS off_ms,
           sum(CASE WHEN l.outage = 0 THEN instants(l.from_ms, l.to_ms, d.from_ms, t.step_ms) ELSE 0 END) AS spots
    FROM settings t, lived l JOIN days d ON d.day = l.day
    GROUP BY l.service, l.alike, l.day
)
SELECT b.service, sum(b.on_ms), sum(b.off_ms), count(*) FILTER (b.on_ms * t.theta_of >= t.theta * a.ms), sum(b.spots)
FROM settings t, by_day b JOIN assessed_days a ON a.alike = b.alike AND a.day = b.day
GROUP BY b.service;

INSERT INTO outages
WITH one AS (
    SELECT service, id, outage, sum(to_ms - from_ms) AS ms FROM lived WHERE outage > 0 GROUP BY service, id, outage
), lasting AS (
    SELECT DISTINCT id, outage FROM settings t, off WHERE to_ms >= t.until_ms
)
SELECT o.service, count(*), sum(o.ms), max(o.ms),
       count(*) FILTER (l.id IS NULL), coalesce(sum(o.ms) FILTER (l.id IS NULL), 0)
FROM one o LEFT JOIN lasting l ON l.id = o.id AND l.outage = o.outage
GROUP BY o.service;
