//! The only place where the parts meet: config → parts → run → drain.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::auth::{self, Users};
use crate::catalog::{self, Catalog};
use crate::clock::Clock;
use crate::config::{Config, FileMode, Interval};
use crate::console::{self, Door, Overviews};
use crate::engine;
use crate::engine::session::Engine;
use crate::engine::views::handle::Refreshes;
use crate::engine::views::parse::Parser;
use crate::jobs::Jobs;
use crate::notify::{self, Notifier};
use crate::refresh::{Progress, Refresher};
use crate::telemetry::{self, Metrics};
use crate::views::published::Warehouse;
use crate::views::{self, Views};
use crate::wire;
use crate::wire::local::LocalListener;
use crate::wire::tls::{self, Tls};

/// How often a shutdown says what it waits for.
const DRAIN_REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// The definitions of tables and views are read again no more often than this.
const RELOAD_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Builds the parts, binds both ports and serves. When this returns, clients can connect.
pub async fn start(config: Config, clock: Clock) -> Result<Running, Error> {
    let metrics = Metrics::of_process()?;
    metrics::gauge!("lakefront_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let users = auth::Current::new(users_of(&config)?);
    let tls = config.tls.as_ref().map(Tls::read).transpose()?;
    require_directory("lake", &config.lake)?;
    require_directory("catalog", &config.catalog)?;

    let mysql = bind("listen", config.listen).await?;
    let local = config.socket.as_deref().map(|path| bind_local(path, config.socket_mode)).transpose()?;
    let console = bind("console", config.console).await?;
    let mysql_address = address_of(&mysql, config.listen)?;
    let console_address = address_of(&console, config.console)?;

    let catalog = Catalog::open(&config).await?;
    let warehouse = Warehouse::new(&config, &catalog).map_err(catalog::Error::from)?;
    let views = Views::open(&config, Arc::clone(&catalog), warehouse, Arc::new(Parser)).await?;
    let engine = Engine::new(&config, Arc::clone(&catalog), Arc::clone(&views), clock.clone())?;
    let (of_refresher, tables) = (Arc::clone(&engine), Arc::clone(&catalog));
    let refresher = Refresher::new(&config, of_refresher, tables, Arc::clone(&views), clock.clone())
        .map_err(Error::Threads)?;
    let refreshes: Arc<dyn Refreshes> = Arc::new(refresher.clone());
    engine.refresh_with(&refreshes);
    let notifier = Notifier::new(&config.notify, clock.clone())?;
    let progress = refresher.progress();
    let jobs = Jobs::new(&config, refresher, Arc::clone(&views), notifier.clone(), clock.clone());
    let (of_wire, of_console) = (Arc::clone(&engine), engine);
    let connections = wire::Shared::new(&config, of_wire, Arc::clone(&users), tls);

    let draining = CancellationToken::new();
    let stopped = CancellationToken::new();
    let pages = console::Shared {
        views: Arc::clone(&views),
        refreshes: Arc::clone(&refreshes),
        engine: of_console,
        scheduler: jobs.scheduler().clone(),
        clock,
        door: Door::new(Arc::clone(&users), config.failed_login_delay.0),
        overviews: Overviews::default(),
        metrics: metrics.clone(),
        draining: draining.clone(),
    };
    let reloading = reload(catalog, views, config.listing_interval, stopped.clone());
    let listeners = wire::Listeners { tcp: mysql, local };
    let running = Running {
        mysql: mysql_address,
        console: console_address,
        progress,
        mysql_task: tokio::spawn(wire::serve(listeners, Arc::clone(&connections), draining.clone())),
        console_task: tokio::spawn(console::serve(console, Arc::new(pages), stopped.clone())),
        upkeep_task: tokio::spawn(fold_metrics(metrics, stopped.clone())),
        jobs_task: tokio::spawn(jobs.run(draining.clone())),
        reload_task: tokio::spawn(reloading),
        notify_task: tokio::spawn(send_messages(notifier, stopped.clone())),
        connections,
        users,
        config,
        _refreshes: refreshes,
        draining,
        stopped,
    };
    info!(listen = %mysql_address, console = %console_address, "serving");
    Ok(running)
}

/// A server that serves. Dropping it leaves the parts running until their runtime ends; [`Self::shutdown`] ends them well.
#[derive(Debug)]
pub struct Running {
    /// Where MySQL clients connect.
    pub mysql: SocketAddr,
    /// Where the console answers.
    pub console: SocketAddr,
    /// How far the refresh of views is that follows changes.
    pub progress: watch::Receiver<Progress>,
    mysql_task: JoinHandle<()>,
    console_task: JoinHandle<io::Result<()>>,
    upkeep_task: JoinHandle<()>,
    jobs_task: JoinHandle<()>,
    reload_task: JoinHandle<()>,
    notify_task: JoinHandle<()>,
    connections: Arc<wire::Shared>,
    users: Arc<auth::Current>,
    config: Config,
    /// The engine knows it as long as it is here.
    _refreshes: Arc<dyn Refreshes>,
    /// Cancelled first: no new connections, not ready any more.
    draining: CancellationToken,
    /// Cancelled last: health and metrics can be read during the whole drain.
    stopped: CancellationToken,
}

impl Running {
    /// Reads the users file and the certificate again, for whoever logs in from now on. Files that cannot be used
    /// change nothing and leave a line in the log.
    pub async fn reload(&self) {
        if self.config.users.is_some() {
            match users_of(&self.config) {
                Ok(users) => {
                    info!(users = users.names().count(), "reloaded the users");
                    self.users.set(users);
                }
                Err(error) => warn!(%error, "kept the old users"),
            }
        }
        self.connections.reload_certificate().await;
    }

    /// Stops accepting, closes idle connections, waits for running statements, and cancels those that are
    /// still running after `shutdown_timeout`.
    pub async fn shutdown(self) {
        info!(connections = self.connections.open_connections(), "shutting down");
        self.draining.cancel();
        let connections = Arc::clone(&self.connections);
        report_until_done(self.mysql_task, || {
            info!(connections = connections.open_connections(), "shutdown waits for MySQL clients");
        })
        .await;
        report_until_done(self.jobs_task, || info!("shutdown waits for refreshes")).await;
        self.stopped.cancel();
        report_until_done(self.console_task, || info!("shutdown waits for the console")).await;
        report_until_done(self.upkeep_task, || info!("shutdown waits for the metrics")).await;
        report_until_done(self.reload_task, || info!("shutdown waits for the catalog")).await;
        report_until_done(self.notify_task, || info!("shutdown waits for messages")).await;
        info!("stopped");
    }
}

/// Waits for a part to end, and reports every few seconds that it has not.
async fn report_until_done<T>(task: JoinHandle<T>, report: impl Fn()) {
    let mut ticks = tokio::time::interval(DRAIN_REPORT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    tokio::pin!(task);
    loop {
        tokio::select! {
            ended = &mut task => {
                if let Err(error) = ended {
                    warn!(%error, "a part of the server ended badly");
                }
                return;
            }
            _ = ticks.tick() => report(),
        }
    }
}

async fn fold_metrics(metrics: Metrics, stopped: CancellationToken) {
    let upkeep = async {
        let mut ticks = tokio::time::interval(telemetry::UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            metrics.upkeep();
        }
    };
    let () = until(stopped, upkeep).await;
}

/// Reads again what table files and view files say, so that what others change shows by itself.
async fn reload(catalog: Arc<Catalog>, views: Arc<Views>, every: Interval, stopped: CancellationToken) {
    let rereading = async {
        let mut ticks = tokio::time::interval(every.0.max(RELOAD_INTERVAL_MIN));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = catalog.reload().await {
                warn!(%error, "the catalog cannot be read; what it said before holds");
            }
            if let Err(error) = views.reload().await {
                warn!(%error, "the views cannot be read; what they were before holds");
            }
        }
    };
    let () = until(stopped, rereading).await;
}

async fn send_messages(notifier: Notifier, stopped: CancellationToken) {
    notifier.run(stopped).await;
}

/// Runs `endless` until the token is cancelled.
async fn until(token: CancellationToken, endless: impl Future<Output = ()>) {
    tokio::select! {
        () = token.cancelled() => (),
        () = endless => (),
    }
}

/// The users file's users. Without a file everybody on this machine is `root`, and nobody else gets in.
fn users_of(config: &Config) -> Result<Users, Error> {
    match &config.users {
        Some(path) => Ok(Users::read(path)?),
        None if config.listen.ip().is_loopback() => {
            warn!("there is no users file: everybody on this machine is `root` without a password");
            Ok(Users::loopback())
        }
        None => Err(Error::NoUsers { address: config.listen }),
    }
}

/// A local directory that a setting names must be there; an object store is asked when it is used.
fn require_directory(setting: &'static str, location: &str) -> Result<(), Error> {
    let path = match location.strip_prefix("file://") {
        Some(path) => path,
        None if location.contains("://") => return Ok(()),
        None => location,
    };
    if Path::new(path).is_dir() {
        return Ok(());
    }
    Err(Error::NoDirectory { setting, path: path.into() })
}

async fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { setting, address, source })
}

