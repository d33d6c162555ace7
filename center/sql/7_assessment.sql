-- Assessment, 四.2: a place without full coverage, or fully covered with an online rate below 100 %, scores nothing for the item.
-- Reads: settings, rows, served, hours, counted, required, coverage, heard, away, heard_away, opinions, disputed.
-- Makes: judged, failing, assessment.

-- Unknown while the center itself could not hear: E in that time, less what was known of it all the same.
CREATE OR REPLACE TEMP TABLE judged AS
WITH city AS (
    SELECT v.service, v.alike, coalesce(h.city, '') AS city FROM served v LEFT JOIN heard h ON h.position = v.position
), missed AS (
    SELECT k.alike, k.city, sum(least(w.to_ms, a.to_ms) - greatest(w.from_ms, a.from_ms)) AS ms
    FROM (SELECT DISTINCT alike, city FROM city) k
    JOIN hours w ON w.alike = k.alike
    JOIN away a ON a.city = k.city AND a.from_ms < w.to_ms AND a.to_ms > w.from_ms
    GROUP BY k.alike, k.city
), platform AS (
    SELECT v.service, sum(least(w.to_ms, o.to_ms) - greatest(w.from_ms, o.from_ms)) AS ms
    FROM served v
    JOIN opinions o ON o.position = v.position
    JOIN hours w ON w.alike = v.alike AND w.from_ms < o.to_ms AND w.to_ms > o.from_ms
    GROUP BY v.service
), own AS (
    SELECT v.position, v.piece, coalesce(m.ms, 0) - coalesce(x.ms, 0) AS ms, coalesce(p.ms, 0) AS platform_ms,
           coalesce(d.cannot_ms, 0) AS cannot_ms, coalesce(d.opens_ms, 0) AS opens_ms
    FROM served v
    JOIN city c ON c.service = v.service
    LEFT JOIN missed m ON m.alike = c.alike AND m.city = c.city
    LEFT JOIN heard_away x ON x.service = v.service
    LEFT JOIN platform p ON p.service = v.service
    LEFT JOIN disputed d ON d.service = v.service
)
SELECT c.*, o.ms AS own_ms, o.platform_ms, o.cannot_ms, o.opens_ms,
       CASE s.deciding WHEN 'time' THEN c.on_ms WHEN 'days' THEN c.days_online ELSE c.spots_online END AS numerator,
       CASE s.deciding WHEN 'time' THEN c.e_ms WHEN 'days' THEN c.days ELSE c.spots END AS denominator,
       -- A position counts once: where it was last.
       c.e_ms > 0 AND c.piece = max(c.piece) FILTER (c.e_ms > 0) OVER (PARTITION BY c.position) AS is_last
FROM settings s, counted c JOIN own o ON o.position = c.position AND o.piece = c.piece;

-- What stands against a full score: zones that nothing was seen of, then positions, the worst of them first; with the cause.
CREATE OR REPLACE TEMP TABLE failing AS
SELECT 'coverage' AS what, CASE WHEN r.positions = 0 THEN 'no_position' ELSE 'never_seen' END AS cause,
       c.region, c.region_name, c.city, c.kind, c.unit, c.name AS unit_name, '' AS position, r.zone,
       CAST(0 AS HUGEINT) AS numerator, CAST(1 AS HUGEINT) AS denominator
FROM coverage c JOIN required r ON r.unit = c.unit
WHERE NOT r.seen
UNION ALL
SELECT 'online',
       CASE WHEN sum(off_ms) * 2 >= sum(e_ms - on_ms) THEN 'offline'
            WHEN sum(own_ms) * 2 >= sum(e_ms - on_ms) THEN 'center_away' ELSE 'unknown' END,
       region, any_value(region_name), any_value(city), kind, unit, any_value(unit_name), position, any_value(zone),
       sum(numerator), sum(denominator)
FROM judged
GROUP BY region, kind, unit, position
HAVING sum(numerator) < sum(denominator);

