//! The threads that queries run on, apart from those of the network, and how their work is stopped.
//!
//! It must not know what runs on it. Every handle that it gives out stops its work when it is dropped.

use std::future::Future;
use std::ops::Deref;

use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::error::{Error, Result};

/// Deep plans recurse; a thread's stack is only reserved, not used, until they do.
pub const STACK_BYTES: usize = 32 << 20;

/// Batches that are computed ahead of the client that reads them.
const BATCHES_AHEAD: usize = 2;

/// Threads of their own for planning and execution, so that the network never waits for a query.
#[derive(Debug)]
pub struct QueryRuntime {
    /// Always there until it is dropped.
    runtime: Option<tokio::runtime::Runtime>,
}

impl QueryRuntime {
    /// Starts so many threads of a name.
    pub fn new(name: &str, threads: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name(name)
            .worker_threads(threads)
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(|error| Error::Internal(format!("cannot start the query threads: {error}")))?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs a future on the query threads. Dropping the returned future stops it at its next await.
    pub async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let mut task = self.spawn(work);
        task.join().await?
    }

    /// Starts a stream and pulls it on the query threads, a few batches ahead of the reader.
    pub fn pull<F>(&self, start: F) -> Pulled
    where
        F: Future<Output = Result<SendableRecordBatchStream>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let task = self.spawn(async move {
            let mut stream = match start.await {
                Ok(stream) => stream,
                Err(error) => {
                    // The reader may be gone.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
            while let Some(batch) = stream.next().await {
                let last = batch.is_err();
                if sender.send(batch.map_err(Error::from)).await.is_err() || last {
                    break;
                }
            }
        });
        Pulled { receiver, task: Some(task) }
    }

    /// Takes care that a value is dropped on these threads: plans are dropped recursively, and only
    /// there are the stacks deep enough.
    pub fn keep<T: Send + 'static>(&self, value: T) -> Kept<T> {
        Kept { value: Some(value), runtime: self.handle().clone() }
    }

    fn handle(&self) -> &Handle {
        self.runtime.as_ref().expect("the runtime is taken only when it is dropped").handle()
    }

    fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        Task(self.handle().spawn(work))
    }
}

impl Drop for QueryRuntime {
    fn drop(&mut self) {
        // The last owner may be a task of another runtime, where blocking is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A value that is dropped on the query threads.
#[derive(Debug)]
pub struct Kept<T: Send + 'static> {
    /// Always there until it is dropped.
    value: Option<T>,
    runtime: Handle,
}

impl<T: Send + 'static> Kept<T> {
    /// The value, of which these threads take no more care.
    pub fn into_inner(mut self) -> T {
        self.value.take().expect("it is there until it is dropped")
    }
}

impl<T: Send + 'static> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for Kept<T> {
    fn drop(&mut self) {
        let is_here = Handle::try_current().is_ok_and(|current| current.id() == self.runtime.id());
        if let Some(value) = self.value.take().filter(|_| !is_here) {
            self.runtime.spawn(async move { drop(value) });
        }
    }
}

/// A task that is aborted when it is dropped.
#[derive(Debug)]
struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    /// Waits for the result. A panic ends this statement only; the log tells where it was.
    async fn join(&mut self) -> Result<T> {
        (&mut self.0).await.map_err(|error| {
            if error.is_cancelled() {
                return Error::Shutdown;
            }
            let panic = error.into_panic();
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown");
            tracing::error!(message, "a query panicked");
            Error::Internal("the statement failed unexpectedly".into())
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The batches of a query as they are computed. Dropping it stops the work.
#[derive(Debug)]
pub struct Pulled {
    receiver: mpsc::Receiver<Result<RecordBatch>>,
    /// None once its end was seen.
    task: Option<Task<()>>,
}

impl Pulled {
    /// The next batch. Cancel-safe. After an error nothing follows.
    pub async fn next(&mut self) -> Option<Result<RecordBatch>> {
        if let Some(batch) = self.receiver.recv().await {
            return Some(batch);
        }
        // The sender is gone: either the stream ended, or the task panicked.
        let outcome = self.task.as_mut()?.join().await;
        self.task = None;
        outcome.err().map(Err)
    }
}
