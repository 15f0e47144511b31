//! A whole server, inside the test or as a process of its own: a lake in a temporary directory, ports chosen by the
//! system.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use arrow::array::RecordBatch;
use lakefront::clock::Clock;
use lakefront::config::Config;
use lakefront::server::{self, Running};
use mysql_async::{Conn, OptsBuilder};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

/// A lake and its catalog in a temporary directory, which goes with it.
#[derive(Debug)]
pub struct Lake {
    directory: TempDir,
}

impl Lake {
    /// An empty lake with an empty catalog.
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("lake")).unwrap();
        std::fs::create_dir(directory.path().join("catalog")).unwrap();
        Self { directory }
    }

    /// The directory that holds the lake and its catalog.
    pub fn home(&self) -> &Path {
        self.directory.path()
    }

    /// Where a file of the lake is, `events/day=2026-09-01/part-0.parquet` for one.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join("lake").join(path)
    }

    /// Writes a Parquet file, with its folders. An old file of that name is replaced at once, as writers do.
    pub fn parquet(&self, path: &str, rows: &RecordBatch) -> &Self {
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).unwrap();
        writer.write(rows).unwrap();
        writer.close().unwrap();
        self.file(path, &bytes)
    }

    /// Writes any file of the lake, with its folders; whole or not at all.
    pub fn file(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        write_whole(&self.path(path), bytes.as_ref(), None);
        self
    }

    /// As [`Self::file`], and it says that it was written then.
    pub fn file_of_time(&self, path: &str, bytes: impl AsRef<[u8]>, modified: SystemTime) -> &Self {
        write_whole(&self.path(path), bytes.as_ref(), Some(modified));
        self
    }

    /// Writes a table file. Its `location` is relative to the lake.
    pub fn table(&self, database: &str, table: &str, yaml: &str) -> &Self {
        let path = self.directory.path().join("catalog").join(database).join(format!("{table}.yaml"));
        write_whole(&path, yaml.as_bytes(), None);
        self
    }

    /// Writes a view file.
    pub fn view(&self, database: &str, view: &str, sql: &str) -> &Self {
        let path = self.directory.path().join("sql").join(database).join(format!("{view}.sql"));
        write_whole(&path, sql.as_bytes(), None);
        self
    }

    /// A config for this lake: small, ports chosen by the system, new files seen at once.
    pub fn config(&self) -> Config {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config {
            listen: any_port,
            console: any_port,
            listing_interval: "0s".parse().unwrap(),
            threads: Some(2),
            shutdown_timeout: "5s".parse().unwrap(),
            ..Config::default()
        };
        config.resolve(self.directory.path());
        config
    }
}

fn write_whole(path: &Path, bytes: &[u8], modified: Option<SystemTime>) {
    let directory = path.parent().unwrap();
    std::fs::create_dir_all(directory).unwrap();
    let mut file = tempfile::Builder::new().prefix(".").suffix(".writing").tempfile_in(directory).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    if let Some(modified) = modified {
        file.as_file().set_modified(modified).unwrap();
    }
    file.persist(path).unwrap();
}

/// A server in this process. It goes with the test's runtime, or by [`TestServer::stop`].
#[derive(Debug)]
pub struct TestServer {
    pub address: SocketAddr,
    pub console: SocketAddr,
    running: Running,
}

impl TestServer {
    /// Serves a lake with its own config.
    pub async fn start(lake: &Lake) -> Self {
        Self::start_with(lake.config(), Clock::system()).await
    }

    /// Serves with any config and clock.
    pub async fn start_with(config: Config, clock: Clock) -> Self {
        let running = server::start(config, clock).await.unwrap();
        Self { address: running.mysql, console: running.console, running }
    }

    /// What the driver needs to connect as `root`; more can be set on it.
    pub fn options(&self) -> OptsBuilder {
        options(self.address)
    }

    /// A client.
    pub async fn connect(&self) -> Conn {
        Conn::new(self.options()).await.unwrap()
    }

    /// Ends the server as SIGTERM does.
    pub async fn stop(self) {
        self.running.shutdown().await;
    }
}

/// Options under which the driver itself sends no statement after its login.
pub fn options(address: SocketAddr) -> OptsBuilder {
    OptsBuilder::default()
        .ip_or_hostname(address.ip().to_string())
        .tcp_port(address.port())
        .user(Some("root"))
        .prefer_socket(false)
        .max_allowed_packet(Some(64 << 20))
        .wait_timeout(Some(28800))
}

/// The program while it serves; it is killed when the test ends early.
#[derive(Debug)]
pub struct Program {
    process: Child,
    pub address: SocketAddr,
}

impl Program {
    /// Serves a lake with these settings beside its ports.
    pub fn serve(lake: &Lake, settings: &str) -> Self {
        Self::start(&write_config(lake, settings))
    }

    /// The same by way of another program.
    pub fn serve_by(lake: &Lake, settings: &str, by: &[&str]) -> Self {
        Self::start_by(&write_config(lake, settings), by)
    }

    /// Starts it, and waits until it serves.
    pub fn start(config: &Path) -> Self {
        Self::start_by(config, &[])
    }

    fn start_by(config: &Path, by: &[&str]) -> Self {
        let own = [env!("CARGO_BIN_EXE_lakefront"), "serve", "--config"];
        let words: Vec<&str> = by.iter().copied().chain(own).collect();
        let mut process =
            Command::new(words[0]).args(&words[1..]).arg(config).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = log
            .by_ref()
            .map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap())
            .find(|line| line["message"] == "serving")
            .and_then(|line| line["listen"].as_str()?.parse().ok())
            .expect("the program serves");
        // The pipe must not fill up.
        std::thread::spawn(move || log.for_each(drop));
        Self { process, address }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Resident memory.
    pub fn memory_kib(&self) -> u64 {
        let status = self.read("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Time on a core since the start.
    pub fn busy(&self) -> Duration {
        const TICKS_A_SECOND: u64 = 100;
        let stat = self.read("stat");
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(Path::new("/proc").join(self.process.id().to_string()).join(file)).unwrap()
    }

    /// Sends a signal, `TERM` for one.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Sends SIGTERM, waits for the end and returns the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.process.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already in a test that went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A config file for a lake, with the system's choice of ports.
pub fn write_config(lake: &Lake, more: &str) -> PathBuf {
    let path = lake.home().join("lakefront.yaml");
    std::fs::write(&path, format!("listen: 127.0.0.1:0\nconsole: 127.0.0.1:0\n{more}log_format: json\n"))
        .unwrap();
    path
}
