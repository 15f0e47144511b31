CREATE MATERIALIZED VIEW mart.daily_active_users
  COMMENT 'Players and logins of each day and region'
  PARTITION BY day
  REFRESH ON CHANGE
  WHEN STALE INLINE
  CHECK (players > 0)
AS SELECT day, region, COUNT(DISTINCT user_id) AS players, COUNT(*) AS logins, SUM(session_seconds) AS seconds
FROM log.login
GROUP BY day, region;
