//! HTTP for people and Prometheus: health and metrics.
