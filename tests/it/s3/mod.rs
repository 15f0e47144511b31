//! An S3 server on loopback whose objects are files of a temporary directory, and which fails as it is told.
//!
//! `s3s-fs` does the protocol. What it leaves out is added: ETags in listings, conditional reads, and
//! conditional writes that only one of two writers wins.

mod service;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use lakefront::config::{Config, Interval, Store};
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use self::service::Service;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    List,
    Get,
    Head,
    Put,
    Delete,
}

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 500.
    InternalError,
    /// 503, as S3 answers under load.
    SlowDown,
    /// 429, as other stores answer under load.
    TooMany,
    /// 403.
    AccessDenied,
    /// 400: the credentials were good once.
    ExpiredToken,
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// Nothing follows so many bytes of the body.
    Stall(usize),
    /// No answer.
    Never,
    /// It is done, and there is no answer.
    Lost,
    /// Another byte at this place of the object.
    WrongByte(usize),
    /// The listing misses the objects whose names contain this.
    Hides(&'static str),
    /// The listing has each object twice.
    Repeats,
    /// The listing says that it goes on, and gives the same page again.
    Endless,
}

/// The server. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    directory: TempDir,
    state: Arc<State>,
    task: Option<AbortOnDropHandle<()>>,
}

/// What the test and the server share.
#[derive(Debug, Default)]
struct State {
    faults: Mutex<Vec<Planned>>,
    requests: Mutex<Vec<(Operation, String)>>,
}

#[derive(Debug)]
struct Planned {
    operation: Operation,
    key: &'static str,
    times: usize,
    fault: Fault,
}

impl S3Server {
    /// A server with the empty bucket `lake`.
    pub async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("lake")).unwrap();
        let state = Arc::new(State::default());
        let service = S3ServiceBuilder::new(Service::new(directory.path(), Arc::clone(&state))).build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                connections.spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    // A client that went away, or a body that was cut on purpose.
                    let _ended = builder.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { address, directory, state, task: Some(AbortOnDropHandle::new(task)) }
    }

    /// Where an object of the bucket is on disk.
    pub fn path(&self, key: &str) -> PathBuf {
        self.directory.path().join("lake").join(key)
    }

    /// Puts an object; an old one is replaced at once.
    pub fn put(&self, key: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Beside the bucket, so that no listing sees it.
        let mut file = tempfile::NamedTempFile::new_in(self.directory.path()).unwrap();
        std::io::Write::write_all(&mut file, bytes.as_ref()).unwrap();
        file.persist(path).unwrap();
        self
    }

    /// Puts all files of a directory, by their paths below it.
    pub fn put_all(&self, directory: &Path) -> &Self {
        let mut open = vec![directory.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let key = path.strip_prefix(directory).unwrap().to_str().unwrap();
                    self.put(key, std::fs::read(&path).unwrap());
                }
            }
        }
        self
    }

    /// Lets the next requests of an operation fail whose key, or listed prefix, contains `key`.
    pub fn fail(&self, operation: Operation, key: &'static str, times: usize, fault: Fault) -> &Self {
        lock(&self.state.faults).push(Planned { operation, key, times, fault });
        self
    }

    /// Ends all faults.
    pub fn heal(&self) {
        lock(&self.state.faults).clear();
    }

    /// The requests since this was last asked, with their keys.
    pub fn requests(&self) -> Vec<(Operation, String)> {
        std::mem::take(&mut lock(&self.state.requests))
    }

    /// Closes the port and all connections.
    pub async fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _cancelled = task.await;
        }
    }

    /// Tells a config how to reach `s3://lake`, with waits that suit tests.
    pub fn configure(&self, config: &mut Config) {
        let store = Store {
            endpoint: Some(format!("http://{}", self.address)),
            region: Some("us-east-1".to_owned()),
            allow_http: true,
            anonymous: true,
            request_timeout: Some(Interval(Duration::from_millis(500))),
            retry_timeout: Some(Interval(Duration::from_secs(1))),
        };
        config.stores.insert("s3://lake".to_owned(), store);
    }
}

impl S3Server {
    /// The same for the config file of a process.
    pub fn as_yaml(&self) -> String {
        format!(
            "stores: {{ \"s3://lake\": {{ endpoint: \"http://{}\", region: us-east-1, allow_http: true, \
             anonymous: true, request_timeout: 3s, retry_timeout: 3s }} }}\n",
            self.address
        )
    }
}

impl State {
    /// Notes a request, and tells how it shall fail.
    fn enter(&self, operation: Operation, key: &str) -> Option<Fault> {
        lock(&self.requests).push((operation, key.to_owned()));
        let mut faults = lock(&self.faults);
        let planned = faults.iter_mut().find(|planned| {
            planned.operation == operation && key.contains(planned.key) && planned.times > 0
        })?;
        planned.times -= 1;
        Some(planned.fault)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
