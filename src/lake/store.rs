//! Object stores: one per bucket, made once, with bounded waits. It must not know what lies in them.

use std::collections::BTreeMap;
use std::fmt;
use std::path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use super::paged::Paged;
use super::{Error, Result};
use crate::config::{self, Config};

/// The stores of the server.
pub struct Stores {
    settings: BTreeMap<String, config::Store>,
    /// By root URL: `file:///`, `s3://bucket/`.
    opened: Mutex<BTreeMap<String, Arc<dyn ObjectStore>>>,
}

/// A place in a store.
#[derive(Clone, Debug)]
pub struct Location {
    /// The store that holds it.
    pub store: Arc<dyn ObjectStore>,
    /// The store's root: its name within the process.
    pub url: ObjectStoreUrl,
    /// The folder within the store.
    pub prefix: Path,
    /// Whether a request costs a round trip over a network.
    pub remote: bool,
}

impl Stores {
    /// Knows the stores of the config; opens none.
    pub fn new(config: &Config) -> Self {
        Self { settings: config.stores.clone(), opened: Mutex::default() }
    }

    /// Finds the place that a location names: a path or a URL; a relative path begins at `base`, which
    /// is a path or a URL itself. Sends no request.
    pub fn open(&self, location: &str, base: &str) -> Result<Location> {
        let invalid = |reason: String| Error::Location { location: location.to_owned(), reason };
        let full = absolute(location, base).map_err(|error| invalid(error.to_string()))?;

        let Some(url) = full
            .contains("://")
            .then(|| Url::parse(&full))
            .transpose()
            .map_err(|e| invalid(e.to_string()))?
        else {
            return self.open_local(path::Path::new(&full)).map_err(invalid);
        };
        match url.scheme() {
            "file" => {
                let path = url.to_file_path().map_err(|()| invalid("it names another host".into()))?;
                self.open_local(&path).map_err(invalid)
            }
            scheme => {
                let host = url.host_str().filter(|host| !host.is_empty());
                let bucket = host.ok_or_else(|| invalid("it has no bucket".into()))?;
                let root = format!("{scheme}://{bucket}/");
                let prefix = Path::from_url_path(url.path()).map_err(|error| invalid(error.to_string()))?;
                let store = self.store(&root, || match scheme {
                    "s3" | "s3a" => self.connect_s3(&root, bucket, &full).map_err(|error| error.to_string()),
                    _ => Err("only paths, `file://` and `s3://` are known".to_owned()),
                });
                Ok(Location { store: store.map_err(invalid)?, url: store_url(&root), prefix, remote: true })
            }
        }
    }

