CREATE MATERIALIZED VIEW mart.weekly_active_users
  COMMENT 'Players of the seven days that end with each day'
  PARTITION BY day
  REFRESH ON CHANGE
  DEPENDS ON (mart.user_days WINDOW 6 DAY PRECEDING)
  WHEN STALE INLINE
AS SELECT d.day, u.region, COUNT(DISTINCT u.user_id) AS players
FROM (SELECT DISTINCT day FROM mart.user_days) d
JOIN mart.user_days u ON u.day BETWEEN d.day - INTERVAL 6 DAY AND d.day
GROUP BY d.day, u.region;
