//! How much a tenant stores.

use sqlx::Row;
use tapetum_client::Usage;

use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::store::db::Tx;

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

/// Refuses one more upload of a token that has `most` or more.
pub async fn check_count<'e>(
    executor: impl sqlx::Executor<'e, Database = sqlx::Any>,
    caller: &Caller,
    most: i64,
) -> Result<()> {
    let open: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM uploads WHERE token = $1")
        .bind(&caller.token)
        .fetch_one(executor)
        .await?;
    if open < most {
        return Ok(());
    }
    let message = format!("this token has {open} unused uploads: use or delete some");
    Err(Error::too_many(message, 10))
}

/// Refuses an upload of so many bytes if they do not fit into the tenant's storage. All bytes that were announced count,
/// and those of one token for no more than half of what the others leave, unless it is an owner's: whoever announces
/// and does not send keeps nobody else from sending.
pub async fn check_room(tx: &mut Tx, caller: &Caller, length: u64) -> Result<()> {
    let Usage { used, quota } = usage(tx, &caller.tenant).await?;
    let own = "SELECT CAST(COALESCE(SUM(length), 0) AS BIGINT) FROM uploads WHERE token = $1";
    let own: i64 = sqlx::query_scalar(own)
        .bind(&caller.token)
        .fetch_one(&mut **tx)
        .await?;
    let own = own as u64;
    let left = quota.saturating_sub(used.saturating_sub(own));
    let room = if caller.is_owner() { left } else { left / 2 };
    if own.saturating_add(length) <= room {
        return Ok(());
    }
    Err(Error::quota(format!(
        "{used} of {quota} bytes are used, {own} of them announced by this token, which may announce {room}: {length} \
         more do not fit, so use or delete something"
    )))
}
