//! Everything that can be set, with its default. The only module that reads settings and the
//! environment; it must not know what the parts do with them.

mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use values::{ByteSize, FileMode, Interval, Network, Secret, TimeOfDay, TimeZone};

/// The server's settings: `lakefront.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of the MySQL protocol.
    pub listen: SocketAddr,
    /// File of the Unix socket, for clients on this machine; without it there is none.
    pub socket: Option<PathBuf>,
    /// Who may use the Unix socket.
    pub socket_mode: FileMode,
    /// Proxies, which tell by the PROXY protocol whom they speak for, and must.
    pub proxy_protocol_from: Vec<Network>,
    /// Address of the console: health, metrics, pages.
    pub console: SocketAddr,
    /// Root that relative table locations refer to: a path or an object-store URL.
    pub lake: String,
    /// Directory or object-store URL of the table files, `<database>/<table>.yaml`.
    pub catalog: String,
    /// Directory or object-store URL of the view files, `<database>/<view>.sql`.
    pub views: String,
    /// Directory or object-store URL where published days live.
    pub warehouse: String,
    /// How long versions of published days are kept that newer ones took the place of.
    pub warehouse_retention: Interval,
    /// Refreshes of views that run at once.
    pub refreshes_at_once: usize,
    /// How long a refresh that somebody or a schedule asked for waits for other refreshes of the same days.
    pub refresh_wait: Interval,
    /// File of password verifiers; without it the server serves loopback only, as `root` without a password.
    pub users: Option<PathBuf>,
    /// Certificate and key of encrypted connections; without it there are none.
    pub tls: Option<Tls>,
    /// Memory of all queries together.
    pub memory: ByteSize,
    /// Memory of one query; half of `memory` when it is not set.
    pub memory_per_query: Option<ByteSize>,
    /// Where queries put what does not fit into memory.
    pub spill: Spill,
    /// Object stores by URL prefix, `s3://bucket`.
    pub stores: BTreeMap<String, Store>,
    /// What is kept in memory of the lake.
    pub cache: Cache,
    /// How long a listing of files may be used before it is read again; a new file is visible after at most this.
    pub listing_interval: Interval,
    /// Threads that run queries; the number of cores when it is not set.
    pub threads: Option<usize>,
    /// Connections at once; one more gets error 1040.
    pub max_connections: usize,
    /// Connections that nobody has logged in on yet; half of `max_connections` when it is not set.
    pub max_unauthenticated_connections: Option<usize>,
    /// Connections of one user at once; one more gets error 1203. Zero is no limit.
    pub max_user_connections: usize,
    /// Longest time that the answer to a failed login is held back, when there were many from its address.
    pub failed_login_delay: Interval,
    /// After how much silence a client's machine is asked whether it is still there; zero is never.
    pub tcp_keepalive: Interval,
    /// Queries that run at once; twice the number of threads when it is not set.
    pub max_running_queries: Option<usize>,
    /// Queries that wait for their turn; one more is refused.
    pub max_queued_queries: usize,
    /// Longest time a query waits for its turn.
    pub queue_timeout: Interval,
    /// Default of the variable `max_execution_time`; zero is no limit.
    pub max_execution_time: Interval,
    /// Time from connecting to being logged in.
    pub connect_timeout: Interval,
    /// Largest statement a client may send.
    pub max_allowed_packet: ByteSize,
    /// How long a shutdown waits for running queries before it cancels them.
    pub shutdown_timeout: Interval,
    /// Whom to tell of what happens to views.
    pub notify: Vec<Notify>,
    /// When to tell what happened on a day; never when it is not set.
    pub summary: Option<Summary>,
    /// Which log lines are written: a level, or levels by module, as in `info,lakefront::lake=debug`.
    pub log: String,
    /// Log lines as text or as JSON.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3306)),
            socket: None,
            socket_mode: FileMode(0o777),
            proxy_protocol_from: Vec::new(),
            console: SocketAddr::from(([127, 0, 0, 1], 8080)),
            lake: "lake".into(),
            catalog: "catalog".into(),
            views: "sql".into(),
            warehouse: "warehouse".into(),
            warehouse_retention: Interval(Duration::from_secs(7 * 24 * 3_600)),
            refreshes_at_once: 2,
            refresh_wait: Interval(Duration::from_secs(3_600)),
            users: None,
            tls: None,
            memory: ByteSize::gib(4),
            memory_per_query: None,
            spill: Spill::default(),
            stores: BTreeMap::new(),
            cache: Cache::default(),
            listing_interval: Interval(Duration::from_secs(10)),
            threads: None,
            max_connections: 1_000,
            max_unauthenticated_connections: None,
            max_user_connections: 0,
            failed_login_delay: Interval(Duration::from_secs(2)),
            tcp_keepalive: Interval(Duration::from_secs(60)),
            max_running_queries: None,
            max_queued_queries: 1_000,
            queue_timeout: Interval(Duration::from_secs(60)),
            max_execution_time: Interval(Duration::ZERO),
            connect_timeout: Interval(Duration::from_secs(10)),
            max_allowed_packet: ByteSize::mib(64),
            shutdown_timeout: Interval(Duration::from_secs(30)),
            notify: Vec::new(),
            summary: None,
            log: "info".into(),
            log_format: LogFormat::Text,
        }
    }
}

