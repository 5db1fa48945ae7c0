//! Tokens of a tenant, made by its owner.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row;
use tapetum_client::{List, Scope};

use super::json::{Json, Path, ok};
use super::making::check_name;
use crate::audit;
use crate::auth::{Caller, issue};
use crate::db::now;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;

/// Tokens of a tenant; those that are not valid any longer count until they are swept.
const MAX_TOKENS: i64 = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    #[serde(default)]
    name: String,
    scopes: Vec<Scope>,
    /// Seconds; without them it does not expire.
    expires_in: Option<u32>,
}

/// `POST`: a new token, told once.
///
/// There is no idempotency key here: the answer to a repeated request would have to be kept, and tokens
/// are not kept. One that got lost can be revoked by its name.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    body: Json<Create>,
) -> Result<Response> {
    caller.need(&[Scope::Owner])?;
    let Create {
        name,
        scopes,
        expires_in,
    } = body.value;
    check_name(&name)?;
    if scopes.is_empty() || scopes.len() > Scope::ALL.len() {
        return Err(Error::unacceptable("a token has one to three scopes"));
    }
    let expires_at = expires_in.map_or(0, |seconds| now() + i64::from(seconds) * 1000);
    let mut tx = app.database.begin().await?;
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM tokens WHERE tenant = $1")
        .bind(&caller.tenant)
        .fetch_one(&mut *tx)
        .await?;
    if count >= MAX_TOKENS {
        return Err(Error::conflict(format!(
            "there are {count} tokens: revoke some, which are forgotten after a day"
        )));
    }
    let token = issue(&mut tx, &caller.tenant, &name, &scopes, expires_at).await?;
    let details = json!({"name": name, "scopes": scopes, "expires_at": expires_at});
    audit::record(&mut tx, caller.actor(), "issue", &token.id, &details).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, ok(&token)?).into_response())
}

#[derive(Serialize)]
struct Told {
    id: String,
    name: String,
    scopes: Vec<Scope>,
    created_at: i64,
    expires_at: i64,
    revoked_at: i64,
}

/// `GET`: all tokens, without the tokens themselves.
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Response> {
    caller.need(&[Scope::Owner])?;
    let rows = sqlx::query(
        "SELECT id, name, scopes, created_at, expires_at, revoked_at FROM tokens \
         WHERE tenant = $1 ORDER BY created_at, id",
    )
    .bind(&caller.tenant)
    .fetch_all(app.database.pool())
    .await?;
    let told = |row: &sqlx::any::AnyRow| {
        let scopes: String = row.try_get("scopes")?;
        Ok(Told {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            scopes: scopes.split(' ').filter_map(Scope::from_name).collect(),
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    };
    let items = rows.iter().map(told).collect::<Result<Vec<_>>>()?;
    ok(&List { items })
}

/// `DELETE`: the token is not valid any longer, from now on.
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response> {
    caller.need(&[Scope::Owner])?;
    Kind::Token.check(&id)?;
    let mut tx = app.database.begin().await?;
    let revoked = sqlx::query(
        "UPDATE tokens SET revoked_at = $1 WHERE id = $2 AND tenant = $3 AND revoked_at = 0",
    )
    .bind(now())
    .bind(&id)
    .bind(&caller.tenant)
    .execute(&mut *tx)
    .await?;
    if revoked.rows_affected() == 0 {
        return Err(Error::not_found(Kind::Token.name()));
    }
    audit::record(&mut tx, caller.actor(), "revoke", &id, &json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
