-- What was known of E while the center itself could not hear, for positions whose spans are at hand; and whose word was withdrawn.
-- Reads: lived, served, heard, away, spans. Adds to: heard_away, withdrawn. Once for each part of the spans, after 3_online.

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
