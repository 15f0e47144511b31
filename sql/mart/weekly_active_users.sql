CREATE MATERIALIZED VIEW mart.weekly_active_users
  COMMENT 'Players of the seven days that end with each day'
  PARTITION BY day
  REFRESH ON CHANGE
  DEPENDS ON (mart.user_days WINDOW 6 DAY PRECEDING)
  WHEN STALE INLINE
AS SELECT c.day, u.region, COUNT(DISTINCT u.user_id) AS players
FROM calendar() c JOIN mart.user_days u ON u.day BETWEEN c.day - INTERVAL 6 DAY AND c.day
GROUP BY c.day, u.region;
