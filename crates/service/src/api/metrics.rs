//! `/metrics`, for a listener of its own.

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sqlx::Row;

use crate::error::Result;
use crate::metrics::GAUGES;
use crate::state::App;

/// The route.
pub fn router(app: App) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(app)
}

async fn scrape(State(app): State<App>) -> Result<Response> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'queued') AS queued, \
         (SELECT COUNT(*) FROM jobs WHERE state = 'running') AS running, \
         (SELECT COUNT(*) FROM uploads) AS uploads, (SELECT COUNT(*) FROM tenants) AS tenants, \
         (SELECT CAST(COALESCE(SUM(length), 0) AS BIGINT) FROM uploads) AS announced, \
         (SELECT COUNT(DISTINCT tenant) FROM jobs WHERE state = 'queued' AND kind = 'trn') AS waiting, \
         (SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM blobs) AS bytes",
    )
    .fetch_one(app.database.pool())
    .await?;
    app.metrics.memory(&app.memory, app.keys.counts());
    app.metrics.connections(app.connections.counts());
    for (column, name, _) in GAUGES.iter().filter(|(column, ..)| !column.is_empty()) {
        app.metrics.gauge(name, row.try_get(*column)?);
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], app.metrics.render()).into_response())
}
