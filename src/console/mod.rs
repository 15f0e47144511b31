//! HTTP for people and Prometheus: health, metrics, and pages that show how views, source days and statements are.
//!
//! It reads what the parts tell about themselves; it changes nothing and runs no query.

mod door;
mod html;
mod overview;
mod page;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::door::Door;
pub use self::overview::Overviews;
use crate::catalog::TableId;
use crate::clock::Clock;
use crate::engine::session::Engine;
use crate::engine::views::handle::Refreshes;
use crate::scheduler::Scheduler;
use crate::telemetry::Metrics;
use crate::views::Views;

/// What the pages show.
#[derive(Debug)]
pub struct Shared {
    /// The views, and what was refreshed.
    pub views: Arc<Views>,
    /// How the views are.
    pub refreshes: Arc<dyn Refreshes>,
    /// What runs.
    pub engine: Arc<Engine>,
    /// Whether it lives.
    pub scheduler: Scheduler,
    /// The time.
    pub clock: Clock,
    /// Who may see pages.
    pub door: Door,
    /// What was gathered for the front page.
    pub overviews: Overviews,
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
        .route("/", get(front))
        .route("/views/{database}/{view}", get(view))
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(shared)
        .into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// Whether the server does all that it is for. What is refreshed by itself depends on the scheduler, which nobody but
/// whoever asks from outside may miss.
async fn health(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    health_of(&shared.scheduler)
}

fn health_of(scheduler: &Scheduler) -> (StatusCode, String) {
    if !scheduler.is_dead() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let since = scheduler.heartbeat().format("%Y-%m-%d %H:%M:%S UTC");
    let text = format!("the scheduler has not looked at its jobs since {since}: restart the server\n");
    (StatusCode::SERVICE_UNAVAILABLE, text)
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

async fn front(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let visitor = match shared.door.enter(address, &headers).await {
        Ok(visitor) => visitor,
        Err(refusal) => return refusal,
    };
    let overview = shared.overviews.get(&shared).await;
    show(page::front(&overview, &overview::queries(&shared, &visitor.name)))
}

async fn view(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Path((database, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let _visitor = match shared.door.enter(address, &headers).await {
        Ok(visitor) => visitor,
        Err(refusal) => return refusal,
    };
    match overview::of_view(&shared, &TableId::new(&database, &name)).await {
        Some((overview, runs)) => show(page::view(&overview, &runs, shared.clock.now())),
        None => (StatusCode::NOT_FOUND, "there is no materialized view of this name\n").into_response(),
    }
}

/// A page: nothing runs in it, nothing is fetched for it, nobody frames or keeps it.
fn show(page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_that_of_the_scheduler_too() {
        let scheduler = Scheduler::new(Clock::fixed("2026-09-01T02:03:04Z".parse().unwrap()), 1);
        assert_eq!(health_of(&scheduler), (StatusCode::OK, "ok\n".to_owned()));
        scheduler.note_dead(true);
        let (status, text) = health_of(&scheduler);
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            text,
            "the scheduler has not looked at its jobs since 2026-09-01 02:03:04 UTC: restart the server\n"
        );
        scheduler.note_dead(false);
        assert_eq!(health_of(&scheduler).0, StatusCode::OK);
    }
}
