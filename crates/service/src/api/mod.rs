//! The HTTP interface. Every error is answered with a [problem document](tapetum_client::Problem).

mod classifications;
mod data_sets;
pub(crate) mod jobs;
mod json;
mod key_sets;
mod making;
mod models;
pub(crate) mod objects;
mod openapi;
mod operations;
mod parameter_sets;
mod problem;
mod range;
mod resource;
mod tokens;
mod training_jobs;
pub(crate) mod uploads;

use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::FutureExt;

use crate::error::Error;
use crate::page::Page;
use crate::state::App;

pub(crate) use classifications::{SAMPLES, SCORES};
pub(crate) use data_sets::ROLE as PART;
pub(crate) use key_sets::EVALUATION_KEYS;
pub(crate) use models::ROLE as MODEL;

/// Bytes of a JSON document.
const MAX_JSON: usize = 64 << 10;

/// All addresses, those of the browser's page too if there is one.
pub fn router(app: App, page: Option<Page>) -> Router {
    Router::new()
        .merge(page.map_or_else(Router::new, Page::routes))
        .route("/v1/whoami", get(operations::whoami))
        .route("/v1/tokens", get(tokens::list).post(tokens::create))
        .route("/v1/tokens/{id}", axum::routing::delete(tokens::revoke))
        .merge(uploads::routes())
        .merge(resource::routes(&parameter_sets::RESOURCE))
        .route("/v1/parameter-sets", post(parameter_sets::create))
        .merge(resource::routes(&key_sets::RESOURCE))
        .route("/v1/key-sets", post(key_sets::create))
        .merge(resource::routes(&data_sets::RESOURCE))
        .route("/v1/data-sets", post(data_sets::create))
        .route(
            "/v1/data-sets/{id}/parts",
            get(data_sets::parts).post(data_sets::append),
        )
        .route(
            "/v1/data-sets/{id}/parts/{part}",
            get(data_sets::part).delete(data_sets::delete_part),
        )
        .merge(resource::routes(&models::RESOURCE))
        .merge(jobs::routes(training_jobs::KIND, "training-jobs"))
        .route("/v1/training-jobs", post(training_jobs::create))
        .merge(jobs::routes(classifications::KIND, "classifications"))
        .route("/v1/classifications", post(classifications::create))
        .route(
            "/v1/classifications/{id}",
            axum::routing::delete(classifications::delete),
        )
        .route(
            "/v1/classifications/{id}/content",
            get(classifications::content),
        )
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(openapi::page))
        .route("/health/live", get(operations::live))
        .route("/health/ready", get(operations::ready))
        .fallback(async || Error::not_found("address"))
        .method_not_allowed_fallback(async || Error::method())
        .layer(DefaultBodyLimit::max(MAX_JSON))
        .layer(from_fn_with_state(app.clone(), around))
        .with_state(app)
}

/// Around every request: no more than the server bears, no panic that closes a connection, headers that
/// keep answers where they belong, and a line in the log.
async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = std::time::Instant::now();
    let mut response = match app.requests.try_acquire() {
        Err(_) => Error::busy("it serves as many requests as it can", 1).into_response(),
        Ok(_permit) => match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => Error::internal("a handler", "it panicked").into_response(),
        },
    };
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let seconds = started.elapsed().as_secs_f64();
    app.metrics.request(response.status().as_u16(), seconds);
    // Tokens travel in headers only, so that a path is safe to log.
    tracing::info!(%method, path, status = response.status().as_u16(), seconds, "request");
    response
}
