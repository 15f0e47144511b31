//! Small files that a crash cannot take back, nor leave by halves: written, and on the disk, before anybody
//! is told. It must not know what they say.
//!
//! A store of objects does this by itself. On a local disk a file is written under another name, synced,
//! given its name, and then its folder is synced. object_store's own local store never syncs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions};
use rand::Rng;

use super::store::Location;
use super::{Error, Result, fault};

/// Makes a file that must not be there yet. False: it is there already, and says something else.
///
/// A request may fail after it has succeeded, and be tried again by the store's client: what tells is what the
/// file says. So `bytes` must be of this call alone; [`unique`] makes them so.
pub async fn create(location: &Location, path: &Path, bytes: Bytes) -> Result<bool> {
    if let Some(local) = location.local_path(path) {
        let created = blocking(move || create_local(&local, &bytes)).await;
        return created.map_err(|source| failed(location, "write", path, source));
    }
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let Err(error) = location.store.put_opts(path, bytes.clone().into(), options).await else {
        return Ok(true);
    };
    let found = async { location.store.get(path).await?.bytes().await }.await;
    match (found, error) {
        (Ok(found), _) => Ok(found == bytes),
        // It says that the file is there, and then that it is not: nobody knows.
        (Err(_), error) => Err(store_error(location, "write", path, error)),
    }
}

/// Writes a file, be it there or not. Readers see the old one or the new one.
pub async fn replace(location: &Location, path: &Path, bytes: Bytes) -> Result<()> {
    if let Some(local) = location.local_path(path) {
        let replaced = blocking(move || replace_local(&local, &bytes)).await;
        return replaced.map_err(|source| failed(location, "write", path, source));
    }
    let put = location.store.put(path, bytes.into()).await;
    put.map(drop).map_err(|source| store_error(location, "write", path, source))
}

/// Reads a file; `None` when it is not there.
pub async fn read(location: &Location, path: &Path) -> Result<Option<Bytes>> {
    match async { location.store.get(path).await?.bytes().await }.await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(store_error(location, "read", path, source)),
    }
}

/// Removes a file; one that is not there is removed already.
pub async fn remove(location: &Location, path: &Path) -> Result<()> {
    match location.store.delete(path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(source) => Err(store_error(location, "remove", path, source)),
    }
}

/// Removes a folder of a local disk and those below it where nothing is in them. A store of objects has no folders.
pub async fn remove_empty_folders(location: &Location, folder: &Path) -> Result<()> {
    fn remove(folder: &LocalPath) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                remove(&entry.path())?;
            }
        }
        match fs::remove_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
            _ => Ok(()),
        }
    }
    let Some(local) = location.local_path(folder) else { return Ok(()) };
    blocking(move || remove(&local)).await.map_err(|source| failed(location, "remove", folder, source))
}

/// Makes a folder and those above it, so that a crash does not take them back.
pub fn create_folders(folder: &LocalPath) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        create_folders(above)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    fault::point()?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// Waits until the names in a folder are on the disk.
pub fn sync_folder(folder: &LocalPath) -> io::Result<()> {
    fault::point()?;
    File::open(folder)?.sync_all()
}

/// 128 random bits as text.
pub fn unique() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

/// Runs work that waits for the disk where waiting is allowed.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The lake's error of a disk.
pub fn failed(location: &Location, action: &'static str, path: &Path, source: io::Error) -> Error {
    let source = object_store::Error::Generic { store: "local", source: Box::new(source) };
    store_error(location, action, path, source)
}

/// The lake's error of a store.
pub fn store_error(
    location: &Location,
    action: &'static str,
    path: &Path,
    source: object_store::Error,
) -> Error {
    Error::Store { action, path: location.show(path), source: Arc::new(source) }
}

fn create_local(path: &LocalPath, bytes: &[u8]) -> io::Result<bool> {
    let temporary = write_beside(path, bytes)?;
    // A link is never made over another file; a rename would be.
    let linked = fault::point().and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    }
    removed?;
    sync_folder_of(path)?;
    Ok(true)
}

fn replace_local(path: &LocalPath, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_beside(path, bytes)?;
    if let Err(error) = fault::point().and_then(|()| fs::rename(&temporary, path)) {
        // What is left of it is removed by vacuum.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder_of(path)
}

/// Writes the bytes under another name in the same folder. The folder is made when it is not there.
fn write_beside(path: &LocalPath, bytes: &[u8]) -> io::Result<PathBuf> {
    let folder = path.parent().ok_or_else(|| io::Error::other("the root is no file"))?;
    create_folders(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}{TEMPORARY}", unique()));
    let written = write_synced(&temporary, bytes);
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(temporary)
}

/// How the names of files end that are not finished.
pub const TEMPORARY: &str = ".tmp";

fn write_synced(path: &LocalPath, bytes: &[u8]) -> io::Result<()> {
    fault::point()?;
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    fault::point()?;
    file.sync_all()
}

fn sync_folder_of(path: &LocalPath) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_folder)
}
