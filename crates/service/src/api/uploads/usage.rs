//! How much a tenant stores.

use sqlx::Row;

use crate::error::Result;

/// Storage of a tenant.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Usage {
    /// Bytes of accepted files and of announced uploads.
    pub used: u64,
    /// Bytes that there may be.
    pub quota: u64,
}

impl Usage {
    /// Of this tenant.
    pub async fn of(connection: &mut sqlx::AnyConnection, tenant: &str) -> Result<Self> {
        let row = sqlx::query(
            "SELECT CAST(COALESCE((SELECT SUM(bytes) FROM blobs WHERE tenant = $1), 0) + \
             COALESCE((SELECT SUM(length) FROM uploads WHERE tenant = $1), 0) AS BIGINT) AS used, \
             storage_quota FROM tenants WHERE id = $1",
        )
        .bind(tenant)
        .fetch_one(connection)
        .await?;
        Ok(Self {
            used: row.try_get::<i64, _>("used")? as u64,
            quota: row.try_get::<i64, _>("storage_quota")? as u64,
        })
    }
}
