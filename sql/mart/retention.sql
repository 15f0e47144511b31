CREATE MATERIALIZED VIEW mart.retention
  COMMENT 'Of the players of each day, those who came back the day after and a week after'
  PARTITION BY day
  REFRESH ON CHANGE
  DEPENDS ON (mart.user_days WINDOW 0 DAY PRECEDING 7 DAY FOLLOWING)
  WHEN STALE INLINE
AS SELECT d.day, d.region, COUNT(*) AS players, COUNT(d1.user_id) AS day_1, COUNT(d7.user_id) AS day_7
FROM mart.user_days d
LEFT JOIN mart.user_days d1 ON d1.user_id = d.user_id AND d1.day = d.day + INTERVAL 1 DAY
LEFT JOIN mart.user_days d7 ON d7.user_id = d.user_id AND d7.day = d.day + INTERVAL 7 DAY
GROUP BY d.day, d.region;
