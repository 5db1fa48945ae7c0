//! Authentication and authorisation of callers.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
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
use crate::token_cache::TokenHash;

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
    hash: TokenHash,
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

    /// Ends when the token has been revoked or has expired since the request came: some take long to answer.
    pub async fn end(&self, app: &App) -> Error {
        app.tokens.end(app.database.pool(), &self.hash).await
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
        // Removed, so that a long request does not keep it.
        let value = parts.headers.remove(header::AUTHORIZATION);
        let hash = value
            .as_ref()
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .filter(|token| token.starts_with(TOKEN_PREFIX) && token.len() < 100)
            .map(TokenHash::of)
            .ok_or_else(Error::unauthorized)?;
        drop(value);
        let grant = app.tokens.verify(app.database.pool(), &hash).await?;
        if let Some(visit) = parts.extensions.get::<Visit>() {
            visit.belongs_to(&grant.tenant)?;
        }
        // What is refused from here on is a tenant's, and keeps no stranger from saying who they are.
        if let Some(anonymous) = parts.extensions.get::<Anonymous>() {
            anonymous.end();
        }
        app.limiter.admit(&grant.token)?;
        let place = app.limiter.enter(&grant.tenant)?;
        Ok(Self {
            place: Arc::new(Mutex::new(place)),
            tenant: grant.tenant.clone(),
            token: grant.token.clone(),
            scopes: grant.scopes.clone(),
            hash,
        })
    }
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
    .bind(TokenHash::of(&token).to_hex())
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