    /// The opened stores, for a runtime that finds stores by URL.
    pub fn all(&self) -> Vec<(ObjectStoreUrl, Arc<dyn ObjectStore>)> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.iter().map(|(root, store)| (store_url(root), Arc::clone(store))).collect()
    }

    /// Takes `store` for all locations below `root`, such as `s3://bucket/`: counted, slowed or in memory.
    pub fn insert(&self, root: &str, store: Arc<dyn ObjectStore>) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(root.to_owned(), store);
    }

    fn open_local(&self, path: &path::Path) -> Result<Location, String> {
        let path = path::absolute(path).map_err(|error| error.to_string())?;
        let prefix = Path::from_absolute_path(&path).map_err(|error| error.to_string())?;
        let root = "file:///";
        let store = self.store(root, || Ok(Arc::new(LocalFileSystem::new())))?;
        Ok(Location { store, url: store_url(root), prefix, remote: false })
    }

    fn store(
        &self,
        root: &str,
        connect: impl FnOnce() -> Result<Arc<dyn ObjectStore>, String>,
    ) -> Result<Arc<dyn ObjectStore>, String> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = opened.get(root) {
            return Ok(Arc::clone(store));
        }
        let store = connect()?;
        opened.insert(root.to_owned(), Arc::clone(&store));
        Ok(store)
    }

    /// Waits are short, because a client waits behind each: object_store's own limit is three minutes.
    fn connect_s3(
        &self,
        root: &str,
        bucket: &str,
        location: &str,
    ) -> object_store::Result<Arc<dyn ObjectStore>> {
        let settings = self.settings(root, location);
        let request_timeout = settings.request_timeout.map_or(Duration::from_secs(10), |interval| interval.0);
        let client = ClientOptions::new()
            .with_timeout(request_timeout)
            .with_connect_timeout(request_timeout.min(Duration::from_secs(3)))
            .with_allow_http(settings.allow_http);
        let retry = RetryConfig {
            retry_timeout: settings.retry_timeout.map_or(Duration::from_secs(15), |interval| interval.0),
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_client_options(client)
            .with_retry(retry);
        if let Some(endpoint) = settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = settings.region {
            builder = builder.with_region(region);
        }
        if settings.anonymous {
            builder = builder.with_config(AmazonS3ConfigKey::SkipSignature, "true");
        }
        Ok(Arc::new(Paged(builder.build()?)))
    }

    /// The settings of the longest matching prefix.
    fn settings(&self, root: &str, location: &str) -> config::Store {
        let matching = |prefix: &&String| {
            let prefix = prefix.trim_end_matches('/');
            location.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                || root.trim_end_matches('/') == prefix
        };
        let longest = self.settings.keys().filter(matching).max_by_key(|prefix| prefix.len());
        longest.and_then(|prefix| self.settings.get(prefix)).cloned().unwrap_or_default()
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        formatter.debug_set().entries(opened.keys()).finish()
    }
}

impl Location {
    /// The text by which people know a path of this store.
    pub fn show(&self, path: &Path) -> String {
        show(&self.url, path)
    }

    /// Where a path is on the disks of this machine; `None` when it is in a store of objects.
    pub fn local_path(&self, path: &Path) -> Option<path::PathBuf> {
        (!self.remote).then(|| path::PathBuf::from(format!("/{path}")))
    }

    /// Whether this local folder is not there; `false` for a store that knows no folders.
    pub async fn is_local_missing(&self) -> bool {
        !self.remote && matches!(tokio::fs::try_exists(format!("/{}", self.prefix)).await, Ok(false))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.show(&self.prefix))
    }
}

/// The text by which people know a path of a store: `/srv/lake/a.parquet`, `s3://bucket/a.parquet`.
pub fn show(url: &ObjectStoreUrl, path: &Path) -> String {
    match url.as_str() {
        "file:///" => format!("/{path}"),
        root => format!("{root}{path}"),
    }
}

/// A path or URL that depends on nothing else.
fn absolute(location: &str, base: &str) -> std::io::Result<String> {
    if location.contains("://") {
        return Ok(location.to_owned());
    }
    if base.contains("://") && !location.starts_with('/') {
        return Ok(format!("{}/{location}", base.trim_end_matches('/')));
    }
    let path = path::absolute(path::Path::new(base).join(location))?;
    Ok(path.to_string_lossy().into_owned())
}

fn store_url(root: &str) -> ObjectStoreUrl {
    ObjectStoreUrl::parse(root).expect("roots are a scheme and a host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        let mut config = Config::default();
        let settings = config::Store { region: Some("eu-west-1".into()), ..config::Store::default() };
        config.stores.insert("s3://lake".into(), settings);
        let stores = Stores::new(&config);
        let check = |location: &str, base: &str, expected: &str| {
            let shown = match stores.open(location, base) {
                Ok(location) => location.to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(shown, expected, "{location} in {base}");
        };
        check("log/login/", "/srv/lake", "/srv/lake/log/login");
        check("/data/x", "/srv/lake", "/data/x");
        check("file:///data/a%20b", "/srv/lake", "/data/a b");
        check("log/login", "s3://lake/root/", "s3://lake/root/log/login");
        check("s3://lake/a/", "/srv/lake", "s3://lake/a");
        check(
            "ftp://x/a",
            "/",
            "location `ftp://x/a` cannot be used: only paths, `file://` and `s3://` are known",
        );
        check("s3:///a", "/", "location `s3:///a` cannot be used: it has no bucket");
    }
}
