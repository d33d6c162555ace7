-- The bulletin as JSON, one row on a line: what the center states of it, the hashes of all that it is made of, the figures.
-- Reads: about, settings, previous, assessment, failing, judged, heard, away, withdrawn, outlasting, last_known.
-- Makes: bulletin (number, line).

-- As officials compute: rounded half up, but never into a pass, nor into nothing. Both whole numbers stand beside it.
CREATE OR REPLACE TEMP MACRO hundredths(n, d) AS
    CASE WHEN 0 < n AND n < d THEN least(greatest((n * 20000 + d) // (2 * d), 1), 9999) ELSE (n * 20000 + d) // (2 * d) END;
CREATE OR REPLACE TEMP MACRO decimals(h) AS (h // 100) || '.' || lpad(CAST(h % 100 AS VARCHAR), 2, '0');
CREATE OR REPLACE TEMP MACRO percent(n, d) AS
    CASE WHEN d = 0 THEN 'n/a' ELSE decimals(hundredths(n, d)) || '%' END;
CREATE OR REPLACE TEMP MACRO ratio(n, d) AS {'numerator': n, 'denominator': d, 'text': percent(n, d)};
CREATE OR REPLACE TEMP MACRO moment(ms) AS strftime(make_timestamp((ms + 28800000) * 1000), '%Y-%m-%dT%H:%M:%S+08:00');

-- 环比, in percentage points: the difference of the two as they are printed, so that a reader can check it. Without a figure of the
-- month before, or of this one, there is none.
CREATE OR REPLACE TEMP TABLE changes AS
SELECT a.level, a.key, a.kind,
       hundredths(a.numerator, a.denominator) - hundredths(p.numerator, p.denominator) AS h,
       {'numerator': p.numerator, 'denominator': p.denominator, 'text': percent(p.numerator, p.denominator),
        'points': CASE WHEN h > 0 THEN '+' WHEN h < 0 THEN '-' ELSE '' END || decimals(abs(h)), 'hundredths': h} AS change
FROM assessment a
JOIN (SELECT * REPLACE (CAST(numerator AS HUGEINT) AS numerator, CAST(denominator AS HUGEINT) AS denominator) FROM previous) p ON p.level = a.level AND p.code = a.key AND p.kind = a.kind
WHERE a.denominator > 0 AND p.denominator > 0;

-- Of what fails, how much has which cause, the most frequent first, and the first of each: where it is offline to the end, since
-- when (what began before the month is dated to its first midnight).
CREATE OR REPLACE TEMP TABLE causes AS
WITH lasting AS (
    SELECT o.position, min(o.from_ms) AS from_ms FROM outlasting o, settings s WHERE o.to_ms >= s.until_ms GROUP BY o.position
), named AS (
    SELECT 'all' AS level, '' AS key, * FROM failing
    UNION ALL SELECT 'row', city, * FROM failing
    UNION ALL SELECT 'county', region, * FROM failing
), every AS (
    SELECT *, kind AS of FROM named UNION ALL SELECT *, '' FROM named
), firsts AS (
    SELECT e.*, l.from_ms, count(*) OVER (PARTITION BY e.level, e.key, e.of, e.what, e.cause) AS n,
           row_number() OVER (PARTITION BY e.level, e.key, e.of, e.what, e.cause
               ORDER BY e.numerator / e.denominator, e.unit, e.zone, e.position, e.region) AS number
    FROM every e LEFT JOIN lasting l ON l.position = e.position
)
SELECT level, key, of AS kind,
       list({'what': what, 'cause': cause, 'count': n, 'unit': unit, 'name': unit_name, 'zone': zone, 'position': position,
             'offline_since': CASE WHEN from_ms IS NULL THEN NULL ELSE moment(from_ms) END} ORDER BY what, n DESC, cause) AS causes
FROM firsts WHERE number = 1 GROUP BY level, key, of;

CREATE OR REPLACE TEMP TABLE row_lines AS
SELECT a.level, row_number() OVER (PARTITION BY a.level ORDER BY a.place, a.key, a.kind) AS number,
       CAST(to_json({'place': a.place, 'code': a.key, 'name': a.name, 'kind': a.kind,
           'obligated': obligated, 'covered': covered, 'coverage': ratio(covered, obligated), 'positions': positions,
           'time': ratio(on_ms, e_ms), 'days': ratio(days_online, days), 'spot': ratio(spots_online, spots),
           'change': c.change,
           'evidence': ratio(on_ms + off_ms, e_ms), 'center_away_ms': own_ms, 'planned_ms': planned_ms,
           'second_opinion': {'told_ms': platform_ms, 'platform_cannot_open_ms': cannot_ms, 'platform_opens_ms': opens_ms},
           'verdict': verdict, 'failing': failing, 'first': first, 'causes': coalesce(k.causes, [])}) AS VARCHAR) AS line
FROM assessment a
LEFT JOIN changes c ON c.level = a.level AND c.key = a.key AND c.kind = a.kind
LEFT JOIN causes k ON k.level = a.level AND k.key = a.key AND k.kind = a.kind;

-- Offline for more than seven days without a break, by unit, the longest first.
CREATE OR REPLACE TEMP TABLE long_offline AS
WITH place AS (
    SELECT position, arg_max(unit, piece) AS unit, arg_max(unit_name, piece) AS name, arg_max(kind, piece) AS kind,
           arg_max(region_name, piece) AS county, arg_max(city_name, piece) AS city
    FROM judged WHERE e_ms > 0 GROUP BY position
), longest AS (
    SELECT position, min(from_ms) AS from_ms, max(to_ms - from_ms) AS ms, bool_or(to_ms >= until_ms) AS lasting
    FROM outlasting, settings WHERE to_ms - from_ms > 7 * 86400000 GROUP BY position
)
SELECT p.unit, any_value(p.name) AS name, any_value(p.kind) AS kind, any_value(p.city) AS city, any_value(p.county) AS county,
       count(*) AS positions, count(*) FILTER (l.lasting) AS lasting, min(l.from_ms) AS from_ms, max(l.ms) AS longest_ms
FROM longest l JOIN place p ON p.position = l.position
GROUP BY p.unit;

-- In service at the end and once seen, and nothing was known of it for the last 24 hours, in which the center could hear.
CREATE OR REPLACE TEMP TABLE silent AS
SELECT DISTINCT j.position, j.unit
FROM settings s, judged j
JOIN heard h ON h.position = j.position
JOIN places p ON p.position = j.position AND p.piece = j.piece
LEFT JOIN last_known l ON l.position = j.position
WHERE h.seen_ms IS NOT NULL AND (p.until_ms IS NULL OR p.until_ms >= s.until_ms) AND p.since_ms < s.until_ms - 86400000
  AND coalesce(l.ms, 0) <= s.until_ms - 86400000
  AND NOT EXISTS (FROM away a WHERE a.city = h.city AND a.from_ms <= s.until_ms - 86400000 AND a.to_ms >= s.until_ms);

CREATE OR REPLACE TEMP TABLE bulletin AS
WITH away_ms AS (SELECT city, sum(to_ms - from_ms) AS ms FROM away GROUP BY city)
SELECT 0 AS part, 0 AS number, '{"format":"canteen-bulletin/2",' AS line
UNION ALL SELECT 1, 0, '"about":{' || string_agg(CAST(to_json(key) AS VARCHAR) || ':' || value, ',' ORDER BY number) || '},' FROM about
UNION ALL SELECT 2, 0, '"settings":' || CAST(to_json(s) AS VARCHAR) || ',' FROM settings s
UNION ALL SELECT 3, 0, '"withdrawn":' || CAST(to_json({'positions': count(DISTINCT position), 'ms': coalesce(sum(ms), 0)}) AS VARCHAR) || ','
          FROM withdrawn
UNION ALL SELECT 4, 0, '"center_away":' || CAST(to_json(coalesce(list({'city': city, 'ms': ms} ORDER BY city), [])) AS VARCHAR) || ','
          FROM away_ms
UNION ALL SELECT 4, 1, '"silent":' || CAST(to_json({'positions': count(DISTINCT position), 'units': count(DISTINCT unit)}) AS VARCHAR) || ','
          FROM silent
UNION ALL SELECT 5, 0, '"hashes":{'
UNION ALL SELECT 6, row_number() OVER (ORDER BY filename), CAST(to_json(filename) AS VARCHAR) || ':"' || sha256(content) || '"'
              || CASE WHEN lead(filename) OVER (ORDER BY filename) IS NULL THEN '' ELSE ',' END
          FROM read_blob(['policy.json', 'data/**/*.parquet'])
UNION ALL SELECT 7, 0, '},'
UNION ALL SELECT 8, 0, '"total":['
UNION ALL SELECT 9, number, line || CASE WHEN number = max(number) OVER () THEN '' ELSE ',' END FROM row_lines WHERE level = 'all'
UNION ALL SELECT 10, 0, '],"rows":['
UNION ALL SELECT 11, number, line || CASE WHEN number = max(number) OVER () THEN '' ELSE ',' END FROM row_lines WHERE level = 'row'
UNION ALL SELECT 12, 0, '],"counties":['
UNION ALL SELECT 13, number, line || CASE WHEN number = max(number) OVER () THEN '' ELSE ',' END FROM row_lines WHERE level = 'county'
UNION ALL SELECT 14, 0, '],"long_offline":['
UNION ALL SELECT 15, row_number() OVER same, CAST(to_json({'unit': unit, 'name': name, 'kind': kind, 'city': city, 'county': county,
              'positions': positions, 'lasting': lasting, 'since': moment(from_ms), 'longest_ms': longest_ms}) AS VARCHAR)
              || CASE WHEN lead(unit) OVER same IS NULL THEN '' ELSE ',' END
          FROM long_offline WINDOW same AS (ORDER BY longest_ms DESC, unit)
UNION ALL SELECT 16, 0, ']}';
