//! Uploads that nobody wants any longer.

use crate::error::{Error, Result};
use crate::state::App;
use crate::store::blocking::run_blocking;
use crate::store::db::Tx;

/// Removes an upload.
pub async fn discard(app: &App, id: &str) -> Result<()> {
    sqlx::query("DELETE FROM uploads WHERE id = $1")
        .bind(id)
        .execute(app.database.pool())
        .await?;
    forget(app, vec![id.to_owned()]).await
}

/// Removes the rows of a tenant's uploads, or of those of one token. The rest is to be done after the transaction, by
/// [`forget`].
pub async fn take_all(tx: &mut Tx, tenant: &str, token: Option<&str>) -> Result<Vec<String>> {
    let taken = sqlx::query_scalar(
        "DELETE FROM uploads WHERE tenant = $1 AND ($2 = '' OR token = $2) RETURNING id",
    );
    let taken = taken.bind(tenant).bind(token.unwrap_or(""));
    Ok(taken.fetch_all(&mut **tx).await?)
}

/// Ends requests that write to uploads without a row, and removes their files.
pub async fn forget(app: &App, ids: Vec<String>) -> Result<()> {
    ids.iter().for_each(|id| app.interrupt(id));
    let blobs = app.blobs.clone();
    let removed = move || ids.iter().try_for_each(|id| blobs.remove_staged(id));
    let removed = run_blocking(removed).await?;
    removed.map_err(|e| Error::internal("removing an upload", e))
}
