-- Any level: ΣOn/ΣE (pooled, not a mean of means); each kind of unit apart, and "" for all of them. A position counts once.
-- Reads: figures, settings. Makes: levels.
CREATE OR REPLACE TEMP TABLE counted AS
SELECT * FROM figures
WHERE len((SELECT kinds FROM settings)) = 0 OR list_contains((SELECT kinds FROM settings), kind);

CREATE OR REPLACE TEMP TABLE levels AS
WITH named AS (
    SELECT 'province' AS level, province AS key, province_name AS name, * FROM counted
    UNION ALL SELECT 'city', city, city_name, * FROM counted
    UNION ALL SELECT 'county', region, region_name, * FROM counted
    UNION ALL SELECT 'unit', unit, unit_name, * FROM counted
)
SELECT level, key, any_value(name) AS name, coalesce(kind, '') AS kind,
       count(DISTINCT position) FILTER (e_ms > 0) AS slots, sum(e_ms) AS e_ms, sum(on_ms) AS on_ms, sum(off_ms) AS off_ms,
       sum(days) AS days, sum(days_online) AS days_online, sum(spots) AS spots, sum(spots_online) AS spots_online,
       sum(planned_ms) AS planned_ms, sum(outages) AS outages, sum(outage_ms) AS outage_ms,
       max(longest_ms) AS longest_ms, sum(ended) AS ended, sum(ended_ms) AS ended_ms
FROM named
GROUP BY GROUPING SETS ((level, key, kind), (level, key));

INSERT INTO levels
SELECT 'slot', position, any_value(zone), '', CAST(bool_or(e_ms > 0) AS INTEGER), sum(e_ms), sum(on_ms), sum(off_ms),
       sum(days), sum(days_online), sum(spots), sum(spots_online), sum(planned_ms), sum(outages), sum(outage_ms),
       max(longest_ms), sum(ended), sum(ended_ms)
FROM counted GROUP BY position;
