//! The two servers: Lakefront over a Parquet file, and MariaDB with the same rows in a MyISAM table, which is made once.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, version};

use super::client::Client;

/// A server that runs until it is dropped.
pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    /// Trusts the server's certificate, and resumes nothing.
    pub tls: Arc<ClientConfig>,
    process: Child,
}

/// Starts the servers, Lakefront first.
pub fn start() -> Vec<Server> {
    let data: PathBuf = std::env::var_os("LAKEFRONT_TPCH").map_or_else(|| "target/tpch".into(), Into::into);
    let data = data.canonicalize().expect("benches/tpch/run.py makes the files");
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(data.join("server.crt"), pair.cert.pem()).unwrap();
    fs::write(data.join("server.key"), pair.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.resumption = Resumption::disabled();
    let tls = Arc::new(tls);

    let mut servers = vec![lakefront(&data, Arc::clone(&tls))];
    match Command::new("mariadbd").arg("--version").stdout(Stdio::null()).status() {
        Ok(_) => servers.push(mariadb(&data, tls, &servers[0])),
        Err(_) => println!("mariadbd is not here: nothing to compare with"),
    }
    servers
}

impl Server {
    /// The most memory that the process has used, in KiB.
    pub fn memory_peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn started(
        name: &'static str,
        tls: Arc<ClientConfig>,
        address: SocketAddr,
        command: &mut Command,
    ) -> Self {
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { name, address, tls, process };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{name} does not serve");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(stopped.is_ok_and(|status| status.success()));
        let _ = self.process.wait();
    }
}

fn lakefront(data: &Path, tls: Arc<ClientConfig>) -> Server {
    let (address, console) = (free_address(), free_address());
    let config = data.join("wire.yaml");
    let text = format!(
        "listen: {address}\nconsole: {console}\nlake: .\ncatalog: ./catalog\nviews: ./catalog\n\
         tls: {{ certificate: server.crt, key: server.key }}\nlog: warn\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakefront"));
    command.args(["serve", "--config"]).arg(&config);
    Server::started("lakefront", tls, address, &mut command)
}

fn mariadb(data: &Path, tls: Arc<ClientConfig>, lakefront: &Server) -> Server {
    let (directory, address) = (data.join("mariadb"), free_address());
    let made = directory.join("tpch").join("lineitem.MYD").exists();
    if !made {
        let _ = fs::remove_dir_all(&directory);
        let install = Command::new("mariadb-install-db")
            .arg("--no-defaults")
            .arg(format!("--datadir={}", directory.display()))
            .args(["--user=root", "--skip-test-db"])
            .stdout(Stdio::null())
            .status();
        assert!(install.unwrap().success(), "mariadb-install-db");
    }
    let mut command = Command::new("mariadbd");
    command
        .args([
            "--no-defaults",
            "--user=root",
            "--skip-grant-tables",
            "--skip-networking=0",
            "--skip-name-resolve",
        ])
        .args(["--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin", "--max-connections=1000"])
        .args(["--bind-address=127.0.0.1", "--key-buffer-size=1G", "--tls-version=TLSv1.3"])
        .arg(format!("--datadir={}", directory.display()))
        .arg(format!("--socket={}", directory.join("socket").display()))
        .arg(format!("--port={}", address.port()))
        .arg(format!("--ssl-cert={}", data.join("server.crt").display()))
        .arg(format!("--ssl-key={}", data.join("server.key").display()));
    let server = Server::started("mariadb", tls, address, &mut command);
    if !made {
        load(&data.join("lineitem.tsv"), lakefront, &server);
    }
    server
}

/// Has the rows from Lakefront, as text.
fn load(rows: &Path, lakefront: &Server, mariadb: &Server) {
    println!("loading lineitem into mariadb, once");
    let mut file = BufWriter::new(File::create(rows).unwrap());
    Client::connect(lakefront, false).rows("SELECT * FROM tpch.lineitem", |mut row| {
        let mut separator: &[u8] = b"";
        while let Some((length, rest)) = row.split_first() {
            let (value, rest) = rest.split_at(usize::from(*length));
            file.write_all(separator).and_then(|()| file.write_all(value)).unwrap();
            (separator, row) = (b"\t", rest);
        }
        file.write_all(b"\n").unwrap();
    });
    file.flush().unwrap();
    let mut client = Client::connect(mariadb, false);
    client.query("CREATE DATABASE tpch");
    client.query(
        "CREATE TABLE tpch.lineitem (l_orderkey BIGINT NOT NULL, l_partkey BIGINT NOT NULL, l_suppkey BIGINT NOT NULL, \
         l_linenumber INT NOT NULL, l_quantity DECIMAL(15,2) NOT NULL, l_extendedprice DECIMAL(15,2) NOT NULL, \
         l_discount DECIMAL(15,2) NOT NULL, l_tax DECIMAL(15,2) NOT NULL, l_returnflag CHAR(1) NOT NULL, \
         l_linestatus CHAR(1) NOT NULL, l_shipdate DATE NOT NULL, l_commitdate DATE NOT NULL, \
         l_receiptdate DATE NOT NULL, l_shipinstruct CHAR(25) NOT NULL, l_shipmode CHAR(10) NOT NULL, \
         l_comment VARCHAR(44) NOT NULL) ENGINE = MyISAM",
    );
    client.query(&format!("LOAD DATA INFILE '{}' INTO TABLE tpch.lineitem", rows.display()));
    fs::remove_file(rows).unwrap();
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
