//! Authentication and authorisation of callers.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use sqlx::Row;
use tapetum_client::{NewToken, Scope};
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

use crate::connections::Visit;
use crate::error::{Error, Result};
use crate::id::{Kind, hex, random};
use crate::limiter::Place;
use crate::state::App;
use crate::store::audit::Actor;
use crate::store::db::{Tx, now};

/// How tokens begin, so that they are recognised where they should not be.
const TOKEN_PREFIX: &str = "tpt_";

/// Who sent a request: a token that is valid.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The id of the tenant.
    pub tenant: String,
    /// The id of the token.
    pub token: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Counts among the requests of the tenant as long as it is there.
    place: Arc<Mutex<Place>>,
}

impl Caller {
    /// Whether the token has this scope; an owner has them all.
    pub fn has(&self, scope: Scope) -> bool {
        self.is_owner() || self.scopes.contains(&scope)
    }

    /// Whether everything of the tenant is theirs.
    pub fn is_owner(&self) -> bool {
        self.scopes.contains(&Scope::Owner)
    }

    /// Refuses unless the token has one of these scopes.
    ///
    /// # Errors
    /// 403.
    pub fn need(&self, scopes: &[Scope]) -> Result<()> {
        if scopes.iter().any(|&scope| self.has(scope)) {
            return Ok(());
        }
        let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
        Err(Error::forbidden(&names.join(" or ")))
    }

    /// The token whose things alone they see; owners see all of the tenant's.
    pub fn sees(&self) -> Option<&str> {
        (!self.is_owner()).then_some(&self.token)
    }

    /// Refuses if the token has been revoked or has expired since the request came: some take long to answer.
    ///
    /// # Errors
    /// 401.
    pub async fn recheck(&self, app: &App) -> Result<()> {
        let valid: Option<String> = sqlx::query_scalar(
            "SELECT id FROM tokens WHERE id = $1 AND revoked_at = 0 \
             AND (expires_at = 0 OR expires_at > $2)",
        )
        .bind(&self.token)
        .bind(now())
        .fetch_optional(app.database.pool())
        .await?;
        valid.map(drop).ok_or_else(Error::unauthorized)
    }

    /// From now on the request only waits for a job, and leaves its place to one that has something to do.
    ///
    /// # Errors
    /// 429 if the tenant has too many that wait.
    pub fn wait(&self, app: &App) -> Result<()> {
        let waiting = app.limiter.wait(&self.tenant)?;
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
        Ok(())
    }

    /// For the audit log.
    pub fn actor(&self) -> Actor<'_> {
        Actor {
            tenant: &self.tenant,
            token: &self.token,
        }
    }
}

/// The place of a request among those without a valid token. One that has a token leaves it, and counts among its
/// tenant's requests from then on: these may take long, and keep nobody else from saying who they are.
#[derive(Clone, Debug)]
pub struct Anonymous(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Anonymous {
    /// A request in this place.
    pub fn new(permit: Option<OwnedSemaphorePermit>) -> Self {
        Self(Arc::new(Mutex::new(permit)))
    }

    /// Leaves the place to another.
    pub fn end(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let value = parts.headers.get(header::AUTHORIZATION);
        let token = value
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .filter(|token| token.starts_with(TOKEN_PREFIX) && token.len() < 100)
            .ok_or_else(Error::unauthorized)?;
        let row = sqlx::query(
            "SELECT id, tenant, scopes, expires_at, revoked_at FROM tokens WHERE hash = $1",
        )
        .bind(hash(token))
        .fetch_optional(app.database.pool())
        .await?
        .ok_or_else(Error::unauthorized)?;
        let expires: i64 = row.try_get("expires_at")?;
        let revoked: i64 = row.try_get("revoked_at")?;
        if revoked != 0 || (expires != 0 && expires <= now()) {
            return Err(Error::unauthorized());
        }
        let scopes: String = row.try_get("scopes")?;
        let (tenant, token): (String, String) = (row.try_get("tenant")?, row.try_get("id")?);
        if let Some(visit) = parts.extensions.get::<Visit>() {
            visit.belongs_to(&tenant)?;
        }
        app.limiter.admit(&token)?;
        let place = app.limiter.enter(&tenant)?;
        if let Some(anonymous) = parts.extensions.get::<Anonymous>() {
            anonymous.end();
        }
        Ok(Self {
            place: Arc::new(Mutex::new(place)),
            tenant,
            token,
            scopes: scopes.split(' ').filter_map(Scope::from_name).collect(),
        })
    }
}

/// The stored form of a token. A token has 256 random bits, so nobody can search for it and a plain hash is enough.
fn hash(token: &str) -> String {
    hex(&blake3::derive_key(
        "tapetum service token v1",
        token.as_bytes(),
    ))
}

/// Makes a token.
///
/// # Errors
/// Those of the database.
pub async fn issue(
    tx: &mut Tx,
    tenant: &str,
    name: &str,
    scopes: &[Scope],
    expires_at: i64,
) -> Result<NewToken> {
    let secret = Zeroizing::new(random::<32>()?);
    let token = format!("{TOKEN_PREFIX}{}", hex(secret.as_slice()));
    let id = Kind::Token.new_id()?;
    let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    sqlx::query(
        "INSERT INTO tokens (id, tenant, hash, name, scopes, created_at, expires_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
    )
    .bind(&id)
    .bind(tenant)
    .bind(hash(&token))
    .bind(name)
    .bind(names.join(" "))
    .bind(now())
    .bind(expires_at)
    .execute(&mut **tx)
    .await?;
    Ok(NewToken {
        id,
        token,
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        expires_at,
    })
}