/// How connections are encrypted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file of the certificate, followed by those of its issuers.
    pub certificate: PathBuf,
    /// PEM file of the certificate's private key.
    pub key: PathBuf,
    /// Whether clients that do not use it are refused.
    #[serde(default)]
    pub required: bool,
    /// How often the files are looked at for a new certificate.
    #[serde(default = "Tls::check_interval")]
    pub check_interval: Interval,
}

impl Tls {
    fn check_interval() -> Interval {
        Interval(Duration::from_secs(10))
    }
}

/// Disk that queries may use when memory runs out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spill {
    /// Directory of the spill files; the system's temporary directory when it is not set.
    pub directory: Option<PathBuf>,
    /// Most bytes on disk, all queries together.
    pub limit: ByteSize,
}

impl Default for Spill {
    fn default() -> Self {
        Self { directory: None, limit: ByteSize::gib(50) }
    }
}

/// One object store. Credentials come from the standard AWS variables of the environment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// URL of the service; the provider's own when it is not set.
    pub endpoint: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
    /// Whether plain HTTP is allowed.
    pub allow_http: bool,
    /// Whether requests are sent unsigned, for public buckets.
    pub anonymous: bool,
    /// Longest time of one request; 10 seconds when it is not set.
    pub request_timeout: Option<Interval>,
    /// Longest time that one operation is tried again; 15 seconds when it is not set.
    pub retry_timeout: Option<Interval>,
}

/// Limits of what is kept in memory of the lake.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Bytes of small remote files.
    pub files: ByteSize,
    /// Remote files up to this size are fetched whole, in one request.
    pub small_file: ByteSize,
    /// Footers and statistics of Parquet files.
    pub footers: ByteSize,
    /// Listings of files.
    pub listings: ByteSize,
    /// Rows of what is published of views, where they are few.
    pub rows: ByteSize,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            files: ByteSize::mib(512),
            small_file: ByteSize::mib(4),
            footers: ByteSize::mib(256),
            listings: ByteSize::mib(256),
            rows: ByteSize::mib(128),
        }
    }
}

/// Whom to tell of what happens to views. Where both addresses are set, both are told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// An incoming webhook of Slack.
    pub slack: Option<Secret>,
    /// An address that takes a JSON document.
    pub webhook: Option<Secret>,
    /// What to tell; all when it is empty.
    pub events: Vec<NotifyEvent>,
}

/// When to tell what happened on a day, to those of `notify` who want to hear `summary`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The time on the next day.
    pub at: TimeOfDay,
    /// Where that is the time, and where the day begins and ends.
    #[serde(default)]
    pub time_zone: TimeZone,
}

/// A kind of event.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum NotifyEvent {
    /// A view's refresh failed; the first of a streak.
    Failed,
    /// It went well again.
    Recovered,
    /// A day is later than was declared.
    Late,
    /// What happened on a day.
    Summary,
    /// The scheduler stands still.
    Scheduler,
    /// Somebody tries it out.
    Test,
}