fn bind_local(path: &Path, mode: FileMode) -> Result<LocalListener, Error> {
    LocalListener::bind(path, mode.0).map_err(|source| Error::Socket { path: path.to_owned(), source })
}

/// The address that was bound: the one asked for, with the system's choice for port 0.
fn address_of(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|source| Error::Listen { setting: "listen", address: asked, source })
}

/// Why the server does not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port is in use, or the address is not one of this machine.
    #[error(
        "cannot listen on {address}: choose another address for `{setting}`, or stop the program that uses it"
    )]
    Listen {
        /// The setting.
        setting: &'static str,
        /// What it says.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The Unix socket's file cannot be made, or somebody listens on it.
    #[error("cannot listen on {}: choose another file for `socket`, or stop the program that uses it", path.display())]
    Socket {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A directory is missing.
    #[error("there is no directory {path}: create it, or correct `{setting}` in the config")]
    NoDirectory {
        /// The setting.
        setting: &'static str,
        /// The directory that it names.
        path: PathBuf,
    },
    /// Other machines could connect, and nobody has a password.
    #[error(
        "cannot listen on {address} without users: make a file with `lakefront user add NAME --users FILE` and \
         set `users`, or listen on a loopback address"
    )]
    NoUsers {
        /// The address.
        address: SocketAddr,
    },
    /// The users file cannot be used.
    #[error(transparent)]
    Users(#[from] auth::Error),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The catalog cannot be listed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The views cannot be listed.
    #[error(transparent)]
    Views(#[from] views::Error),
    /// Messages cannot be sent.
    #[error(transparent)]
    Notify(#[from] notify::Error),
    /// The engine cannot be built.
    #[error(transparent)]
    Engine(#[from] engine::error::Error),
    /// The threads of refreshes cannot be started.
    #[error("cannot start the threads of refreshes")]
    Threads(#[source] io::Error),
    /// Metrics cannot be kept.
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
}
