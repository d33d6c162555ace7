-- The bulletin as JSON, one row on a line: what the center states of it, the hashes of all that it is made of, the figures.
-- Reads: about, settings, assessment, away, withdrawn. Makes: bulletin (number, line).

-- As officials compute: rounded half up, but never into a pass, nor into nothing. Both whole numbers stand beside it.
CREATE OR REPLACE TEMP MACRO hundredths(n, d) AS
    CASE WHEN 0 < n AND n < d THEN least(greatest((n * 20000 + d) // (2 * d), 1), 9999) ELSE (n * 20000 + d) // (2 * d) END;
CREATE OR REPLACE TEMP MACRO percent(n, d) AS
    CASE WHEN d = 0 THEN 'n/a'
         ELSE (hundredths(n, d) // 100) || '.' || lpad(CAST(hundredths(n, d) % 100 AS VARCHAR), 2, '0') || '%' END;
CREATE OR REPLACE TEMP MACRO ratio(n, d) AS {'numerator': n, 'denominator': d, 'text': percent(n, d)};

CREATE OR REPLACE TEMP TABLE row_lines AS
SELECT level, row_number() OVER (PARTITION BY level ORDER BY place, key, kind) AS number,
       CAST(to_json({'place': place, 'code': key, 'name': name, 'kind': kind,
           'obligated': obligated, 'covered': covered, 'coverage': ratio(covered, obligated), 'positions': positions,
           'time': ratio(on_ms, e_ms), 'days': ratio(days_online, days), 'spot': ratio(spots_online, spots),
           'evidence': ratio(on_ms + off_ms, e_ms), 'center_away_ms': own_ms, 'planned_ms': planned_ms,
           'second_opinion': {'told_ms': platform_ms, 'platform_cannot_open_ms': cannot_ms, 'platform_opens_ms': opens_ms},
           'verdict': verdict, 'failing': failing, 'first': first}) AS VARCHAR) AS line
FROM assessment;

CREATE OR REPLACE TEMP TABLE bulletin AS
WITH away_ms AS (SELECT city, sum(to_ms - from_ms) AS ms FROM away GROUP BY city)
SELECT 0 AS part, 0 AS number, '{"format":"canteen-bulletin/1",' AS line
UNION ALL SELECT 1, 0, '"about":{' || string_agg(CAST(to_json(key) AS VARCHAR) || ':' || value, ',' ORDER BY number) || '},' FROM about
UNION ALL SELECT 2, 0, '"settings":' || CAST(to_json(s) AS VARCHAR) || ',' FROM settings s
UNION ALL SELECT 3, 0, '"withdrawn":' || CAST(to_json({'positions': count(DISTINCT position), 'ms': coalesce(sum(ms), 0)}) AS VARCHAR) || ','
          FROM withdrawn
UNION ALL SELECT 4, 0, '"center_away":' || CAST(to_json(coalesce(list({'city': city, 'ms': ms} ORDER BY city), [])) AS VARCHAR) || ','
          FROM away_ms
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
UNION ALL SELECT 14, 0, ']}';
