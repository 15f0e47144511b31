//! The server's certificate: read at the start, and again whenever its files change.
//!
//! It must not know connections: it hands out what the next one is encrypted with.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::MissedTickBehavior;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig, version};
use tracing::{info, warn};

use crate::config;

/// A certificate with its key, and where they come from.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    check_interval: Duration,
    /// Whether clients must use it.
    pub(super) required: bool,
    current: RwLock<Arc<ServerConfig>>,
    /// Of the files that were read last, whatever came of it.
    seen: RwLock<Fingerprint>,
}

/// Tells one version of the two files from another.
type Fingerprint = [u8; 32];

impl Tls {
    /// Reads certificate and key, and checks that they belong together.
    pub fn read(settings: &config::Tls) -> Result<Self, Error> {
        let read =
            |path: &Path| std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source });
        let pair = Pair { certificate: read(&settings.certificate)?, key: read(&settings.key)? };
        Ok(Self {
            current: RwLock::new(pair.config(&settings.certificate, &settings.key)?),
            seen: RwLock::new(pair.fingerprint()),
            certificate: settings.certificate.clone(),
            key: settings.key.clone(),
            check_interval: settings.check_interval.0,
            required: settings.required,
        })
    }

    /// What the next connection is encrypted with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the files again and again. New ones that cannot be used change nothing and leave a line in the
    /// log; connections that are open keep what they began with. Never ends.
    pub async fn watch(&self) {
        // An interval of zero would be a busy loop.
        let mut ticks = tokio::time::interval(self.check_interval.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look().await;
        }
    }

    /// Looks at the files once.
    pub async fn look(&self) {
        match self.reload().await {
            Ok(true) => info!(certificate = %self.certificate.display(), "reloaded the TLS certificate"),
            Ok(false) => {}
            Err(error) => warn!(%error, "kept the old TLS certificate"),
        }
    }

    /// Takes new files over; tells whether there were any. Bad ones are an error once, not at every look.
    async fn reload(&self) -> Result<bool, Error> {
        let read = async |path: &Path| tokio::fs::read(path).await.ok();
        // A file that is not there is being replaced, or will be found missing at the next start.
        let (Some(certificate), Some(key)) = (read(&self.certificate).await, read(&self.key).await) else {
            return Ok(false);
        };
        let pair = Pair { certificate, key };
        let fingerprint = pair.fingerprint();
        let seen =
            std::mem::replace(&mut *self.seen.write().unwrap_or_else(PoisonError::into_inner), fingerprint);
        if seen == fingerprint {
            return Ok(false);
        }
        let config = pair.config(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(true)
    }
}

/// The contents of the two files.
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    fn fingerprint(&self) -> Fingerprint {
        let length = self.certificate.len() as u64;
        Sha256::new()
            .chain_update(length.to_le_bytes())
            .chain_update(&self.certificate)
            .chain_update(&self.key)
            .finalize()
            .into()
    }

    fn config(&self, certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Error> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|source| Error::Pem { path: certificate.to_owned(), source })?;
        if chain.is_empty() {
            return Err(Error::Pem { path: certificate.to_owned(), source: pem::Error::NoItemsFound });
        }
        let private = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|source| Error::Pem { path: key.to_owned(), source })?;
        let unusable =
            |source| Error::Unusable { certificate: certificate.to_owned(), key: key.to_owned(), source };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS12, &version::TLS13])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(unusable)?;
        config.ticketer = ring::Ticketer::new().map_err(unusable)?;
        Ok(Arc::new(config))
    }
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {} of the setting `tls`", path.display())]
    Read {
        /// The certificate or the key.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} of the setting `tls` is not what is needed: {}", path.display(), pem_problem(source))]
    Pem {
        /// The certificate or the key.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The two files cannot be used together.
    #[error("cannot use the certificate {} with the key {}", certificate.display(), key.display())]
    Unusable {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
}

fn pem_problem(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "it has no PEM section of that kind".into(),
        other => format!("{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Interval;

    #[tokio::test]
    async fn bad_files_are_an_error_once_and_change_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = (directory.path().join("crt"), directory.path().join("key"));
        let write = || {
            let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            std::fs::write(&certificate, pair.cert.pem()).unwrap();
            std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
        };
        write();
        let check_interval = Interval(Duration::from_secs(1));
        let settings = config::Tls {
            certificate: certificate.clone(),
            key: key.clone(),
            required: false,
            check_interval,
        };
        let tls = Tls::read(&settings).unwrap();
        let first = tls.config();
        assert!(!tls.reload().await.unwrap());

        std::fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(matches!(tls.reload().await, Err(Error::Unusable { .. })));
        assert!(!tls.reload().await.unwrap());
        std::fs::write(&certificate, "nothing").unwrap();
        assert!(matches!(tls.reload().await, Err(Error::Pem { .. })));
        std::fs::remove_file(&certificate).unwrap();
        assert!(!tls.reload().await.unwrap());
        assert!(Arc::ptr_eq(&first, &tls.config()));

        write();
        assert!(tls.reload().await.unwrap());
        assert!(!Arc::ptr_eq(&first, &tls.config()));
    }
}
