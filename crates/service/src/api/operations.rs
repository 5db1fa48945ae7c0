//! For operators, and for clients that look who they are.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sqlx::Row;

use super::json::ok;
use super::uploads::Usage;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::state::App;

/// `GET /v1/whoami`: whose token this is, and how much is stored.
pub async fn whoami(State(app): State<App>, caller: Caller) -> Result<Response> {
    let mut connection = app.database.pool().acquire().await?;
    let tenant = sqlx::query("SELECT name FROM tenants WHERE id = $1")
        .bind(&caller.tenant)
        .fetch_one(&mut *connection)
        .await?;
    let usage = Usage::of(&mut connection, &caller.tenant).await?;
    // How much the tenant stores is for its owner.
    let usage = caller.is_owner().then_some(usage);
    ok(&json!({
        "tenant": tenant.try_get::<String, _>("name")?,
        "token": caller.token,
        "scopes": caller.scopes,
        "storage": usage,
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

/// `GET /health/live`: the process answers.
pub async fn live() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// `GET /health/ready`: so does the database.
pub async fn ready(State(app): State<App>) -> Result<Response> {
    match app.database.is_ready().await {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Error::busy("the database does not answer", 5)),
    }
}
