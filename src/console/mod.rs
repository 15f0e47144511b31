//! HTTP for people and Prometheus: health, metrics, and a page that says what this server is.
//!
//! It reads what the parts tell about themselves; it changes nothing and runs no query.

use std::fmt::Write;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::telemetry::Metrics;

/// What the pages show.
#[derive(Debug)]
pub struct Shared {
    /// The tables.
    pub catalog: Arc<Catalog>,
    /// The metrics of this process.
    pub metrics: Metrics,
    /// Cancelled when the server no longer takes new connections.
    pub draining: CancellationToken,
}

/// Answers HTTP on `listener` until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route("/", get(front_page))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(shared);
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// Whether a load balancer should send clients here. The catalog was read before the console listens.
async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if shared.draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
    }
    (StatusCode::OK, "ready\n")
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shared.metrics.render())
}

/// The databases and their tables, as plain text.
async fn front_page(State(shared): State<Arc<Shared>>) -> String {
    let mut page = format!("Lakefront {}\n\n", env!("CARGO_PKG_VERSION"));
    for database in shared.catalog.snapshot().databases.values() {
        for table in database.tables.values() {
            // Writing to a String cannot fail.
            let _ = writeln!(page, "{}.{}  {}", database.name, table.name, table.comment);
        }
    }
    page.push_str("\n/healthz  whether the process lives\n/readyz   whether it takes clients\n/metrics  for Prometheus\n");
    page
}