impl NotifyEvent {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Recovered => "recovered",
            Self::Late => "late",
            Self::Summary => "summary",
            Self::Scheduler => "scheduler",
            Self::Test => "test",
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why a config cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the config {}", path.display())]
    Read {
        /// The config file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what a config looks like.
    #[error("{}:{line}: {message}", path.display())]
    Invalid {
        /// The config file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The field, and what is wrong with it.
        message: String,
    },
    /// A value can be read but not used.
    #[error("{}: {field}: {message}", path.display())]
    Value {
        /// The config file.
        path: PathBuf,
        /// The field.
        field: String,
        /// What is wrong with it.
        message: String,
    },
}

impl Config {
    /// Reads a config file. Paths in it are relative to the file's directory.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let mut config: Self = match serde_yaml::from_str::<Option<Self>>(&text) {
            Ok(config) => config.unwrap_or_default(),
            Err(error) => {
                let (line, message) = line_and_message(&error);
                return Err(Error::Invalid { path: path.to_owned(), line, message });
            }
        };
        if let Err((field, message)) = config.check() {
            return Err(Error::Value { path: path.to_owned(), field, message: message.to_owned() });
        }
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// What no type can say: the field that cannot be used, and why.
    fn check(&self) -> Result<(), (String, &'static str)> {
        let at_least_one = [
            ("threads", self.threads),
            ("max_connections", Some(self.max_connections)),
            ("max_unauthenticated_connections", self.max_unauthenticated_connections),
            ("max_running_queries", self.max_running_queries),
            ("refreshes_at_once", Some(self.refreshes_at_once)),
        ];
        if let Some((field, _)) = at_least_one.into_iter().find(|(_, value)| *value == Some(0)) {
            return Err((field.into(), "must be at least 1"));
        }
        if self.memory < ByteSize::mib(16) {
            return Err(("memory".into(), "must be at least 16MiB"));
        }
        if self.memory_per_query.is_some_and(|limit| limit > self.memory) {
            return Err(("memory_per_query".into(), "must not be more than `memory`"));
        }
        if self.max_allowed_packet < ByteSize::mib(1) || self.max_allowed_packet > ByteSize::gib(1) {
            return Err(("max_allowed_packet".into(), "must be from 1MiB to 1GiB, as in MySQL"));
        }
        for (index, target) in self.notify.iter().enumerate() {
            let addresses = [&target.slack, &target.webhook];
            if addresses.iter().all(|address| address.is_none()) {
                return Err((format!("notify[{index}]"), "set `slack` or `webhook` to an address"));
            }
            let is_address = |secret: &Secret| {
                let url = url::Url::parse(secret.reveal());
                url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            };
            if !addresses.into_iter().flatten().all(is_address) {
                return Err((format!("notify[{index}]"), "an address begins with https:// or http://"));
            }
        }
        if let Some(prefix) = self.stores.keys().find(|prefix| !prefix.contains("://")) {
            return Err((format!("stores.{prefix}"), "a store is named by its URL, such as s3://bucket"));
        }
        Ok(())
    }

    /// Makes relative paths relative to `base`; URLs stay as they are.
    pub fn resolve(&mut self, base: &Path) {
        for location in [&mut self.lake, &mut self.catalog, &mut self.views, &mut self.warehouse] {
            if !location.contains("://") {
                *location = base.join(&*location).to_string_lossy().into_owned();
            }
        }
        let certificate = self.tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key]);
        let paths = [&mut self.users, &mut self.socket, &mut self.spill.directory].into_iter().flatten();
        for path in paths.chain(certificate) {
            *path = base.join(&*path);
        }
    }

    /// Connections that nobody has logged in on yet.
    pub fn unauthenticated_connections(&self) -> usize {
        self.max_unauthenticated_connections.unwrap_or(self.max_connections / 2).max(1)
    }

    /// Threads that run queries.
    pub fn query_threads(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
    }
}

/// What a test lets go wrong at the so-and-so-many-th write of a process.
#[cfg(debug_assertions)]
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The process dies there.
    Die(u64),
    /// The write fails there.
    Fail(u64),
    /// The write there never ends.
    Hang(u64),
}

/// What the environment variable `LAKEFRONT_FAULT` asks for: `die:7`, `fail:7`, `hang:7`. A release build asks nobody.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the environment")]
pub fn fault() -> Option<Fault> {
    let wanted = std::env::var("LAKEFRONT_FAULT").ok()?;
    let (kind, at) = wanted.split_once(':')?;
    let at = at.parse().ok()?;
    match kind {
        "die" => Some(Fault::Die(at)),
        "fail" => Some(Fault::Fail(at)),
        "hang" => Some(Fault::Hang(at)),
        _ => None,
    }
}

