//! Who may see the pages: users with their passwords, by HTTP's Basic authentication; without a users file, everybody on
//! this machine. It must not know what the pages show.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::auth::{self, Failures};
use crate::engine::functions::encode::read_base64;

/// Requests of pages that are answered at once, those that are held back among them.
const REQUESTS_MAX: usize = 64;
/// Longest credentials that are read.
const CREDENTIALS_MAX: usize = 1_024;
/// Who everybody is where there are no users.
const ROOT: &str = "root";

/// Lets people in.
#[derive(Debug)]
pub struct Door {
    users: Arc<auth::Current>,
    failures: Failures,
    places: Semaphore,
}

/// Somebody who was let in.
#[derive(Debug)]
pub struct Visitor<'a> {
    /// The user.
    pub name: String,
    _place: SemaphorePermit<'a>,
}

impl Door {
    /// A door for users. The answer to a wrong password is held back for `delay_max` at most.
    pub fn new(users: Arc<auth::Current>, delay_max: Duration) -> Self {
        let failures = Failures::new(delay_max);
        Self { users, failures, places: Semaphore::new(REQUESTS_MAX) }
    }

    /// Lets somebody in, or tells what to answer.
    pub async fn enter(&self, address: SocketAddr, headers: &HeaderMap) -> Result<Visitor<'_>, Response> {
        let full = |_| (StatusCode::SERVICE_UNAVAILABLE, "too many requests at once\n").into_response();
        let place = self.places.try_acquire().map_err(full)?;
        let users = self.users.users();
        if users.is_loopback_only() {
            // Pages tell what people ask; without users only this machine may ask anything.
            if !address.ip().to_canonical().is_loopback() {
                let text = "there are no users: set `users` in the config, or come from this machine\n";
                return Err((StatusCode::FORBIDDEN, text).into_response());
            }
            return Ok(Visitor { name: ROOT.to_owned(), _place: place });
        }
        let Some((name, password)) = credentials(headers) else { return Err(who_are_you()) };
        if users.accept_password(&name, password.as_bytes()) {
            return Ok(Visitor { name, _place: place });
        }
        metrics::counter!("lakefront_logins_denied_total").increment(1);
        let delay = self.failures.count(Some(address.ip()), Instant::now());
        tokio::time::sleep(delay).await;
        Err(who_are_you())
    }
}

fn who_are_you() -> Response {
    let challenge = "Basic realm=\"Lakefront\", charset=\"UTF-8\"";
    let text = "log in as a user of this server\n";
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], text).into_response()
}

/// The name and the password of a request.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > CREDENTIALS_MAX {
        return None;
    }
    let mut decoded = vec![];
    read_base64(encoded.as_bytes(), &mut decoded)?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}
