//! For operators, and for clients that ask who they are.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sqlx::Row;
use tapetum_client::WhoAmI;

use super::json::ok;
use super::openapi::{Op, Routes};
use super::uploads::usage;
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::state::App;

/// Where health is asked for.
pub const HEALTH: &str = "/health/";

/// The addresses of all this.
pub fn routes() -> Routes {
    let known = Op::new("tokens", "whoami", "Whose token this is");
    let health = |id, summary| {
        let op = Op::public("health", id, summary);
        op.sends(StatusCode::NO_CONTENT, "Done.", "", &[])
    };
    Routes::default()
        .get(
            "/v1/whoami",
            whoami,
            known.answers::<WhoAmI>(StatusCode::OK, &[]),
        )
        .get("/health/live", live, health("live", "The process answers"))
        .get(
            "/health/ready",
            ready,
            health("ready", "The database answers too"),
        )
}

/// `GET /v1/whoami`: whose token this is, and how much is stored.
pub async fn whoami(State(app): State<App>, caller: Caller) -> Result<Response> {
    let mut connection = app.database.pool().acquire().await?;
    let tenant = sqlx::query("SELECT name FROM tenants WHERE id = $1")
        .bind(&caller.tenant)
        .fetch_one(&mut *connection)
        .await?;
    // How much the tenant stores is for its owner.
    let storage = if caller.is_owner() {
        Some(usage(&mut connection, &caller.tenant).await?)
    } else {
        None
    };
    ok(&WhoAmI {
        tenant: tenant.try_get("name")?,
        token: caller.token,
        scopes: caller.scopes,
        storage,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// `GET /health/live`: the process answers.
pub async fn live() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// `GET /health/ready`: so does the database.
pub async fn ready(State(app): State<App>) -> Result<Response> {
    if app.database.is_ready().await {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Error::busy("the database does not answer", 5))
    }
}
