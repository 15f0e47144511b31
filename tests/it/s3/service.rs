//! The operations of the S3 server: those of `s3s-fs`, made conditional, counted and failing.

use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use hyper::StatusCode;
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use sha1::{Digest, Sha1};
use tokio::sync::Mutex;

use super::{Fault, Operation, State};

pub struct Service {
    inner: FileSystem,
    root: PathBuf,
    state: Arc<State>,
    /// Held from checking a condition to having written.
    writing: Mutex<()>,
}

impl Service {
    pub fn new(root: &Path, state: Arc<State>) -> Self {
        let inner = FileSystem::new(root).unwrap();
        Self { inner, root: root.to_owned(), state, writing: Mutex::default() }
    }

    /// Notes a request; the fault, if its answer can be given first.
    async fn enter(&self, operation: Operation, key: &str) -> S3Result<Option<Fault>> {
        match self.state.enter(operation, key) {
            Some(Fault::InternalError) => Err(s3_error!(InternalError)),
            Some(Fault::SlowDown) => Err(s3_error!(SlowDown)),
            Some(Fault::TooMany) => {
                let mut error = S3Error::new(S3ErrorCode::Custom("TooManyRequests".into()));
                error.set_status_code(StatusCode::TOO_MANY_REQUESTS);
                Err(error)
            }
            Some(Fault::ExpiredToken) => Err(s3_error!(ExpiredToken)),
            Some(Fault::AccessDenied) => Err(s3_error!(AccessDenied)),
            Some(Fault::Never) => pending().await,
            other => Ok(other),
        }
    }

    fn read(&self, bucket: &str, key: &str) -> S3Result<Bytes> {
        let bytes = std::fs::read(self.root.join(bucket).join(key)).map_err(|_| s3_error!(NoSuchKey))?;
        Ok(bytes.into())
    }
}

fn tag(bytes: &[u8]) -> ETag {
    let digest = Sha1::digest(bytes);
    ETag::Strong(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn matches(condition: &ETagCondition, tag: &ETag) -> bool {
    match condition {
        ETagCondition::ETag(expected) => expected.strong_cmp(tag),
        ETagCondition::Any => true,
    }
}

/// A body that does not end as its length says.
fn body(bytes: Bytes, fault: Option<Fault>) -> StreamingBlob {
    let cut = |length: usize| Ok::<_, io::Error>(bytes.slice(..length.min(bytes.len())));
    match fault {
        Some(Fault::Cut(length)) => {
            let end = Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut"));
            StreamingBlob::wrap(stream::iter([cut(length), end]))
        }
        Some(Fault::Stall(length)) => {
            StreamingBlob::wrap(stream::iter([cut(length)]).chain(stream::pending()))
        }
        _ => StreamingBlob::wrap(stream::iter([Ok::<_, io::Error>(bytes)])),
    }
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let prefix = request.input.prefix.clone().unwrap_or_default();
        let bucket = request.input.bucket.clone();
        let fault = self.enter(Operation::List, &prefix).await?;
        let mut response = self.inner.list_objects_v2(request).await?;
        if fault == Some(Fault::Endless) {
            response.output.is_truncated = Some(true);
            response.output.next_continuation_token = Some("again".to_owned());
        }
        if let Some(objects) = &mut response.output.contents {
            if let Some(Fault::Hides(hidden)) = fault {
                objects.retain(|object| object.key.as_ref().is_some_and(|key| !key.contains(hidden)));
            }
            if fault == Some(Fault::Repeats) {
                objects.extend(objects.clone());
            }
            // Objects that went away meanwhile are not listed.
            objects.retain_mut(|object| {
                let bytes = self.read(&bucket, object.key.as_deref().unwrap_or_default());
                bytes
                    .map(|bytes| {
                        (object.size, object.e_tag) = (i64::try_from(bytes.len()).ok(), Some(tag(&bytes)))
                    })
                    .is_ok()
            });
        }
        Ok(response)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let GetObjectInput { bucket, key, if_match, range, .. } = request.input;
        let fault = self.enter(Operation::Get, &key).await?;
        let mut bytes = self.read(&bucket, &key)?;
        let tag = tag(&bytes);
        if if_match.is_some_and(|condition| !matches(&condition, &tag)) {
            return Err(s3_error!(PreconditionFailed));
        }
        let modified = std::fs::metadata(self.root.join(&bucket).join(&key)).and_then(|meta| meta.modified());
        if let Some(Fault::WrongByte(place)) = fault {
            let mut wrong = bytes.to_vec();
            wrong[place] ^= 0x5a;
            bytes = wrong.into();
        }

        let size = bytes.len() as u64;
        let range = range.map(|range| range.check(size)).transpose()?;
        let content_range =
            range.as_ref().map(|range| format!("bytes {}-{}/{size}", range.start, range.end - 1));
        let range = range.unwrap_or(0..size);
        let bytes = bytes.slice(range.start as usize..range.end as usize);
        Ok(S3Response::new(GetObjectOutput {
            content_length: i64::try_from(bytes.len()).ok(),
            content_range,
            last_modified: modified.ok().map(Timestamp::from),
            e_tag: Some(tag),
            body: Some(body(bytes, fault)),
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        self.enter(Operation::Head, &key).await?;
        let mut response = self.inner.head_object(request).await?;
        response.output.e_tag = Some(tag(&self.read(&bucket, &key)?));
        Ok(response)
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let fault = self.enter(Operation::Put, &key).await?;
        let writing = self.writing.lock().await;
        let present = self.read(&bucket, &key).ok().map(|bytes| tag(&bytes));
        let (if_match, if_none_match) = (request.input.if_match.take(), request.input.if_none_match.take());
        let holds = |condition: &ETagCondition| present.as_ref().is_some_and(|tag| matches(condition, tag));
        if if_match.as_ref().is_some_and(|condition| !holds(condition))
            || if_none_match.as_ref().is_some_and(holds)
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let mut response = self.inner.put_object(request).await?;
        drop(writing);
        if fault == Some(Fault::Lost) {
            return pending().await;
        }
        response.output.e_tag = Some(tag(&self.read(&bucket, &key)?));
        Ok(response)
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.enter(Operation::Delete, &request.input.key).await?;
        let _writing = self.writing.lock().await;
        self.inner.delete_object(request).await
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.enter(Operation::Delete, "").await?;
        let _writing = self.writing.lock().await;
        self.inner.delete_objects(request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.enter(Operation::Put, &request.input.key).await?;
        self.inner.create_multipart_upload(request).await
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.enter(Operation::Put, &request.input.key).await?;
        self.inner.upload_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.enter(Operation::Put, &request.input.key).await?;
        let _writing = self.writing.lock().await;
        self.inner.complete_multipart_upload(request).await
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.enter(Operation::Delete, &request.input.key).await?;
        self.inner.abort_multipart_upload(request).await
    }
}
