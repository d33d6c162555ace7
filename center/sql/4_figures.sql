-- The figures of every time of service in one place. Unknown = E \ (On ∪ Off) counts against the rate and shows in q.
-- Reads: places, served, assessed, online, outages. Makes: figures.
CREATE OR REPLACE TEMP TABLE figures AS
SELECT p.position, p.piece, p.zone, p.unit, p.unit_name, p.kind, p.region, p.region_name, p.city, p.city_name,
       p.province, p.province_name, a.e_ms,
       coalesce(o.on_ms, 0) AS on_ms, coalesce(o.off_ms, 0) AS off_ms,
       a.days, coalesce(o.days_online, 0) AS days_online, a.spots, coalesce(o.spots_online, 0) AS spots_online,
       a.planned_ms, coalesce(x.outages, 0) AS outages, coalesce(x.ms, 0) AS outage_ms,
       coalesce(x.longest_ms, 0) AS longest_ms, coalesce(x.ended, 0) AS ended, coalesce(x.ended_ms, 0) AS ended_ms
FROM served v
JOIN places p ON p.position = v.position AND p.piece = v.piece
JOIN assessed a ON a.alike = v.alike
LEFT JOIN online o ON o.service = v.service
LEFT JOIN outages x ON x.service = v.service;
