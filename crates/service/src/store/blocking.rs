//! Work that would keep other requests waiting.

use crate::error::{Error, Result};

/// Runs blocking work on a thread of its own.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::error::ErrorKind::Internal) if it panics.
pub async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let ran = tokio::task::spawn_blocking(work).await;
    ran.map_err(|e| Error::internal("a computation", e))
}
