CREATE MATERIALIZED VIEW mart.user_days
  COMMENT 'What each player did on each day'
  PARTITION BY day
  REFRESH ON CHANGE
  WHEN STALE INLINE
AS SELECT day, region, user_id, COUNT(*) AS logins, SUM(session_seconds) AS seconds
FROM log.login
GROUP BY day, region, user_id;