/// YAML's error without its own way of writing the place.
fn line_and_message(error: &serde_yaml::Error) -> (usize, String) {
    let text = error.to_string();
    match error.location() {
        Some(place) => {
            let written = format!(" at line {} column {}", place.line(), place.column());
            (place.line(), text.replace(&written, ""))
        }
        None => (1, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lakefront.yaml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path).map_err(|error| {
            let home = format!("{}/", directory.path().display());
            error.to_string().replace(&home, "")
        })
    }

    #[test]
    fn mistakes_name_file_line_and_field() {
        let check = |text: &str, expected: &str| assert_eq!(read(text).unwrap_err(), expected, "{text}");
        check(
            "lake: /srv/lake\nmemory: lots\n",
            "lakefront.yaml:2: memory: invalid value: string \"lots\", expected a size such as 512MiB or 8GiB",
        );
        check(
            "lake: x\n\nqueue_timeout: 5 parsecs\n",
            "lakefront.yaml:3: queue_timeout: invalid value: string \"5 parsecs\", \
             expected a time such as 500ms, 10s, 15m or 2h",
        );
        check(
            "queue_timeout: 5\n",
            "lakefront.yaml:1: queue_timeout: invalid value: integer `5`, expected a time such as 500ms, 10s, 15m or 2h",
        );
        check("listen: everywhere\n", "lakefront.yaml:1: listen: invalid socket address syntax");
        check(
            "spill:\n  directory: /tmp\n  size: 5GiB\n",
            "lakefront.yaml:3: spill: unknown field `size`, expected `directory` or `limit`",
        );
        check("threads: [1, 2]\n", "lakefront.yaml:1: threads: invalid type: sequence, expected usize");
        check("threads: 0\n", "lakefront.yaml: threads: must be at least 1");
        check("memory_per_query: 9GiB\n", "lakefront.yaml: memory_per_query: must not be more than `memory`");
        check(
            "stores: { game-lake: { region: eu-1 } }\n",
            "lakefront.yaml: stores.game-lake: a store is named by its URL, such as s3://bucket",
        );
        check(
            "notify: [{ events: [late] }]\n",
            "lakefront.yaml: notify[0]: set `slack` or `webhook` to an address",
        );
        check(
            "notify: [{ slack: 'ftp://x' }]\n",
            "lakefront.yaml: notify[0]: an address begins with https:// or http://",
        );
        check(
            "notify:\n- webhook: https://x/${LAKEFRONT_NO_SUCH_VARIABLE}\n",
            "lakefront.yaml:2: notify[0]: the environment has no variable LAKEFRONT_NO_SUCH_VARIABLE",
        );
        check(
            "summary: { at: 8 o'clock }\n",
            "lakefront.yaml:1: summary.at: invalid value: string \"8 o'clock\", \
             expected a time of day such as 08:30",
        );
        check(
            "summary:\n  at: 08:30\n  time_zone: Mars\n",
            "lakefront.yaml:3: summary.time_zone: invalid value: string \"Mars\", \
             expected a time zone such as Asia/Seoul",
        );
        let unknown = read("listne: 127.0.0.1:3306\n").unwrap_err();
        assert!(
            unknown.starts_with("lakefront.yaml:1: unknown field `listne`, expected one of `listen`"),
            "{unknown}"
        );
        let syntax = read("lake: \"open\n").unwrap_err();
        assert!(syntax.starts_with("lakefront.yaml:2: "), "{syntax}");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config =
            read("lake: data\ncatalog: /etc/catalog\nviews: s3://bucket/sql\nusers: users.yaml\n").unwrap();
        assert!(config.lake.ends_with("/data") && config.lake.starts_with('/'), "{}", config.lake);
        assert_eq!(config.catalog, "/etc/catalog");
        assert_eq!(config.views, "s3://bucket/sql");
        assert!(config.users.unwrap().is_absolute());
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        let config = read("# nothing\n").unwrap();
        assert_eq!(config.listen, Config::default().listen);
        assert_eq!(config.memory, ByteSize::gib(4));
    }

    #[test]
    fn modes_and_networks_are_read() {
        assert_eq!(read("socket_mode: '0660'\n").unwrap().socket_mode, FileMode(0o660));
        assert_eq!(
            read("socket_mode: '0990'\n").unwrap_err(),
            "lakefront.yaml:1: socket_mode: invalid value: string \"0990\", expected a mode such as \"0660\""
        );
        assert_eq!(
            read("proxy_protocol_from: [10.0.0.0/8, here]\n").unwrap_err(),
            "lakefront.yaml:1: proxy_protocol_from[1]: invalid value: string \"here\", \
             expected a network such as 10.0.0.0/8 or fd00::/8"
        );
    }
}
