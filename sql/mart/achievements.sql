CREATE MATERIALIZED VIEW mart.achievements
  COMMENT 'How many players reached each achievement on each day, and what it gave them'
  PARTITION BY day
  REFRESH ON CHANGE
  WHEN STALE INLINE
AS SELECT day, region, achievement, COUNT(DISTINCT user_id) AS players, SUM(points) AS points
FROM log.achievement
GROUP BY day, region, achievement;
