//! Logs and metrics: set up once, used everywhere. It must not know any part it observes.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::LogFormat;

/// How often old samples are folded into the histograms.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Bounds of the histograms of times, in seconds: from a cached answer to a long report.
const SECONDS: &[f64] = &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0];

/// Bounds of the histograms of bytes, from 1 KiB to 16 GiB.
const BYTES: &[f64] =
    &[1024.0, 16384.0, 262_144.0, 4_194_304.0, 67_108_864.0, 1_073_741_824.0, 17_179_869_184.0];

/// Why logs or metrics cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter is not one.
    #[error("cannot use the log filter `{filter}`; write it like `info` or `info,lakefront::lake=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// Why.
        source: ParseError,
    },
    /// Something else in this process writes logs or keeps metrics already.
    #[error("cannot set up {what}: this process has them already")]
    Taken {
        /// Logs or metrics.
        what: &'static str,
    },
    /// The bounds of a histogram are wrong.
    #[error("cannot set up metrics")]
    Metrics(#[from] BuildError),
}

/// Starts the log of this process, on standard error. `filter` is in the form of `tracing`'s
/// directives: `info`, `info,lakefront::lake=debug`.
pub fn start_log(format: LogFormat, filter: &str) -> Result<(), Error> {
    let filter_of =
        EnvFilter::try_new(filter).map_err(|source| Error::Filter { filter: filter.to_owned(), source })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter_of)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    }
    .map_err(|_| Error::Taken { what: "logs" })
}

/// The metrics of this process. The recorder is global, so servers in one process share it.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The recorder of this process; the first call installs it.
    pub fn of_process() -> Result<Self, Error> {
        static HANDLE: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
        let mut installed = HANDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*installed {
            return Ok(Self(handle.clone()));
        }
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_bytes".into()), BYTES)?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| Error::Taken { what: "metrics" })?;
        *installed = Some(handle.clone());
        Ok(Self(handle))
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds old samples into the histograms; to be called every [`UPKEEP_INTERVAL`].
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Metrics")
    }
}
