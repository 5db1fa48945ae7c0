//! Requests that make something: who may, under which name, and the same answer when they are repeated.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use tapetum_client::Scope;

use super::json::{Json, reply};
use crate::auth::Caller;
use crate::db::{Tx, now, to_store};
use crate::error::{Error, Result};
use crate::state::App;

/// Most characters of a name.
const MAX_NAME: usize = 100;
/// Most characters of an idempotency key.
const MAX_KEY: usize = 100;

/// A document that says what is to be made.
pub trait Wanted: DeserializeOwned + Send {
    /// Who may make it.
    const MAKERS: &'static [Scope];

    /// Its name, in words of whoever makes it.
    fn name(&self) -> &str;
}

/// A request that makes something: by somebody who may, with a name that may be, and for the first time. Anything else
/// has its answer before a handler sees it.
pub struct Making<T> {
    /// Who makes it.
    pub caller: Caller,
    /// Its answer, to be remembered.
    pub once: Once,
    /// What is to be made.
    pub wanted: T,
}

impl<T: Wanted> FromRequest<App> for Making<T> {
    // The answer to a request that was made before is one too.
    type Rejection = Result<Response>;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, app)
            .await
            .map_err(Err)?;
        caller.need(T::MAKERS).map_err(Err)?;
        let (headers, path) = (parts.headers.clone(), parts.uri.path().to_owned());
        let request = Request::from_parts(parts, body);
        let body = Json::<T>::from_request(request, app).await.map_err(Err)?;
        let once = Once::new(&headers, &caller, path, &body.text).map_err(Err)?;
        if let Some(answer) = once.replay(app.database.pool()).await.map_err(Err)? {
            return Err(Ok(answer));
        }
        check_name(body.value.name()).map_err(Err)?;
        Ok(Self {
            caller,
            once,
            wanted: body.value,
        })
    }
}

/// A name in words of the caller.
pub fn check_name(name: &str) -> Result<()> {
    let fits = name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    match fits {
        true => Ok(()),
        false => Err(Error::unacceptable(format!(
            "a name has at most {MAX_NAME} characters, none of them a control character"
        ))),
    }
}

/// The answer to a request that makes something, remembered by its idempotency key if it has one: a request that
/// is repeated gets the same answer, and nothing is made twice.
pub struct Once {
    key: Option<String>,
    /// The address of the collection.
    path: String,
    /// A hash of the request.
    request: String,
    tenant: String,
    token: String,
}

impl Once {
    /// For a request to `path`.
    fn new(headers: &HeaderMap, caller: &Caller, path: String, body: &[u8]) -> Result<Self> {
        let key = match headers.get("idempotency-key") {
            None => None,
            Some(key) => {
                let is_graphic = |key: &&str| key.bytes().all(|byte| byte.is_ascii_graphic());
                let key = key
                    .to_str()
                    .ok()
                    .filter(|key| (1..=MAX_KEY).contains(&key.len()))
                    .filter(is_graphic);
                let message =
                    format!("an Idempotency-Key has 1 to {MAX_KEY} ASCII characters, no spaces");
                Some(key.ok_or_else(|| Error::request(message))?.to_owned())
            }
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path.as_bytes());
        hasher.update(body);
        Ok(Self {
            key,
            request: hasher.finalize().to_hex().to_string(),
            path,
            tenant: caller.tenant.clone(),
            token: caller.token.clone(),
        })
    }

    /// The answer that was given before. Asked before any work, and again in the transaction, in case
    /// the request is being repeated while the first is under way.
    pub async fn replay<'e>(
        &self,
        executor: impl sqlx::Executor<'e, Database = sqlx::Any>,
    ) -> Result<Option<Response>> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let row = sqlx::query(
            "SELECT request, status, body, location FROM idempotency \
             WHERE tenant = $1 AND token = $2 AND key = $3",
        )
        .bind(&self.tenant)
        .bind(&self.token)
        .bind(key)
        .fetch_optional(executor)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        if row.try_get::<String, _>("request")? != self.request {
            let message = "this Idempotency-Key was used for another request";
            return Err(Error::unacceptable(message));
        }
        let status = StatusCode::from_u16(row.try_get::<i64, _>("status")? as u16);
        let location: String = row.try_get("location")?;
        Ok(Some(reply(
            status.unwrap_or(StatusCode::OK),
            row.try_get("body")?,
            Some(&location),
        )))
    }

    /// The answer that is given now: a document about what was made, whose id this is.
    pub async fn remember(
        &self,
        tx: &mut Tx,
        status: StatusCode,
        document: &impl Serialize,
        id: &str,
    ) -> Result<Response> {
        let body = to_store(document)?;
        let location = format!("{}/{id}", self.path);
        if let Some(key) = &self.key {
            sqlx::query(
                "INSERT INTO idempotency \
                 (tenant, token, key, request, status, body, location, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&self.tenant)
            .bind(&self.token)
            .bind(key)
            .bind(&self.request)
            .bind(i64::from(status.as_u16()))
            .bind(&body)
            .bind(&location)
            .bind(now())
            .execute(&mut **tx)
            .await?;
        }
        Ok(reply(status, body, Some(&location)))
    }
}
