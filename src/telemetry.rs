//! Logs and metrics: set up once, used everywhere. It must not know any part it observes.
