//! How much a tenant stores.

use sqlx::Row;
use tapetum_client::Usage;

use crate::error::Result;

/// The storage of this tenant.
pub async fn usage(connection: &mut sqlx::AnyConnection, tenant: &str) -> Result<Usage> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE((SELECT SUM(bytes) FROM blobs WHERE tenant = $1), 0) + \
         COALESCE((SELECT SUM(length) FROM uploads WHERE tenant = $1), 0) AS BIGINT) AS used, \
         storage_quota FROM tenants WHERE id = $1",
    )
    .bind(tenant)
    .fetch_one(connection)
    .await?;
    Ok(Usage {
        used: row.try_get::<i64, _>("used")? as u64,
        quota: row.try_get::<i64, _>("storage_quota")? as u64,
    })
}
