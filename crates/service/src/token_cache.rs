//! Tokens that were valid a moment ago.
//!
//! Every request carries a token, and those that wait for a job or bring an upload are to end when theirs is revoked. So
//! that a crowd of them costs few queries, what the database said of a token is remembered for a short time, by the hash
//! that the database has, too. A revocation in this process takes effect at once; one by another server on the same
//! database takes as long as tokens are remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{AnyPool, Row};
use tapetum_client::Scope;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::error::{Error, Result};
use crate::id::hex;
use crate::store::db::now;

/// How long a token is remembered.
const MEMORY: Duration = Duration::from_secs(5);
/// Tokens that are remembered.
const CAPACITY: usize = 4096;

/// What is stored of a token. A token has 256 random bits, so nobody can search for it and a plain hash is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of a token.
    pub fn of(token: &str) -> Self {
        Self(blake3::derive_key(
            "tapetum service token v1",
            token.as_bytes(),
        ))
    }

    /// As the database has it.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }
}

/// What a valid token is for.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    /// The id of the tenant.
    pub tenant: String,
    /// The id of the token.
    pub token: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it expires, in milliseconds since 1970; 0 for never.
    expires_at: i64,
}

impl Grant {
    fn check(self: Arc<Self>) -> Result<Arc<Self>> {
        if self.expires_at != 0 && self.expires_at <= now() {
            return Err(Error::unauthorized());
        }
        Ok(self)
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct TokenCache {
    known: Mutex<Known>,
    revoked: Notify,
}

#[derive(Debug, Default)]
struct Known {
    grants: HashMap<TokenHash, (Arc<Grant>, Instant)>,
    /// So that what was read before a revocation is not remembered after it.
    revocations: u64,
}

impl TokenCache {
    /// What a token is for.
    ///
    /// # Errors
    /// 401 if it is not valid; those of the database.
    pub async fn verify(&self, pool: &AnyPool, hash: &TokenHash) -> Result<Arc<Grant>> {
        let revocations = {
            let known = self.lock();
            if let Some((grant, read_at)) = known.grants.get(hash)
                && read_at.elapsed() < MEMORY
            {
                return grant.clone().check();
            }
            known.revocations
        };
        let row = sqlx::query(
            "SELECT id, tenant, scopes, expires_at FROM tokens WHERE hash = $1 AND revoked_at = 0",
        )
        .bind(hash.to_hex())
        .fetch_optional(pool)
        .await?
        .ok_or_else(Error::unauthorized)?;
        let scopes: String = row.try_get("scopes")?;
        let grant = Arc::new(Grant {
            tenant: row.try_get("tenant")?,
            token: row.try_get("id")?,
            scopes: scopes.split(' ').filter_map(Scope::from_name).collect(),
            expires_at: row.try_get("expires_at")?,
        });
        self.remember(hash, &grant, revocations, Instant::now());
        grant.check()
    }

    /// Remembers what was read when there had been so many revocations.
    fn remember(&self, hash: &TokenHash, grant: &Arc<Grant>, revocations: u64, now: Instant) {
        let mut known = self.lock();
        if known.revocations != revocations {
            return;
        }
        if known.grants.len() >= CAPACITY && !known.grants.contains_key(hash) {
            let is_fresh = |read_at: Instant| now.saturating_duration_since(read_at) < MEMORY;
            known.grants.retain(|_, (_, read_at)| is_fresh(*read_at));
            // They are read again as they are used.
            if known.grants.len() >= CAPACITY {
                known.grants.clear();
            }
        }
        known.grants.insert(*hash, (grant.clone(), now));
    }

    /// Forgets a token, which has been revoked, and tells those who wait.
    pub fn revoke(&self, token: &str) {
        let mut known = self.lock();
        known.revocations += 1;
        known.grants.retain(|_, (grant, _)| grant.token != token);
        drop(known);
        self.revoked.notify_waiters();
    }

    /// Returns the error with which a request ends whose token is not valid any longer, when that is so.
    pub async fn end(&self, pool: &AnyPool, hash: &TokenHash) -> Error {
        loop {
            // Begun before the look, so that nothing is missed in between.
            let revoked: Notified<'_> = self.revoked.notified();
            let grant = match self.verify(pool, hash).await {
                Ok(grant) => grant,
                Err(problem) => return problem,
            };
            let pause = match grant.expires_at {
                0 => MEMORY,
                at => MEMORY.min(Duration::from_millis((at - now()).max(1) as u64)),
            };
            let _ = tokio::time::timeout(pause, revoked).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::db::{Database, temporary};

    async fn insert(database: &Database, token: &str, expires_at: i64) -> TokenHash {
        let hash = TokenHash::of(token);
        sqlx::query(
            "INSERT INTO tokens (id, tenant, hash, name, scopes, created_at, expires_at, revoked_at) \
             VALUES ($1, 'tenant', $2, '', 'owner classify', 1, $3, 0)",
        )
        .bind(token)
        .bind(hash.to_hex())
        .bind(expires_at)
        .execute(database.pool())
        .await
        .unwrap();
        hash
    }

    async fn revoke(database: &Database, token: &str) {
        sqlx::query("UPDATE tokens SET revoked_at = 1 WHERE id = $1")
            .bind(token)
            .execute(database.pool())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_remembered_token_is_refused_as_soon_as_it_is_revoked() {
        let (_folder, database) = temporary().await;
        let (cache, pool) = (TokenCache::default(), database.pool());
        let hash = insert(&database, "first", 0).await;
        let other = insert(&database, "second", 0).await;
        for hash in [hash, other] {
            let grant = cache.verify(pool, &hash).await.unwrap();
            assert_eq!(grant.scopes, [Scope::Owner, Scope::Classify]);
        }
        // Another process revokes it: it is remembered for a while.
        revoke(&database, "first").await;
        assert_eq!(cache.verify(pool, &hash).await.unwrap().token, "first");
        let (end, ()) = tokio::join!(cache.end(pool, &hash), async {
            tokio::task::yield_now().await;
            cache.revoke("first");
        });
        assert_eq!(end.status(), 401);
        assert_eq!(cache.verify(pool, &hash).await.unwrap_err().status(), 401);
        assert_eq!(cache.lock().grants.len(), 1);
        cache.verify(pool, &other).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_read_before_a_revocation_is_not_remembered_after_it() {
        let (_folder, database) = temporary().await;
        let cache = TokenCache::default();
        let hash = insert(&database, "first", 0).await;
        let grant = cache.verify(database.pool(), &hash).await.unwrap();
        cache.revoke("first");
        cache.remember(&hash, &grant, 0, Instant::now());
        assert!(cache.lock().grants.is_empty());
    }

    #[tokio::test]
    async fn tokens_expire_while_they_are_remembered() {
        let (_folder, database) = temporary().await;
        let (cache, pool) = (TokenCache::default(), database.pool());
        let hash = insert(&database, "first", now() + 300).await;
        cache.verify(pool, &hash).await.unwrap();
        assert_eq!(cache.end(pool, &hash).await.status(), 401);
        assert_eq!(cache.lock().grants.len(), 1);
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let cache = TokenCache::default();
        let grant = Arc::new(Grant {
            tenant: String::new(),
            token: String::new(),
            scopes: Vec::new(),
            expires_at: 0,
        });
        let start = Instant::now();
        let remember = |number: usize, now| {
            cache.remember(&TokenHash::of(&number.to_string()), &grant, 0, now);
            cache.lock().grants.len()
        };
        for number in 0..CAPACITY {
            assert_eq!(remember(number, start), number + 1);
        }
        assert_eq!(remember(CAPACITY, start + MEMORY), 1);
        for number in 1..CAPACITY {
            remember(number, start + MEMORY);
        }
        assert_eq!(remember(0, start + MEMORY), 1);
    }
}
