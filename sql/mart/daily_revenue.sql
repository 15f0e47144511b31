CREATE MATERIALIZED VIEW mart.daily_revenue
  COMMENT 'Orders, paying players and money of each day and region; amount is in the currency of the region'
  PARTITION BY day
  REFRESH ON CHANGE
  WHEN STALE INLINE
  CHECK (amount >= 0)
AS SELECT day, region, currency, COUNT(*) AS orders, COUNT(DISTINCT user_id) AS paying_users, SUM(amount) AS amount
FROM log.purchase
GROUP BY day, region, currency;
