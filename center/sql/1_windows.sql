-- W: the time in which a place is assessed. Policy windows 24x7: all of it; calendar: terms, holidays, opening hours.
-- Reads: settings (one row), places, ancestors, calendars, exclusions. Makes: days (0 is the month's first), assessed_as,
-- windows_whole, windows.

-- Days are those of Asia/Shanghai, which has kept +08:00 without summer time since 1991. A running month ends at `until_ms`.
CREATE OR REPLACE TEMP TABLE days AS
SELECT CAST(i AS INTEGER) AS day,
       month_from_ms + i * 86400000 AS from_ms,
       least(month_from_ms + (i + 1) * 86400000, until_ms) AS to_ms,
       DATE '1970-01-01' + CAST((month_from_ms + 28800000) // 86400000 + i AS INTEGER) AS date
FROM settings, generate_series(0, (until_ms - month_from_ms + 86399999) // 86400000 - 1) AS t(i);

-- The nearest calendar counts: the unit's own, else its county's, its city's, its province's; one of its kind before one of all.
CREATE OR REPLACE TEMP TABLE nearest AS
WITH scopes AS (
    SELECT DISTINCT unit, region, kind, unit AS scope, 0 AS rank FROM places
    UNION ALL
    SELECT DISTINCT p.unit, p.region, p.kind, a.ancestor, a.rank FROM places p JOIN ancestors a ON a.region = p.region
)
SELECT s.unit, s.region, s.kind,
       arg_min(c.scope || '/' || c.kind, s.rank * 2 + CASE WHEN c.kind = '' THEN 1 ELSE 0 END) AS scope
FROM scopes s JOIN (SELECT DISTINCT scope, kind FROM calendars) c ON c.scope = s.scope AND c.kind IN (s.kind, '')
GROUP BY ALL;

-- On every day the shortest row that covers it decides; on weekdays that it does not name, and without hours, it is closed.
CREATE OR REPLACE TEMP TABLE covered AS
WITH rows AS (
    SELECT c.scope || '/' || c.kind AS scope, c.weekdays, c.hours, d.day, d.date, d.from_ms, d.to_ms,
           CAST(c.to_day AS DATE) - CAST(c.from_day AS DATE) AS length
    FROM calendars c JOIN days d ON d.date BETWEEN CAST(c.from_day AS DATE) AND CAST(c.to_day AS DATE)
)
SELECT * FROM rows QUALIFY length = min(length) OVER (PARTITION BY scope, day);

CREATE OR REPLACE TEMP TABLE open_hours AS
WITH listed AS (
    SELECT scope, day, from_ms, to_ms, unnest(string_split(hours, '、')) AS hours
    FROM covered
    WHERE hours <> '' AND (weekdays = '' OR contains(weekdays, CAST(isodow(date) AS VARCHAR)))
)
SELECT scope, day,
       from_ms + (CAST(hours[1:2] AS BIGINT) * 60 + CAST(hours[4:5] AS BIGINT)) * 60000 AS from_ms,
       least(from_ms + (CAST(hours[7:8] AS BIGINT) * 60 + CAST(hours[10:11] AS BIGINT)) * 60000, to_ms) AS to_ms
FROM listed;

-- Which windows a time of service is assessed in; a position that something was left out of has windows of its own.
CREATE OR REPLACE TEMP TABLE assessed_as AS
SELECT p.position, p.piece, coalesce(n.scope, '') AS scope_whole,
       CASE WHEN p.position IN (SELECT position FROM exclusions WHERE from_ms < to_ms)
            THEN coalesce(n.scope, '') || '/' || p.position ELSE coalesce(n.scope, '') END AS scope
FROM places p LEFT JOIN nearest n
  ON (SELECT calendar FROM settings) AND n.unit = p.unit AND n.region = p.region AND n.kind = p.kind;

CREATE OR REPLACE TEMP TABLE windows_whole AS
SELECT '' AS scope, day, from_ms, to_ms FROM days WHERE NOT (SELECT calendar FROM settings)
UNION ALL
SELECT scope, day, from_ms, to_ms FROM open_hours WHERE from_ms < to_ms AND (SELECT calendar FROM settings);

-- X: what was approved to be left out is no part of E. Exclusions of a position never overlap.
CREATE OR REPLACE TEMP TABLE windows AS
WITH cut AS (
    SELECT DISTINCT a.scope, w.day, w.from_ms, w.to_ms, x.from_ms AS x_from, x.to_ms AS x_to
    FROM assessed_as a
    JOIN windows_whole w ON w.scope = a.scope_whole
    LEFT JOIN exclusions x ON x.position = a.position AND x.from_ms < w.to_ms AND x.to_ms > w.from_ms AND x.from_ms < x.to_ms
    WHERE a.scope <> a.scope_whole
), around AS (
    SELECT scope, day, to_ms, x_from, x_to, coalesce(lag(x_to) OVER same, from_ms) AS begins,
           lead(x_from) OVER same IS NULL AS is_last
    FROM cut WINDOW same AS (PARTITION BY scope, day, from_ms ORDER BY x_from)
)
SELECT * FROM windows_whole
UNION ALL
SELECT scope, day, begins, coalesce(x_from, to_ms) FROM around WHERE begins < coalesce(x_from, to_ms)
UNION ALL
SELECT scope, day, x_to, to_ms FROM around WHERE is_last AND x_to < to_ms;
