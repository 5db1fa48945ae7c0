//! Requests that create something: who may, under which name, and the same answer when they are repeated.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use tapetum_client::{
    CreateClassification, CreateDataSet, CreateKeySet, CreateModel, CreateNetwork,
    CreateParameterSet, CreatePart, CreateTraining, Scope,
};
use utoipa::ToSchema;

use super::json::{Json, reply};
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::state::App;
use crate::store::db::{Tx, now, to_store};

/// Most characters of a name.
const MAX_NAME: usize = 100;
/// Most characters of an idempotency key.
const MAX_KEY: usize = 100;

/// A document that says what to create.
pub trait CreateBody: DeserializeOwned + ToSchema + Send {
    /// Who may create it.
    const CREATORS: &'static [Scope];

    /// A name for people.
    fn name(&self) -> &str;
}

macro_rules! bodies {
    ($($body:ident by $creators:expr;)*) => {$(
        impl CreateBody for $body {
            const CREATORS: &'static [Scope] = $creators;

            fn name(&self) -> &str {
                &self.name
            }
        }
    )*};
}

bodies! {
    CreateParameterSet by &[Scope::Owner];
    CreateKeySet by &[Scope::Classify];
    CreateDataSet by &[Scope::Owner];
    CreatePart by &[Scope::Contributor];
    CreateModel by &[Scope::Owner];
    CreateNetwork by &[Scope::Owner];
    CreateTraining by &[Scope::Owner];
    CreateClassification by &[Scope::Classify];
}

/// A request to create something: by someone who may, with an acceptable name, and for the first time. All others are
/// answered before a handler sees them.
pub struct CreateRequest<T> {
    /// Who creates it.
    pub caller: Caller,
    /// What its answer is remembered by.
    pub key: IdempotencyKey,
    /// What to create.
    pub body: T,
}

impl<T: CreateBody> FromRequest<App> for CreateRequest<T> {
    // The remembered answer to a repeated request is a rejection too.
    type Rejection = Result<Response>;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, app)
            .await
            .map_err(Err)?;
        caller.need(T::CREATORS).map_err(Err)?;
        let (headers, path) = (parts.headers.clone(), parts.uri.path().to_owned());
        let request = Request::from_parts(parts, body);
        let body = Json::<T>::from_request(request, app).await.map_err(Err)?;
        let key = IdempotencyKey::new(&headers, &caller, path, &body.text).map_err(Err)?;
        if let Some(answer) = key.replay(app.database.pool()).await.map_err(Err)? {
            return Err(Ok(answer));
        }
        check_name(body.value.name()).map_err(Err)?;
        Ok(Self {
            caller,
            key,
            body: body.value,
        })
    }
}

/// Refuses names that are too long or cannot be shown.
pub fn check_name(name: &str) -> Result<()> {
    let fits = name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(Error::unacceptable(format!(
            "a name may have at most {MAX_NAME} characters and no control characters"
        )))
    }
}

/// What the answer to a request is remembered by, if the request has a key: when it is repeated, it gets the same
/// answer, and nothing is created twice.
pub struct IdempotencyKey {
    key: Option<String>,
    /// The address of the collection.
    path: String,
    /// A hash of the request.
    request: String,
    tenant: String,
    token: String,
}

impl IdempotencyKey {
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

    /// The answer that was given before. Looked up before any work, and again in the transaction, in case the request
    /// is repeated while the first one is in progress.
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

    /// The answer that is given now: a document about what was created, whose id this is.
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
