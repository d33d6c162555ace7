-- E = (S ∩ month ∩ W) \ X of every time of service in one place, in ms, camera-days and spot instants.
-- Reads: settings, days, places, assessed_as, windows, windows_whole. Makes: served, ids, hours, assessed_days, assessed.

-- Many are in service all month and share their windows: `alike` numbers each kind of them, which is worked out once.
CREATE OR REPLACE TEMP TABLE served AS
WITH clipped AS (
    SELECT p.position, p.piece, a.scope, a.scope_whole, greatest(p.since_ms, s.month_from_ms) AS since_ms,
           least(coalesce(p.until_ms, s.until_ms), s.until_ms) AS until_ms
    FROM settings s, places p JOIN assessed_as a ON a.position = p.position AND a.piece = p.piece
    WHERE p.since_ms < s.until_ms AND coalesce(p.until_ms, s.until_ms) > s.month_from_ms
      AND p.since_ms < coalesce(p.until_ms, s.until_ms)
)
SELECT *, CAST(row_number() OVER () AS INTEGER) AS service,
       CAST(dense_rank() OVER (ORDER BY position) AS INTEGER) AS id,
       CAST(dense_rank() OVER (ORDER BY scope, scope_whole, since_ms, until_ms) AS INTEGER) AS alike
FROM clipped;

CREATE OR REPLACE TEMP TABLE ids AS SELECT DISTINCT position, id FROM served;

CREATE OR REPLACE TEMP TABLE hours AS
SELECT k.alike, w.day, greatest(w.from_ms, k.since_ms) AS from_ms, least(w.to_ms, k.until_ms) AS to_ms
FROM (SELECT DISTINCT alike, scope, since_ms, until_ms FROM served) k
JOIN windows w ON w.scope = k.scope AND w.from_ms < k.until_ms AND w.to_ms > k.since_ms;

-- Instants of a day lie evenly from its midnight on: so many of them in [from, to).
CREATE OR REPLACE TEMP MACRO instants(from_ms, to_ms, midnight_ms, step_ms) AS
    (to_ms - midnight_ms + step_ms - 1) // step_ms - (from_ms - midnight_ms + step_ms - 1) // step_ms;

CREATE OR REPLACE TEMP TABLE assessed_days AS
SELECT h.alike, h.day, sum(h.to_ms - h.from_ms) AS ms, sum(instants(h.from_ms, h.to_ms, d.from_ms, s.step_ms)) AS spots
FROM settings s, hours h JOIN days d ON d.day = h.day
GROUP BY h.alike, h.day;

-- What would have been assessed had nothing been left out, less E, is `planned`.
CREATE OR REPLACE TEMP TABLE assessed AS
WITH whole AS (
    SELECT k.alike, sum(least(w.to_ms, k.until_ms) - greatest(w.from_ms, k.since_ms)) AS ms
    FROM (SELECT DISTINCT alike, scope_whole, since_ms, until_ms FROM served) k
    JOIN windows_whole w ON w.scope = k.scope_whole AND w.from_ms < k.until_ms AND w.to_ms > k.since_ms
    GROUP BY k.alike
), e AS (
    SELECT alike, sum(ms) AS ms, count(*) AS days, sum(spots) AS spots FROM assessed_days GROUP BY alike
)
SELECT k.alike, coalesce(e.ms, 0) AS e_ms, coalesce(e.days, 0) AS days, coalesce(e.spots, 0) AS spots,
       coalesce(w.ms, 0) - coalesce(e.ms, 0) AS planned_ms
FROM (SELECT DISTINCT alike FROM served) k
LEFT JOIN whole w ON w.alike = k.alike
LEFT JOIN e ON e.alike = k.alike;
