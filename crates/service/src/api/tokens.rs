//! Tokens of a tenant, issued by its owner.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sqlx::Row;
use tapetum_client::{CreateToken, List, NewToken, Scope, TokenView};

use super::create::check_name;
use super::json::{Json, Path, ok};
use super::openapi::{Op, Routes};
use super::resource::OWNER;
use super::uploads::{forget, take_all};
use crate::api::auth::{Caller, issue};
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::audit;
use crate::store::db::now;

/// Tokens of a tenant; those that are not valid any longer count until they are swept.
const MAX_TOKENS: i64 = 1000;

/// The addresses of tokens.
pub fn routes() -> Routes {
    let op = |verb, summary| Op::of(Kind::Token, verb, summary).scopes(OWNER);
    let issued = op("create", "A new token, shown once").body::<CreateToken>();
    let revoked = op("revoke", "Revoke a token").id("id", Kind::Token);
    Routes::default()
        .get(
            "/v1/tokens",
            list,
            op("list", "All tokens of the tenant").lists::<TokenView>(),
        )
        .post(
            "/v1/tokens",
            create,
            issued
                .answers::<NewToken>(StatusCode::CREATED, &[])
                .problems(&[409]),
        )
        .delete(
            "/v1/tokens/{id}",
            revoke,
            revoked.sends(StatusCode::NO_CONTENT, "Done.", "", &[]),
        )
}

/// `POST`: a new token, told once.
///
/// There is no idempotency key here: the answer to a repeated request would have to be kept, and tokens
/// are not kept. One that got lost can be revoked by its name.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    body: Json<CreateToken>,
) -> Result<Response> {
    caller.need(&[Scope::Owner])?;
    let CreateToken {
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
            "there are {count} tokens already: revoke some (they are removed after a day)"
        )));
    }
    let token = issue(&mut tx, &caller.tenant, &name, &scopes, expires_at).await?;
    let details = json!({"name": name, "scopes": scopes, "expires_at": expires_at});
    audit::record(&mut tx, caller.actor(), "issue", &token.id, &details).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, ok(&token)?).into_response())
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
    let view = |row: &sqlx::any::AnyRow| {
        let scopes: String = row.try_get("scopes")?;
        Ok(TokenView {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            scopes: scopes.split(' ').filter_map(Scope::from_name).collect(),
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    };
    let items = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
    ok(&List { items })
}

/// `DELETE`: the token is not valid any longer, from now on, and its unused uploads are gone.
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
    let uploads = take_all(&mut tx, &caller.tenant, Some(&id)).await?;
    let about = json!({"uploads": uploads.len()});
    audit::record(&mut tx, caller.actor(), "revoke", &id, &about).await?;
    tx.commit().await?;
    app.tokens.revoke(&id);
    forget(&app, uploads).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
