//! S3 whose listings end: page by page, each page once. It must not know what is listed.
//!
//! A service that answers with a token that it gave before would be asked for ever, because `object_store`
//! follows every token. Everything else is passed on.

use std::collections::HashSet;
use std::fmt;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::{DELIMITER, Path};
use object_store::*;

/// Pages of one listing, of a thousand names each.
const PAGES_MAX: usize = 10_000;

/// S3 with bounded listings.
#[derive(Debug)]
pub struct Paged(pub AmazonS3);

/// How far a listing is.
#[derive(Default)]
struct Progress {
    /// What the next page is asked for with; none for the first.
    token: Option<String>,
    seen: HashSet<String>,
}

impl Paged {
    fn pages(
        &self,
        prefix: Option<&Path>,
        delimiter: Option<&'static str>,
        offset: Option<&Path>,
    ) -> impl Stream<Item = Result<ListResult>> + use<> {
        let store = self.0.clone();
        let prefix = prefix.filter(|prefix| !prefix.is_root()).map(|prefix| format!("{prefix}{DELIMITER}"));
        let offset = offset.map(ToString::to_string);
        stream::try_unfold(Some(Progress::default()), move |progress| {
            let (store, prefix, offset) = (store.clone(), prefix.clone(), offset.clone());
            async move {
                let Some(Progress { token, mut seen }) = progress else { return Ok(None) };
                let delimiter = delimiter.map(Into::into);
                let options =
                    PaginatedListOptions { delimiter, offset, page_token: token, ..Default::default() };
                let page = store.list_paginated(prefix.as_deref(), options).await?;
                let next = match page.page_token.filter(|token| !token.is_empty()) {
                    Some(token) if seen.len() < PAGES_MAX && seen.insert(token.clone()) => {
                        Some(Progress { token: Some(token), seen })
                    }
                    Some(_) => return Err(endless()),
                    None => None,
                };
                Ok(Some((page.result, next)))
            }
        })
    }
}

fn objects(
    pages: impl Stream<Item = Result<ListResult>> + Send + 'static,
) -> BoxStream<'static, Result<ObjectMeta>> {
    pages.map_ok(|page| stream::iter(page.objects.into_iter().map(Ok))).try_flatten().boxed()
}

fn endless() -> Error {
    Error::Generic { store: "S3", source: "its listing repeats itself or does not end".into() }
}

#[async_trait]
impl ObjectStore for Paged {
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        objects(self.pages(prefix, None, None))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        objects(self.pages(prefix, None, Some(offset)))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let all = ListResult { common_prefixes: vec![], objects: vec![] };
        let joined = self.pages(prefix, Some(DELIMITER), None).try_fold(all, async |mut all, page| {
            all.common_prefixes.extend(page.common_prefixes);
            all.objects.extend(page.objects);
            Ok(all)
        });
        let mut all = joined.await?;
        all.common_prefixes.sort_unstable();
        all.common_prefixes.dedup();
        Ok(all)
    }

    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[std::ops::Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.0.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(paths)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

impl fmt::Display for Paged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
