//! Servers that are real processes, on one warehouse in a store that fails, killed at any moment. While files change, two
//! of them keep the views up to date and people run `lakefront refresh`; whoever is killed, and whatever the store did, each
//! view answers as its query does, and the servers that are left end the work.
//!
//! `LAKEFRONT_KILLS` says how many are killed, `LAKEFRONT_SEEDS` what is played; the moments are the machine's.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lakefront::catalog::TableId;
use lakefront::clock::Clock;
use lakefront::config::Config;
use lakefront::refresh::request::{Request, Trigger};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;

use crate::model::{numbers, random_fault};
use crate::refresh::{Server, in_memory};
use crate::s3::S3Server;
use crate::server::Program;

const DAYS: u32 = 8;
/// The views, by name: by day, with a window, over another view, and as a whole.
const VIEWS: [(&str, &str); 4] = [
    ("daily", "PARTITION BY day AS SELECT day, COUNT(*) AS logins, SUM(n) AS n FROM log.login GROUP BY day"),
    (
        "recent",
        "PARTITION BY day DEPENDS ON (log.login WINDOW 2 DAY PRECEDING) AS SELECT c.day, COUNT(*) AS logins, \
         SUM(l.n) AS n FROM calendar() c JOIN log.login l ON l.day BETWEEN c.day - INTERVAL 2 DAY AND c.day \
         GROUP BY c.day",
    ),
    ("above", "PARTITION BY day AS SELECT day, logins * 10 AS logins, n FROM mart.daily"),
    ("total", "AS SELECT COUNT(*) AS logins, SUM(n) AS n FROM log.login"),
];
/// Kills after which everything is ended.
const SETTLED_EVERY: u64 = 4;
/// Nothing that is waited for here takes so long on any machine.
const AT_LAST: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_are_killed_at_any_moment_lose_nothing() {
    let seed = numbers("LAKEFRONT_SEEDS", &[11])[0];
    let kills = numbers("LAKEFRONT_KILLS", &[4])[0];
    let mut game = Game::new(seed).await;
    for kill in 1..=kills {
        game.step().await;
        if kill % SETTLED_EVERY == 0 {
            game.settle().await;
        }
    }
    game.settle().await;
    println!("seed {seed}: {kills} kills, {} of them of processes at work", game.killed);
}

struct Game {
    directory: TempDir,
    store: S3Server,
    servers: [Program; 2],
    /// Only looks: it publishes nothing.
    looker: Server,
    random: StdRng,
    killed: u32,
}

impl Game {
    async fn new(seed: u64) -> Self {
        let (directory, store) = (in_memory(), S3Server::start().await);
        let file = |path: &str, text: &str| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let table = "location: login\nformat: csv\npartition_by: { day: date }\n\
                     columns: { user_id: bigint, n: int }\nready: { quiet: 0s }\n";
        file("catalog/log/login.yaml", table);
        for (name, view) in VIEWS {
            file(&format!("sql/mart/{name}.sql"), &format!("CREATE MATERIALIZED VIEW {name} {view}"));
        }
        let config = "listen: 127.0.0.1:0\nconsole: 127.0.0.1:0\nthreads: 1\nlog_format: json\n\
                      listing_interval: 1s\nwarehouse: s3://lake/warehouse\n";
        file("lakefront.yaml", &format!("{config}{}", store.as_yaml()));
        let path = directory.path().join("lakefront.yaml");
        let mut random = StdRng::seed_from_u64(seed);
        for day in 1..=DAYS {
            file(&day_of(day), &rows(&mut random));
        }
        let servers = [Program::start(&path), Program::start(&path)];
        let looker = Server::of(&Config::read(&path).unwrap(), Clock::system()).await;
        Self { directory, store, servers, looker, random, killed: 0 }
    }

    /// Files change, the store fails, and one of the processes is killed.
    async fn step(&mut self) {
        for _ in 0..self.random.random_range(1..4) {
            let path = self.directory.path().join(day_of(self.random.random_range(1..=DAYS)));
            if self.random.random_bool(0.1) {
                let _may_be_gone = std::fs::remove_file(path);
            } else {
                // Whole or not at all, as writers should.
                let file = tempfile::NamedTempFile::new_in(&self.directory).unwrap();
                std::fs::write(&file, rows(&mut self.random)).unwrap();
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                file.persist(path).unwrap();
            }
        }
        for _ in 0..self.random.random_range(0..4) {
            let (operation, fault) = random_fault(&mut self.random);
            let key = *["_delta_log/", "part-", "leases/", "runs/", ""].choose(&mut self.random).unwrap();
            self.store.fail(operation, key, self.random.random_range(1..6), fault);
        }
        let moment = Duration::from_millis(self.random.random_range(0..1_500));
        match self.random.random_range(0..3) {
            0 => {
                let view = VIEWS.choose(&mut self.random).unwrap().0;
                let mut process = self.refresh(view);
                tokio::time::sleep(moment).await;
                self.killed += u32::from(process.try_wait().unwrap().is_none());
                process.kill().unwrap();
                process.wait().unwrap();
            }
            server => {
                tokio::time::sleep(moment).await;
                self.killed += 1;
                self.servers[server - 1].signal("KILL");
                self.servers[server - 1] = Program::start(&self.directory.path().join("lakefront.yaml"));
            }
        }
        self.store.heal();
        self.check().await;
    }

    /// The servers end the work by themselves, and so does whoever asks.
    async fn settle(&mut self) {
        let view = VIEWS.choose(&mut self.random).unwrap().0;
        let asked = self.refresh(view).wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&asked.stdout);
        assert!(asked.status.success(), "{told}{}", String::from_utf8_lossy(&asked.stderr));
        let began = Instant::now();
        while let Some(left) = self.left().await {
            assert!(began.elapsed() < AT_LAST, "{left}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.check().await;
    }

    /// A unit that is not as it should be.
    async fn left(&self) -> Option<String> {
        self.looker.look_again();
        for (name, _) in VIEWS {
            let view = Some(TableId::new("mart", name));
            let request = Request { view, from: None, to: None, force: false, trigger: Trigger::Change };
            let units = self.looker.refresher.explain(&request).await.unwrap();
            if let Some(unit) = units.iter().find(|unit| unit.state != "fresh") {
                return Some(format!("mart.{name}: {unit:?}"));
            }
        }
        None
    }

    /// Each view answers as its query does.
    async fn check(&self) {
        self.looker.look_again();
        for (name, view) in VIEWS {
            let (_, query) = view.split_once("AS SELECT ").unwrap();
            let sorted = async |sql: &str| {
                let mut rows = self.looker.try_rows(sql).await.unwrap();
                rows.sort();
                rows
            };
            let of_query = sorted(&format!("SELECT {query}")).await;
            assert_eq!(sorted(&format!("SELECT * FROM mart.{name}")).await, of_query, "mart.{name}");
        }
    }

    fn refresh(&self, view: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lakefront"));
        command.args(["refresh", &format!("mart.{view}"), "--config", "lakefront.yaml"]);
        command.current_dir(self.directory.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }
}

fn day_of(day: u32) -> String {
    format!("lake/login/day=2026-09-{day:02}/a.csv")
}

fn rows(random: &mut StdRng) -> String {
    let rows = (0..random.random_range(1..6)).map(|user| format!("{user},{}\n", random.random_range(0..20)));
    rows.collect()
}
