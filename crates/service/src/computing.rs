//! The threads that compute: a few, and always the same.
//!
//! The allocator keeps pages for each thread that has used them. Were jobs and checks done by whichever thread is idle,
//! among the dozens that wait for files, each of those would sooner or later keep the memory of a job.

use std::fmt;
use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// See the module.
pub struct Computing {
    /// Only its threads for blocking work are used. Gone when this is dropped.
    runtime: Option<Runtime>,
    threads: usize,
}

impl Computing {
    /// So many threads, made when they are needed.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new(threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .thread_name("computing")
            .max_blocking_threads(threads)
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
            threads,
        })
    }

    /// Starts work, or has it wait until a thread is idle. It must not ask for the current runtime, which is another here.
    pub fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let runtime = self.runtime.as_ref().expect("until it is dropped");
        runtime.spawn_blocking(work)
    }

    /// Does work and waits for it.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::error::ErrorKind::Internal) if it panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let ran = self.start(work).await;
        ran.map_err(|e| Error::internal("a computation", e))
    }
}

impl Drop for Computing {
    fn drop(&mut self) {
        // It may be dropped where nothing is allowed to wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Computing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Computing")
            .field("threads", &self.threads)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn work_is_done_by_no_more_threads_than_there_are() {
        let computing = Computing::new(2).unwrap();
        let started: Vec<_> = (0..50)
            .map(|_| computing.start(|| thread::current().id()))
            .collect();
        let mut threads = HashSet::new();
        for work in started {
            threads.insert(work.await.unwrap());
        }
        assert!(threads.len() <= 2, "{threads:?}");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_threads_go_on() {
        let computing = Computing::new(1).unwrap();
        let died = computing.run(|| panic!("on purpose")).await;
        died.unwrap_err();
        assert_eq!(computing.run(|| 7).await.unwrap(), 7);
    }
}
