//! What the wire costs: rows a second to a client that only reads bytes, short statements and logins, beside MariaDB
//! with the same rows. Both servers are processes of their own, take turns, and share the machine with the client.
//!
//! `cargo bench --bench wire` needs `lineitem` of TPC-H where `benches/tpch/run.py` puts it, or `LAKEFRONT_TPCH=DIR`,
//! and mariadb-server; without the latter Lakefront is measured alone. `cargo bench --bench wire -- reads` (or
//! `statements`, `logins`) measures a part.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails where it is")]
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark takes its time, and its settings from the environment"
)]

mod client;
mod servers;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use client::Client;
use servers::Server;

const ROUNDS: usize = 3;
const PERIOD: Duration = Duration::from_secs(3);
const ROWS: u64 = 6_001_215;

const READS: [(&str, &str); 3] = [
    ("narrow", "SELECT l_orderkey, l_partkey, l_suppkey, l_linenumber FROM tpch.lineitem"),
    ("wide", "SELECT * FROM tpch.lineitem"),
    ("string", "SELECT l_orderkey, l_comment FROM tpch.lineitem"),
];

fn main() {
    let part = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    let servers = servers::start();
    if wanted("reads") {
        for (name, query) in READS {
            for prepared in [false, true] {
                read(&servers, name, query, prepared);
            }
        }
    }
    if wanted("statements") {
        for connections in [1, 64] {
            statements(&servers, connections);
        }
    }
    if wanted("logins") {
        for encrypted in [false, true] {
            logins(&servers, encrypted);
        }
    }
    for server in &servers {
        println!("{}: {} MiB at most", server.name, server.memory_peak() >> 10);
    }
}

/// A full read, drained; the best of some rounds.
fn read(servers: &[Server], name: &str, query: &str, prepared: bool) {
    let mut best = vec![(0.0_f64, Duration::MAX); servers.len()];
    for _ in 0..ROUNDS {
        for (server, best) in servers.iter().zip(&mut best) {
            let mut client = Client::connect(server, false);
            let begun = Instant::now();
            let (rows, first) = if prepared { client.execute(query) } else { client.query(query) };
            assert_eq!(rows, ROWS, "{}", server.name);
            best.0 = best.0.max(rows as f64 / begun.elapsed().as_secs_f64());
            best.1 = best.1.min(first.duration_since(begun));
        }
    }
    let protocol = if prepared { "binary" } else { "text" };
    let rates: Vec<f64> = best.iter().map(|(rate, _)| *rate).collect();
    let first: Vec<String> =
        best.iter().map(|(_, first)| format!("{:.1} ms", first.as_secs_f64() * 1e3)).collect();
    report(
        servers,
        &format!("{name}, {protocol}"),
        "rows/s",
        &rates,
        &format!("first row {}", first.join(" : ")),
    );
}

/// `SELECT 1`, one after the other on each of some connections.
fn statements(servers: &[Server], connections: usize) {
    let rates = best_of(servers, |server| {
        let clients = (0..connections).map(|_| Client::connect(server, false)).collect();
        in_parallel(clients, |client| {
            client.query("SELECT 1");
        })
    });
    report(servers, &format!("SELECT 1 on {connections}"), "a second", &rates, "");
}

/// Connecting, logging in and leaving, by four clients at once.
fn logins(servers: &[Server], encrypted: bool) {
    let rates =
        best_of(servers, |server| in_parallel(vec![(); 4], |()| Client::connect(server, encrypted).leave()));
    report(servers, if encrypted { "logins with TLS" } else { "logins" }, "a second", &rates, "");
}

fn best_of(servers: &[Server], measure: impl Fn(&Server) -> f64) -> Vec<f64> {
    let mut best = vec![0.0_f64; servers.len()];
    for _ in 0..ROUNDS {
        for (server, best) in servers.iter().zip(&mut best) {
            *best = best.max(measure(server));
        }
    }
    best
}

/// How often a second, all clients together, for a while.
fn in_parallel<T: Send>(clients: Vec<T>, act: impl Fn(&mut T) + Sync) -> f64 {
    let (count, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for mut client in clients {
            scope.spawn({
                let (count, stop, act) = (&count, &stop, &act);
                move || {
                    while !stop.load(Ordering::Relaxed) {
                        act(&mut client);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        std::thread::sleep(PERIOD);
        stop.store(true, Ordering::Relaxed);
    });
    count.into_inner() as f64 / begun.elapsed().as_secs_f64()
}

fn report(servers: &[Server], what: &str, unit: &str, rates: &[f64], more: &str) {
    let told: Vec<String> =
        servers.iter().zip(rates).map(|(server, rate)| format!("{} {rate:.0}", server.name)).collect();
    let ratio = match rates {
        [ours, other] => format!(", {:.2} times", ours / other),
        _ => String::new(),
    };
    println!("{what:18} {} {unit}{ratio}  {more}", told.join(", "));
}
