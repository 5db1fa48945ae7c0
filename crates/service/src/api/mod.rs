//! The HTTP interface. Every error is answered with a [problem document](tapetum_client::Problem).

pub mod auth;
mod classifications;
mod create;
mod data_sets;
mod jobs;
mod json;
mod key_sets;
pub mod metrics;
mod models;
mod networks;
mod objects;
mod openapi;
mod operations;
pub mod page;
mod parameter_sets;
mod problem;
mod range;
mod resource;
mod tokens;
mod training_jobs;
mod uploads;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::error::{Error, Result};
use crate::state::App;
use auth::Anonymous;
use openapi::Routes;
use page::Page;

/// Bytes of a JSON document.
const MAX_JSON: usize = 64 << 10;

/// A refusal takes as long as it asks its caller to wait, up to this: a crowd that comes back at once is slowed down and
/// costs fewer handshakes, and holds no place meanwhile but its connection.
const SLOWEST_REFUSAL: u64 = 3;

/// All addresses, those of the browser's page too if there is one.
pub fn router(app: App, page: Option<Page>) -> Result<Router> {
    let routes = Routes::default()
        .merge(operations::routes())
        .merge(tokens::routes())
        .merge(uploads::routes())
        .merge(parameter_sets::routes())
        .merge(key_sets::routes())
        .merge(data_sets::routes())
        .merge(models::routes())
        .merge(networks::routes())
        .merge(training_jobs::routes())
        .merge(classifications::routes());
    let router = routes.serve()?;
    let router = router
        .merge(page.map_or_else(Router::new, Page::routes))
        .fallback(async || Error::not_found("address"))
        .method_not_allowed_fallback(async || Error::method())
        .layer(DefaultBodyLimit::max(MAX_JSON))
        .layer(from_fn_with_state(app.clone(), around))
        .with_state(app);
    Ok(router)
}

/// Around every request: no more than the server can take, no panic that closes a connection, headers that
/// keep answers where they belong, and a line in the log.
async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = std::time::Instant::now();
    // Whether the server lives is to be had when it is busy, too.
    let is_admitted = path.starts_with(operations::HEALTH);
    let permit = (!is_admitted).then(|| app.requests.clone().try_acquire_owned());
    let mut response = match permit.transpose() {
        Err(_) => Error::busy("too many concurrent requests", 1).into_response(),
        Ok(permit) => {
            // As long as it is nobody's.
            let anonymous = Anonymous::new(permit);
            request.extensions_mut().insert(anonymous.clone());
            let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
            anonymous.end();
            answered.unwrap_or_else(|_| Error::internal("a handler", "it panicked").into_response())
        }
    };
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        let asked = response.headers().get(header::RETRY_AFTER);
        let asked = asked.and_then(|asked| asked.to_str().ok()?.parse().ok());
        let seconds = asked.unwrap_or(0).min(SLOWEST_REFUSAL);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // Browsers take it from a certificate that they trust, and come back by HTTPS only.
    headers.insert(
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000"),
    );
    let seconds = started.elapsed().as_secs_f64();
    app.metrics.request(response.status().as_u16(), seconds);
    // Tokens travel in headers only, so that a path is safe to log.
    tracing::info!(%method, path, status = response.status().as_u16(), seconds, "request");
    response
}