-- Every level, all kinds of unit together ("") and each apart; every row of the bulletin, also where nothing is registered.
CREATE OR REPLACE TEMP TABLE assessment AS
WITH kinds AS (
    SELECT unnest(kinds) AS kind FROM settings UNION SELECT '' UNION SELECT kind FROM counted UNION SELECT kind FROM obligated
), grid AS (
    SELECT 'all' AS level, '' AS key, '' AS name, 0 AS place, kind FROM kinds
    UNION ALL SELECT 'row', code, name, place, kind FROM rows, kinds
    UNION ALL SELECT DISTINCT 'row', city, city_name, 2000, k.kind FROM counted, kinds k WHERE city NOT IN (SELECT code FROM rows)
    UNION ALL SELECT DISTINCT 'row', city, city_name, 2000, k.kind FROM obligated, kinds k
              WHERE city NOT IN (SELECT code FROM rows) AND city NOT IN (SELECT city FROM counted)
    UNION ALL SELECT DISTINCT 'county', region, region_name, 0, k.kind FROM counted, kinds k
    UNION ALL SELECT DISTINCT 'county', region, region_name, 0, k.kind FROM obligated, kinds k
              WHERE region NOT IN (SELECT region FROM counted)
), named AS (
    SELECT 'all' AS level, '' AS key, * FROM judged
    UNION ALL SELECT 'row', city, * FROM judged
    UNION ALL SELECT 'county', region, * FROM judged
), sums AS (
    SELECT level, key, coalesce(kind, '') AS kind, count(*) FILTER (is_last) AS positions,
           sum(e_ms) AS e_ms, sum(on_ms) AS on_ms, sum(off_ms) AS off_ms, sum(own_ms) AS own_ms,
           sum(days) AS days, sum(days_online) AS days_online, sum(spots) AS spots, sum(spots_online) AS spots_online,
           sum(numerator) AS numerator, sum(denominator) AS denominator, sum(planned_ms) AS planned_ms,
           sum(platform_ms) AS platform_ms, sum(cannot_ms) AS cannot_ms, sum(opens_ms) AS opens_ms
    FROM named GROUP BY GROUPING SETS ((level, key, kind), (level, key))
), covering AS (
    SELECT level, key, coalesce(kind, '') AS kind, count(*) AS obligated, count(*) FILTER (covered) AS covered
    FROM (
        SELECT 'all' AS level, '' AS key, kind, covered FROM coverage
        UNION ALL SELECT 'row', city, kind, covered FROM coverage
        UNION ALL SELECT 'county', region, kind, covered FROM coverage
    ) GROUP BY GROUPING SETS ((level, key, kind), (level, key))
), ordered AS (
    SELECT level, key, x.kind AS of, f.*,
           row_number() OVER (PARTITION BY level, key, x.kind
               ORDER BY what, numerator / denominator, unit, zone, position, region) AS number
    FROM (
        SELECT 'all' AS level, '' AS key, * FROM failing
        UNION ALL SELECT 'row', city, * FROM failing
        UNION ALL SELECT 'county', region, * FROM failing
    ) f, (SELECT * FROM kinds) x
    WHERE x.kind IN ('', f.kind)
), firsts AS (
    SELECT level, key, of AS kind, count(*) AS failing,
           list({'what': what, 'cause': cause, 'county': region_name, 'unit': unit, 'name': unit_name, 'zone': zone,
                 'position': position, 'numerator': numerator, 'denominator': denominator} ORDER BY number)
               FILTER (number <= 3) AS first
    FROM ordered GROUP BY level, key, of
), whole AS (
    SELECT g.level, g.place, g.key, g.name, g.kind,
           coalesce(c.obligated, 0) AS obligated, coalesce(c.covered, 0) AS covered, coalesce(s.positions, 0) AS positions,
           coalesce(s.e_ms, 0) AS e_ms, coalesce(s.on_ms, 0) AS on_ms, coalesce(s.off_ms, 0) AS off_ms,
           coalesce(s.own_ms, 0) AS own_ms, coalesce(s.days, 0) AS days, coalesce(s.days_online, 0) AS days_online,
           coalesce(s.spots, 0) AS spots, coalesce(s.spots_online, 0) AS spots_online,
           coalesce(s.numerator, 0) AS numerator, coalesce(s.denominator, 0) AS denominator,
           coalesce(s.planned_ms, 0) AS planned_ms, coalesce(s.platform_ms, 0) AS platform_ms,
           coalesce(s.cannot_ms, 0) AS cannot_ms, coalesce(s.opens_ms, 0) AS opens_ms, coalesce(f.failing, 0) AS failing, coalesce(f.first, []) AS first
    FROM grid g
    LEFT JOIN sums s ON s.level = g.level AND s.key = g.key AND s.kind = g.kind
    LEFT JOIN covering c ON c.level = g.level AND c.key = g.key AND c.kind = g.kind
    LEFT JOIN firsts f ON f.level = g.level AND f.key = g.key AND f.kind = g.kind
)
-- Whole numbers decide, before any rounding. INSUFFICIENT: too little is known because the center itself was away.
SELECT w.*, CASE
           WHEN w.obligated = 0 AND w.denominator = 0 THEN 'NOT_ASSESSED'
           WHEN w.own_ms * s.evidence_of > w.e_ms * (s.evidence_of - s.evidence) THEN 'INSUFFICIENT'
           WHEN w.covered < w.obligated OR w.numerator < w.denominator THEN 'WOULD_SCORE_ZERO'
           ELSE 'PASSES' END AS verdict
FROM whole w, settings s;
