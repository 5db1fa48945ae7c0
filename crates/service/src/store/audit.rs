//! Who stored, trained, classified and deleted what: a log in which nothing can be changed unseen.
//!
//! Each record carries a hash of itself and of the record before it. A record that is changed,
//! removed or put in breaks the chain there. Who may write to the database can still rewrite the
//! whole chain from some point on, or cut off its end: keep the newest hash elsewhere from time to time,
//! as deletion receipts do, and compare.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row;

use crate::error::Result;
use crate::store::db::{Database, Tx, now, to_store};

/// A record of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Record {
    /// Counted from 1.
    pub seq: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Whose data it was about.
    pub tenant: String,
    /// The id of the token that was used, or who acted without one.
    pub token: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// Sizes and checksums, as JSON; never content.
    pub details: String,
    /// The hash of this record and the one before it.
    pub hash: String,
}

/// Who did something.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// Whose data.
    pub tenant: &'a str,
    /// The id of a token, or `operator`, `worker`, `server`.
    pub token: &'a str,
}

/// Adds a record, in the transaction of what it tells of.
pub async fn record(
    tx: &mut Tx,
    actor: Actor<'_>,
    action: &str,
    object: &str,
    details: &Value,
) -> Result<Record> {
    let head = sqlx::query("SELECT seq, hash FROM audit_head WHERE id = 1")
        .fetch_one(&mut **tx)
        .await?;
    let previous: String = head.try_get("hash")?;
    let mut record = Record {
        seq: head.try_get::<i64, _>("seq")? + 1,
        at: now(),
        tenant: actor.tenant.to_owned(),
        token: actor.token.to_owned(),
        action: action.to_owned(),
        object: object.to_owned(),
        details: to_store(details)?,
        hash: String::new(),
    };
    record.hash = record.chained(&previous);
    sqlx::query(
        "INSERT INTO audit (seq, at, tenant, token, action, object, details, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(record.seq)
    .bind(record.at)
    .bind(&record.tenant)
    .bind(&record.token)
    .bind(&record.action)
    .bind(&record.object)
    .bind(&record.details)
    .bind(&record.hash)
    .execute(&mut **tx)
    .await?;
    sqlx::query("UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1")
        .bind(record.seq)
        .bind(&record.hash)
        .execute(&mut **tx)
        .await?;
    Ok(record)
}

impl Record {
    /// Whether this record follows one with the hash `previous`.
    pub(crate) fn follows(&self, previous: &str) -> bool {
        self.hash == self.chained(previous)
    }

    /// The hash of this record after one with the hash `previous`. Lengths go in front of the
    /// parts, so that no two records give the same bytes.
    pub(crate) fn chained(&self, previous: &str) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("tapetum service audit log v1");
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        let texts = [
            &self.tenant,
            &self.token,
            &self.action,
            &self.object,
            &self.details,
        ];
        let parts = [previous, &seq, &at]
            .into_iter()
            .chain(texts.map(String::as_str));
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Records that were looked at.
    pub records: i64,
    /// The hash of the newest, to be kept elsewhere.
    pub head: String,
    /// The first record that does not follow from those before it, and why.
    pub broken: Option<(i64, String)>,
}

/// Goes through the whole log. `known` is a record of which the hash was kept elsewhere: its
/// number and hash.
///
/// # Errors
/// Those of the database.
pub async fn verify(
    database: &Database,
    known: Option<(i64, &str)>,
) -> Result<Verification, sqlx::Error> {
    const PAGE: i64 = 1000;
    let mut found = Verification {
        records: 0,
        head: String::new(),
        broken: None,
    };
    let broken = |seq: i64, why: &str| Some((seq, why.to_owned()));
    loop {
        let page = page(database, found.records, PAGE).await?;
        for record in &page {
            let seq = found.records + 1;
            if record.seq != seq {
                found.broken = broken(seq, "the record is missing");
                return Ok(found);
            }
            if !record.follows(&found.head) {
                found.broken = broken(seq, "the record was changed, or one before it was replaced");
                return Ok(found);
            }
            if known.is_some_and(|(number, hash)| number == seq && hash != record.hash) {
                found.broken = broken(seq, "the record does not have the hash that was kept");
                return Ok(found);
            }
            found.records = seq;
            found.head.clone_from(&record.hash);
        }
        if page.is_empty() {
            break;
        }
    }
    let head = sqlx::query("SELECT seq, hash FROM audit_head WHERE id = 1")
        .fetch_one(database.pool())
        .await?;
    let at_head = (
        head.try_get::<i64, _>("seq")?,
        head.try_get::<String, _>("hash")?,
    );
    if at_head != (found.records, found.head.clone())
        || known.is_some_and(|(number, _)| number > found.records)
    {
        found.broken = broken(found.records + 1, "the end of the log is missing");
    }
    Ok(found)
}

/// Records after `after`, at most `limit`.
async fn page(database: &Database, after: i64, limit: i64) -> Result<Vec<Record>, sqlx::Error> {
    sqlx::query_as(
        "SELECT seq, at, tenant, token, action, object, details, hash FROM audit \
         WHERE seq > $1 ORDER BY seq LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(database.pool())
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::db::temporary;
    use serde_json::json;

    #[tokio::test]
    async fn what_is_changed_removed_or_cut_off_is_found() {
        let (_folder, database) = temporary().await;
        for i in 0..5 {
            let mut tx = database.begin().await.unwrap();
            let actor = Actor {
                tenant: "t",
                token: "k",
            };
            record(
                &mut tx,
                actor,
                "store",
                &format!("object {i}"),
                &json!({"bytes": i}),
            )
            .await
            .unwrap();
            tx.commit().await.unwrap();
        }
        let whole = verify(&database, None).await.unwrap();
        assert_eq!((whole.records, whole.broken), (5, None));
        let kept = page(&database, 2, 1).await.unwrap().remove(0);
        assert_eq!(
            verify(&database, Some((3, &kept.hash)))
                .await
                .unwrap()
                .broken,
            None
        );

        for (statement, seq) in [
            ("UPDATE audit SET object = 'another' WHERE seq = 4", 4),
            ("DELETE FROM audit WHERE seq = 2", 2),
        ] {
            let mut tx = database.begin().await.unwrap();
            sqlx::query(statement).execute(&mut *tx).await.unwrap();
            // Not committed, so that the next starts from a whole log.
            let pages = sqlx::query("SELECT seq FROM audit")
                .fetch_all(&mut *tx)
                .await
                .unwrap();
            assert!(pages.len() >= 4);
            tx.commit().await.unwrap();
            let found = verify(&database, None).await.unwrap();
            assert_eq!(found.broken.unwrap().0, seq, "{statement}");
        }

        // A log that was rewritten from the start is whole by itself, but not the one that was.
        for statement in [
            "DELETE FROM audit",
            "UPDATE audit_head SET seq = 0, hash = ''",
        ] {
            sqlx::query(statement)
                .execute(database.pool())
                .await
                .unwrap();
        }
        assert_eq!(verify(&database, None).await.unwrap().broken, None);
        assert!(
            verify(&database, Some((3, &kept.hash)))
                .await
                .unwrap()
                .broken
                .is_some()
        );
    }
}
